// Names to backends, and the lock on the data directory.
#include "storage/factory/factory.hpp"

#include "storage/inmemory/case_store.hpp"
#include "storage/inmemory/session_store.hpp"
#include "storage/inmemory/user_store.hpp"
#include "storage/sqlite/case_store.hpp"
#include "storage/sqlite/session_store.hpp"
#include "storage/sqlite/user_store.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <unistd.h>

namespace fm {
namespace {
struct directory_lock {
  explicit directory_lock(int f) : fd(f) {}
  directory_lock(const directory_lock&) = delete;
  directory_lock& operator=(const directory_lock&) = delete;
  ~directory_lock() { ::close(fd); } // the kernel also lets go of it when the process dies
  int fd;
};

failure unknown(const char* what, const std::string& name) {
  return make_failure(errc::invalid, std::string{what} + " = '" + name + "' is not a storage backend of this build; "
                                                                          "use inmemory or sqlite.");
}
} // namespace

outcome<std::shared_ptr<void>> lock_data_directory(const std::string& path) {
  std::error_code ec;
  std::filesystem::create_directories(path, ec);
  if (ec)
    return make_unavailable("The data directory " + path + " cannot be made: " + ec.message() + ".");
  const auto file = path + "/faultmaven.lock";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return make_unavailable("The data directory " + path + " cannot be written to: " + std::strerror(errno) + ".");
  auto lock = std::make_shared<directory_lock>(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char text[32] = {};
    const auto n = ::pread(fd, text, sizeof text - 1, 0);
    std::string pid{text, static_cast<std::size_t>(n > 0 ? n : 0)};
    while (!pid.empty() && (pid.back() == '\n' || pid.back() == ' '))
      pid.pop_back();
    return make_conflict("ALREADY_EXISTS", "The data directory " + path + " is in use by another server" +
                                               (pid.empty() ? "" : " (process " + pid + ")") +
                                               ". Stop that one or give this one another directory with --data.");
  }
  const auto pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0)
    return make_unavailable("The data directory " + path + " cannot be written to: " + std::strerror(errno) + ".");
  return std::shared_ptr<void>{lock};
}

outcome<opened_storage> open_storage(const storage_settings& settings) {
  opened_storage opened;
  const bool files = settings.cases == "sqlite" || settings.sessions == "sqlite";
  if (settings.cases != "sqlite" && settings.cases != "inmemory")
    return unknown("storage.cases", settings.cases);
  if (settings.sessions != "sqlite" && settings.sessions != "inmemory")
    return unknown("storage.sessions", settings.sessions);
  if (files) {
    auto lock = lock_data_directory(settings.data_directory);
    if (!lock)
      return lock.error();
    opened.lock = std::move(*lock);
  }
  if (settings.cases == "inmemory") {
    opened.cases = inmemory::make_case_store();
    opened.users = inmemory::make_user_store();
  } else {
    sqlite::store_options cases;
    cases.file.path = settings.data_directory + "/faultmaven.db";
    cases.file.synchronous_full = settings.synchronous_full;
    auto case_store = sqlite::open_case_store(cases);
    if (!case_store)
      return case_store.error();
    opened.cases = std::move(*case_store);
    auto users = sqlite::open_user_store(cases.file);
    if (!users)
      return users.error();
    opened.users = std::move(*users);
  }
  if (settings.sessions == "inmemory") {
    opened.sessions = inmemory::make_session_store(settings.clock);
  } else {
    sqlite::open_options file;
    file.path = settings.data_directory + "/sessions.db";
    file.synchronous_full = false; // a session lost to a power cut means signing in again
    file.cache_kib = 4'096;
    auto sessions = sqlite::open_session_store(file, settings.clock);
    if (!sessions)
      return sessions.error();
    opened.sessions = std::move(*sessions);
  }
  return opened;
}

} // namespace fm
