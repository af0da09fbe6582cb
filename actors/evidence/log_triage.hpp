// Log triage without a model: time, levels, templates, stack traces, bursts, gaps, and what to look at first.
// Pure and deterministic: the same bytes give the same result, in one piece or in many. Memory does not grow with
// the input (but for the assignments, when they are asked for). Everything cites byte and line ranges of the input.
#pragma once

#include "actors/evidence/line_header.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::evidence {

/// Bounds of one analysis; what is beyond them is counted and said, never silently dropped.
struct limits {
  std::size_t shapes_max = 100'000;       ///< different masked messages; more: one a length
  std::size_t line_bytes_scanned = 2'048; ///< of a longer line only the beginning is looked at
  std::size_t quote_bytes_max = 512;      ///< of a line that is kept
  std::size_t findings_max = 12;
  std::size_t look_first_max = 400;       ///< also at most one item for fifty lines, and at least ten
  std::size_t traces_max = 200;
  std::size_t identifiers_max = 20'000;   ///< different request ids, hosts, pods that are counted
  bool assignments = false;               ///< keep the template of every line (4 bytes a line)
  std::function<void(std::uint32_t shape)> each_line; ///< told the shape of every line, for who keeps them otherwise; see analysis::template_of
};

struct line_ref {
  std::uint64_t number = 0; ///< from 1; 0 = none
  std::uint64_t begin = 0;  ///< byte offset
  std::uint64_t size = 0;   ///< bytes, without the line ending
  std::string text;         ///< the line, or its beginning (limits::quote_bytes_max)
};

struct log_template {
  std::uint32_t id = 0; ///< order of first appearance
  std::string pattern;  ///< "<*>" where lines differ
  std::uint64_t count = 0;
  severity level = severity::none; ///< the worst seen
  int trouble = 0;                 ///< 0 nothing … 5 worst: level and words together
  line_ref first, last, worst;     ///< worst: the first line of the worst level
  std::vector<std::uint32_t> over_time; ///< counts in the parts of analysis::grid
};

/// Consecutive lines that belong to one stack trace.
struct stack_trace {
  line_ref head;     ///< the line that announces it
  line_ref root;     ///< the innermost cause named in it
  std::uint32_t lines = 0;
  std::uint32_t repeats = 1; ///< how often the same root was seen
};

struct finding {
  std::string kind;  ///< first_fatal, first_error, frequent_error, rare_error, stack_trace, burst, gap, ...
  std::string title; ///< one sentence
  line_ref line;     ///< the line to look at
  std::uint64_t count = 1;
  double score = 0;
  std::optional<std::uint32_t> about; ///< the template that the title begins with, in quotes
  std::size_t about_bytes = 0;        ///< of it, without the quotes
};

/// One kind of line that deserves a look; `lines` lists where, in ranges, 64 at most.
struct look_item {
  std::uint32_t template_id = 0;
  std::string why; ///< "fatal", "error, rare", "says "refused""
  double score = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> lines;
  bool lines_cut = false; ///< there were more: the last range reaches to the last line and holds others, too
};

/// A name that occurs in many lines: a request, a host, a pod, a job.
struct identifier {
  std::string kind;  ///< request, host, ip, uuid, block, job, pod
  std::string value;
  std::uint64_t count = 0, bad = 0; ///< lines, and how many of them with errors
  std::uint64_t first_line = 0, last_line = 0;
};

/// Lines around a moment that matters.
struct crime_scene {
  std::string what; ///< "around the first error", "around the worst minute"
  std::uint64_t first_line = 0, last_line = 0;
  std::uint64_t begin = 0, end = 0; ///< bytes
};

/// Equal parts of the log's time, or of its lines when it has no times; 48 at most.
struct count_grid {
  bool timed = false;
  std::int64_t begin = 0; ///< of the first part: seconds as line_header::time_ms counts, or a line
  std::int64_t width = 1; ///< of a part: seconds or lines
  std::size_t parts = 0;
};

struct analysis {
  std::uint64_t bytes = 0, lines = 0;
  std::uint64_t log_lines = 0; ///< with a time or a level
  bool shortened = false;      ///< a bound was reached
  std::array<std::uint64_t, 6> by_severity{};
  std::optional<std::int64_t> from_ms, to_ms; ///< UTC; year or zone may have been assumed
  bool year_known = true, zone_known = true, date_known = true;
  count_grid grid;
  std::vector<std::uint32_t> lines_over_time, errors_over_time;
  std::vector<log_template> templates;
  std::vector<std::uint32_t> assignments; ///< template of each line, when asked for
  std::vector<std::uint32_t> template_of; ///< template of each shape
  std::vector<stack_trace> traces;
  std::vector<finding> findings; ///< best first
  std::vector<look_item> look_first;
  std::uint64_t look_first_lines = 0; ///< how many lines those templates cover
  std::vector<identifier> identifiers; ///< those that go along with errors, most suspicious first, 50 at most
  std::vector<identifier> names;       ///< these and others, to be looked for in other files; 500 at most
  std::vector<crime_scene> scenes;

  const std::string& text(const line_ref& l) const { return l.text; }
};

/// Takes a log piece by piece.
class log_analyzer {
public:
  explicit log_analyzer(const limits& bounds = {});
  ~log_analyzer();
  log_analyzer(const log_analyzer&) = delete;
  log_analyzer& operator=(const log_analyzer&) = delete;
  void feed(std::string_view bytes);
  /// Once, at the end.
  analysis finish();

private:
  struct state;
  std::unique_ptr<state> state_;
};

analysis analyze(std::string_view bytes, const limits& bounds = {});

/// Whether enough lines look like a log.
bool looks_like_log(std::string_view text);

} // namespace fm::evidence
