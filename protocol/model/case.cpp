// The summary of a case is a projection of its record: the list never knows more than the case.
#include "protocol/model/case.hpp"

namespace fm {

case_summary summarize(const case_record& r) {
  return {r.id,
          r.title,
          r.status,
          r.owner,
          r.priority,
          r.category,
          r.tags,
          static_cast<std::uint32_t>(r.participants.size() + 1),
          r.message_count,
          r.turn_count,
          r.created_at,
          r.updated_at,
          r.last_activity_at,
          r.archived_at.has_value()};
}

} // namespace fm
