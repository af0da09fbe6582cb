// One connection to Redis: commands formatted and replies read by hiredis, over a socket of our own with a deadline for
// every step, and TLS where it is asked for (Debian's hiredis knows none). Not thread-safe.
#pragma once

#include "protocol/base/failure.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct redisReader;
typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace fm::redis {

struct options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6'379;
  std::string user, password; ///< empty password = no AUTH
  std::size_t database = 0;
  bool tls = false;
  std::string tls_ca;         ///< file of the authority; empty = the system's
  std::vector<std::string> sentinels; ///< host:port; they say who the master is
  std::string sentinel_master = "mymaster";
  std::string prefix = "faultmaven:";
  std::chrono::milliseconds timeout{2'000}; ///< of connecting and of each command
  std::size_t connections = 4;
};

struct answer {
  enum class kind { nothing, text, number, list, error } what = kind::nothing;
  std::string text;
  std::int64_t number = 0;
  std::vector<answer> list;
};

class connection {
public:
  static outcome<std::unique_ptr<connection>> open(const options& o, const std::string& host, std::uint16_t port, bool sign_in);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  /// Sends all, then reads one answer each. A fault closes the connection for good.
  outcome<std::vector<answer>> run(const std::vector<std::vector<std::string>>& commands);
  outcome<answer> run_one(std::vector<std::string> command);
  bool broken() const { return broken_; }

private:
  explicit connection(const options& o) : options_(o) {}
  outcome<std::size_t> io(bool writing, char* data, std::size_t size, std::chrono::steady_clock::time_point until);
  failure fail(std::string what);
  options options_;
  int fd_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  redisReader* reader_ = nullptr;
  bool broken_ = false;
};

} // namespace fm::redis
