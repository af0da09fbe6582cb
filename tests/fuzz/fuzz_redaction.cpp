// Whatever the bytes: ranges in order, apart and inside; the copy keeps its line breaks; in pieces as in one.
#include "actors/evidence/extractors/redaction.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <algorithm>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fm::extractors;
  const std::string_view given{reinterpret_cast<const char*>(data), size};
  redaction_options options;
  options.ip_addresses = size % 2 == 1;
  // Now and then so long that the window moves: what is looked for lies at the seams.
  std::string far;
  if (size > 0 && size % 4 == 0) {
    far.assign(given);
    while (far.size() < (70U << 10))
      far += given;
  }
  const std::string_view text = far.empty() ? given : std::string_view{far};
  const auto found = find_sensitive(text, options);
  std::uint64_t last = 0;
  for (auto& r : found.ranges) {
    fm::fuzz::require(r.begin >= last && r.size > 0 && r.end() <= text.size());
    last = r.end();
  }
  const auto clean = sanitized(text, found);
  fm::fuzz::require(std::count(clean.begin(), clean.end(), '\n') == std::count(text.begin(), text.end(), '\n'));
  sensitive_filter filter{options};
  std::string copy;
  std::vector<sensitive_range> ranges;
  for (std::size_t at = 0, n = 1 + size % 13; at < text.size(); at += n, n = n * 7 % 40'009 + 1)
    filter.feed(text.substr(at, n), copy, &ranges);
  fm::fuzz::require(filter.finish(copy, &ranges).counts == found.counts);
  fm::fuzz::require(copy == clean);
  fm::fuzz::require(ranges == found.ranges);
  return 0;
}
