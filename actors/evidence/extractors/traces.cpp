// Spans and stacks into one shape: per service and operation how often, how long and how it failed; the slowest and
// the failed spans with their lines.
#include "actors/evidence/extractors/traces.hpp"

#include "actors/evidence/extractors/document.hpp"
#include "actors/evidence/extractors/lines.hpp"
#include "actors/evidence/extractors/metrics.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <unordered_map>

namespace fm::extractors {
namespace {

struct span {
  std::string service, name, id, parent, trace, error;
  double start_ms = 0, duration_ms = 0;
  bool failed = false;
  std::uint64_t begin = 0, end = 0;
  double self_ms = 0;
};

struct spans_read {
  std::vector<span> spans;
  std::string problem;
  bool shortened = false;
};

constexpr std::size_t spans_max = 200'000;

double number(std::string_view s) { return to_number(s).value_or(0); }

spans_read read_spans(std::string_view text, trace_format format) {
  spans_read out;
  document_limits bounds;
  bounds.bytes_max = 64U << 20;
  bounds.nodes_max = 3'000'000;
  const auto d = parse_json(text, bounds, true);
  out.shortened = d.refused.has_value();
  if (d.error)
    out.problem = d.error->message + " (line " + std::to_string(d.error->line) + ")";
  const auto each = [&](std::uint32_t list, auto f) {
    if (list != 0)
      for (auto c = d.nodes[list].first_child; c != 0; c = d.nodes[c].next)
        f(c);
  };
  const auto each_root = [&](auto f) {
    for (auto c = d.first(); c != 0; c = d.nodes[c].next)
      f(c);
  };
  const auto put = [&](span s, std::uint32_t node) {
    if (out.spans.size() >= spans_max) {
      out.shortened = true;
      return;
    }
    s.begin = d.nodes[node].begin;
    s.end = std::max(d.nodes[node].end, s.begin);
    if (!(s.duration_ms >= 0) || s.duration_ms > 1e12)
      s.duration_ms = 0;
    s.start_ms = std::clamp(std::isfinite(s.start_ms) ? s.start_ms : 0, 0.0, 6e12);
    out.spans.push_back(std::move(s));
  };
  const auto short_text = [&](std::uint32_t n) { return std::string{d.text_of(n).substr(0, 160)}; };
  if (format == trace_format::otlp) {
    const auto attribute = [&](std::uint32_t list, std::string_view key) -> std::string {
      std::string found;
      each(list, [&](auto a) {
        if (d.text_of(d.child(a, "key")) == key)
          if (const auto v = d.child(a, "value"); v != 0 && d.nodes[v].first_child != 0)
            found = short_text(d.nodes[v].first_child);
      });
      return found;
    };
    each_root([&](auto root) {
      each(d.child(root, "resourceSpans"), [&](auto r) {
        const auto service = attribute(d.find(r, "resource", "attributes"), "service.name");
        for (const auto* scopes : {"scopeSpans", "instrumentationLibrarySpans"})
          each(d.child(r, scopes), [&](auto scope) {
            each(d.child(scope, "spans"), [&](auto n) {
              span s;
              s.service = service.empty() ? "unknown" : service;
              s.name = short_text(d.child(n, "name"));
              s.id = short_text(d.child(n, "spanId"));
              s.parent = short_text(d.child(n, "parentSpanId"));
              s.trace = short_text(d.child(n, "traceId"));
              const double from = number(d.text_of(d.child(n, "startTimeUnixNano"))), to = number(d.text_of(d.child(n, "endTimeUnixNano")));
              s.start_ms = from / 1e6;
              s.duration_ms = (to - from) / 1e6;
              const auto code = d.text_of(d.find(n, "status", "code"));
              s.failed = code == "2" || code == "STATUS_CODE_ERROR";
              s.error = short_text(d.find(n, "status", "message"));
              each(d.child(n, "events"), [&](auto e) {
                if (d.text_of(d.child(e, "name")) == "exception" && s.error.empty())
                  s.error = attribute(d.child(e, "attributes"), "exception.message");
              });
              put(std::move(s), n);
            });
          });
      });
    });
  } else if (format == trace_format::jaeger) {
    each_root([&](auto root) {
      const auto data = d.child(root, "data");
      const auto trace = [&](std::uint32_t t) {
        each(d.child(t, "spans"), [&](auto n) {
          span s;
          s.service = short_text(d.find(t, "processes", std::string{d.text_of(d.child(n, "processID"))}, "serviceName"));
          if (s.service.empty())
            s.service = short_text(d.find(n, "process", "serviceName"));
          if (s.service.empty())
            s.service = "unknown";
          s.name = short_text(d.child(n, "operationName"));
          s.id = short_text(d.child(n, "spanID"));
          s.trace = short_text(d.child(n, "traceID"));
          s.start_ms = number(d.text_of(d.child(n, "startTime"))) / 1e3;
          s.duration_ms = number(d.text_of(d.child(n, "duration"))) / 1e3;
          each(d.child(n, "references"), [&](auto r) {
            if (d.text_of(d.child(r, "refType")) == "CHILD_OF")
              s.parent = short_text(d.child(r, "spanID"));
          });
          each(d.child(n, "tags"), [&](auto tag) {
            const auto key = d.text_of(d.child(tag, "key"));
            const auto value = d.text_of(d.child(tag, "value"));
            if (key == "error" && (value == "true" || value == "1"))
              s.failed = true;
            if (key == "http.status_code" && value.size() == 3 && value[0] == '5')
              s.failed = true;
            if ((key == "error.message" || key == "otel.status_description") && s.error.empty())
              s.error = std::string{value.substr(0, 160)};
          });
          put(std::move(s), n);
        });
      };
      if (d.is(data, node_kind::list))
        each(data, trace);
      else
        trace(root);
    });
  } else if (format == trace_format::zipkin) {
    each(d.first(), [&](auto n) {
      span s;
      s.service = short_text(d.find(n, "localEndpoint", "serviceName"));
      if (s.service.empty())
        s.service = "unknown";
      s.name = short_text(d.child(n, "name"));
      s.id = short_text(d.child(n, "id"));
      s.parent = short_text(d.child(n, "parentId"));
      s.trace = short_text(d.child(n, "traceId"));
      s.start_ms = number(d.text_of(d.child(n, "timestamp"))) / 1e3;
      s.duration_ms = number(d.text_of(d.child(n, "duration"))) / 1e3;
      if (const auto e = d.find(n, "tags", "error"); e != 0) {
        s.failed = true;
        s.error = short_text(e);
      }
      put(std::move(s), n);
    });
  }
  return out;
}

std::string ms_text(double ms) { return ms >= 1'000 ? short_number(ms / 1'000) + " s" : short_number(ms) + " ms"; }

void tell_spans(extraction& x, std::string_view text, spans_read read) {
  const lines all{text};
  auto& spans = read.spans;
  if (read.shortened)
    x.shortened = "more spans than are kept";
  else if (!read.problem.empty())
    x.shortened = "the file breaks off: " + read.problem;
  // Time of one's own: without the children's, which is where to look.
  std::unordered_map<std::string, std::size_t> by_id;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    spans[i].self_ms = spans[i].duration_ms;
    by_id.emplace(spans[i].trace + "/" + spans[i].id, i);
  }
  std::size_t orphans = 0;
  for (auto& s : spans)
    if (!s.parent.empty()) {
      if (const auto it = by_id.find(s.trace + "/" + s.parent); it != by_id.end() && &spans[it->second] != &s)
        spans[it->second].self_ms -= s.duration_ms;
      else
        ++orphans;
    }
  struct group {
    std::vector<double> ms;
    double self = 0;
    std::size_t failed = 0;
    std::size_t slowest = 0, first_failed = SIZE_MAX;
    double spread = 0;
  };
  std::map<std::string, group> groups;
  std::map<std::string, std::size_t> traces;
  double total_self = 0;
  std::size_t failed = 0;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    auto& s = spans[i];
    s.self_ms = std::max(0.0, s.self_ms); // children that run in parallel take more than there is
    auto& g = groups[s.service + ": " + s.name];
    if (g.ms.empty() || s.duration_ms > spans[g.slowest].duration_ms)
      g.slowest = i;
    g.ms.push_back(s.duration_ms);
    g.self += s.self_ms;
    total_self += s.self_ms;
    if (s.failed) {
      ++g.failed;
      ++failed;
      if (g.first_failed == SIZE_MAX)
        g.first_failed = i;
    }
    if (traces.size() < 100'000)
      ++traces[s.trace];
  }
  const auto cite = [&](const span& s) { return all.cite_line(all.index_at(s.begin)); };
  const auto say = [&](std::string_view kind, weight heavy, std::string title, const span& s, double score) {
    finding f;
    f.kind = kind;
    f.heavy = heavy;
    f.title = std::move(title);
    f.where = s.service + ": " + s.name;
    f.at = all.cite(s.begin, s.end);
    if (f.at.last_line == f.at.first_line && f.at.end - f.at.begin < 2)
      f.at = cite(s);
    f.quote = all.quote(f.at);
    f.score = score;
    x.findings.push_back(std::move(f));
    x.moments.push_back({static_cast<std::int64_t>(s.start_ms), true, false, x.findings.back().title, x.findings.back().at});
  };
  std::vector<std::pair<double, std::string>> rows;
  for (auto& [name, g] : groups) {
    std::sort(g.ms.begin(), g.ms.end());
    const double median = g.ms[g.ms.size() / 2], p99 = g.ms[std::min(g.ms.size() - 1, g.ms.size() * 99 / 100)];
    if (g.failed > 0) {
      auto& s = spans[g.first_failed];
      // The failure that fails without a failed child is the one to look at.
      say("failed_spans", weight::danger, name + " failed " + std::to_string(g.failed) + " of " + std::to_string(g.ms.size()) + " times" + (s.error.empty() ? "." : ": " + s.error), s, 3 + static_cast<double>(g.failed) / static_cast<double>(g.ms.size()) + g.self / std::max(total_self, 1e-9));
    }
    if (g.ms.size() >= 5 && g.ms.back() > 5 * median && g.ms.back() > 50)
      say("slow_span", weight::warning, name + " took " + ms_text(g.ms.back()) + " once; its median is " + ms_text(median) + ".", spans[g.slowest], 2 + std::min(2.0, g.ms.back() / std::max(median, 1e-3) / 100));
    if (total_self > 0 && g.self / total_self > 0.3 && groups.size() > 1)
      say("dominant", weight::warning, name + " takes " + short_number(100 * g.self / total_self) + " % of all time by itself (" + ms_text(g.self) + ").", spans[g.slowest], 2.5);
    rows.emplace_back(g.self, name + ": n " + std::to_string(g.ms.size()) + ", median " + ms_text(median) + ", p99 " + ms_text(p99) + ", max " + ms_text(g.ms.back()) + ", own time " + ms_text(g.self) + ", failed " + std::to_string(g.failed));
  }
  // One caller that calls the same thing again and again: N+1.
  std::map<std::string, std::pair<std::size_t, std::size_t>> repeats;
  for (std::size_t i = 0; i < spans.size() && repeats.size() < 100'000; ++i)
    if (!spans[i].parent.empty())
      repeats.try_emplace(spans[i].trace + "/" + spans[i].parent + "/" + spans[i].service + "/" + spans[i].name, 0, i).first->second.first++;
  const std::pair<std::size_t, std::size_t>* most = nullptr;
  for (auto& [key, r] : repeats)
    if (r.first >= 20 && (most == nullptr || r.first > most->first))
      most = &r;
  if (most != nullptr)
    say("repeated_calls", weight::warning, spans[most->second].name + " is called " + std::to_string(most->first) + " times under one span: a query in a loop.", spans[most->second], 2.8);

  std::stable_sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.first > b.first; });
  std::stable_sort(x.findings.begin(), x.findings.end(), [](auto& a, auto& b) { return a.heavy != b.heavy ? a.heavy > b.heavy : a.score > b.score; });
  x.summary = "Traces (" + x.format + "): " + std::to_string(spans.size()) + " spans in " + std::to_string(traces.size()) + " traces of " + std::to_string(groups.size()) + " operations, " + std::to_string(failed) + " failed. ";
  x.summary += x.findings.empty() ? "Nothing stands out." : "First: " + x.findings.front().title;
  x.facts.emplace_back("spans", std::to_string(spans.size()));
  x.facts.emplace_back("traces", std::to_string(traces.size()));
  x.facts.emplace_back("failed_spans", std::to_string(failed));
  if (orphans > 0)
    x.facts.emplace_back("spans_without_their_parent", std::to_string(orphans));
  for (auto& f : x.findings)
    if (x.insights.size() < 7)
      x.insights.push_back({f.title, f.at});
  for (auto& [self, row] : rows)
    if (x.insights.size() < insights_max)
      x.insights.push_back({row, {}});
  while (x.insights.size() < 3)
    x.insights.push_back({std::to_string(spans.size()) + " spans, " + std::to_string(failed) + " failed.", {}});
  x.full += "Operations by their own time\n";
  for (auto& [self, row] : rows)
    if (x.full.size() < full_bytes_max)
      x.full += "  " + row + "\n";
}

