// Teams: people who share knowledge. Plain values.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm {

/// A team has one owner. Owner and admins manage it, members read it.
enum class team_role : std::uint8_t { member, admin, owner };
constexpr std::string_view name_of(team_role r) noexcept { return r == team_role::owner ? "owner" : r == team_role::admin ? "admin" : "member"; }
constexpr std::optional<team_role> team_role_of(std::string_view name) noexcept {
  for (const auto r : {team_role::member, team_role::admin, team_role::owner})
    if (name == name_of(r))
      return r;
  return std::nullopt;
}

struct team_member {
  user_id user;
  std::string name; ///< the username when the person was added
  team_role role = team_role::member;
  user_id added_by;
  timestamp added_at{};
  bool operator==(const team_member&) const = default;
};

struct team {
  team_id id; ///< "team_" + 12 hex
  std::string name;        ///< 1–100 characters; not unique
  std::string description; ///< up to 2,000 characters
  std::vector<team_member> members; ///< in the order they came
  std::uint32_t version = 1;
  timestamp created_at{};
  timestamp updated_at{};
  bool operator==(const team&) const = default;

  std::optional<team_role> role_of(const user_id& who) const {
    for (auto& m : members)
      if (m.user == who)
        return m.role;
    return std::nullopt;
  }
};

/// Members that are given replace those of the team.
struct team_patch {
  std::optional<std::string> name, description;
};

struct team_list {
  std::vector<team> teams; ///< in order of the name
  std::uint64_t total = 0;
};

} // namespace fm
