// Times and levels at the beginning of a line, by hand-written scanners: no regular expression, no allocation.
#include "actors/evidence/line_header.hpp"

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

/// HH:MM:SS[.,:fff…] or HH.MM.SS.fff at `at`; moves `at` behind it.
bool clock_time(std::string_view s, std::size_t& at, int& h, int& mi, int& sec, int& ms) {
  if (!digits(s, at, 2, h) || at + 8 > s.size() || (s[at + 2] != ':' && s[at + 2] != '.') || !digits(s, at + 3, 2, mi) ||
      s[at + 5] != s[at + 2] || !digits(s, at + 6, 2, sec))
    return false;
  at += 8;
  ms = 0;
  if (at + 1 < s.size() && (s[at] == '.' || s[at] == ',' || s[at] == ':') && is_digit(s[at + 1])) {
    int n = 0;
    for (++at; at < s.size() && is_digit(s[at]); ++at, ++n)
      if (n < 3)
        ms = ms * 10 + (s[at] - '0');
    for (; n < 3; ++n)
      ms *= 10;
  }
  return true;
}

/// H:MM[:SS] with AM or PM, or a clock_time.
bool day_clock(std::string_view s, std::size_t& at, int& h, int& mi, int& sec, int& ms) {
  auto p = at;
  if (!clock_time(s, p, h, mi, sec, ms)) {
    const std::size_t n = p + 1 < s.size() && is_digit(s[p + 1]) ? 2 : 1;
    if (!digits(s, p, n, h) || p + n >= s.size() || s[p + n] != ':' || !digits(s, p + n + 1, 2, mi))
      return false;
    p += n + 3;
    sec = ms = 0;
    if (p < s.size() && s[p] == ':' && digits(s, p + 1, 2, sec))
      p += 3;
  }
  const auto half = s.substr(p, 3);
  if (half.size() == 3 && half[0] == ' ' && (half[2] | 0x20) == 'm' && ((half[1] | 0x20) == 'a' || (half[1] | 0x20) == 'p') && (p + 3 == s.size() || !is_letter(s[p + 3]))) {
    if (h < 1 || h > 12)
      return false;
    h = h % 12 + ((half[1] | 0x20) == 'p' ? 12 : 0);
    p += 3;
  }
  at = p;
  return true;
}

/// H:M:S:f without leading zeros, as some telephones write it.
bool loose_time(std::string_view s, std::size_t& at, int& h, int& mi, int& sec, int& ms) {
  auto p = at;
  const auto number = [&](int most, int& out) {
    const auto from = p;
    for (out = 0; p < s.size() && is_digit(s[p]) && p - from < 3; ++p)
      out = out * 10 + (s[p] - '0');
    return p > from && out <= most;
  };
  const auto colon = [&] { return p < s.size() && s[p++] == ':'; };
  if (!(number(23, h) && colon() && number(59, mi) && colon() && number(60, sec) && colon() && number(999, ms)))
    return false;
  at = p;
  return true;
}

/// A zone by its name, in minutes east; those that mean several are left out.
std::optional<int> zone_named(std::string_view name) {
  struct row {
    std::string_view name;
    int minutes;
  };
  static constexpr row rows[] = {{"UTC", 0},    {"GMT", 0},    {"CET", 60},   {"CEST", 120}, {"EET", 120},  {"EEST", 180}, {"MSK", 180},
                                 {"EST", -300}, {"EDT", -240}, {"PST", -480}, {"PDT", -420}, {"MST", -420}, {"MDT", -360}, {"JST", 540}};
  for (auto& r : rows)
    if (r.name == name)
      return r.minutes;
  return std::nullopt;
}

