// The front door: what is this, and what does it say. Everything else of this folder can be reached through here.
#pragma once

#include "actors/evidence/extractors/encoding.hpp"
#include "actors/evidence/extractors/extraction.hpp"
#include "actors/evidence/extractors/redaction.hpp"
#include "actors/evidence/extractors/source_code.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::extractors {

struct classification {
  data_type type = data_type::unanalyzable;
  double confidence = 0;
  std::vector<alternative> alternatives; ///< other types, likeliest first
  std::string format;                    ///< png, gzip, yaml, csv, python, …; a hint
  std::string reason;                    ///< one sentence for people
};

/// From the content first (the beginning is enough: 256 KiB are looked at), the name and the declared type second.
classification classify(std::string_view name, std::string_view declared_mime, std::string_view bytes);

/// What the bytes begin with, by magic numbers; empty when they look like text or nothing known.
std::string_view magic_of(std::string_view bytes) noexcept;

/// `name`, `bytes`; for types whose extractors live elsewhere.
using extractor = std::function<extraction(std::string_view name, std::string_view bytes)>;

struct extract_options {
  extractor logs;                   ///< required for logs; without it they are reported as text
  extractor visual;                 ///< opening::extract_visual; without it images and PDF are unanalyzable
  std::string earlier;              ///< an earlier version of the same configuration
  std::string earlier_name;         ///< what people know it by; may be empty
  std::vector<trace_line> frames;   ///< frames of the case's stack traces, for source code
  bool redact_output = true;        ///< no secret and no personal data in summary, text, insights, findings, plots
  redaction_options redaction;      ///< what counts as such
};

/// Never throws and never refuses the call: what cannot be processed says so in `refused`.
extraction extract(const classification& what, std::string_view name, std::string_view bytes, const extract_options& options = {});

/// What an extraction says of a file that is not looked into: why, for people.
extraction refuse(data_type type, std::string why);

} // namespace fm::extractors
