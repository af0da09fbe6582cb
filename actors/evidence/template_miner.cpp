// Counting shapes, grouping them.
#include "actors/evidence/template_miner.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace fm::evidence {
namespace {
constexpr std::size_t alternatives_max = 4; ///< so few different words in one place are constants
constexpr std::size_t states_max = 12;      ///< the same for words in capitals: names of states, methods, events
constexpr std::uint64_t frequent_lines = 20; ///< of one word; then words with fewer than rare_lines, or one in rare_share, are values
constexpr std::uint64_t rare_lines = 3, rare_share = 100;
constexpr std::string_view variable = "<*>";

/// "key=": what it is a value of.
bool is_key(std::string_view word) { return word.size() > 1 && word.back() == '='; }
/// "RUNNING", "SUCCESS_CONTAINER_CLEANUP", "GET"; "5xx".
bool is_state(std::string_view word) {
  if (word.size() == 3 && word.ends_with("xx"))
    return true;
  std::size_t capitals = 0;
  for (const char c : word) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
      return false;
    capitals += c >= 'A' && c <= 'Z';
  }
  return capitals >= 2;
}
/// "com.example.shop.Orders", "db1.example.org": a name of something, which varies; not "android.intent.action.SCREEN_ON",
/// which ends in a state.
bool is_dotted_name(std::string_view word) {
  while (!word.empty() && (word.back() == ':' || word.back() == ',' || word.back() == ';'))
    word.remove_suffix(1);
  const auto last = word.rfind('.');
  return std::count(word.begin(), word.end(), '.') >= 2 && last + 1 < word.size() && !is_state(word.substr(last + 1));
}
} // namespace

std::uint32_t template_miner::word_number(std::string_view word) {
  if (word == variable)
    return 0;
  if (const auto found = numbers_.find(word); found != numbers_.end())
    return found->second;
  text_.emplace_back(word);
  const auto number = static_cast<std::uint32_t>(text_.size() - 1);
  numbers_.emplace(text_.back(), number);
  return number;
}

std::uint32_t template_miner::add(std::string_view masked) {
  if (const auto found = known_.find(masked); found != known_.end()) {
    ++shapes_[found->second].count;
    return found->second;
  }
  if (shapes_.size() >= max_) {
    // No room: one shape for all messages of so many words.
    const auto words = std::count(masked.begin(), masked.end(), ' ');
    crowd_.clear();
    for (std::ptrdiff_t i = 0; i <= words; ++i)
      crowd_ += i == 0 ? "<*>" : " <*>";
    masked = crowd_;
    if (const auto found = known_.find(masked); found != known_.end()) {
      ++shapes_[found->second].count;
      return found->second;
    }
  }
  masked_texts_.emplace_back(masked);
  const auto number = static_cast<std::uint32_t>(shapes_.size());
  known_.emplace(masked_texts_.back(), number);
  shape s;
  s.count = 1;
  std::string_view rest = masked_texts_.back();
  while (!rest.empty()) {
    const auto end = std::min(rest.find(' '), rest.size());
    if (end > 0)
      s.words.push_back(word_number(rest.substr(0, end)));
    rest.remove_prefix(std::min(rest.size(), end + 1));
  }
  shapes_.push_back(std::move(s));
  return number;
}

