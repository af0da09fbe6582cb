// Where a list of cases goes on: the sort it belongs to and the last line's key. Opaque to clients.
#pragma once

#include "protocol/base/failure.hpp"
#include "protocol/model/pages.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace fm::stored {

enum class sort_column { last_activity_at, created_at, updated_at, title, priority };
struct list_sort {
  sort_column column = sort_column::last_activity_at;
  bool descending = true;
  bool operator==(const list_sort&) const = default;
};
/// errc::invalid with the possible values for anything else than case_query::sort allows.
outcome<list_sort> sort_from(std::string_view text);
std::string_view name_of(sort_column column) noexcept;

struct list_cursor {
  list_sort sort;
  std::int64_t number = 0; ///< the key, unless it is the title
  std::string text;        ///< the title
  std::int64_t place = 0;  ///< tells cases of equal key apart
};
std::string encode(const list_cursor& cursor);
/// errc::invalid when the text is not a cursor of a list sorted like this.
outcome<list_cursor> decode_cursor(std::string_view text, const list_sort& sort);

/// The page size a query really gets: 1 to 100.
std::size_t page_limit(const case_query& query) noexcept;
/// A search looks for this many words of a query; what stands behind them is not looked for.
inline constexpr std::size_t search_words_max = 32;
/// The last word of a query may be the beginning of a word, unless it is a single letter: that begins nearly all.
inline bool may_be_beginning(std::string_view word) noexcept { return word.size() > 1; }

} // namespace fm::stored
