// Small sums over at most a few dozen parts.
#include "actors/evidence/changes.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace fm::evidence {
namespace {
constexpr std::uint64_t total_min = 20;
constexpr std::size_t side_min = 3;        ///< parts on either side of a change
constexpr double evidence_min = 12;        ///< about one in a million by chance
constexpr double times_min = 3;
constexpr std::uint64_t burst_min = 8;

double log_likelihood(double count, double parts) { return count <= 0 ? 0 : count * std::log(count / parts); }
} // namespace

std::optional<level_change> find_level_change(std::span<const std::uint32_t> counts) {
  if (counts.size() < 2 * side_min + 1)
    return std::nullopt;
  const auto c = counts.first(counts.size() - 1);
  const auto n = c.size();
  const auto total = std::accumulate(c.begin(), c.end(), std::uint64_t{0});
  if (total < total_min)
    return std::nullopt;
  const auto one = log_likelihood(static_cast<double>(total), static_cast<double>(n));
  level_change best;
  std::uint64_t before = 0;
  for (std::size_t at = 1; at < n; ++at) {
    before += c[at - 1];
    if (at < side_min || n - at < side_min)
      continue;
    const auto left = static_cast<double>(before), right = static_cast<double>(total - before);
    const auto parts_left = static_cast<double>(at), parts_right = static_cast<double>(n - at);
    const auto gain = log_likelihood(left, parts_left) + log_likelihood(right, parts_right) - one;
    if (gain > best.evidence)
      best = {at, left / parts_left, right / parts_right, gain};
  }
  if (best.evidence < evidence_min)
    return std::nullopt;
  const auto low = std::min(best.before, best.after), high = std::max(best.before, best.after);
  if (high < times_min * std::max(low, 0.3))
    return std::nullopt;
  // The higher level holds in most of its parts: a burst is no level.
  const bool rises = best.after > best.before;
  const auto side = rises ? c.subspan(best.at) : c.first(best.at);
  const auto holding = std::count_if(side.begin(), side.end(), [&](auto x) { return x > low * 1.5 && x > 0; });
  if (static_cast<double>(holding) < 0.7 * static_cast<double>(side.size()))
    return std::nullopt;
  return best;
}

std::optional<burst> find_burst(std::span<const std::uint32_t> counts) {
  if (counts.size() < 6)
    return std::nullopt;
  const auto total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  if (total < burst_min)
    return std::nullopt;
  const auto most = static_cast<std::size_t>(std::max_element(counts.begin(), counts.end()) - counts.begin());
  burst best{most, 1, counts[most]};
  // It may lie across the border of two parts.
  const auto left = most > 0 ? counts[most - 1] : 0, right = most + 1 < counts.size() ? counts[most + 1] : 0;
  if (2 * std::max(left, right) >= counts[most])
    best = {left > right ? most - 1 : most, 2, best.count + std::max(left, right)};
  if (best.count < burst_min || best.count * 10 < total * 6)
    return std::nullopt;
  return best;
}

std::optional<double> rhythm_likeness(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
  const auto n = std::min(a.size(), b.size());
  const auto filled = [&](auto& x) { return std::count_if(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(n), [](auto v) { return v > 0; }); };
  if (n < 6 || filled(a) < 3 || filled(b) < 3)
    return std::nullopt;
  double sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto x = std::sqrt(static_cast<double>(a[i])), y = std::sqrt(static_cast<double>(b[i]));
    sum_a += x;
    sum_b += y;
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  const auto parts = static_cast<double>(n);
  const auto var_a = aa - sum_a * sum_a / parts, var_b = bb - sum_b * sum_b / parts;
  if (var_a < 0.05 * parts || var_b < 0.05 * parts)
    return std::nullopt;
  return (ab - sum_a * sum_b / parts) / std::sqrt(var_a * var_b);
}

} // namespace fm::evidence
