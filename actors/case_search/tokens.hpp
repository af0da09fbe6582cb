// Words of evidence as they are written: identifiers stay whole ("blk_123", "0x7f3a") and give their parts as well. Not
// stemmed: the index holds what is there, and a question is widened when it is asked. Pure, any bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace fm::case_search {

constexpr std::size_t token_bytes_max = 64; ///< longer runs are cut

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
