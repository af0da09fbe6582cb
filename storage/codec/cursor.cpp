// A cursor is hexadecimal so that it passes through URLs and logs untouched; its inside may change any day.
#include "storage/codec/cursor.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace fm::stored {
namespace {
constexpr std::size_t cursor_characters_max = 4'096;
constexpr std::array<std::string_view, 5> columns{"last_activity_at", "created_at", "updated_at", "title", "priority"};

int nibble(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

/// Takes a whole number and the '|' behind it from the front of `text`.
bool take(std::string_view& text, std::int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto used = static_cast<std::size_t>(end - text.data());
  if (error != std::errc{} || used >= text.size() || text[used] != '|')
    return false;
  text.remove_prefix(used + 1);
  return true;
}
} // namespace

std::string_view name_of(sort_column column) noexcept { return columns[static_cast<std::size_t>(column)]; }

outcome<list_sort> sort_from(std::string_view text) {
  list_sort sort;
  sort.descending = text.starts_with('-');
  const auto found = std::find(columns.begin(), columns.end(), sort.descending ? text.substr(1) : text);
  if (found == columns.end()) {
    auto f = make_failure(errc::invalid, "sort must be one of last_activity_at, created_at, updated_at, title, priority, "
                                         "with a leading '-' for descending order.");
    return f.with_fact("field", "sort");
  }
  sort.column = static_cast<sort_column>(found - columns.begin());
  return sort;
}

std::string encode(const list_cursor& c) {
  const auto inside = std::to_string(static_cast<int>(c.sort.column) * 2 + c.sort.descending) + "|" +
                      std::to_string(c.place) + "|" + std::to_string(c.number) + "|" + c.text;
  std::string out;
  out.reserve(inside.size() * 2);
  for (unsigned char b : inside) {
    out += "0123456789abcdef"[b >> 4];
    out += "0123456789abcdef"[b & 15];
  }
  return out;
}

outcome<list_cursor> decode_cursor(std::string_view text, const list_sort& sort) {
  auto bad = make_failure(errc::invalid, "The cursor is not one of this list's.");
  bad.with_fact("field", "cursor");
  if (text.size() % 2 != 0 || text.size() > cursor_characters_max)
    return bad;
  std::string inside;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = nibble(text[i]), low = nibble(text[i + 1]);
    if (high < 0 || low < 0)
      return bad;
    inside += static_cast<char>(high << 4 | low);
  }
  std::string_view rest = inside;
  std::int64_t which = 0;
  list_cursor c;
  c.sort = sort;
  if (!take(rest, which) || !take(rest, c.place) || !take(rest, c.number) ||
      which != static_cast<int>(sort.column) * 2 + sort.descending)
    return bad;
  c.text = rest;
  return c;
}

std::size_t page_limit(const case_query& query) noexcept { return std::clamp<std::size_t>(query.limit, 1, 100); }

} // namespace fm::stored
