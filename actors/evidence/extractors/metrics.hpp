// Metrics in any of their usual clothes (CSV, JSON, Prometheus, OpenMetrics, sar, vmstat, iostat, top) as series of
// samples that know their line; statistics on them, and what in them deserves a look. All bounded: samples, series,
// and comparisons are counted, and what was left out is said.
#pragma once

#include "actors/evidence/extractors/extraction.hpp"
#include "actors/evidence/extractors/lines.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::extractors {

inline constexpr std::size_t metric_samples_max = 2'000'000;
inline constexpr std::size_t metric_series_max = 2'000;
inline constexpr std::size_t analysed_series_max = 400;

struct series {
  std::string name;
  std::vector<double> t;            ///< UTC ms, or 0, 1, 2, … when the input has no time
  std::vector<double> v;            ///< finite
  std::vector<std::uint32_t> line;  ///< index of the input's line, from 0
  bool counter = false;             ///< grows for ever: its rate is what matters
  std::size_t missing = 0;          ///< NaN, empty or not a number
};

struct series_set {
  std::string format; ///< csv, json, prometheus, openmetrics, sar, vmstat, iostat, top; empty = none recognised
  bool timed = false, zone_known = false;
  std::vector<series> all; ///< in order of first appearance
  bool shortened = false;
  std::string problem; ///< why nothing could be read; empty when something was
};

/// Content decides which reader is used; the name only breaks ties.
series_set parse_metrics(std::string_view name, std::string_view text);

struct spike {
  std::size_t first = 0, last = 0, peak = 0; ///< indices of samples
  double z = 0;                              ///< robust deviations from the median
};
struct change_point {
  std::size_t at = 0; ///< first sample of the new level
  double before = 0, after = 0;
  double strength = 0; ///< shift in robust deviations
};
struct series_stats {
  std::size_t count = 0;
  double min = 0, max = 0, mean = 0, median = 0, p95 = 0, p99 = 0, deviation = 0, first = 0, last = 0;
  std::size_t min_at = 0, max_at = 0;
  double trend = 0; ///< change over the whole length by least squares, in units of the value
  bool constant = false;
  std::vector<spike> spikes;         ///< strongest first, at most 5
  std::vector<change_point> changes; ///< by place, at most 4
  std::optional<std::size_t> season; ///< samples of one period, when there are at least three periods
  double season_strength = 0;        ///< autocorrelation at it
};
series_stats describe(const std::vector<double>& values, work& budget);
/// Differences per second of a counter; resets count as 0.
series rate_of(const series& s, bool timed);

struct correlation {
  std::size_t a = 0, b = 0; ///< indices of series
  double r = 0;
  int lag = 0; ///< > 0: a moves first, in grid steps
  double lag_ms = 0;
};
/// Of the chosen series, on a common grid of time; strongest first.
std::vector<correlation> correlate(const std::vector<const series*>& chosen, work& budget);

/// One line of block characters, at most `width` of them.
std::string sparkline(const std::vector<double>& values, std::size_t width = 60);
/// A small plot with marked samples. `caption` is escaped.
std::string plot_svg(const series& s, const series_stats& stats, bool timed, std::string_view caption);

extraction extract_metrics(std::string_view name, std::string_view text);

} // namespace fm::extractors
