// The child dies with us (PR_SET_PDEATHSIG), so that a crashed test leaves no server behind. That signal is tied
// to the thread that forks: start children from the main thread.
#include "tests/support/server_process.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace fm::testing_support {
namespace {
using steady = std::chrono::steady_clock;
constexpr int poll_every_ms = 2;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}
} // namespace

child_process::child_process(child_process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), status_(other.status_), output_(std::move(other.output_)) {}

child_process& child_process::operator=(child_process&& other) noexcept {
  if (this != &other) {
    kill();
    pid_ = std::exchange(other.pid_, -1);
    status_ = other.status_;
    output_ = std::move(other.output_);
  }
  return *this;
}

outcome<child_process> child_process::start(options o) {
  std::vector<char*> arguments;
  for (auto& a : o.command)
    arguments.push_back(a.data());
  arguments.push_back(nullptr);
  // Built before the fork: between fork and exec nothing may allocate.
  std::vector<std::string> variables;
  for (char** e = environ; *e != nullptr; ++e) {
    const std::string text{*e};
    if (!o.environment.contains(text.substr(0, text.find('='))))
      variables.push_back(text);
  }
  for (auto& [name, value] : o.environment)
    variables.push_back(name + "=" + value);
  std::vector<char*> environment;
  for (auto& v : variables)
    environment.push_back(v.data());
  environment.push_back(nullptr);

  const int out = ::open(o.output.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (out < 0 || in < 0)
    return make_failure(errc::internal, "Cannot open " + o.output.string() + ": " + std::strerror(errno));
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent)
      ::_exit(127);
    if (o.many_files) {
      rlimit files{};
      ::getrlimit(RLIMIT_NOFILE, &files);
      files.rlim_cur = files.rlim_max;
      ::setrlimit(RLIMIT_NOFILE, &files);
    }
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execve(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
  ::close(out);
  ::close(in);
  if (pid < 0)
    return make_failure(errc::internal, std::string{"Cannot fork: "} + std::strerror(errno));
  child_process c;
  c.pid_ = pid;
  c.output_ = o.output;
  return c;
}

std::string child_process::output() const { return read_file(output_); }

outcome<std::string> child_process::wait_for_url(std::chrono::milliseconds within) {
  const auto until = steady::now() + within;
  for (;;) {
    const bool alive = running();
    const auto text = output();
    if (const auto at = text.find("http://"); at != std::string::npos)
      if (const auto end = text.find_first_of(" \r\n\t", at); end != std::string::npos)
        return text.substr(at, end - at);
    if (!alive)
      return make_failure(errc::gone, "The process ended before it printed a URL: " + text);
    if (steady::now() > until)
      return make_failure(errc::timed_out, "The process printed no URL in time: " + text);
    ::poll(nullptr, 0, poll_every_ms);
  }
}

void child_process::signal(int number) {
  if (pid_ > 0 && !status_)
    ::kill(pid_, number);
}

void child_process::kill() {
  if (pid_ <= 0)
    return;
  if (!status_) {
    ::kill(pid_, SIGKILL);
    int status = 0;
    ::waitpid(pid_, &status, 0);
  }
  pid_ = -1;
}

std::optional<int> child_process::wait(std::chrono::milliseconds within) {
  const auto until = steady::now() + within;
  for (;;) {
    if (status_ || pid_ <= 0)
      return status_;
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      return status_;
    }
    if (steady::now() >= until)
      return std::nullopt;
    ::poll(nullptr, 0, poll_every_ms);
  }
}

outcome<finished_process> run_process(child_process::options o, std::chrono::milliseconds within) {
  auto c = child_process::start(std::move(o));
  if (!c)
    return c.error();
  const auto code = c->wait(within);
  if (!code)
    return make_failure(errc::timed_out, "The process did not end in time: " + c->output());
  return finished_process{*code, c->output()};
}

temporary_directory::temporary_directory(const std::string& prefix) {
  auto name = (std::filesystem::temp_directory_path() / (prefix + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) {
    std::perror("mkdtemp");
    std::exit(70);
  }
  path_ = name;
}

temporary_directory::~temporary_directory() {
  std::error_code ignored;
  if (!keep_)
    std::filesystem::remove_all(path_, ignored);
}

outcome<process_usage> usage_of(pid_t pid) {
  const auto base = "/proc/" + std::to_string(pid);
  std::ifstream memory{base + "/statm"};
  std::uint64_t total = 0, resident = 0;
  memory >> total >> resident;
  auto stat = read_file(base + "/stat");
  const auto name_end = stat.rfind(')');
  if (!memory || name_end == std::string::npos)
    return make_failure(errc::gone, "The process is gone.");
  std::istringstream fields{stat.substr(name_end + 2)};
  std::string skipped;
  for (int i = 3; i < 14; ++i)
    fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return process_usage{resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
                       (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK))};
}

std::size_t raise_file_limit() {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  ::getrlimit(RLIMIT_NOFILE, &files);
  return files.rlim_cur;
}

} // namespace fm::testing_support
