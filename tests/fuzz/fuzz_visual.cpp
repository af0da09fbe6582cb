// Any bytes as an image's header and as recognised lines; now and then through the whole reader in its child process,
// whose crashes are not ours but whose failures must be said.
#include "actors/evidence/opening/visual.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fm::opening;
  if (size < 2)
    return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  const auto image = image_size_of(bytes);
  visual_reading reading;
  reading.format = data[0] % 2 == 0 ? "png" : "pdf";
  reading.pages = data[0];
  for (std::size_t at = 0; at < bytes.size() && reading.lines.size() < 200;) {
    const auto end = std::min(bytes.find('\n', at), bytes.size());
    reading.lines.push_back({fm::to_valid_utf8(bytes.substr(at, end - at)), data[0], static_cast<int>(at), -1, 5, 5, data[0] / 255.0});
    at = end + 1;
  }
  fm::fuzz::check(explain_visual("a", reading), {});
  if (data[0] % 16 == 0 && (!image || static_cast<std::uint64_t>(image->width) * image->height < 10'000)) {
    visual_limits limits;
    limits.child.cpu_seconds = 3;
    limits.pages_max = 2;
    fm::fuzz::check(extract_visual("a", bytes, limits), {});
  }
  return 0;
}
