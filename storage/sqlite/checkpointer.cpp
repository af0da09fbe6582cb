// PASSIVE checkpoints only: they wait for nobody, and nobody waits for them.
#include "storage/sqlite/checkpointer.hpp"

namespace fm::sqlite {

checkpointer::checkpointer(connection& writer, open_options options) : watched_(writer.raw()), own_(options) {
  thread_ = std::thread{[this] { run(); }};
  sqlite3_wal_hook(watched_, &checkpointer::on_commit, this); // in the place of the connection's own wal_autocheckpoint
}

checkpointer::~checkpointer() {
  sqlite3_wal_hook(watched_, nullptr, nullptr);
  {
    std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

int checkpointer::on_commit(void* self, sqlite3* writer, const char*, int pages) {
  static_cast<checkpointer*>(self)->committed(writer, pages);
  return SQLITE_OK; // the commit stands, whatever becomes of the log
}

void checkpointer::committed(sqlite3* writer, int pages) {
  if (pages >= inline_pages)
    (void)sqlite3_wal_checkpoint_v2(writer, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  {
    std::lock_guard lock{mutex_};
    if (pages < pages_)
      moved_ = 0; // the log began anew
    pages_ = pages;
    if (pages_ - moved_ < due_pages)
      return;
  }
  changed_.notify_one();
}

void checkpointer::run() {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || pages_ - moved_ >= due_pages; });
    if (stopping_)
      return;
    const auto wanted = pages_;
    lock.unlock();
    int in_log = 0, moved = 0;
    const int code = sqlite3_wal_checkpoint_v2(own_.raw(), nullptr, SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
    ++passes_;
    lock.lock();
    // What could not be moved (a reader still needs it, the disk is full) is not tried again before as much has come again.
    if (pages_ >= wanted)
      moved_ = code == SQLITE_OK && moved > 0 ? std::min(moved, wanted) : wanted;
  }
}

} // namespace fm::sqlite
