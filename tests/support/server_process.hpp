// A child process under test: started, watched, killed or asked to stop, and never left behind. Its output goes
// to a file, so that it can talk as much as it likes without anybody listening.
#pragma once

#include "protocol/base/failure.hpp"

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fm::testing_support {

class child_process {
public:
  struct options {
    std::vector<std::string> command; ///< program first
    std::map<std::string, std::string> environment; ///< added to ours
    std::filesystem::path output;     ///< stdout and stderr, truncated at the start
    /// Raised to the hard limit for the child: loads open many connections.
    bool many_files = false;
  };

  child_process() = default;
  ~child_process() { kill(); }
  child_process(child_process&& other) noexcept;
  child_process& operator=(child_process&& other) noexcept;

  static outcome<child_process> start(options o);
  /// The first "http://…" that it prints; a failure when it ends or the time passes first.
  outcome<std::string> wait_for_url(std::chrono::milliseconds within);
  /// SIGKILL, and reaps.
  void kill();
  void signal(int number);
  /// The exit code (128 + signal when killed by one); nothing = still running after `within`.
  std::optional<int> wait(std::chrono::milliseconds within);
  bool running() { return pid_ > 0 && !wait(std::chrono::milliseconds{0}); }
  pid_t pid() const noexcept { return pid_; }
  std::string output() const;

private:
  pid_t pid_ = -1;
  std::optional<int> status_;
  std::filesystem::path output_;
};

/// Runs to its end; failure when it takes longer (it is killed then).
struct finished_process {
  int exit_code = 0;
  std::string output;
};
outcome<finished_process> run_process(child_process::options o, std::chrono::milliseconds within);

/// A directory of its own under the system's temporary one, removed at the end unless kept.
class temporary_directory {
public:
  explicit temporary_directory(const std::string& prefix);
  ~temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  const std::filesystem::path& path() const noexcept { return path_; }
  void keep() noexcept { keep_ = true; }

private:
  std::filesystem::path path_;
  bool keep_ = false;
};

/// What the kernel says about a process: resident bytes and CPU seconds used so far.
struct process_usage {
  std::uint64_t resident_bytes = 0;
  double cpu_seconds = 0;
};
outcome<process_usage> usage_of(pid_t pid);

/// Raises our own limit of open files to the hard one; the new limit.
std::size_t raise_file_limit();

} // namespace fm::testing_support
