// Full-text search over title, description and messages of cases: the words of a query, and the set of cases that
// contain them all.
#pragma once

#include "protocol/base/failure.hpp"
#include "storage/sqlite/connection.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fm::sqlite {

/// A set of case numbers: one bit each, since numbers are given out one after the other.
class case_set {
public:
  void add(std::int64_t num) {
    const auto word = static_cast<std::size_t>(num) / 64;
    if (word >= bits_.size())
      bits_.resize(word + word / 2 + 1);
    bits_[word] |= std::uint64_t{1} << (num % 64);
  }
  bool contains(std::int64_t num) const {
    const auto word = static_cast<std::size_t>(num) / 64;
    return word < bits_.size() && (bits_[word] >> (num % 64) & 1) != 0;
  }
  void intersect(const case_set& other) {
    if (bits_.size() > other.bits_.size())
      bits_.resize(other.bits_.size());
    for (std::size_t i = 0; i < bits_.size(); ++i)
      bits_[i] &= other.bits_[i];
  }
  bool empty() const {
    for (auto w : bits_)
      if (w != 0)
        return false;
    return true;
  }

private:
  std::vector<std::uint64_t> bits_;
};

/// The query's words exactly as the index splits text, so that no input can be a syntax error or a phrase.
/// Throws sqlite::error.
std::vector<std::string> words_of(connection& c, std::string_view text);
/// Cases in which every word occurs somewhere; the last word may be the beginning of one.
case_set cases_with(connection& c, const std::vector<std::string>& words);

/// Makes `in_cases(?, num)` known to a connection; bind the set with bind_set.
void register_case_set(connection& c);
void bind_set(statement& s, int at, const case_set& set);

} // namespace fm::sqlite
