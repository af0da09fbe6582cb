// Walking one case's log to see whether it is whole: numbered without gap, every hash right, every answer equal to
// what was streamed. Both backends feed it their rows.
#pragma once

#include "storage/codec/codec.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace fm::stored {

/// A row of the log as it is stored. No data = compacted.
struct log_row {
  sequence seq = 0;
  std::string_view kind;
  std::int64_t at_ms = 0;
  std::string_view actor_id;
  std::string_view actor_name;
  int version = event_version;
  std::optional<std::string_view> data;
  digest data_hash{};
  digest link{};
};

class log_walk {
public:
  explicit log_walk(case_id id) : result_{std::move(id), 0, std::nullopt} {}
  /// Rows in order; false once something is broken.
  bool feed(const log_row& row);
  /// The head must be where the log ends.
  log_check finish(sequence head, const digest& head_link);

private:
  void broken(sequence at, const std::string& why);
  void follow_text(const log_row& row);

  log_check result_;
  digest previous_{};
  std::string streamed_; ///< text of the running attempt
  bool whole_ = true;    ///< none of that text was compacted away
};

} // namespace fm::stored
