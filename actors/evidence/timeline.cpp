// Lines become moments (a file on its own), moments become entries (the case as a whole).
#include "actors/evidence/timeline.hpp"

#include "actors/evidence/line_splitter.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

namespace fm::evidence {
namespace {
constexpr std::int64_t hour = 3'600'000, day = 24 * hour;
constexpr std::uint64_t zone_doubt = 14 * hour; ///< the widest offset of any zone
constexpr std::uint64_t year_doubt = 366ULL * day;
constexpr std::size_t line_bytes_scanned = 2'048;
constexpr std::size_t layout_bytes = 64U << 10;
constexpr std::int64_t silence_ms = 10 * 60'000;
constexpr std::size_t cursor_bytes_max = 400;

/// One line, no control characters, at most `most` bytes.
std::string shown(std::string_view text, std::size_t most) {
  text = trimmed(text);
  const bool cut = text.size() > most;
  auto out = to_valid_utf8(text.substr(0, utf8_floor(text, std::min(text.size(), most))));
  for (auto& c : out)
    if (static_cast<unsigned char>(c) < 0x20)
      c = ' ';
  return cut ? out + " …" : out;
}

struct stamp {
  std::int64_t ms = 0;
  bool zone_known = true, year_known = true, date_known = true;
  severity level = severity::none;
  std::size_t message = 0, message_end = std::string_view::npos;
};

std::optional<stamp> stamp_of(std::string_view line, const log_layout& layout) {
  const auto h = parse_header(line, layout);
  if (!h.time_ms)
    return std::nullopt;
  return stamp{*h.time_ms, h.zone_known, h.year_known, h.date_known, h.level, std::min(h.message, line.size()), h.message_end};
}

std::chrono::year_month_day date_of(std::int64_t ms) {
  return std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(timestamp{std::chrono::milliseconds{ms}})};
}
/// The same day and time `years` later; 29 February becomes 1 March where there is none.
std::int64_t years_later(std::int64_t ms, int years) {
  using namespace std::chrono;
  const auto from = floor<days>(timestamp{milliseconds{ms}});
  const auto there = year_month_day{from} + std::chrono::years{years};
  const auto to = there.ok() ? sys_days{there} : sys_days{there.year() / March / 1};
  return ms + (to - from) / milliseconds{1};
}

/// Stamps without year or date start again at New Year or midnight; this gives them the ones that were passed.
struct unroller {
  std::int64_t last = 0;
  int turns = 0;
  bool any = false;
  std::int64_t next(const stamp& s) {
    const auto period = s.date_known ? 366 * day : day;
    if (any && last - s.ms > period / 2)
      ++turns;
    last = s.ms;
    any = true;
    return s.date_known ? years_later(s.ms, turns) : s.ms + turns * day;
  }
};

struct builder {
  const analysis& a;
  timeline_limits bounds;
  std::vector<timeline_moment> out;
  struct burst {
    std::size_t index = 0;
    std::int64_t last = 0;
    std::uint64_t round = 0;
  };
  std::unordered_map<std::uint32_t, burst> open;
  std::vector<bool> known = std::vector<bool>(a.templates.size());
  std::uint64_t round = 0;
  std::size_t current = SIZE_MAX;
  std::optional<timeline_moment> previous; ///< without its text
  std::string previous_text;               ///< its bytes
  bool fine = false;

