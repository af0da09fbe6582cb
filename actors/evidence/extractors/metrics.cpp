// What is told about metrics: the series that moved most, when, together with which others; ceilings that were hit;
// and for a single scrape, where there is no time to look at, the counters and ratios that are bad by themselves.
#include "actors/evidence/extractors/metrics.hpp"

#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace fm::extractors {
namespace {

constexpr std::uint64_t units_max = 400'000'000; ///< of work: about a second
constexpr std::size_t correlated_max = 30;

struct examined {
  const series* raw = nullptr;
  series rate; ///< of counters
  series_stats stats;
  double score = 0;
  const series& shown() const { return rate.v.empty() ? *raw : rate; }
};

std::string percent(double share) { return short_number(share * 100) + " %"; }

bool holds(std::string_view name, std::string_view word) { return ifind(name, word) != std::string_view::npos; }

/// Whether 100 (or 1) is this series' ceiling.
std::optional<double> ceiling_of(const series& s, const series_stats& stats) {
  const bool share = holds(s.name, "percent") || holds(s.name, "%") || holds(s.name, "pct") || holds(s.name, "util") || holds(s.name, "ratio") || holds(s.name, "usage");
  if (!share || stats.min < 0 || holds(s.name, "idle") || holds(s.name, "free") || holds(s.name, "avail") || holds(s.name, "hit"))
    return std::nullopt;
  if (stats.max <= 1.0001 && stats.max > 0.5 && !holds(s.name, "%"))
    return 1;
  if (stats.max <= 100.5 && stats.max > 50)
    return 100;
  return std::nullopt;
}

class metrics_report {
public:
  metrics_report(std::string_view name, std::string_view text) : text_(text), set_(parse_metrics(name, text)) {}

  extraction run() {
    x_.type = data_type::metrics_and_performance;
    x_.format = set_.format;
    if (set_.all.empty()) {
      x_.refused = set_.problem.empty() ? "No samples were found." : set_.problem;
      x_.summary = "Metrics that could not be read: " + *x_.refused;
      x_.insights.push_back({*x_.refused, {}});
      x_.confidence = 0.2;
      finish(x_);
      return std::move(x_);
    }
    if (set_.shortened)
      x_.shortened = "more series or samples than are kept";
    std::size_t samples = 0, longest = 0;
    for (auto& s : set_.all) {
      samples += s.v.size();
      longest = std::max(longest, s.v.size());
    }
    // The longest series first get the work that there is.
    std::vector<std::size_t> order(set_.all.size());
    for (std::size_t i = 0; i < order.size(); ++i)
      order[i] = i;
    std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return set_.all[a].v.size() > set_.all[b].v.size(); });
    if (order.size() > analysed_series_max && longest > 2) {
      order.resize(analysed_series_max);
      x_.shortened = "more than " + std::to_string(analysed_series_max) + " series";
    }
    std::sort(order.begin(), order.end());
    for (auto i : order)
      examine(set_.all[i]);
    if (work_.spent())
      x_.shortened = "the analysis reached its bound of work";
    pairs_with_bounds();
    if (longest <= 2)
      snapshot();
    else
      together();
    by_score_.resize(all_.size());
    for (std::size_t i = 0; i < by_score_.size(); ++i)
      by_score_[i] = i;
    std::stable_sort(by_score_.begin(), by_score_.end(), [&](auto a, auto b) { return all_[a].score > all_[b].score; });
    tell(samples, longest);
    finish(x_);
    return std::move(x_);
  }

