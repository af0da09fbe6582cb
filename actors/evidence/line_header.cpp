// Times and levels at the beginning of a line, by hand-written scanners: no regular expression, no allocation.
#include "actors/evidence/log_triage.hpp"

#include <algorithm>
#include <chrono>

namespace fm::evidence {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

/// Reads exactly n digits.
bool digits(std::string_view s, std::size_t at, std::size_t n, int& out) {
  if (at + n > s.size())
    return false;
  out = 0;
  for (std::size_t i = at; i < at + n; ++i) {
    if (!is_digit(s[i]))
      return false;
    out = out * 10 + (s[i] - '0');
  }
  return true;
}

std::optional<std::int64_t> to_ms(int y, int mo, int d, int h, int mi, int s, int ms) {
  using namespace std::chrono;
  const year_month_day date{year{y}, month{unsigned(mo)}, day{unsigned(d)}};
  if (!date.ok() || h > 23 || mi > 59 || s > 60)
    return std::nullopt;
  return (sys_days{date}.time_since_epoch() + hours{h} + minutes{mi} + seconds{s}) / milliseconds{1} + ms;
}

int month_of(std::string_view s) {
  static constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (s.size() < 3)
    return 0;
  for (int i = 0; i < 12; ++i)
    if (s.substr(0, 3) == names.substr(static_cast<std::size_t>(i) * 3, 3))
      return i + 1;
  return 0;
}

/// HH:MM:SS[.,fff…] at `at`; moves `at` behind it.
bool clock_time(std::string_view s, std::size_t& at, int& h, int& mi, int& sec, int& ms) {
  if (!digits(s, at, 2, h) || at + 8 > s.size() || s[at + 2] != ':' || !digits(s, at + 3, 2, mi) || s[at + 5] != ':' ||
      !digits(s, at + 6, 2, sec))
    return false;
  at += 8;
  ms = 0;
  if (at + 1 < s.size() && (s[at] == '.' || s[at] == ',') && is_digit(s[at + 1])) {
    int n = 0;
    for (++at; at < s.size() && is_digit(s[at]); ++at, ++n)
      if (n < 3)
        ms = ms * 10 + (s[at] - '0');
    for (; n < 3; ++n)
      ms *= 10;
  }
  return true;
}

/// Z or ±HH[:]MM after an optional space.
void zone(std::string_view s, std::size_t& at, line_header& h) {
  auto p = at;
  if (p < s.size() && s[p] == ' ' && p + 1 < s.size() && (s[p + 1] == '+' || s[p + 1] == '-'))
    ++p;
  int oh = 0, om = 0;
  if (p < s.size() && s[p] == 'Z') {
    at = p + 1;
    h.zone_known = true;
  } else if (p + 5 <= s.size() && (s[p] == '+' || s[p] == '-') && digits(s, p + 1, 2, oh)) {
    const auto colon = s[p + 3] == ':' ? 1U : 0U;
    if (digits(s, p + 3 + colon, 2, om)) {
      *h.time_ms -= (s[p] == '-' ? -1 : 1) * (oh * 60 + om) * 60'000LL;
      at = p + 5 + colon;
      h.zone_known = true;
    }
  }
}

bool read_time(std::string_view s, std::size_t& at, line_header& out) {
  int y = 0, mo = 0, d = 0, h = 0, mi = 0, sec = 0, ms = 0;
  auto p = at;
  out.zone_known = false;
  // 2026-01-31T12:00:00.000Z, 2026/01/31 12:00:00, 2026.01.31-…
  if (digits(s, p, 4, y) && y >= 1970 && y < 2100 && p + 10 < s.size() && (s[p + 4] == '-' || s[p + 4] == '/' || s[p + 4] == '.') &&
      digits(s, p + 5, 2, mo) && s[p + 7] == s[p + 4] && digits(s, p + 8, 2, d)) {
    p += 10;
    if (p < s.size() && (s[p] == 'T' || s[p] == ' ' || s[p] == '-' || s[p] == '_'))
      ++p;
    if (clock_time(s, p, h, mi, sec, ms)) {
      out.time_ms = to_ms(y, mo, d, h, mi, sec, ms);
      if (!out.time_ms)
        return false;
      zone(s, p, out);
      at = p;
      return true;
    }
    return false;
  }
  // 17/06/09 20:10:40
  if (digits(s, p, 2, y) && p + 9 < s.size() && s[p + 2] == '/' && digits(s, p + 3, 2, mo) && s[p + 5] == '/' && digits(s, p + 6, 2, d) && s[p + 8] == ' ') {
    p += 9;
    if (clock_time(s, p, h, mi, sec, ms) && (out.time_ms = to_ms(2000 + y, mo, d, h, mi, sec, ms))) {
      at = p;
      return true;
    }
    return false;
  }
  // 081109 203615
  if (digits(s, p, 6, y) && p + 13 <= s.size() && s[p + 6] == ' ' && digits(s, p + 7, 6, h) && (p + 13 == s.size() || !is_digit(s[p + 13]))) {
    out.time_ms = to_ms(2000 + y / 10'000, y / 100 % 100, y % 100, h / 10'000, h / 100 % 100, h % 100, 0);
    if (out.time_ms) {
      at = p + 13;
      return true;
    }
  }
  // 10/Oct/2000:13:55:36 +0000
  if (digits(s, p, 2, d) && p + 20 < s.size() && s[p + 2] == '/' && (mo = month_of(s.substr(p + 3))) && s[p + 6] == '/' && digits(s, p + 7, 4, y) && s[p + 11] == ':') {
    p += 12;
    if (clock_time(s, p, h, mi, sec, ms) && (out.time_ms = to_ms(y, mo, d, h, mi, sec, ms))) {
      zone(s, p, out);
      at = p;
      return true;
    }
    return false;
  }
  // Jan  2 15:04:05 and Sun Dec 04 04:47:44 2005
  auto q = p;
  if (q + 4 < s.size() && is_letter(s[q]) && s[q + 3] == ' ' && month_of(s.substr(q + 4)) && !month_of(s.substr(q)))
    q += 4;
  if (q + 6 < s.size() && (mo = month_of(s.substr(q))) && s[q + 3] == ' ') {
    q += 4;
    if (q < s.size() && s[q] == ' ')
      ++q;
    const bool two = q + 1 < s.size() && is_digit(s[q + 1]);
    if (digits(s, q, two ? 2 : 1, d)) {
      q += two ? 2 : 1;
      if (q < s.size() && s[q] == ' ' && clock_time(s, ++q, h, mi, sec, ms)) {
        int year = 0;
        if (q < s.size() && s[q] == ' ' && digits(s, q + 1, 4, year) && year >= 1970 && year < 2100) {
          q += 5;
        } else {
          year = 2000; // a leap year: every date exists
          out.year_known = false;
        }
        out.time_ms = to_ms(year, mo, d, h, mi, sec, ms);
        at = q;
        return out.time_ms.has_value();
      }
    }
  }
  // E0102 15:04:05.000000
  if (p + 14 < s.size() && std::string_view{"IWEFD"}.find(s[p]) != std::string_view::npos && digits(s, p + 1, 2, mo) && digits(s, p + 3, 2, d) && s[p + 5] == ' ') {
    auto r = p + 6;
    if (clock_time(s, r, h, mi, sec, ms) && (out.time_ms = to_ms(2000, mo, d, h, mi, sec, ms))) {
      out.year_known = false;
      switch (s[p]) {
      case 'W': out.level = severity::warning; break;
      case 'E': out.level = severity::error; break;
      case 'F': out.level = severity::fatal; break;
      case 'D': out.level = severity::debug; break;
      default: out.level = severity::info;
      }
      at = r;
      return true;
    }
  }
  // 03-17 16:13:38.811 (Android)
  if (digits(s, p, 2, mo) && p + 6 < s.size() && s[p + 2] == '-' && digits(s, p + 3, 2, d) && s[p + 5] == ' ') {
    auto r = p + 6;
    if (clock_time(s, r, h, mi, sec, ms) && (out.time_ms = to_ms(2000, mo, d, h, mi, sec, ms))) {
      out.year_known = false;
      at = r;
      return true;
    }
  }
  // 1117838570 or 1117838570123, as a word of its own
  std::size_t n = 0;
  while (p + n < s.size() && is_digit(s[p + n]))
    ++n;
  if ((n == 10 || n == 13) && s[p] == '1' && (p + n == s.size() || s[p + n] == ' ' || s[p + n] == '.' || s[p + n] == '\t')) {
    std::int64_t value = 0;
    for (std::size_t i = 0; i < n; ++i)
      value = value * 10 + (s[p + i] - '0');
    out.time_ms = n == 10 ? value * 1000 : value;
    out.zone_known = true;
    at = p + n;
    return true;
  }
  return false;
}

severity level_word(std::string_view word) {
  struct row {
    std::string_view name;
    severity level;
  };
  static constexpr row rows[] = {
      {"TRACE", severity::debug},   {"DEBUG", severity::debug},    {"VERBOSE", severity::debug}, {"INFO", severity::info},
      {"NOTICE", severity::info},   {"INFORMATION", severity::info}, {"WARN", severity::warning}, {"WARNING", severity::warning},
      {"ERROR", severity::error},   {"ERR", severity::error},      {"SEVERE", severity::error},  {"FAILURE", severity::error},
      {"CRITICAL", severity::fatal}, {"CRIT", severity::fatal},    {"FATAL", severity::fatal},   {"ALERT", severity::fatal},
      {"EMERG", severity::fatal},   {"PANIC", severity::fatal},    {"EMERGENCY", severity::fatal}};
  if (word.size() < 3 || word.size() > 11)
    return severity::none;
  for (auto& r : rows)
    if (r.name.size() == word.size() && std::equal(word.begin(), word.end(), r.name.begin(), [](char a, char b) { return (a & ~0x20) == b; }))
      return r.level;
  return severity::none;
}

} // namespace

