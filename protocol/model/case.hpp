// The case and what belongs to it, as plain values (domain.md). Rules live in actors/cases.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/model/enums.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fm {

/// Position in a case's log: 1 for the first event, gap-free. 0 = before everything.
using sequence = std::uint64_t;

/// Sizes of domain.md, in Unicode code points unless named otherwise.
namespace limits {
inline constexpr std::size_t title_characters_max = 200;
inline constexpr std::size_t description_characters_max = 2'000;
inline constexpr std::size_t problem_statement_characters_max = 1'000;
inline constexpr std::size_t reason_characters_max = 500;
inline constexpr std::size_t message_characters_max = 200'000;
inline constexpr std::size_t tags_max = 32;
inline constexpr std::size_t tag_characters_max = 64;
inline constexpr std::size_t auto_title_characters_max = 60;
} // namespace limits

struct participant {
  user_id user;
  participant_role role = participant_role::viewer;
  timestamp joined_at{};
  bool operator==(const participant&) const = default;
};

struct case_record {
  case_id id;
  std::string title;
  bool title_is_placeholder = true; ///< a person's title is never overwritten
  std::string description;
  std::string proposed_problem_statement;
  bool problem_statement_confirmed = false;
  case_status status = case_status::consulting;
  std::string closure_reason; ///< resolved, abandoned, escalated, consulting_only, duplicate, other; empty = open
  user_id owner;
  case_visibility visibility = case_visibility::private_;
  std::vector<participant> participants; ///< the owner is not listed here
  case_priority priority = case_priority::medium;
  std::string category;
  std::vector<std::string> tags;
  session_id source_session;
  std::string solution_summary;
  std::uint32_t version = 1; ///< counts changes of the record itself: optimistic locking
  std::uint32_t message_count = 0;
  std::uint32_t turn_count = 0; ///< turns ever accepted = the number of the newest
  timestamp created_at{};
  timestamp updated_at{};
  timestamp last_activity_at{};
  std::optional<timestamp> resolved_at;
  std::optional<timestamp> closed_at;
  std::optional<timestamp> archived_at;
  std::optional<timestamp> deleted_at;
  bool operator==(const case_record&) const = default;
};

struct message {
  message_id id;
  case_id in_case;
  std::uint32_t turn_number = 0; ///< 0 = outside any turn
  message_type type = message_type::user_query;
  message_role role = message_role::user;
  user_id author;          ///< empty = the agent or the system
  std::string author_name;
  std::string content;     ///< valid UTF-8
  std::map<std::string, std::string> metadata;
  timestamp created_at{};
  bool operator==(const message&) const = default;
};

/// One user message and its answer, from the queue to the end.
struct turn {
  turn_id id;
  client_turn_id client_id;
  case_id in_case;
  std::uint32_t number = 0; ///< 1, 2, 3 … in the order of acceptance
  turn_status status = turn_status::queued;
  std::uint32_t attempt = 0; ///< 0 until it starts
  user_id author;
  std::string author_name;
  std::string content;
  std::string body_digest; ///< hex SHA-256 of what the client sent: same id + same body = same turn
  message_id question;     ///< the stored user message
  message_id answer;       ///< empty until there is one
  std::string partial;     ///< text streamed so far by the current attempt (durable)
  timestamp created_at{};
  std::optional<timestamp> started_at;
  std::optional<timestamp> finished_at;
  bool operator==(const turn&) const = default;
};

/// One line of a list of cases.
struct case_summary {
  case_id id;
  std::string title;
  case_status status = case_status::consulting;
  user_id owner;
  case_priority priority = case_priority::medium;
  std::string category;
  std::vector<std::string> tags;
  std::uint32_t participant_count = 1;
  std::uint32_t message_count = 0;
  std::uint32_t current_turn = 0;
  timestamp created_at{};
  timestamp updated_at{};
  timestamp last_activity_at{};
  bool archived = false;
  bool operator==(const case_summary&) const = default;
};

case_summary summarize(const case_record& record);

} // namespace fm
