// What a log line begins with: time, level, host, program, process. Hand-written scanners, no regular expressions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fm::evidence {

enum class severity : std::uint8_t { none, debug, info, warning, error, fatal };
std::string_view name_of(severity s) noexcept;

struct line_header {
  std::optional<std::int64_t> time_ms; ///< UTC milliseconds; in the year 2000 when the line names none; of the day without a date
  bool year_known = true, zone_known = true, date_known = true;
  bool month_name = false;             ///< "Jun 14 15:16:01": a host usually follows
  severity level = severity::none;
  std::size_t message = 0; ///< where the message begins: behind time, level, program
  std::size_t message_end = std::string_view::npos; ///< where it ends: the message of a JSON line is one of its members
};

/// What most lines of one log have in common; tells a program's name from a message's first word.
struct log_layout {
  bool component = false; ///< "name:" stands before the message
  bool dotted = false;    ///< a dotted name without colon stands there
  bool dash = false;      ///< "name - " stands there
  bool timed = false;     ///< half of the lines begin with a time
  bool headed = false;    ///< nearly every line begins with a time: one that does not belongs to the line before it
};
/// From the first lines of a log; a few hundred are enough.
log_layout infer_layout(std::string_view sample);

line_header parse_header(std::string_view line, const log_layout& layout);
line_header parse_header(std::string_view line);
/// The same without looking for a level inside the message; level_inside says what that would have been.
line_header parse_head(std::string_view line, const log_layout& layout);
severity level_inside(std::string_view message);

} // namespace fm::evidence
