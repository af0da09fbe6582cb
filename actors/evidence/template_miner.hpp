// Drain's fixed-depth tree over words of a message: length, then first word, then similarity. One setting.
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
  explicit template_miner(std::size_t templates_max) : max_(templates_max) {}

  /// The template of a message: its id, in order of first appearance.
  std::uint32_t add(std::string_view message);
  std::size_t size() const { return groups_.size(); }
  std::string pattern(std::uint32_t id) const;

private:
  static constexpr double similarity_min = 0.5;
  static constexpr std::size_t words_max = 64;
  struct group {
    std::vector<std::string> words; ///< empty = anything
  };
  std::size_t max_;
  std::deque<group> groups_;
  /// key: number of words and the first constant word
  std::unordered_map<std::string, std::vector<std::uint32_t>> leaves_;
  std::unordered_map<std::string, std::uint32_t> exact_; ///< masked text → id: most lines repeat exactly
  std::vector<std::string_view> words_;
  std::string masked_, key_;
};

} // namespace fm::evidence
