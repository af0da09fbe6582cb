// Series as pictures: block characters for terminals, SVG for pages and reports.
#include "actors/evidence/extractors/metrics.hpp"

#include "protocol/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace fm::extractors {
namespace {

std::string fixed(double v) {
  char buffer[64];
  const auto r = std::to_chars(buffer, buffer + sizeof buffer, v, std::chars_format::fixed, 1);
  return {buffer, r.ptr};
}

} // namespace

std::string sparkline(const std::vector<double>& v, std::size_t width) {
  constexpr std::array<std::string_view, 8> blocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  if (v.empty() || width == 0)
    return {};
  const auto cells = std::min(width, v.size());
  std::vector<double> peaks;
  for (std::size_t c = 0; c < cells; ++c) {
    const auto from = c * v.size() / cells, to = std::max(from + 1, (c + 1) * v.size() / cells);
    peaks.push_back(*std::max_element(v.begin() + static_cast<std::ptrdiff_t>(from), v.begin() + static_cast<std::ptrdiff_t>(to)));
  }
  const auto [low, high] = std::minmax_element(peaks.begin(), peaks.end());
  std::string out;
  for (double p : peaks) {
    const double share = *high > *low ? (p / 2 - *low / 2) / (*high / 2 - *low / 2) : 0;
    out += blocks[static_cast<std::size_t>(std::clamp(share * 7.999, 0.0, 7.0))];
  }
  return out;
}

std::string plot_svg(const series& s, const series_stats& stats, bool timed, std::string_view caption) {
  constexpr double width = 640, height = 140, left = 8, right = 632, top = 24, bottom = 118;
  constexpr std::size_t columns = 312;
  std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 140\" role=\"img\" font-family=\"sans-serif\" font-size=\"11\">";
  out += "<title>" + xml_escaped(to_valid_utf8(caption)) + "</title>";
  out += "<rect width=\"" + fixed(width) + "\" height=\"" + fixed(height) + "\" fill=\"#fff\"/>";
  if (!s.v.empty()) {
    const double low = stats.min, range = stats.max / 2 - stats.min / 2; // halves: the difference may not fit
    const double from = s.t.front(), span = s.t.back() - from;
    const auto x = [&](std::size_t i) { return left + (right - left) * (span > 0 ? (s.t[i] - from) / span : s.v.size() > 1 ? static_cast<double>(i) / static_cast<double>(s.v.size() - 1) : 0.5); };
    const auto y = [&](double v) { return range > 0 ? bottom - (bottom - top) * ((v / 2 - low / 2) / range) : (top + bottom) / 2; };
    for (auto& c : stats.changes)
      out += "<line x1=\"" + fixed(x(c.at)) + "\" x2=\"" + fixed(x(c.at)) + "\" y1=\"24\" y2=\"118\" stroke=\"#d97706\" stroke-dasharray=\"3 2\"/>";
    out += "<polyline fill=\"none\" stroke=\"#2563eb\" stroke-width=\"1.2\" points=\"";
    // The lowest and the highest of each column, so that no spike is averaged away.
    for (std::size_t c = 0; c < std::min(columns, s.v.size()); ++c) {
      const auto n = std::min(columns, s.v.size());
      const auto a = c * s.v.size() / n, b = std::max(a + 1, (c + 1) * s.v.size() / n);
      auto lowest = a, highest = a;
      for (auto i = a; i < b; ++i) {
        lowest = s.v[i] < s.v[lowest] ? i : lowest;
        highest = s.v[i] > s.v[highest] ? i : highest;
      }
      for (auto i : {std::min(lowest, highest), std::max(lowest, highest)}) {
        out += fixed(x(i)) + "," + fixed(y(s.v[i])) + " ";
        if (lowest == highest)
          break;
      }
    }
    out += "\"/>";
    for (auto& k : stats.spikes)
      out += "<circle cx=\"" + fixed(x(k.peak)) + "\" cy=\"" + fixed(y(s.v[k.peak])) + "\" r=\"3\" fill=\"#dc2626\"/>";
    out += "<text x=\"632\" y=\"16\" text-anchor=\"end\" fill=\"#444\">" + short_number(stats.min) + " to " + short_number(stats.max) + "</text>";
    if (timed) {
      out += "<text x=\"8\" y=\"134\" fill=\"#444\">" + time_text(static_cast<std::int64_t>(s.t.front())) + "</text>";
      out += "<text x=\"632\" y=\"134\" text-anchor=\"end\" fill=\"#444\">" + time_text(static_cast<std::int64_t>(s.t.back())) + "</text>";
    }
  }
  out += "<text x=\"8\" y=\"16\" fill=\"#111\">" + xml_escaped(cut_on_word(to_valid_utf8(caption), 70)) + "</text></svg>";
  return out;
}

} // namespace fm::extractors
