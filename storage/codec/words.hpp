// Words as the search sees them: runs of letters and digits of any script, without case and without accents.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fm::stored {

/// Bytes of one word that count; what stands behind them is cut, in the index as in the query.
inline constexpr std::size_t word_bytes_max = 128;

/// Every word in order.
/// Folding is Unicode's case folding and decomposition with all marks dropped (as SQLite's `unicode61
/// remove_diacritics 2` does), so "Über" and "uber" are one word. Invalid UTF-8 separates words.
std::vector<std::string> words_in(std::string_view text);
/// Each word once, sorted, at most `bytes_max` bytes of them.
std::vector<std::string> distinct_words(std::string_view text, std::size_t bytes_max);

} // namespace fm::stored
