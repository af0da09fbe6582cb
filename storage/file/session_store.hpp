// Values that expire, in one append-only file: everything is in memory, every change is appended, a restart reads it
// back.
//
//   record = length (4 bytes) · CRC-32 (4 bytes) · payload; payload = 'S' end(8) keylen(4) key value | 'D' key
//   end = milliseconds since 1970, 0 = never
//
// A torn last record (crash while writing) is cut off at the start; damage before it is a clear failure. When most of
// the file is dead it is written anew beside itself and renamed. Needs the file for itself (the data directory's lock).
#pragma once

#include "protocol/base/clock.hpp"
#include "storage/ports/session_store.hpp"

#include <string>

namespace fm::file {

struct session_options {
  bool flush = false; ///< fsync every change; off: a crash of the process loses nothing, a power cut the last moments
  std::size_t compact_bytes_min = 8U << 20;
};
outcome<session_store_ptr> open_session_store(const std::string& path, clock_ptr clock, const session_options& options = {});

} // namespace fm::file
