// Any bytes as HTML and as the parts of a DOCX, in this process: text within its bound, or a refusal that says why.
#include "actors/evidence/opening/document_text.hpp"
#include "protocol/base/text.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fm::opening;
  if (size == 0)
    return 0;
  document_limits limits;
  limits.text_bytes_max = 4'096;
  limits.depth_max = 64;
  limits.unpacked_bytes_max = 1U << 20;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const auto said = [&](const fm::outcome<std::string>& r) {
    if (r)
      fm::fuzz::require(r->size() <= 3 * limits.text_bytes_max && fm::is_valid_utf8(*r) && !r->empty());
    else
      fm::fuzz::require(!r.error().detail.empty());
  };
  switch (data[0] % 3) {
  case 0: said(document_text_here("html", bytes, limits)); break;
  case 1: said(document_text_here("docx", bytes, limits)); break;
  default: { // the XML itself, which mutations of a ZIP rarely reach
    const auto cut = bytes.size() / 2;
    said(docx_text(bytes.substr(0, cut), bytes.substr(cut), limits));
  }
  }
  return 0;
}
