// A file of this machine as a source of bytes; what cannot be read twice (a pipe) is spooled to a file without a name.
#pragma once

#include "protocol/base/byte_source.hpp"

#include <string>

namespace fm::app {

class local_file final : public byte_source {
public:
  /// "-" is standard input. Failures: not_found, invalid (a folder), unavailable (no room to spool), with a sentence.
  static outcome<local_file> open(const std::string& path);
  local_file(local_file&& other) noexcept;
  local_file& operator=(local_file&&) = delete;
  ~local_file() override;

  std::uint64_t size() const override { return size_; }
  outcome<std::string> read(std::uint64_t offset, std::uint64_t length) const override;

private:
  local_file(int fd, std::uint64_t size) : fd_(fd), size_(size) {}
  int fd_;
  std::uint64_t size_;
};

} // namespace fm::app
