// A batch of commits turned into few statements: every table is written once a batch, with arrays. What the items do to
// turns and messages is worked out here, in memory, over the rows they touch; pure but for reading and writing.
#pragma once

#include "protocol/model/pages.hpp"
#include "storage/codec/projection.hpp"
#include "storage/postgres/connection.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace fm::postgres {

/// Where a case's log ends.
struct head {
  std::int64_t num = 0;
  sequence seq = 0;
  sequence stored_seq = 0; ///< what the row says before this batch
  digest hash{};
  std::int64_t next_message = 1;
  bool fresh = false;
  bool touched = false;
};

/// The changeable part of a turn's row.
struct turn_row {
  std::int64_t number = 0;
  std::string status;
  std::int64_t attempt = 0, started_seq = 0, question_place = 0;
  std::optional<timestamp> started_at, finished_at;
  std::string answer;
  std::optional<std::int64_t> answer_place;
  const turn_queued* queued = nullptr; ///< of this batch; null = the row is stored
  timestamp created_at{};
  bool touched = false;
};

class commit_batch {
public:
  /// The statements that read what these items touch. The rows of heads are locked in the order of their names, so
  /// that two servers never wait for each other.
  static std::vector<statement> questions(std::span<const case_commit> items);
  /// Takes the answers, in the order of questions().
  commit_batch(std::span<const case_commit> items, const std::vector<rows>& answers);
  /// One outcome per item, and the writes worked out.
  const std::vector<outcome<sequence>>& results() const { return results_; }
  /// The statements that write everything; empty when nothing is to be written.
  std::vector<statement> writes() const;

private:
  using turn_key = std::pair<std::int64_t, std::string>; ///< case number, turn id
  struct message_row {
    const std::string* case_id = nullptr;
    message value;
    bool fresh = false, removed = false;
  };
  struct file_row {
    std::string case_id;
    std::map<std::string, std::string> facts;
    timestamp at{};
    bool removed = false;
  };
  struct record_row {
    const head* of = nullptr;
    const case_record* record = nullptr;
    std::optional<case_record> old;
  };
  struct change {
    const std::string* case_id = nullptr;
    sequence seq = 0;
    timestamp at{};
    std::string by;
    const status_changed* what = nullptr;
  };

  outcome<sequence> take(const case_commit& commit);
  void take(head& h, const stored::sealed_event& s);
  void project(head& h, const case_event& e);
  void take_end(head& h, const case_event& e);
  std::int64_t add_message(head& h, const std::string& case_id, message m);
  void note_file(const std::string& case_id, const message& m);
  turn_row* turn_of(const head& h, const turn_id& id);
  message_row& message_at(const head& h, const std::string& case_id, std::int64_t place);

  std::map<std::string, head> heads_;
  std::vector<std::int64_t> fresh_numbers_;
  std::size_t numbers_used_ = 0;
  std::map<turn_key, turn_row> turns_;
  std::map<std::pair<std::int64_t, std::int64_t>, message_row> messages_;
  std::map<std::pair<std::string, std::string>, file_row> files_;
  std::map<std::string, record_row> records_;
  std::vector<change> changes_;
  std::vector<outcome<sequence>> results_;
  std::deque<std::vector<stored::sealed_event>> kept_; ///< what the rows above point into

  // The log, column by column.
  array event_num_, event_seq_, event_kind_, event_at_, event_actor_, event_name_, event_version_, event_data_, event_data_hash_, event_hash_;
};

} // namespace fm::postgres
