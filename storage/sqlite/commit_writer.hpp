// One item of a commit, inside a transaction somebody else holds: every event becomes a row of the log, sealed into
// the chain, and is projected into the tables that lists and reads use.
#pragma once

#include "protocol/base/sha256.hpp"
#include "protocol/model/pages.hpp"
#include "storage/codec/projection.hpp"
#include "storage/sqlite/connection.hpp"

namespace fm::sqlite {

class commit_writer {
public:
  explicit commit_writer(connection& c) : c_(c) {}

  /// The new last seq. A refusal was found before the first row was written; a fault throws sqlite::error and
  /// leaves it to the transaction to take everything back.
  outcome<sequence> write(const case_commit& commit);

  /// Once, behind the last item: the full-text index is put together a little for what was added to it. Left to itself it does much at
  /// once, now and then, and every commit behind that waits.
  void tidy_index();

private:
  /// What a commit knows of its case while it writes.
  struct head {
    std::int64_t num = 0;
    sequence seq = 0;
    digest hash{};
    std::int64_t next_message = 1;
  };

  void write_event(head& h, const stored::sealed_event& s);
  void project(head& h, const case_event& e);
  void queue_turn(head& h, const case_event& e, const turn_queued& d);
  void run_turn(const head& h, const case_event& e, const turn_id& turn, std::uint32_t attempt);
  void finish_turn(head& h, const case_event& e);
  std::int64_t add_message(head& h, const message& m);
  void index_message(std::int64_t key, std::string_view content);
  bool unindex_message(std::int64_t key); ///< false: there is no such message
  std::int64_t question_of(const head& h, const turn_id& turn);
  void write_record(std::int64_t num, const case_record& r, bool fresh);
  void write_search_words(std::int64_t num, const case_record& r, bool fresh, bool changed);

  connection& c_;
  std::size_t indexed_ = 0; ///< bytes
};

/// Takes a message out of the full-text index; its row must still hold the text that was indexed.
void unindex_message(connection& c, std::int64_t key, std::string_view content);
/// The same for a case's title and description.
void unindex_case(connection& c, std::int64_t num, std::string_view title, std::string_view description);

} // namespace fm::sqlite
