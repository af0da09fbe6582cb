// Non-blocking libpq driven by poll, so that every wait has an end. A connection that misses a deadline is broken for
// good: nobody can tell what its next answer belongs to.
#include "storage/postgres/connection.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <libpq-fe.h>
#include <poll.h>

namespace fm::postgres {
namespace {
using std::chrono::steady_clock;

constexpr std::int64_t epoch_ms = 946'684'800'000; // 2000-01-01, where PostgreSQL's time begins
constexpr Oid int8_type = 20, text_type = 25, bytea_type = 17, timestamptz_type = 1184;
constexpr std::size_t prepared_max = 256;

std::string big_endian(std::uint64_t n, std::size_t bytes) {
  std::string out(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i)
    out[bytes - 1 - i] = static_cast<char>(n >> (8 * i) & 0xff);
  return out;
}
std::uint64_t from_big_endian(std::string_view bytes) {
  std::uint64_t n = 0;
  for (unsigned char b : bytes)
    n = n << 8 | b;
  return n;
}
std::string binary_time(timestamp t) {
  return big_endian(static_cast<std::uint64_t>((t.time_since_epoch().count() - epoch_ms) * 1'000), 8);
}

/// libpq's messages end with a line break and may have several lines: one sentence is wanted.
std::string sentence(const char* message) {
  std::string text = message ? message : "";
  while (!text.empty() && (text.back() == '\n' || text.back() == '.'))
    text.pop_back();
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text.empty() ? "no reason given" : text;
}

error error_of(const PGresult* r) {
  const char* state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
  const char* primary = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
  error e{state ? state : "", primary ? primary : sentence(PQresultErrorMessage(r)), false};
  // 57P0x: shut down, crashed, starting; 08: the connection.
  e.lost = e.state.starts_with("57P") || e.state.starts_with("08");
  return e;
}

struct clear {
  void operator()(PGresult* r) const { PQclear(r); }
};
using result_ptr = std::unique_ptr<PGresult, clear>;
} // namespace

failure to_failure(const error& e) {
  if (e.lost || e.state.empty())
    return make_unavailable("The database cannot be reached: " + e.message + ".");
  // 53: out of disk, memory or connections; 57: cancelled or shutting down; 25006: read-only; 55P03: a lock was not had;
  // 58: I/O.
  if (e.state.starts_with("53") || e.state.starts_with("57") || e.state.starts_with("58") || e.state == "25006" || e.state == "55P03" ||
      is_worth_repeating(e))
    return make_unavailable("The database cannot do this now: " + e.message + ".");
  if (e.state.starts_with("28") || e.state.starts_with("3D"))
    return make_unavailable("The database refuses this user: " + e.message + ".", std::chrono::seconds{5});
  if (e.state == "FM001") // thrown by the migrations: not ours, or not ours yet
    return make_unavailable(e.message + ".", std::chrono::seconds{5});
  return make_failure(errc::internal, "The database refused a statement: " + e.message + " (" + e.state + ").");
}

// ---- values -----------------------------------------------------------------------------------------------------
void array::put(std::string_view value) {
  body_ += big_endian(value.size(), 4);
  body_ += value;
  ++count_;
}
void array::integer(std::int64_t value) { put(big_endian(static_cast<std::uint64_t>(value), 8)); }
void array::time(timestamp value) { put(binary_time(value)); }
void array::null() {
  body_ += "\xff\xff\xff\xff";
  nulls_ = true;
  ++count_;
}
std::string array::finish(std::uint32_t element_type) const {
  std::string out = big_endian(count_ == 0 ? 0 : 1, 4) + big_endian(nulls_ ? 1 : 0, 4) + big_endian(element_type, 4);
  if (count_ > 0)
    out += big_endian(count_, 4) + big_endian(1, 4) + body_;
  return out;
}

values& values::put(std::string bytes) {
  items_.push_back({std::move(bytes), false});
  return *this;
}
values& values::text(std::string_view value) { return put(std::string{value}); }
values& values::integer(std::int64_t value) { return put(big_endian(static_cast<std::uint64_t>(value), 8)); }
values& values::time(timestamp value) { return put(binary_time(value)); }
values& values::boolean(bool value) { return put(std::string(1, value ? '\1' : '\0')); }
values& values::null() {
  items_.push_back({{}, true});
  return *this;
}
values& values::append(const values& other) {
  items_.insert(items_.end(), other.items_.begin(), other.items_.end());
  return *this;
}
values& values::texts(const array& all) { return put(all.finish(text_type)); }
values& values::integers(const array& all) { return put(all.finish(int8_type)); }
values& values::times(const array& all) { return put(all.finish(timestamptz_type)); }
values& values::blobs(const array& all) { return put(all.finish(bytea_type)); }

// ---- rows -------------------------------------------------------------------------------------------------------
rows::rows(pg_result* r) : result_(r, [](pg_result* p) { PQclear(p); }), size_(PQntuples(r)) {}
std::string_view rows::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column), static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}
std::int64_t rows::integer(int row, int column) const {
  const auto bytes = text(row, column);
  const auto n = from_big_endian(bytes);
  switch (bytes.size()) { // the sign of what the column has: int2, int4 or int8
  case 2: return static_cast<std::int16_t>(n);
  case 4: return static_cast<std::int32_t>(n);
  default: return static_cast<std::int64_t>(n);
  }
}
timestamp rows::time(int row, int column) const {
  return timestamp{std::chrono::milliseconds{integer(row, column) / 1'000 + epoch_ms}};
}
bool rows::boolean(int row, int column) const { return text(row, column) == std::string_view{"\1", 1}; }
bool rows::is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }
digest rows::hash(int row, int column) const {
  digest d{};
  const auto bytes = text(row, column);
  std::memcpy(d.data(), bytes.data(), std::min(bytes.size(), d.size()));
  return d;
}
std::int64_t rows::touched() const {
  const char* n = PQcmdTuples(result_.get());
  return n && *n ? std::atoll(n) : 0;
}

// ---- the connection ---------------------------------------------------------------------------------------------
std::unique_ptr<connection> connection::open(const options& o, const std::string& host, bool writable,
                                             std::chrono::milliseconds connect_timeout) {
  std::unique_ptr<connection> c{new connection{o.statement_timeout + std::chrono::milliseconds{500}}};
  const auto port = std::to_string(o.port);
  const auto user_timeout = std::to_string(o.statement_timeout.count());
  std::vector<const char*> keys, texts;
  const auto say = [&](const char* key, const char* text) {
    keys.push_back(key);
    texts.push_back(text);
  };
  say("host", host.c_str());
  // libpq takes one port for all hosts.
  say("port", port.c_str());
  say("dbname", o.database.c_str());
  say("user", o.user.c_str());
  if (!o.password.empty())
    say("password", o.password.c_str());
  say("sslmode", o.sslmode.c_str());
  if (!o.sslrootcert.empty())
    say("sslrootcert", o.sslrootcert.c_str());
  say("application_name", "faultmaven");
  say("client_encoding", "UTF8");
  say("keepalives_idle", "30");
  say("keepalives_interval", "5");
  say("keepalives_count", "3");
  say("tcp_user_timeout", user_timeout.c_str());
  if (writable)
    say("target_session_attrs", "read-write");
  keys.push_back(nullptr);
  texts.push_back(nullptr);
  const auto until = steady_clock::now() + connect_timeout;
  c->pg_ = PQconnectStartParams(keys.data(), texts.data(), 0);
  if (!c->pg_)
    c->lost("out of memory");
  if (PQstatus(c->pg_) == CONNECTION_BAD)
    c->lost(sentence(PQerrorMessage(c->pg_)));
  for (auto step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK; step = PQconnectPoll(c->pg_)) {
    if (step == PGRES_POLLING_FAILED)
      c->lost(sentence(PQerrorMessage(c->pg_)));
    pollfd p{PQsocket(c->pg_), static_cast<short>(step == PGRES_POLLING_READING ? POLLIN : POLLOUT), 0};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_clock::now()).count();
    if (left <= 0 || ::poll(&p, 1, static_cast<int>(left)) == 0)
      c->lost("no answer from " + host + ":" + port + " within " + std::to_string(connect_timeout.count()) + " ms");
  }
  PQsetnonblocking(c->pg_, 1);
  c->opened_at_ = steady_clock::now();
  // Said by SET and not at the start: poolers refuse start parameters they do not know. Every statement of ours is
  // answered by an index; a plan made over an empty table and kept must not be a scan of what the table becomes.
  const auto ms = std::to_string(o.statement_timeout.count());
  std::unique_ptr<char, void (*)(void*)> schema{PQescapeIdentifier(c->pg_, o.schema.data(), o.schema.size()), PQfreemem};
  c->script("SET search_path TO " + std::string{schema ? schema.get() : "public"} + "; SET statement_timeout = " + ms +
            "; SET lock_timeout = " + ms + "; SET idle_in_transaction_session_timeout = " + std::to_string(2 * o.statement_timeout.count()) +
            "; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET client_min_messages = warning; SET TIME ZONE 'UTC'");
  return c;
}

connection::~connection() {
  if (pg_)
    PQfinish(pg_);
}

void connection::lost(std::string why) {
  broken_ = true;
  throw error{"", std::move(why), true};
}

/// Until something can be read (or written, when there is something to write).
void connection::wait(bool writing, steady_clock::time_point until) {
  pollfd p{PQsocket(pg_), static_cast<short>(writing ? POLLIN | POLLOUT : POLLIN), 0};
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady_clock::now()).count();
  if (left <= 0 || ::poll(&p, 1, static_cast<int>(left)) == 0)
    lost("no answer within " + std::to_string(timeout_.count()) + " ms");
  if ((p.revents & (POLLIN | POLLERR | POLLHUP)) != 0 && PQconsumeInput(pg_) == 0)
    lost(sentence(PQerrorMessage(pg_)));
}

