// One pass over the lines, one over the templates. What stands out is ranked by how bad, how rare, how new.
#include "actors/evidence/log_triage.hpp"

#include "actors/evidence/changes.hpp"
#include "actors/evidence/identifiers.hpp"
#include "actors/evidence/masking.hpp"
#include "actors/evidence/template_miner.hpp"
#include "actors/evidence/time_grid.hpp"
#include "actors/evidence/trouble.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>

namespace fm::evidence {
namespace {
constexpr std::size_t layout_sample_bytes = 64U << 10;
constexpr std::size_t ranges_max = 64;
constexpr std::size_t pattern_bytes_max = 80; ///< of a template, in a finding's title
constexpr std::size_t names_max = 500;
constexpr std::size_t hints_max = 10;  ///< kinds of line that only hint at trouble, in logs that know no levels
constexpr std::size_t changes_max = 4; ///< of a kind, in the findings
constexpr std::size_t scene_lines = 10;
constexpr std::int64_t strange_jump_s = 366LL * 86'400; ///< a time so far from the last one is not counted over time

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
  if (t.empty())
    return false;
  const bool indented = t.size() < line.size();
  if (indented && (begins(t, "at ") || begins(t, "File \"") || begins(t, "... ") || t.find(".go:") != std::string_view::npos))
    return true;
  if (begins(t, "Caused by:") || begins(t, "Suppressed:") || begins(t, "goroutine "))
    return true;
  return t[0] == '#' && t.size() > 2 && t[1] >= '0' && t[1] <= '9'; // gdb and C++ backtraces
}
bool names_cause(std::string_view line) {
  const auto t = left_trimmed(line);
  if (begins(t, "Caused by:"))
    return true;
  // Python's last line: "ValueError: …" without indentation.
  const auto colon = t.find(':');
  if (t.size() != line.size() || colon == std::string_view::npos || colon >= 80)
    return false;
  const auto head = t.substr(0, colon);
  return head.find(' ') == std::string_view::npos && (head.ends_with("Error") || head.ends_with("Exception") || head.ends_with("Warning"));
}

/// Removes ANSI colour codes; gives the line itself when there are none.
std::string_view without_colours(std::string_view line, std::string& buffer) {
  if (line.find('\x1b') == std::string_view::npos)
    return line;
  buffer.clear();
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b' && i + 1 < line.size() && line[i + 1] == '[') {
      i += 2;
      while (i < line.size() && (line[i] < '@' || line[i] > '~'))
        ++i;
      continue;
    }
    buffer += line[i];
  }
  return buffer;
}

/// Errors of one minute.
struct minute_counts {
  std::int64_t minute = INT64_MIN;
  std::uint64_t bad = 0;
  line_ref first_bad;
};
/// What is kept of a shape while lines come.
struct shape_facts {
  std::uint64_t count = 0;
  severity level = severity::none;
  int trouble = 0;
  line_ref first, last, worst;
  severity inside = severity::none; ///< what its words say of the level
  time_grid::counts over_time{};
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  bool ranges_cut = false; ///< the last range holds other lines, too
};
} // namespace

struct log_analyzer::state {
  limits bounds;
  analysis a;
  template_miner miner;
  log_layout layout;
  bool layout_known = false;
  std::string held;            ///< bytes of a line whose end has not come, or of the sample
  std::uint64_t held_cut = 0;  ///< bytes of it that were dropped because the line is too long
  std::uint64_t offset = 0;    ///< where the next line begins
  std::vector<shape_facts> shapes;
  time_grid grid;
  bool timed = false; ///< the grid counts seconds; else lines
  time_grid::counts all_over_time{}, bad_over_time{};
  std::array<line_ref, time_grid::parts> first_of{}; ///< the first line of each part
  std::optional<std::int64_t> grid_second;
  std::size_t strange = 0;
  minute_counts minute, worst_minute;
  masker mask, mask_whole;
  std::map<std::string, std::size_t> trace_by_root;
  identifier_table names;
  std::optional<line_ref> first_bad, first_fatal;
  std::optional<std::int64_t> last_time;
  std::int64_t largest_gap = 0;
  line_ref gap_line, previous;
  std::string_view previous_text; ///< its text until settle(); then it is in `previous`
  bool in_trace = false, python = false, previous_blank = true;
  std::string colour_buffer;