  std::size_t add(timeline_moment m) {
    if (out.size() >= std::max<std::size_t>(1'000, 20 * bounds.moments_max)) {
      keep_weightiest(out, out.size() / 2);
      ++round; // indexes moved: bursts begin anew
      current = SIZE_MAX;
    }
    out.push_back(std::move(m));
    return out.size() - 1;
  }

  void line(std::string_view text, std::uint64_t number, std::uint32_t id, const std::optional<stamp>& s, std::int64_t at) {
    if (!s) { // the rest of the record above
      if (current < out.size() && out[current].line_last + 1 == number)
        out[current].line_last = number;
      return;
    }
    fine |= at % 1'000 != 0;
    const auto& t = a.templates[id];
    const auto level = std::max(s->level, t.level);
    timeline_moment m;
    m.at_ms = at;
    m.zone_known = s->zone_known;
    m.year_known = s->year_known;
    m.date_known = s->date_known;
    m.line_first = m.line_last = number;
    const auto named = level != severity::none ? level
                       : t.trouble >= 5        ? severity::fatal
                       : t.trouble == 4        ? severity::error
                       : t.trouble >= 2        ? severity::warning
                                               : severity::info;
    m.level = std::string{name_of(named)};
    text = text.substr(0, s->message_end).substr(s->message);
    const bool first = !previous;
    if (previous && at - previous->at_ms >= silence_ms) {
      auto gap = m;
      gap.kind = "silence";
      gap.level = "info";
      gap.weight = 30;
      gap.text = "Nothing was written for " + std::to_string((at - previous->at_ms) / 1'000) + " seconds before this line.";
      gap.line_first = previous->line_first;
      add(std::move(gap));
    }
    const bool fresh = !known[id];
    known[id] = true;
    const bool trouble = t.trouble >= 2 || level >= severity::warning;
    m.kind = trouble ? m.level : first ? "begin" : "first_seen";
    m.weight = trouble ? 20 * std::max(t.trouble, 2) + (fresh ? 10 : 0) + (t.count <= 2 ? 5 : 0) : first ? 60 : t.count <= 2 ? 12 : 10;
    previous = m;
    previous_text.assign(text.substr(0, 4 * bounds.text_bytes_max));
    current = SIZE_MAX;
    if (!trouble && !fresh && !first)
      return;
    auto& b = open[id];
    if (trouble && b.round == round + 1 && at >= b.last && at - b.last <= bounds.burst_gap_ms) {
      auto& held = out[b.index];
      ++held.count;
      held.line_last = number;
      b.last = at;
      return;
    }
    m.text = shown(text, bounds.text_bytes_max);
    current = add(std::move(m));
    b = {current, at, round + 1};
  }

  std::vector<timeline_moment> finish() {
    const auto told = [&](auto& m) { return m.line_first <= previous->line_first && m.line_last >= previous->line_first; };
    if (previous && std::none_of(out.begin(), out.end(), told)) {
      auto end = *previous;
      end.text = shown(previous_text, bounds.text_bytes_max);
      end.kind = "end";
      end.weight = 60;
      out.push_back(std::move(end));
    }
    for (auto& m : out)
      m.resolution_ms = fine ? 1 : 1'000;
    std::stable_sort(out.begin(), out.end(), [](auto& x, auto& y) { return x.at_ms < y.at_ms; });
    keep_weightiest(out, bounds.moments_max);
    return std::move(out);
  }
};
} // namespace

void keep_weightiest(std::vector<timeline_moment>& moments, std::size_t most) {
  if (moments.size() <= most)
    return;
  std::vector<std::size_t> order(moments.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](auto x, auto y) { return moments[x].weight > moments[y].weight; });
  order.resize(most);
  std::sort(order.begin(), order.end());
  std::vector<timeline_moment> kept;
  kept.reserve(most);
  for (const auto i : order)
    kept.push_back(std::move(moments[i]));
  moments = std::move(kept);
}

struct moment_collector::state {
  builder moments;
  const log_layout& layout;
  unroller years, days;
  std::uint64_t number = 0;
};

moment_collector::moment_collector(const analysis& a, const log_layout& layout, const timeline_limits& bounds)
  : state_(new state{{.a = a, .bounds = bounds}, layout, {}, {}, 0}) {}
moment_collector::~moment_collector() = default;

void moment_collector::line(std::string_view text, std::uint32_t template_id) {
  auto& s = *state_;
  text = text.substr(0, line_bytes_scanned);
  const auto stamped = text.empty() ? std::nullopt : stamp_of(text, s.layout);
  const auto when = !stamped ? 0 : stamped->date_known && stamped->year_known ? stamped->ms : (stamped->date_known ? s.years : s.days).next(*stamped);
  s.moments.line(text, ++s.number, template_id, stamped, when);
}

std::vector<timeline_moment> moment_collector::finish() { return state_->moments.finish(); }

std::vector<timeline_moment> moments_of_log(std::string_view bytes, const timeline_limits& bounds) {
  limits with;
  with.assignments = true;
  const auto a = analyze(bytes, with);
  const auto layout = infer_layout(bytes.substr(0, layout_bytes));
  moment_collector collector{a, layout, bounds};
  auto next = a.assignments.begin();
  line_splitter lines{line_bytes_scanned};
  const auto take = [&](std::string_view line, std::uint64_t) {
    if (next != a.assignments.end())
      collector.line(line, *next++);
  };
  lines.feed(bytes, take);
  lines.finish(take);
  return collector.finish();
}

namespace {
struct placed {
  timeline_entry entry;
  std::string key; ///< orders entries of one moment, and says where a page ended
  int weight = 0;
};

std::uint64_t doubt_of(const timeline_moment& m) {
  const std::uint64_t resolution = m.resolution_ms <= 1 ? 0 : m.resolution_ms;
  return resolution + (m.zone_known ? 0 : zone_doubt) + (m.year_known && m.date_known ? 0 : year_doubt);
}

/// Moves stamps without year or date to the latest years or days that end before `reference`.
void settle(std::vector<timeline_moment>& moments, timestamp reference) {
  const auto now = reference.time_since_epoch().count() + hour; // clocks differ
  std::int64_t last_year = INT64_MIN, last_day = INT64_MIN;
  for (auto& m : moments)
    if (!m.date_known)
      last_day = std::max(last_day, m.at_ms);
    else if (!m.year_known)
      last_year = std::max(last_year, m.at_ms);
  int years = 0;
  if (last_year != INT64_MIN) {
    years = int{date_of(now).year()} - int{date_of(last_year).year()};
    if (years_later(last_year, years) > now)
      --years;
  }
  const auto days = last_day == INT64_MIN ? 0 : (now - last_day) / day * day;
  for (auto& m : moments)
    if (!m.date_known)
      m.at_ms += days;
    else if (!m.year_known)
      m.at_ms = years_later(m.at_ms, years);
}

std::string numbered(std::uint64_t n) {
  auto text = std::to_string(n);
  return std::string(text.size() < 12 ? 12 - text.size() : 0, '0') + text;
}

void place(std::vector<placed>& all, std::vector<timeline_moment> moments, timestamp reference, const timeline_entry& like, const std::string& key) {
  settle(moments, reference);
  for (auto& m : moments) {
    placed p;
    p.entry = like;
    p.entry.at = timestamp{std::chrono::milliseconds{m.at_ms}};
    p.entry.uncertainty_ms = doubt_of(m);
    p.entry.line_first = m.line_first;
    p.entry.line_last = m.line_last;
    p.entry.count = m.count;
    p.entry.level = std::move(m.level);
    p.entry.kind = std::move(m.kind);
    p.entry.text = std::move(m.text);
    p.weight = m.weight;
    p.key = key + numbered(m.line_first) + p.entry.kind;
    all.push_back(std::move(p));
  }
}

void place(std::vector<placed>& all, const message& m, std::uint64_t number, const timeline_limits& bounds) {
  placed p;
  p.entry.at = m.created_at;
  p.entry.message_id = m.id.value;
  p.entry.level = "info";
  p.entry.source = "message";
  p.weight = 50;
  switch (m.type) {
  case message_type::user_query: p.entry.kind = "question"; break;
  case message_type::agent_response: p.entry.kind = "answer"; break;
  case message_type::case_note: p.entry.kind = "note"; break;
  case message_type::data_upload:
    p.entry.source = "event";
    p.entry.kind = "file_uploaded";
    break;
  case message_type::system_event:
    p.entry.source = "event";
    p.entry.kind = m.metadata.contains("file_id") ? "file_analysed" : "system";
    break;
  }
  if (const auto file = m.metadata.find("file_id"); file != m.metadata.end())
    p.entry.file_id = file->second;
  if (const auto name = m.metadata.find("filename"); name != m.metadata.end())
    p.entry.file_name = name->second;
  const bool by_person = m.type == message_type::user_query || m.type == message_type::case_note;
  const bool log = by_person && looks_like_log(m.content);
  const auto first_line = std::string_view{m.content}.substr(0, m.content.find('\n'));
  p.entry.text = shown(log || p.entry.source == "event" ? first_line : std::string_view{m.content}, bounds.text_bytes_max);
  p.key = "1" + numbered(number);
  const auto like = p.entry;
  all.push_back(std::move(p));
  if (log)
    place(all, moments_of_log(m.content, bounds), m.created_at, like, "1" + numbered(number) + "/");
}

std::string cursor_of(const placed& p) {
  const auto plain = std::to_string(p.entry.at.time_since_epoch().count()) + " " + p.key;
  std::string out;
  for (const unsigned char c : plain) {
    out += "0123456789abcdef"[c >> 4U];
    out += "0123456789abcdef"[c & 15U];
  }
  return out;
}
std::optional<std::pair<std::int64_t, std::string>> read_cursor(std::string_view text) {
  if (text.size() % 2 != 0 || text.size() > 2 * cursor_bytes_max)
    return std::nullopt;
  std::string plain;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    int c = 0;
    const auto [end, ec] = std::from_chars(text.data() + i, text.data() + i + 2, c, 16);
    if (ec != std::errc{} || end != text.data() + i + 2)
      return std::nullopt;
    plain += static_cast<char>(c);
  }
  std::int64_t at = 0;
  const auto [end, ec] = std::from_chars(plain.data(), plain.data() + plain.size(), at);
  if (ec != std::errc{} || end == plain.data() + plain.size() || *end != ' ')
    return std::nullopt;
  return std::pair{at, plain.substr(static_cast<std::size_t>(end + 1 - plain.data()))};
}
} // namespace

