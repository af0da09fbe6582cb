// A thin, honest layer over the SQLite C interface: connections, prepared statements, errors as failures.
// Nothing outside storage/sqlite sees it.
#pragma once

#include "protocol/base/failure.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <sqlite3.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fm::sqlite {

/// A prepared statement, reset when it goes out of scope. Parameters count from 1, columns from 0.
class statement {
public:
  statement(sqlite3* db, sqlite3_stmt* stmt) : db_(db), stmt_(stmt) {}
  statement(statement&& other) noexcept : db_(other.db_), stmt_(std::exchange(other.stmt_, nullptr)) {}
  statement(const statement&) = delete;
  statement& operator=(const statement&) = delete;
  ~statement() {
    if (stmt_) {
      sqlite3_reset(stmt_);
      sqlite3_clear_bindings(stmt_);
    }
  }

  /// Text and blobs are bound without copying: they must live until the statement is stepped.
  statement& bind(int at, std::string_view text) {
    sqlite3_bind_text(stmt_, at, text.data() ? text.data() : "", static_cast<int>(text.size()), SQLITE_STATIC);
    return *this;
  }
  statement& bind(int at, const char* text) { return bind(at, std::string_view{text}); }
  statement& bind(int at, const std::string& text) { return bind(at, std::string_view{text}); }
  statement& bind(int at, std::int64_t n) {
    sqlite3_bind_int64(stmt_, at, n);
    return *this;
  }
  statement& bind_blob(int at, const void* data, std::size_t n) {
    sqlite3_bind_blob(stmt_, at, data, static_cast<int>(n), SQLITE_STATIC);
    return *this;
  }
  /// The pointer goes to a function that asks for this type, a literal; it must live like a text.
  statement& bind_pointer(int at, void* p, const char* type) {
    sqlite3_bind_pointer(stmt_, at, p, type, nullptr);
    return *this;
  }
  statement& bind_null(int at) {
    sqlite3_bind_null(stmt_, at);
    return *this;
  }

  /// True when a row is there, false at the end; throws sqlite::error on a fault.
  bool step();
  /// For statements without rows.
  void run() { (void)step(); }

  std::int64_t integer(int column) const { return sqlite3_column_int64(stmt_, column); }
  std::string_view text(int column) const {
    const auto* p = reinterpret_cast<const char*>(sqlite3_column_text(stmt_, column));
    return {p ? p : "", static_cast<std::size_t>(sqlite3_column_bytes(stmt_, column))};
  }
  std::string string(int column) const { return std::string{text(column)}; }
  std::string_view blob(int column) const {
    const auto* p = static_cast<const char*>(sqlite3_column_blob(stmt_, column));
    return {p ? p : "", static_cast<std::size_t>(sqlite3_column_bytes(stmt_, column))};
  }
  bool is_null(int column) const { return sqlite3_column_type(stmt_, column) == SQLITE_NULL; }

private:
  sqlite3* db_;
  sqlite3_stmt* stmt_;
};

/// What SQLite said, thrown inside this folder only and turned into a failure at the port.
struct error {
  int code = 0; ///< extended result code
  std::string message;
};
failure to_failure(const error& e);

struct open_options {
  std::string path;
  bool read_only = false;
  bool synchronous_full = true; ///< durable at every commit; off: durable at checkpoints, never corrupt
  int busy_timeout_ms = 5'000;
  int cache_kib = 16'384;
  std::int64_t page_count_max = 0; ///< a bound of the file's size in pages of 4 KiB; 0 = the disk's
};

/// Why a file could not be opened: names it, and for a damaged one what SQLite's own check finds first.
failure cannot_open(const open_options& options, const error& e);

/// One connection with its prepared statements. Used by one thread at a time.
class connection {
public:
  explicit connection(const open_options& options); ///< throws sqlite::error
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// Prepared once for each text; the text must outlive the connection (a literal).
  statement prepare(const char* sql);
  /// For texts made at run time from a small set of shapes; kept, at most 64 of them.
  statement prepare_dynamic(const std::string& sql);
  /// For texts made at run time; not kept.
  void execute(const std::string& sql);
  int changes() const { return sqlite3_changes(db_); }
  bool in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }
  sqlite3* raw() { return db_; }

private:
  sqlite3* db_ = nullptr;
  std::map<const char*, sqlite3_stmt*> statements_;
  std::map<std::string, sqlite3_stmt*> dynamic_;
};

/// BEGIN IMMEDIATE … COMMIT; rolls back unless commit() was called.
class transaction {
public:
  explicit transaction(connection& c) : connection_(c) { c.prepare("BEGIN IMMEDIATE").run(); }
  ~transaction();
  void commit();

private:
  connection& connection_;
  bool finished_ = false;
};

struct migration {
  int number;
  const char* name;
  const char* up;
  const char* down = nullptr; ///< the way back; null = there is none
};
/// Applies what is missing, in order, each in a transaction of its own. Refuses a database of another program and
/// one that a newer version of this one has written. Throws sqlite::error.
void migrate(connection& c, const std::vector<migration>& steps, int target = 1'000'000);
/// Takes steps back, newest first, until `target` is the newest; all or none of a step.
void migrate_down(connection& c, const std::vector<migration>& steps, int target);
/// The newest applied step; 0 = none. Refuses a database of another program.
int applied_step(connection& c);

} // namespace fm::sqlite
