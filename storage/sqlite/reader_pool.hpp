// Reader connections for concurrent reads: taken, used, put back. WAL gives each a consistent snapshot that
// never waits for the writer.
#pragma once

#include "storage/sqlite/connection.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace fm::sqlite {

/// BEGIN … COMMIT around several reads, so that they see one state. Inside the writer's transaction it is nothing.
class read_transaction {
public:
  explicit read_transaction(connection& c) : connection_(c), mine_(!c.in_transaction()) {
    if (mine_)
      c.prepare("BEGIN").run();
  }
  ~read_transaction() {
    if (mine_)
      sqlite3_exec(connection_.raw(), "COMMIT", nullptr, nullptr, nullptr);
  }
  read_transaction(const read_transaction&) = delete;
  read_transaction& operator=(const read_transaction&) = delete;

private:
  connection& connection_;
  bool mine_;
};

class reader_pool {
public:
  /// count 0: every read uses `shared` under `shared_mutex` (a database in memory has one connection).
  /// Each new connection is shown to `prepare` before its first use.
  reader_pool(open_options options, std::size_t count, connection& shared, std::mutex& shared_mutex,
              void (*prepare)(connection&))
      : options_(std::move(options)), count_(count), shared_(shared), shared_mutex_(shared_mutex), prepare_(prepare) {}

  /// Runs f(connection&) → outcome<T>; SQLite's complaints become failures.
  template <class F>
  auto read(F f) -> decltype(f(std::declval<connection&>())) {
    try {
      if (count_ == 0) {
        std::lock_guard lock{shared_mutex_};
        return f(shared_);
      }
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
        if (p.prepare_)
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
  connection& shared_;
  std::mutex& shared_mutex_;
  void (*prepare_)(connection&);
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<connection>> idle_;
  std::size_t made_ = 0;
};

} // namespace fm::sqlite
