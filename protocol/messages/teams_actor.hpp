// Teams as others see them. Whoever is neither in a team nor an administrator does not learn that it exists.
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/model/team.hpp"
#include "protocol/model/user.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace fm {

/// Whoever makes a team owns it. invalid; too_large above the bounds.
struct create_team { principal who; team_patch draft; reply<team> answer; };
/// One's own; `all`: every team, for administrators (forbidden for others).
struct list_teams { principal who; bool all = false; std::size_t limit = 50, offset = 0; reply<team_list> answer; };
struct read_team { principal who; team_id id; reply<team> answer; };
/// conflict CASE_VERSION_CONFLICT when `expected_version` is given and another one is stored.
struct change_team { principal who; team_id id; team_patch patch; std::optional<std::uint32_t> expected_version; reply<team> answer; };
/// Its owner, or an administrator; its knowledge goes with it.
struct remove_team { principal who; team_id id; reply<done_t> answer; };
/// `user`: an id or a username; not_found when there is nobody of that name.
struct add_team_member { principal who; team_id id; std::string user; team_role role = team_role::member; reply<team> answer; };
/// A new owner takes the place of the one before, who stays as an admin.
struct change_team_member { principal who; team_id id; user_id user; team_role role = team_role::member; reply<team> answer; };
/// Everybody may leave but the owner.
struct remove_team_member { principal who; team_id id; user_id user; reply<done_t> answer; };

using teams_actor = caf::typed_actor<caf::reacts_to<create_team>, caf::reacts_to<list_teams>, caf::reacts_to<read_team>, caf::reacts_to<change_team>,
                                     caf::reacts_to<remove_team>, caf::reacts_to<add_team_member>, caf::reacts_to<change_team_member>,
                                     caf::reacts_to<remove_team_member>>;

} // namespace fm

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::create_team)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::list_teams)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_team)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::change_team)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::remove_team)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::add_team_member)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::change_team_member)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::remove_team_member)
