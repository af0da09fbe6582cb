// What only PostgreSQL has: TLS, passwords, schemas with a way back, connections that are cut, and other writers.
#include "storage/postgres/case_store.hpp"
#include "storage/postgres/migrations.hpp"
#include "storage/postgres/user_store.hpp"
#include "tests/contract/backends.hpp"
#include "tests/support/tcp_proxy.hpp"

#include <random>
#include <thread>

namespace fm {
namespace {
using contract::case_script;
using namespace std::chrono_literals;

class Postgres : public ::testing::Test {
protected:
  void SetUp() override {
    if (std::getenv("FM_TEST_POSTGRES") == nullptr)
      GTEST_SKIP() << "no PostgreSQL";
    o = test_postgres("fm_pg_" + std::to_string(::getpid()) + "_" + std::to_string(++count));
  }
  void TearDown() override {
    if (!o.schema.empty() && std::getenv("FM_TEST_POSTGRES") != nullptr)
      drop_schema(o.schema);
  }
  case_store_ptr open() { return open(o); }
  static case_store_ptr open(const postgres::options& with) {
    auto s = postgres::open_case_store(with);
    EXPECT_TRUE(s) << s.error().detail;
    return s ? *s : nullptr;
  }
  static std::string refusal(const postgres::options& with) {
    auto s = postgres::open_case_store(with);
    return s ? "opened" : std::string{s.error().code == errc::unavailable ? "" : "another code: "} + s.error().detail;
  }
  std::unique_ptr<postgres::connection> bare() { return postgres::connection::open(o, o.host, true, o.connect_timeout); }
  std::int64_t number(const std::string& sql) { return bare()->run_one(sql).integer(0, 0); }

