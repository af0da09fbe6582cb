// A process that can be killed at any moment: a child does the work and reports each acknowledged step through a pipe.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <poll.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace fm::backends {

/// A directory of its own, gone with the object.
struct scratch {
  std::string path;
  scratch() {
    auto pattern = (std::filesystem::temp_directory_path() / "fm_backend_XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("no temporary directory can be made");
    path = pattern;
  }
  ~scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;
};

/// Runs `work` in a child, which calls `acknowledge` after each step, and kills it (SIGKILL) once `steps` were
/// acknowledged and `more` has passed. Returns how many were acknowledged in all.
inline std::uint64_t killed_after(std::uint64_t steps, std::chrono::microseconds more, const std::function<void(const std::function<void()>& acknowledge)>& work) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const auto child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    work([&] {
      if (::write(ends[1], "x", 1) != 1)
        ::_exit(3);
    });
    ::_exit(0);
  }
  ::close(ends[1]);
  std::uint64_t acknowledged = 0;
  char bytes[256];
  const auto take = [&] {
    const auto n = ::read(ends[0], bytes, sizeof bytes);
    acknowledged += n > 0 ? static_cast<std::uint64_t>(n) : 0;
    return n > 0;
  };
  while (acknowledged < steps && take()) {
  }
  pollfd never{-1, 0, 0};
  const auto patience = std::chrono::duration_cast<std::chrono::nanoseconds>(more);
  const timespec wait{0, static_cast<long>(patience.count())};
  ::ppoll(&never, 0, &wait, nullptr); // the moment of the crash is part of the test
  ::kill(child, SIGKILL);
  while (take()) {
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with " << WEXITSTATUS(status);
  return acknowledged;
}

} // namespace fm::backends
