// One pass over the bytes.
#include "actors/case_search/tokens.hpp"

#include "actors/search/words.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm::case_search {
namespace {
constexpr std::size_t words_max = 16, needles_max = 8, prefix_bytes_min = 3;

bool in_word(char c) { return (letter::kind(c) & letter::in_word) != 0; }
} // namespace

void tokens_of(std::string_view text, std::vector<token>& out, std::size_t most) {
  out.clear();
  each_token(text, [&](std::size_t begin, std::size_t end, bool part) {
    if (out.size() >= most)
      return false;
    out.push_back({ascii_lower(text.substr(begin, std::min(end - begin, token_bytes_max))), begin, end, part});
    return true;
  });
}

question question_of(std::string_view text) {
  question out;
  std::vector<token> tokens;
  tokens_of(text, tokens, 200);
  for (const bool common : {false, true}) {
    for (auto& t : tokens)
      if (!t.part && (common || !is_common(t.text)) && out.words.size() < words_max &&
          std::none_of(out.words.begin(), out.words.end(), [&](auto& w) { return w.text == t.text; }))
        out.words.push_back({t.text, stem_of(t.text)});
    if (!out.words.empty())
      break;
  }
  for (auto rest = text; !rest.empty() && out.needles.size() < needles_max;) {
    const auto from = rest.find_first_not_of(" \t\r\n");
    if (from == std::string_view::npos)
      break;
    const auto to = std::min(rest.find_first_of(" \t\r\n", from), rest.size());
    auto piece = rest.substr(from, to - from);
    while (!piece.empty() && !in_word(piece.back()))
      piece.remove_suffix(1);
    while (!piece.empty() && !in_word(piece.front()))
      piece.remove_prefix(1);
    if (std::any_of(piece.begin(), piece.end(), [](char c) { return !in_word(c); }))
      out.needles.push_back(ascii_lower(piece));
    rest.remove_prefix(to);
  }
  return out;
}

bool answers(std::string_view token, const question::word& word) {
  if (token == word.text)
    return true;
  if (word.text.size() >= prefix_bytes_min && token.starts_with(word.text))
    return true;
  return token.size() >= prefix_bytes_min && token.substr(0, 2) == std::string_view{word.text}.substr(0, 2) && stem_of(token) == word.stem;
}

} // namespace fm::case_search
