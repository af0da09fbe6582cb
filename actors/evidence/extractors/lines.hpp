// Lines of a text and back: where each begins, which line holds a byte, and citations with their quotes.
// Knows \n, \r\n and lone \r. Four bytes a line; inputs are at most 4 GiB.
#pragma once

#include "actors/evidence/extractors/extraction.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fm::extractors {

class lines {
public:
  /// `text` must outlive this. At most `lines_max` lines are known; the rest belongs to the last one.
  explicit lines(std::string_view text, std::size_t lines_max = 2'000'000);

  std::size_t size() const noexcept { return starts_.size(); }
  bool shortened() const noexcept { return shortened_; }
  std::string_view all() const noexcept { return text_; }
  /// Without its ending; `index` from 0.
  std::string_view operator[](std::size_t index) const noexcept;
  std::size_t begin_of(std::size_t index) const noexcept { return starts_[index]; }
  /// Line index (from 0) that holds byte `at`.
  std::size_t index_at(std::size_t at) const noexcept;

  citation cite(std::size_t begin, std::size_t end) const noexcept;
  citation cite_lines(std::size_t first_index, std::size_t last_index) const noexcept;
  citation cite_line(std::size_t index) const noexcept { return cite_lines(index, index); }
  std::string quote(const citation& c) const;

private:
  std::string_view text_;
  std::vector<std::uint32_t> starts_;
  bool shortened_ = false;
};

/// Work left, in whatever unit the extractor counts (bytes, nodes, comparisons). Deterministic, unlike a clock.
class work {
public:
  explicit work(std::uint64_t units) : left_(units) {}
  bool spend(std::uint64_t units) noexcept {
    if (units > left_) {
      left_ = 0;
      return false;
    }
    left_ -= units;
    return true;
  }
  bool spent() const noexcept { return left_ == 0; }

private:
  std::uint64_t left_;
};

/// "12.3 k"-like short numbers for people: 3 significant digits, no exponent below 1e15.
std::string short_number(double v);
std::string number_text(double v);
/// "2026-01-31 12:00:00" in UTC.
std::string time_text(std::int64_t ms);
/// Days since 1970-01-01 of a civil date (Howard Hinnant's algorithm).
std::int64_t days_from_civil(std::int64_t y, unsigned m, unsigned d) noexcept;

struct parsed_time {
  std::int64_t at_ms = 0;
  bool zone_known = false, day_only = false;
  std::size_t size = 0; ///< bytes used
};
/// A date or time at the beginning of `s`: ISO 8601 with or without zone and fraction, 2026/01/31, 31.01.2026,
/// "31 January 2026", "January 31, 2026", with an optional time of day after it.
std::optional<parsed_time> parse_time(std::string_view s);

inline bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
inline bool is_alpha(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool is_alnum(char c) noexcept { return is_digit(c) || is_alpha(c); }
inline bool is_word(char c) noexcept { return is_alnum(c) || c == '_'; } ///< letter, digit or _
bool iequals(std::string_view a, std::string_view b) noexcept;
bool ibegins(std::string_view text, std::string_view lower_prefix) noexcept;
/// Where lower-case `needle` occurs in `text` whatever its case, or npos.
std::size_t ifind(std::string_view text, std::string_view lower_needle, std::size_t from = 0) noexcept;
/// Like ifind, and neither neighbour is a letter, digit or underscore.
std::size_t ifind_word(std::string_view text, std::string_view lower_needle, std::size_t from = 0) noexcept;
/// A plain decimal number that fills the whole of `s` ("1", "-2.5e3"); not "nan", not "0x1".
std::optional<double> to_number(std::string_view s) noexcept;
std::string xml_escaped(std::string_view s);

} // namespace fm::extractors
