// One timeline of a case: what its files and messages say happened, in UTC and in order, with the uncertainty that
// each stamp leaves (no zone, no year, no date, whole seconds). Pure and deterministic.
#pragma once

#include "actors/evidence/log_triage.hpp"
#include "protocol/base/failure.hpp"
#include "protocol/model/case.hpp"
#include "protocol/model/files.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fm::evidence {

struct timeline_limits {
  std::size_t moments_max = 400;     ///< of one file or one message; what matters most is kept
  std::size_t entries_max = 20'000;  ///< of a whole case
  std::size_t text_bytes_max = 240;
  std::int64_t burst_gap_ms = 60'000; ///< equal lines that follow each other within this are one entry
};

/// What a log says over time: bursts of lines that speak of trouble, the first line of every template, begin, end and
/// long silence. Is given the log's lines in order once its analysis is done; holds what may become a moment, no line.
class moment_collector {
public:
  /// `a` and `layout` (of the log's first 64 KiB) must outlive it.
  moment_collector(const analysis& a, const log_layout& layout, const timeline_limits& bounds = {});
  ~moment_collector();
  moment_collector(const moment_collector&) = delete;
  moment_collector& operator=(const moment_collector&) = delete;
  void line(std::string_view text, std::uint32_t template_id);
  /// Once, at the end.
  std::vector<timeline_moment> finish();

private:
  struct state;
  std::unique_ptr<state> state_;
};
/// The same of a log in memory, analysis included.
std::vector<timeline_moment> moments_of_log(std::string_view bytes, const timeline_limits& bounds = {});

/// Keeps the `most` weightiest, in the order they had.
void keep_weightiest(std::vector<timeline_moment>& moments, std::size_t most);

struct timeline_file {
  std::string id, name;
  timestamp uploaded_at{}; ///< stamps without year or date are taken as the latest possible before this
  std::vector<timeline_moment> moments;
};

/// Merged, ordered, without doubles, one page of it. `messages` in order of the conversation, of which
/// `messages_before` came earlier: their numbers order what happened within one millisecond, and stay when more is said.
/// invalid (field cursor) for a cursor that is none of ours.
outcome<timeline_page> timeline_of(const std::vector<timeline_file>& files, const std::vector<message>& messages, const timeline_query& query,
                                   const timeline_limits& bounds = {}, std::uint64_t messages_before = 0);

} // namespace fm::evidence