  explicit state(const limits& b) : bounds(b), miner(b.shapes_max), names(b.identifiers_max) {}

  void keep(line_ref& into, const line_ref& ref, std::string_view line) const {
    into.number = ref.number;
    into.begin = ref.begin;
    into.size = ref.size;
    into.text.assign(line.substr(0, utf8_floor(line, std::min(line.size(), bounds.quote_bytes_max))));
  }

  /// Keeps the text of the line before this one, whose bytes are about to go.
  void settle() {
    if (previous_text.data() != nullptr)
      previous.text.assign(previous_text.substr(0, utf8_floor(previous_text, std::min(previous_text.size(), bounds.quote_bytes_max))));
    previous_text = {};
  }

  void finish_trace() {
    if (!in_trace)
      return;
    in_trace = python = false;
    auto& t = a.traces.back();
    const auto root = t.root.text.substr(0, 300);
    if (const auto [known, fresh] = trace_by_root.emplace(root, a.traces.size() - 1); !fresh) {
      ++a.traces[known->second].repeats;
      a.traces.pop_back();
    }
  }

  /// True when the line is part of a stack trace.
  bool trace(const line_ref& ref, std::string_view line) {
    const bool traceback = begins(left_trimmed(line), "Traceback (most recent call last)");
    if (!traceback && (continues_trace(line) || (python && (line[0] == ' ' || names_cause(line)))) && (in_trace || !previous_blank)) {
      if (!in_trace) {
        if (a.traces.size() >= bounds.traces_max) {
          a.shortened = true;
          return true;
        }
        in_trace = true;
        stack_trace t;
        settle();
        t.head = t.root = previous;
        t.lines = 1;
        a.traces.push_back(std::move(t));
      }
      auto& t = a.traces.back();
      ++t.lines;
      if (names_cause(line)) {
        keep(t.root, ref, line);
        if (python)
          finish_trace();
      }
      return true;
    }
    finish_trace();
    if (traceback && a.traces.size() < bounds.traces_max) {
      in_trace = python = true;
      stack_trace t;
      keep(t.head, ref, line);
      t.root = t.head;
      t.lines = 1;
      a.traces.push_back(std::move(t));
      return true;
    }
    return false;
  }

  /// The part of the grid a line falls into; parts = none.
  std::size_t part_of(const line_header& h) {
    if (!timed)
      grid_second = static_cast<std::int64_t>(a.lines);
    else if (h.time_ms) {
      const auto second = *h.time_ms / 1'000;
      const bool jump = grid_second && std::abs(second - *grid_second) > strange_jump_s;
      if (!jump || ++strange > 100) { // a hundred in a row are no mistake
        strange = 0;
        grid_second = second;
      }
    }
    if (!grid_second)
      return time_grid::parts;
    std::size_t part = 0;
    while (const auto change = grid.fit(*grid_second, part)) {
      for (auto& each : shapes)
        change->apply(each.over_time);
      change->apply(all_over_time);
      change->apply(bad_over_time);
      std::array<line_ref, time_grid::parts> first{};
      for (std::size_t i = 0; i < first.size(); ++i)
        if (first_of[i].number != 0)
          if (auto& to = first[change->to(i)]; to.number == 0 || first_of[i].number < to.number)
            to = std::move(first_of[i]);
      first_of = std::move(first);
    }
    return part;
  }

