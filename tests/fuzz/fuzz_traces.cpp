// Any bytes as distributed traces and profiles, whatever their format: within all bounds, and the same twice.
#include "actors/evidence/extractors/traces.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fm::extractors;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  (void)trace_format_of(text);
  const auto x = extract_traces("t", text);
  fm::fuzz::check(x, text);
  fm::fuzz::require(render_json(x) == render_json(extract_traces("t", text)));
  return 0;
}
