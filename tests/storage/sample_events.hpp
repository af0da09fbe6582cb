// One event of every kind with every member set: what the stored form must carry. Used by goldens, round trips and
// the fuzz target's first corpus.
#pragma once

#include "protocol/model/events.hpp"
#include "protocol/model/user.hpp"

#include <vector>

namespace fm::samples {

inline timestamp moment(std::int64_t ms) { return timestamp{std::chrono::milliseconds{1'700'000'000'000 + ms}}; }

inline case_record record() {
  case_record r;
  r.id = case_id{"case_0123456789ab"};
  r.title = "Checkout answers 502 — \"sometimes\"";
  r.title_is_placeholder = false;
  r.description = "Since the deploy.\n\tOnly some users: caf\xC3\xA9 \xF0\x9F\x98\x80.";
  r.proposed_problem_statement = "Gateway drops connections";
  r.problem_statement_confirmed = true;
  r.status = case_status::resolved;
  r.closure_reason = "resolved";
  r.owner = user_id{"user_ada"};
  r.visibility = case_visibility::shared;
  r.participants = {{user_id{"user_bob"}, participant_role::collaborator, moment(1)}};
  r.priority = case_priority::critical;
  r.category = "network";
  r.tags = {"checkout", "prod"};
  r.source_session = session_id{"session_1"};
  r.solution_summary = "Raised the idle timeout";
  r.version = 7;
  r.message_count = 12;
  r.turn_count = 6;
  r.created_at = moment(0);
  r.updated_at = moment(2);
  r.last_activity_at = moment(3);
  r.resolved_at = moment(4);
  r.closed_at = moment(5);
  r.archived_at = moment(6);
  r.deleted_at = moment(7);
  return r;
}

inline std::vector<event_data> events() {
  message note;
  note.id = message_id{"msg_note"};
  note.in_case = case_id{"case_0123456789ab"};
  note.turn_number = 2;
  note.type = message_type::case_note;
  note.role = message_role::system;
  note.author = user_id{"user_ada"};
  note.author_name = "Ada";
  note.content = "control \x01 quote \" backslash \\ newline \n";
  note.metadata = {{"a key", "a value"}, {"z", ""}};
  note.created_at = moment(8);
  const turn_id turn{"turn_1"};
  return {
      case_created{record()},
      case_updated{record(), {"title", "tags"}},
      status_changed{case_status::consulting, case_status::closed, "nobody answers", "abandoned"},
      message_added{note},
      turn_queued{turn, client_turn_id{"c-1"}, 3, 1, message_id{"msg_q"}, "why?", "user_ada", "Ada", "00ff"},
      turn_edited{turn, "why, really?"},
      turn_withdrawn{turn},
      turn_started{turn, 1},
      turn_delta{turn, 1, 4'294'967'296, "because"},
      turn_restarted{turn, 2, "interrupted"},
      turn_interrupted{turn, 1, 7},
      turn_completed{turn, 2, 3, message_id{"msg_a"}, "because", "NEEDS_MORE_DATA", 0.1, {{"agent", "builtin"}}},
      turn_cancelled{turn, 1, 3, message_id{"msg_c"}, "beca", {{"cancelled_by", "user_ada"}}},
      turn_failed{turn, 1, 3, message_id{"msg_f"}, "sorry", {{"failure", "unavailable"}}},
      case_deleted{"by mistake"},
      case_restored{"not by mistake"},
  };
}

inline user_record person() {
  user_record r;
  r.person.id = user_id{"user_ada"};
  r.person.username = "Ada";
  r.person.email = "ada@example.org";
  r.person.display_name = "Ada L.";
  r.person.timezone = "Europe/London";
  r.person.locale = "en-GB";
  r.person.verified = true;
  r.person.active = false;
  r.person.roles = {user_role::user, user_role::admin};
  r.person.created_at = moment(0);
  r.person.updated_at = moment(1);
  r.person.last_login_at = moment(2);
  r.person.last_password_change_at = moment(3);
  r.person.deleted_at = moment(4);
  r.password_hash = "$argon2id$v=19$x";
  return r;
}

inline session signed_in() {
  session s;
  s.id = session_id{"session_1"};
  s.user = user_id{"user_ada"};
  s.client = client_id{"client_1"};
  s.session_type = "troubleshooting";
  s.timeout = std::chrono::minutes{90};
  s.created_at = moment(0);
  s.last_activity_at = moment(1);
  s.expires_at = moment(2);
  s.metadata = {{"device", "phone"}};
  return s;
}

} // namespace fm::samples
