// Runs one function in a child process with bounds on CPU, memory and wall time, and brings its bytes back. For
// libraries that read hostile documents and can neither be interrupted nor trusted not to crash (PDF, images).
#pragma once

#include "protocol/base/failure.hpp"

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

namespace fm::opening {

struct isolation {
  unsigned cpu_seconds = 20;
  std::size_t memory_bytes = std::size_t{1} << 30; ///< not enforced under AddressSanitizer, which reserves terabytes
  std::size_t result_bytes_max = 32U << 20;
  std::chrono::milliseconds wall{60'000};
  std::stop_token stop; ///< asked for: the child is killed
};

/// Failures: timed_out (CPU or wall), too_large (memory or result), invalid (it crashed or threw). The function must
/// not use locks of this process, and no two calls fork while one of ours holds the libraries' own locks: the
/// libraries are only ever used inside children.
outcome<std::string> run_isolated(const std::function<std::string()>& work, const isolation& bounds = {});

} // namespace fm::opening