  void on_line(std::string_view whole, std::uint64_t size) {
    ++a.lines;
    line_ref ref{a.lines, offset, size, {}};
    if (previous_text.data() == colour_buffer.data())
      settle();
    const auto line = without_colours(whole.substr(0, std::min(whole.size(), bounds.line_bytes_scanned)), colour_buffer);
    const bool blank = left_trimmed(line).empty();
    const bool in_stack = !blank && trace(ref, line);
    const auto h = blank || in_stack ? line_header{} : parse_head(line, layout);
    const auto begin = std::min(blank || in_stack ? 0 : h.message, line.size());
    const auto message = line.substr(begin, h.message_end == std::string_view::npos ? h.message_end : h.message_end - begin);
    const auto id = miner.add(mask.mask(message));
    if (bounds.assignments)
      a.assignments.push_back(id);
    if (bounds.each_line)
      bounds.each_line(id);
    const bool fresh = id >= shapes.size();
    if (fresh)
      shapes.resize(id + 1);
    auto& s = shapes[id];
    ++s.count;
    const auto part = part_of(h);
    if (part < time_grid::parts) {
      ++shapes[id].over_time[part];
      ++all_over_time[part];
      if (first_of[part].number == 0)
        keep(first_of[part], ref, line);
    }
    if (!s.ranges.empty() && s.ranges.back().second + 1 == a.lines)
      s.ranges.back().second = a.lines;
    else if (s.ranges.size() < ranges_max)
      s.ranges.emplace_back(a.lines, a.lines);
    else {
      s.ranges.back().second = a.lines;
      s.ranges_cut = true;
    }
    if (fresh) {
      keep(s.first, ref, line);
      s.worst = s.first;
    }
    s.last.number = ref.number;
    s.last.begin = ref.begin;
    s.last.size = ref.size;
    if (blank) {
      previous_blank = true;
      return;
    }
    previous_blank = false;
    if (in_stack)
      return;
    previous.number = ref.number;
    previous.begin = ref.begin;
    previous.size = ref.size;
    previous_text = line;
    if (fresh)
      s.inside = level_inside(message);
    const auto said = h.level != severity::none ? h.level : s.inside;
    if (h.time_ms || said != severity::none)
      ++a.log_lines;
    if (fresh) {
      const auto words = trouble_in(message);
      s.trouble = trouble_of(said, words);
      // Prose between lines of a log, or the rest of a record: only grave words count.
      if (layout.headed && !h.time_ms && said == severity::none && words.weight < 3)
        s.trouble = std::min(s.trouble, 1);
    }
    if (said > s.level) {
      s.level = said;
      const auto now = trouble_of(said, trouble_in(message));
      if (now > s.trouble || fresh) {
        s.trouble = std::max(s.trouble, now);
        keep(s.worst, ref, line);
      }
    }
    auto level = said;
    if (level == severity::none)
      level = s.trouble >= 5 ? severity::fatal : s.trouble == 4 ? severity::error : s.trouble >= 2 ? severity::warning : severity::none;
    ++a.by_severity[static_cast<std::size_t>(level)];
    const bool bad = level >= severity::error;
    if (bad) {
      if (part < time_grid::parts)
        ++bad_over_time[part];
      if (!first_bad) {
        first_bad.emplace();
        keep(*first_bad, ref, line);
      }
      if (level == severity::fatal && !first_fatal) {
        first_fatal.emplace();
        keep(*first_fatal, ref, line);
      }
    }
    if (h.message_end == std::string_view::npos) {
      names.look_at(message, mask.pieces(), a.lines, bad);
    } else { // the other members of a JSON line name things, too
      mask_whole.mask(line);
      names.look_at(line, mask_whole.pieces(), a.lines, bad);
    }
    if (!h.time_ms)
      return;
    a.year_known &= h.year_known;
    a.zone_known &= h.zone_known;
    a.date_known &= h.date_known;
    a.from_ms = a.from_ms ? std::min(*a.from_ms, *h.time_ms) : *h.time_ms;
    a.to_ms = a.to_ms ? std::max(*a.to_ms, *h.time_ms) : *h.time_ms;
    if (last_time && *h.time_ms - *last_time > largest_gap) {
      largest_gap = *h.time_ms - *last_time;
      keep(gap_line, ref, line);
    }
    last_time = *h.time_ms;
    if (!bad)
      return;
    const auto now = *h.time_ms / 60'000;
    if (now > minute.minute) { // lines of earlier minutes that come late count to none
      minute.minute = now;
      minute.bad = 0;
      keep(minute.first_bad, ref, line);
    }
    if (now == minute.minute && ++minute.bad > worst_minute.bad) {
      if (worst_minute.minute != now)
        worst_minute = minute;
      worst_minute.bad = minute.bad;
    }
  }

