// Messages to templates, in two steps. While lines come: variables are masked, and equal masked messages are one
// shape (bounded, streaming). At the end: shapes of one length are grouped by the longest combination of words that
// occur equally often, and split where few words alternate (after Yu et al., "Brain: Log Parsing With Bidirectional
// Parallel Tree", IEEE TSC 2023; online grouping by length as in He et al., "Drain", ICWS 2017). One fixed setting
// for all inputs. Deterministic.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fm::evidence {

class template_miner {
public:
  explicit template_miner(std::size_t shapes_max = 100'000) : max_(shapes_max) {}

  /// The shape of a masked message (masking.hpp), numbered in order of first appearance. When there is no room for
  /// another one, messages of a length share one shape.
  std::uint32_t add(std::string_view masked);
  std::size_t size() const { return shapes_.size(); }

  struct grouping {
    std::vector<std::uint32_t> template_of; ///< by shape; templates are numbered in order of first appearance
    std::vector<std::string> patterns;      ///< "<*>" where messages differ
  };
  grouping finish() const;

private:
  struct shape {
    std::vector<std::uint32_t> words; ///< numbers of words; 0 = a variable
    std::uint32_t count = 0;
  };
  std::uint32_t word_number(std::string_view word);

  std::size_t max_;
  std::deque<std::string> text_{"<*>"}; ///< by number of word
  std::unordered_map<std::string_view, std::uint32_t> numbers_;
  std::vector<shape> shapes_;
  std::deque<std::string> masked_texts_;
  std::unordered_map<std::string_view, std::uint32_t> known_;
  std::string crowd_;
};

} // namespace fm::evidence
