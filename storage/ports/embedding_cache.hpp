// The port of vectors that were paid for once: what an embedder said of a text, by the hash of both.
//
// Threading: callable from any thread; may block on the disk. Success: what put() took is found by get() until it gives
//   way to newer ones; a restart keeps it (not in memory). Failure: unavailable; whoever asks does without it.
// A cache: an entry may be missing at any time, and one that is damaged is as if it were missing.
// Bounds: keys are 64 hex digits, vectors have 1 to 4,096 numbers, batches 256 entries. Above `bytes_max` (of the vectors)
//   the oldest written go first.
#pragma once

#include "protocol/base/reply.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fm {

struct cached_embedding {
  std::string key;
  std::vector<float> vector;
};

class embedding_cache {
public:
  virtual ~embedding_cache() = default;
  /// One entry a key, in order; empty where there is none.
  virtual outcome<std::vector<std::vector<float>>> get(std::span<const std::string> keys) = 0;
  virtual outcome<done_t> put(std::span<const cached_embedding> entries) = 0;
  virtual outcome<std::uint64_t> size() = 0;
};
using embedding_cache_ptr = std::shared_ptr<embedding_cache>;

} // namespace fm
