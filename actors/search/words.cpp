// Tokenizer and stemmer.
#include "actors/search/words.hpp"

#include <algorithm>
#include <array>
#include <libstemmer.h>
#include <memory>
#include <unordered_set>

namespace fm {
namespace {
constexpr std::size_t word_bytes_max = 64; ///< longer runs are base64 and its kin: cut

struct stemmer_closer {
  void operator()(sb_stemmer* s) const { sb_stemmer_delete(s); }
};
using stemmer_ptr = std::unique_ptr<sb_stemmer, stemmer_closer>;

std::string stemmed(std::string_view lower) {
  // Snowball keeps its workspace inside: one stemmer a thread.
  thread_local const stemmer_ptr stemmer{sb_stemmer_new("english", "UTF_8")};
  if (!stemmer || lower.size() < 4)
    return std::string{lower};
  const auto* out = sb_stemmer_stem(stemmer.get(), reinterpret_cast<const sb_symbol*>(lower.data()), static_cast<int>(lower.size()));
  if (out == nullptr)
    return std::string{lower};
  return {reinterpret_cast<const char*>(out), static_cast<std::size_t>(sb_stemmer_length(stemmer.get()))};
}

bool is_word_byte(unsigned char c) { return std::isalnum(c) != 0 || c >= 0x80; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string folded(std::string_view word) {
  std::string out{word};
  for (auto& c : out)
    if (is_upper(c))
      c = static_cast<char>(c - 'A' + 'a');
  return out;
}
} // namespace

std::string stem_of(std::string_view lower_case_word) { return stemmed(lower_case_word); }

bool is_common(std::string_view word) {
  static const std::unordered_set<std::string_view> words{
      "a", "about", "above", "after", "again", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "because",
      "been", "before", "being", "below", "between", "both", "but", "by", "can", "could", "did", "do", "does", "doing",
      "done", "each", "either", "else", "ever", "every", "few", "for", "from", "get", "gets", "getting", "got", "had",
      "has", "have", "having", "he", "her", "here", "his", "how", "i", "if", "in", "into", "is", "it", "its", "just",
      "let", "like", "may", "me", "might", "more", "most", "much", "must", "my", "no", "nor", "not", "now", "of", "off",
      "on", "once", "one", "only", "or", "other", "our", "out", "over", "own", "per", "same", "see", "she", "should", "so",
      "some", "such", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this", "those", "through",
      "to", "too", "under", "until", "up", "us", "very", "was", "we", "were", "what", "when", "where", "which", "while",
      "who", "whose", "why", "will", "with", "without", "would", "you", "your", "yet", "s", "t", "ll", "re", "ve", "don",
      "doesn", "isn", "won", "cannot", "need", "want", "use", "using", "used", "keep", "keeps", "kept", "even", "though"};
  return words.contains(word);
}

std::vector<term> terms_of(std::string_view text, std::size_t terms_max, bool skip_common) {
  std::vector<term> out;
  const auto add = [&](std::size_t begin, std::size_t end, bool part) {
    if (out.size() >= terms_max)
      return;
    const auto word = folded(text.substr(begin, std::min(end - begin, word_bytes_max)));
    if (skip_common && is_common(word))
      return;
    out.push_back({stemmed(word), static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end), part});
  };
  std::size_t i = 0;
  while (i < text.size() && out.size() < terms_max) {
    if (!is_word_byte(static_cast<unsigned char>(text[i]))) {
      ++i;
      continue;
    }
    // One word: letters and digits, with single '_' inside.
    const auto begin = i;
    bool joined = false, humps = false;
    while (i < text.size()) {
      const auto c = static_cast<unsigned char>(text[i]);
      if (is_word_byte(c)) {
        if (i > begin && is_upper(text[i]) && (is_lower(text[i - 1]) || (i + 1 < text.size() && is_upper(text[i - 1]) && is_lower(text[i + 1]))))
          humps = true;
        ++i;
      } else if (c == '_' && i + 1 < text.size() && is_word_byte(static_cast<unsigned char>(text[i + 1]))) {
        joined = true;
        ++i;
      } else {
        break;
      }
    }
    add(begin, i, false);
    if ((joined || humps) && i - begin <= word_bytes_max) {
      auto start = begin;
      for (auto at = begin + 1; at <= i; ++at) {
        const bool hump = at < i && is_upper(text[at]) &&
                          (is_lower(text[at - 1]) || is_digit(text[at - 1]) || (at + 1 < i && is_lower(text[at + 1])));
        if (at == i || text[at] == '_' || hump) {
          if (at > start + 1)
            add(start, at, true);
          start = at < i && text[at] == '_' ? at + 1 : at;
        }
      }
    }
  }
  return out;
}

std::size_t token_estimate(std::string_view text) {
  std::size_t count = 0, run = 0;
  for (const char c : text) {
    if (is_word_byte(static_cast<unsigned char>(c))) {
      if (run % 6 == 0) // long words are several pieces to a model
        ++count;
      ++run;
    } else {
      run = 0;
      if (!std::isspace(static_cast<unsigned char>(c)))
        ++count;
    }
  }
  return count;
}

} // namespace fm