/// Z, ±HH[:]MM or a name after an optional space.
void zone(std::string_view s, std::size_t& at, line_header& h) {
  auto p = at;
  if (p + 3 < s.size() && s[p] == ' ' && s[p + 1] >= 'A' && s[p + 1] <= 'Z') {
    auto end = p + 1;
    while (end < s.size() && end - p <= 5 && s[end] >= 'A' && s[end] <= 'Z')
      ++end;
    if (const auto minutes = zone_named(s.substr(p + 1, end - p - 1))) {
      *h.time_ms -= *minutes * 60'000LL;
      h.zone_known = true;
      at = end;
      return;
    }
  }
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
  // 31.01.2026 12:00:00, 1/31/2026 3:04:05 PM: the month first unless it cannot be
  if (const std::size_t one = p + 1 < s.size() && is_digit(s[p + 1]) ? 2 : 1; digits(s, p, one, mo) && p + one + 1 < s.size() && (s[p + one] == '/' || s[p + one] == '.')) {
    const char mark = s[p + one];
    auto r = p + one + 1;
    const std::size_t two = r + 1 < s.size() && is_digit(s[r + 1]) ? 2 : 1;
    if (digits(s, r, two, d) && r + two < s.size() && s[r + two] == mark && digits(s, r + two + 1, 4, y) && y >= 1970 && y < 2100) {
      r += two + 5;
      if (r < s.size() && s[r] == ',')
        ++r;
      if (mark == '.' || mo > 12)
        std::swap(mo, d);
      if (r < s.size() && s[r] == ' ' && day_clock(s, ++r, h, mi, sec, ms) && (out.time_ms = to_ms(y, mo, d, h, mi, sec, ms))) {
        zone(s, r, out);
        at = r;
        return true;
      }
      return false;
    }
  }
  // 02-Jan-2026 15:04:05.000, 2 Jan 2026 15:04:05
  if (const std::size_t one = p + 1 < s.size() && is_digit(s[p + 1]) ? 2 : 1;
      digits(s, p, one, d) && p + one + 9 < s.size() && (s[p + one] == '-' || s[p + one] == ' ') && (mo = month_of(s.substr(p + one + 1))) && s[p + one + 4] == s[p + one] &&
      digits(s, p + one + 5, 4, y) && y >= 1970 && y < 2100) {
    auto r = p + one + 9;
    if (r < s.size() && (s[r] == ' ' || s[r] == ':') && clock_time(s, ++r, h, mi, sec, ms) && (out.time_ms = to_ms(y, mo, d, h, mi, sec, ms))) {
      zone(s, r, out);
      at = r;
      return true;
    }
    return false;
  }
  // 20171223-22:15:29:606
  int whole = 0;
  if (digits(s, p, 8, whole) && whole >= 19700101 && p + 17 <= s.size() && (s[p + 8] == '-' || s[p + 8] == 'T' || s[p + 8] == ' ')) {
    auto r = p + 9;
    if ((clock_time(s, r, h, mi, sec, ms) || loose_time(s, r, h, mi, sec, ms)) && (out.time_ms = to_ms(whole / 10'000, whole / 100 % 100, whole % 100, h, mi, sec, ms))) {
      zone(s, r, out);
      at = r;
      return true;
    }
  }
  // 10.30 16:49:06
  if (digits(s, p, 2, mo) && p + 14 <= s.size() && s[p + 2] == '.' && digits(s, p + 3, 2, d) && s[p + 5] == ' ') {
    auto r = p + 6;
    if (clock_time(s, r, h, mi, sec, ms) && (out.time_ms = to_ms(2000, mo, d, h, mi, sec, ms))) {
      out.year_known = false;
      at = r;
      return true;
    }
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
      // Jan 2, 2026 3:04:05 PM
      if (auto r = q + 2; r + 5 < s.size() && s[q] == ',' && s[q + 1] == ' ' && digits(s, r, 4, y) && s[r + 4] == ' ') {
        r += 5;
        if (day_clock(s, r, h, mi, sec, ms) && (out.time_ms = to_ms(y, mo, d, h, mi, sec, ms))) {
          zone(s, r, out);
          at = r;
          return true;
        }
        return false;
      }
      if (q < s.size() && s[q] == ' ' && clock_time(s, ++q, h, mi, sec, ms)) {
        int year = 0;
        if (q < s.size() && s[q] == ' ' && digits(s, q + 1, 4, year) && year >= 1970 && year < 2100) {
          q += 5;
        } else {
          year = 2000; // a leap year: every date exists
          out.year_known = false;
        }
        out.time_ms = to_ms(year, mo, d, h, mi, sec, ms);
        out.month_name = true;
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
    if (n == 10 && at + 1 < s.size() && s[at] == '.' && is_digit(s[at + 1])) { // 1700000000.250
      int part = 0, places = 0;
      for (++at; at < s.size() && is_digit(s[at]); ++at)
        if (places < 3) {
          part = part * 10 + (s[at] - '0');
          ++places;
        }
      for (; places < 3; ++places)
        part *= 10;
      *out.time_ms += part;
    }
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

namespace {
bool is_space(char c) { return c == ' ' || c == '\t'; }

/// Walks over a line's head, one item at a time. Nothing is copied.
struct head_reader {
  std::string_view line;
  std::size_t at = 0;

  bool done() const { return at >= line.size(); }
  char peek(std::size_t ahead = 0) const { return at + ahead < line.size() ? line[at + ahead] : '\0'; }
  void skip_spaces() {
    while (at < line.size() && is_space(line[at]))
      ++at;
  }
  std::string_view word() const {
    auto end = at;
    while (end < line.size() && !is_space(line[end]))
      ++end;
    return line.substr(at, end - at);
  }
  /// The end of a bracketed group that starts here, nested ones included; 0 = none within 200 bytes.
  std::size_t bracket_end() const {
    if (peek() != '[')
      return 0;
    int depth = 0;
    for (auto p = at; p < std::min(line.size(), at + 200); ++p) {
      depth += line[p] == '[' ? 1 : line[p] == ']' ? -1 : 0;
      if (depth == 0)
        return p + 1;
    }
    return 0;
  }
};

bool all_digits(std::string_view w) {
  return !w.empty() && std::all_of(w.begin(), w.end(), is_digit);
}
std::string_view bare(std::string_view w) {
  while (!w.empty() && (w.front() == '[' || w.front() == '(' || w.front() == '<' || w.front() == '"'))
    w.remove_prefix(1);
  while (!w.empty() && (w.back() == ']' || w.back() == ')' || w.back() == '>' || w.back() == ',' || w.back() == ':' || w.back() == '"' || w.back() == '|'))
    w.remove_suffix(1);
  return w;
}
severity letter_level(std::string_view w) {
  if (w.size() != 1)
    return severity::none;
  switch (w[0]) {
  case 'V':
  case 'D':
  case 'T': return severity::debug;
  case 'I': return severity::info;
  case 'W': return severity::warning;
  case 'E': return severity::error;
  case 'F': return severity::fatal;
  default: return severity::none;
  }
}
/// "sshd[123]:", "dfs.DataNode$PacketResponder:", "com.apple.cts[258]:", "WindowManager:": a name with a colon.
bool component_like(std::string_view w) {
  if (w.size() < 2 || w.size() > 100 || w.back() != ':' || is_digit(w[0]))
    return false;
  return std::all_of(w.begin(), w.end() - 1, [](char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '_' || c == '-' || c == '$' || c == '/' || c == '(' || c == ')' || c == '[' || c == ']' ||
           c == '#' || c == '@' || c == '*' || c == '+' || c == '<' || c == '>' || c == '\'';
  });
}
/// A name that says by itself that it is one: with a process number, a dot inside, or two capitals in one word.
bool surely_component(std::string_view w) {
  const auto name = w.substr(0, w.size() - 1);
  if (name.ends_with(']') || name.find('$') != std::string_view::npos)
    return true;
  const auto dot = name.find('.');
  if (dot != std::string_view::npos && dot > 0 && dot + 1 < name.size())
    return true;
  std::size_t humps = 0;
  for (std::size_t i = 1; i < name.size(); ++i)
    humps += name[i] >= 'A' && name[i] <= 'Z' && name[i - 1] >= 'a' && name[i - 1] <= 'z';
  return humps >= 1;
}
bool dotted_name(std::string_view w) {
  std::size_t dots = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    if (w[i] == '.')
      ++dots;
    else if (!is_letter(w[i]) && w[i] != '_' && w[i] != '$' && !is_digit(w[i]))
      return false;
  }
  return dots > 0 && is_letter(w.front()) && is_letter(w.back());
}
bool upper_word(std::string_view w) {
  return w.size() >= 2 && std::all_of(w.begin(), w.end(), [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
}

/// level=error, "level":"error", severity="warn": where structured lines say it.
severity member_level(std::string_view line) {
  for (std::string_view name : {"level", "severity", "lvl", "loglevel", "priority"}) {
    for (auto at = line.find(name); at != std::string_view::npos; at = line.find(name, at + 1)) {
      auto p = at + name.size();
      while (p < line.size() && (line[p] == '"' || line[p] == ' '))
        ++p;
      if (p >= line.size() || (line[p] != '=' && line[p] != ':'))
        continue;
      ++p;
      while (p < line.size() && (line[p] == '"' || line[p] == ' '))
        ++p;
      auto end = p;
      while (end < line.size() && is_letter(line[end]))
        ++end;
      if (const auto level = level_word(line.substr(p, end - p)); level != severity::none)
        return level;
    }
  }
  return severity::none;
}
} // namespace

namespace {
/// Whether a time may begin here, by the first two bytes.
bool may_be_time(char c, char next) {
  if (is_digit(c))
    return true;
  if (!is_letter(c) || c >= 'a')
    return false;
  return is_digit(next) || (next >= 'a' && next <= 'z');
}

/// "10:15:32.123" and nothing else of a date, as the first word.
bool time_of_day(std::string_view line, std::size_t& at, line_header& out) {
  int h = 0, mi = 0, sec = 0, ms = 0;
  auto p = at;
  if (p + 8 > line.size() || line[p + 2] != ':' || !clock_time(line, p, h, mi, sec, ms) || h > 23 || mi > 59 || sec > 60)
    return false;
  if (p < line.size() && !is_space(line[p]) && line[p] != ']' && line[p] != ')' && line[p] != ':' && line[p] != ',' && line[p] != '|')
    return false;
  out.time_ms = ((h * 60LL + mi) * 60 + sec) * 1'000 + ms;
  out.date_known = out.year_known = out.zone_known = false;
  at = p;
  return true;
}
/// "[12345.678901]": seconds since the machine started, as the kernel writes them.
bool time_since_start(std::string_view line, std::size_t& at, line_header& out) {
  if (line.empty() || line[0] != '[')
    return false;
  std::size_t p = 1;
  while (p < line.size() && line[p] == ' ')
    ++p;
  std::int64_t seconds = 0, micros = 0;
  const auto from = p;
  for (; p < line.size() && is_digit(line[p]) && p - from < 9; ++p)
    seconds = seconds * 10 + (line[p] - '0');
  if (p == from || p >= line.size() || line[p] != '.')
    return false;
  const auto point = ++p;
  for (; p < line.size() && is_digit(line[p]); ++p)
    micros = micros * 10 + (line[p] - '0');
  if (p - point != 6 || p >= line.size() || line[p] != ']')
    return false;
  out.time_ms = seconds * 1'000 + micros / 1'000;
  out.date_known = out.year_known = out.zone_known = false;
  at = p + 1;
  return true;
}
/// The level of a syslog priority "<34>" (RFC 5424, 6.2.1); `at` moves behind it and the version.
severity priority_level(std::string_view line, std::size_t& at) {
  int value = 0;
  std::size_t p = 1;
  while (p < line.size() && is_digit(line[p]) && p < 4)
    value = value * 10 + (line[p++] - '0');
  if (p == 1 || p >= line.size() || line[p] != '>' || value > 191)
    return severity::none;
  at = p + 1;
  if (at + 1 < line.size() && line[at] == '1' && line[at + 1] == ' ')
    at += 2;
  switch (value & 7) {
  case 0:
  case 1:
  case 2: return severity::fatal;
  case 3: return severity::error;
  case 4: return severity::warning;
  case 7: return severity::debug;
  default: return severity::info;
  }
}

enum class member : std::uint8_t { none, time, level, message, container_message, status };
member member_of(std::string_view key) {
  struct row {
    std::string_view name;
    member what;
  };
  static constexpr row rows[] = {
      {"time", member::time},     {"timestamp", member::time},   {"@timestamp", member::time},   {"ts", member::time},           {"t", member::time},
      {"datetime", member::time}, {"date", member::time},        {"asctime", member::time},      {"eventTime", member::time},    {"@t", member::time},
      {"level", member::level},   {"severity", member::level},   {"lvl", member::level},         {"loglevel", member::level},    {"log.level", member::level},
      {"levelname", member::level}, {"@l", member::level},       {"severity_text", member::level}, {"severityText", member::level}, {"msg", member::message},
      {"message", member::message}, {"event", member::message},  {"body", member::message},      {"short_message", member::message}, {"@m", member::message},
      {"log", member::container_message}, {"status", member::status}, {"status_code", member::status}};
  for (auto& r : rows)
    if (r.name == key)
      return r.what;
  return member::none;
}
/// 10 to 60 as bunyan and pino count, 0 to 7 as syslog does.
severity numbered_level(int n) {
  if (n >= 60)
    return severity::fatal;
  if (n >= 50)
    return severity::error;
  if (n >= 40)
    return severity::warning;
  if (n >= 30)
    return severity::info;
  if (n >= 10)
    return severity::debug;
  return n <= 2 ? severity::fatal : n == 3 ? severity::error : n == 4 ? severity::warning : n == 7 ? severity::debug : severity::info;
}

/// A line that is one JSON object: its own members say time, level and message. Tolerant: what is cut off is not missed.
line_header json_head(std::string_view line, std::size_t at) {
  line_header h;
  h.message = at;
  int depth = 0, status = 0;
  bool expects_key = false;
  std::string_view key;
  const auto whole_number = [](std::string_view v) {
    int n = 0;
    for (const char c : v.substr(0, 9)) {
      if (!is_digit(c))
        break;
      n = n * 10 + (c - '0');
    }
    return n;
  };
  const auto value = [&](std::string_view v, std::size_t from, bool text) {
    switch (member_of(key)) {
    case member::time: {
      line_header t;
      std::size_t p = 0;
      if (!h.time_ms && read_time(v, p, t)) {
        h.time_ms = t.time_ms;
        h.year_known = t.year_known;
        h.zone_known = t.zone_known;
      }
      break;
    }
    case member::level:
      if (h.level == severity::none)
        h.level = text ? level_word(v) : !v.empty() && is_digit(v[0]) ? numbered_level(whole_number(v)) : severity::none;
      break;
    case member::message:
    case member::container_message:
      if (text && h.message_end == std::string_view::npos && !v.empty()) {
        h.message = from;
        h.message_end = from + v.size();
        if (member_of(key) == member::container_message) { // what the program itself wrote has a head of its own
          if (v.ends_with("\\n"))
            h.message_end -= 2;
          const auto inner = parse_head(line.substr(0, h.message_end).substr(from), {});
          h.message += inner.message_end == std::string_view::npos ? inner.message : 0;
          if (h.level == severity::none)
            h.level = inner.level;
        }
      }
      break;
    case member::status: status = text ? 0 : whole_number(v); break;
    case member::none: break;
    }
  };
  for (auto p = at; p < line.size();) {
    const char c = line[p];
    if (c == '"') {
      const auto from = ++p;
      while (p < line.size() && line[p] != '"')
        p += line[p] == '\\' ? 2 : 1;
      const auto end = std::min(p, line.size());
      const auto word = line.substr(from, end - from);
      ++p;
      if (depth != 1)
        continue;
      if (expects_key) {
        key = word;
        expects_key = false;
      } else {
        value(word, from, true);
      }
      continue;
    }
    if (c == '{' || c == '[') {
      ++depth;
      expects_key = depth == 1;
    } else if (c == '}' || c == ']') {
      --depth;
    } else if (c == ',') {
      expects_key = depth == 1;
    } else if (depth == 1 && !expects_key && (is_digit(c) || c == '-')) {
      const auto from = p;
      while (p < line.size() && line[p] != ',' && line[p] != '}' && !is_space(line[p]))
        ++p;
      value(line.substr(from, p - from), from, false);
      continue;
    }
    ++p;
  }
  if (h.level == severity::none && status >= 500 && status <= 599)
    h.level = severity::error;
  return h;
}

/// "GET / HTTP/1.1" 502: what a server of its own fault answers is an error.
severity access_level(std::string_view message) {
  const auto end = message.empty() || message[0] != '"' ? std::string_view::npos : message.find("\" ", 1);
  if (end == std::string_view::npos || end + 5 > message.size() || message.substr(0, end).find(" HTTP/") == std::string_view::npos)
    return severity::none;
  int status = 0;
  if (!digits(message, end + 2, 3, status) || (end + 5 < message.size() && is_digit(message[end + 5])))
    return severity::none;
  return status >= 500 && status <= 599 ? severity::error : severity::info;
}
} // namespace

severity level_inside(std::string_view message) { return member_level(message.substr(0, 400)); }

line_header parse_header(std::string_view line, const log_layout& layout) {
  auto h = parse_head(line, layout);
  if (h.level == severity::none)
    h.level = level_inside(line.substr(std::min(h.message, line.size())));
  return h;
}

line_header parse_head(std::string_view line, const log_layout& layout) {
  line_header h;
  head_reader r{line};
  // The time is the first word or within the next few (alert tag, host, container before it).
  bool epoch = false, rfc5424 = false;
  std::string_view before[6];
  std::size_t words_before = 0;
  if (!line.empty() && line[0] == '<')
    if (h.level = priority_level(line, r.at); h.level != severity::none)
      rfc5424 = r.at > 1 && line[r.at - 1] == ' ';
  for (std::size_t i = 0; i < 6 && !r.done(); ++i) {
    while (!r.done() && (is_space(r.peek()) || r.peek() == '[' || r.peek() == '(' || r.peek() == '"'))
      ++r.at;
    auto at = r.at;
    if (r.peek() == '{') {
      if (i == 0)
        return json_head(line, r.at);
      break; // a JSON object behind something else: members, not a head
    }
    if (i == 0 && (time_since_start(line, at, h) || (is_digit(r.peek()) && time_of_day(line, at, h)))) {
      r.at = at;
      break;
    }
    if (may_be_time(r.peek(), r.peek(1)) && read_time(line, at, h)) {
      epoch = at - r.at <= 13 && is_digit(line[r.at]) && all_digits(line.substr(r.at, at - r.at));
      r.at = at;
      break;
    }
    const auto w = r.word();
    if (const auto equals = w.substr(0, 10).find('='); equals != std::string_view::npos && member_of(w.substr(0, equals)) == member::time) { // time=2026-…
      at = r.at + equals + 1;
      at += at < line.size() && line[at] == '"';
      if (at < line.size() && read_time(line, at, h)) {
        at += at < line.size() && line[at] == '"';
        r.at = at;
        break;
      }
    }
    before[words_before++] = w;
    r.at += w.size();
  }
  if (!h.time_ms) {
    h.zone_known = true;
    r.at = 0;
    r.skip_spaces();
    if (h.level == severity::none) {
      // No time: a level may still come first ("ERROR: …", "[error] …", "W0102 …").
      const auto w = r.word();
      const auto b = bare(w);
      if (b.size() > 2 && (upper_word(b) || w.front() == '[' || w.front() == '<' || w.ends_with(':')))
        h.level = level_word(b);
      if (h.level != severity::none)
        r.at += w.size();
    }
    r.skip_spaces();
    h.message = r.at;
    return h;
  }
  if (rfc5424) { // host, program, process, message's name, structured data
    for (int i = 0; i < 4; ++i) {
      r.skip_spaces();
      r.at += r.word().size();
    }
    r.skip_spaces();
    if (r.peek() == '-')
      ++r.at;
    for (auto end = r.bracket_end(); end != 0; end = r.bracket_end())
      r.at = end;
    r.skip_spaces();
    h.message = r.at;
    return h;
  }
  // An epoch is often followed by the same moment in words (BlueGene, Thunderbird): the last of them ends the times.
  if (epoch) {
    auto probe = r;
    for (int i = 0; i < 5; ++i) {
      while (!probe.done() && (is_space(probe.peek()) || probe.peek() == '['))
        ++probe.at;
      auto at = probe.at;
      line_header again;
      if (read_time(line, at, again) && !(at - probe.at <= 13 && all_digits(line.substr(probe.at, at - probe.at)))) {
        before[std::min<std::size_t>(words_before, 5)] = line.substr(r.at, probe.at - r.at);
        r.at = at;
        break;
      }
      probe.at += probe.word().size();
    }
  }
  // What a container runtime puts before the program's own head: "… stderr F I0102 15:04:05.000000 …"
  if (auto probe = r; !epoch) {
    probe.skip_spaces();
    const auto stream = probe.word();
    if (stream == "stderr" || stream == "stdout") {
      probe.at += stream.size();
      probe.skip_spaces();
      if (const auto part = probe.word(); part == "F" || part == "P") {
        probe.at += part.size();
        probe.skip_spaces();
        auto at = probe.at;
        line_header inner;
        if (read_time(line, at, inner)) {
          h.level = inner.level;
          probe.at = at;
        }
        r = probe;
      }
    }
  }
  const bool prioritized = h.level != severity::none && line[0] == '<';
  bool syslog = h.month_name || epoch; // "Jun 14 15:16:01 combo sshd[1]: …" names a host before the program
  bool had_component = false, had_level = h.level != severity::none, had_number = false, had_bracket = false;
  if (h.level != severity::none && !prioritized)
    syslog = false; // klog
  if (r.peek() == '|') { // 20171223-22:15:29:606|Step_LSC|30002312|text
    for (int i = 0; i < 3 && r.peek() == '|'; ++i) {
      const auto next = line.find('|', r.at + 1);
      if (next == std::string_view::npos || next - r.at > 64) {
        ++r.at;
        break;
      }
      r.at = next;
    }
    if (r.peek() == '|')
      ++r.at;
    h.message = r.at;
    return h;
  }
  for (int item = 0; item < 10 && !r.done(); ++item) {
    while (!r.done() && (is_space(r.peek()) || r.peek() == ']' || r.peek() == ')' || r.peek() == ',' || r.peek() == '|' ||
                         (r.peek() == '-' && (is_space(r.peek(1)) || r.peek(1) == '\0')) || (r.peek() == ':' && is_space(r.peek(1)))))
      ++r.at;
    if (r.done())
      break;
    if (layout.dash && item == 0 && !had_level) { // chrome.exe *64 - text
      const auto dash = line.find(" - ", r.at);
      if (dash != std::string_view::npos && dash - r.at <= 40) {
        r.at = dash + 3;
        break;
      }
    }
    const auto w = r.word();
    const auto b = bare(w);
    if (w.size() > 4 && w.back() == ']' && w.find('[') == std::string_view::npos && w.find(':') != std::string_view::npos && !had_component) {
      had_component = true; // controller.go:114]
      r.at += w.size();
      continue;
    }
    if (!had_level && b.size() >= 3)
      if (const auto level = level_word(b); level != severity::none && (upper_word(b) || w.front() == '[' || w.front() == '<' || w.back() == ',' || w.back() == ':' || b[0] < 'a')) {
        h.level = level;
        had_level = true;
        r.at += w.size();
        continue;
      }
    if (!had_level && had_number)
      if (const auto level = letter_level(b); level != severity::none) {
        h.level = level;
        had_level = true;
        r.at += w.size();
        continue;
      }
    if (all_digits(b) && !had_component && w.size() <= 12 && (!had_level || w.front() == '[' || (item == 0 && h.level != severity::none))) { // process and thread numbers
      had_number = true;
      r.at += w.size();
      continue;
    }
    if (const auto end = r.bracket_end(); end != 0 && !had_bracket && (had_level || had_number || had_component)) {
      // [main], [QuorumPeer[myid=1]…], [req-…]: context, when something follows it
      if (end < line.size()) {
        had_bracket = true;
        r.at = end;
        continue;
      }
    }
    if (item == 0 && words_before > 0 && w.size() > 3 && std::find(before, before + words_before, w) != before + words_before) {
      r.at += w.size(); // said before already: a node's name
      continue;
    }
    if (!had_component && component_like(w) && (surely_component(w) || layout.component || (syslog && item > 0))) {
      had_component = true;
      r.at += w.size();
      continue;
    }
    if (syslog && item == 0 && (!had_level || prioritized)) { // the host
      r.at += w.size();
      continue;
    }
    if (!had_level && epoch && upper_word(w)) { // RAS KERNEL INFO
      auto probe = r;
      bool leads = false;
      for (int i = 0; i < 3 && !leads; ++i) {
        probe.at += probe.word().size();
        probe.skip_spaces();
        const auto next = probe.word();
        if (!upper_word(next))
          break;
        leads = level_word(next) != severity::none;
      }
      if (leads) {
        r.at = probe.at;
        continue;
      }
    }
    if (had_level && !had_component && dotted_name(w) && layout.dotted) { // nova.osapi_compute.wsgi.server
      had_component = true;
      r.at += w.size();
      continue;
    }
    if (had_level && !had_component && upper_word(w) && w.size() <= 8 && is_space(r.peek(w.size())) && is_space(r.peek(w.size() + 1))) { // CBS    text
      had_component = true;
      r.at += w.size();
      continue;
    }
    if (!had_level && !had_component && !syslog)
      break;
    break;
  }
  r.skip_spaces();
  h.message = std::min(r.at, line.size());
  if (h.level == severity::none)
    h.level = access_level(line.substr(h.message));
  return h;
}

line_header parse_header(std::string_view line) { return parse_header(line, {}); }

log_layout infer_layout(std::string_view sample) {
  std::size_t all = 0, lines = 0, component = 0, dotted = 0, dash = 0;
  std::size_t at = 0;
  while (at < sample.size() && lines < 500) {
    auto end = std::min(sample.find('\n', at), sample.size());
    const auto line = sample.substr(at, std::min<std::size_t>(end - at, 1'024));
    at = end + 1;
    log_layout none;
    const auto h = parse_head(line, none);
    all += !line.empty();
    if (!h.time_ms)
      continue;
    ++lines;
    auto rest = line.substr(std::min(h.message, line.size()));
    const auto blank = rest.find(' ');
    const auto first = rest.substr(0, blank);
    component += component_like(first) || (h.message > 2 && line[h.message - 2] == ':');
    dotted += h.level != severity::none && first.size() > 2 && dotted_name(first);
    const auto d = line.find(" - ", h.message);
    dash += h.level == severity::none && d != std::string_view::npos && d - h.message <= 40;
  }
  log_layout l;
  l.timed = lines > 0 && lines * 2 >= all;
  l.headed = lines >= 5 && lines * 10 >= all * 8;
  l.component = lines >= 5 && component * 10 >= lines * 6;
  l.dotted = lines >= 5 && dotted * 10 >= lines * 6;
  l.dash = lines >= 5 && dash * 10 >= lines * 8;
  return l;
}

} // namespace fm::evidence
