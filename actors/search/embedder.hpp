// The port of embedders: texts to vectors of one dimension, so that what is alike lies close together.
//
// Threading: callable from any thread; may block (a remote model), so callers are on the bounded executor.
// Success: one unit vector a text, in order; the same text gives the same vector for one name(). Failure: nothing
//   of the batch; too_large above the batch bound, unavailable (retry_after) for faults of the endpoint.
#pragma once

#include "protocol/base/failure.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace fm {

class embedder {
public:
  static constexpr std::size_t batch_max = 256;

  virtual ~embedder() = default;
  /// Model and version: vectors of two names must never meet in one collection.
  virtual std::string name() const = 0;
  virtual std::uint32_t dimension() const = 0;
  virtual outcome<std::vector<std::vector<float>>> embed(std::span<const std::string> texts) = 0;
  /// One text that somebody waits for: given up earlier than a batch.
  virtual outcome<std::vector<float>> embed_query(const std::string& text) {
    auto all = embed(std::span{&text, 1});
    if (!all)
      return all.error();
    return std::move(all->front());
  }
};
using embedder_ptr = std::shared_ptr<embedder>;

} // namespace fm
