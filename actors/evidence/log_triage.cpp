// One pass over the lines, one over the templates. What stands out is ranked by how bad, how rare, how new.
#include "actors/evidence/log_triage.hpp"

#include "actors/evidence/template_miner.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

namespace fm::evidence {
namespace {

bool contains(std::string_view text, std::string_view lower) {
  // ASCII case-insensitive; `lower` is lower case.
  if (text.size() < lower.size())
    return false;
  for (std::size_t i = 0; i + lower.size() <= text.size(); ++i) {
    if ((text[i] | 0x20) != lower[0])
      continue;
    std::size_t j = 1;
    while (j < lower.size() && (text[i + j] | 0x20) == (lower[j] | 0x20))
      ++j;
    if (j == lower.size())
      return true;
  }
  return false;
}

/// Words that mean trouble whatever the level says.
severity trouble(std::string_view text) {
  for (std::string_view word : {"panic:", "out of memory", "oom-kill", "segfault", "segmentation fault", "kernel panic", "core dumped", "fatal error", "data corruption"})
    if (contains(text, word))
      return severity::fatal;
  for (std::string_view word : {"exception", "traceback", "connection refused", "timed out", "no space left", "permission denied", "cannot allocate", "unable to", "failed", "failure", "broken pipe", "unreachable", "interrupt", "parity error", "deadlock"})
    if (contains(text, word))
      return severity::error;
  return severity::none;
}

bool begins(std::string_view s, std::string_view what) { return s.substr(0, what.size()) == what; }
std::string_view left_trimmed(std::string_view s) {
  const auto at = s.find_first_not_of(" \t");
  return at == std::string_view::npos ? std::string_view{} : s.substr(at);
}

/// A line that continues a stack trace (Java, Python, Go, Node, C++).
bool continues_trace(std::string_view line) {
  if (line.empty())
    return false;
  const auto t = left_trimmed(line);
  const bool indented = t.size() < line.size();
  if (begins(t, "at ") && indented)
    return true;
  if (begins(t, "Caused by:") || begins(t, "Suppressed:"))
    return true;
  if (indented && (begins(t, "File \"") || begins(t, "... ")))
    return true;
  if (t[0] == '#' && t.size() > 2 && t[1] >= '0' && t[1] <= '9')
    return true;
  if (begins(t, "goroutine ") || (indented && t.find(".go:") != std::string_view::npos))
    return true;
  return false;
}
bool names_cause(std::string_view line) {
  const auto t = left_trimmed(line);
  if (begins(t, "Caused by:"))
    return true;
  // Python's last line: "ValueError: …" without indentation.
  const auto colon = t.find(':');
  if (t.size() == line.size() && colon != std::string_view::npos && colon < 80) {
    const auto head = t.substr(0, colon);
    return head.find(' ') == std::string_view::npos && (head.ends_with("Error") || head.ends_with("Exception") || head.ends_with("Warning"));
  }
  return false;
}

struct bucket {
  std::uint64_t lines = 0, bad = 0;
  line_ref first_bad;
};

} // namespace

bool looks_like_log(std::string_view text) {
  std::size_t lines = 0, like = 0, at = 0;
  while (at < text.size() && lines < 400) {
    auto end = text.find('\n', at);
    if (end == std::string_view::npos)
      end = text.size();
    const auto line = text.substr(at, std::min<std::size_t>(end - at, 512));
    at = end + 1;
    if (left_trimmed(line).empty())
      continue;
    ++lines;
    const auto h = parse_header(line);
    like += h.time_ms || h.level != severity::none || continues_trace(line);
  }
  return like >= 2 && like * 3 >= lines;
}

analysis analyze(std::string_view bytes, const limits& bounds) {
  analysis a;
  a.bytes = bytes;
  template_miner miner{std::max<std::size_t>(bounds.templates_max, 2)};
  std::map<std::int64_t, bucket> per_minute;
  std::map<std::string, std::size_t> trace_by_root;
  std::optional<line_ref> first_bad, first_fatal;
  std::int64_t last_time = 0, largest_gap = 0;
  line_ref gap_line;
  line_ref previous;
  bool in_trace = false, previous_blank = true;
  bool python = false;
  std::size_t at = 0;
  const auto finish_trace = [&] {
    if (!in_trace)
      return;
    in_trace = python = false;
    auto& t = a.traces.back();
    const std::string root{a.text(t.root).substr(0, 300)};
    if (const auto [known, fresh] = trace_by_root.emplace(root, a.traces.size() - 1); !fresh) {
      ++a.traces[known->second].repeats;
      a.traces.pop_back();
    }
  };

  while (at < bytes.size()) {
    if (a.lines >= bounds.lines_max) {
      a.shortened = true;
      break;
    }
    const auto* nl = static_cast<const char*>(std::memchr(bytes.data() + at, '\n', bytes.size() - at));
    auto end = nl ? static_cast<std::size_t>(nl - bytes.data()) : bytes.size();
    const auto next = end + 1;
    if (end > at && bytes[end - 1] == '\r')
      --end;
    ++a.lines;
    line_ref ref{static_cast<std::uint32_t>(a.lines), at, static_cast<std::uint32_t>(std::min<std::size_t>(end - at, UINT32_MAX))};
    const auto line = bytes.substr(at, std::min(end - at, bounds.line_bytes_scanned));
    at = next;
    if (left_trimmed(line).empty()) {
      a.assignments.push_back(UINT32_MAX);
      previous_blank = true;
      continue;
    }
    const bool traceback = begins(left_trimmed(line), "Traceback (most recent call last)");
    if (!traceback && (continues_trace(line) || (python && (line[0] == ' ' || names_cause(line)))) && (in_trace || !previous_blank)) {
      if (!in_trace) {
        if (a.traces.size() >= bounds.traces_max) {
          a.shortened = true;
          a.assignments.push_back(UINT32_MAX);
          continue;
        }
        in_trace = true;
        a.traces.push_back({previous, previous, 1, 1});
      }
      auto& t = a.traces.back();
      ++t.lines;
      if (names_cause(line))
        t.root = ref;
      a.assignments.push_back(UINT32_MAX);
      if (python && names_cause(line))
        finish_trace();
      continue;
    }
    finish_trace();
    if (traceback && a.traces.size() < bounds.traces_max) {
      in_trace = python = true;
      a.traces.push_back({ref, ref, 1, 1});
      a.assignments.push_back(UINT32_MAX);
      previous_blank = false;
      continue;
    }
    previous = ref;
    previous_blank = false;

    const auto h = parse_header(line);
    if (h.time_ms || h.level != severity::none)
      ++a.log_lines;
    const auto message = line.substr(std::min(h.message, line.size()));
    const auto id = miner.add(message);
    a.assignments.push_back(id);
    auto level = h.level;
    if (id >= a.templates.size()) {
      a.templates.resize(id + 1);
      auto& t = a.templates[id];
      t.id = id;
      t.first = t.worst = ref;
      if (level < severity::error) {
        const auto words = trouble(message);
        // A line that calls itself debug or info is believed unless it says something fatal.
        if (level == severity::none || level == severity::warning ? words > level : words == severity::fatal)
          level = words;
      }
      t.level = level;
    }
    auto& t = a.templates[id];
    ++t.count;
    t.last = ref;
    if (level > t.level) {
      t.level = level;
      t.worst = ref;
    }
    level = std::max(level, h.level == severity::none ? t.level : level);
    ++a.by_severity[static_cast<std::size_t>(level)];
    if (level >= severity::error && !first_bad)
      first_bad = ref;
    if (level == severity::fatal && !first_fatal)
      first_fatal = ref;
    if (h.time_ms) {
      a.year_known &= h.year_known;
      a.zone_known &= h.zone_known;
      a.from_ms = a.from_ms ? std::min(*a.from_ms, *h.time_ms) : *h.time_ms;
      a.to_ms = a.to_ms ? std::max(*a.to_ms, *h.time_ms) : *h.time_ms;
      if (last_time != 0 && *h.time_ms - last_time > largest_gap) {
        largest_gap = *h.time_ms - last_time;
        gap_line = ref;
      }
      last_time = *h.time_ms;
      if (per_minute.size() < 100'000) {
        auto& b = per_minute[*h.time_ms / 60'000];
        ++b.lines;
        if (level >= severity::error && b.bad++ == 0)
          b.first_bad = ref;
      }
    }
  }
  finish_trace();
  for (auto& t : a.templates)
    t.pattern = miner.pattern(t.id);

  // ---- what to look at first ------------------------------------------------------------------------------
  auto& f = a.findings;
  if (first_fatal)
    f.push_back({"first_fatal", "The first fatal line", *first_fatal, 1, 100});
  if (first_bad && (!first_fatal || first_bad->number != first_fatal->number))
    f.push_back({"first_error", "The first error", *first_bad, 1, 90});
  for (auto& t : a.traces)
    f.push_back({"stack_trace", "A stack trace of " + std::to_string(t.lines) + " lines" + (t.repeats > 1 ? ", seen " + std::to_string(t.repeats) + " times" : ""), t.root, t.repeats, 80 + std::min(9.0, std::log2(t.repeats + 1.0))});
  for (auto& t : a.templates) {
    if (t.level < severity::warning)
      continue;
    const double weight = t.level == severity::fatal ? 70 : t.level == severity::error ? 60 : 30;
    const bool rare = t.count <= 2;
    const double volume = std::min(15.0, std::log2(static_cast<double>(t.count) + 1));
    f.push_back({rare ? "rare_" + std::string{name_of(t.level)} : "frequent_" + std::string{name_of(t.level)},
                 std::string{t.level == severity::fatal ? "Fatal" : t.level == severity::error ? "Error" : "Warning"} + ", " + std::to_string(t.count) + (t.count == 1 ? " time" : " times"),
                 t.worst, t.count, weight + (rare ? 6 : volume)});
  }
  std::uint64_t worst = 0, total_bad = 0;
  for (auto& [minute, b] : per_minute) {
    worst = std::max(worst, b.bad);
    total_bad += b.bad;
  }
  if (worst >= 5 && per_minute.size() >= 3 && worst * per_minute.size() >= 3 * total_bad)
    for (auto& [minute, b] : per_minute)
      if (b.bad == worst) {
        f.push_back({"burst", "A burst: " + std::to_string(worst) + " errors within one minute", b.first_bad, static_cast<std::uint32_t>(worst), 75});
        break;
      }
  if (a.from_ms && largest_gap > 60'000 && largest_gap * 4 > *a.to_ms - *a.from_ms)
    f.push_back({"gap", "Silence of " + std::to_string(largest_gap / 1000) + " seconds before this line", gap_line, 1, 40});
  std::stable_sort(f.begin(), f.end(), [](auto& x, auto& y) { return x.score > y.score; });
  // One finding a line: the best.
  std::vector<std::uint32_t> shown;
  std::erase_if(f, [&](const finding& x) {
    if (std::find(shown.begin(), shown.end(), x.line.number) != shown.end())
      return true;
    shown.push_back(x.line.number);
    return shown.size() > bounds.findings_max;
  });
  return a;
}

} // namespace fm::evidence
