// Text to terms: the one tokenizer of search and of the lexical embedder, so that both speak of the same words.
// Words are runs of letters and digits, folded to lower case and stemmed (Snowball, English); identifiers such as
// "CrashLoopBackOff" or "max_connections" also give their parts. Deterministic; any bytes are accepted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fm {

struct term {
  std::string stem;
  std::uint32_t begin = 0; ///< byte range in the text
  std::uint32_t end = 0;
  bool part = false;       ///< a part of the identifier before it
};

/// Terms in order of the text, at most `terms_max`. Stop words are left out when `skip_common`.
std::vector<term> terms_of(std::string_view text, std::size_t terms_max = 200'000, bool skip_common = true);
/// The stem of one word in lower case.
std::string stem_of(std::string_view lower_case_word);
/// Whether the word says nothing about a text's subject ("the", "which").
bool is_common(std::string_view lower_case_word);
/// How many tokens a language model would count, roughly: words and punctuation (within a tenth for English).
std::size_t token_estimate(std::string_view text);

} // namespace fm
