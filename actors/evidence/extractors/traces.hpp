// Distributed traces (OTLP, Jaeger and Zipkin JSON) and profiles (folded stacks, `pprof -top`): where time went, what failed.
#pragma once

#include "actors/evidence/extractors/extraction.hpp"

#include <string_view>

namespace fm::extractors {

enum class trace_format : std::uint8_t { none, otlp, jaeger, zipkin, folded, pprof_top };
std::string_view to_string(trace_format f) noexcept;
/// By content alone.
trace_format trace_format_of(std::string_view text);

/// Reported as metrics_and_performance.
extraction extract_traces(std::string_view name, std::string_view text);

} // namespace fm::extractors
