// What happened in a case, in the past tense: the vocabulary of the log. Events are facts; they are never
// edited. Adding a kind: one struct, one place in the variant, one golden instance.
#pragma once

#include "protocol/model/case.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fm {

/// The first event of every log.
struct case_created {
  case_record record;
  bool operator==(const case_created&) const = default;
};
/// A change of the record's own fields; the whole record after it, so that no reader needs to merge.
struct case_updated {
  case_record record;
  std::vector<std::string> changed; ///< names of the fields, as on the wire
  bool operator==(const case_updated&) const = default;
};
struct status_changed {
  case_status from = case_status::consulting;
  case_status to = case_status::consulting;
  std::string reason;
  std::string closure_reason;
  bool operator==(const status_changed&) const = default;
};
/// A message outside a turn: a note, a system event.
struct message_added {
  message added;
  bool operator==(const message_added&) const = default;
};
/// Accepted and durable; carries the user's message.
struct turn_queued {
  turn_id turn;
  client_turn_id client_id;
  std::uint32_t turn_number = 0;
  std::uint32_t position = 0; ///< turns before it, the running one included
  message_id message;
  std::string content;
  std::string author_id;
  std::string author_name;
  std::string body_digest;
  bool operator==(const turn_queued&) const = default;
};
struct turn_edited {
  turn_id turn;
  std::string content;
  bool operator==(const turn_edited&) const = default;
};
struct turn_withdrawn {
  turn_id turn;
  bool operator==(const turn_withdrawn&) const = default;
};
struct turn_started {
  turn_id turn;
  std::uint32_t attempt = 1;
  bool operator==(const turn_started&) const = default;
};
/// A piece of the answer. `offset` counts bytes of UTF-8 of this attempt before it; never inside a code point.
struct turn_delta {
  turn_id turn;
  std::uint32_t attempt = 1;
  std::uint64_t offset = 0;
  std::string text;
  bool operator==(const turn_delta&) const = default;
};
/// A new attempt begins; its text replaces the old from offset 0.
struct turn_restarted {
  turn_id turn;
  std::uint32_t attempt = 2;
  std::string why; ///< interrupted, regenerate
  bool operator==(const turn_restarted&) const = default;
};
struct turn_interrupted {
  turn_id turn;
  std::uint32_t attempt = 1;
  std::uint64_t text_bytes = 0; ///< durable text of that attempt
  bool operator==(const turn_interrupted&) const = default;
};
/// The answer is stored. `content` is the concatenation of the attempt's deltas, byte for byte.
struct turn_completed {
  turn_id turn;
  std::uint32_t attempt = 1;
  std::uint32_t turn_number = 0;
  message_id message;
  std::string content;
  std::string response_type; ///< ANSWER, NEEDS_MORE_DATA, …
  double confidence = 0;
  std::map<std::string, std::string> metadata; ///< agent, model, …
  bool operator==(const turn_completed&) const = default;
};
/// Stopped by a person; the partial text is kept as the answer.
struct turn_cancelled {
  turn_id turn;
  std::uint32_t attempt = 1;
  std::uint32_t turn_number = 0;
  message_id message;
  std::string content;
  std::map<std::string, std::string> metadata;
  bool operator==(const turn_cancelled&) const = default;
};
/// Ended by a fault: a stored, marked, polite answer (metadata.failure), after whatever text there was.
struct turn_failed {
  turn_id turn;
  std::uint32_t attempt = 1;
  std::uint32_t turn_number = 0;
  message_id message;
  std::string content;
  std::map<std::string, std::string> metadata;
  bool operator==(const turn_failed&) const = default;
};
struct case_deleted {
  std::string reason;
  bool operator==(const case_deleted&) const = default;
};
struct case_restored {
  std::string reason;
  bool operator==(const case_restored&) const = default;
};

using event_data =
    std::variant<case_created, case_updated, status_changed, message_added, turn_queued, turn_edited,
                 turn_withdrawn, turn_started, turn_delta, turn_restarted, turn_interrupted, turn_completed,
                 turn_cancelled, turn_failed, case_deleted, case_restored>;

/// The kind's name on the wire and in the store ("turn_delta").
std::string_view kind_of(const event_data& data) noexcept;

/// Who caused an event. Empty user = the system or the agent.
struct event_actor {
  user_id user;
  std::string name;
  bool operator==(const event_actor&) const = default;
};

/// One entry of a case's log.
struct case_event {
  case_id in_case;
  sequence seq = 0;
  timestamp at{};
  event_actor by;
  event_data data;
  bool operator==(const case_event&) const = default;
};
using case_event_ptr = std::shared_ptr<const case_event>;

} // namespace fm
