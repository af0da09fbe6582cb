// A thin layer over libpq: one connection, statements prepared once, batches sent as one pipeline, a deadline on every
// wait. Nothing outside storage/postgres sees it. Not thread-safe.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/failure.hpp"
#include "protocol/base/sha256.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct pg_conn;
struct pg_result;

namespace fm::postgres {

struct options {
  std::string host;                ///< one name, address or socket folder; several with commas: the one that takes writes is used
  std::uint16_t port = 5'432;
  std::string database = "faultmaven";
  std::string user = "faultmaven";
  std::string password;
  std::string sslmode = "prefer";  ///< as libpq says it
  std::string sslrootcert;
  std::string schema = "public";   ///< made when missing
  std::string replica_host;        ///< for lists; empty = none
  std::size_t connections = 8;     ///< those that write among them
  std::size_t writers = 2;         ///< connections that write at once: a large batch is shared out by case
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds statement_timeout{10'000}; ///< also the longest wait for an answer
};

/// Thrown inside this folder only and turned into a failure at the port.
struct error {
  std::string state;   ///< SQLSTATE; empty when the server did not say it
  std::string message;
  bool lost = false;   ///< the connection is gone; what was on its way may or may not have happened
};
failure to_failure(const error& e);
inline bool is_unique_violation(const error& e) { return e.state == "23505"; }
/// Two writers in each other's way: the same again will do.
inline bool is_worth_repeating(const error& e) { return e.state == "40001" || e.state == "40P01"; }

/// A one-dimensional array, sent as PostgreSQL's binary form.
class array {
public:
  void text(std::string_view value) { put(value); }
  void bytes(const digest& value) { put({reinterpret_cast<const char*>(value.data()), value.size()}); }
  void integer(std::int64_t value);
  void time(timestamp value);
  void null();
  std::size_t size() const { return count_; }
  std::string finish(std::uint32_t element_type) const;

private:
  void put(std::string_view value);
  std::string body_;
  std::size_t count_ = 0;
  bool nulls_ = false;
};

/// The values of one statement, in the order of its $1, $2 …; statements say the types by casts where they are not
/// clear from the column.
class values {
public:
  values& text(std::string_view value);
  values& integer(std::int64_t value);
  values& time(timestamp value);
  values& boolean(bool value);
  values& null();
  values& texts(const array& all);
  values& integers(const array& all);
  values& times(const array& all);
  values& blobs(const array& all);
  /// The values of another one behind these.
  values& append(const values& other);
  std::size_t size() const { return items_.size(); }
  struct item {
    std::string bytes;
    bool null = false;
  };
  const std::vector<item>& items() const { return items_; }

private:
  values& put(std::string bytes);
  std::vector<item> items_;
};

/// What a statement gave; columns count from 0, all in binary form.
class rows {
public:
  explicit rows(pg_result* r);
  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::int64_t integer(int row, int column) const;
  std::string_view text(int row, int column) const;
  std::string string(int row, int column) const { return std::string{text(row, column)}; }
  timestamp time(int row, int column) const;
  bool boolean(int row, int column) const;
  bool is_null(int row, int column) const;
  digest hash(int row, int column) const;
  /// Rows an INSERT, UPDATE or DELETE touched.
  std::int64_t touched() const;

private:
  std::shared_ptr<pg_result> result_;
  int size_ = 0;
};

struct statement {
  std::string_view sql; ///< prepared once a connection and text; kept, so from a small set
  values with;
};

class connection {
public:
  /// `writable`: only a server that takes writes will do.
  static std::unique_ptr<connection> open(const options& o, const std::string& host, bool writable,
                                          std::chrono::milliseconds connect_timeout);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  /// Sends all in one pipeline and answers each one's rows. The first that fails is thrown, those behind it did not
  /// run. Without BEGIN among them they are one transaction.
  std::vector<rows> run(std::span<const statement> batch);
  rows run_one(std::string_view sql, values with = {});
  /// Several statements in one text without values, as the simple protocol runs them.
  void script(const std::string& sql);
  bool broken() const { return broken_; }
  /// False when the server hung up while nobody looked.
  bool still_there();
  bool in_transaction() const;
  int server_process() const;
  std::chrono::steady_clock::time_point opened_at() const { return opened_at_; }

private:
  explicit connection(std::chrono::milliseconds timeout) : timeout_(timeout) {}
  void wait(bool writing, std::chrono::steady_clock::time_point until);
  [[noreturn]] void lost(std::string why);
  pg_result* next_result(std::chrono::steady_clock::time_point until);

  pg_conn* pg_ = nullptr;
  std::chrono::milliseconds timeout_;
  std::chrono::steady_clock::time_point opened_at_{};
  std::map<std::string, std::string, std::less<>> prepared_;
  bool broken_ = false;
};

/// BEGIN has to be the caller's first statement; rolls back when it goes without finished().
class rollback_guard {
public:
  explicit rollback_guard(connection& c) : connection_(c) {}
  ~rollback_guard();
  rollback_guard(const rollback_guard&) = delete;
  rollback_guard& operator=(const rollback_guard&) = delete;

private:
  connection& connection_;
};

/// PostgreSQL's text cannot hold the character NUL: U+2400 stands for it in every column but the log, whose JSON
/// writes it escaped.
std::string without_nul(std::string_view text);
/// The same for a document of JSON.
std::string json_without_nul(std::string_view json);

} // namespace fm::postgres
