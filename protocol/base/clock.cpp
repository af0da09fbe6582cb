// ISO 8601 by hand: printf formatting is locale-free here and parsing is strict.
#include "protocol/base/clock.hpp"

#include <charconv>
#include <cstdio>

namespace fm {
namespace {
struct machine_clock final : clock_source {
  timestamp now() const override {
    return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  }
};

bool number(std::string_view text, std::size_t pos, std::size_t len, int& out) {
  if (pos + len > text.size())
    return false;
  for (auto i = pos; i < pos + len; ++i)
    if (text[i] < '0' || text[i] > '9')
      return false;
  return std::from_chars(text.data() + pos, text.data() + pos + len, out).ec == std::errc{};
}
} // namespace

clock_ptr system_clock_source() {
  static const auto instance = std::make_shared<const machine_clock>();
  return instance;
}

std::string to_iso8601(timestamp t) {
  using namespace std::chrono;
  const auto day = floor<days>(t);
  const year_month_day date{day};
  const hh_mm_ss time{t - day};
  char buffer[64];
  const int n = std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", int(date.year()),
                              unsigned(date.month()), unsigned(date.day()), int(time.hours().count()),
                              int(time.minutes().count()), int(time.seconds().count()),
                              int(time.subseconds().count()));
  return {buffer, static_cast<std::size_t>(n)};
}

std::optional<timestamp> from_iso8601(std::string_view text) {
  using namespace std::chrono;
  int y{}, mo{}, d{}, h{}, mi{}, s{}, ms{};
  if (text.size() < 19 || !number(text, 0, 4, y) || text[4] != '-' || !number(text, 5, 2, mo) || text[7] != '-' ||
      !number(text, 8, 2, d) || (text[10] != 'T' && text[10] != ' ') || !number(text, 11, 2, h) ||
      text[13] != ':' || !number(text, 14, 2, mi) || text[16] != ':' || !number(text, 17, 2, s))
    return std::nullopt;
  std::size_t pos = 19;
  if (pos < text.size() && text[pos] == '.') {
    int digits = 0;
    for (++pos; pos < text.size() && text[pos] >= '0' && text[pos] <= '9'; ++pos, ++digits)
      if (digits < 3)
        ms = ms * 10 + (text[pos] - '0');
    if (digits == 0)
      return std::nullopt;
    for (; digits < 3; ++digits)
      ms *= 10;
  }
  int offset_minutes = 0;
  if (pos < text.size() && text[pos] == 'Z') {
    ++pos;
  } else if (pos < text.size() && (text[pos] == '+' || text[pos] == '-')) {
    int oh{}, om{};
    if (!number(text, pos + 1, 2, oh) || pos + 6 > text.size() || text[pos + 3] != ':' ||
        !number(text, pos + 4, 2, om))
      return std::nullopt;
    offset_minutes = (text[pos] == '-' ? -1 : 1) * (oh * 60 + om);
    pos += 6;
  }
  const year_month_day date{year{y}, month{unsigned(mo)}, day{unsigned(d)}};
  if (pos != text.size() || !date.ok() || h > 23 || mi > 59 || s > 60)
    return std::nullopt;
  return timestamp{sys_days{date} + hours{h} + minutes{mi} + seconds{s} + milliseconds{ms} -
                   minutes{offset_minutes}};
}

} // namespace fm
