// What every extractor gives back: a short summary, at most 8 KB of text, a few key insights, findings that cite
// exact bytes and lines, plots. One shape for all types, so that page, agent, reports and CLI need to know only this.
// Deterministic: the same input gives the same bytes of text and of JSON.
#pragma once

#include "protocol/base/failure.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fm::extractors {

enum class data_type : std::uint8_t {
  logs_and_errors,
  metrics_and_performance,
  structured_config,
  source_code,
  unstructured_text,
  visual_evidence,
  unanalyzable,
};
inline constexpr std::size_t data_types = 7;
std::string_view to_string(data_type type) noexcept;
std::optional<data_type> data_type_from_string(std::string_view name) noexcept;

inline constexpr std::size_t summary_characters_max = 500;
inline constexpr std::size_t full_bytes_max = 8'192;
inline constexpr std::size_t insights_max = 10;
inline constexpr std::size_t findings_max = 60;
inline constexpr std::size_t quote_bytes_max = 400;
inline constexpr std::size_t plots_max = 12;
inline constexpr std::size_t moments_max = 200;

/// Bytes [begin, end) of the input and the lines they lie on, from 1. A line of 0 means the whole input.
struct citation {
  std::uint64_t begin = 0, end = 0;
  std::uint32_t first_line = 0, last_line = 0;
  bool operator==(const citation&) const = default;
};

enum class weight : std::uint8_t { note, warning, danger };
std::string_view to_string(weight w) noexcept;

struct insight {
  std::string text;
  citation at;
};

struct finding {
  std::string kind; ///< snake_case: spike, change_point, privileged_container, parse_error, …
  weight heavy = weight::note;
  std::string title; ///< one sentence
  std::string where; ///< path, series or function name; may be empty
  citation at;
  std::string quote; ///< the cited bytes (or their beginning), made valid UTF-8
  double score = 0;  ///< larger = look earlier
};

struct plot {
  std::string name;
  std::string sparkline; ///< one line of block characters
  std::string svg;       ///< a whole <svg> element without scripts or links
};

/// A point in time that the input speaks of, for the timeline of a case.
struct moment {
  std::int64_t at_ms = 0;  ///< UTC
  bool zone_known = false; ///< otherwise UTC was assumed
  bool day_only = false;
  std::string what;
  citation at;
};

struct alternative {
  data_type type = data_type::unanalyzable;
  double confidence = 0;
};

struct extraction {
  data_type type = data_type::unanalyzable;
  std::string format; ///< csv, kubernetes, python, …
  std::string summary;
  std::string full;
  std::vector<insight> insights;
  std::vector<finding> findings; ///< heaviest first
  std::vector<plot> plots;
  std::vector<moment> moments;
  std::vector<std::pair<std::string, std::string>> facts; ///< in the order the extractor gave them
  bool pii_detected = false;
  bool secrets_detected = false;
  double confidence = 0;
  std::vector<alternative> alternatives;
  /// Set when a bound was reached; says which.
  std::optional<std::string> shortened;
  /// Set when the content could not be processed as its type: why, for people.
  std::optional<std::string> refused;
};

/// Puts findings and insights in their final order, cuts everything to its bound, makes all text valid UTF-8.
void finish(extraction& x);

/// For people; `colour` = ANSI colours.
std::string render_text(const extraction& x, bool colour);
std::string render_json(const extraction& x);

} // namespace fm::extractors
