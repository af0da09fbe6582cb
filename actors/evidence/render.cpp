// Rendering decides nothing.
#include "actors/evidence/render.hpp"

#include "protocol/base/clock.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm::evidence {
namespace {
std::string shown(std::string_view line, std::size_t bytes) {
  auto cut = line.substr(0, utf8_floor(line, std::min(line.size(), bytes)));
  auto text = to_valid_utf8(cut);
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t')
      c = '?';
  if (cut.size() < line.size())
    text += " …";
  return text;
}
/// Counts over time in eight heights.
std::string sparkline(const std::vector<std::uint32_t>& counts) {
  if (counts.empty())
    return {};
  static constexpr const char* bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const auto most = *std::max_element(counts.begin(), counts.end());
  std::string out;
  for (const auto n : counts)
    out += n == 0 ? " " : bars[std::min<std::uint64_t>(7, std::uint64_t{n} * 8 / (std::uint64_t{most} + 1))];
  return out;
}
std::vector<const log_template*> by_weight(const analysis& a) {
  std::vector<const log_template*> list;
  for (auto& t : a.templates)
    list.push_back(&t);
  std::stable_sort(list.begin(), list.end(), [](auto* x, auto* y) { return x->trouble != y->trouble ? x->trouble > y->trouble : x->count > y->count; });
  return list;
}
} // namespace

std::string render_time(std::int64_t ms) {
  auto t = to_iso8601(timestamp{std::chrono::milliseconds{ms}});
  t[10] = ' ';
  return t.substr(0, 19);
}

