// The table of domain.md, as code.
#include "actors/cases/permissions.hpp"

namespace fm {

permission effective_permission(const case_record& record, const principal& who) {
  permission p;
  if (who.has(user_role::admin) || record.owner == who.user)
    return {true, true, true};
  p.read = who.has(user_role::analyst) || record.visibility == case_visibility::public_;
  for (auto& member : record.participants)
    if (member.user == who.user) {
      p.read = true;
      p.write = member.role != participant_role::viewer;
      p.own = member.role == participant_role::owner;
    }
  return p;
}

std::optional<failure> refuse_unless(need what, const case_record& record, const principal& who) {
  const auto p = effective_permission(record, who);
  if (!p.read || (record.deleted_at && !p.own))
    return make_failure(errc::not_found, "There is no such case, or you have no access to it.");
  if ((what == need::write && !p.write) || (what == need::own && !p.own))
    return make_failure(errc::forbidden, what == need::own ? "Only the owner of this case may do that."
                                                           : "You can read this case but not change it.");
  if (record.deleted_at && what == need::write)
    return make_failure(errc::gone, "This case was deleted; its owner can restore it.");
  return std::nullopt;
}

} // namespace fm
