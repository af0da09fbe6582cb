// Any bytes through the front door: classified, converted, extracted, redacted; and as text whatever they are.
#include "actors/evidence/extractors/extract.hpp"
#include "actors/evidence/extractors/text_document.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fm::extractors;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  fm::fuzz::require(html_blanked(text).size() == text.size());
  fm::fuzz::check(extract_text("a.md", text), text);
  fm::fuzz::check(extract_text("a.html", text), text);
  const auto c = classify("a", "", text);
  fm::fuzz::require(c.confidence > 0 && c.confidence <= 1);
  const auto converted = as_utf8(text);
  fm::fuzz::check(extract(c, "a", text), converted ? std::string_view{*converted} : text);
  return 0;
}
