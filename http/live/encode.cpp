// Snapshots, presence, welcome, and the table that documents them.
#include "http/live/encode.hpp"

#include "protocol/wire/encode.hpp"

namespace fm::http {

frame_ptr frame_of(const shared_event_ptr& event) {
  return {event, &event->frame(wire::event_frame)}; // kept alive by the event itself
}

std::string snapshot_frame(const case_snapshot& s) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("type", "case.snapshot");
  wire::write_snapshot_members(w, s);
  w.end_object();
  return out;
}

std::string presence_frame(const case_id& id, const std::vector<presence_entry>& who) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("type", "presence").member("case_id", id.value);
  wire::write_presence_member(w, "users", who);
  w.end_object();
  return out;
}

std::string job_frame(const case_id& id, const job& j) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("type", "file_progress").member("case_id", id.value).member("job_id", j.id).member("status", j.status);
  w.member("file_name", j.subject).member("file_id", j.result).member("done", j.done).member("total", j.total);
  w.member("progress_percentage", j.total == 0 ? 0U : 100 * std::min(j.total, j.done) / j.total);
  if (!j.error.empty())
    w.key("error").begin_object().member("message", j.error).end_object();
  w.end_object();
  return out;
}

std::string list_changed_frame(const case_summary& s, bool deleted) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("type", "list.changed").member("deleted", deleted).key("case");
  wire::write(w, s);
  w.end_object();
  return out;
}

std::string welcome_frame(const live_deps& deps, const std::string& connection, const authenticated& who) {
  const auto& s = deps.settings;
  std::string out;
  json_writer w{out};
  w.begin_object().member("type", "welcome").member("connection_id", connection).key("user").begin_object();
  w.member("user_id", who.who.user.value).member("name", who.who.name).end_object();
  w.member("heartbeat_seconds", s.heartbeat.count()).key("limits").begin_object();
  w.member("message_bytes", s.client_message_bytes_max)
      .member("open_cases", s.cases_open_max)
      .member("commands_per_second", s.commands_per_second)
      .member("commands_burst", s.commands_burst)
      .member("outbox_bytes", s.outbox_bytes_max)
      .member("replay_events", s.replay_events_max)
      .end_object()
      .member("server_time", to_iso8601(deps.clock->now()))
      .member("version", deps.version)
      .end_object();
  return out;
}

std::string heartbeat_frame(timestamp now) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("type", "heartbeat").member("at", to_iso8601(now)).end_object();
  return out;
}

std::string case_frame(std::string_view type, const case_id& id) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("type", type).member("case_id", id.value).end_object();
  return out;
}

const std::vector<live_object_info>& live_objects() {
  using enum field_type;
  static const live_field of_case{"case_id", text, "The case", true};
  static const std::vector<live_object_info> table{
      {"welcome", "You are signed in.",
       {{"connection_id", text, "Names this connection in the server's log", true},
        {"user", object, "user_id, name", true},
        {"heartbeat_seconds", integer, "Something is said at least this often", true},
        {"limits", object, "message_bytes, open_cases, commands_per_second, commands_burst, outbox_bytes, replay_events", true},
        {"server_time", text, "UTC, ISO 8601", true},
        {"version", text, "Of the server", true}}},
      {"ok", "A command was carried out; its further members stand with the command.",
       {{"reply_to", any, "The command's id; null when it had none", true}}},
      {"error", "A command was refused, or an object could not be read.",
       {{"code", text, "As in REST", true},
        {"message", text, "A sentence for people", true},
        {"reply_to", any, "The command's id; absent when it had none or could not be read"},
        {"retry_after", any, "Seconds; trying again makes sense then"},
        {"details", object, "Facts for machines: field, reason, expected_version, actual_version, …"}}},
      {"case.snapshot", "A case as it stands; events after seq follow.",
       {of_case,
        {"seq", integer, "Everything up to here is in it", true},
        {"case", object, "As GET /cases/{id} shows it", true},
        {"messages", list, "The last 50, in order", true},
        {"running", any, "The running turn with its text so far, or null", true},
        {"queue", list, "Turns that wait, in order", true},
        {"presence", list, "Who is there", true}}},
      {"event", "One entry of a case's log. For each case seq only grows; a missing one was a delta that its turn's end replaced.",
       {of_case,
        {"seq", integer, "Position in the log", true},
        {"at", text, "UTC, ISO 8601", true},
        {"actor", any, "user_id and name, or \"system\"", true},
        {"kind", text, "See EventKind", true},
        {"data", object, "By kind: see the schema of that name", true}}},
      {"presence", "Who is in a case: transient, without seq.",
       {of_case, {"users", list, "user_id, name, typing, focus, since", true}}},
      {"file_progress", "How far the analysis of an uploaded file is: transient, without seq; what it finds comes as message_added.",
       {of_case,
        {"job_id", text, "As in GET /jobs/{id}", true},
        {"status", text, "queued, running, completed, failed, cancelled", true},
        {"file_name", text, "Of the upload", true},
        {"file_id", text, "Once it is there; else empty", true},
        {"done", integer, "Bytes", true},
        {"total", integer, "Bytes", true},
        {"progress_percentage", integer, "0 to 100", true},
        {"error", object, "message: why it failed"}}},
      {"list.changed", "A case of the watched list changed.",
       {{"deleted", boolean, "It is gone from the list", true}, {"case", object, "Its line in the list", true}}},
      {"case.removed", "Access to an open case was lost, or it was deleted; nothing more of it follows.", {of_case}},
      {"lagging", "The outbox was full; live events of the case stop, and it goes on from the log when the client drains. Nothing is skipped.", {of_case}},
      {"heartbeat", "Nothing else was said for a while.", {{"at", text, "UTC, ISO 8601", true}}},
  };
  return table;
}

} // namespace fm::http
