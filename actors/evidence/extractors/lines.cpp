// Lines, citations, numbers, dates: the small tools that all extractors share.
#include "actors/evidence/extractors/lines.hpp"

#include "protocol/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace fm::extractors {

lines::lines(std::string_view text, std::size_t lines_max) : text_(text.substr(0, UINT32_MAX)) {
  starts_.push_back(0);
  for (std::size_t at = 0; at < text_.size();) {
    const auto c = text_[at++];
    if (c != '\n' && c != '\r')
      continue;
    if (c == '\r' && at < text_.size() && text_[at] == '\n')
      ++at;
    if (at >= text_.size())
      break; // an ending at the very end begins no line
    if (starts_.size() >= lines_max) {
      shortened_ = true;
      break;
    }
    starts_.push_back(static_cast<std::uint32_t>(at));
  }
}

std::string_view lines::operator[](std::size_t index) const noexcept {
  const std::size_t from = starts_[index];
  const std::size_t to = index + 1 < starts_.size() ? starts_[index + 1] : text_.size();
  auto line = text_.substr(from, to - from);
  if (!line.empty() && line.back() == '\n')
    line.remove_suffix(1);
  if (!line.empty() && line.back() == '\r')
    line.remove_suffix(1);
  return line;
}

std::size_t lines::index_at(std::size_t at) const noexcept {
  const auto it = std::upper_bound(starts_.begin(), starts_.end(), at, [](std::size_t a, std::uint32_t b) { return a < b; });
  return static_cast<std::size_t>(it - starts_.begin()) - 1;
}

citation lines::cite(std::size_t begin, std::size_t end) const noexcept {
  begin = std::min(begin, text_.size());
  end = std::clamp(end, begin, text_.size());
  const auto last = end > begin ? end - 1 : begin;
  return {begin, end, static_cast<std::uint32_t>(index_at(begin) + 1), static_cast<std::uint32_t>(index_at(last) + 1)};
}

citation lines::cite_lines(std::size_t first_index, std::size_t last_index) const noexcept {
  first_index = std::min(first_index, starts_.size() - 1);
  last_index = std::clamp(last_index, first_index, starts_.size() - 1);
  const auto last = (*this)[last_index];
  return {starts_[first_index], static_cast<std::uint64_t>(last.data() - text_.data()) + last.size(),
          static_cast<std::uint32_t>(first_index + 1), static_cast<std::uint32_t>(last_index + 1)};
}

std::string lines::quote(const citation& c) const {
  const auto size = std::min<std::uint64_t>(c.end - c.begin, quote_bytes_max);
  auto part = text_.substr(c.begin, size);
  return to_valid_utf8(part.substr(0, size < c.end - c.begin ? utf8_floor(text_.substr(c.begin), size) : size));
}

std::string number_text(double v) {
  if (std::isnan(v))
    return "NaN";
  if (std::isinf(v))
    return v > 0 ? "+Inf" : "-Inf";
  char buffer[40];
  const auto r = std::to_chars(buffer, buffer + sizeof buffer, v, std::chars_format::general, 6);
  return {buffer, r.ptr};
}

