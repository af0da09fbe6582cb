// Connections to one server, lent to one caller at a time. After a failed attempt to connect everybody is told at once
// for a moment, so that a server that is away costs its callers nothing but the news.
#pragma once

#include "storage/postgres/connection.hpp"

#include <condition_variable>
#include <mutex>

namespace fm::postgres {

class pool {
public:
  /// `size` connections at most, opened when first needed. `host` may be a replica's.
  pool(options o, std::string host, bool writable, std::size_t size);

  class lease {
  public:
    lease(pool& from, std::unique_ptr<connection> c) : pool_(&from), connection_(std::move(c)) {}
    lease(lease&& other) noexcept = default;
    lease& operator=(lease&&) = delete;
    ~lease() {
      if (connection_)
        pool_->give_back(std::move(connection_));
    }
    connection& operator*() { return *connection_; }
    connection* operator->() { return connection_.get(); }

  private:
    pool* pool_;
    std::unique_ptr<connection> connection_;
  };

  /// Throws error (lost) when there is none to be had: the server is away, or all are busy for a statement's time.
  lease borrow();

  /// Runs something that may be repeated: a connection that dies under it is replaced once.
  template <class F>
  auto repeatable(F f) -> decltype(f(std::declval<connection&>())) {
    for (int attempt = 0;; ++attempt) {
      auto c = borrow();
      try {
        return f(*c);
      } catch (const error& e) {
        if (attempt > 0 || !(e.lost || is_worth_repeating(e)))
          throw;
      }
    }
  }

private:
  void give_back(std::unique_ptr<connection> c);

  options options_;
  std::string host_;
  bool writable_;
  std::size_t size_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<connection>> idle_;
  std::size_t lent_ = 0;
  std::chrono::steady_clock::time_point away_until_{}; ///< nobody tries to connect before
  std::chrono::steady_clock::time_point fault_at_{};   ///< connections opened before are not trusted
  std::string away_why_;
};

} // namespace fm::postgres
