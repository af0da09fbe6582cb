// Online backup.
#include "storage/sqlite/backup.hpp"

#include <memory>
#include <sqlite3.h>
#include <unistd.h>

namespace fm::sqlite {
namespace {
struct closer {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using database = std::unique_ptr<sqlite3, closer>;

outcome<database> open_file(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  const int rc = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  database db{raw};
  if (rc != SQLITE_OK)
    return make_unavailable("The database " + path + " cannot be opened: " + (raw ? sqlite3_errmsg(raw) : "no memory") + ".");
  sqlite3_busy_timeout(raw, 10'000);
  return db;
}
} // namespace

outcome<done_t> copy_database(const std::string& from, const std::string& to) {
  auto source = open_file(from, SQLITE_OPEN_READWRITE); // a WAL is read through its shared memory file
  if (!source)
    return source.error();
  auto target = open_file(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!target)
    return target.error();
  const auto failed = [&](const std::string& why) {
    target->reset();
    ::unlink(to.c_str());
    return make_unavailable("The database " + from + " could not be copied: " + why + ".");
  };
  auto* copying = sqlite3_backup_init(target->get(), "main", source->get(), "main");
  if (!copying)
    return failed(sqlite3_errmsg(target->get()));
  int rc = SQLITE_OK;
  for (int tries = 0; tries < 100; ++tries) {
    rc = sqlite3_backup_step(copying, -1); // all in one read transaction
    if (rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
      break;
    sqlite3_sleep(100);
  }
  sqlite3_backup_finish(copying);
  if (rc != SQLITE_DONE)
    return failed(sqlite3_errstr(rc));
  std::string verdict;
  const auto read = [](void* into, int, char** values, char**) {
    static_cast<std::string*>(into)->append(values[0] ? values[0] : "");
    return 0;
  };
  if (sqlite3_exec(target->get(), "PRAGMA journal_mode=DELETE", nullptr, nullptr, nullptr) != SQLITE_OK ||
      sqlite3_exec(target->get(), "PRAGMA integrity_check(1)", read, &verdict, nullptr) != SQLITE_OK || verdict != "ok")
    return failed("the copy is not sound: " + verdict);
  return done;
}

} // namespace fm::sqlite