private:
  std::string when(const series& s, std::size_t i) const {
    return set_.timed ? "at " + time_text(static_cast<std::int64_t>(s.t[i])) + (set_.zone_known ? " UTC" : "") : "at sample " + std::to_string(i + 1);
  }
  citation cite(const series& s, std::size_t first, std::size_t last) const {
    const auto [low, high] = std::minmax(s.line[first], s.line[last]);
    return all_lines_.cite_lines(low, high);
  }
  void say(examined& e, weight heavy, std::string kind, std::string title, citation at, double score) {
    finding f;
    f.kind = std::move(kind);
    f.heavy = heavy;
    f.title = std::move(title);
    f.where = e.raw->name;
    f.at = at;
    // Many samples may lie between; the quote shows the first of them.
    f.quote = all_lines_.quote(f.at);
    f.score = score;
    e.score = std::max(e.score, score + (heavy == weight::danger ? 10 : heavy == weight::warning ? 5 : 0));
    if (x_.findings.size() < 4 * findings_max)
      x_.findings.push_back(std::move(f));
  }
  void mark(const series& s, std::size_t i, std::string what) {
    if (!set_.timed || x_.moments.size() >= 4 * moments_max)
      return;
    x_.moments.push_back({static_cast<std::int64_t>(s.t[i]), set_.zone_known, false, std::move(what), cite(s, i, i)});
  }

  void examine(const series& raw) {
    all_.push_back({&raw, {}, {}, 0});
    auto& e = all_.back();
    if (raw.counter && raw.v.size() > 3)
      e.rate = rate_of(raw, set_.timed);
    const auto& s = e.shown();
    e.stats = describe(s.v, work_);
    for (auto& k : e.stats.spikes) {
      const double usual = e.stats.median;
      const bool up = s.v[k.peak] > usual;
      const double times = usual != 0 ? s.v[k.peak] / usual : 0;
      const std::string much = times > 1.5 && times < 1e6 ? ", " + short_number(times) + " times the median" : ", the median is " + short_number(usual);
      say(e, std::abs(k.z) > 15 ? weight::warning : weight::note, up ? "spike" : "dip",
          s.name + (up ? " spiked to " : " fell to ") + short_number(s.v[k.peak]) + " " + when(s, k.peak) + much + ".", cite(s, k.peak, k.peak), std::min(5.0, std::abs(k.z) / 10));
      mark(s, k.peak, s.name + (up ? " spikes to " : " falls to ") + short_number(s.v[k.peak]));
    }
    for (auto& c : e.stats.changes) {
      say(e, weight::warning, "change_point", s.name + " changed level from " + short_number(c.before) + " to " + short_number(c.after) + " " + when(s, c.at) + ".",
          cite(s, c.at > 0 ? c.at - 1 : 0, c.at), std::min(6.0, 2 + c.strength / 10));
      mark(s, c.at, s.name + " changes from " + short_number(c.before) + " to " + short_number(c.after));
    }
    saturation(e);
    if (raw.missing > 0 && raw.missing * 20 > raw.v.size())
      say(e, weight::note, "missing_samples", raw.name + " lacks " + std::to_string(raw.missing) + " of " + std::to_string(raw.missing + raw.v.size()) + " samples.", {}, 0.2);
    gaps(e);
    // A steady climb of what should not climb: a leak.
    if (s.v.size() >= 24 && e.stats.changes.empty() && !e.stats.season && e.stats.deviation > 0) {
      const double explained = std::abs(e.stats.trend) / (e.stats.deviation * std::sqrt(12.0));
      const bool leaky = holds(s.name, "mem") || holds(s.name, "rss") || holds(s.name, "heap") || holds(s.name, "fds") || holds(s.name, "used") || holds(s.name, "thread") || holds(s.name, "conn") ||
                         holds(s.name, "queue") || holds(s.name, "lag") || holds(s.name, "swpd");
      if (explained > 0.95 && e.stats.trend > 0 && e.stats.trend > 0.15 * std::max(std::abs(e.stats.first), 1e-12))
        say(e, leaky ? weight::warning : weight::note, "steady_growth", s.name + " grew steadily from " + short_number(e.stats.first) + " to " + short_number(e.stats.last) + (leaky ? ": looks like a leak or a backlog." : "."),
            cite(s, 0, s.v.size() - 1), leaky ? 3 : 1);
    }
  }

  void saturation(examined& e) {
    const auto& s = e.shown();
    const auto run_of = [&](auto beyond) {
      std::size_t count = 0, best = 0, best_at = 0, run = 0;
      for (std::size_t i = 0; i < s.v.size(); ++i) {
        run = beyond(s.v[i]) ? run + 1 : 0;
        count += run > 0 ? 1 : 0;
        if (run > best) {
          best = run;
          best_at = i + 1 - run;
        }
      }
      return std::array<std::size_t, 3>{count, best, best_at};
    };
    if (const auto ceiling = ceiling_of(s, e.stats)) {
      const auto [count, run, at] = run_of([&](double v) { return v >= 0.95 * *ceiling; });
      if (count > 0 && (run >= 3 || s.v.size() < 6)) {
        say(e, weight::danger, "saturation", s.name + " was at 95 % or more of its ceiling in " + std::to_string(count) + " of " + std::to_string(s.v.size()) + " samples, first " + when(s, at) + ".",
            cite(s, at, at + run - 1), 4 + static_cast<double>(count) / static_cast<double>(s.v.size()));
        mark(s, at, s.name + " is saturated");
      } else if (*ceiling - e.stats.last <= 0.1 * *ceiling && (iequals(s.name.substr(0, 4), "use%") || holds(s.name, "disk") || holds(s.name, "filesystem") || holds(s.name, "inode") || holds(s.name, "%fsused"))) {
        // A disk does not come back by itself, as a busy processor does.
        say(e, weight::warning, "saturation", s.name + " is at " + percent(e.stats.last / *ceiling) + " " + when(s, s.v.size() - 1) + ".", cite(s, s.v.size() - 1, s.v.size() - 1), 3.5);
      }
      return;
    }
    const auto base = std::string_view{s.name}.substr(0, s.name.find('{'));
    if (iequals(base, "up") && e.stats.min == 0 && e.stats.max <= 1 && s.v.size() > 2) {
      const auto [count, run, at] = run_of([](double v) { return v == 0; });
      say(e, weight::danger, "target_down", s.name + " was down in " + std::to_string(count) + " of " + std::to_string(s.v.size()) + " samples, " + std::to_string(run) + " on end " + when(s, at) + ".", cite(s, at, at + run - 1), 6);
      mark(s, at, s.name + " is down");
      return;
    }
    if (base == "si" || base == "so" || base == "pswpin/s" || base == "pswpout/s") {
      const auto [count, run, at] = run_of([](double v) { return v > 0; });
      if (count * 10 >= s.v.size() && count > 0)
        say(e, weight::warning, "swapping", "Memory is swapped (" + s.name + ") in " + std::to_string(count) + " of " + std::to_string(s.v.size()) + " samples, up to " + short_number(e.stats.max) + ", longest " + when(s, at) + ".", cite(s, at, at + run - 1), 4);
      return;
    }
    if (base == "wa" || base == "%iowait" || base == "cpu wa") {
      const auto [count, run, at] = run_of([](double v) { return v >= 30; });
      if (count > 0 && e.stats.max <= 100.5 && (run >= 3 || s.v.size() < 6))
        say(e, weight::warning, "io_wait", "The CPU waited for disks 30 % of its time or more in " + std::to_string(count) + " of " + std::to_string(s.v.size()) + " samples, first " + when(s, at) + ".", cite(s, at, at + run - 1), 4);
      return;
    }
    if ((holds(s.name, "%idle") || iequals(s.name, "id") || holds(s.name, "%cpu id")) && e.stats.max <= 100.5 && e.stats.max > 20) {
      const auto [count, run, at] = run_of([](double v) { return v <= 5; });
      if (count > 0 && (run >= 3 || s.v.size() < 6)) {
        say(e, weight::danger, "saturation", "The CPU was idle 5 % or less in " + std::to_string(count) + " of " + std::to_string(s.v.size()) + " samples, first " + when(s, at) + ".", cite(s, at, at + run - 1), 4);
        mark(s, at, "the CPU is saturated");
      }
      return;
    }
    // A flat top: many samples at exactly the highest value, reached by a climb.
    if (s.v.size() >= 20 && !e.stats.constant && e.stats.max > e.stats.min * 1.5 && e.stats.max > 3) {
      const auto [count, run, at] = run_of([&](double v) { return v == e.stats.max; });
      if (run >= 5 && run * 4 < s.v.size() * 3 && (holds(s.name, "pool") || holds(s.name, "conn") || holds(s.name, "active") || holds(s.name, "queue") || holds(s.name, "thread") || holds(s.name, "worker") || holds(s.name, "sessions")))
        say(e, weight::danger, "saturation", s.name + " stayed at exactly " + short_number(e.stats.max) + " for " + std::to_string(run) + " samples from " + when(s, at).substr(3) + ": a limit was reached.", cite(s, at, at + run - 1), 4.5);
    }
  }

  void gaps(examined& e) {
    const auto& s = *e.raw;
    if (!set_.timed || s.t.size() < 10)
      return;
    std::vector<double> steps;
    for (std::size_t i = 1; i < s.t.size(); ++i)
      steps.push_back(s.t[i] - s.t[i - 1]);
    auto sorted = steps;
    std::nth_element(sorted.begin(), sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
    const double usual = sorted[sorted.size() / 2];
    const auto it = std::max_element(steps.begin(), steps.end());
    if (usual <= 0 || *it < 5 * usual)
      return;
    const auto i = static_cast<std::size_t>(it - steps.begin());
    // The same gap in all series is one fact.
    if (!gaps_seen_.emplace(static_cast<std::int64_t>(s.t[i]), true).second)
      return;
    say(e, weight::warning, "gap", "No samples for " + short_number(*it / 1000) + " s after " + time_text(static_cast<std::int64_t>(s.t[i])) + " (" + s.name + "; usual distance " + short_number(usual / 1000) + " s).", cite(s, i, i + 1), 2);
    mark(s, i, "samples stop for " + short_number(*it / 1000) + " s");
  }

  /// used and its bound in one input: open_fds and max_fds, active and limit, used_bytes and total_bytes.
  void pairs_with_bounds() {
    struct rule {
      std::string_view used, bound;
    };
    constexpr std::array rules{rule{"open_fds", "max_fds"}, rule{"_used", "_limit"}, rule{"_used", "_max"}, rule{"_used", "_total"}, rule{"_active", "_max"}, rule{"_in_use", "_max"}, rule{"_connections", "_connections_max"},
                               rule{"_active_connections", "_max_connections"}, rule{"numbackends", "max_connections"}, rule{"_used_bytes", "_max_bytes"}, rule{"_usage_bytes", "_limit_bytes"}, rule{"active", "max"}, rule{"used", "limit"}, rule{"used", "total"}, rule{"_size", "_capacity"}};
    std::map<std::string_view, std::size_t> by_name;
    for (std::size_t i = 0; i < all_.size(); ++i)
      by_name.emplace(all_[i].raw->name, i);
    for (auto& e : all_) {
      const std::string_view name = e.raw->name;
      const auto brace = std::min(name.find('{'), name.size());
      const auto base = name.substr(0, brace);
      for (auto& r : rules) {
        const auto at = base.rfind(r.used);
        if (at == std::string_view::npos || e.raw->v.empty())
          continue;
        const auto other = by_name.find(std::string{base.substr(0, at)} + std::string{r.bound} + std::string{base.substr(at + r.used.size())} + std::string{name.substr(brace)});
        if (other == by_name.end())
          continue;
        const auto& bound = *all_[other->second].raw;
        double worst = 0;
        std::size_t worst_at = 0;
        for (std::size_t i = 0; i < e.raw->v.size(); ++i) {
          const double limit = bound.v[std::min(i, bound.v.size() - 1)];
          if (limit > 0 && e.raw->v[i] / limit > worst) {
            worst = e.raw->v[i] / limit;
            worst_at = i;
          }
        }
        if (worst >= 0.85 && worst <= 10)
          say(e, worst >= 0.95 ? weight::danger : weight::warning, "saturation", e.raw->name + " reached " + percent(worst) + " of " + bound.name + " " + when(*e.raw, worst_at) + ".", cite(*e.raw, worst_at, worst_at), 5 * std::min(worst, 1.2));
        break;
      }
    }
  }

  /// One scrape: no history, but some numbers are bad by themselves.
  void snapshot() {
    double requests = 0, errors = 0;
    examined* worst_errors = nullptr;
    std::map<std::string, std::vector<std::pair<double, std::pair<double, examined*>>>> histograms;
    for (auto& e : all_) {
      const std::string_view name = e.raw->name;
      const double v = e.raw->v.back();
      const auto base = name.substr(0, std::min(name.find('{'), name.size()));
      if (base == "up" && v == 0)
        say(e, weight::danger, "target_down", "A target is down: " + std::string{name} + ".", cite(*e.raw, 0, 0), 6);
      const auto status = [&]() -> char {
        for (const std::string_view label : {"status=\"", "code=\"", "status_code=\"", "status=", "code="})
          if (const auto at = name.find(label); at != std::string_view::npos && at + label.size() + 2 < name.size() && is_digit(name[at + label.size()]))
            return name[at + label.size()];
        return '\0';
      }();
      if (status != '\0' && (base.ends_with("_total") || base.ends_with("_count") || holds(base, "requests"))) {
        requests += v;
        if (status == '5') {
          errors += v;
          if (v > 0 && (worst_errors == nullptr || v > worst_errors->raw->v.back()))
            worst_errors = &e;
        }
      }
      const bool error_word = holds(base, "error") || holds(base, "fail") || holds(base, "exception") || holds(base, "dropped") || holds(base, "timeout") || holds(base, "rejected") || holds(base, "oom") || holds(base, "panic");
      if (error_word && v > 0 && !base.ends_with("_bucket") && !base.ends_with("_sum") && !holds(base, "last_") && !holds(base, "seconds"))
        say(e, weight::warning, "error_counter", std::string{name} + " is " + short_number(v) + ".", cite(*e.raw, 0, 0), 1 + std::min(3.0, std::log10(1 + v) / 2));
      if (holds(base, "restart") && v >= 3)
        say(e, weight::warning, "restarts", std::string{name} + " is " + short_number(v) + ".", cite(*e.raw, 0, 0), 3);
      if (base.ends_with("_bucket"))
        if (const auto le = name.find("le=\""); le != std::string_view::npos) {
          const auto end = name.find('"', le + 4);
          const auto edge = name.substr(le + 4, end == std::string_view::npos ? 0 : end - le - 4);
          const double bound = edge == "+Inf" ? INFINITY : to_number(edge).value_or(NAN);
          std::string key{name.substr(0, le)};
          key += end == std::string_view::npos ? std::string_view{} : name.substr(end + 1);
          if (!std::isnan(bound) && histograms.size() < 500)
            histograms[key].push_back({bound, {v, &e}});
        }
    }
    if (requests > 0 && errors / requests >= 0.01 && worst_errors != nullptr)
      say(*worst_errors, errors / requests >= 0.05 ? weight::danger : weight::warning, "error_ratio", percent(errors / requests) + " of all counted requests failed with 5xx (" + short_number(errors) + " of " + short_number(requests) + ").",
          cite(*worst_errors->raw, 0, 0), 5);
    for (auto& [key, buckets] : histograms) {
      std::sort(buckets.begin(), buckets.end(), [](auto& a, auto& b) { return a.first < b.first; });
      const double total = buckets.back().second.first;
      if (total < 10 || buckets.size() < 3)
        continue;
      const auto p95 = std::find_if(buckets.begin(), buckets.end(), [&](auto& b) { return b.second.first >= 0.95 * total; });
      const auto base = key.substr(0, key.find('{'));
      auto labels = trimmed(std::string_view{key}.substr(std::min(key.find('{'), key.size())));
      if (labels == "{}")
        labels = {};
      if (std::isinf(p95->first)) {
        const auto& last = *(buckets.end() - 2);
        say(*p95->second.second, weight::warning, "slow_beyond_buckets", base + std::string{labels} + ": more than 5 % lie above the largest bucket (" + short_number(last.first) + ").", cite(*p95->second.second->raw, 0, 0), 3);
      } else if (x_.facts.size() < 30) {
        x_.facts.emplace_back("p95 of " + base.substr(0, base.size() - 7) + std::string{labels.substr(0, 120)}, "at most " + short_number(p95->first));
      }
    }
  }

  /// Which series moved together, and steps that many took at once.
  void together() {
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < all_.size(); ++i)
      if (all_[i].shown().v.size() >= 12 && !all_[i].stats.constant)
        chosen.push_back(i);
    std::stable_sort(chosen.begin(), chosen.end(), [&](auto a, auto b) { return all_[a].score > all_[b].score; });
    if (chosen.size() > correlated_max)
      chosen.resize(correlated_max);
    std::vector<const series*> list;
    for (auto i : chosen)
      list.push_back(&all_[i].shown());
    std::size_t told = 0;
    for (auto& c : correlate(list, work_)) {
      auto &a = all_[chosen[c.a]], &b = all_[chosen[c.b]];
      if (a.score + b.score <= 0 || told >= 6)
        continue;
      ++told;
      const auto &first = c.lag >= 0 ? a : b, &second = c.lag >= 0 ? b : a;
      std::string title = first.shown().name + (c.lag == 0 ? " and " : " moves before ") + second.shown().name + (c.lag == 0 ? " move " : ": ") + (c.r > 0 ? "together" : "against each other");
      title += " (r = " + short_number(c.r) + (c.lag != 0 && set_.timed ? ", " + short_number(std::abs(c.lag_ms) / 1000) + " s apart" : "") + ").";
      const double before = a.score;
      say(a, weight::note, "correlation", std::move(title), {}, std::abs(c.r));
      a.score = before;
      x_.findings.back().where = first.shown().name + " / " + second.shown().name;
    }
    // Steps at one time in three series or more.
    struct step {
      double t;
      examined* e;
      std::size_t at;
    };
    std::vector<step> steps;
    for (auto& e : all_)
      for (auto& c : e.stats.changes)
        steps.push_back({e.shown().t[c.at], &e, c.at});
    std::stable_sort(steps.begin(), steps.end(), [](auto& a, auto& b) { return a.t < b.t; });
    if (steps.size() < 3)
      return;
    const double span = steps.back().t - steps.front().t;
    double longest = span;
    for (auto& e : all_)
      if (!e.shown().t.empty())
        longest = std::max(longest, e.shown().t.back() - e.shown().t.front());
    std::size_t best = 0, best_from = 0;
    for (std::size_t i = 0, j = 0; i < steps.size(); ++i) {
      j = std::max(j, i);
      while (j < steps.size() && steps[j].t - steps[i].t <= longest * 0.02)
        ++j;
      if (j - i > best) {
        best = j - i;
        best_from = i;
      }
    }
    if (best < 3)
      return;
    std::string names;
    for (auto i = best_from; i < best_from + std::min<std::size_t>(best, 5); ++i)
      names += (names.empty() ? "" : ", ") + steps[i].e->shown().name;
    auto& e = *steps[best_from].e;
    say(e, weight::danger, "joint_change", std::to_string(best) + " series changed level together " + when(e.shown(), steps[best_from].at) + ": " + names + (best > 5 ? ", …" : "") + ".", cite(e.shown(), steps[best_from].at, steps[best_from].at), 7);
    mark(e.shown(), steps[best_from].at, std::to_string(best) + " series change level");
  }

  void tell(std::size_t samples, std::size_t longest) {
    std::stable_sort(x_.findings.begin(), x_.findings.end(), [](auto& a, auto& b) { return a.heavy != b.heavy ? a.heavy > b.heavy : a.score > b.score; });
    double from = INFINITY, to = -INFINITY;
    for (auto& e : all_)
      if (!e.raw->t.empty()) {
        from = std::min(from, e.raw->t.front());
        to = std::max(to, e.raw->t.back());
      }
    x_.summary = "Metrics (" + set_.format + "): " + std::to_string(set_.all.size()) + " series, " + std::to_string(samples) + " samples";
    if (set_.timed && longest > 1) {
      x_.summary += ", " + time_text(static_cast<std::int64_t>(from)) + " to " + time_text(static_cast<std::int64_t>(to)) + (set_.zone_known ? " UTC" : "");
      x_.facts.emplace_back("from", time_text(static_cast<std::int64_t>(from)));
      x_.facts.emplace_back("to", time_text(static_cast<std::int64_t>(to)));
    } else if (longest <= 2) {
      x_.summary += ", one snapshot";
    }
    x_.summary += ". ";
    x_.summary += x_.findings.empty() ? "Nothing stands out: no spikes, steps or ceilings." : "First: " + x_.findings.front().title;
    if (x_.findings.size() > 1)
      x_.summary += " Also: " + x_.findings[1].title;
    x_.facts.emplace_back("series", std::to_string(set_.all.size()));
    x_.facts.emplace_back("samples", std::to_string(samples));

    for (auto& f : x_.findings)
      if (x_.insights.size() < 7)
        x_.insights.push_back({f.title, f.at});
    for (auto& e : all_)
      if (e.stats.season && x_.insights.size() < insights_max - 2) {
        const auto& s = e.shown();
        const auto p = *e.stats.season;
        x_.insights.push_back({s.name + " repeats every " + (set_.timed && p < s.t.size() ? short_number((s.t[p] - s.t[0]) / 60'000) + " min" : std::to_string(p) + " samples") + " (autocorrelation " + short_number(e.stats.season_strength) + ").", {}});
        break;
      }
    for (auto i : by_score_) {
      if (x_.insights.size() >= std::max<std::size_t>(3, std::min<std::size_t>(insights_max, x_.insights.size() + 1)) && x_.insights.size() >= 3)
        break;
      x_.insights.push_back({stats_line(all_[i]), all_[i].shown().v.empty() ? citation{} : cite(all_[i].shown(), all_[i].stats.max_at, all_[i].stats.max_at)});
    }
    while (x_.insights.size() < 3)
      x_.insights.push_back({x_.insights.empty() ? "Read as " + set_.format + "." : x_.insights.size() == 1 ? std::to_string(samples) + " samples in " + std::to_string(set_.all.size()) + " series." : "The format is " + set_.format + ".", {}});

    if (!x_.findings.empty()) {
      x_.full += "Findings\n";
      for (std::size_t i = 0; i < x_.findings.size() && x_.full.size() < full_bytes_max / 2; ++i)
        x_.full += "  [" + std::string{to_string(x_.findings[i].heavy)} + "] " + x_.findings[i].title + (x_.findings[i].at.first_line != 0 ? " (line " + std::to_string(x_.findings[i].at.first_line) + ")" : "") + "\n";
    }
    x_.full += "Series\n";
    for (auto i : by_score_) {
      if (x_.full.size() > full_bytes_max)
        break;
      x_.full += "  " + stats_line(all_[i]) + "\n";
    }
    for (auto i : by_score_) {
      const auto& s = all_[i].shown();
      if (x_.plots.size() >= plots_max || s.v.size() < 3)
        continue;
      x_.plots.push_back({s.name, sparkline(s.v), plot_svg(s, all_[i].stats, set_.timed, s.name)});
    }
    x_.confidence = 0.9;
  }

  std::string stats_line(const examined& e) const {
    const auto& t = e.stats;
    const auto& s = e.shown();
    if (t.count <= 1)
      return s.name + " = " + (s.v.empty() ? "?" : short_number(s.v.back()));
    return s.name + ": n " + std::to_string(t.count) + ", min " + short_number(t.min) + ", median " + short_number(t.median) + ", p95 " + short_number(t.p95) + ", p99 " + short_number(t.p99) + ", max " + short_number(t.max) + ", last " + short_number(t.last);
  }

  std::string_view text_;
  lines all_lines_{text_};
  series_set set_;
  work work_{units_max};
  extraction x_;
  std::vector<examined> all_;
  std::vector<std::size_t> by_score_;
  std::map<std::int64_t, bool> gaps_seen_;
};

} // namespace

extraction extract_metrics(std::string_view name, std::string_view text) { return metrics_report{name, text}.run(); }

} // namespace fm::extractors