  static inline int count = 0;
  postgres::options o;
};

outcome<sequence> commit_one(case_store& s, const case_commit& c) { return s.commit(std::span{&c, 1})[0]; }

// ---- getting in -------------------------------------------------------------------------------------------------
TEST_F(Postgres, TlsIsHeldToTheAuthorityAndTheName) {
  o.sslmode = "verify-full";
  o.sslrootcert = std::getenv("FM_TEST_POSTGRES_CA");
  EXPECT_TRUE(open());
  EXPECT_EQ(number("SELECT ssl::int::int8 FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), 1);
  auto foreign = o;
  foreign.sslrootcert = "/etc/ssl/certs/ca-certificates.crt";
  EXPECT_NE(refusal(foreign).find("certificate verify failed"), std::string::npos) << refusal(foreign);
}

TEST_F(Postgres, ARefusedUserIsToldSoInASentence) {
  auto wrong = o;
  wrong.password = "guess";
  EXPECT_NE(refusal(wrong).find("password authentication failed"), std::string::npos) << refusal(wrong);
  wrong = o;
  wrong.database = "nowhere";
  EXPECT_NE(refusal(wrong).find("does not exist"), std::string::npos) << refusal(wrong);
  wrong = o;
  wrong.port = 1;
  EXPECT_NE(refusal(wrong).find("PostgreSQL at 127.0.0.1"), std::string::npos) << refusal(wrong);
}

TEST_F(Postgres, ASilentServerCostsTheConnectTimeoutAndNoMore) {
  tcp_proxy proxy{o.host, o.port};
  proxy.black_hole();
  o.port = proxy.port();
  o.connect_timeout = 200ms;
  EXPECT_NE(refusal(o).find("no answer"), std::string::npos);
  o.schema.clear();
}

TEST_F(Postgres, AReplicaThatIsAwayIsNoReasonToShowNothing) {
  o.replica_host = "127.0.0.1,127.0.0.1"; // takes reads
  auto s = open();
  case_script c{"one"};
  contract::store(*s, c.creation());
  const case_query q{user_id{"user_ada"}};
  EXPECT_EQ(s->list(q)->total, 1U);
  auto away = o;
  away.replica_host = "127.0.0.254";
  away.connect_timeout = 300ms;
  EXPECT_EQ(open(away)->list(q)->total, 1U);
}

// ---- schemas ----------------------------------------------------------------------------------------------------
TEST_F(Postgres, EveryStepHasItsWayBackAndKeepsTheDataOfTheEarlierOnes) {
  {
    auto c = bare();
    postgres::migrate_up(*c, o.schema, 1);
    EXPECT_EQ(postgres::applied(*c, o.schema), 1);
    // As the first version wrote it.
    c->script("INSERT INTO users (user_id, username_key, created_at, record) VALUES ('user_old', 'old', now(), '{}')");
  }
  case_script one{"one"};
  {
    auto s = open(); // applies the rest
    contract::store(*s, one.creation());
    contract::store(*s, one.of({one.question(1, "giraffes")}));
  }
  const auto newest = postgres::migrations().back().number;
  EXPECT_EQ(postgres::applied(*bare(), o.schema), newest);
  postgres::migrate_down(*bare(), o.schema, 1);
  EXPECT_EQ(postgres::applied(*bare(), o.schema), 1);
  EXPECT_EQ(number("SELECT count(*) FROM case_events"), 2);
  EXPECT_EQ(number("SELECT (to_regclass('reports') IS NULL)::int::int8"), 1);
  {
    auto s = open();
    EXPECT_EQ(s->load(one.id())->unfinished.size(), 1U);
    EXPECT_FALSE(contract::check_of(*s, one.id()).broken);
  }
  EXPECT_EQ(number("SELECT count(*) FROM users"), 1);
  postgres::migrate_down(*bare(), o.schema, 0);
  EXPECT_EQ(postgres::applied(*bare(), o.schema), 0);
  EXPECT_EQ(number("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()"), 1) << "only the list of steps is left";
  EXPECT_EQ(open()->get(one.id()).error().code, errc::not_found);
}

TEST_F(Postgres, ServersThatStartTogetherMigrateOnce) {
  std::vector<std::thread> all;
  std::atomic<int> opened{0};
  for (int i = 0; i < 6; ++i)
    all.emplace_back([&] { opened += open() != nullptr; });
  for (auto& t : all)
    t.join();
  EXPECT_EQ(opened, 6);
  EXPECT_EQ(number("SELECT count(*) FROM schema_migrations"), postgres::migrations().back().number);
}

TEST_F(Postgres, ASchemaOfANewerProgramIsLeftAlone) {
  open();
  bare()->script("INSERT INTO schema_migrations (number, name) VALUES (999, 'of tomorrow')");
  EXPECT_NE(refusal(o).find("newer version of FaultMaven (schema 999"), std::string::npos) << refusal(o);
}

TEST_F(Postgres, TheTablesSayWhatTheDocumentSays) {
  auto s = open();
  case_script c{"one"};
  c.record.tags = {"dns"};
  contract::store(*s, c.creation());
  message m;
  m.id = message_id{"msg_file"};
  m.in_case = c.id();
  m.type = message_type::data_upload;
  m.content = "Uploaded app.log";
  m.metadata = {{"file_id", "file_1"}, {"filename", "app.log"}, {"file_size", "1234"}, {"data_type", "logs_and_errors"}, {"status", "completed"}};
  m.created_at = contract::at_ms(3);
  c.record.status = case_status::investigating;
  contract::store(*s, c.of({message_added{m}, status_changed{case_status::consulting, case_status::investigating, "it is real"}}));
  EXPECT_EQ(number("SELECT count(*) FROM case_tags WHERE case_id = 'case_one' AND tag = 'dns'"), 1);
  EXPECT_EQ(number("SELECT size_bytes FROM uploaded_files WHERE case_id = 'case_one' AND filename = 'app.log'"), 1'234);
  EXPECT_EQ(number("SELECT count(*) FROM case_status_transitions WHERE from_status = 'consulting' AND to_status = 'investigating'"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM case_messages WHERE metadata ->> 'file_id' = 'file_1'"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM cases WHERE tags @> '[\"dns\"]'"), 1);
  m.metadata = {{"file_id", "file_1"}, {"removed", "true"}};
  m.id = message_id{"msg_gone"};
  contract::store(*s, c.of({message_added{m}}));
  EXPECT_EQ(number("SELECT count(*) FROM uploaded_files"), 0);
  // What no enumeration knows no table takes.
  EXPECT_THROW(bare()->script("UPDATE cases SET status = 'paused'"), postgres::error);
  EXPECT_THROW(bare()->script("INSERT INTO case_tags VALUES ('case_nobody', 9, 'x')"), postgres::error);
}

TEST_F(Postgres, TextWithANulIsKeptInTheLogAndShownWithAMark) {
  auto s = open();
  case_script c{"one"};
  c.record.title = std::string("a\0b", 3);
  contract::store(*s, c.creation());
  contract::store(*s, c.of({c.question(1, std::string("x\0y", 3))}));
  EXPECT_EQ(s->messages(c.id(), 0, 1, false)->messages.at(0).content, "x\xE2\x90\x80y");
  const auto events = s->events(c.id(), 1, 1, 1'000)->events;
  EXPECT_EQ(std::get<turn_queued>(events.at(0)->data).content, std::string("x\0y", 3));
  EXPECT_FALSE(contract::check_of(*s, c.id()).broken);
}

// ---- other writers ----------------------------------------------------------------------------------------------
TEST_F(Postgres, OfTwoServersThatOwnOneCaseOneWinsEveryTimeAndTheLogStaysClean) {
  auto a = open(), b = open();
  case_script c{"shared"};
  contract::store(*a, c.creation());
  constexpr int rounds = 100;
  std::atomic<int> refused{0};
  for (int round = 1; round <= rounds; ++round) {
    // Both hold the same state and both write the next event.
    const auto seq = a->load(c.id())->seq;
    std::atomic<int> won{0};
    const auto write = [&](case_store& store, const std::string& who) {
      auto mine = c;
      mine.seq = seq;
      auto q = mine.question(static_cast<std::uint32_t>(round), "from " + who);
      q.turn = turn_id{"turn_" + who + std::to_string(round)};
      q.client_id = client_turn_id{who + std::to_string(round)};
      q.message = message_id{"msg_" + who + std::to_string(round)};
      const auto r = commit_one(store, mine.of({q}));
      won += r.has_value();
      if (!r) {
        EXPECT_EQ(r.error().reason, "CASE_VERSION_CONFLICT") << r.error().detail;
        ++refused;
      }
    };
    std::thread other{[&] { write(*b, "b"); }};
    write(*a, "a");
    other.join();
    ASSERT_EQ(won, 1);
  }
  EXPECT_EQ(refused, rounds);
  EXPECT_EQ(b->load(c.id())->seq, 1U + rounds);
  EXPECT_EQ(a->turns(c.id(), 0, 1'000)->total, static_cast<std::uint64_t>(rounds));
  EXPECT_FALSE(contract::check_of(*a, c.id()).broken);
}

TEST_F(Postgres, TwoServersMakeTheSameCaseOnce) {
  auto a = open(), b = open();
  for (int round = 0; round < 20; ++round) {
    case_script one{"new" + std::to_string(round)}, two{"new" + std::to_string(round)};
    std::atomic<int> won{0};
    std::thread other{[&] { won += commit_one(*b, two.creation()).has_value(); }};
    won += commit_one(*a, one.creation()).has_value();
    other.join();
    EXPECT_EQ(won, 1);
  }
}

TEST_F(Postgres, ALargeBatchIsSharedOutAndEveryCaseKeepsItsOrder) {
  o.writers = 3;
  auto s = open();
  std::vector<case_script> scripts;
  std::vector<case_commit> batch;
  for (int i = 0; i < 60; ++i) {
    scripts.emplace_back("many" + std::to_string(i));
    batch.push_back(scripts.back().creation());
  }
  for (std::uint32_t n = 1; n <= 3; ++n)
    for (auto& c : scripts)
      batch.push_back(c.of({c.question(n, "question " + std::to_string(n))}));
  const auto results = s->commit(batch);
  for (std::size_t i = 0; i < results.size(); ++i)
    ASSERT_TRUE(results[i]) << results[i].error().detail;
  EXPECT_EQ(*results[0], 1U);
  EXPECT_EQ(*results.back(), 4U);
  for (auto& c : scripts)
    EXPECT_FALSE(contract::check_of(*s, c.id()).broken);
}

// ---- a network that fails ---------------------------------------------------------------------------------------
TEST_F(Postgres, CutInTheMiddleOfACommitNothingAcknowledgedIsLostAndNothingIsThereTwice) {
  tcp_proxy proxy{o.host, o.port};
  auto through = o;
  through.port = proxy.port();
  through.statement_timeout = 3s;
  through.connect_timeout = 1s;
  auto s = open(through);
  auto direct = open();
  case_script c{"one"};
  contract::store(*s, c.creation());
  std::mt19937_64 rng{7};
  std::uint32_t acknowledged = 0, faults = 0;
  for (std::uint32_t n = 1; n <= 150; ++n) {
    proxy.cut_after(1 + rng() % 6'000, rng() % 2 == 0);
    const auto before = c.seq;
    const auto r = commit_one(*s, c.of({c.question(n, "question " + std::to_string(n))}));
    const auto stored = direct->load(c.id())->seq;
    if (r) {
      ++acknowledged;
      ASSERT_EQ(stored, before + 1) << "acknowledged, so it is there";
    } else {
      ++faults;
      ASSERT_EQ(r.error().code, errc::unavailable) << r.error().detail;
      EXPECT_TRUE(r.error().retry_after);
      c.seq = stored; // whoever is refused reads the log again
    }
  }
  proxy.heal();
  EXPECT_GT(acknowledged, 100U) << "a connection that died is replaced, a lost answer is settled";
  EXPECT_FALSE(contract::check_of(*direct, c.id()).broken);
  EXPECT_TRUE(s->ping());
}

TEST_F(Postgres, ASilentServerIsGivenUpAfterTheStatementTimeoutAndFoundAgainAtOnce) {
  tcp_proxy proxy{o.host, o.port};
  auto through = o;
  through.port = proxy.port();
  through.statement_timeout = 400ms;
  through.connect_timeout = 300ms;
  auto s = open(through);
  case_script c{"one"};
  contract::store(*s, c.creation());
  proxy.black_hole();
  auto lost = c;
  const auto r = commit_one(*s, lost.of({lost.question(1, "into the dark")}));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, errc::unavailable);
  EXPECT_EQ(s->get(c.id()).error().code, errc::unavailable);
  proxy.heal();
  std::this_thread::sleep_for(300ms); // everybody is told the same for a moment after a failed attempt
  EXPECT_TRUE(s->get(c.id()));
  c.seq = s->load(c.id())->seq;
  EXPECT_TRUE(commit_one(*s, c.of({c.question(2, "and back")})));
}

TEST_F(Postgres, ReadersOutliveTheirConnections) {
  tcp_proxy proxy{o.host, o.port};
  auto through = o;
  through.port = proxy.port();
  auto s = open(through);
  case_script c{"one"};
  contract::store(*s, c.creation());
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(s->get(c.id()));
    proxy.cut();
    std::this_thread::sleep_for(5ms);
  }
  proxy.half_close();
  std::this_thread::sleep_for(20ms);
  EXPECT_TRUE(s->load(c.id()));
  proxy.refuse();
  proxy.cut();
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(s->get(c.id()).error().code, errc::unavailable);
}

TEST_F(Postgres, ALockThatSomebodyElseHoldsIsWaitedForNoLongerThanAStatement) {
  o.statement_timeout = 300ms;
  auto s = open();
  case_script c{"one"};
  contract::store(*s, c.creation());
  auto patient = o;
  patient.statement_timeout = 30s;
  auto rude = postgres::connection::open(patient, o.host, true, o.connect_timeout);
  rude->script("BEGIN; SELECT * FROM case_heads FOR UPDATE");
  auto blocked = c;
  const auto r = commit_one(*s, blocked.of({blocked.question(1, "may I")}));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, errc::unavailable) << r.error().detail;
  rude->script("ROLLBACK");
  EXPECT_TRUE(commit_one(*s, c.of({c.question(1, "may I")})));
}

TEST_F(Postgres, UsersSurviveACutToo) {
  tcp_proxy proxy{o.host, o.port};
  auto through = o;
  through.port = proxy.port();
  auto users = postgres::open_user_store(through);
  ASSERT_TRUE(users);
  user_record u;
  u.person.id = user_id{"user_one"};
  u.person.username = "One";
  u.person.email = "one@example.org";
  ASSERT_TRUE((*users)->create(u));
  proxy.cut();
  std::this_thread::sleep_for(10ms);
  EXPECT_EQ((*users)->find("ONE")->person.id, u.person.id);
  proxy.refuse();
  proxy.cut();
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ((*users)->find("ONE").error().code, errc::unavailable);
  EXPECT_EQ((*users)->create(u).error().code, errc::unavailable);
}

} // namespace
} // namespace fm
