// Log triage without a model: lines, time, levels, templates (Drain: He et al., "Drain: An Online Log Parsing
// Approach with Fixed Depth Tree", ICWS 2017), stack traces, bursts, and what to look at first. Pure and
// deterministic: the same bytes give the same result. Everything cites byte and line ranges of the input.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::evidence {

/// Bounds of one analysis; what is beyond them is counted and said, never silently dropped.
struct limits {
  std::size_t lines_max = 5'000'000;
  std::size_t templates_max = 20'000;     ///< more: the rest goes to one overflow template
  std::size_t line_bytes_scanned = 2'048; ///< of a longer line only the beginning is looked at
  std::size_t findings_max = 12;
  std::size_t traces_max = 200;
};

enum class severity : std::uint8_t { none, debug, info, warning, error, fatal };
std::string_view name_of(severity s) noexcept;

struct line_ref {
  std::uint32_t number = 0; ///< from 1
  std::uint64_t begin = 0;  ///< byte offset
  std::uint32_t size = 0;   ///< bytes, without the line ending
};

struct log_template {
  std::uint32_t id = 0; ///< order of first appearance
  std::string pattern;  ///< "<*>" where lines differ
  std::uint32_t count = 0;
  severity level = severity::none; ///< the worst seen
  line_ref first, last, worst;     ///< worst: the first line of the worst level
};

/// Consecutive lines that belong to one stack trace.
struct stack_trace {
  line_ref head;     ///< the line that announces it
  line_ref root;     ///< the innermost cause named in it
  std::uint32_t lines = 0;
  std::uint32_t repeats = 1; ///< how often the same root was seen
};

struct finding {
  std::string kind;  ///< first_error, frequent_error, rare_error, stack_trace, burst, gap, warning
  std::string title; ///< one sentence
  line_ref line;     ///< the line to look at
  std::uint32_t count = 1;
  double score = 0;
};

struct analysis {
  std::string_view bytes;
  std::uint64_t lines = 0;
  std::uint64_t log_lines = 0; ///< with a time or a level
  bool shortened = false;      ///< a bound was reached
  std::array<std::uint64_t, 6> by_severity{};
  /// UTC milliseconds; year or zone may have been assumed.
  std::optional<std::int64_t> from_ms, to_ms;
  bool year_known = true, zone_known = true;
  std::vector<log_template> templates;
  std::vector<std::uint32_t> assignments; ///< template of each line; UINT32_MAX = blank or part of a trace
  std::vector<stack_trace> traces;
  std::vector<finding> findings; ///< best first

  std::string_view text(const line_ref& l) const { return bytes.substr(l.begin, l.size); }
};

/// `bytes` must outlive the result.
analysis analyze(std::string_view bytes, const limits& bounds = {});

/// What a line begins with.
struct line_header {
  std::optional<std::int64_t> time_ms;
  bool year_known = true, zone_known = true;
  severity level = severity::none;
  std::size_t message = 0; ///< where the message begins
};
line_header parse_header(std::string_view line);

/// Whether enough lines look like a log.
bool looks_like_log(std::string_view text);

} // namespace fm::evidence
