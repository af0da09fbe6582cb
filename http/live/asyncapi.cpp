// AsyncAPI 3.0, written from the command table and the event kinds of the code itself.
#include "http/live/live.hpp"
#include "http/live/live_command.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/model/events.hpp"

#include <boost/mp11/algorithm.hpp>

namespace fm::http {
namespace {
constexpr std::pair<std::string_view, std::string_view> server_objects[] = {
    {"welcome", "You are signed in: connection, user, limits, server time"},
    {"ok", "A command was carried out; reply_to names it"},
    {"error", "A command was refused: code, message, reply_to, retry_after, details"},
    {"case.snapshot", "A case as it stands: case, last 50 messages, running turn with its text, queue, presence"},
    {"event", "One entry of a case's log: seq, at, actor, kind, data"},
    {"presence", "Who is in a case: transient, no seq"},
    {"list.changed", "A case of the watched list changed"},
    {"case.removed", "Access to a case was lost or it was deleted"},
    {"lagging", "The outbox was full; the case goes on from the log when the client drains"},
    {"heartbeat", "Nothing else was said for a while"},
};
} // namespace

std::string asyncapi_document(const live_deps& deps) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("asyncapi", "3.0.0").key("info").begin_object();
  w.member("title", "FaultMaven live protocol").member("version", deps.version);
  w.member("description", "One WebSocket, subprotocol faultmaven.live.v1. Every message holds one or more JSON objects separated by a newline.");
  w.end_object().key("channels").begin_object().key("live").begin_object().member("address", "/api/v1/live").key("messages").begin_object();
  for (auto& c : live_commands())
    w.key(c.type).begin_object().member("$ref", "#/components/messages/" + std::string{c.type}).end_object();
  for (auto& [type, summary] : server_objects)
    w.key(type).begin_object().member("$ref", "#/components/messages/" + std::string{type}).end_object();
  w.end_object().end_object().end_object();
  w.key("operations").begin_object();
  w.key("receive").begin_object().member("action", "receive").key("channel").begin_object().member("$ref", "#/channels/live").end_object().end_object();
  w.key("send").begin_object().member("action", "send").key("channel").begin_object().member("$ref", "#/channels/live").end_object().end_object();
  w.end_object();
  w.key("components").begin_object().key("messages").begin_object();
  for (auto& c : live_commands()) {
    w.key(c.type).begin_object().member("summary", c.summary).key("payload").begin_object().member("type", "object").key("required").begin_array().value("type");
    for (auto f : c.required)
      w.value(f);
    w.end_array().key("properties").begin_object();
    w.key("type").begin_object().member("const", c.type).end_object().key("id").begin_object().end_object();
    for (auto* list : {&c.required, &c.optional})
      for (auto f : *list)
        w.key(f).begin_object().end_object();
    w.end_object().end_object().end_object();
  }
  for (auto& [type, summary] : server_objects) {
    w.key(type).begin_object().member("summary", summary).key("payload").begin_object().member("type", "object").key("properties").begin_object();
    w.key("type").begin_object().member("const", type).end_object();
    if (type == "event") {
      w.key("kind").begin_object().key("enum").begin_array();
      boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::variant_size_v<event_data>>>([&](auto i) { w.value(kind_of(event_data{std::in_place_index<i>})); });
      w.end_array().end_object();
    }
    w.end_object().end_object().end_object();
  }
  w.end_object().end_object().end_object();
  return out;
}

} // namespace fm::http
