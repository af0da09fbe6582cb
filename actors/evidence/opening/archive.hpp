// Opening what people upload compressed: gzip, zstd, bzip2, xz, lz4, zip, tar, and archives in archives, one file at a
// time. Bounds on entries, bytes, ratio and depth are checked while unpacking; a bomb costs no more than its bounds.
#pragma once

#include "protocol/base/byte_source.hpp"
#include "protocol/base/failure.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace fm::opening {

struct archive_limits {
  std::size_t entries_max = 500;
  std::uint64_t entry_bytes_max = 16U << 20; ///< larger entries are left out and named; entry_reader reads them
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
  std::size_t entry = 0;   ///< its number in the outermost archive, from 1, when entry_reader can read it; 0 = it cannot
  std::uint64_t bytes = 0; ///< unpacked, as far as was counted
};
struct opened_summary {
  std::size_t files = 0;
  std::vector<left_out> skipped; ///< 200 at most
  std::uint64_t unpacked_bytes = 0;
};
struct opened {
  std::vector<opened_file> files; ///< in the archive's order
  std::vector<left_out> skipped;
  std::uint64_t unpacked_bytes = 0;
};

/// gzip, zstd, zip, tar, …; empty when the bytes begin no archive we open.
std::string_view archive_kind(std::string_view beginning) noexcept;
/// Whether it is one compressed stream and nothing with entries; `false` also for what is no archive.
bool is_single_stream(const byte_source& archive);

/// Gives each file to `take` as it is unpacked, and holds one at a time; false ends it. Failures: too_large with reason
/// ARCHIVE_BOMB; invalid when damaged; unsupported_media_type for kinds that are not opened (7z, rar) and for archives
/// of which every entry is encrypted.
outcome<opened_summary> open_archive(std::string_view name, const byte_source& archive, const archive_limits& limits,
                                     const std::function<bool(opened_file&&)>& take);
/// All of them, in memory.
outcome<opened> open_archive(std::string_view name, std::string_view bytes, const archive_limits& limits = {});

/// One entry of an archive as pieces: for what is too large to be held. `entry` counts as left_out's; 1 is a single
/// compressed stream. The archive's source must outlive it.
class entry_reader {
public:
  entry_reader(const byte_source& archive, std::size_t entry, const archive_limits& limits);
  ~entry_reader();
  entry_reader(const entry_reader&) = delete;
  entry_reader& operator=(const entry_reader&) = delete;
  /// The next piece, valid until the next call; empty at the end. Failures: too_large with reason ARCHIVE_BOMB when it
  /// passes total_bytes_max or the ratio; invalid when damaged.
  outcome<std::string_view> next();
  std::uint64_t packed_bytes() const; ///< of the archive, read so far

private:
  struct state;
  std::unique_ptr<state> state_;
};

/// What a file is called without the ending of its compression.
std::string name_unpacked(std::string_view name);

} // namespace fm::opening
