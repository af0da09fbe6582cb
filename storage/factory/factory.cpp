// Names to backends, and the lock on the data directory.
#include "storage/factory/factory.hpp"

#include "storage/file/session_store.hpp"
#include "storage/filesystem/blob_store.hpp"
#include "storage/hnsw/vector_store.hpp"
#include "storage/inmemory/blob_store.hpp"
#include "storage/inmemory/case_store.hpp"
#include "storage/inmemory/embedding_cache.hpp"
#include "storage/inmemory/session_store.hpp"
#include "storage/inmemory/user_store.hpp"
#include "storage/inmemory/vector_store.hpp"
#include "storage/postgres/case_store.hpp"
#include "storage/postgres/user_store.hpp"
#include "storage/redis/session_store.hpp"
#include "storage/sqlite/case_store.hpp"
#include "storage/sqlite/embedding_cache.hpp"
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

failure unknown(const char* what, const std::string& name, const char* known) {
  return make_failure(errc::invalid, std::string{what} + " = '" + name + "' is not a storage backend of this build; use " + known + ".");
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

namespace {
sqlite::open_options main_file(const storage_settings& s) {
  sqlite::open_options file;
  file.path = s.sqlite_file.empty() ? s.data_directory + "/faultmaven.db" : s.sqlite_file;
  file.synchronous_full = s.synchronous_full;
  return file;
}

outcome<case_store_ptr> open_cases(const storage_settings& s) {
  if (s.cases == "inmemory")
    return inmemory::make_case_store();
  if (s.cases == "sqlite") {
    sqlite::store_options options;
    options.file = main_file(s);
    return sqlite::open_case_store(options);
  }
  if (s.cases == "postgres")
    return postgres::open_case_store(s.postgres);
  return unknown("storage.cases", s.cases, "inmemory, sqlite or postgres");
}
outcome<user_store_ptr> open_users(const storage_settings& s) {
  if (s.users == "inmemory")
    return inmemory::make_user_store();
  if (s.users == "sqlite")
    return sqlite::open_user_store(main_file(s));
  if (s.users == "postgres")
    return postgres::open_user_store(s.users_postgres);
  return unknown("storage.users", s.users, "inmemory, sqlite or postgres");
}
outcome<session_store_ptr> open_sessions(const storage_settings& s) {
  if (s.sessions == "inmemory")
    return inmemory::make_session_store(s.clock);
  if (s.sessions == "sqlite") {
    sqlite::open_options file;
    file.path = s.data_directory + "/sessions.db";
    file.synchronous_full = false; // a session lost to a power cut means signing in again
    file.cache_kib = 4'096;
    return sqlite::open_session_store(file, s.clock);
  }
  if (s.sessions == "file") {
    auto path = s.session_file.empty() ? s.data_directory + "/sessions.log" : s.session_file;
    if (path.ends_with('/'))
      path += "sessions.log";
    return file::open_session_store(path, s.clock);
  }
  if (s.sessions == "redis")
    return redis::open_session_store(s.redis, s.clock);
  return unknown("storage.sessions", s.sessions, "inmemory, sqlite, file or redis");
}
outcome<vector_store_ptr> open_vectors(const storage_settings& s) {
  if (s.vectors == "inmemory")
    return inmemory::make_vector_store();
  if (s.vectors == "hnsw") {
    hnsw::vector_options options;
    options.flush = s.synchronous_full;
    return hnsw::open_vector_store(s.data_directory + "/vectors", options);
  }
  if (s.vectors == "chroma")
    return chroma::open_vector_store(s.chroma, s.http);
  return unknown("storage.vectors", s.vectors, "inmemory, hnsw or chroma");
}
outcome<blob_store_ptr> open_blobs(const storage_settings& s) {
  if (s.blobs == "inmemory")
    return inmemory::make_blob_store(s.clock);
  if (s.blobs == "filesystem") {
    filesystem::blob_options options;
    options.clock = s.clock;
    return filesystem::open_blob_store(s.data_directory + "/blobs", options);
  }
  if (s.blobs == "s3") {
    auto store = s3::open_blob_store(s.s3, s.http, s.clock);
    if (store && s.s3_lifecycle.count() > 0)
      if (auto rule = (*store)->set_lifecycle("cases/", s.s3_lifecycle); !rule && rule.error().code != errc::not_implemented)
        return rule.error();
    return store;
  }
  return unknown("storage.blobs", s.blobs, "inmemory, filesystem or s3");
}
/// In the data directory where there is one.
outcome<embedding_cache_ptr> open_embeddings(const storage_settings& s, bool files) {
  if (!files)
    return inmemory::make_embedding_cache(s.embedding_cache_bytes);
  sqlite::open_options file;
  file.path = s.data_directory + "/embeddings.db";
  file.synchronous_full = false; // what a power cut takes is asked for again
  file.cache_kib = 4'096;
  return sqlite::open_embedding_cache(file, s.embedding_cache_bytes);
}
/// Whether anything of these settings lives in the data directory.
bool uses_files(const storage_settings& s) {
  return s.cases == "sqlite" || s.users == "sqlite" || s.sessions == "sqlite" || s.sessions == "file" || s.vectors == "hnsw" ||
         s.blobs == "filesystem";
}
} // namespace

outcome<opened_storage> open_storage(const storage_settings& s) {
  opened_storage opened;
  if (uses_files(s)) {
    auto lock = lock_data_directory(s.data_directory);
    if (!lock)
      return lock.error();
    opened.lock = std::move(*lock);
  }
  const auto take = [](auto made, auto& into) -> std::optional<failure> {
    if (!made)
      return made.error();
    into = std::move(*made);
    return std::nullopt;
  };
  if (auto f = take(open_cases(s), opened.cases))
    return *f;
  if (auto f = take(open_users(s), opened.users))
    return *f;
  if (auto f = take(open_sessions(s), opened.sessions))
    return *f;
  if (auto f = take(open_vectors(s), opened.vectors))
    return *f;
  if (auto f = take(open_blobs(s), opened.blobs))
    return *f;
  if (s.embedding_cache_bytes > 0)
    if (auto f = take(open_embeddings(s, uses_files(s)), opened.embeddings))
      return *f;
  return opened;
}

} // namespace fm
