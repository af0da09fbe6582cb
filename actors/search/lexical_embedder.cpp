// Features and their weights.
#include "actors/search/lexical_embedder.hpp"

#include "actors/search/concepts.hpp"
#include "actors/search/words.hpp"

#include <cmath>
#include <map>

namespace fm {
namespace {
constexpr std::size_t terms_max = 4'000; ///< of one text: a chunk has some hundreds
constexpr double weight_word = 1.0, weight_concept = 1.6, weight_pair = 0.5, weight_gram = 0.25;

/// FNV-1a, finished like MurmurHash3 so that the low bits are good: written out because it must never change.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t h = 14695981039346656037ULL;
  for (const char c : text)
    h = (h ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  h ^= h >> 33U;
  h *= 0xff51afd7ed558ccdULL;
  h ^= h >> 33U;
  h *= 0xc4ceb9fe1a85ec53ULL;
  return h ^ (h >> 33U);
}

/// Words of every other runbook say little about any of them.
double rarity(std::string_view stem) {
  static const std::map<std::string_view, double> low{
      {"error", 0.4}, {"server", 0.4}, {"servic", 0.4}, {"system", 0.4}, {"problem", 0.3}, {"issu", 0.3}, {"fail", 0.4},
      {"failur", 0.4}, {"check", 0.3}, {"run", 0.3}, {"time", 0.4}, {"start", 0.4}, {"new", 0.3}, {"work", 0.3},
      {"show", 0.3}, {"see", 0.3}, {"look", 0.3}, {"find", 0.3}, {"caus", 0.3}, {"symptom", 0.2}, {"fix", 0.3},
      {"verifi", 0.3}, {"step", 0.3}, {"command", 0.3}, {"applic", 0.4}, {"app", 0.4}, {"request", 0.5}, {"user", 0.5},
      {"number", 0.4}, {"first", 0.3}, {"last", 0.3}, {"stop", 0.4}, {"chang", 0.4}, {"make", 0.2}, {"take", 0.3},
      {"give", 0.2}, {"go", 0.2}, {"happen", 0.2}, {"sudden", 0.3}, {"differ", 0.3}, {"log", 0.5}, {"process", 0.5}};
  const auto found = low.find(stem);
  return found == low.end() ? 1.0 : found->second;
}

class lexical final : public embedder {
public:
  explicit lexical(std::uint32_t dimension) : dimension_(dimension) {}
  std::string name() const override { return "lexical-1/" + std::to_string(dimension_); }
  std::uint32_t dimension() const override { return dimension_; }

  outcome<std::vector<std::vector<float>>> embed(std::span<const std::string> texts) override {
    if (texts.size() > batch_max)
      return make_failure(errc::too_large, "At most " + std::to_string(batch_max) + " texts are embedded at once.");
    std::vector<std::vector<float>> out;
    out.reserve(texts.size());
    for (auto& t : texts)
      out.push_back(vector_of(t));
    return out;
  }

private:
  std::vector<float> vector_of(std::string_view text) const {
    const auto terms = terms_of(text, terms_max);
    std::map<std::string, std::pair<std::size_t, double>> counts;
    const auto count = [&](std::string name, double weight) {
      auto& [n, w] = counts[std::move(name)];
      ++n;
      w = std::max(w, weight);
    };
    const term* before = nullptr;
    for (auto& t : terms) {
      count(t.stem, weight_word * rarity(t.stem));
      if (before != nullptr && !t.part && !before->part)
        count(before->stem + " " + t.stem, weight_pair);
      before = &t;
      if (t.stem.size() >= 5 && t.stem.size() <= 32)
        for (std::size_t i = 0; i + 4 <= t.stem.size(); ++i)
          count("#" + t.stem.substr(i, 4), weight_gram);
    }
    for (auto& c : concepts_of(terms))
      count(c, weight_concept);
    std::vector<double> sums(dimension_, 0.0);
    for (auto& [name, n] : counts) {
      const auto h = hash_of(name);
      const auto value = (1.0 + std::log(static_cast<double>(n.first))) * n.second;
      sums[h % dimension_] += (h >> 63U) != 0 ? value : -value;
    }
    double norm = 0;
    for (const auto v : sums)
      norm += v * v;
    std::vector<float> out(dimension_, 0.0F);
    if (norm == 0) {
      out[0] = 1.0F; // a text without a word is like no other
      return out;
    }
    norm = std::sqrt(norm);
    for (std::size_t i = 0; i < sums.size(); ++i)
      out[i] = static_cast<float>(sums[i] / norm);
    return out;
  }

  std::uint32_t dimension_;
};
} // namespace

embedder_ptr make_lexical_embedder(std::uint32_t dimension) { return std::make_shared<lexical>(dimension); }

} // namespace fm