std::string short_number(double v) {
  if (!std::isfinite(v))
    return number_text(v);
  const double size = std::abs(v);
  const auto with = [&](double unit, const char* suffix) {
    char buffer[40];
    const auto r = std::to_chars(buffer, buffer + sizeof buffer, v / unit, std::chars_format::general, 3);
    return std::string{buffer, r.ptr} + suffix;
  };
  if (size >= 1e15)
    return with(1, "");
  if (size >= 999.5e9)
    return with(1e12, "T");
  if (size >= 999.5e6)
    return with(1e9, "G");
  if (size >= 999.5e3)
    return with(1e6, "M");
  if (size >= 9'995)
    return with(1e3, "k");
  if (size >= 999.5) {
    char buffer[40];
    const auto r = std::to_chars(buffer, buffer + sizeof buffer, std::round(v), std::chars_format::fixed, 0);
    return {buffer, r.ptr};
  }
  return with(1, "");
}

std::string time_text(std::int64_t ms) {
  std::int64_t seconds = ms / 1000;
  if (ms % 1000 < 0)
    --seconds;
  std::int64_t days = seconds / 86400, rest = seconds % 86400;
  if (rest < 0) {
    rest += 86400;
    --days;
  }
  // Civil from days (Hinnant).
  const std::int64_t z = days + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const auto doe = static_cast<unsigned>(z - era * 146097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned d = doy - (153 * mp + 2) / 5 + 1;
  const unsigned m = mp < 10 ? mp + 3 : mp - 9;
  const long long y = static_cast<long long>(yoe) + era * 400 + (m <= 2 ? 1 : 0);
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%04lld-%02u-%02u %02d:%02d:%02d", y, m, d, static_cast<int>(rest / 3600),
                static_cast<int>(rest / 60 % 60), static_cast<int>(rest % 60));
  return buffer;
}

std::int64_t days_from_civil(std::int64_t y, unsigned m, unsigned d) noexcept {
  y -= m <= 2 ? 1 : 0;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const auto yoe = static_cast<unsigned>(y - era * 400);
  const unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + static_cast<std::int64_t>(doe) - 719468;
}

namespace {

struct reader {
  std::string_view s;
  std::size_t at = 0;
  bool digits(std::size_t least, std::size_t most, unsigned& out) {
    std::size_t n = 0;
    unsigned v = 0;
    while (n < most && at + n < s.size() && is_digit(s[at + n]))
      v = v * 10 + static_cast<unsigned>(s[at + n++] - '0');
    if (n < least || (at + n < s.size() && is_digit(s[at + n])))
      return false;
    at += n;
    out = v;
    return true;
  }
  bool one_of(std::string_view set) {
    if (at < s.size() && set.find(s[at]) != std::string_view::npos) {
      ++at;
      return true;
    }
    return false;
  }
  char peek(std::size_t ahead = 0) const { return at + ahead < s.size() ? s[at + ahead] : '\0'; }
};

unsigned month_named(std::string_view s, std::size_t& used) {
  constexpr std::array<std::string_view, 12> names{"january", "february", "march",     "april",   "may",      "june",
                                                   "july",    "august",   "september", "october", "november", "december"};
  for (unsigned m = 0; m < 12; ++m) {
    if (ibegins(s, names[m]) && (s.size() == names[m].size() || !is_alpha(s[names[m].size()]))) {
      used = names[m].size();
      return m + 1;
    }
    const auto abbreviation = names[m].substr(0, 3);
    if (ibegins(s, abbreviation) && (s.size() == 3 || !is_alpha(s[3]))) {
      used = s.size() > 3 && s[3] == '.' ? 4 : 3;
      return m + 1;
    }
  }
  return 0;
}

} // namespace

std::optional<parsed_time> parse_time(std::string_view s) {
  reader r{s};
  unsigned y = 0, m = 0, d = 0;
  if (r.peek() != '\0' && is_digit(r.peek())) {
    unsigned a = 0;
    if (!r.digits(1, 4, a))
      return std::nullopt;
    if (r.at == 4) { // 2026-01-31, 2026/01/31
      y = a;
      const char separator = r.peek();
      if ((separator != '-' && separator != '/') || (++r.at, !r.digits(2, 2, m)) || r.peek() != separator || (++r.at, !r.digits(2, 2, d)))
        return std::nullopt;
    } else if (r.at <= 2 && r.peek() == '.') { // 31.01.2026
      d = a;
      ++r.at;
      if (!r.digits(1, 2, m) || r.peek() != '.' || (++r.at, !r.digits(4, 4, y)))
        return std::nullopt;
    } else if (r.at <= 2 && (r.peek() == ' ' || r.peek() == '-' || r.peek() == '/')) { // 31 January 2026, 31/Jan/2026
      d = a;
      ++r.at;
      std::size_t used = 0;
      m = month_named(s.substr(r.at), used);
      r.at += used;
      if (m == 0 || !r.one_of(" -/,") || !r.digits(4, 4, y))
        return std::nullopt;
    } else {
      return std::nullopt;
    }
  } else { // January 31, 2026
    std::size_t used = 0;
    m = month_named(s, used);
    r.at = used;
    if (m == 0 || !r.one_of(" ") || !r.digits(1, 2, d) || !r.one_of(", "))
      return std::nullopt;
    r.one_of(" ");
    if (!r.digits(4, 4, y))
      return std::nullopt;
  }
  if (y < 1970 || y > 2199 || m < 1 || m > 12 || d < 1 || d > 31)
    return std::nullopt;
  parsed_time t;
  t.day_only = true;
  t.at_ms = days_from_civil(y, m, d) * 86'400'000;
  t.size = r.at;
  // A time of day, when one follows.
  reader c = r;
  if (!c.one_of("Tt ,:"))
    return t;
  if (c.peek() == ' ')
    ++c.at;
  if (ibegins(s.substr(std::min(c.at, s.size())), "at "))
    c.at += 3;
  unsigned hour = 0, minute = 0, second = 0;
  if (!c.digits(1, 2, hour) || !c.one_of(":") || !c.digits(2, 2, minute) || hour > 23 || minute > 59)
    return t;
  std::int64_t ms = 0;
  if (c.peek() == ':' && is_digit(c.peek(1))) {
    ++c.at;
    if (!c.digits(2, 2, second) || second > 60)
      return t;
    if ((c.peek() == '.' || c.peek() == ',') && is_digit(c.peek(1))) {
      ++c.at;
      std::int64_t scale = 100;
      for (; is_digit(c.peek()); ++c.at, scale /= 10)
        ms += (c.peek() - '0') * scale;
    }
  }
  t.day_only = false;
  t.at_ms += (static_cast<std::int64_t>(hour) * 3600 + minute * 60 + second) * 1000 + ms;
  t.size = c.at;
  reader zone = c;
  if (zone.peek() == ' ')
    ++zone.at;
  if ((zone.peek() == 'Z' || zone.peek() == 'z') && !is_alnum(zone.peek(1))) {
    t.zone_known = true;
    t.size = zone.at + 1;
  } else if (s.substr(std::min(zone.at, s.size())).substr(0, 3) == "UTC" && !is_alnum(zone.peek(3))) {
    t.zone_known = true;
    t.size = zone.at + 3;
  } else if (zone.peek() == '+' || zone.peek() == '-') {
    const int sign = zone.peek() == '-' ? -1 : 1;
    ++zone.at;
    unsigned zh = 0, zm = 0;
    std::size_t digits = 0;
    while (digits < 4 && is_digit(zone.peek(digits)))
      ++digits;
    if (digits == 4) {
      zh = static_cast<unsigned>((zone.peek() - '0') * 10 + (zone.peek(1) - '0'));
      zm = static_cast<unsigned>((zone.peek(2) - '0') * 10 + (zone.peek(3) - '0'));
      zone.at += 4;
    } else if (digits == 2) {
      zone.digits(2, 2, zh);
      if (zone.peek() == ':' && is_digit(zone.peek(1)) && is_digit(zone.peek(2))) {
        ++zone.at;
        zone.digits(2, 2, zm);
      }
    } else {
      return t;
    }
    if (zh > 14 || zm > 59)
      return t;
    t.zone_known = true;
    t.at_ms -= sign * (static_cast<std::int64_t>(zh) * 60 + zm) * 60'000;
    t.size = zone.at;
  }
  return t;
}

namespace {
char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
} // namespace

bool iequals(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}
bool ibegins(std::string_view text, std::string_view lower_prefix) noexcept {
  return text.size() >= lower_prefix.size() &&
         std::equal(lower_prefix.begin(), lower_prefix.end(), text.begin(), [](char x, char y) { return x == lower(y); });
}
std::size_t ifind(std::string_view text, std::string_view needle, std::size_t from) noexcept {
  if (needle.empty() || text.size() < needle.size())
    return std::string_view::npos;
  const char first = needle[0];
  const char other = first >= 'a' && first <= 'z' ? static_cast<char>(first - 32) : first;
  for (std::size_t i = from; i + needle.size() <= text.size(); ++i)
    if ((text[i] == first || text[i] == other) && ibegins(text.substr(i), needle))
      return i;
  return std::string_view::npos;
}
std::size_t ifind_word(std::string_view text, std::string_view needle, std::size_t from) noexcept {
  for (auto at = ifind(text, needle, from); at != std::string_view::npos; at = ifind(text, needle, at + 1)) {
    const bool left = at == 0 || !is_word(text[at - 1]) || !is_word(needle.front());
    const auto after = at + needle.size();
    const bool right = after >= text.size() || !is_word(text[after]) || !is_word(needle.back());
    if (left && right)
      return at;
  }
  return std::string_view::npos;
}

std::optional<double> to_number(std::string_view s) noexcept {
  if (s.empty())
    return std::nullopt;
  if (s.front() == '+')
    s.remove_prefix(1);
  if (s.empty() || !(is_digit(s.front()) || ((s.front() == '-' || s.front() == '.') && s.size() > 1 && (is_digit(s[1]) || s[1] == '.'))))
    return std::nullopt;
  double v = 0;
  const auto r = std::from_chars(s.data(), s.data() + s.size(), v);
  if (r.ec != std::errc{} || r.ptr != s.data() + s.size() || !std::isfinite(v))
    return std::nullopt;
  return v;
}

std::string xml_escaped(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (char c : s)
    switch (c) {
    case '&': out += "&amp;"; break;
    case '<': out += "&lt;"; break;
    case '>': out += "&gt;"; break;
    case '"': out += "&quot;"; break;
    case '\'': out += "&#39;"; break;
    default: out += static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' ? ' ' : c;
    }
  return out;
}

} // namespace fm::extractors