pg_result* connection::next_result(steady_clock::time_point until) {
  while (true) {
    const int left = PQflush(pg_);
    if (left < 0)
      lost(sentence(PQerrorMessage(pg_)));
    if (left == 0 && PQisBusy(pg_) == 0)
      return PQgetResult(pg_);
    wait(left > 0, until);
    if (left > 0 && PQisBusy(pg_) == 0 && PQflush(pg_) == 0)
      return PQgetResult(pg_);
  }
}

std::vector<rows> connection::run(std::span<const statement> batch) {
  const auto until = steady_clock::now() + timeout_;
  if (broken_)
    lost("the connection is closed");
  if (prepared_.size() > prepared_max) {
    script("DEALLOCATE ALL");
    prepared_.clear();
  }
  if (PQenterPipelineMode(pg_) == 0)
    lost(sentence(PQerrorMessage(pg_)));
  // Names given in this batch count as prepared once the server said so.
  std::map<std::string, std::string, std::less<>> fresh;
  std::vector<const std::string*> prepares; // in the order of results; null = an execution
  const auto sent = [&](int ok) {
    if (ok == 0)
      lost(sentence(PQerrorMessage(pg_)));
  };
  for (auto& s : batch) {
    const std::string* name = nullptr;
    if (const auto known = prepared_.find(s.sql); known != prepared_.end()) {
      name = &known->second;
    } else {
      auto [at, added] = fresh.try_emplace(std::string{s.sql}, "s" + std::to_string(prepared_.size() + fresh.size()));
      name = &at->second;
      if (added) {
        sent(PQsendPrepare(pg_, name->c_str(), at->first.c_str(), 0, nullptr));
        prepares.push_back(&at->first);
      }
    }
    std::vector<const char*> data;
    std::vector<int> lengths, formats(s.with.size(), 1);
    for (auto& v : s.with.items()) {
      data.push_back(v.null ? nullptr : v.bytes.data());
      lengths.push_back(static_cast<int>(v.bytes.size()));
    }
    sent(PQsendQueryPrepared(pg_, name->c_str(), static_cast<int>(data.size()), data.data(), lengths.data(), formats.data(), 1));
    prepares.push_back(nullptr);
  }
  sent(PQpipelineSync(pg_));

  std::vector<rows> all;
  all.reserve(batch.size());
  std::unique_ptr<error> first;
  std::size_t at = 0;
  for (bool synced = false; !synced;) {
    result_ptr r{next_result(until)};
    if (!r) { // the end of one command's results
      ++at;
      continue;
    }
    switch (PQresultStatus(r.get())) {
    case PGRES_PIPELINE_SYNC: synced = true; break;
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
      if (at < prepares.size() && prepares[at])
        prepared_.insert(fresh.extract(*prepares[at]));
      else
        all.emplace_back(r.release());
      break;
    case PGRES_PIPELINE_ABORTED: break;
    default:
      if (!first)
        first = std::make_unique<error>(error_of(r.get()));
      if (PQstatus(pg_) == CONNECTION_BAD || first->lost) {
        broken_ = true;
        first->lost = true;
        throw *first;
      }
    }
  }
  if (PQexitPipelineMode(pg_) == 0)
    lost(sentence(PQerrorMessage(pg_)));
  if (first)
    throw *first;
  return all;
}

