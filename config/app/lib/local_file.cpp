// pread, so that reading moves nothing.
#include "config/app/lib/local_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fm::app {
namespace {
std::string why(int code) { return std::generic_category().message(code); }

/// The pipe's bytes in a file that is gone when it is closed; -1 with errno.
int spooled(int from) {
  const char* folder = std::getenv("TMPDIR");
  std::string name = std::string{folder != nullptr && *folder != '\0' ? folder : "/tmp"} + "/faultmaven-XXXXXX";
  const int to = ::mkostemp(name.data(), O_CLOEXEC);
  if (to < 0)
    return -1;
  ::unlink(name.c_str());
  const auto failed = [&] {
    const int code = errno;
    ::close(to);
    errno = code;
    return -1;
  };
  std::array<char, 256 << 10> buffer;
  for (;;) {
    const auto n = ::read(from, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return failed();
    if (n == 0)
      return to;
    for (ssize_t at = 0; at < n;) {
      const auto w = ::write(to, buffer.data() + at, static_cast<std::size_t>(n - at));
      if (w < 0 && errno == EINTR)
        continue;
      if (w < 0)
        return failed();
      at += w;
    }
  }
}
} // namespace

outcome<local_file> local_file::open(const std::string& path) {
  const bool input = path == "-";
  int fd = input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return make_failure(errc::not_found, (input ? "standard input" : path) + " cannot be read: " + why(errno) + ".");
  struct stat about {};
  if (::fstat(fd, &about) != 0 || S_ISDIR(about.st_mode)) {
    ::close(fd);
    return make_failure(errc::invalid, path + " cannot be read: it is a folder.");
  }
  // A pipe or terminal cannot be read twice; of standard input somebody may have read a part.
  if (!S_ISREG(about.st_mode) || (input && ::lseek(fd, 0, SEEK_CUR) != 0)) {
    const int copy = spooled(fd);
    const int code = errno;
    ::close(fd);
    if (copy < 0)
      return make_failure(errc::unavailable, (input ? "standard input" : path) + " cannot be spooled: " + why(code) + ".");
    fd = copy;
    if (::fstat(fd, &about) != 0) {
      ::close(fd);
      return make_failure(errc::unavailable, path + " cannot be read: " + why(errno) + ".");
    }
  }
  return local_file{fd, static_cast<std::uint64_t>(about.st_size)};
}

local_file::local_file(local_file&& other) noexcept : fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}
local_file::~local_file() {
  if (fd_ >= 0)
    ::close(fd_);
}

outcome<std::string> local_file::read(std::uint64_t offset, std::uint64_t length) const {
  std::string out(offset >= size_ ? 0 : std::min(length, size_ - offset), '\0');
  std::size_t got = 0;
  while (got < out.size()) {
    const auto n = ::pread(fd_, out.data() + got, out.size() - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return make_failure(errc::unavailable, "The file cannot be read: " + why(errno) + ".");
    if (n == 0)
      break; // it became shorter
    got += static_cast<std::size_t>(n);
  }
  out.resize(got);
  return out;
}

} // namespace fm::app
