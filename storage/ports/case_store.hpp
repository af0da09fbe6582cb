// The port behind which cases and their logs are durable.
//
// Threading: one writer at a time calls the mutating functions (the store actor sees to it); readers may call
//   the const functions from several threads at once, also while a commit runs, and see only whole commits.
// Success: when commit() returns, every accepted item survives a power cut (backend setting permitting).
// Failure: a refused item leaves nothing behind; a fault of the whole batch (disk full, lost file) leaves
//   nothing of any item behind and every item gets the same failure (errc::unavailable, retry_after set).
// Untouched: events once stored never change; compaction drops only the text of finished turn_delta events
//   and keeps their hashes, so that the chain still verifies.
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/model/pages.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace fm {

class case_store {
public:
  virtual ~case_store() = default;

  /// One outcome per item, in order, holding the item's new last seq. Items of one case are written in order, in one
  /// transaction; a backend may write the cases of a large span in a few transactions at once, and then a fault may
  /// take some of them and leave others.
  virtual std::vector<outcome<sequence>> commit(std::span<const case_commit> items) = 0;
  /// Drops the text of turn_delta events of turns finished at or below `upto`. Idempotent.
  virtual outcome<std::uint64_t> compact(const case_id& id, sequence upto) = 0;
  /// Removes a case and all that belongs to it, for good.
  virtual outcome<done_t> purge(const case_id& id) = 0;

  virtual outcome<loaded_case> load(const case_id& id) const = 0;
  virtual outcome<case_record> get(const case_id& id) const = 0;
  virtual outcome<case_page> list(const case_query& query) const = 0;
  /// Events after `after`, oldest first, at most `limit` events and about `bytes` bytes (at least one event).
  virtual outcome<event_page> events(const case_id& id, sequence after, std::size_t limit,
                                     std::size_t bytes) const = 0;
  /// In order of the conversation; offset from the start, or from the end when `newest` (answer still in order).
  virtual outcome<message_page> messages(const case_id& id, std::size_t offset, std::size_t limit,
                                         bool newest) const = 0;
  virtual outcome<turn_page> turns(const case_id& id, std::size_t offset, std::size_t limit) const = 0;
  virtual outcome<turn> find_turn(const case_id& id, const turn_id& turn) const = 0;
  virtual outcome<turn> find_turn(const case_id& id, const client_turn_id& client) const = 0;
  /// Cases that have unfinished turns, for recovery at start.
  virtual outcome<std::vector<case_id>> with_unfinished_turns(std::size_t limit) const = 0;
  /// Number of non-terminal, not deleted cases a user owns.
  virtual outcome<std::uint64_t> open_cases_of(const user_id& owner) const = 0;
  /// Where every log ends, in the order of creation, behind the place `after`; at most `limit` (1 to 10,000).
  virtual outcome<std::vector<log_head>> heads(std::int64_t after, std::size_t limit) const = 0;
  /// The log as it is stored, compacted rows included, behind `after`: at most `limit` rows and about `bytes` bytes
  /// (at least one row while there is one).
  virtual outcome<std::vector<stored_event>> stored_events(const case_id& id, sequence after, std::size_t limit,
                                                           std::size_t bytes) const = 0;
  /// Walks every log (or one case's): sequence without gap, hash chain, turn text against its deltas.
  virtual outcome<std::uint64_t> verify(const std::optional<case_id>& only,
                                        const std::function<void(const log_check&)>& report) const = 0;
  /// A cheap round trip that tells whether the backend works.
  virtual outcome<done_t> ping() const = 0;
};
using case_store_ptr = std::shared_ptr<case_store>;

} // namespace fm