void tell_folded(extraction& x, std::string_view text) {
  const lines all{text};
  struct frame {
    double self = 0, total = 0;
    std::size_t line = 0;
    double line_count = 0;
  };
  std::map<std::string, frame, std::less<>> frames;
  double sum = 0;
  std::size_t stacks = 0;
  double heaviest = -1;
  std::size_t heaviest_line = 0, deepest = 0;
  std::vector<std::string_view> parts;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto line = trimmed(all[i].substr(0, 64'000));
    const auto space = line.rfind(' ');
    if (space == std::string_view::npos)
      continue;
    const auto count = to_number(line.substr(space + 1));
    if (!count || *count < 0 || *count > 1e15)
      continue;
    ++stacks;
    sum += *count;
    if (*count > heaviest) {
      heaviest = *count;
      heaviest_line = i;
    }
    parts.clear();
    const auto stack = trimmed(line.substr(0, space));
    for (std::size_t at = 0; at <= stack.size() && parts.size() < 2'000;) {
      const auto end = std::min(stack.find(';', at), stack.size());
      parts.push_back(stack.substr(at, std::min<std::size_t>(end - at, 200)));
      at = end + 1;
    }
    deepest = std::max(deepest, parts.size());
    for (std::size_t p = 0; p < parts.size(); ++p) {
      if (frames.size() >= 100'000 && !frames.contains(parts[p]))
        continue;
      // Recursion: a frame counts once a stack.
      if (p > 0 && parts[p] == parts[p - 1] && p + 1 != parts.size())
        continue;
      auto& f = frames.try_emplace(std::string{parts[p]}).first->second;
      if (p == 0 || parts[p] != parts[p - 1])
        f.total += *count;
      if (p + 1 == parts.size())
        f.self += *count;
      if (*count > f.line_count) {
        f.line_count = *count;
        f.line = i;
      }
    }
  }
  std::vector<std::pair<std::string, frame>> by_self(frames.begin(), frames.end());
  std::stable_sort(by_self.begin(), by_self.end(), [](auto& a, auto& b) { return a.second.self > b.second.self; });
  for (std::size_t i = 0; i < by_self.size() && i < 8; ++i) {
    auto& [name, f] = by_self[i];
    const double share = sum > 0 ? f.self / sum : 0;
    if (share < 0.03)
      break;
    finding g;
    g.kind = "hot_function";
    g.heavy = share > 0.3 ? weight::danger : share > 0.1 ? weight::warning : weight::note;
    g.title = name + " takes " + short_number(100 * share) + " % of the samples by itself.";
    g.where = name;
    g.at = all.cite_line(f.line);
    g.quote = all.quote(g.at);
    g.score = share * 10;
    x.findings.push_back(std::move(g));
  }
  x.summary = "Profile (folded stacks): " + std::to_string(stacks) + " stacks, " + short_number(sum) + " samples, " + std::to_string(frames.size()) + " functions. " + (x.findings.empty() ? "No function stands out." : "First: " + x.findings.front().title);
  for (auto& f : x.findings)
    if (x.insights.size() < 6)
      x.insights.push_back({f.title, f.at});
  if (heaviest >= 0)
    x.insights.push_back({"The heaviest stack has " + short_number(sum > 0 ? 100 * heaviest / sum : 0) + " % of the samples.", all.cite_line(heaviest_line)});
  x.insights.push_back({"The deepest stack has " + std::to_string(deepest) + " frames.", {}});
  while (x.insights.size() < 3)
    x.insights.push_back({std::to_string(stacks) + " stacks.", {}});
  x.full = "Functions by their own samples\n";
  for (std::size_t i = 0; i < by_self.size() && x.full.size() < full_bytes_max; ++i)
    x.full += "  " + by_self[i].first + ": self " + short_number(by_self[i].second.self) + ", with callees " + short_number(by_self[i].second.total) + "\n";
  x.facts.emplace_back("stacks", std::to_string(stacks));
  x.facts.emplace_back("samples", short_number(sum));
}

/// "flat  flat%   sum%        cum   cum%": above the rows of `pprof -top`.
bool is_top_heading(std::string_view line) {
  std::size_t at = 0;
  for (const std::string_view word : {"flat", "flat%", "sum%", "cum", "cum%"}) {
    at = std::min(line.find_first_not_of(" \t", at), line.size());
    if (line.substr(at, word.size()) != word)
      return false;
    at += word.size();
  }
  return trimmed(line.substr(at)).empty();
}

struct top_row {
  std::string_view flat, cum, name;
  double flat_share = 0, cum_share = 0; ///< percent
};
std::optional<top_row> top_row_of(std::string_view line) {
  std::array<std::string_view, 5> cells;
  for (auto& c : cells) {
    line = trimmed(line);
    const auto end = std::min(line.find_first_of(" \t"), line.size());
    c = line.substr(0, end);
    line.remove_prefix(end);
  }
  const auto percent = [](std::string_view s) { return s.ends_with('%') ? to_number(s.substr(0, s.size() - 1)) : std::nullopt; };
  const auto flat = percent(cells[1]), sum = percent(cells[2]), cum = percent(cells[4]);
  const auto name = trimmed(line);
  if (!flat || !sum || !cum || name.empty() || cells[0].empty() || (!is_digit(cells[0][0]) && cells[0][0] != '-') || std::abs(*flat) > 1e6 || std::abs(*cum) > 1e6)
    return std::nullopt;
  return top_row{cells[0], cells[3], name.substr(0, 200), *flat, *cum};
}

void tell_top(extraction& x, std::string_view text) {
  const lines all{text};
  std::string kind, total;
  std::vector<std::pair<top_row, std::size_t>> rows;
  bool below = false;
  for (std::size_t i = 0; i < all.size() && rows.size() < 20'000; ++i) {
    const auto line = all[i].substr(0, 2'000);
    if (line.starts_with("Type: "))
      kind = to_valid_utf8(trimmed(line.substr(6)).substr(0, 40));
    if (const auto at = line.find("Total samples = "); at != std::string_view::npos)
      total = to_valid_utf8(trimmed(line.substr(at + 16)).substr(0, 40));
    else if (line.starts_with("Showing nodes accounting for ") && total.empty())
      if (const auto of = line.rfind("% of "); of != std::string_view::npos)
        total = to_valid_utf8(trimmed(line.substr(of + 5)).substr(0, 40));
    if (is_top_heading(line))
      below = true;
    else if (below)
      if (auto row = top_row_of(line))
        rows.emplace_back(*row, i);
  }
  const auto find_row = [&](auto better) { return std::max_element(rows.begin(), rows.end(), better); };
  const auto say = [&](std::string_view what, weight heavy, std::string title, const std::pair<top_row, std::size_t>& row, double score) {
    finding f;
    f.kind = what;
    f.heavy = heavy;
    f.title = std::move(title);
    f.where = to_valid_utf8(row.first.name);
    f.at = all.cite_line(row.second);
    f.quote = all.quote(f.at);
    f.score = score;
    x.findings.push_back(std::move(f));
  };
  std::vector<std::size_t> order(rows.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return rows[a].first.flat_share > rows[b].first.flat_share; });
  for (std::size_t n = 0; n < order.size() && n < 8; ++n) {
    const auto& row = rows[order[n]];
    if (row.first.flat_share < 3)
      break;
    say("hot_function", row.first.flat_share > 30 ? weight::danger : row.first.flat_share > 10 ? weight::warning : weight::note,
        to_valid_utf8(row.first.name) + " takes " + short_number(row.first.flat_share) + " % by itself (" + to_valid_utf8(row.first.flat) + ").", row, row.first.flat_share / 10);
  }
  // Not the roots, under which everything happens: the largest of those that leave something to others.
  const auto calls = find_row([](auto& a, auto& b) {
    const auto of = [](const top_row& r) { return r.cum_share < 90 ? r.cum_share - r.flat_share : -1.0; };
    return of(a.first) < of(b.first);
  });
  if (calls != rows.end() && calls->first.cum_share < 90 && calls->first.cum_share - calls->first.flat_share > 20)
    say("hot_path", weight::note, to_valid_utf8(calls->first.name) + " takes " + short_number(calls->first.cum_share) + " % with what it calls (" + to_valid_utf8(calls->first.cum) + ").", *calls, 1);
  x.summary = "Profile (pprof" + (kind.empty() ? "" : ", " + kind) + "): " + std::to_string(rows.size()) + " functions" + (total.empty() ? "" : " of " + total) + ". " +
              (x.findings.empty() ? "No function stands out." : "First: " + x.findings.front().title);
  for (auto& f : x.findings)
    if (x.insights.size() < 7)
      x.insights.push_back({f.title, f.at});
  while (x.insights.size() < 3)
    x.insights.push_back({std::to_string(rows.size()) + " functions.", {}});
  x.full = "Functions by what they take themselves\n";
  for (const auto n : order)
    if (x.full.size() < full_bytes_max)
      x.full += "  " + to_valid_utf8(rows[n].first.name) + ": " + to_valid_utf8(rows[n].first.flat) + " (" + short_number(rows[n].first.flat_share) + " %), with callees " + to_valid_utf8(rows[n].first.cum) + " (" +
                short_number(rows[n].first.cum_share) + " %)\n";
  x.facts.emplace_back("functions", std::to_string(rows.size()));
  if (!total.empty())
    x.facts.emplace_back("total", total);
}

} // namespace

std::string_view to_string(trace_format f) noexcept {
  constexpr std::array<std::string_view, 6> names{"none", "otlp", "jaeger", "zipkin", "folded", "pprof_top"};
  return names[static_cast<std::size_t>(f)];
}

trace_format trace_format_of(std::string_view text) {
  const auto head = text.substr(0, 16 << 10);
  const auto first = trimmed(head);
  if (first.empty())
    return trace_format::none;
  const auto has = [&](std::string_view s) { return head.find(s) != std::string_view::npos; };
  if (first[0] == '{' || first[0] == '[') {
    if (has("\"resourceSpans\""))
      return trace_format::otlp;
    if (has("\"traceID\"") && has("\"spans\"") && (has("\"operationName\"") || has("\"spanID\"")))
      return trace_format::jaeger;
    if (first[0] == '[' && has("\"traceId\"") && has("\"localEndpoint\""))
      return trace_format::zipkin;
    return trace_format::none;
  }
  const lines all{head, 60};
  std::size_t good = 0, rows = 0;
  for (std::size_t i = 0; i + 1 < all.size(); ++i)
    if (is_top_heading(all[i]) && top_row_of(all[i + 1].substr(0, 2'000)))
      return trace_format::pprof_top;
  for (std::size_t i = 0; i + (text.size() > head.size() ? 1 : 0) < all.size(); ++i) {
    const auto line = trimmed(all[i]);
    if (line.empty())
      continue;
    ++rows;
    const auto space = line.rfind(' ');
    if (space != std::string_view::npos && line.find(';') < space && line.size() - space < 14 && std::all_of(line.begin() + static_cast<std::ptrdiff_t>(space) + 1, line.end(), is_digit))
      ++good;
  }
  return rows >= 2 && good * 10 >= rows * 9 ? trace_format::folded : trace_format::none;
}

extraction extract_traces(std::string_view, std::string_view text) {
  extraction x;
  x.type = data_type::metrics_and_performance;
  const auto format = trace_format_of(text);
  x.format = to_string(format);
  x.confidence = 0.95;
  if (format == trace_format::folded) {
    tell_folded(x, text);
  } else if (format == trace_format::pprof_top) {
    tell_top(x, text);
  } else {
    auto read = format == trace_format::none ? spans_read{{}, "no trace format was recognised", false} : read_spans(text, format);
    if (read.spans.empty()) {
      x.refused = "No spans could be read" + (read.problem.empty() ? std::string{"."} : ": " + read.problem + ".");
      x.summary = "Traces that could not be read. " + *x.refused;
      x.insights.push_back({*x.refused, {}});
      x.confidence = 0.2;
    } else {
      tell_spans(x, text, std::move(read));
    }
  }
  finish(x);
  return x;
}

} // namespace fm::extractors
