// Bytes that are read and written piece by piece, so that nobody has to hold a whole file.
#pragma once

#include "protocol/base/failure.hpp"
#include "protocol/base/reply.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace fm {

/// Immutable bytes of a known size. One object is used by one thread at a time; reading may block.
class byte_source {
public:
  virtual ~byte_source() = default;
  virtual std::uint64_t size() const = 0;
  /// At most `length` bytes from `offset`; fewer only at the end, none behind it.
  virtual outcome<std::string> read(std::uint64_t offset, std::uint64_t length) const = 0;
};

/// Over bytes in memory, which must outlive it.
class memory_source final : public byte_source {
public:
  explicit memory_source(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  outcome<std::string> read(std::uint64_t offset, std::uint64_t length) const override {
    if (offset >= bytes_.size())
      return std::string{};
    return std::string{bytes_.substr(offset, length)};
  }

private:
  std::string_view bytes_;
};

/// Takes bytes in order. After a failure nothing more may be given.
using byte_sink = std::function<outcome<done_t>(std::string_view)>;

} // namespace fm
