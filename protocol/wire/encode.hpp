// What clients see, as JSON: REST bodies and live objects (rest.md, live.md). One function for each thing, so
// that REST, WebSocket and server-sent events never differ.
#pragma once

#include "protocol/base/failure.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/model/events.hpp"
#include "protocol/model/pages.hpp"
#include "protocol/model/user.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace fm::wire {

void write(json_writer& w, const case_summary& s);
/// The summary's members and everything else of the record, at the top level of an object that is open.
void write_case_members(json_writer& w, const case_record& r, sequence seq);
void write(json_writer& w, const case_record& r, sequence seq);
void write(json_writer& w, const message& m);
void write(json_writer& w, const turn& t);
void write(json_writer& w, const user& u);
void write(json_writer& w, const session& s);
/// The same in an object that is open.
void write_session_members(json_writer& w, const session& s);
/// cases[], total_count, limit, offset, has_more, next_cursor in an open object.
void write_case_page_members(json_writer& w, const case_page& page, std::size_t limit, std::size_t offset);

/// The `data` of an event.
void write_event_data(json_writer& w, const event_data& data);
/// {"type":"event","case_id",…,"seq","at","actor","kind","data"}: a live object, without newline.
std::string event_frame(const case_event& e);

/// {"user_id","name","typing","focus","since"} of one person in a case.
void write_presence(json_writer& w, const user_id& who, std::string_view name, bool typing,
                    std::string_view focus, timestamp since);
/// "presence" and its people, as a member of an open object. `Entries` are presence_entry of the messages
/// layer, which wire must not know.
template <class Entries>
void write_presence_member(json_writer& w, std::string_view key, const Entries& people) {
  w.key(key).begin_array();
  for (auto& p : people)
    write_presence(w, p.user, p.name, p.typing, p.focus, p.since);
  w.end_array();
}
/// The members of a case.snapshot in an open object: case_id, seq, case, messages, running, queue, presence.
template <class Snapshot> void write_snapshot_members(json_writer& w, const Snapshot& s) {
  w.member("case_id", s.record.id.value).member("seq", s.seq).key("case");
  write(w, s.record, s.seq);
  w.key("messages").begin_array();
  for (auto& m : s.messages)
    write(w, m);
  w.end_array().key("running");
  if (s.running)
    write(w, *s.running);
  else
    w.value(nullptr);
  w.key("queue").begin_array();
  for (auto& t : s.queue)
    write(w, t);
  w.end_array();
  write_presence_member(w, "presence", s.presence);
}

/// The one error shape of REST, body included; `request_id` may be empty.
std::string error_body(const failure& f, std::string_view request_id);
/// {"type":"error","code","message","reply_to"?,"retry_after"?,"details"?}
std::string error_frame(const failure& f, std::string_view reply_to_json);

} // namespace fm::wire
