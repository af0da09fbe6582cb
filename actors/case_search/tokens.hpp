// Words of evidence as they are written: identifiers stay whole ("blk_123", "0x7f3a") and give their parts as well. Not
// stemmed: the index holds what is there, and a question is widened when it is asked. Pure, any bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fm::case_search {

constexpr std::size_t token_bytes_max = 64; ///< longer runs are cut

/// What a byte is to a word; beyond ASCII all of them belong to one.
namespace letter {
enum : std::uint8_t { in_word = 1, upper = 2, lower = 4 };
constexpr std::array<std::uint8_t, 256> kinds = [] {
  std::array<std::uint8_t, 256> out{};
  for (unsigned c = 0; c < 256; ++c) {
    const bool big = c >= 'A' && c <= 'Z', small = c >= 'a' && c <= 'z';
    out[c] = static_cast<std::uint8_t>((big || small || (c >= '0' && c <= '9') || c == '_' || c >= 0x80 ? in_word : 0) | (big ? upper : 0) | (small ? lower : 0));
  }
  return out;
}();
constexpr std::uint8_t kind(char c) { return kinds[static_cast<unsigned char>(c)]; }
} // namespace letter

/// Calls take(begin, end, part) for every token, in order, while it returns true.
template <class Take>
void each_token(std::string_view text, Take&& take) {
  using letter::kind;
  for (std::size_t i = 0; i < text.size();) {
    if ((kind(text[i]) & letter::in_word) == 0) {
      ++i;
      continue;
    }
    const auto begin = i;
    bool joined = false;
    std::uint8_t before = 0;
    for (std::uint8_t now = 0; i < text.size() && ((now = kind(text[i])) & letter::in_word) != 0; ++i, before = now)
      joined = joined || text[i] == '_' || ((now & letter::upper) != 0 && (before & letter::lower) != 0);
    if (!take(begin, i, false))
      return;
    if (!joined || i - begin > token_bytes_max)
      continue;
    auto start = begin;
    for (auto at = begin + 1; at <= i; ++at)
      if (at == i || text[at] == '_' || ((kind(text[at]) & letter::upper) != 0 && (kind(text[at - 1]) & letter::lower) != 0)) {
        if (at > start + 1 && at - start < i - begin && !take(start, at, true))
          return;
        start = at < i && text[at] == '_' ? at + 1 : at;
      }
  }
}

struct token {
  std::string text; ///< lower case
  std::size_t begin = 0, end = 0;
  bool part = false; ///< of the identifier before it
};
/// At most `most` tokens.
void tokens_of(std::string_view text, std::vector<token>& out, std::size_t most = 100'000);

/// A question: what must be looked for, and how else each of its words may be written.
struct question {
  struct word {
    std::string text; ///< lower case, as a token
    std::string stem;
  };
  std::vector<word> words;          ///< each once, common words left out unless there are no others
  std::vector<std::string> needles; ///< what stands between blanks and is more than a word, lower case: "req-8f2a"
};
question question_of(std::string_view text);

/// Whether a token answers a word: the same, or of the same stem, or begun by it (three letters and more).
bool answers(std::string_view token, const question::word& word);

} // namespace fm::case_search
