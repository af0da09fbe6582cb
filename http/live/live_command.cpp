// Parsing is total: whatever the bytes, the result is a command or a refusal.
#include "http/live/live_command.hpp"

#include "protocol/base/text.hpp"

namespace fm::http {
namespace {
constexpr auto text = field_type::text;

live_field needs(std::string_view name, std::string_view about, field_type type = text) {
  return {name, type, about, true};
}
live_field may(std::string_view name, std::string_view about, field_type type = text) {
  return {name, type, about, false};
}

/// Looks at a member so that json_body remembers when its type is wrong.
void look_at(const wire::json_body& body, const live_field& f) {
  switch (f.type) {
  case field_type::text: (void)body.text(f.name); return;
  case field_type::integer: (void)body.integer(f.name); return;
  case field_type::boolean: (void)body.boolean(f.name); return;
  case field_type::texts: (void)body.texts(f.name); return;
  case field_type::object: (void)body.object(f.name); return;
  case field_type::list:
  case field_type::any: return;
  }
}

failure field_failure(std::string sentence, std::string_view field) {
  auto f = make_failure(errc::invalid, std::move(sentence));
  return f.with_fact("field", std::string{field});
}
} // namespace

const std::vector<live_command_info>& live_commands() {
  static const auto of_case = needs("case_id", "The case");
  static const auto of_turn = needs("turn_id", "The turn");
  static const auto new_seq = live_field{"seq", field_type::integer, "The case's log has this, durably"};
  static const std::vector<live_field> receipt{
      {"turn_id", text, "The turn"},
      {"turn_number", field_type::integer, "1, 2, 3 … in the order of acceptance"},
      {"position", field_type::integer, "Turns before it; 0 = it starts now"},
      {"duplicate", field_type::boolean, "This client_turn_id was accepted before; nothing new was made"},
      {"status", text, "queued, running, completed, …"},
      new_seq};
  static const std::vector<live_command_info> table{
      {live_verb::hello, "hello", "Who is there: the first message of a browser, within five seconds.",
       {needs("token", "An access token"), may("client_id", "The device")}, {}},
      {live_verb::case_open, "case.open",
       "Replay after after_seq (or a snapshot when it is absent, ahead of the log or too far behind), then live events. Nothing may be sent to the case before its replay is done.",
       {of_case, may("after_seq", "The last seq the client holds", field_type::integer)},
       {{"seq", field_type::integer, "Head of the case's log"}}},
      {live_verb::case_close, "case.close", "No more events of this case.", {of_case}, {}},
      {live_verb::cases_watch, "cases.watch", "list.changed for every case of mine that changes.", {}, {}},
      {live_verb::turn_submit, "turn.submit", "Ask; exactly once for each client_turn_id.",
       {of_case, needs("client_turn_id", "Made by the client, a UUID; the same one never makes a second turn"),
        needs("content", "The question"), may("attachments", "Not there yet: must be empty", field_type::list),
        may("base_seq", "What the author had seen", field_type::integer)},
       receipt},
      {live_verb::turn_edit, "turn.edit", "Change a turn that still waits.", {of_case, of_turn, needs("content", "The new question")}, {new_seq}},
      {live_verb::turn_withdraw, "turn.withdraw", "Take back a turn that still waits.", {of_case, of_turn}, {new_seq}},
      {live_verb::turn_stop, "turn.stop", "Stop the running turn; its text so far is kept.", {of_case, of_turn}, {new_seq}},
      {live_verb::turn_regenerate, "turn.regenerate", "Answer the newest turn again; the old answer stays readable in the log.",
       {of_case, of_turn, may("client_turn_id", "Made by the client; made by the server when absent")}, receipt},
      {live_verb::typing, "typing", "I am typing; expires after six seconds.",
       {of_case, may("active", "false = no longer; true when absent", field_type::boolean)}, {}},
      {live_verb::viewing, "viewing", "What I look at.", {of_case, may("focus", "An id of something in the case; absent = nothing in particular")}, {}},
      {live_verb::case_update, "case.update", "Change the case's own fields.",
       {of_case, may("title", "At most 200 characters"), may("description", "At most 2000 characters"),
        may("priority", "low, medium, high, critical"), may("category", "A word of one's own"),
        may("tags", "At most 32", field_type::texts), may("proposed_problem_statement", "At most 1000 characters"),
        may("problem_statement_confirmed", "Cannot be taken back", field_type::boolean), may("solution_summary", "What helped"),
        may("expected_version", "Refused with conflict when the case has another one", field_type::integer)},
       {{"version", field_type::integer, "The case's version now"}, new_seq}},
      {live_verb::note_add, "note.add", "A note for the others, without the AI.", {of_case, needs("content", "The note")},
       {{"message_id", text, "The stored note"}}},
      {live_verb::ping, "ping", "Are you there?", {}, {{"server_time", text, "UTC, ISO 8601"}}},
      {live_verb::not_yet, "hypothesis.update", "Not there yet: answered with not_implemented.", {}, {}},
  };
  return table;
}

parsed_command parse_live_command(std::string_view json) {
  auto body = wire::json_body::parse(json);
  if (!body)
    return {{}, body.error()};
  parsed_command result{body->raw("id"), make_failure(errc::invalid, "")};
  const auto& id = result.reply_to;
  const bool number = id.find_first_not_of("-0123456789.eE+") == std::string::npos;
  if (!id.empty() && (id.size() > reply_to_bytes_max || (id.front() != '"' && !number))) {
    result.reply_to.clear();
    result.command = field_failure("'id' must be a text or a number of at most " + std::to_string(reply_to_bytes_max) + " bytes.", "id");
    return result;
  }
  const auto type = body->text("type");
  if (!type) {
    result.command = field_failure("Every object needs a 'type'.", "type");
    return result;
  }
  for (auto& row : live_commands()) {
    if (row.type != *type)
      continue;
    for (auto& field : row.fields) {
      if (field.required && !body->has(field.name)) {
        result.command = field_failure(std::string{*type} + " needs '" + std::string{field.name} + "'.", field.name);
        return result;
      }
      look_at(*body, field);
    }
    if (auto f = body->wrong())
      result.command = std::move(*f);
    else
      result.command = live_command{result.reply_to, row.verb, std::move(*body)};
    return result;
  }
  result.command = field_failure("There is no command '" + type->substr(0, utf8_floor(*type, 64)) + "'.", "type");
  return result;
}

} // namespace fm::http
