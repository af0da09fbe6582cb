// Moves what was committed from the write-ahead log into the database file beside the writer, not in its way: a checkpoint copies
// megabytes and flushes them, and every commit behind it would wait.
#pragma once

#include "storage/sqlite/connection.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace fm::sqlite {

/// A thread with a connection of its own. Bound of the log: at `inline_pages` the writer's own commit moves what is left, which
/// is little; so that a disk that is too slow for this thread slows the writer and does not fill up.
class checkpointer {
public:
  static constexpr int due_pages = 1'000, inline_pages = 4'000;

  /// Watches the commits of `writer`, which must outlive it. Throws sqlite::error.
  checkpointer(connection& writer, open_options options);
  ~checkpointer();
  checkpointer(const checkpointer&) = delete;
  checkpointer& operator=(const checkpointer&) = delete;

  std::uint64_t passes() const { return passes_; } ///< of the thread

private:
  static int on_commit(void* self, sqlite3* writer, const char* schema, int pages);
  void committed(sqlite3* writer, int pages);
  void run();

  sqlite3* const watched_;
  connection own_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int pages_ = 0; ///< in the log after the last commit
  int moved_ = 0; ///< of them
  bool stopping_ = false;
  std::atomic<std::uint64_t> passes_{0};
  std::thread thread_;
};

} // namespace fm::sqlite
