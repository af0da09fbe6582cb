// Any bytes as metrics and traces.
#include "actors/evidence/extractors/metrics.hpp"
#include "actors/evidence/extractors/traces.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fm::extractors;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto x = extract_metrics("m", text);
  fm::fuzz::check(x, text);
  fm::fuzz::require(render_json(x) == render_json(extract_metrics("m", text)));
  fm::fuzz::check(extract_traces("t", text), text);
  return 0;
}