std::string_view name_of(severity s) noexcept {
  switch (s) {
  case severity::none: return "none";
  case severity::debug: return "debug";
  case severity::info: return "info";
  case severity::warning: return "warning";
  case severity::error: return "error";
  case severity::fatal: return "fatal";
  }
  return "none";
}

line_header parse_header(std::string_view line) {
  line_header h;
  std::size_t at = 0;
  const auto skip = [&] {
    while (at < line.size() && (line[at] == ' ' || line[at] == '\t' || line[at] == '[' || line[at] == '(' || line[at] == '"'))
      ++at;
  };
  skip();
  // The time is the first word or within the first few (host, container, alert tag before it).
  for (int word = 0; word < 5 && at < line.size(); ++word) {
    if (read_time(line, at, h)) {
      h.message = at;
      break;
    }
    while (at < line.size() && line[at] != ' ' && line[at] != '\t' && line[at] != '[' && line[at] != '"')
      ++at;
    skip();
  }
  if (!h.time_ms)
    h.zone_known = true, at = 0;
  // The level: a word of its own soon after the time, or in a JSON or logfmt member.
  const auto end = std::min<std::size_t>(line.size(), at + 160);
  std::size_t p = at;
  int words = 0;
  while (p < end && words < 12 && h.level == severity::none) {
    while (p < end && !is_letter(line[p]))
      ++p;
    const auto from = p;
    while (p < end && is_letter(line[p]))
      ++p;
    ++words;
    const auto word = line.substr(from, p - from);
    // In prose ("error" in lower case, late) a level word is no level, except after level= or "level":".
    const bool upper = !word.empty() && word[0] >= 'A' && word[0] <= 'Z' && word.size() > 1 && word[1] >= 'A' && word[1] <= 'Z';
    const bool framed = from > 0 && p < line.size() && ((line[from - 1] == '[' && line[p] == ']') || (line[from - 1] == '"' && line[p] == '"') || line[from - 1] == '=' || (line[from - 1] == '<' && line[p] == '>') || (line[from - 1] == ':' && line[p] == ']'));
    if (upper || framed)
      h.level = level_word(word);
    if (h.level != severity::none && p > h.message && h.time_ms)
      h.message = p;
  }
  // Android's and others' single letters between spaces: " E ".
  if (h.level == severity::none && h.time_ms)
    for (auto q = at; q + 2 < std::min(line.size(), at + 24); ++q)
      if (line[q] == ' ' && (line[q + 2] == ' ' || line[q + 2] == '/')) {
        if (line[q + 1] == 'E')
          h.level = severity::error;
        else if (line[q + 1] == 'W')
          h.level = severity::warning;
        else if (line[q + 1] == 'F')
          h.level = severity::fatal;
      }
  while (h.message < line.size() && (line[h.message] == ' ' || line[h.message] == ']' || line[h.message] == ':' || line[h.message] == ')' || line[h.message] == '-' || line[h.message] == '\t' || line[h.message] == '"' || line[h.message] == ','))
    ++h.message;
  return h;
}

} // namespace fm::evidence
