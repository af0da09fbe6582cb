// The one place that lists storage backends.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/http_client.hpp"
#include "storage/chroma/vector_store.hpp"
#include "storage/ports/blob_store.hpp"
#include "storage/ports/case_store.hpp"
#include "storage/ports/embedding_cache.hpp"
#include "storage/ports/session_store.hpp"
#include "storage/ports/user_store.hpp"
#include "storage/ports/vector_store.hpp"
#include "storage/postgres/connection.hpp"
#include "storage/redis/connection.hpp"
#include "storage/s3/blob_store.hpp"

#include <memory>
#include <string>

namespace fm {

struct storage_settings {
  std::string cases = "sqlite";    ///< inmemory, sqlite, postgres: cases and their log
  std::string users = "sqlite";    ///< inmemory, sqlite, postgres
  std::string sessions = "sqlite"; ///< inmemory, sqlite, file, redis: sessions, tokens, idempotency
  std::string vectors = "hnsw";    ///< inmemory, hnsw, chroma
  std::string blobs = "filesystem"; ///< inmemory, filesystem, s3
  std::string sqlite_file;         ///< of cases and users; empty = faultmaven.db in the data directory
  std::string session_file;        ///< empty = sessions.log in the data directory
  postgres::options postgres;       ///< of cases
  postgres::options users_postgres; ///< of users; the same or another
  redis::options redis;
  chroma::options chroma;
  s3::options s3;
  std::chrono::days s3_lifecycle{0}; ///< of uploaded files; 0 = kept
  http_client_ptr http;            ///< for chroma and s3
  std::string data_directory;      ///< made when missing; locked against a second server
  bool synchronous_full = true;
  std::uint64_t embedding_cache_bytes = 0; ///< of vectors kept in the data directory; 0 = there is no cache
  clock_ptr clock = system_clock_source();
};

/// Everything in memory: development and tests.
inline storage_settings all_in_memory() {
  storage_settings s;
  s.cases = s.users = s.sessions = s.vectors = s.blobs = "inmemory";
  return s;
}

struct opened_storage {
  case_store_ptr cases;
  user_store_ptr users;
  session_store_ptr sessions;
  vector_store_ptr vectors;
  blob_store_ptr blobs;
  embedding_cache_ptr embeddings; ///< null when none was asked for
  std::shared_ptr<void> lock; ///< held as long as the stores are in use
};

/// Opens what the settings name. A sentence says what is wrong: an unknown backend, a directory that is in use
/// (by which process), not writable, a damaged file.
outcome<opened_storage> open_storage(const storage_settings& settings);

/// Takes the data directory for this process. conflict when another one holds it.
outcome<std::shared_ptr<void>> lock_data_directory(const std::string& path);

} // namespace fm
