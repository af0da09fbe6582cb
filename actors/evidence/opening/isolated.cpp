// fork, bounds, one pipe. Only this thread exists in the child; glibc's malloc survives a fork, everything else that
// might hold a lock is not touched there.
#include "actors/evidence/opening/isolated.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FM_UNDER_ASAN 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define FM_UNDER_ASAN 1
#endif

namespace fm::opening {
namespace {

constexpr int exit_memory = 61, exit_exception = 62;

[[maybe_unused]] void limit(int what, rlim_t value) {
  const rlimit r{value, value};
  setrlimit(static_cast<__rlimit_resource_t>(what), &r);
}

/// Address space in use: the child has all of its parent's, and the bound is on what it adds.
[[maybe_unused]] rlim_t address_space() {
  char text[64] = {};
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    const auto n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n > 0)
      return std::strtoull(text, nullptr, 10) * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
  }
  return rlim_t{1} << 40;
}

/// The CPU bound arrives as a signal; the second one cannot be missed.
void bound_child(const isolation& b) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const rlimit cpu{b.cpu_seconds, b.cpu_seconds + 1};
  setrlimit(RLIMIT_CPU, &cpu);
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0); // it has nothing to write anywhere but to the pipe
#ifndef FM_UNDER_ASAN
  limit(RLIMIT_AS, address_space() + b.memory_bytes);
#endif
  for (int s : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGXCPU, SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGCHLD})
    std::signal(s, SIG_DFL);
  std::signal(SIGXFSZ, SIG_IGN); // fontconfig wants to write its cache: that fails, and it goes on without
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void child(int out, const std::function<std::string()>& work, const isolation& b) {
  bound_child(b);
  // Sockets and files of the parent are not the child's; 0, 1 and 2 go nowhere.
  const int nowhere = open("/dev/null", O_RDWR);
  for (int fd : {0, 1, 2})
    if (nowhere >= 0)
      dup2(nowhere, fd);
  if (out != 3) {
    dup2(out, 3);
    out = 3;
  }
  syscall(SYS_close_range, 4U, ~0U, 0U);
  int code = 0;
  try {
    const auto result = work();
    for (std::size_t at = 0; at < result.size();) {
      const auto n = write(out, result.data() + at, result.size() - at);
      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        break;
      at += static_cast<std::size_t>(n);
    }
  } catch (const std::bad_alloc&) {
    code = exit_memory;
  } catch (...) {
    code = exit_exception;
  }
  _exit(code);
}

} // namespace

outcome<std::string> run_isolated(const std::function<std::string()>& work, const isolation& bounds) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return make_unavailable("No pipe could be made for the reader's process.");
  const auto pid = fork();
  if (pid < 0) {
    close(ends[0]);
    close(ends[1]);
    return make_unavailable("No process could be started for the reader.");
  }
  if (pid == 0)
    child(ends[1], work, bounds);
  close(ends[1]);
  std::string result;
  bool late = false, large = false, stopped = false;
  const long long patience = bounds.stop.stop_possible() ? 50 : 60'000;
  const auto until = std::chrono::steady_clock::now() + bounds.wall;
  char buffer[64 << 10];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    if (left <= 0) {
      late = true;
      break;
    }
    if (bounds.stop.stop_requested()) {
      stopped = true;
      break;
    }
    pollfd p{ends[0], POLLIN, 0};
    const int ready = poll(&p, 1, static_cast<int>(std::min<long long>(left, patience)));
    if (ready < 0 && errno == EINTR)
      continue;
    if (ready <= 0)
      continue;
    const auto n = read(ends[0], buffer, sizeof buffer);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      break;
    if (result.size() + static_cast<std::size_t>(n) > bounds.result_bytes_max) {
      large = true;
      break;
    }
    result.append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
  if (late || large || stopped)
    kill(pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (stopped)
    return make_conflict("CANCELLED", "Reading the document was cancelled.");
  if (large)
    return make_failure(errc::too_large, "The document gives more text than is kept.");
  if (late)
    return make_failure(errc::timed_out, "The document could not be read in " + std::to_string(bounds.wall.count() / 1000) + " s.");
  if (WIFSIGNALED(status)) {
    const int s = WTERMSIG(status);
    if (s == SIGXCPU || s == SIGKILL)
      return make_failure(errc::timed_out, "The document needed more than " + std::to_string(bounds.cpu_seconds) + " s of computing.");
    return make_failure(errc::invalid, "The reader crashed on the document.");
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == exit_memory)
    return make_failure(errc::too_large, "The document needs more than " + std::to_string(bounds.memory_bytes >> 20) + " MiB of memory.");
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
    return make_failure(errc::invalid, "The document could not be read.");
  return result;
}

} // namespace fm::opening
