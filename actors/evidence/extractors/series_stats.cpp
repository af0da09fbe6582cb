// Statistics that survive outliers: medians and median deviations instead of means where a spike would decide.
#include "actors/evidence/extractors/metrics.hpp"

#include <algorithm>
#include <cmath>

namespace fm::extractors {
namespace {

constexpr std::size_t season_samples_max = 2'000; ///< longer series are averaged down for the search of a period
constexpr std::size_t change_points_max = 4;
constexpr std::size_t spikes_max = 5;

double median_of(std::vector<double> v) {
  if (v.empty())
    return 0;
  const auto middle = v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2);
  std::nth_element(v.begin(), middle, v.end());
  if (v.size() % 2 == 1)
    return *middle;
  return (*std::max_element(v.begin(), middle) / 2 + *middle / 2);
}

double mad_of(const std::vector<double>& v, double median) {
  std::vector<double> d;
  d.reserve(v.size());
  for (double x : v)
    d.push_back(std::abs(x - median));
  return 1.4826 * median_of(std::move(d));
}

/// Running median of five: removes what lasts two samples or less, keeps steps.
std::vector<double> smoothed(const std::vector<double>& v) {
  if (v.size() < 5)
    return v;
  auto out = v;
  for (std::size_t i = 2; i + 2 < v.size(); ++i) {
    std::array<double, 5> w{v[i - 2], v[i - 1], v[i], v[i + 1], v[i + 2]};
    std::nth_element(w.begin(), w.begin() + 2, w.end());
    out[i] = w[2];
  }
  out[0] = out[1] = out[2];
  out[v.size() - 1] = out[v.size() - 2] = out[v.size() - 3];
  return out;
}

std::vector<double> part(const std::vector<double>& v, std::size_t from, std::size_t to) {
  return {v.begin() + static_cast<std::ptrdiff_t>(from), v.begin() + static_cast<std::ptrdiff_t>(to)};
}

/// Binary segmentation by CUSUM on the smoothed values; a step counts when it is large against what remains around
/// both levels, so that a drifting series does not turn into stairs.
void find_changes(const std::vector<double>& values, series_stats& s, work& budget) {
  const auto v = smoothed(values);
  struct segment {
    std::size_t from, to;
  };
  std::vector<segment> todo{{0, v.size()}};
  // Of the smoothed values: one wild sample must not hide a step behind its size.
  const auto [lowest, highest] = std::minmax_element(v.begin(), v.end());
  const double range = *highest - *lowest;
  while (!todo.empty() && s.changes.size() < change_points_max) {
    const auto [from, to] = todo.back();
    todo.pop_back();
    const auto n = to - from;
    const std::size_t least = std::max<std::size_t>(5, values.size() / 50);
    if (n < 2 * least || !budget.spend(n * 8))
      continue;
    double mean = 0;
    for (auto i = from; i < to; ++i)
      mean += v[i] / static_cast<double>(n);
    double sum = 0, best = -1;
    std::size_t at = 0;
    for (auto i = from; i + least < to; ++i) {
      sum += v[i] - mean;
      const auto k = static_cast<double>(i - from + 1), rest = static_cast<double>(n) - k;
      if (i - from + 1 < least)
        continue;
      const double score = std::abs(sum) / std::sqrt(k * rest / static_cast<double>(n));
      if (score > best) {
        best = score;
        at = i + 1;
      }
    }
    if (at == 0)
      continue;
    const auto left = part(v, from, at), right = part(v, at, to);
    const double a = median_of(left), b = median_of(right);
    const double shift = std::abs(b - a);
    const double around = std::max(mad_of(left, a), mad_of(right, b));
    const double floor = std::max({around, range * 0.01, 1e-12});
    // The step itself must be steep: a slope gives the same shift of medians without one.
    const auto near = std::max<std::size_t>(3, least / 2);
    const double just_before = median_of(part(v, at >= from + near ? at - near : from, at));
    const double just_after = median_of(part(v, at, std::min(at + near, to)));
    const bool steep = std::abs(just_after - just_before) > 0.5 * shift;
    const double scale = std::max({std::abs(a), std::abs(b), 1e-12});
    if (shift > 3.5 * floor && shift > 0.08 * scale && shift > range * 0.08 && steep) {
      s.changes.push_back({at, a, b, shift / floor});
      todo.push_back({at, to});
      todo.push_back({from, at});
    } else if (!steep && n >= 8 * least) {
      // A ramp in the middle hides steps at its ends: look at both sides once.
      continue;
    }
  }
  std::sort(s.changes.begin(), s.changes.end(), [](auto& x, auto& y) { return x.at < y.at; });
}

void find_season(const std::vector<double>& values, series_stats& s, work& budget) {
  if (values.size() < 48 || s.constant)
    return;
  const std::size_t stride = (values.size() + season_samples_max - 1) / season_samples_max;
  std::vector<double> v;
  for (std::size_t i = 0; i + stride <= values.size(); i += stride) {
    double sum = 0;
    for (std::size_t j = 0; j < stride; ++j)
      sum += values[i + j] / static_cast<double>(stride);
    v.push_back(sum);
  }
  const auto n = v.size();
  if (!budget.spend(n * n / 3))
    return;
  // Trend and outliers away: both would correlate with themselves at every lag.
  const double med = median_of(v), mad = mad_of(v, med);
  const double nn = static_cast<double>(n);
  double mx = (nn - 1) / 2, my = 0, xy = 0, xx = 0;
  for (auto& x : v) {
    if (mad > 0)
      x = std::clamp(x, med - 6 * mad, med + 6 * mad);
    my += x / nn;
  }
  for (std::size_t i = 0; i < n; ++i) {
    xy += (static_cast<double>(i) - mx) * (v[i] - my);
    xx += (static_cast<double>(i) - mx) * (static_cast<double>(i) - mx);
  }
  const double slope = xx > 0 ? xy / xx : 0;
  double power = 0;
  for (std::size_t i = 0; i < n; ++i) {
    v[i] -= my + slope * (static_cast<double>(i) - mx);
    power += v[i] * v[i];
  }
  if (!(power > 0) || !std::isfinite(power))
    return;
  std::vector<double> r(n / 3 + 1, 0);
  for (std::size_t lag = 1; lag < r.size(); ++lag) {
    double sum = 0;
    for (std::size_t i = lag; i < n; ++i)
      sum += v[i] * v[i - lag];
    r[lag] = sum / power * nn / static_cast<double>(n - lag);
  }
  bool dipped = false; // a slow wander has its peak at the smallest lag: a period comes after a dip
  for (std::size_t lag = 2; lag + 1 < r.size(); ++lag) {
    dipped = dipped || r[lag] < 0.1;
    if (dipped && lag >= 4 && r[lag] > 0.5 && r[lag] >= r[lag - 1] && r[lag] >= r[lag + 1] && r[lag] > s.season_strength + 0.05) {
      s.season = lag * stride;
      s.season_strength = r[lag];
    }
  }
}

void find_spikes(const std::vector<double>& values, series_stats& s) {
  if (values.size() < 12 || s.constant)
    return;
  // What is expected: the level of each stretch between change points, and the median of each phase of a season.
  auto rest = values;
  std::vector<double> scale(values.size(), 0); ///< what each stretch does by itself
  std::vector<std::size_t> edges{0};
  for (auto& c : s.changes)
    edges.push_back(c.at);
  edges.push_back(values.size());
  for (std::size_t e = 0; e + 1 < edges.size(); ++e) {
    const auto stretch = part(values, edges[e], edges[e + 1]);
    const double level = median_of(stretch), own = mad_of(stretch, level);
    for (auto i = edges[e]; i < edges[e + 1]; ++i) {
      rest[i] -= level;
      scale[i] = own;
    }
  }
  if (s.season && s.changes.empty()) {
    const auto p = *s.season;
    std::fill(scale.begin(), scale.end(), 0);
    for (std::size_t phase = 0; phase < p; ++phase) {
      std::vector<double> same;
      for (auto i = phase; i < rest.size(); i += p)
        same.push_back(rest[i]);
      const double level = median_of(same);
      for (auto i = phase; i < rest.size(); i += p)
        rest[i] -= level;
    }
  }
  const double med = median_of(rest);
  // Mostly flat with a few bursts: the deviation is 0 and anything would be a spike, so the range counts too.
  const double floor = std::max({s.season && s.changes.empty() ? mad_of(rest, med) : 0, (s.max - s.min) * 0.02, std::abs(s.median) * 0.01, 1e-12});
  constexpr double threshold = 7;
  const auto z_of = [&](std::size_t i) { return (rest[i] - med) / std::max(floor, scale[i]); };
  for (std::size_t i = 0; i < rest.size();) {
    const double z = z_of(i);
    if (std::abs(z) < threshold) {
      ++i;
      continue;
    }
    spike k{i, i, i, z};
    auto j = i;
    while (j + 1 < rest.size() && std::abs(z_of(j + 1)) >= threshold / 2 && (z_of(j + 1) > 0) == (z > 0)) {
      ++j;
      const double other = z_of(j);
      if (std::abs(other) > std::abs(k.z)) {
        k.z = other;
        k.peak = j;
      }
    }
    k.last = j;
    if (j - i + 1 <= std::max<std::size_t>(3, values.size() / 10)) // longer is no spike
      s.spikes.push_back(k);
    i = j + 1;
    if (s.spikes.size() > 1'000)
      break;
  }
  std::stable_sort(s.spikes.begin(), s.spikes.end(), [](auto& a, auto& b) { return std::abs(a.z) > std::abs(b.z); });
  if (s.spikes.size() > spikes_max)
    s.spikes.resize(spikes_max);
}

} // namespace

series_stats describe(const std::vector<double>& v, work& budget) {
  series_stats s;
  s.count = v.size();
  if (v.empty() || !budget.spend(v.size() * 20))
    return s;
  const auto n = static_cast<double>(v.size());
  s.min = s.max = s.first = v.front();
  s.last = v.back();
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (v[i] < s.min) {
      s.min = v[i];
      s.min_at = i;
    }
    if (v[i] > s.max) {
      s.max = v[i];
      s.max_at = i;
    }
    s.mean += v[i] / n;
  }
  double xy = 0, xx = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    const double x = static_cast<double>(i) - (n - 1) / 2;
    s.deviation += (v[i] - s.mean) / n * (v[i] - s.mean);
    xy += x * (v[i] - s.mean);
    xx += x * x;
  }
  s.deviation = std::sqrt(s.deviation);
  s.trend = xx > 0 ? xy / xx * (n - 1) : 0;
  auto sorted = v;
  std::sort(sorted.begin(), sorted.end());
  const auto quantile = [&](double q) {
    const double at = q * (n - 1);
    const auto i = static_cast<std::size_t>(at);
    const auto next = std::min(i + 1, sorted.size() - 1);
    return sorted[i] + (sorted[next] - sorted[i]) * (at - static_cast<double>(i));
  };
  s.median = quantile(0.5);
  s.p95 = quantile(0.95);
  s.p99 = quantile(0.99);
  s.constant = s.min == s.max;
  // Beyond this, sums of squares leave a double's range.
  if (s.constant || v.size() < 8 || std::abs(s.max) > 1e150 || std::abs(s.min) > 1e150)
    return s;
  find_season(v, s, budget);
  find_changes(v, s, budget);
  // A square wave is a season, not a list of steps.
  if (s.season && s.season_strength > 0.6 && !s.changes.empty()) {
    const auto p = *s.season;
    std::erase_if(s.changes, [&](const change_point& c) {
      const auto from = c.at >= p ? c.at - p : 0, to = std::min(c.at + p, v.size());
      const double a = median_of(part(v, from, c.at)), b = median_of(part(v, c.at, to));
      return std::abs(b - a) < 0.5 * std::abs(c.after - c.before);
    });
  }
  find_spikes(v, s);
  return s;
}

