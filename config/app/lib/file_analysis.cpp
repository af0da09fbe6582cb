// Classified by content first; logs go to the log analysis, everything else to its extractor.
#include "config/app/lib/file_analysis.hpp"

#include "actors/evidence/extractors/extract.hpp"
#include "actors/evidence/likeness.hpp"
#include "actors/evidence/log_triage.hpp"
#include "actors/evidence/opening/archive.hpp"
#include "actors/evidence/opening/visual.hpp"
#include "actors/evidence/render.hpp"
#include "actors/evidence/timeline.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm::app {
namespace {
/// An analysis with its sanitized copy, before the copy is given away.
struct made_analysis : file_analysis {
  std::string sanitized;
};
/// What was found, and whether a copy without it can be made.
void note_redaction(made_analysis& out, const extractors::redaction& found, bool textual) {
  out.personal_data = found.pii_detected();
  out.secrets = found.secrets_detected();
  out.redaction = !textual ? "opaque" : found.ranges.empty() ? "same" : "copy";
}
constexpr std::size_t quotes_max = 40;
constexpr std::size_t text_bytes_max = 8'192;

void cut(std::string& text, std::size_t bytes) { text.resize(utf8_floor(text, std::min(text.size(), bytes))); }

/// Takes what was found out of every line that the analysis quotes. Lines are cut exactly where the file was found to
/// hold something (a key of many lines is known by its first); text that is not the file's own is searched by itself.
void redact_quotes(evidence::analysis& a, std::string_view bytes, const extractors::redaction& found, const extractors::redaction_options& options) {
  const auto by_itself = [&](std::string& text) { text = extractors::sanitized(text, extractors::find_sensitive(text, options)); };
  const auto line = [&](evidence::line_ref& l) {
    if (l.begin > bytes.size() || bytes.substr(l.begin, l.text.size()) != l.text)
      return by_itself(l.text);
    extractors::redaction inside;
    const auto end = l.begin + l.text.size();
    auto r = std::lower_bound(found.ranges.begin(), found.ranges.end(), l.begin, [](auto& range, std::uint64_t at) { return range.end() <= at; });
    for (; r != found.ranges.end() && r->begin < end; ++r) {
      const auto from = std::max(r->begin, l.begin), to = std::min(r->end(), end);
      inside.ranges.push_back({from - l.begin, static_cast<std::uint32_t>(to - from), r->kind});
    }
    if (!inside.ranges.empty())
      l.text = extractors::sanitized(l.text, inside);
  };
  for (auto& t : a.templates) {
    by_itself(t.pattern);
    const auto r = std::lower_bound(found.ranges.begin(), found.ranges.end(), t.first.begin, [](auto& range, std::uint64_t at) { return range.end() <= at; });
    if (r != found.ranges.end() && r->kind == extractors::sensitive::private_key && r->begin < t.first.begin + t.first.size)
      t.pattern = "[redacted:private_key]"; // a line out of its middle shows nothing to find by itself
    line(t.first);
    line(t.last);
    line(t.worst);
  }
  for (auto& t : a.traces) {
    line(t.head);
    line(t.root);
  }
  for (auto& f : a.findings)
    line(f.line);
  for (auto& i : a.identifiers)
    by_itself(i.value);
}

made_analysis of_log(std::string_view bytes, const file_analysis_options& with) {
  made_analysis out;
  out.data_type = "logs_and_errors";
  evidence::limits bounds;
  bounds.assignments = true;
  evidence::log_analyzer analyzer{bounds};
  constexpr std::size_t piece = 256U << 10; // between two of them somebody may stop it
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    if (with.control.stopped())
      return out;
    analyzer.feed(bytes.substr(at, piece));
    with.control.tell(at / 2, bytes.size());
  }
  auto a = analyzer.finish();
  if (with.control.stopped())
    return out;
  const auto found = extractors::find_sensitive(bytes, with.redaction); // in any case: what is said of a file goes to models
  // The copy has the file's lines, so that moments are counted in it as in the file.
  out.sanitized = found.ranges.empty() ? std::string{} : extractors::sanitized(bytes, found);
  out.moments = evidence::moments_of_log(found.ranges.empty() ? bytes : std::string_view{out.sanitized}, a, with.timeline, with.control);
  if (!found.ranges.empty())
    redact_quotes(a, bytes, found, with.redaction);
  if (!with.redact)
    out.sanitized.clear();
  if (with.control.stopped())
    return out;
  out.marks = evidence::marks_of_log(a);
  if (with.redact)
    note_redaction(out, found, true);
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

namespace {
constexpr std::size_t entries_shown_max = 20;

made_analysis of_one(const std::string& name, const std::string& content_type, std::string_view bytes, const std::string& chosen_type,
                     const file_analysis_options& with) {
  namespace ex = extractors;
  auto what = ex::classify(name, content_type, bytes);
  if (const auto chosen = ex::data_type_from_string(chosen_type)) { // a person's choice wins
    what.type = *chosen;
    what.confidence = 1;
  }
  if (what.type == ex::data_type::logs_and_errors)
    return of_log(bytes, with);
  ex::extract_options options;
  if (with.control.stopped())
    return {};
  options.visual = [&with](std::string_view file, std::string_view content) {
    opening::visual_limits limits;
    limits.child.stop = with.control.stop;
    return opening::extract_visual(file, content, limits);
  };
  const auto x = ex::extract(what, name, bytes, options);
  made_analysis out;
  if (with.redact) {
    const bool textual = x.type != ex::data_type::visual_evidence && x.type != ex::data_type::unanalyzable;
    const auto converted = textual ? ex::as_utf8(bytes) : std::nullopt;
    const std::string_view text = converted ? std::string_view{*converted} : bytes;
    const auto found = textual ? ex::find_sensitive(text, with.redaction) : ex::redaction{};
    note_redaction(out, found, textual);
    out.personal_data |= x.pii_detected;
    out.secrets |= x.secrets_detected;
    if (!found.ranges.empty())
      out.sanitized = ex::sanitized(text, found);
  }
  out.data_type = std::string{ex::to_string(x.type)};
  out.confidence = x.confidence;
  out.summary = x.summary;
  for (auto& i : x.insights)
    out.insights.push_back(i.text);
  out.text = x.full;
  out.json = ex::render_json(x);
  for (auto& f : x.findings)
    if (f.heavy != ex::weight::note && out.marks.lines.size() < evidence::marks_max) // a finding's kind is what other files may share
      out.marks.lines.push_back({"finding " + f.kind, f.heavy == ex::weight::danger ? 3 : 2});
  for (auto& m : x.moments) {
    timeline_moment t;
    t.at_ms = m.at_ms;
    t.zone_known = m.zone_known;
    t.resolution_ms = m.day_only ? 86'400'000 : 1'000;
    t.line_first = m.at.first_line;
    t.line_last = m.at.last_line;
    t.weight = 20;
    t.level = "info";
    t.kind = "moment";
    t.text = ex::sanitized(m.what, ex::find_sensitive(m.what, with.redaction));
    out.moments.push_back(std::move(t));
  }
  if (x.refused)
    out.error = *x.refused;
  cut(out.text, text_bytes_max);
  return out;
}

/// What is in an archive, each file on its own; the type of the largest speaks for the whole.
made_analysis of_archive(const std::string& name, const opening::opened& archive, const file_analysis_options& with) {
  made_analysis out;
  std::size_t largest = 0, shown = 0;
  json_writer w{out.json};
  w.begin_object().member("schema", 1).member("archive", name).member("unpacked_bytes", archive.unpacked_bytes).key("files").begin_array();
  for (auto& f : archive.files) {
    if (shown >= entries_shown_max || with.control.stopped())
      break;
    ++shown;
    auto inner = with;
    inner.control.progress = {};
    auto one = of_one(f.path, {}, f.bytes, {}, inner);
    with.control.tell(shown, std::min(entries_shown_max, archive.files.size()) + 1);
    for (auto& l : one.marks.lines)
      if (out.marks.lines.size() < evidence::marks_max)
        out.marks.lines.push_back(std::move(l));
    for (auto& k : one.marks.identifier_kinds)
      if (std::find(out.marks.identifier_kinds.begin(), out.marks.identifier_kinds.end(), k) == out.marks.identifier_kinds.end())
        out.marks.identifier_kinds.push_back(std::move(k));
    for (auto& m : one.moments) {
      m.text = f.path + ": " + m.text;
      out.moments.push_back(std::move(m));
    }
    out.personal_data |= one.personal_data;
    out.secrets |= one.secrets;
    w.begin_object().member("path", f.path).member("bytes", f.bytes.size()).member("data_type", one.data_type).member("summary", one.summary);
    w.key("analysis").raw(one.json.empty() ? "{}" : one.json).end_object();
    out.text += "== " + f.path + ": " + (one.error.empty() ? one.summary : one.error) + "\n" + one.text + (one.text.ends_with('\n') || one.text.empty() ? "" : "\n");
    for (auto& i : one.insights)
      if (out.insights.size() < 10)
        out.insights.push_back(f.path + ": " + i);
    if (one.error.empty() && f.bytes.size() >= largest) {
      largest = f.bytes.size();
      out.data_type = one.data_type;
      out.confidence = one.confidence;
    }
  }
  evidence::keep_weightiest(out.moments, with.timeline.moments_max);
  w.end_array().key("left_out").begin_array();
  for (auto& l : archive.skipped)
    w.begin_object().member("path", l.path).member("why", l.why).end_object();
  w.end_array().end_object();
  out.summary = "An archive of " + std::to_string(archive.files.size()) + " files, " + std::to_string(archive.unpacked_bytes) + " bytes unpacked" +
                (archive.skipped.empty() ? "." : "; " + std::to_string(archive.skipped.size()) + " were left out.");
  if (with.redact)
    out.redaction = "opaque"; // what is packed cannot be taken out
  if (largest == 0)
    out.error = "nothing in this archive could be analysed.";
  cut(out.text, text_bytes_max);
  return out;
}
} // namespace

file_analysis analyse_uploaded_file(const file_request& file, const file_analysis_options& options) {
  file_analysis failed;
  auto with = options;
  with.control = file.control;
  const auto bytes = file.bytes.read(0, file.bytes.size());
  if (!bytes) {
    failed.error = bytes.error().detail;
    return failed;
  }
  const auto one = [&]() -> made_analysis {
    if (opening::archive_kind(*bytes).empty())
      return of_one(file.name, file.content_type, *bytes, file.chosen_type, with);
    auto archive = opening::open_archive(file.name, *bytes);
    if (!archive) {
      made_analysis out;
      out.error = archive.error().detail;
      out.redaction = options.redact ? "opaque" : "";
      return out;
    }
    if (archive->files.size() == 1 && archive->skipped.empty()) {
      auto out = of_one(archive->files.front().path, {}, archive->files.front().bytes, file.chosen_type, with);
      out.sanitized.clear();
      out.redaction = options.redact ? "opaque" : "";
      return out;
    }
    return of_archive(file.name, *archive, with);
  };
  auto out = one();
  if (!out.sanitized.empty() && file.sanitized) {
    if (auto taken = file.sanitized(out.sanitized); !taken) {
      failed.error = taken.error().detail;
      return failed;
    }
    out.sanitized_bytes = out.sanitized.size();
  }
  return std::move(static_cast<file_analysis&>(out));
}

} // namespace fm::app