  /// Consumes whole lines of `bytes`; gives what is left of the last one.
  std::string_view lines_of(std::string_view bytes) {
    std::size_t at = 0;
    while (at < bytes.size()) {
      const auto* nl = static_cast<const char*>(std::memchr(bytes.data() + at, '\n', bytes.size() - at));
      if (nl == nullptr)
        break;
      const auto end = static_cast<std::size_t>(nl - bytes.data());
      auto stop = end;
      if (stop > at && bytes[stop - 1] == '\r')
        --stop;
      on_line(bytes.substr(at, stop - at), stop - at);
      offset += end + 1 - at;
      at = end + 1;
    }
    settle();
    return bytes.substr(at);
  }

  void feed(std::string_view bytes) {
    a.bytes += bytes.size();
    if (!layout_known) {
      held.append(bytes);
      if (held.size() < layout_sample_bytes)
        return;
      learn();
      return;
    }
    if (!held.empty() || held_cut > 0) {
      const auto nl = bytes.find('\n');
      const auto piece = bytes.substr(0, nl);
      hold(piece);
      if (nl == std::string_view::npos)
        return;
      end_held();
      offset += 1;
      bytes.remove_prefix(nl + 1);
    }
    hold(lines_of(bytes));
  }
  void hold(std::string_view piece) {
    const auto room = bounds.line_bytes_scanned + 16 > held.size() ? bounds.line_bytes_scanned + 16 - held.size() : 0;
    held.append(piece.substr(0, room));
    held_cut += piece.size() - std::min(piece.size(), room);
  }
  /// The held line is whole.
  void end_held() {
    const auto bytes = held.size() + held_cut;
    auto line = std::string_view{held};
    auto size = bytes;
    if (held_cut == 0 && line.ends_with('\r')) {
      line.remove_suffix(1);
      --size;
    }
    on_line(line, size);
    settle();
    offset += bytes;
    held.clear();
    held_cut = 0;
  }
  void learn() {
    layout_known = true;
    layout = infer_layout(held);
    timed = layout.timed;
    const auto sample = std::move(held);
    held.clear();
    hold(lines_of(sample));
  }

