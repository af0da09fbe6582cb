// Live objects that are not answers to a command: events, snapshots, presence, welcome.
#pragma once

#include "http/live/frame.hpp"
#include "http/live/live.hpp"
#include "http/live/live_command.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/messages/subscriber.hpp"

namespace fm::http {

/// The frame inside the event, encoded by whoever asks first.
frame_ptr frame_of(const shared_event_ptr& event);

std::string snapshot_frame(const case_snapshot& s);
std::string presence_frame(const case_id& id, const std::vector<presence_entry>& who);
std::string job_frame(const case_id& id, const job& what);
std::string list_changed_frame(const case_summary& s, bool deleted);
std::string welcome_frame(const live_deps& deps, const std::string& connection, const authenticated& who);
std::string heartbeat_frame(timestamp now);
/// {"type","case_id"}: lagging, case.removed.
std::string case_frame(std::string_view type, const case_id& id);

/// {"type":"ok","reply_to":…} and whatever `fill` adds.
template <class Fill>
std::string ok_frame(const std::string& reply_to, Fill fill) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("type", "ok").key("reply_to").raw(reply_to.empty() ? "null" : reply_to);
  fill(w);
  w.end_object();
  return out;
}

/// Everything a server says, for the documentation and the test that holds it to the code.
struct live_object_info {
  std::string_view type;
  std::string_view summary;
  std::vector<live_field> fields; ///< besides type; `required` = always there
};
const std::vector<live_object_info>& live_objects();

} // namespace fm::http
