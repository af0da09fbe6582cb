// Parsing is total: whatever the bytes, the result is a command or a refusal.
#include "http/live/live_command.hpp"

namespace fm::http {

const std::vector<live_command_info>& live_commands() {
  static const std::vector<live_command_info> table{
      {live_verb::hello, "hello", {"token"}, {"client_id"}, "Who is there; the first message of a browser."},
      {live_verb::case_open, "case.open", {"case_id"}, {"after_seq"}, "Replay after after_seq (or a snapshot), then live events."},
      {live_verb::case_close, "case.close", {"case_id"}, {}, "No more events of this case."},
      {live_verb::cases_watch, "cases.watch", {}, {}, "list.changed for every case of mine that changes."},
      {live_verb::turn_submit, "turn.submit", {"case_id", "client_turn_id", "content"}, {"attachments", "base_seq"}, "Ask; exactly once for each client_turn_id."},
      {live_verb::turn_edit, "turn.edit", {"case_id", "turn_id", "content"}, {}, "Change a turn that still waits."},
      {live_verb::turn_withdraw, "turn.withdraw", {"case_id", "turn_id"}, {}, "Take back a turn that still waits."},
      {live_verb::turn_stop, "turn.stop", {"case_id", "turn_id"}, {}, "Stop the running turn; its text so far is kept."},
      {live_verb::turn_regenerate, "turn.regenerate", {"case_id", "turn_id"}, {"client_turn_id"}, "Answer the newest turn again."},
      {live_verb::typing, "typing", {"case_id"}, {"active"}, "I am typing; expires after six seconds."},
      {live_verb::viewing, "viewing", {"case_id"}, {"focus"}, "What I look at."},
      {live_verb::case_update, "case.update", {"case_id"}, {"title", "description", "priority", "category", "tags", "proposed_problem_statement", "problem_statement_confirmed", "solution_summary", "expected_version"}, "Change the case's own fields."},
      {live_verb::note_add, "note.add", {"case_id", "content"}, {}, "A note for the others, without the AI."},
      {live_verb::ping, "ping", {}, {}, "Are you there?"},
      {live_verb::not_yet, "hypothesis.update", {}, {}, "Not there yet: answered with not_implemented."},
  };
  return table;
}

parsed_command parse_live_command(std::string_view json) {
  auto body = wire::json_body::parse(json);
  if (!body)
    return {{}, body.error()};
  parsed_command result{body->raw("id"), make_failure(errc::invalid, "")};
  if (result.reply_to.size() > 256 || (!result.reply_to.empty() && result.reply_to.front() != '"' &&
                                       result.reply_to.find_first_not_of("-0123456789.eE+") != std::string::npos)) {
    result.reply_to.clear();
    result.command = make_failure(errc::invalid, "'id' must be a text or a number of at most 256 characters.");
    return result;
  }
  const auto type = body->text("type");
  if (!type) {
    result.command = make_failure(errc::invalid, "Every object needs a 'type'.");
    return result;
  }
  for (auto& row : live_commands()) {
    if (row.type != *type)
      continue;
    for (auto field : row.required)
      if (!body->has(field)) {
        auto f = make_failure(errc::invalid, std::string{*type} + " needs '" + std::string{field} + "'.");
        result.command = f.with_fact("field", std::string{field});
        return result;
      }
    result.command = live_command{result.reply_to, row.verb, std::move(*body)};
    return result;
  }
  result.command = make_failure(errc::invalid, "There is no command '" + type->substr(0, 64) + "'.");
  return result;
}

} // namespace fm::http
