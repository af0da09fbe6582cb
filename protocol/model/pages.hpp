// What is asked of the log and the lists, and what comes back: commits, queries and pages as plain values,
// shared by the ports, the actors and the edge.
#pragma once

#include "protocol/base/sha256.hpp"
#include "protocol/model/events.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fm {

/// A row of a log as it is stored: what carries a log from one store to another, hash for hash.
struct stored_event {
  sequence seq = 0;
  std::string kind;
  timestamp at{};
  event_actor by;
  int version = 1;                 ///< of the stored form
  std::optional<std::string> data; ///< JSON; nothing = its text was dropped by compaction
  digest data_hash{};
  digest link{};                   ///< of the hash chain
};
/// Where a case's log ends.
struct log_head {
  std::int64_t place = 0; ///< in the order of creation
  case_id id;
  sequence seq = 0;
  digest link{};
};

/// Events of one case that become durable together, with the record after them.
struct case_commit {
  case_id id;
  /// The last seq the writer believes stored (0 for a new case). Another value in the store → the item is
  /// refused with conflict CASE_VERSION_CONFLICT (facts expected_seq, actual_seq): a stale writer always loses.
  sequence expected_seq = 0;
  /// seq = expected_seq + 1, + 2, … without gap.
  std::vector<case_event_ptr> events;
  /// Instead of events: rows of the same case in another store, numbered the same way. They are stored as they are
  /// when they continue the log's hash chain, and refused (invalid) when they do not.
  std::vector<stored_event> copied;
  /// The case record after the events; null when they do not change it (deltas).
  std::shared_ptr<const case_record> record;
};

/// What a list asks for. All filters are joined by "and".
struct case_query {
  user_id viewer;           ///< whose cases: owned or taken part in
  bool everything = false;  ///< analyst/admin: all cases, viewer ignored
  std::optional<case_status> status;
  std::optional<case_priority> priority;
  std::string category;
  std::string tag;
  user_id participant;      ///< additionally: this user owns it or takes part
  std::string text;         ///< full-text over title, description and messages; every word must occur
  bool include_archived = false;
  std::string sort = "-last_activity_at"; ///< [-]last_activity_at | created_at | updated_at | title | priority
  std::size_t limit = 50;   ///< 1–100
  std::size_t offset = 0;
  std::string cursor;       ///< opaque, from case_page::next_cursor; wins over offset
};
struct case_page {
  std::vector<case_summary> cases;
  std::uint64_t total = 0;
  std::string next_cursor; ///< empty on the last page
};

struct event_page {
  std::vector<case_event_ptr> events;
  /// Where to go on: every event up to here was delivered or was compacted away.
  sequence covered = 0;
  sequence head = 0; ///< last seq of the case
};
struct message_page {
  std::vector<message> messages;
  std::uint64_t total = 0;
};
struct turn_page {
  std::vector<turn> turns;
  std::uint64_t total = 0;
};

/// What an actor needs to own a case again.
struct loaded_case {
  case_record record;
  sequence seq = 0;
  std::vector<turn> unfinished; ///< queued, running, interrupted; by number; `partial` filled
};

/// The result of walking one case's log.
struct log_check {
  case_id id;
  sequence events = 0;
  std::optional<std::string> broken; ///< first break, as a sentence
};

} // namespace fm