outcome<timeline_page> timeline_of(const std::vector<timeline_file>& files, const std::vector<message>& messages, const timeline_query& q,
                                   const timeline_limits& bounds, std::uint64_t messages_before) {
  std::optional<std::pair<std::int64_t, std::string>> after;
  if (!q.cursor.empty() && !(after = read_cursor(q.cursor))) {
    auto f = make_failure(errc::invalid, "cursor must be one that this timeline gave.");
    return f.with_fact("field", "cursor");
  }
  std::vector<placed> all;
  for (auto& f : files) {
    timeline_entry like;
    like.source = "file";
    like.file_id = f.id;
    like.file_name = f.name;
    place(all, f.moments, f.uploaded_at, like, "0" + f.id + "/");
  }
  for (auto& m : messages)
    place(all, m, messages_before++, bounds);
  timeline_page page;
  std::erase_if(all, [&](auto& p) { return (q.from && p.entry.at < *q.from) || (q.to && p.entry.at > *q.to); });
  const auto place_of = [](const placed& p) { return std::pair<std::int64_t, const std::string&>{p.entry.at.time_since_epoch().count(), p.key}; };
  std::sort(all.begin(), all.end(), [&](auto& x, auto& y) { return place_of(x) < place_of(y); });
  // The same line in two files (rotated, copied) is told once, by the file that comes first.
  std::set<std::tuple<std::int64_t, std::string_view, std::string_view>> seen;
  std::vector<placed> once;
  once.reserve(all.size());
  for (auto& p : all) {
    if (p.entry.source == "file" && !seen.emplace(p.entry.at.time_since_epoch().count(), p.entry.kind, p.entry.text).second)
      continue;
    once.push_back(p);
  }
  if (once.size() > bounds.entries_max) {
    page.shortened = true;
    std::stable_sort(once.begin(), once.end(), [](auto& x, auto& y) { return x.weight > y.weight; });
    once.resize(bounds.entries_max);
    std::sort(once.begin(), once.end(), [&](auto& x, auto& y) { return place_of(x) < place_of(y); });
  }
  page.total = once.size();
  auto from = once.begin();
  if (after)
    from = std::upper_bound(once.begin(), once.end(), *after, [&](auto& key, auto& p) { return std::pair<std::int64_t, const std::string&>{key.first, key.second} < place_of(p); });
  const auto left = static_cast<std::size_t>(once.end() - from);
  const auto shown_now = std::min(left, q.limit);
  for (auto it = from; it != from + static_cast<std::ptrdiff_t>(shown_now); ++it)
    page.entries.push_back(it->entry);
  if (shown_now < left && shown_now > 0)
    page.next_cursor = cursor_of(*(from + static_cast<std::ptrdiff_t>(shown_now) - 1));
  return page;
}

} // namespace fm::evidence
