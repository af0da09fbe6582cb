// Whatever the bytes: ranges in order, apart and inside; the copy keeps its line breaks.
#include "actors/evidence/extractors/redaction.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <algorithm>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fm::extractors;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  redaction_options options;
  options.ip_addresses = size % 2 == 1;
  const auto found = find_sensitive(text, options);
  std::uint64_t last = 0;
  for (auto& r : found.ranges) {
    fm::fuzz::require(r.begin >= last && r.size > 0 && r.end() <= size);
    last = r.end();
  }
  const auto clean = sanitized(text, found);
  fm::fuzz::require(std::count(clean.begin(), clean.end(), '\n') == std::count(text.begin(), text.end(), '\n'));
  return 0;
}
