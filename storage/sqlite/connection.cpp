// Opening, preparing, and saying what went wrong in words a person can act on.
#include "storage/sqlite/connection.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace fm::sqlite {
namespace {
[[noreturn]] void raise(sqlite3* db, int code) {
  throw error{db ? sqlite3_extended_errcode(db) : code, db ? sqlite3_errmsg(db) : sqlite3_errstr(code)};
}
} // namespace

failure to_failure(const error& e) {
  const auto with = [&](const char* sentence) {
    return make_unavailable(std::string{sentence} + " (" + e.message + ")", std::chrono::seconds{5});
  };
  switch (e.code & 0xff) {
  case SQLITE_FULL: return with("The disk that holds the data directory is full; free some space, nothing was lost.");
  case SQLITE_READONLY: return with("The data directory cannot be written to; check its permissions.");
  case SQLITE_CANTOPEN: return with("The database file cannot be opened; check the data directory.");
  case SQLITE_IOERR: return with("Reading or writing the database file failed; check the disk.");
  case SQLITE_CORRUPT:
  case SQLITE_NOTADB:
    return with("The database file is damaged; stop the server and restore it from a backup.");
  case SQLITE_BUSY:
  case SQLITE_LOCKED: return with("The database is locked by another program.");
  case SQLITE_NOMEM: return with("The server is out of memory.");
  case SQLITE_MISMATCH: // thrown by migrate(): not ours, or not ours yet
    return make_unavailable(e.message + ".", std::chrono::seconds{5});
  default: break;
  }
  return make_failure(errc::internal, "The database refused a statement: " + e.message + ".");
}

failure cannot_open(const open_options& options, const error& e) {
  auto f = to_failure(e);
  f.code = errc::unavailable;
  f.detail = options.path + ": " + f.detail;
  if ((e.code & 0xff) != SQLITE_CORRUPT)
    return f;
  try {
    auto looking = options;
    looking.read_only = true;
    connection c{looking};
    auto s = c.prepare("PRAGMA quick_check(1)");
    if (s.step())
      f.detail += " First damage found: " + s.string(0) + ".";
  } catch (const error&) {
    // Too damaged even to be checked; the sentence above stands.
  }
  return f;
}

bool statement::step() {
  const int code = sqlite3_step(stmt_);
  if (code == SQLITE_ROW)
    return true;
  if (code == SQLITE_DONE)
    return false;
  raise(db_, code);
}

