// Owners and admins manage, members read; an administrator of the server stands in for the owner.
#include "actors/teams/team_rules.hpp"

#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm {
namespace {
constexpr std::size_t name_characters_max = 100, description_characters_max = 2'000;

failure invalid(const char* field, std::string sentence) {
  auto f = make_failure(errc::invalid, std::move(sentence));
  return f.with_fact("field", field);
}
failure forbidden(const char* sentence) { return make_failure(errc::forbidden, sentence); }

/// What a person may do here; nothing = may not know the team.
std::optional<team_role> standing(const team& t, const principal& who) {
  if (who.has(user_role::admin))
    return team_role::owner;
  return t.role_of(who.user);
}
std::optional<failure> not_manager(const team& t, const principal& who) {
  const auto role = standing(t, who);
  if (!role)
    return no_such_team();
  if (*role == team_role::member)
    return forbidden("Only the owner and the admins of a team may change it.");
  return std::nullopt;
}
std::optional<failure> wrong(const team& t) {
  if (t.name.empty() || utf8_length(t.name) > name_characters_max)
    return invalid("name", "name must have 1 to 100 characters.");
  if (utf8_length(t.description) > description_characters_max)
    return invalid("description", "description may have 2,000 characters.");
  return std::nullopt;
}
team touched(team t, timestamp now) {
  ++t.version;
  t.updated_at = now;
  return t;
}
} // namespace

failure no_such_team() { return make_failure(errc::not_found, "There is no such team, or you are not in it."); }

bool may_see(const team& t, const principal& who) { return standing(t, who).has_value(); }

outcome<team> founded(team_id id, const principal& who, const team_patch& draft, timestamp now) {
  team t;
  t.id = std::move(id);
  t.name = std::string{trimmed(draft.name.value_or(""))};
  t.description = draft.description.value_or("");
  t.members.push_back({who.user, who.name, team_role::owner, who.user, now});
  t.created_at = t.updated_at = now;
  if (auto f = wrong(t))
    return *f;
  return t;
}

outcome<team> patched(team t, const principal& who, const team_patch& patch, std::optional<std::uint32_t> expected_version, timestamp now) {
  if (auto f = not_manager(t, who))
    return *f;
  if (expected_version && *expected_version != t.version) {
    auto f = make_conflict("CASE_VERSION_CONFLICT", "The team was changed meanwhile; read it again.");
    f.with_fact("expected_version", std::to_string(*expected_version)).with_fact("actual_version", std::to_string(t.version));
    return f;
  }
  t.name = std::string{trimmed(patch.name.value_or(t.name))};
  t.description = patch.description.value_or(t.description);
  if (auto f = wrong(t))
    return *f;
  return touched(std::move(t), now);
}

outcome<done_t> removable(const team& t, const principal& who) {
  const auto role = standing(t, who);
  if (!role)
    return no_such_team();
  if (*role != team_role::owner)
    return forbidden("Only the owner of a team may remove it.");
  return done;
}

outcome<team> joined(team t, const principal& who, const user& person, team_role role, const team_limits& limits, timestamp now) {
  if (auto f = not_manager(t, who))
    return *f;
  if (role == team_role::owner)
    return invalid("role", "A team has one owner; add the person first, then make it the owner.");
  if (role == team_role::admin && standing(t, who) != team_role::owner)
    return forbidden("Only the owner of a team may make admins.");
  if (t.role_of(person.id))
    return make_conflict("ALREADY_EXISTS", "This person is in the team.");
  if (t.members.size() >= limits.members_max)
    return make_failure(errc::too_large, "A team may have " + std::to_string(limits.members_max) + " members.");
  t.members.push_back({person.id, person.username, role, who.user, now});
  return touched(std::move(t), now);
}

outcome<team> promoted(team t, const principal& who, const user_id& person, team_role role, timestamp now) {
  if (auto f = not_manager(t, who))
    return *f;
  if (standing(t, who) != team_role::owner)
    return forbidden("Only the owner of a team may change roles.");
  const auto found = std::find_if(t.members.begin(), t.members.end(), [&](auto& m) { return m.user == person; });
  if (found == t.members.end())
    return make_failure(errc::not_found, "This person is not in the team.");
  if (found->role == team_role::owner && role != team_role::owner)
    return make_conflict("INVALID_TRANSITION", "A team needs an owner; make somebody else the owner.");
  if (role == team_role::owner)
    for (auto& m : t.members)
      if (m.role == team_role::owner)
        m.role = team_role::admin;
  found->role = role;
  return touched(std::move(t), now);
}

outcome<team> left(team t, const principal& who, const user_id& person, timestamp now) {
  const auto mine = standing(t, who);
  if (!mine)
    return no_such_team();
  const auto role = t.role_of(person);
  if (person != who.user && *mine == team_role::member)
    return forbidden("Only the owner and the admins of a team may remove others.");
  if (!role)
    return make_failure(errc::not_found, "This person is not in the team.");
  if (*role == team_role::owner)
    return make_conflict("INVALID_TRANSITION", "The owner cannot leave; make somebody else the owner, or remove the team.");
  if (person != who.user && *role == team_role::admin && *mine != team_role::owner)
    return forbidden("Only the owner of a team may remove its admins.");
  std::erase_if(t.members, [&](auto& m) { return m.user == person; });
  return touched(std::move(t), now);
}

} // namespace fm
