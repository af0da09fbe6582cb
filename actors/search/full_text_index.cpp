// BM25 with postings in memory.
#include "actors/search/full_text_index.hpp"

#include "actors/search/concepts.hpp"
#include "actors/search/words.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace fm {
namespace {
constexpr double k1 = 1.2, b = 0.6;
constexpr float title_weight = 2.0F;
constexpr double concept_weight = 1.0;
constexpr std::size_t query_terms_max = 64;

void count_into(std::map<std::string, float>& counts, float& length, std::string_view text, float weight) {
  const auto terms = terms_of(text);
  for (auto& t : terms)
    counts[t.stem] += weight;
  for (auto& c : concepts_of(terms))
    counts[c] += weight;
  length += weight * static_cast<float>(terms.size());
}
} // namespace

void full_text_index::add(const std::string& id, std::string_view title, std::string_view text) {
  remove(id);
  std::map<std::string, float> counts;
  float length = 0;
  count_into(counts, length, title, title_weight);
  count_into(counts, length, text, 1.0F);
  const auto number = static_cast<std::uint32_t>(pieces_.size());
  pieces_.push_back({id, length, false});
  known_.emplace(id, number);
  total_length_ += length;
  for (auto& [term, weight] : counts)
    postings_[term].push_back({number, weight});
}

bool full_text_index::remove(const std::string& id) {
  const auto found = known_.find(id);
  if (found == known_.end())
    return false;
  auto& p = pieces_[found->second];
  p.dead = true;
  total_length_ -= p.length;
  ++dead_;
  known_.erase(found);
  if (dead_ > 1'000 && dead_ > known_.size())
    rebuild();
  return true;
}

void full_text_index::rebuild() {
  std::vector<std::uint32_t> moved(pieces_.size(), 0);
  std::vector<piece> alive;
  for (std::uint32_t i = 0; i < pieces_.size(); ++i)
    if (!pieces_[i].dead) {
      moved[i] = static_cast<std::uint32_t>(alive.size());
      alive.push_back(std::move(pieces_[i]));
      known_[alive.back().id] = moved[i];
    } else {
      moved[i] = UINT32_MAX;
    }
  for (auto it = postings_.begin(); it != postings_.end();) {
    auto& list = it->second;
    std::erase_if(list, [&](const posting& p) { return moved[p.piece] == UINT32_MAX; });
    for (auto& p : list)
      p.piece = moved[p.piece];
    it = list.empty() ? postings_.erase(it) : std::next(it);
  }
  pieces_.swap(alive);
  dead_ = 0;
}

std::vector<full_text_index::hit> full_text_index::search(std::string_view query, std::size_t limit,
                                                          const std::function<bool(const std::string&)>& wanted) const {
  std::vector<hit> out;
  if (known_.empty() || limit == 0)
    return out;
  const auto terms = terms_of(query, query_terms_max);
  std::map<std::string, double> asked;
  for (auto& t : terms)
    asked[t.stem] = 1.0;
  for (auto& c : concepts_of(terms))
    asked.emplace(c, concept_weight);
  const auto n = static_cast<double>(known_.size());
  const auto average = std::max(1.0, total_length_ / n);
  std::unordered_map<std::uint32_t, double> scores;
  for (auto& [term, weight] : asked) {
    const auto found = postings_.find(term);
    if (found == postings_.end())
      continue;
    std::size_t df = 0;
    for (auto& p : found->second)
      df += pieces_[p.piece].dead ? 0 : 1;
    if (df == 0)
      continue;
    const auto idf = std::log(1.0 + (n - static_cast<double>(df) + 0.5) / (static_cast<double>(df) + 0.5));
    for (auto& p : found->second)
      if (!pieces_[p.piece].dead)
        scores[p.piece] += weight * idf * p.weight * (k1 + 1) / (p.weight + k1 * (1 - b + b * pieces_[p.piece].length / average));
  }
  for (auto& [number, score] : scores)
    if (!wanted || wanted(pieces_[number].id))
      out.push_back({pieces_[number].id, score});
  const auto better = [](const hit& x, const hit& y) { return x.score != y.score ? x.score > y.score : x.id < y.id; };
  const auto kept = std::min(limit, out.size());
  std::partial_sort(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(kept), out.end(), better);
  out.resize(kept);
  return out;
}

text_snippet snippet_of(std::string_view text, std::string_view query, std::size_t bytes) {
  text_snippet out;
  std::set<std::string> asked;
  for (auto& t : terms_of(query, query_terms_max))
    asked.insert(t.stem);
  std::vector<term> hits;
  for (auto& t : terms_of(text))
    if (asked.contains(t.stem) && !t.part)
      hits.push_back(std::move(t));
  std::size_t best = 0, best_distinct = 0;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    std::set<std::string_view> distinct;
    for (std::size_t j = i; j < hits.size() && hits[j].end <= hits[i].begin + bytes; ++j)
      distinct.insert(hits[j].stem);
    if (distinct.size() > best_distinct) {
      best_distinct = distinct.size();
      best = i;
    }
  }
  std::size_t begin = hits.empty() ? 0 : hits[best].begin;
  begin = begin > bytes / 6 ? begin - bytes / 6 : 0;
  constexpr std::size_t word_max = 40; // to a word's edge, but not far through text without spaces
  const auto edge = [&](std::size_t at) { return text[at] == ' ' || text[at] == '\n'; };
  for (std::size_t i = 0; i < word_max && begin > 0 && !edge(begin - 1); ++i)
    --begin;
  begin = utf8_floor(text, begin);
  auto end = std::min(text.size(), begin + bytes);
  for (std::size_t i = 0; i < word_max && end < text.size() && !edge(end); ++i)
    ++end;
  end = utf8_floor(text, end);
  out.begin = begin;
  out.end = end;
  for (auto& h : hits)
    if (h.begin >= begin && h.end <= end)
      out.highlights.emplace_back(h.begin, h.end);
  return out;
}

std::vector<std::pair<std::string, double>> fuse_ranks(const std::vector<std::pair<double, std::vector<std::string>>>& lists, double k) {
  std::map<std::string, double> scores;
  for (auto& [weight, ids] : lists)
    for (std::size_t rank = 0; rank < ids.size(); ++rank)
      scores[ids[rank]] += weight / (k + static_cast<double>(rank) + 1.0);
  std::vector<std::pair<std::string, double>> out{scores.begin(), scores.end()};
  std::stable_sort(out.begin(), out.end(), [](auto& x, auto& y) { return x.second > y.second; });
  return out;
}

} // namespace fm