connection::connection(const open_options& options) {
  if (!options.read_only) {
    // What is in there (messages, password hashes) is its owner's alone; SQLite's side files take the same mode.
    // Only a new file is touched: closing a descriptor of one that SQLite holds would drop its POSIX locks.
    const int fd = ::open(options.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
      ::close(fd);
    else if (errno != EEXIST)
      throw error{errno == EACCES || errno == EROFS || errno == EPERM ? SQLITE_READONLY : SQLITE_CANTOPEN,
                  std::strerror(errno)};
  }
  const int flags = (options.read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                    SQLITE_OPEN_NOMUTEX;
  if (const int code = sqlite3_open_v2(options.path.c_str(), &db_, flags, nullptr); code != SQLITE_OK) {
    error e{db_ ? sqlite3_extended_errcode(db_) : code, db_ ? sqlite3_errmsg(db_) : "out of memory"};
    sqlite3_close(db_);
    throw e;
  }
  try {
    sqlite3_extended_result_codes(db_, 1);
    sqlite3_busy_timeout(db_, options.busy_timeout_ms);
    if (!options.read_only)
      execute("PRAGMA journal_mode = WAL");
    execute(options.synchronous_full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    execute("PRAGMA cache_size = -" + std::to_string(options.cache_kib));
    execute("PRAGMA temp_store = MEMORY");
    execute("PRAGMA wal_autocheckpoint = 4000");
    execute("PRAGMA journal_size_limit = 67108864");
    if (options.page_count_max > 0)
      execute("PRAGMA max_page_count = " + std::to_string(options.page_count_max));
  } catch (...) {
    sqlite3_close(db_);
    throw;
  }
}

connection::~connection() {
  for (auto& [text, s] : statements_)
    sqlite3_finalize(s);
  for (auto& [text, s] : dynamic_)
    sqlite3_finalize(s);
  sqlite3_close(db_);
}

statement connection::prepare(const char* sql) {
  auto& s = statements_[sql];
  if (!s)
    if (const int code = sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &s, nullptr); code != SQLITE_OK)
      raise(db_, code);
  return {db_, s};
}

statement connection::prepare_dynamic(const std::string& sql) {
  const auto found = dynamic_.find(sql);
  if (found != dynamic_.end())
    return {db_, found->second};
  if (dynamic_.size() >= 64) {
    for (auto& [text, s] : dynamic_)
      sqlite3_finalize(s);
    dynamic_.clear();
  }
  sqlite3_stmt* s = nullptr;
  if (const int code = sqlite3_prepare_v2(db_, sql.c_str(), -1, &s, nullptr); code != SQLITE_OK)
    raise(db_, code);
  dynamic_.emplace(sql, s);
  return {db_, s};
}

void connection::execute(const std::string& sql) {
  if (const int code = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK)
    raise(db_, code);
}

transaction::~transaction() {
  if (!finished_ && connection_.in_transaction())
    sqlite3_exec(connection_.raw(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void transaction::commit() {
  connection_.prepare("COMMIT").run();
  finished_ = true;
}

namespace {
constexpr int application_id = 0x464d4442; // "FMDB"

std::int64_t number(connection& c, const char* sql) {
  auto s = c.prepare(sql);
  return s.step() ? s.integer(0) : 0;
}
} // namespace

int applied_step(connection& c) {
  const auto owner = number(c, "PRAGMA application_id");
  if (owner != application_id && (owner != 0 || number(c, "SELECT count(*) FROM sqlite_master") != 0))
    throw error{SQLITE_MISMATCH, "this database file belongs to another program"};
  return owner == 0 ? 0 : static_cast<int>(number(c, "SELECT coalesce(max(number), 0) FROM schema_migrations"));
}

namespace {
int known_step(connection& c, const std::vector<migration>& steps) {
  const auto applied = applied_step(c);
  const auto newest = steps.empty() ? 0 : steps.back().number;
  if (applied > newest)
    throw error{SQLITE_MISMATCH, "this database file was written by a newer version of FaultMaven (schema " +
                                     std::to_string(applied) + ", this program knows " + std::to_string(newest) + ")"};
  return applied;
}
} // namespace

void migrate(connection& c, const std::vector<migration>& steps, int target) {
  const auto applied = known_step(c, steps);
  if (number(c, "PRAGMA application_id") == 0) {
    transaction t{c};
    c.execute("PRAGMA application_id = " + std::to_string(application_id));
    c.execute("CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, "
              "applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP)");
    t.commit();
  }
  for (auto& step : steps) {
    if (step.number <= applied || step.number > target)
      continue;
    transaction t{c};
    c.execute(step.up);
    c.prepare("INSERT INTO schema_migrations (number, name) VALUES (?, ?)")
        .bind(1, std::int64_t{step.number})
        .bind(2, step.name)
        .run();
    t.commit();
  }
}

void migrate_down(connection& c, const std::vector<migration>& steps, int target) {
  const auto applied = known_step(c, steps);
  for (auto step = steps.rbegin(); step != steps.rend() && step->number > target; ++step) {
    if (step->number > applied)
      continue;
    if (!step->down)
      throw error{SQLITE_MISMATCH, "step " + std::to_string(step->number) + " has no way back"};
    transaction t{c};
    c.execute(step->down);
    c.prepare("DELETE FROM schema_migrations WHERE number = ?").bind(1, std::int64_t{step->number}).run();
    t.commit();
  }
}

} // namespace fm::sqlite
