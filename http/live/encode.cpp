// Snapshots, presence, welcome.
#include "http/live/encode.hpp"

#include "protocol/wire/encode.hpp"

namespace fm::http {
namespace {
void write_presence(json_writer& w, const std::vector<presence_entry>& who) {
  w.begin_array();
  for (auto& p : who)
    w.begin_object()
        .member("user_id", p.user.value)
        .member("name", p.name)
        .member("typing", p.typing)
        .member("focus", p.focus)
        .member("since", to_iso8601(p.since))
        .end_object();
  w.end_array();
}
} // namespace

std::string snapshot_frame(const case_snapshot& s) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("type", "case.snapshot").member("case_id", s.record.id.value).member("seq", s.seq).key("case");
  wire::write(w, s.record, s.seq);
  w.key("messages").begin_array();
  for (auto& m : s.messages)
    wire::write(w, m);
  w.end_array().key("running");
  if (s.running)
    wire::write(w, *s.running);
  else
    w.value(nullptr);
  w.key("queue").begin_array();
  for (auto& t : s.queue)
    wire::write(w, t);
  w.end_array().key("presence");
  write_presence(w, s.presence);
  w.end_object();
  return out;
}

std::string presence_frame(const case_id& id, const std::vector<presence_entry>& who) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("type", "presence").member("case_id", id.value).key("users");
  write_presence(w, who);
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
      .end_object()
      .member("server_time", to_iso8601(deps.clock->now()))
      .member("version", deps.version)
      .end_object();
  return out;
}

std::string case_frame(std::string_view type, const case_id& id) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("type", type).member("case_id", id.value).end_object();
  return out;
}

} // namespace fm::http
