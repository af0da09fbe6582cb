// Vectors in a Chroma server (HTTP API v2), one Chroma collection each. Chroma refuses what does not fit a collection's
// dimension only when it sees it, so the dimension is kept in the collection's metadata and checked here.
#pragma once

#include "protocol/base/http_client.hpp"
#include "storage/ports/vector_store.hpp"

#include <chrono>

namespace fm::chroma {

struct options {
  std::string url = "http://127.0.0.1:8000";
  std::string token; ///< sent as X-Chroma-Token; empty = none
  std::string tenant = "default_tenant";
  std::string database = "default_database";
  std::chrono::milliseconds timeout{10'000}; ///< of one request with its repetitions
  std::size_t attempts_max = 3; ///< every request of ours may be repeated: all of them are idempotent
};

/// unavailable, in a sentence, when the server does not answer.
outcome<vector_store_ptr> open_vector_store(const options& o, http_client_ptr client);

} // namespace fm::chroma