namespace {
/// "1234567" with commas.
std::string grouped(std::uint64_t n) {
  const auto digits = std::to_string(n);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0)
      out += ',';
    out += digits[i];
  }
  return out;
}
std::string duration(std::int64_t ms) {
  const auto s = ms / 1'000;
  if (s < 120)
    return std::to_string(s) + " s";
  if (s < 7'200)
    return std::to_string(s / 60) + " min";
  if (s < 172'800)
    return std::to_string(s / 3'600) + " h";
  return std::to_string(s / 86'400) + " days";
}
std::string span_of(const analysis& a) {
  const auto from = render_time(*a.from_ms), to = render_time(*a.to_ms);
  const std::size_t skip = !a.date_known ? 11 : a.year_known ? 0 : 5;
  std::string out = from.substr(skip) + " to " + (from.substr(0, 10) == to.substr(0, 10) ? to.substr(11) : to.substr(skip));
  out += !a.date_known ? ", date not said" : !a.year_known ? ", year not said" : a.zone_known ? " UTC" : ", zone not said";
  return out + " (" + duration(*a.to_ms - *a.from_ms) + ")";
}
/// What a line says behind time and level, its program's name included.
std::string_view told(const line_ref& l) {
  const std::string_view text = l.text;
  const auto h = parse_head(text, {});
  auto at = std::min(h.message, text.size());
  if (h.message_end == std::string_view::npos && at >= 2 && text[at - 1] == ' ' && text[at - 2] == ':') {
    const auto word = text.find_last_of(" \t", at - 2);
    at = word == std::string_view::npos ? 0 : word + 1;
  }
  const auto end = std::min(h.message_end, text.size());
  return at < end ? text.substr(at, end - at) : text;
}
constexpr std::size_t screen_lines = 40;
} // namespace

std::string render_text(const analysis& a, bool colour) {
  const auto paint = [&](const char* code, const std::string& s) { return colour ? "\033[" + std::string{code} + "m" + s + "\033[0m" : s; };
  std::string out = grouped(a.lines) + (a.lines == 1 ? " line, " : " lines, ") + grouped(a.templates.size()) + (a.templates.size() == 1 ? " kind" : " kinds");
  if (a.from_ms)
    out += ", " + span_of(a);
  for (auto s : {severity::fatal, severity::error, severity::warning})
    if (const auto n = a.by_severity[static_cast<std::size_t>(s)])
      out += ", " + paint(s == severity::warning ? "33" : "1;31", grouped(n) + " " + std::string{name_of(s)});
  out += "\n" + paint("1", "Look at first");
  // What is below the list: at most so many lines, so that head, list and these fit one screen.
  std::vector<std::string> below;
  for (auto& f : a.findings)
    if (below.size() < 5 && (f.kind == "burst" || f.kind == "gap" || f.kind == "stack_trace" || f.kind == "level_shift" || f.kind == "appears" || f.kind == "vanishes"))
      below.push_back(paint("1", shown(f.title, 200)) + ", line " + std::to_string(f.line.number) + (f.kind == "stack_trace" || f.kind == "gap" ? ": " + shown(told(f.line), 120) : ""));
  for (std::size_t i = 0; i < std::min<std::size_t>(2, a.identifiers.size()); ++i) {
    auto& id = a.identifiers[i];
    below.push_back(id.kind + " " + shown(id.value, 60) + ": " + std::to_string(id.bad) + " of its " + std::to_string(id.count) + " lines are errors, lines " + std::to_string(id.first_line) + "-" +
                    std::to_string(id.last_line));
  }
  if (!a.scenes.empty()) {
    std::string read = "Read";
    for (auto& s : a.scenes)
      read += (read.size() > 4 ? "; lines " : " lines ") + std::to_string(s.first_line) + "-" + std::to_string(s.last_line) + " (" + s.what + ")";
    below.push_back(read);
  }
  if (a.shortened)
    below.push_back("The input is larger than the analysis may hold; rare kinds of line were put together.");
  if (a.look_first.empty()) {
    out += "\n  Nothing stands out: no errors, warnings or stack traces were recognised.\n";
  } else {
    // One line an item, and the whole never more than one for fifty lines of the log (but ten items).
    const auto room = std::min<std::size_t>(screen_lines, static_cast<std::size_t>(a.lines / 50));
    const auto most = std::max<std::size_t>(10, room > below.size() + 3 ? room - below.size() - 3 : 0);
    const auto n = std::min(most, a.look_first.size());
    std::uint64_t covered = 0;
    for (std::size_t i = 0; i < n; ++i)
      covered += a.templates[a.look_first[i].template_id].count;
    out += ": " + std::to_string(n) + (n == 1 ? " kind, " : " kinds, ") + grouped(covered) + " of " + grouped(a.lines) + " lines\n";
    for (std::size_t i = 0; i < n; ++i) {
      auto& item = a.look_first[i];
      const auto& t = a.templates[item.template_id];
      std::string where = "line " + std::to_string(t.worst.number);
      if (t.count > 1)
        where += " (" + std::to_string(t.count) + " lines, " + std::to_string(t.first.number) + "-" + std::to_string(t.last.number) + ")";
      out += "  " + paint(t.trouble >= 4 ? "1;31" : "33", where) + " " + item.why + ": " + shown(told(t.worst), 160) + "\n";
    }
    if (a.look_first.size() > n)
      out += "  … and " + std::to_string(a.look_first.size() - n) + " more kinds of line; --json has all\n";
  }
  for (auto& line : below)
    out += "  " + line + "\n";
  return out;
}

std::string render_templates(const analysis& a, std::size_t most) {
  std::string out = "Templates (worst first)\n";
  std::size_t n = 0;
  for (auto* t : by_weight(a)) {
    if (++n > most)
      break;
    out += "  " + std::to_string(t->count) + "  " + std::string{name_of(t->level)} + "  " + sparkline(t->over_time) + "  " + shown(t->pattern, 200) + "\n";
  }
  return out;
}

std::string render_json(const analysis& a) {
  std::string out;
  json_writer w{out};
  const auto line = [&](const char* key, const line_ref& l) {
    w.key(key).begin_object().member("line", l.number).member("begin", l.begin).member("end", l.begin + l.size);
    w.member("text", to_valid_utf8(l.text)).end_object();
  };
  w.begin_object().member("schema", 1).member("bytes", a.bytes).member("lines", a.lines).member("log_lines", a.log_lines).member("shortened", a.shortened);
  w.key("time").begin_object();
  w.key("from");
  a.from_ms ? w.value(to_iso8601(timestamp{std::chrono::milliseconds{*a.from_ms}})) : w.value(nullptr);
  w.key("to");
  a.to_ms ? w.value(to_iso8601(timestamp{std::chrono::milliseconds{*a.to_ms}})) : w.value(nullptr);
  w.member("year_known", a.year_known).member("zone_known", a.zone_known).member("date_known", a.date_known).end_object();
  w.key("levels").begin_object();
  for (auto s : {severity::none, severity::debug, severity::info, severity::warning, severity::error, severity::fatal})
    w.member(name_of(s), a.by_severity[static_cast<std::size_t>(s)]);
  w.end_object();
  w.key("over_time").begin_object().member("timed", a.grid.timed).member("width", a.grid.width);
  w.key("begin");
  a.grid.timed ? w.value(to_iso8601(timestamp{std::chrono::seconds{a.grid.begin}})) : w.value(a.grid.begin);
  const auto counts = [&](const char* key, const std::vector<std::uint32_t>& list) {
    w.key(key).begin_array();
    for (const auto n : list)
      w.value(n);
    w.end_array();
  };
  counts("lines", a.lines_over_time);
  counts("errors", a.errors_over_time);
  w.end_object();
  w.member("look_first_lines", a.look_first_lines);
  w.key("look_first").begin_array();
  for (auto& item : a.look_first) {
    const auto& t = a.templates[item.template_id];
    w.begin_object().member("template_id", item.template_id).member("why", item.why).member("score", item.score).member("count", t.count);
    line("quote", t.worst);
    w.key("lines").begin_array();
    for (auto& [from, to] : item.lines)
      w.begin_array().value(from).value(to).end_array();
    w.end_array().member("lines_cut", item.lines_cut).end_object();
  }
  w.end_array().key("findings").begin_array();
  for (auto& f : a.findings) {
    w.begin_object().member("kind", f.kind).member("title", f.title).member("count", f.count).member("score", f.score);
    line("at", f.line);
    w.end_object();
  }
  w.end_array().key("stack_traces").begin_array();
  for (auto& t : a.traces) {
    w.begin_object().member("lines", t.lines).member("repeats", t.repeats);
    line("head", t.head);
    line("root", t.root);
    w.end_object();
  }
  w.end_array().key("scenes").begin_array();
  for (auto& s : a.scenes)
    w.begin_object().member("what", s.what).member("first_line", s.first_line).member("last_line", s.last_line).end_object();
  w.end_array().key("identifiers").begin_array();
  for (auto& id : a.identifiers)
    w.begin_object().member("kind", id.kind).member("value", to_valid_utf8(id.value)).member("count", id.count).member("errors", id.bad).member("first_line", id.first_line).member("last_line", id.last_line).end_object();
  w.end_array().key("templates").begin_array();
  for (auto& t : a.templates) {
    w.begin_object().member("id", t.id).member("pattern", to_valid_utf8(t.pattern)).member("count", t.count).member("level", name_of(t.level)).member("trouble", t.trouble);
    w.member("first_line", t.first.number).member("last_line", t.last.number);
    line("example", t.worst);
    counts("over_time", t.over_time);
    w.end_object();
  }
  w.end_array().end_object();
  return out;
}

std::string render_assignments(const analysis& a) {
  std::string out;
  out.reserve(a.assignments.size() * 10);
  for (std::size_t i = 0; i < a.assignments.size(); ++i) {
    out += std::to_string(i + 1);
    out += '\t';
    out += std::to_string(a.assignments[i]);
    out += '\n';
  }
  return out;
}

} // namespace fm::evidence
