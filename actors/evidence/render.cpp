// Rendering decides nothing.
#include "actors/evidence/render.hpp"

#include "protocol/base/clock.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm::evidence {
namespace {
std::string shown(std::string_view line) {
  auto cut = line.substr(0, utf8_floor(line, 240));
  auto text = to_valid_utf8(cut);
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20 && c != '\t')
      c = '?';
  if (cut.size() < line.size())
    text += " …";
  return text;
}
std::vector<const log_template*> by_weight(const analysis& a) {
  std::vector<const log_template*> list;
  for (auto& t : a.templates)
    list.push_back(&t);
  std::stable_sort(list.begin(), list.end(), [](auto* x, auto* y) { return x->level != y->level ? x->level > y->level : x->count > y->count; });
  return list;
}
} // namespace

std::string render_time(std::int64_t ms) {
  auto t = to_iso8601(timestamp{std::chrono::milliseconds{ms}});
  t[10] = ' ';
  return t.substr(0, 19);
}

std::string render_text(const analysis& a, bool colour) {
  const auto paint = [&](const char* code, const std::string& s) { return colour ? "\033[" + std::string{code} + "m" + s + "\033[0m" : s; };
  std::string out;
  out += std::to_string(a.lines) + " lines, " + std::to_string(a.templates.size()) + " templates";
  for (auto s : {severity::fatal, severity::error, severity::warning})
    if (const auto n = a.by_severity[static_cast<std::size_t>(s)])
      out += ", " + std::to_string(n) + " " + std::string{name_of(s)};
  if (a.from_ms)
    out += ", " + (a.year_known ? render_time(*a.from_ms) + " to " + render_time(*a.to_ms) : render_time(*a.from_ms).substr(5) + " to " + render_time(*a.to_ms).substr(5) + " (year unknown)");
  out += "\n\n" + paint("1", "Look at first") + "\n";
  if (a.findings.empty())
    out += "  Nothing stands out: no errors, warnings or stack traces were recognised.\n";
  for (auto& f : a.findings)
    out += "  " + paint("1;31", "line " + std::to_string(f.line.number)) + "  " + f.title + "\n      " + shown(a.text(f.line)) + "\n";
  out += "\n" + paint("1", "Templates") + " (worst first, at most 20)\n";
  std::size_t n = 0;
  for (auto* t : by_weight(a)) {
    if (++n > 20)
      break;
    out += "  " + std::to_string(t->count) + "×  " + std::string{name_of(t->level)} + "  " + shown(t->pattern) + "\n";
  }
  if (a.shortened)
    out += "\nThe input is larger than the analysis may hold; the rest was not looked at.\n";
  return out;
}

std::string render_json(const analysis& a) {
  std::string out;
  json_writer w{out};
  const auto line = [&](const char* key, const line_ref& l) {
    w.key(key).begin_object().member("line", l.number).member("begin", l.begin).member("end", l.begin + l.size).member("text", to_valid_utf8(a.text(l).substr(0, 400))).end_object();
  };
  w.begin_object().member("lines", a.lines).member("log_lines", a.log_lines).member("shortened", a.shortened);
  w.key("time").begin_object();
  w.key("from");
  a.from_ms ? w.value(to_iso8601(timestamp{std::chrono::milliseconds{*a.from_ms}})) : w.value(nullptr);
  w.key("to");
  a.to_ms ? w.value(to_iso8601(timestamp{std::chrono::milliseconds{*a.to_ms}})) : w.value(nullptr);
  w.member("year_known", a.year_known).member("zone_known", a.zone_known).end_object();
  w.key("levels").begin_object();
  for (auto s : {severity::none, severity::debug, severity::info, severity::warning, severity::error, severity::fatal})
    w.member(name_of(s), a.by_severity[static_cast<std::size_t>(s)]);
  w.end_object().key("findings").begin_array();
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
  w.end_array().key("templates").begin_array();
  for (auto& t : a.templates) {
    w.begin_object().member("id", t.id).member("pattern", to_valid_utf8(t.pattern)).member("count", t.count).member("level", name_of(t.level)).member("first_line", t.first.number).member("last_line", t.last.number);
    line("example", t.worst);
    w.end_object();
  }
  w.end_array().end_object();
  return out;
}

std::string render_assignments(const analysis& a) {
  std::string out;
  for (std::size_t i = 0; i < a.assignments.size(); ++i) {
    out += std::to_string(i + 1);
    out += '\t';
    out += a.assignments[i] == UINT32_MAX ? "-" : std::to_string(a.assignments[i]);
    out += '\n';
  }
  return out;
}

} // namespace fm::evidence
