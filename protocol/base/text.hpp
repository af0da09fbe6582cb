// Text rules shared by every layer: UTF-8 validity and boundaries, trimming, cutting on a word.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fm {

bool is_valid_utf8(std::string_view text) noexcept;
/// The largest n <= want such that text.substr(0, n) does not end inside a code point.
std::size_t utf8_floor(std::string_view text, std::size_t want) noexcept;
/// Number of code points of valid UTF-8.
std::size_t utf8_length(std::string_view text) noexcept;
/// A copy in which every invalid sequence is replaced by U+FFFD.
std::string to_valid_utf8(std::string_view text);
std::string_view trimmed(std::string_view text) noexcept;
/// At most `characters` code points, cut after a whole word where one ends in the last half.
std::string cut_on_word(std::string_view text, std::size_t characters);
/// ASCII lower case; other bytes stay.
std::string ascii_lower(std::string_view text);

} // namespace fm
