// A blob as bytes that are read in pieces. Short reads in order are fed from a window that grows while they go on in
// order, so that a file is read with few requests wherever it lies; longer ones go to the store as they are.
#pragma once

#include "protocol/base/byte_source.hpp"
#include "storage/ports/blob_store.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace fm {

class blob_source final : public byte_source {
public:
  static constexpr std::uint64_t window_bytes_max = 1U << 20;

  /// `blobs` must outlive it; `size` is the blob's.
  blob_source(const blob_store& blobs, std::string key, std::uint64_t size) : blobs_(blobs), key_(std::move(key)), size_(size) {}
  std::uint64_t size() const override { return size_; }
  outcome<std::string> read(std::uint64_t offset, std::uint64_t length) const override {
    if (offset >= size_)
      return std::string{};
    length = std::min(length, size_ - offset);
    if (offset >= from_ && offset + length <= from_ + window_.size())
      return window_.substr(offset - from_, length);
    if (length >= window_bytes_max)
      return exactly(offset, length);
    const bool goes_on = offset >= from_ && offset <= from_ + window_.size() && !window_.empty();
    ahead_ = goes_on ? std::min(ahead_ * 4, window_bytes_max) : std::uint64_t{64U << 10};
    auto fresh = exactly(offset, std::min(std::max(length, ahead_), size_ - offset));
    if (!fresh)
      return fresh.error();
    from_ = offset;
    window_ = std::move(*fresh);
    return window_.substr(0, length);
  }

private:
  outcome<std::string> exactly(std::uint64_t offset, std::uint64_t length) const {
    auto bytes = blobs_.read(key_, offset, length);
    if (bytes && bytes->size() != length)
      return make_unavailable("The bytes of a file are cut short in its store.");
    return bytes;
  }

  const blob_store& blobs_;
  std::string key_;
  std::uint64_t size_ = 0;
  mutable std::uint64_t from_ = 0, ahead_ = 64U << 10;
  mutable std::string window_; ///< the bytes from `from_` on
};

} // namespace fm
