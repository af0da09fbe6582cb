// A word that holds a digit is a variable; so are long hex words, paths with digits and quoted values.
#include "actors/evidence/template_miner.hpp"

namespace fm::evidence {
namespace {
bool is_variable(std::string_view word) {
  bool hex = word.size() >= 8;
  for (char c : word) {
    if (c >= '0' && c <= '9')
      return true;
    hex &= (c | 0x20) >= 'a' && (c | 0x20) <= 'f';
  }
  return hex || word.starts_with('/') ;
}
} // namespace

std::uint32_t template_miner::add(std::string_view message) {
  words_.clear();
  masked_.clear();
  std::size_t p = 0;
  while (p < message.size() && words_.size() < words_max) {
    while (p < message.size() && (message[p] == ' ' || message[p] == '\t'))
      ++p;
    const auto from = p;
    while (p < message.size() && message[p] != ' ' && message[p] != '\t')
      ++p;
    if (p == from)
      break;
    auto word = message.substr(from, p - from);
    // key=value and key:value keep the key.
    const auto split = word.find_first_of("=:");
    if (is_variable(word)) {
      const bool keyed = split != std::string_view::npos && split > 0 && split + 1 < word.size() && !is_variable(word.substr(0, split));
      words_.push_back(keyed ? word.substr(0, split + 1) : std::string_view{});
    } else {
      words_.push_back(word);
    }
    masked_ += words_.back();
    masked_ += words_.back().empty() ? '\1' : ' ';
  }
  if (const auto known = exact_.find(masked_); known != exact_.end())
    return known->second;
  key_ = std::to_string(words_.size());
  key_ += ' ';
  if (!words_.empty())
    key_ += words_[0];
  auto& leaf = leaves_[key_];
  std::uint32_t best = UINT32_MAX;
  double best_score = -1;
  for (auto id : leaf) {
    const auto& g = groups_[id];
    std::size_t same = 0;
    for (std::size_t i = 0; i < words_.size(); ++i)
      same += g.words[i] == words_[i];
    const double score = words_.empty() ? 1 : static_cast<double>(same) / static_cast<double>(words_.size());
    if (score > best_score) {
      best_score = score;
      best = id;
    }
  }
  if (best != UINT32_MAX && best_score >= similarity_min) {
    auto& g = groups_[best];
    for (std::size_t i = 0; i < words_.size(); ++i)
      if (g.words[i] != words_[i])
        g.words[i].clear();
  } else if (groups_.size() >= max_) {
    return static_cast<std::uint32_t>(max_ - 1); // the overflow template: the last one made
  } else {
    best = static_cast<std::uint32_t>(groups_.size());
    group g;
    for (auto w : words_)
      g.words.emplace_back(w);
    groups_.push_back(std::move(g));
    leaf.push_back(best);
  }
  if (exact_.size() < 200'000)
    exact_.emplace(masked_, best);
  return best;
}

std::string template_miner::pattern(std::uint32_t id) const {
  std::string out;
  for (auto& w : groups_[id].words) {
    if (!out.empty())
      out += ' ';
    if (w.empty())
      out += "<*>";
    else {
      out += w;
      if (w.back() == '=' || w.back() == ':')
        out += w.back() == '=' ? "<*>" : "";
    }
  }
  return out;
}

} // namespace fm::evidence