  // ---- the end ----------------------------------------------------------------------------------------------
  void make_templates() {
    const auto grouped = miner.finish();
    a.templates.resize(grouped.patterns.size());
    std::vector<template_ranges> ranges(grouped.patterns.size());
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      auto& s = shapes[i];
      auto& t = a.templates[grouped.template_of[i]];
      if (t.count == 0 || s.first.number < t.first.number)
        t.first = s.first;
      if (s.last.number > t.last.number)
        t.last = s.last;
      if (t.count == 0 || s.trouble > t.trouble || (s.trouble == t.trouble && s.worst.number < t.worst.number)) {
        t.worst = s.worst;
        t.trouble = s.trouble;
      }
      t.level = std::max(t.level, s.level);
      t.count += s.count;
      t.over_time.resize(grid.used());
      for (std::size_t p = 0; p < grid.used(); ++p)
        t.over_time[p] += s.over_time[p];
      auto& r = ranges[grouped.template_of[i]];
      r.list.insert(r.list.end(), s.ranges.begin(), s.ranges.end());
      r.cut |= s.ranges_cut;
    }
    for (std::size_t i = 0; i < a.templates.size(); ++i) {
      a.templates[i].id = static_cast<std::uint32_t>(i);
      a.templates[i].pattern = grouped.patterns[i];
    }
    for (auto& id : a.assignments)
      id = grouped.template_of[id];
    a.template_of = grouped.template_of;
    look_first(ranges);
  }

  struct template_ranges {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> list;
    bool cut = false;
  };
  void look_first(std::vector<template_ranges>& ranges) {
    struct candidate {
      const log_template* t;
      trouble_words words;
      double score;
    };
    const auto known = a.lines == 0 ? 0 : a.lines - a.by_severity[0];
    const bool levels = known * 10 >= a.lines;
    std::vector<candidate> list;
    for (auto& t : a.templates) {
      if (t.trouble < (levels ? 2 : 1))
        continue;
      const auto head = parse_head(t.worst.text, layout);
      candidate c{&t, trouble_in(std::string_view{t.worst.text}.substr(std::min(t.worst.text.size(), head.message))), 0};
      // How grave it is, and how much of the log it explains; a rare one that says what is wrong may be the cause.
      constexpr double base[] = {0, 10, 20, 30, 42, 50};
      c.score = base[t.trouble] + 3 * c.words.weight + std::min(12.0, std::log2(static_cast<double>(t.count) + 1)) + (t.count <= 2 && c.words.weight >= 2 ? 2 : 0);
      list.push_back(c);
    }
    std::stable_sort(list.begin(), list.end(), [](auto& x, auto& y) { return x.score > y.score; });
    const auto most = std::min<std::size_t>(bounds.look_first_max, std::max<std::size_t>(10, static_cast<std::size_t>(a.lines / 50)));
    std::size_t hints = 0;
    for (auto& [t, words, score] : list) {
      if (a.look_first.size() >= most)
        break;
      if (t->trouble == 1 && ++hints > hints_max)
        continue;
      look_item item;
      item.template_id = t->id;
      item.score = score;
      if (t->level >= severity::warning)
        item.why = std::string{name_of(t->level)};
      if (words.weight >= 1 && (words.weight >= 2 || item.why.empty()))
        item.why += (item.why.empty() ? "says \"" : ", says \"") + std::string{words.word} + "\"";
      if (t->count <= 2)
        item.why += item.why.empty() ? "rare" : ", rare";
      if (item.why.empty())
        item.why = "unusual";
      auto& r = ranges[t->id];
      item.lines_cut = r.cut;
      std::sort(r.list.begin(), r.list.end());
      for (auto& [from, to] : r.list) {
        if (!item.lines.empty() && from <= item.lines.back().second + 1)
          item.lines.back().second = std::max(item.lines.back().second, to);
        else if (item.lines.size() < ranges_max)
          item.lines.emplace_back(from, to);
        else {
          item.lines.back().second = std::max(item.lines.back().second, to);
          item.lines_cut = true;
        }
      }
      a.look_first_lines += t->count;
      a.look_first.push_back(std::move(item));
    }
  }

  /// "12:00:00" of a part's beginning, or "line 300".
  std::string name_of_part(std::size_t part) const {
    if (!a.grid.timed)
      return "line " + std::to_string(line_of(part).number);
    const auto text = to_iso8601(timestamp{std::chrono::seconds{a.grid.begin + static_cast<std::int64_t>(part) * a.grid.width}});
    return text.substr(11, 8) + (a.zone_known ? " UTC" : "");
  }
  const line_ref& line_of(std::size_t part) const {
    while (part + 1 < grid.used() && first_of[part].number == 0)
      ++part;
    return first_of[std::min(part, first_of.size() - 1)];
  }
  std::string rate(double per_part) const {
    const auto a_minute = a.grid.timed ? per_part * 60 / static_cast<double>(a.grid.width) : per_part * 1'000 / static_cast<double>(a.grid.width);
    char text[40];
    std::snprintf(text, sizeof text, a_minute >= 10 || a_minute == 0 ? "%.0f" : "%.1f", a_minute);
    return text;
  }
  /// Level changes and bursts of kinds of lines, and of errors as a whole. A line is cited where the kind first comes, or
  /// the first line of the part where its level changes.
  template <class Add>
  void find_changes(const Add& add) {
    const std::string unit = a.grid.timed ? " a minute" : " in 1,000 lines";
    if (const auto c = find_level_change(a.errors_over_time))
      add("level_shift", "Errors " + std::string{c->after > c->before ? "rise" : "fall"} + " from " + rate(c->before) + " to " + rate(c->after) + unit + " at " + name_of_part(c->at),
          line_of(c->at), static_cast<std::uint64_t>(c->after), 78);
    struct told {
      const log_template* t;
      level_change c;
    };
    std::vector<told> changed;
    for (auto& t : a.templates)
      if (const auto c = find_level_change(t.over_time))
        changed.push_back({&t, *c});
    std::stable_sort(changed.begin(), changed.end(), [](auto& x, auto& y) { return x.t->trouble != y.t->trouble ? x.t->trouble > y.t->trouble : x.c.evidence > y.c.evidence; });
    const auto tell = [&](const char* kind, const log_template& t, const std::string& what, const line_ref& line, std::uint64_t count, double score) {
      const auto name = t.pattern.substr(0, utf8_floor(t.pattern, std::min(t.pattern.size(), pattern_bytes_max)));
      add(kind, "\"" + name + "\"" + what, line, count, score);
      a.findings.back().about = t.id;
      a.findings.back().about_bytes = name.size();
    };
    for (std::size_t i = 0; i < std::min<std::size_t>(changed.size(), changes_max); ++i) {
      const auto& [t, c] = changed[i];
      const double score = 45 + 3 * t->trouble + std::min(9.0, std::log2(1 + c.evidence));
      if (c.before == 0)
        tell("appears", *t, " comes " + rate(c.after) + " times" + unit + " from " + name_of_part(c.at) + " on, never before", t->first, t->count, score + 4);
      else if (c.after == 0)
        tell("vanishes", *t, " came " + rate(c.before) + " times" + unit + " and never again after " + name_of_part(c.at), t->last, t->count, score + 6);
      else
        tell("level_shift", *t, (c.after > c.before ? " rises from " : " falls from ") + rate(c.before) + " to " + rate(c.after) + unit + " at " + name_of_part(c.at), line_of(c.at), t->count, score);
    }
    std::size_t n = 0;
    for (auto& t : a.templates)
      if (const auto b = find_burst(t.over_time); b && t.trouble >= 2 && n < changes_max) {
        ++n;
        tell("burst", t, ": " + std::to_string(b->count) + " of its " + std::to_string(t.count) + " lines come at once at " + name_of_part(b->at), t.worst, b->count, 58 + 2 * t.trouble);
      }
  }

  void make_findings() {
    auto& f = a.findings;
    const auto add = [&](std::string kind, std::string title, const line_ref& line, std::uint64_t count, double score) {
      f.push_back({std::move(kind), std::move(title), line, count, score});
    };
    if (first_fatal)
      add("first_fatal", "The first fatal line", *first_fatal, 1, 100);
    if (first_bad && (!first_fatal || first_bad->number != first_fatal->number))
      add("first_error", "The first error", *first_bad, 1, 90);
    for (auto& t : a.traces)
      add("stack_trace", "A stack trace of " + std::to_string(t.lines) + " lines" + (t.repeats > 1 ? ", seen " + std::to_string(t.repeats) + " times" : ""),
          t.root, t.repeats, 80 + std::min(9.0, std::log2(t.repeats + 1.0)));
    for (auto& t : a.templates) {
      if (t.trouble < 2)
        continue;
      const char* name = t.trouble >= 5 ? "fatal" : t.trouble == 4 ? "error" : "warning";
      const char* title = t.trouble >= 5 ? "Fatal" : t.trouble == 4 ? "Error" : "Warning";
      const double weight = t.trouble >= 5 ? 70 : t.trouble == 4 ? 60 : t.trouble == 3 ? 34 : 30;
      const bool rare = t.count <= 2;
      const double volume = std::min(15.0, std::log2(static_cast<double>(t.count) + 1));
      add(std::string{rare ? "rare_" : "frequent_"} + name, std::string{title} + ", " + std::to_string(t.count) + (t.count == 1 ? " time" : " times"), t.worst,
          t.count, weight + (rare ? 6 : volume));
    }
    const auto minutes = a.from_ms ? static_cast<std::uint64_t>((*a.to_ms - *a.from_ms) / 60'000) + 1 : 0;
    const auto errors = a.by_severity[static_cast<std::size_t>(severity::error)] + a.by_severity[static_cast<std::size_t>(severity::fatal)];
    if (worst_minute.bad >= 5 && minutes >= 3 && worst_minute.bad * minutes >= 3 * errors)
      add("burst", "A burst: " + std::to_string(worst_minute.bad) + " errors within one minute", worst_minute.first_bad, worst_minute.bad, 75);
    find_changes(add);
    if (a.from_ms && largest_gap > 60'000 && largest_gap * 4 > *a.to_ms - *a.from_ms)
      add("gap", "Silence of " + std::to_string(largest_gap / 1'000) + " seconds before this line", gap_line, 1, 40);
    std::stable_sort(f.begin(), f.end(), [](auto& x, auto& y) { return x.score > y.score; });
    std::vector<std::uint64_t> shown; // one finding a line: the best
    std::erase_if(f, [&](const finding& x) {
      if (std::find(shown.begin(), shown.end(), x.line.number) != shown.end())
        return true;
      shown.push_back(x.line.number);
      return shown.size() > bounds.findings_max;
    });
    const auto scene = [&](const char* what, const line_ref& l) {
      crime_scene s;
      s.what = what;
      s.first_line = l.number > scene_lines ? l.number - scene_lines : 1;
      s.last_line = std::min(a.lines, l.number + scene_lines);
      s.begin = l.begin;
      s.end = l.begin + l.size;
      a.scenes.push_back(std::move(s));
    };
    if (first_bad)
      scene("around the first error", *first_bad);
    if (worst_minute.bad >= 2 && (!first_bad || worst_minute.first_bad.number != first_bad->number))
      scene("around the worst minute", worst_minute.first_bad);
  }

  analysis finish() {
    if (!layout_known)
      learn();
    if (!held.empty() || held_cut > 0)
      end_held();
    finish_trace();
    a.shortened |= miner.size() >= bounds.shapes_max;
    a.grid = {timed, grid.begin(), grid.width(), grid.used()};
    a.lines_over_time.assign(all_over_time.begin(), all_over_time.begin() + static_cast<std::ptrdiff_t>(grid.used()));
    a.errors_over_time.assign(bad_over_time.begin(), bad_over_time.begin() + static_cast<std::ptrdiff_t>(grid.used()));
    make_templates();
    make_findings();
    a.identifiers = names.finish();
    a.names = names.all(names_max);
    return std::move(a);
  }
};

log_analyzer::log_analyzer(const limits& bounds) : state_(std::make_unique<state>(bounds)) {}
log_analyzer::~log_analyzer() = default;
void log_analyzer::feed(std::string_view bytes) { state_->feed(bytes); }
analysis log_analyzer::finish() { return state_->finish(); }

analysis analyze(std::string_view bytes, const limits& bounds) {
  log_analyzer a{bounds};
  a.feed(bytes);
  return a.finish();
}

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

} // namespace fm::evidence
