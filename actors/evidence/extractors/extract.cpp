// Dispatch by type, then what all types share: encodings, personal data and secrets, alternatives.
#include "actors/evidence/extractors/extract.hpp"

#include "actors/evidence/extractors/configuration.hpp"
#include "actors/evidence/extractors/metrics.hpp"
#include "actors/evidence/extractors/redaction.hpp"
#include "actors/evidence/extractors/text_document.hpp"
#include "actors/evidence/extractors/traces.hpp"

#include <exception>
#include <new>

namespace fm::extractors {
namespace {

/// Numbers in paths of SVG are no phones: pictures are made of numbers that were measured, so only names are cleaned.
void redact(extraction& x, const redaction_options& options) {
  const auto clean = [&](std::string& s) {
    if (const auto found = find_sensitive(s, options); !found.ranges.empty())
      s = sanitized(s, found);
  };
  clean(x.summary);
  clean(x.full);
  for (auto& i : x.insights)
    clean(i.text);
  for (auto& f : x.findings) {
    clean(f.title);
    clean(f.where);
    clean(f.quote);
  }
  for (auto& m : x.moments)
    clean(m.what);
  for (auto& [name, value] : x.facts)
    clean(value);
  for (auto& p : x.plots)
    clean(p.name);
}

extraction by_type(const classification& what, std::string_view name, std::string_view bytes, const extract_options& options) {
  switch (what.type) {
  case data_type::logs_and_errors:
    if (options.logs)
      return options.logs(name, bytes);
    return extract_text(name, bytes);
  case data_type::metrics_and_performance:
    if (trace_format_of(bytes) != trace_format::none)
      return extract_traces(name, bytes);
    return extract_metrics(name, bytes);
  case data_type::structured_config: return extract_config(name, bytes, options.earlier, options.earlier_name);
  case data_type::source_code: return extract_source(name, bytes, options.frames);
  case data_type::unstructured_text: return extract_text(name, bytes);
  case data_type::visual_evidence:
    if (options.visual)
      return options.visual(name, bytes);
    return refuse(what.type, "Images and PDF cannot be read here.");
  case data_type::unanalyzable: break;
  }
  return refuse(data_type::unanalyzable, what.reason.empty() ? "The content is of no known kind." : what.reason);
}

} // namespace

extraction refuse(data_type type, std::string why) {
  extraction x;
  x.type = type;
  x.refused = std::move(why);
  x.summary = "Kept for reference, not analysed: " + *x.refused;
  x.insights.push_back({*x.refused, {}});
  return x;
}

extraction extract(const classification& what, std::string_view name, std::string_view bytes, const extract_options& options) {
  extraction x;
  try {
    const auto converted = what.type == data_type::visual_evidence || what.type == data_type::unanalyzable ? std::nullopt : as_utf8(bytes);
    const std::string_view text = converted ? std::string_view{*converted} : bytes;
    x = by_type(what, name, text, options);
    if (converted)
      x.facts.emplace_back("encoding", "converted to UTF-8; byte ranges are of the converted text");
    if (what.type != data_type::visual_evidence && what.type != data_type::unanalyzable) {
      const auto found = find_sensitive(text, options.redaction);
      x.pii_detected = x.pii_detected || found.pii_detected();
      x.secrets_detected = x.secrets_detected || found.secrets_detected();
    }
  } catch (const std::bad_alloc&) {
    x = refuse(what.type, "The analysis needed more memory than there was.");
  } catch (const std::exception& e) {
    x = refuse(what.type, "The analysis failed: " + std::string{e.what()}.substr(0, 200));
  }
  if (options.redact_output)
    redact(x, options.redaction);
  x.confidence = x.refused ? std::min(x.confidence, 0.3) : std::min(x.confidence > 0 ? x.confidence : 1.0, what.confidence > 0 ? what.confidence : 1.0);
  x.alternatives = what.alternatives;
  finish(x);
  return x;
}

} // namespace fm::extractors
