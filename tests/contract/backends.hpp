// The backends under contract, and a hand for writing logs: a case_script numbers events and keeps the record.
#pragma once

#include "storage/factory/factory.hpp"
#include "tests/support/test_postgres.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <unistd.h>

namespace fm::contract {

struct turned_clock final : clock_source {
  std::atomic<std::int64_t> ms{1'700'000'000'000};
  timestamp now() const override { return timestamp{std::chrono::milliseconds{ms.load()}}; }
};

/// A directory of its own, gone with the object.
struct scratch_directory {
  std::string path;
  scratch_directory() {
    auto pattern = (std::filesystem::temp_directory_path() / "fm_storage_XXXXXX").string();
    const char* made = ::mkdtemp(pattern.data());
    if (!made)
      throw std::runtime_error("no temporary directory can be made");
    path = made;
  }
  ~scratch_directory() {
    std::error_code ignored;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, ignored);
    std::filesystem::remove_all(path, ignored);
  }
  scratch_directory(const scratch_directory&) = delete;
  scratch_directory& operator=(const scratch_directory&) = delete;
};

/// One opened backend. reopen() is what a restart is; memory forgets.
struct backend {
  scratch_directory dir;
  std::shared_ptr<turned_clock> clock = std::make_shared<turned_clock>();
  std::string kind;
  opened_storage storage;

  /// A server that is not there is a visible skip (and a failure in check, which starts them all).
  explicit backend(std::string name) : kind(std::move(name)) {
    if ((kind == "redis" && std::getenv("FM_TEST_REDIS") == nullptr) || (kind == "postgres" && std::getenv("FM_TEST_POSTGRES") == nullptr))
      missing = true;
    else
      open();
  }
  ~backend() {
    close();
    if (kind == "postgres" && !missing)
      drop_schema(schema);
  }
  bool missing = false;
  /// A schema of its own for each object.
  const std::string schema = "fm_test_" + std::to_string(::getpid()) + "_" + std::to_string(++schemas);
  static inline std::atomic<int> schemas{0};
  void open() {
    auto s = all_in_memory();
    if (kind == "file" || kind == "redis")
      s.sessions = kind;
    else if (kind == "postgres")
      s.cases = s.users = kind;
    else
      s.cases = s.users = s.sessions = kind;
    if (kind == "postgres")
      s.postgres = s.users_postgres = test_postgres(schema);
    if (kind == "redis") { // host:port:password
      const std::string address = std::getenv("FM_TEST_REDIS");
      const auto colon = address.find(':'), second = address.find(':', colon + 1);
      s.redis.host = address.substr(0, colon);
      s.redis.port = static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1)));
      s.redis.password = address.substr(second + 1);
      s.redis.prefix = "test:" + dir.path + ":";
    }
    s.data_directory = dir.path + "/data";
    s.clock = clock;
    auto opened = open_storage(s);
    ASSERT_TRUE(opened) << opened.error().detail;
    storage = std::move(*opened);
  }
  void close() { storage = {}; }
  void reopen() {
    close();
    open();
  }
  bool durable() const { return kind != "inmemory"; }
  case_store& cases() { return *storage.cases; }
};

class on_every_backend : public ::testing::TestWithParam<const char*> {
protected:
  void SetUp() override {
    if (b.missing)
      GTEST_SKIP() << "no server for " << b.kind;
  }
  backend b{GetParam()};
  case_store& cases() { return b.cases(); }
};
inline std::string backend_name(const ::testing::TestParamInfo<const char*>& info) { return info.param; }

inline timestamp at_ms(std::int64_t n) { return timestamp{std::chrono::milliseconds{1'700'000'000'000 + n}}; }

/// Writes the log of one case, event by event, as its only writer.
struct case_script {
  case_record record;
  sequence seq = 0;
  std::int64_t time = 0;

  explicit case_script(const std::string& name, const std::string& owner = "user_ada") {
    record.id = case_id{"case_" + name};
    record.title = "Case " + name;
    record.title_is_placeholder = false;
    record.owner = user_id{owner};
    record.created_at = record.updated_at = record.last_activity_at = at_ms(0);
  }
  const case_id& id() const { return record.id; }

  /// A commit of these events; the script goes on as if it were stored.
  case_commit of(std::vector<event_data> all, bool with_record = true) {
    case_commit c;
    c.id = record.id;
    c.expected_seq = seq;
    for (auto& data : all)
      c.events.push_back(std::make_shared<const case_event>(
          case_event{record.id, ++seq, at_ms(++time), {user_id{"user_ada"}, "Ada"}, std::move(data)}));
    if (with_record)
      c.record = std::make_shared<const case_record>(record);
    return c;
  }
  case_commit creation() { return of({case_created{record}}); }

  turn_queued question(std::uint32_t number, const std::string& content) const {
    turn_queued q;
    const auto n = std::to_string(number);
    q.turn = turn(number);
    q.client_id = client_turn_id{"client_" + n};
    q.turn_number = number;
    q.message = message_id{"msg_" + record.id.value + "_q" + n};
    q.content = content;
    q.author_id = "user_ada";
    q.author_name = "Ada";
    q.body_digest = "digest_" + n;
    return q;
  }
  turn_id turn(std::uint32_t number) const { return turn_id{"turn_" + record.id.value + "_" + std::to_string(number)}; }
  turn_completed answer(std::uint32_t number, const std::string& content, std::uint32_t attempt = 1) const {
    turn_completed e;
    e.turn = turn(number);
    e.attempt = attempt;
    e.turn_number = number;
    e.message = message_id{"msg_" + record.id.value + "_a" + std::to_string(number) + "_" + std::to_string(attempt)};
    e.content = content;
    e.response_type = "ANSWER";
    e.confidence = 0.75;
    e.metadata = {{"agent", "builtin"}};
    return e;
  }
  turn_delta text(std::uint32_t number, std::uint64_t offset, const std::string& piece, std::uint32_t attempt = 1) const {
    return {turn(number), attempt, offset, piece};
  }
};

inline void store(case_store& cases, const case_commit& c) {
  const auto results = cases.commit(std::span{&c, 1});
  ASSERT_EQ(results.size(), 1U);
  ASSERT_TRUE(results[0]) << results[0].error().detail;
}

inline log_check check_of(const case_store& cases, const case_id& id) {
  log_check seen;
  const auto walked = cases.verify(id, [&](const log_check& c) { seen = c; });
  EXPECT_TRUE(walked && *walked == 1);
  return seen;
}

} // namespace fm::contract
