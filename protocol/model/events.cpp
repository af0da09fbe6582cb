// Kind names in the order of the variant.
#include "protocol/model/events.hpp"

#include <array>

namespace fm {

std::string_view kind_of(const event_data& data) noexcept {
  static constexpr std::array<std::string_view, 16> names{
      "case_created", "case_updated",   "status_changed",   "message_added",  "turn_queued",    "turn_edited",
      "turn_withdrawn", "turn_started", "turn_delta",       "turn_restarted", "turn_interrupted", "turn_completed",
      "turn_cancelled", "turn_failed",  "case_deleted",     "case_restored"};
  static_assert(names.size() == std::variant_size_v<event_data>);
  return names[data.index()];
}

} // namespace fm