template_miner::grouping template_miner::finish() const {
  using members = std::vector<std::uint32_t>;
  std::map<std::size_t, members> by_length;
  for (std::uint32_t i = 0; i < shapes_.size(); ++i)
    by_length[shapes_[i].words.size()].push_back(i);
  std::vector<members> groups;
  for (auto& [length, list] : by_length) {
    if (length == 0) {
      groups.push_back(list);
      continue;
    }
    // How often a word stands in its place, counted in lines.
    std::unordered_map<std::uint64_t, std::uint32_t> frequency;
    const auto key_of = [](std::size_t place, std::uint32_t word) { return (static_cast<std::uint64_t>(place) << 32U) | word; };
    for (const auto i : list)
      for (std::size_t p = 0; p < length; ++p)
        if (shapes_[i].words[p] != 0)
          frequency[key_of(p, shapes_[i].words[p])] += shapes_[i].count;
    // The longest combination of equally frequent words is what a message is about.
    std::map<std::vector<std::uint64_t>, members> roots;
    for (const auto i : list) {
      std::map<std::uint32_t, std::vector<std::uint64_t>> by_frequency;
      for (std::size_t p = 0; p < length; ++p)
        if (const auto word = shapes_[i].words[p]; word != 0)
          by_frequency[frequency[key_of(p, word)]].push_back(key_of(p, word));
      const std::vector<std::uint64_t>* best = nullptr;
      for (auto it = by_frequency.rbegin(); it != by_frequency.rend(); ++it)
        if (best == nullptr || it->second.size() > best->size())
          best = &it->second;
      roots[best ? *best : std::vector<std::uint64_t>{}].push_back(i);
    }
    // Where few words alternate and each of them often enough, they are constants of different templates.
    for (auto& [root, first] : roots) {
      std::vector<members> open{first};
      while (!open.empty()) {
        auto group = std::move(open.back());
        open.pop_back();
        std::uint64_t lines = 0;
        for (const auto i : group)
          lines += shapes_[i].count;
        std::size_t split_at = length, fewest = states_max + 1;
        for (std::size_t p = 0; p < length; ++p) {
          std::map<std::uint32_t, std::uint64_t> seen; // and in how many lines
          bool keys = true, states = true, dotted = true;
          for (const auto i : group) {
            const auto word = shapes_[i].words[p];
            const auto [known, fresh] = seen.emplace(word, 0);
            known->second += shapes_[i].count;
            if (!fresh)
              continue;
            dotted &= word != 0 && is_dotted_name(text_[word]);
            keys &= word != 0 && (is_key(text_[word]) || (p + 1 < length && text_[shapes_[i].words[p + 1]] == "="));
            states &= word != 0 && is_state(text_[word]);
            if (seen.size() > states_max && !keys && !dotted)
              break;
          }
          if (seen.size() < 2)
            continue;
          if (keys) { // one key is never another
            split_at = p;
            break;
          }
          if (dotted)
            continue;
          // One word nearly always and the others hardly ever: a value, not kinds of line. What a line begins with is a verb
          // rather than a value.
          std::uint64_t most = 0, second = 0;
          for (auto& [word, count] : seen) {
            second = std::max(second, std::min(most, count));
            most = std::max(most, count);
          }
          if (p > 0 && !states && most >= frequent_lines && second < std::max(rare_lines, most / rare_share))
            continue;
          if (seen.size() < fewest && seen.size() <= (states ? states_max : alternatives_max) && lines >= 3 * seen.size()) {
            fewest = seen.size();
            split_at = p;
          }
        }
        if (split_at == length) {
          groups.push_back(std::move(group));
          continue;
        }
        std::map<std::uint32_t, members> parts;
        for (const auto i : group)
          parts[shapes_[i].words[split_at]].push_back(i);
        for (auto& [word, part] : parts)
          open.push_back(std::move(part));
      }
    }
  }

  // Patterns; those that differ only in how many variables stand in a row are one template.
  std::map<std::string, std::vector<std::size_t>> by_pattern;
  std::vector<std::string> patterns(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    auto& first = shapes_[groups[g].front()].words;
    std::string pattern, collapsed;
    for (std::size_t p = 0; p < first.size(); ++p) {
      const bool constant = first[p] != 0 && std::all_of(groups[g].begin(), groups[g].end(), [&](auto i) { return shapes_[i].words[p] == first[p]; });
      const std::string_view word = constant ? std::string_view{text_[first[p]]} : variable;
      const bool glued = !pattern.empty() && pattern.back() == '='; // "key= value" was one word
      pattern += (pattern.empty() || glued ? "" : " ");
      pattern += word;
      if (word == variable && collapsed.ends_with(variable))
        continue;
      collapsed += (collapsed.empty() ? "" : " ");
      collapsed += word;
    }
    patterns[g] = std::move(pattern);
    by_pattern[collapsed].push_back(g);
  }
  struct made {
    std::uint32_t first_shape;
    std::vector<std::size_t> groups;
  };
  std::vector<made> templates;
  for (auto& [pattern, list] : by_pattern) {
    auto first = UINT32_MAX;
    for (const auto g : list)
      first = std::min(first, *std::min_element(groups[g].begin(), groups[g].end()));
    templates.push_back({first, list});
  }
  std::sort(templates.begin(), templates.end(), [](auto& a, auto& b) { return a.first_shape < b.first_shape; });
  grouping out;
  out.template_of.resize(shapes_.size());
  for (auto& t : templates) {
    for (const auto g : t.groups)
      for (const auto i : groups[g])
        out.template_of[i] = static_cast<std::uint32_t>(out.patterns.size());
    out.patterns.push_back(patterns[t.groups.front()]);
  }
  return out;
}

} // namespace fm::evidence