series rate_of(const series& s, bool timed) {
  series out;
  out.name = "rate of " + s.name;
  for (std::size_t i = 1; i < s.v.size(); ++i) {
    const double seconds = timed ? (s.t[i] - s.t[i - 1]) / 1000 : 1;
    if (seconds <= 0)
      continue;
    out.t.push_back(s.t[i]);
    out.v.push_back(s.v[i] >= s.v[i - 1] ? (s.v[i] - s.v[i - 1]) / seconds : 0);
    out.line.push_back(s.line[i]);
  }
  return out;
}

std::vector<correlation> correlate(const std::vector<const series*>& chosen, work& budget) {
  constexpr std::size_t grid_max = 400;
  constexpr int lag_max = 8;
  std::vector<correlation> out;
  if (chosen.size() < 2)
    return out;
  double from = INFINITY, to = -INFINITY;
  std::size_t longest = 0;
  for (auto* s : chosen)
    if (s->v.size() >= 12) {
      from = std::min(from, s->t.front());
      to = std::max(to, s->t.back());
      longest = std::max(longest, s->v.size());
    }
  if (!(to > from))
    return out;
  const auto cells = std::min(grid_max, longest);
  const double step = (to - from) / static_cast<double>(cells);
  // Mean per cell, gaps carried forward, first differences taken: two series that only share a trend are no pair.
  std::vector<std::vector<double>> grid;
  std::vector<std::size_t> of;
  for (std::size_t k = 0; k < chosen.size(); ++k) {
    auto& s = *chosen[k];
    if (s.v.size() < 12 || !budget.spend(s.v.size()))
      continue;
    std::vector<double> sum(cells, 0), n(cells, 0);
    for (std::size_t i = 0; i < s.v.size(); ++i) {
      const auto c = std::min(cells - 1, static_cast<std::size_t>((s.t[i] - from) / step));
      sum[c] += s.v[i];
      n[c] += 1;
    }
    double last = s.v.front();
    for (std::size_t c = 0; c < cells; ++c)
      last = sum[c] = n[c] > 0 ? sum[c] / n[c] : last;
    double mean = 0, power = 0;
    for (double x : sum)
      mean += x / static_cast<double>(cells);
    for (auto& x : sum) {
      x -= mean;
      power += x * x;
    }
    if (!(power > 0) || !std::isfinite(power))
      continue;
    for (auto& x : sum)
      x /= std::sqrt(power);
    grid.push_back(std::move(sum));
    of.push_back(k);
  }
  for (std::size_t a = 0; a < grid.size(); ++a)
    for (auto b = a + 1; b < grid.size(); ++b) {
      if (!budget.spend(cells * (2 * lag_max + 1)))
        return out;
      correlation best;
      for (int lag = -lag_max; lag <= lag_max; ++lag) {
        double sum = 0;
        for (std::size_t i = 0; i < cells; ++i) {
          const auto j = static_cast<std::ptrdiff_t>(i) + lag;
          if (j >= 0 && j < static_cast<std::ptrdiff_t>(cells))
            sum += grid[a][i] * grid[b][static_cast<std::size_t>(j)];
        }
        if (std::abs(sum) > std::abs(best.r) + 0.02 || (lag == 0 && std::abs(sum) >= std::abs(best.r) - 0.02))
          best = {of[a], of[b], sum, lag, lag * step};
      }
      if (std::abs(best.r) >= 0.75)
        out.push_back(best);
    }
  std::stable_sort(out.begin(), out.end(), [](auto& x, auto& y) { return std::abs(x.r) > std::abs(y.r); });
  return out;
}

} // namespace fm::extractors
