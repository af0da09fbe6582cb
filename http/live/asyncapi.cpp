// AsyncAPI 3.0, written from the tables the code runs on: the commands as they are parsed, the objects as they are
// sent. The data of each event kind is read off an encoded specimen, so a new kind documents itself.
#include "http/live/encode.hpp"
#include "http/live/live.hpp"
#include "http/live/live_command.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/model/events.hpp"
#include "protocol/wire/encode.hpp"

#include <boost/mp11/algorithm.hpp>
#include <simdjson.h>

namespace fm::http {
namespace {

void write_type(json_writer& w, field_type type) {
  switch (type) {
  case field_type::text: w.member("type", "string"); return;
  case field_type::integer: w.member("type", "integer"); return;
  case field_type::boolean: w.member("type", "boolean"); return;
  case field_type::object: w.member("type", "object"); return;
  case field_type::list: w.member("type", "array"); return;
  case field_type::texts:
    w.member("type", "array").key("items").begin_object().member("type", "string").end_object();
    return;
  case field_type::any: return;
  }
}

void write_fields(json_writer& w, const std::vector<live_field>& fields) {
  for (auto& f : fields) {
    w.key(f.name).begin_object();
    write_type(w, f.type);
    w.member("description", f.about).end_object();
  }
}

void write_required(json_writer& w, const std::vector<live_field>& fields) {
  w.key("required").begin_array().value("type");
  for (auto& f : fields)
    if (f.required)
      w.value(f.name);
  w.end_array();
}

void write_command(json_writer& w, const live_command_info& c) {
  w.key(c.type).begin_object().member("name", c.type).member("summary", c.summary).key("payload").begin_object().member("type", "object");
  write_required(w, c.fields);
  w.key("properties").begin_object();
  w.key("type").begin_object().member("const", c.type).end_object();
  w.key("id").begin_object().key("type").begin_array().value("string").value("number").end_array();
  w.member("description", "Echoed as reply_to").end_object();
  write_fields(w, c.fields);
  w.end_object().end_object();
  w.key("x-answer").begin_object().member("type", "object").key("properties").begin_object();
  write_fields(w, c.answer);
  w.end_object().end_object().end_object();
}

void write_object(json_writer& w, const live_object_info& o) {
  w.key(o.type).begin_object().member("name", o.type).member("summary", o.summary).key("payload").begin_object().member("type", "object");
  write_required(w, o.fields);
  w.key("properties").begin_object();
  w.key("type").begin_object().member("const", o.type).end_object();
  for (auto& f : o.fields) {
    w.key(f.name).begin_object();
    if (o.type == "event" && f.name == "kind") {
      w.member("$ref", "#/components/schemas/EventKind");
    } else {
      write_type(w, f.type);
      w.member("description", f.about);
    }
    w.end_object();
  }
  w.end_object().end_object().end_object();
}

const char* type_of(simdjson::dom::element e) {
  using kind = simdjson::dom::element_type;
  switch (e.type()) {
  case kind::STRING: return "string";
  case kind::INT64:
  case kind::UINT64: return "integer";
  case kind::DOUBLE: return "number";
  case kind::BOOL: return "boolean";
  case kind::ARRAY: return "array";
  case kind::OBJECT: return "object";
  case kind::NULL_VALUE: return nullptr; // absent in the specimen: any type, or null
  }
  return nullptr;
}

void write_event_schema(json_writer& w, const event_data& specimen) {
  std::string encoded;
  json_writer inner{encoded};
  wire::write_event_data(inner, specimen);
  simdjson::dom::parser parser;
  simdjson::dom::object members;
  w.key(kind_of(specimen)).begin_object().member("type", "object").key("properties").begin_object();
  if (!parser.parse(encoded).get(members))
    for (auto [name, value] : members) {
      w.key(name).begin_object();
      if (const auto* type = type_of(value))
        w.member("type", type);
      w.end_object();
    }
  w.end_object().end_object();
}

template <class F>
void for_each_kind(F f) {
  boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::variant_size_v<event_data>>>(
      [&](auto i) { f(event_data{std::in_place_index<i>}); });
}

void write_operation(json_writer& w, std::string_view name, std::string_view action, std::string_view summary,
                     const std::vector<std::string_view>& messages) {
  w.key(name).begin_object().member("action", action).member("summary", summary);
  w.key("channel").begin_object().member("$ref", "#/channels/live").end_object();
  w.key("messages").begin_array();
  for (auto m : messages)
    w.begin_object().member("$ref", "#/channels/live/messages/" + std::string{m}).end_object();
  w.end_array().end_object();
}

} // namespace

std::string asyncapi_document(const live_deps& deps) {
  std::vector<std::string_view> said, heard;
  for (auto& c : live_commands())
    heard.push_back(c.type);
  for (auto& o : live_objects())
    said.push_back(o.type);

  std::string out;
  json_writer w{out};
  w.begin_object().member("asyncapi", "3.0.0").key("info").begin_object();
  w.member("title", "FaultMaven live protocol").member("version", deps.version);
  w.member("description",
           "One WebSocket, subprotocol faultmaven.live.v1. Every text message holds one or more JSON objects separated by "
           "a newline, in both directions. Every client object is answered by exactly one 'ok' or 'error' with its id in "
           "reply_to. Sign in with 'Authorization: Bearer' on the upgrade, with ?ticket= (one use, from POST "
           "/api/v1/live/tickets), or with 'hello' as the first message.");
  w.end_object();
  w.member("defaultContentType", "application/json");
  w.key("channels").begin_object().key("live").begin_object().member("address", "/api/v1/live");
  w.key("bindings").begin_object().key("ws").begin_object().member("method", "GET").key("query").begin_object();
  w.member("type", "object").key("properties").begin_object().key("ticket").begin_object().member("type", "string");
  w.end_object().end_object().end_object().end_object().end_object();
  w.key("messages").begin_object();
  for (auto& list : {heard, said})
    for (auto m : list)
      w.key(m).begin_object().member("$ref", "#/components/messages/" + std::string{m}).end_object();
  w.end_object().end_object().end_object();

  w.key("operations").begin_object();
  write_operation(w, "receiveCommands", "receive", "What a client may say", heard);
  write_operation(w, "sendObjects", "send", "What the server says", said);
  w.end_object();

  w.key("components").begin_object().key("messages").begin_object();
  for (auto& c : live_commands())
    write_command(w, c);
  for (auto& o : live_objects())
    write_object(w, o);
  w.end_object().key("schemas").begin_object();
  w.key("EventKind").begin_object().member("type", "string").key("enum").begin_array();
  for_each_kind([&](const event_data& d) { w.value(kind_of(d)); });
  w.end_array().end_object();
  for_each_kind([&](const event_data& d) { write_event_schema(w, d); });
  w.end_object().end_object().end_object();
  return out;
}

} // namespace fm::http
