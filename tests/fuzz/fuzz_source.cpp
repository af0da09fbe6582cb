// Any bytes as source of any language, with the frames that the same bytes name.
#include "actors/evidence/extractors/source_code.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fm::extractors;
  if (size == 0)
    return 0;
  constexpr const char* names[] = {"a", "a.py", "a.js", "a.java", "a.go", "a.rs", "a.cpp", "a.rb", "a.sh", "a.sql", "a.php", "a.kt"};
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  auto frames = frames_in(text);
  frames.push_back({"/x/a.py", 3});
  fm::fuzz::check(extract_source(names[data[0] % 12], text, frames), text);
  for (int l = 0; l < 17; ++l)
    for (auto& u : structure_of(static_cast<language>(l), lines{text}))
      fm::fuzz::require(u.first <= u.last && u.last < lines{text}.size());
  return 0;
}
