// Blobs in a folder: a table of keys that holds the bytes of small blobs too, and content-addressed files for the others.
//
//   ROOT/blobs.db   key, object, size, type and time; the bytes of those that have at most `inside_bytes_max`
//   ROOT/objects/ab/<sha256>   the bytes of the others, written once; shared by keys with the same bytes
//   ROOT/tmp/   what is being written; emptied at the start
//   ROOT/keys   a file in the place of earlier versions' folder, so that they refuse to start instead of sweeping what they cannot read
//
// An object is written beside its place, flushed, renamed and its folder flushed before the table speaks of it: a power cut
// leaves the old or the new blob, never half of one. Needs the folder for itself (the data directory's lock sees to it).
#pragma once

#include "storage/ports/blob_store.hpp"

namespace fm::filesystem {

struct blob_options {
  clock_ptr clock = system_clock_source();
  bool flush = true;                    ///< off: survives a crash of the process only
  std::uint64_t blob_bytes_max = 1ULL << 40;
  std::uint64_t inside_bytes_max = 64ULL << 10; ///< up to here a row is cheaper than a file: no inode, one flush
};
inline constexpr const char* table_file = "blobs.db";

/// unavailable, in a sentence, when the folder cannot be made, read or written.
outcome<blob_store_ptr> open_blob_store(const std::string& root, const blob_options& options = {});

} // namespace fm::filesystem
