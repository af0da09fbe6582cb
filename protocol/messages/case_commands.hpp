// Everything one can ask of a case. Each command names who asks and carries the reply it will surely get.
// The mailbox of the case puts them in order; an answer that changes something is given only once it is durable.
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/messages/subscriber.hpp"
#include "protocol/model/pages.hpp"
#include "protocol/model/user.hpp"

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace fm {

struct turn_receipt {
  turn_id turn;
  client_turn_id client_id;
  std::uint32_t turn_number = 0;
  std::uint32_t position = 0; ///< 0 = starts now
  bool duplicate = false;     ///< the same client_turn_id was accepted before; nothing new was made
  turn_status status = turn_status::queued;
  sequence seq = 0;
};
struct case_view {
  case_record record;
  sequence seq = 0;
};
struct case_snapshot {
  case_record record;
  sequence seq = 0;
  std::vector<message> messages; ///< the last 50, in order
  std::optional<turn> running;   ///< with `partial`, the durable text so far
  std::vector<turn> queue;
  std::vector<presence_entry> presence;
};
struct case_draft {
  std::string title;
  std::string description;
  std::string initial_message; ///< non-empty: the first turn
  client_turn_id client_turn;  ///< of the initial message; made when empty
  session_id session;
  case_priority priority = case_priority::medium;
  std::string category;
  std::vector<std::string> tags;
};
struct created_case {
  case_view view;
  std::optional<turn_receipt> first_turn;
};
/// Absent fields stay as they are.
struct case_patch {
  std::optional<std::string> title;
  std::optional<std::string> description;
  std::optional<std::string> proposed_problem_statement;
  std::optional<bool> problem_statement_confirmed;
  std::optional<case_priority> priority;
  std::optional<std::string> category;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::string> solution_summary;
};
/// What the model is shown for the next turn.
struct turn_context {
  std::string system_prompt;
  std::vector<message> messages;
  std::uint64_t characters = 0;
  bool shortened = false; ///< older messages were left out to fit
};
struct title_result {
  std::string title;
  std::string source; ///< existing, llm, fallback
};

// ---- commands. `who` is the authenticated principal; permission is decided by the case. ----
struct create_case { principal who; case_draft draft; reply<created_case> answer; };
struct submit_turn {
  principal who;
  client_turn_id client_id;      ///< made by the edge when the client sent none
  std::string content;
  std::optional<sequence> base_seq; ///< what the author had seen; informational
  reply<turn_receipt> answer;
};
/// Only the author, only while queued; afterwards conflict.
struct edit_turn { principal who; turn_id turn; std::string content; reply<sequence> answer; };
struct withdraw_turn { principal who; turn_id turn; reply<sequence> answer; };
/// Running → cancelled with its partial text kept; queued → withdrawn; finished → ok, nothing happens.
struct stop_turn { principal who; turn_id turn; reply<sequence> answer; };
/// A new attempt of the newest finished turn; its old answer stays readable in the log.
struct regenerate_turn { principal who; turn_id turn; client_turn_id client_id; reply<turn_receipt> answer; };
struct update_case {
  principal who;
  case_patch patch;
  std::optional<std::uint32_t> expected_version;
  reply<case_view> answer;
};
struct change_status {
  principal who;
  case_status to = case_status::investigating;
  std::string closure_reason;
  std::string reason;
  std::optional<std::uint32_t> expected_version;
  reply<case_view> answer;
};
/// A message outside any turn: a person's note, or what the system has to say about a file.
struct add_note {
  principal who;
  std::string content;
  reply<message> answer;
  message_type type = message_type::case_note; ///< case_note, data_upload (by the person) or system_event
  std::map<std::string, std::string> metadata; ///< up to 32 entries, 8 KiB
};
/// force = name it again even when a person already named it.
struct make_title { principal who; bool force = false; reply<title_result> answer; };
/// Soft: restorable by the owner or an admin.
struct delete_case { principal who; reply<sequence> answer; };
struct restore_case { principal who; reply<case_view> answer; };
/// `to_add_files`: refused as well when who asks may not write or the case is finished.
struct read_case { principal who; reply<case_view> answer; bool to_add_files = false; };
struct read_snapshot { principal who; reply<case_snapshot> answer; };
struct read_events {
  principal who;
  sequence after = 0;
  std::size_t limit = 500;
  std::size_t bytes = 256 * 1024;
  reply<event_page> answer;
};
struct read_messages {
  principal who;
  std::size_t offset = 0;
  std::size_t limit = 50;
  bool newest = false;
  reply<message_page> answer;
};
struct read_turns { principal who; std::size_t offset = 0; std::size_t limit = 50; reply<turn_page> answer; };
/// The turn with its answer's message, when there is one.
struct turn_with_answer {
  turn the_turn;
  std::optional<message> answer;
  case_record record;
};
struct read_turn { principal who; turn_id turn; reply<turn_with_answer> answer; };
/// Answered when the turn is finished (completed, cancelled, failed, withdrawn); at once when it is.
struct await_turn { principal who; turn_id turn; reply<turn_with_answer> answer; };
struct read_context { principal who; reply<turn_context> answer; };
/// From the head that is answered on, every event goes to the sink.
struct attach { principal who; subscriber_ptr sink; reply<case_view> answer; };
/// Never activates a case; needs no answer.
struct detach { subscriber_ptr sink; };
/// Transient: shown to the others, never stored. Typing expires after six seconds.
struct set_presence {
  principal who;
  subscriber_ptr sink;
  std::optional<bool> typing;
  std::optional<std::string> focus;
  reply<done_t> answer;
};
/// Shows the listeners how far a job is; never activates a case, needs no answer, is never stored.
struct show_job { std::shared_ptr<const job> what; };

using case_command =
    std::variant<create_case, submit_turn, edit_turn, withdraw_turn, stop_turn, regenerate_turn, update_case,
                 change_status, add_note, make_title, delete_case, restore_case, read_case, read_snapshot,
                 read_events, read_messages, read_turns, read_turn, await_turn, read_context, attach, detach,
                 set_presence, show_job>;

/// Answers whatever reply the command carries with a failure.
void refuse(const case_command& command, const failure& why);

} // namespace fm
