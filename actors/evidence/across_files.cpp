// Grids of different logs lie over each other: their parts begin at whole multiples of powers of two.
#include "actors/evidence/across_files.hpp"

#include "actors/evidence/changes.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <map>
#include <span>
#include <string_view>

namespace fm::evidence {
namespace {
constexpr std::size_t kinds_max = 20;
constexpr std::size_t pattern_bytes_max = 80; ///< in a title
constexpr std::size_t shared_parts_min = 6;
constexpr std::int64_t lag_max = 2; ///< parts
constexpr double lag_gain = 0.1;    ///< by so much a shifted likeness must be better to be believed
constexpr std::size_t of_a_pair_max = 2;

/// Counts in parts of `width`, from the part that begins at `from` on, `parts` of them.
std::vector<std::uint32_t> laid_over(const file_threads& t, const kind_over_time& k, std::int64_t width, std::int64_t from, std::size_t parts) {
  std::vector<std::uint32_t> out(parts);
  for (std::size_t i = 0; i < k.counts.size(); ++i) {
    const auto at = t.begin_s + static_cast<std::int64_t>(i) * t.width_s;
    if (at < from)
      continue;
    if (const auto part = static_cast<std::size_t>((at - from) / width); part < parts)
      out[part] += k.counts[i];
  }
  return out;
}

/// The stretch of time that two files share, in parts of the wider grid.
struct overlap {
  std::int64_t width = 0, from = 0;
  std::size_t parts = 0;
};
overlap overlap_of(const file_threads& a, const file_threads& b) {
  overlap o;
  if (a.width_s <= 0 || b.width_s <= 0)
    return o;
  const auto end = [](const file_threads& t) {
    std::size_t parts = 0;
    for (auto& k : t.kinds)
      parts = std::max(parts, k.counts.size());
    return t.begin_s + static_cast<std::int64_t>(parts) * t.width_s;
  };
  o.width = std::max(a.width_s, b.width_s);
  const auto begin = std::max(a.begin_s, b.begin_s), stop = std::min(end(a), end(b));
  o.from = begin / o.width * o.width;
  if (o.from > begin) // before 1970
    o.from -= o.width;
  o.parts = stop > o.from ? static_cast<std::size_t>((stop - o.from + o.width - 1) / o.width) : 0;
  return o;
}

std::string quoted(const std::string& pattern) {
  const auto cut = utf8_floor(pattern, std::min<std::size_t>(pattern.size(), pattern_bytes_max));
  return "\"" + pattern.substr(0, cut) + (cut < pattern.size() ? "…\"" : "\"");
}

void compare(const std::vector<threaded_file>& files, std::size_t i, std::size_t j, const across_limits& bounds, std::vector<cross_finding>& out) {
  const auto& a = files[i].threads;
  const auto& b = files[j].threads;
  const auto o = overlap_of(a, b);
  if (o.parts < shared_parts_min)
    return;
  std::vector<cross_finding> found;
  std::vector<std::vector<std::uint32_t>> series;
  for (auto& y : b.kinds)
    series.push_back(laid_over(b, y, o.width, o.from, o.parts));
  for (auto& x : a.kinds) {
    const auto xs = laid_over(a, x, o.width, o.from, o.parts);
    for (std::size_t n = 0; n < b.kinds.size(); ++n) {
      const auto& y = b.kinds[n];
      if (std::max(x.trouble, y.trouble) < 2)
        continue;
      auto best = rhythm_likeness(xs, series[n]).value_or(-1);
      std::int64_t lag = 0;
      for (auto shift = -lag_max; shift <= lag_max; ++shift) {
        const auto skip = static_cast<std::size_t>(std::abs(shift));
        if (shift == 0 || o.parts < shared_parts_min + skip)
          continue;
        const std::span<const std::uint32_t> p{xs}, q{series[n]};
        const auto l = shift > 0 ? rhythm_likeness(p.first(o.parts - skip), q.subspan(skip)) : rhythm_likeness(p.subspan(skip), q.first(o.parts - skip));
        if (l && *l > best + lag_gain) {
          best = *l;
          lag = shift;
        }
      }
      if (best < bounds.likeness_min)
        continue;
      cross_finding f;
      f.kind = "same_rhythm";
      char likeness[16];
      std::snprintf(likeness, sizeof likeness, "%.2f", best);
      f.title = quoted(x.pattern) + " and " + quoted(y.pattern) + " come and go together (likeness " + likeness + ")";
      if (lag != 0)
        f.title += ", the " + std::string{lag > 0 ? "second" : "first"} + " about " + std::to_string(std::abs(lag) * o.width) + " s later";
      f.score = 30 + 20 * best + 3 * (x.trouble + y.trouble);
      f.places = {{files[i].id, files[i].name, x.first_line, x.last_line, x.count, x.trouble >= 4 ? x.count : 0},
                  {files[j].id, files[j].name, y.first_line, y.last_line, y.count, y.trouble >= 4 ? y.count : 0}};
      found.push_back(std::move(f));
    }
  }
  std::stable_sort(found.begin(), found.end(), [](auto& p, auto& q) { return p.score > q.score; });
  found.resize(std::min(found.size(), of_a_pair_max));
  out.insert(out.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
}

bool names_one_thing(const std::string& kind) {
  static constexpr std::string_view kinds[] = {"request", "uuid", "block", "job", "pod", "order", "session", "message", "transaction"};
  return std::find(std::begin(kinds), std::end(kinds), kind) != std::end(kinds);
}
} // namespace

file_threads threads_of_log(const analysis& a) {
  file_threads out;
  if (a.grid.timed && a.year_known && a.date_known) {
    out.begin_s = a.grid.begin;
    out.width_s = a.grid.width;
    std::vector<const log_template*> list;
    for (auto& t : a.templates)
      list.push_back(&t);
    std::stable_sort(list.begin(), list.end(), [](auto* x, auto* y) { return x->trouble != y->trouble ? x->trouble > y->trouble : x->count > y->count; });
    for (auto* t : list)
      if (out.kinds.size() < kinds_max && t->count >= 3)
        out.kinds.push_back({t->pattern.substr(0, 400), t->trouble, t->count, t->first.number, t->last.number, t->over_time});
  }
  for (auto& n : a.names)
    out.names.push_back({n.kind, n.value, n.count, n.bad, n.first_line, n.last_line});
  return out;
}

std::vector<cross_finding> across_files(const std::vector<threaded_file>& files, const across_limits& bounds) {
  std::vector<cross_finding> out;
  const auto from = files.size() > bounds.files_max ? files.size() - bounds.files_max : 0;
  std::map<std::pair<std::string, std::string>, std::vector<cross_place>> names;
  for (auto i = from; i < files.size(); ++i) {
    for (auto& n : files[i].threads.names)
      names[{n.kind, n.value}].push_back({files[i].id, files[i].name, n.first_line, n.last_line, n.count, n.errors});
    for (auto j = i + 1; j < files.size(); ++j)
      compare(files, i, j, bounds, out);
  }
  for (auto& [name, places] : names) {
    std::uint64_t errors = 0, lines = 0;
    for (auto& p : places) {
      errors += p.errors;
      lines += p.count;
    }
    if (places.size() < 2 || errors == 0)
      continue;
    cross_finding f;
    f.kind = "shared_name";
    f.title = name.first + " " + name.second + " runs through " + std::to_string(places.size()) + " files; " + std::to_string(errors) + " of its " + std::to_string(lines) + " lines are errors";
    f.score = 50 + (names_one_thing(name.first) ? 20 : 0) + 4 * std::log2(1.0 + static_cast<double>(errors)) - 2 * std::log2(1.0 + static_cast<double>(lines)) + 3 * static_cast<double>(places.size());
    f.places = std::move(places);
    out.push_back(std::move(f));
  }
  std::stable_sort(out.begin(), out.end(), [](auto& p, auto& q) { return p.score > q.score; });
  out.resize(std::min(out.size(), bounds.findings_max));
  return out;
}

} // namespace fm::evidence
