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

/// The `data` of an event.
void write_event_data(json_writer& w, const event_data& data);
/// {"type":"event","case_id",…,"seq","at","actor","kind","data"}: a live object, without newline.
std::string event_frame(const case_event& e);

/// The one error shape of REST, body included; `request_id` may be empty.
std::string error_body(const failure& f, std::string_view request_id);
/// {"type":"error","code","message","reply_to"?,"retry_after"?,"details"?}
std::string error_frame(const failure& f, std::string_view reply_to_json);

} // namespace fm::wire
