// Logs go to the log analysis; text is described; what cannot be read as text says so.
#include "config/app/lib/file_analysis.hpp"

#include "actors/evidence/log_triage.hpp"
#include "actors/evidence/render.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm::app {
namespace {
constexpr std::size_t quotes_max = 40;
constexpr std::size_t text_bytes_max = 8'192;

void cut(std::string& text, std::size_t bytes) { text.resize(utf8_floor(text, std::min(text.size(), bytes))); }

file_analysis of_log(std::string_view bytes) {
  file_analysis out;
  out.data_type = "logs_and_errors";
  const auto a = evidence::analyze(bytes);
  out.confidence = a.lines == 0 ? 0 : std::min(0.99, 0.5 + 0.5 * static_cast<double>(a.log_lines) / static_cast<double>(a.lines));
  const auto count = [&](evidence::severity s) { return std::to_string(a.by_severity[static_cast<std::size_t>(s)]); };
  out.summary = std::to_string(a.lines) + " lines in " + std::to_string(a.templates.size()) + " patterns; " + count(evidence::severity::fatal) + " fatal, " +
                count(evidence::severity::error) + " error, " + count(evidence::severity::warning) + " warning.";
  if (a.from_ms)
    out.summary += " From " + evidence::render_time(*a.from_ms) + " to " + evidence::render_time(*a.to_ms) + (a.zone_known ? " UTC." : " (time zone not given).");
  for (auto& f : a.findings) {
    if (out.insights.size() >= 10)
      break;
    out.insights.push_back("line " + std::to_string(f.line.number) + ": " + f.title);
  }
  std::size_t n = 0;
  for (auto& item : a.look_first) {
    if (++n > quotes_max)
      break;
    const auto& t = a.templates[item.template_id];
    out.text += "line " + std::to_string(t.worst.number) + " (" + std::to_string(t.count) + (t.count == 1 ? " line, " : " lines, ") + item.why + ")\n    " + to_valid_utf8(t.worst.text) + "\n";
  }
  cut(out.text, text_bytes_max);
  out.json = evidence::render_json(a);
  return out;
}
} // namespace

file_analysis analyse_uploaded_file(const std::string& name, const std::string& content_type, std::string_view bytes, const std::string& chosen_type) {
  (void)name;
  (void)content_type;
  if (chosen_type == "logs_and_errors" || (chosen_type.empty() && evidence::looks_like_log(bytes.substr(0, 1U << 20))))
    return of_log(bytes);
  file_analysis out;
  const auto sample = bytes.substr(0, 64U << 10);
  const bool text = std::count(sample.begin(), sample.end(), '\0') == 0 && is_valid_utf8(sample.substr(0, utf8_floor(sample, sample.size())));
  if (!text) {
    out.error = "its content is not text, and this server has no reader for its kind.";
    return out;
  }
  out.data_type = chosen_type.empty() ? "unstructured_text" : chosen_type;
  out.confidence = chosen_type.empty() ? 0.5 : 1.0;
  const auto lines = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n')) + (bytes.ends_with('\n') ? 0 : 1);
  out.summary = std::to_string(lines) + " lines of text, " + std::to_string(bytes.size()) + " bytes.";
  out.text = to_valid_utf8(bytes.substr(0, utf8_floor(bytes, std::min<std::size_t>(bytes.size(), 2'000))));
  json_writer w{out.json};
  w.begin_object().member("schema", 1).member("lines", lines).member("bytes", bytes.size()).end_object();
  return out;
}

} // namespace fm::app
