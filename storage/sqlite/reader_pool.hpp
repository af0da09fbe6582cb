// Reader connections for concurrent reads: taken, used, put back. WAL gives each a consistent snapshot that
// never waits for the writer.
#pragma once

#include "storage/sqlite/connection.hpp"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace fm::sqlite {

/// BEGIN … COMMIT around several reads, so that they see one state.
class read_transaction {
public:
  explicit read_transaction(connection& c) : connection_(c) { c.prepare("BEGIN").run(); }
  ~read_transaction() { sqlite3_exec(connection_.raw(), "COMMIT", nullptr, nullptr, nullptr); }
  read_transaction(const read_transaction&) = delete;
  read_transaction& operator=(const read_transaction&) = delete;

private:
  connection& connection_;
};

class reader_pool {
public:
  /// At most `count` connections, opened when first needed; each is shown to `prepare` before its first use.
  reader_pool(open_options options, std::size_t count, void (*prepare)(connection&))
      : options_(std::move(options)), count_(std::max<std::size_t>(count, 1)), prepare_(prepare) {}

  /// Runs f(connection&) → outcome<T>; SQLite's complaints become failures. Waits while all are taken.
  template <class F>
  auto read(F f) -> decltype(f(std::declval<connection&>())) {
    try {
      lease l{*this};
      return f(*l.taken);
    } catch (const error& e) {
      return to_failure(e);
    }
  }

private:
  struct lease {
    explicit lease(reader_pool& p) : pool(p) {
      std::unique_lock lock{p.mutex_};
      p.free_.wait(lock, [&] { return !p.idle_.empty() || p.made_ < p.count_; });
      if (!p.idle_.empty()) {
        taken = std::move(p.idle_.back());
        p.idle_.pop_back();
        return;
      }
      ++p.made_;
      lock.unlock();
      try {
        auto options = p.options_;
        options.read_only = true;
        taken = std::make_unique<connection>(options);
        p.prepare_(*taken);
      } catch (...) {
        lock.lock();
        --p.made_;
        throw;
      }
    }
    ~lease() {
      {
        std::lock_guard lock{pool.mutex_};
        pool.idle_.push_back(std::move(taken));
      }
      pool.free_.notify_one();
    }
    lease(const lease&) = delete;
    lease& operator=(const lease&) = delete;
    reader_pool& pool;
    std::unique_ptr<connection> taken;
  };

  open_options options_;
  std::size_t count_;
  void (*prepare_)(connection&);
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<connection>> idle_;
  std::size_t made_ = 0;
};

} // namespace fm::sqlite
