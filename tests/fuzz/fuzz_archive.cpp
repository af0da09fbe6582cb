// Any bytes as an archive, with small bounds that must hold; each entry as pieces too.
#include "actors/evidence/opening/archive.hpp"
#include "tests/fuzz/check_extraction.hpp"

#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fm::opening;
  archive_limits limits;
  limits.entries_max = 20;
  limits.entry_bytes_max = 64U << 10;
  limits.total_bytes_max = 1U << 20;
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const fm::memory_source source{bytes};
  const bool single = is_single_stream(source);
  for (std::size_t entry = 1; entry <= 3; ++entry) {
    entry_reader reader{source, entry, limits};
    std::uint64_t read = 0;
    for (;;) {
      const auto piece = reader.next();
      if (!piece) {
        fm::fuzz::require(!piece.error().detail.empty());
        break;
      }
      if (piece->empty())
        break;
      read += piece->size();
      fm::fuzz::require(read <= limits.total_bytes_max);
    }
  }
  const auto r = open_archive("a", bytes, limits);
  if (!r) {
    fm::fuzz::require(!r.error().detail.empty());
    return 0;
  }
  fm::fuzz::require(!single || r->files.size() <= 1 || !archive_kind(r->files.front().bytes).empty() || r->files.front().path.find('/') != std::string::npos);
  fm::fuzz::require(r->files.size() <= limits.entries_max && r->unpacked_bytes <= limits.total_bytes_max);
  for (auto& f : r->files) {
    fm::fuzz::require(f.bytes.size() <= limits.entry_bytes_max && fm::is_valid_utf8(f.path) && !f.path.empty() && f.path[0] != '/');
    fm::fuzz::require(f.path.find("/../") == std::string::npos);
  }
  return 0;
}
