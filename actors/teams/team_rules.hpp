// Who may do what in a team, as functions from a team to the team it becomes. Pure.
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/model/team.hpp"
#include "protocol/model/user.hpp"

#include <cstddef>

namespace fm {

struct team_limits {
  std::size_t teams_max = 10'000;      ///< in all
  std::size_t teams_per_user_max = 50; ///< that one person may be in
  std::size_t members_max = 200;       ///< of one team
};

/// What those hear who may not know a team.
failure no_such_team();
/// Members and administrators.
bool may_see(const team& t, const principal& who);

/// A team of one: its maker.
outcome<team> founded(team_id id, const principal& who, const team_patch& draft, timestamp now);
outcome<team> patched(team t, const principal& who, const team_patch& patch, std::optional<std::uint32_t> expected_version, timestamp now);
/// Whether it may be removed.
outcome<done_t> removable(const team& t, const principal& who);
/// conflict ALREADY_EXISTS when the person is in it.
outcome<team> joined(team t, const principal& who, const user& person, team_role role, const team_limits& limits, timestamp now);
outcome<team> promoted(team t, const principal& who, const user_id& person, team_role role, timestamp now);
outcome<team> left(team t, const principal& who, const user_id& person, timestamp now);

} // namespace fm
