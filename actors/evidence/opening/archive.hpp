// Opening what people upload compressed: gzip, zstd, bzip2, xz, lz4, zip, tar, and archives in archives, as files in
// memory. Bounds on entries, bytes, ratio and depth are checked while unpacking; a bomb costs no more than its bounds.
#pragma once

#include "protocol/base/failure.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fm::opening {

struct archive_limits {
  std::size_t entries_max = 500;
  std::uint64_t entry_bytes_max = 16U << 20; ///< larger entries are left out and named
  std::uint64_t total_bytes_max = 96U << 20; ///< everything that was unpacked, kept or not
  double ratio_max = 300;                    ///< unpacked to packed, beyond the first MiB; text rarely passes 100
  std::size_t depth_max = 3;                 ///< archives in archives
};

struct opened_file {
  std::string path; ///< inside the archive, "outer.tar.gz/inner.log"; no "..", no leading "/"
  std::string bytes;
};
struct left_out {
  std::string path;
  std::string why;
};
struct opened {
  std::vector<opened_file> files; ///< in the archive's order
  std::vector<left_out> skipped;
  std::uint64_t unpacked_bytes = 0;
};

/// gzip, zstd, zip, tar, …; empty when the bytes are no archive we open.
std::string_view archive_kind(std::string_view bytes) noexcept;

/// Failures: too_large with reason ARCHIVE_BOMB; invalid when damaged; unsupported_media_type for kinds that are not
/// opened (7z, rar) and for archives of which every entry is encrypted.
outcome<opened> open_archive(std::string_view name, std::string_view bytes, const archive_limits& limits = {});

} // namespace fm::opening
