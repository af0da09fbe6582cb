// Blobs as files of a folder: content-addressed objects and one small file a key that points at its object.
//
//   ROOT/objects/ab/<sha256>   the bytes, written once; shared by keys with the same bytes
//   ROOT/keys/cd/<sha256 of the key>   key, object, size, type and time, one a line
//   ROOT/tmp/   what is being written; emptied at the start
//
// Both are written beside their place, flushed, renamed and their folder flushed, object first: a power cut leaves
// the old or the new blob, never half of one. Needs the folder for itself (the data directory's lock sees to it).
#pragma once

#include "storage/ports/blob_store.hpp"

namespace fm::filesystem {

struct blob_options {
  clock_ptr clock = system_clock_source();
  bool flush = true;                    ///< off: survives a crash of the process only
  std::uint64_t blob_bytes_max = 1ULL << 40;
};

/// unavailable, in a sentence, when the folder cannot be made, read or written.
outcome<blob_store_ptr> open_blob_store(const std::string& root, const blob_options& options = {});

} // namespace fm::filesystem
