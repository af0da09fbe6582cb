// ASCII is folded byte by byte; everything else by utf8proc, which knows Unicode's tables.
#include "storage/codec/words.hpp"

#include <algorithm>
#include <utf8proc.h>
#include <utility>

namespace fm::stored {
namespace {
bool is_mark(utf8proc_category_t c) {
  return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_MC || c == UTF8PROC_CATEGORY_ME;
}
bool is_of_word(utf8proc_category_t c) {
  return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO) || (c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO) ||
         c == UTF8PROC_CATEGORY_CO;
}

/// The folded form of one letter, appended.
void fold(utf8proc_int32_t letter, std::string& word) {
  utf8proc_int32_t parts[32];
  int last = 0;
  const auto n = utf8proc_decompose_char(letter, parts, 32, static_cast<utf8proc_option_t>(UTF8PROC_CASEFOLD | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK), &last);
  for (utf8proc_ssize_t i = 0; i < std::min<utf8proc_ssize_t>(n, 32); ++i) {
    utf8proc_uint8_t bytes[4];
    const auto k = utf8proc_encode_char(parts[i], bytes);
    if (k > 0 && word.size() + static_cast<std::size_t>(k) <= word_bytes_max)
      word.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(k));
  }
}
} // namespace

std::vector<std::string> words_in(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty())
      words.push_back(std::exchange(word, {}));
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x80) {
      ++at;
      const bool digit = byte >= '0' && byte <= '9', letter = (byte | 0x20U) >= 'a' && (byte | 0x20U) <= 'z';
      if (!digit && !letter)
        end_word();
      else if (word.size() < word_bytes_max)
        word += static_cast<char>(letter ? byte | 0x20U : byte);
      continue;
    }
    utf8proc_int32_t letter = -1;
    const auto used = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                                       static_cast<utf8proc_ssize_t>(text.size() - at), &letter);
    if (used <= 0) {
      ++at;
      end_word();
      continue;
    }
    at += static_cast<std::size_t>(used);
    const auto category = utf8proc_category(letter);
    if (is_of_word(category))
      fold(letter, word);
    else if (!is_mark(category)) // a mark belongs to the letter before it and is dropped
      end_word();
  }
  end_word();
  return words;
}

std::vector<std::string> distinct_words(std::string_view text, std::size_t bytes_max) {
  auto words = words_in(text);
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  std::size_t used = 0;
  const auto cut = std::find_if(words.begin(), words.end(), [&](const std::string& w) { return (used += w.size() + 4) > bytes_max; });
  words.erase(cut, words.end());
  return words;
}

} // namespace fm::stored
