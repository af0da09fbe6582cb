// Ordering, cutting and rendering of an extraction.
#include "actors/evidence/extractors/extraction.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <cstdio>

namespace fm::extractors {
namespace {

constexpr std::array<std::string_view, data_types> type_names{
  "logs_and_errors", "metrics_and_performance", "structured_config", "source_code", "unstructured_text", "visual_evidence", "unanalyzable"};

void cut_bytes(std::string& s, std::size_t most) {
  s = to_valid_utf8(s);
  if (s.size() <= most)
    return;
  constexpr std::string_view mark = "…";
  s.resize(utf8_floor(s, most - mark.size()));
  s += mark;
}

/// Control characters would let a hostile file paint the reader's terminal.
std::string plain(std::string_view s) {
  std::string out;
  out.reserve(s.size());
  for (char c : s) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 && c != '\n' && c != '\t')
      out += ' ';
    else if (u != 0x7F)
      out += c;
  }
  return out;
}

void write_citation(json_writer& w, const citation& c) {
  w.begin_object().member("begin", c.begin).member("end", c.end).member("first_line", c.first_line).member("last_line", c.last_line).end_object();
}

std::string lines_text(const citation& c) {
  if (c.first_line == 0)
    return {};
  if (c.first_line == c.last_line)
    return "line " + std::to_string(c.first_line);
  return "lines " + std::to_string(c.first_line) + "-" + std::to_string(c.last_line);
}

} // namespace

std::string_view to_string(data_type type) noexcept { return type_names[static_cast<std::size_t>(type)]; }
std::optional<data_type> data_type_from_string(std::string_view name) noexcept {
  for (std::size_t i = 0; i < type_names.size(); ++i)
    if (type_names[i] == name)
      return static_cast<data_type>(i);
  return std::nullopt;
}
std::string_view to_string(weight w) noexcept {
  return w == weight::danger ? "danger" : w == weight::warning ? "warning" : "note";
}

void finish(extraction& x) {
  std::stable_sort(x.findings.begin(), x.findings.end(), [](const finding& a, const finding& b) {
    if (a.heavy != b.heavy)
      return a.heavy > b.heavy;
    if (a.score != b.score)
      return a.score > b.score;
    return a.at.begin < b.at.begin;
  });
  if (x.findings.size() > findings_max) {
    x.facts.emplace_back("findings_left_out", std::to_string(x.findings.size() - findings_max));
    x.findings.resize(findings_max);
  }
  if (x.insights.size() > insights_max)
    x.insights.resize(insights_max);
  if (x.plots.size() > plots_max)
    x.plots.resize(plots_max);
  std::stable_sort(x.moments.begin(), x.moments.end(), [](const moment& a, const moment& b) { return a.at_ms < b.at_ms; });
  if (x.moments.size() > moments_max)
    x.moments.resize(moments_max);
  x.summary = cut_on_word(to_valid_utf8(x.summary), summary_characters_max);
  cut_bytes(x.full, full_bytes_max);
  for (auto& i : x.insights)
    cut_bytes(i.text, 500);
  for (auto& f : x.findings) {
    cut_bytes(f.title, 500);
    cut_bytes(f.where, 300);
    cut_bytes(f.quote, quote_bytes_max + 3);
  }
  for (auto& m : x.moments)
    cut_bytes(m.what, 200);
  for (auto& [name, value] : x.facts)
    cut_bytes(value, 500);
  for (auto& p : x.plots)
    cut_bytes(p.name, 200);
  x.confidence = std::clamp(x.confidence, 0.0, 1.0);
}

std::string render_text(const extraction& x, bool colour) {
  const auto paint = [&](std::string_view code, std::string text) { return colour ? std::string{code} + text + "\x1b[0m" : text; };
  std::string out = paint("\x1b[1m", plain(x.summary)) + "\n";
  if (x.refused)
    out += paint("\x1b[31m", "Not analyzable: " + plain(*x.refused)) + "\n";
  if (!x.findings.empty()) {
    out += "\nLook at first\n";
    for (auto& f : x.findings) {
      const auto code = f.heavy == weight::danger ? "\x1b[31m" : f.heavy == weight::warning ? "\x1b[33m" : "\x1b[36m";
      out += "  " + paint(code, std::string{to_string(f.heavy)}) + "  " + plain(f.title);
      if (auto l = lines_text(f.at); !l.empty())
        out += "  (" + l + ")";
      out += "\n";
      if (!f.quote.empty()) {
        auto quote = plain(f.quote);
        std::replace(quote.begin(), quote.end(), '\n', ' ');
        out += "      " + paint("\x1b[2m", cut_on_word(quote, 160)) + "\n";
      }
    }
  }
  if (!x.insights.empty()) {
    out += "\nKey insights\n";
    for (auto& i : x.insights) {
      out += "  - " + plain(i.text);
      if (auto l = lines_text(i.at); !l.empty())
        out += "  (" + l + ")";
      out += "\n";
    }
  }
  if (!x.plots.empty()) {
    out += "\nSeries\n";
    for (auto& p : x.plots)
      out += "  " + p.sparkline + "  " + plain(p.name) + "\n";
  }
  char number[16];
  std::snprintf(number, sizeof number, "%.2f", x.confidence);
  out += "\ntype " + std::string{to_string(x.type)} + (x.format.empty() ? "" : " (" + plain(x.format) + ")") + ", confidence " + number;
  if (x.pii_detected)
    out += ", personal data found";
  if (x.secrets_detected)
    out += ", secrets found";
  if (x.shortened)
    out += ", shortened: " + plain(*x.shortened);
  return out + "\n";
}

std::string render_json(const extraction& x) {
  std::string out;
  json_writer w{out};
  w.begin_object();
  w.member("data_type", to_string(x.type)).member("format", x.format).member("summary", x.summary).member("full_extraction", x.full);
  w.key("key_insights").begin_array();
  for (auto& i : x.insights) {
    w.begin_object().member("text", i.text).key("at");
    write_citation(w, i.at);
    w.end_object();
  }
  w.end_array().key("findings").begin_array();
  for (auto& f : x.findings) {
    w.begin_object().member("kind", f.kind).member("weight", to_string(f.heavy)).member("title", f.title).member("where", f.where).key("at");
    write_citation(w, f.at);
    w.member("quote", f.quote).member("score", f.score).end_object();
  }
  w.end_array().key("plots").begin_array();
  for (auto& p : x.plots)
    w.begin_object().member("name", p.name).member("sparkline", p.sparkline).member("svg", p.svg).end_object();
  w.end_array().key("moments").begin_array();
  for (auto& m : x.moments) {
    w.begin_object().member("at_ms", m.at_ms).member("zone_known", m.zone_known).member("day_only", m.day_only).member("what", m.what).key("at");
    write_citation(w, m.at);
    w.end_object();
  }
  w.end_array().key("facts").begin_object();
  for (auto& [name, value] : x.facts)
    w.member(name, value);
  w.end_object();
  w.member("pii_detected", x.pii_detected).member("secrets_detected", x.secrets_detected).member("confidence", x.confidence);
  w.key("alternative_types").begin_array();
  for (auto& a : x.alternatives)
    w.begin_object().member("data_type", to_string(a.type)).member("confidence", a.confidence).end_object();
  w.end_array();
  w.key("shortened");
  x.shortened ? w.value(*x.shortened) : w.value(nullptr);
  w.key("refused");
  x.refused ? w.value(*x.refused) : w.value(nullptr);
  w.end_object();
  return out;
}

} // namespace fm::extractors