rows connection::run_one(std::string_view sql, values with) {
  const statement s{sql, std::move(with)};
  return std::move(run(std::span{&s, 1}).front());
}

void connection::script(const std::string& sql) {
  const auto until = steady_clock::now() + timeout_;
  if (broken_ || PQsendQuery(pg_, sql.c_str()) == 0)
    lost(broken_ ? "the connection is closed" : sentence(PQerrorMessage(pg_)));
  std::unique_ptr<error> first;
  while (result_ptr r{next_result(until)})
    if (const auto s = PQresultStatus(r.get()); s != PGRES_COMMAND_OK && s != PGRES_TUPLES_OK && s != PGRES_EMPTY_QUERY && !first)
      first = std::make_unique<error>(error_of(r.get()));
  if (first) {
    broken_ = broken_ || first->lost || PQstatus(pg_) == CONNECTION_BAD;
    first->lost = broken_;
    throw *first;
  }
}

bool connection::still_there() {
  if (broken_ || PQstatus(pg_) != CONNECTION_OK)
    return false;
  pollfd p{PQsocket(pg_), POLLIN, 0};
  if (::poll(&p, 1, 0) == 0)
    return true;
  // Between two calls the server says nothing but farewell (or a notice, which is read here).
  broken_ = PQconsumeInput(pg_) == 0 || PQstatus(pg_) != CONNECTION_OK;
  return !broken_;
}

bool connection::in_transaction() const { return PQtransactionStatus(pg_) != PQTRANS_IDLE; }
int connection::server_process() const { return PQbackendPID(pg_); }

rollback_guard::~rollback_guard() {
  if (connection_.broken() || !connection_.in_transaction())
    return;
  try {
    connection_.script("ROLLBACK");
  } catch (const error&) {
    // The connection is broken now; the server takes the transaction back when it notices.
  }
}

// ---- text -------------------------------------------------------------------------------------------------------
std::string without_nul(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text)
    c == '\0' ? void(out += "\xE2\x90\x80") : void(out += c);
  return out;
}

std::string json_without_nul(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '\\' || i + 1 >= json.size()) {
      out += json[i];
    } else if (json.substr(i, 6) == "\\u0000") {
      out += "\\u2400";
      i += 5;
    } else {
      out += json[i++];
      out += json[i];
    }
  }
  return out;
}

} // namespace fm::postgres
