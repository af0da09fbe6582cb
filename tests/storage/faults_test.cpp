// What the disk can do to us: full, failing, read-only, damaged, taken, and a process that dies. Nothing that was
// acknowledged may be lost, nothing half-written may be seen, and the store works again when the cause is gone.
#include "storage/sqlite/case_store.hpp"
#include "tests/contract/backends.hpp"

#include <csignal>
#include <fstream>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fm {
namespace {
using contract::backend;
using contract::case_script;
using contract::check_of;
using contract::scratch_directory;
using contract::store;

/// SQL behind the store's back.
void tamper(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  char* why = nullptr;
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &why), SQLITE_OK) << (why ? why : "");
  EXPECT_EQ(sqlite3_changes(db), 1) << sql;
  sqlite3_free(why);
  sqlite3_close(db);
}

/// Files of this process may not grow beyond `bytes` while this lives: a disk that fails to take more.
struct full_disk {
  rlimit before{};
  explicit full_disk(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before);
    rlimit now = before;
    now.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~full_disk() { ::setrlimit(RLIMIT_FSIZE, &before); }
};

/// Until a commit fails: how many went through before.
int fill(case_store& cases, case_script& s, failure& why) {
  int stored = 0;
  for (; stored < 5'000; ++stored) {
    auto next = s;
    const auto c = next.of({next.question(next.record.turn_count + 1, std::string(8'000, 'x'))});
    auto result = cases.commit(std::span{&c, 1});
    if (!result[0]) {
      why = result[0].error();
      break;
    }
    next.record.turn_count++;
    s = next;
  }
  return stored;
}

TEST(Faults, ADiskThatTakesNoMoreLosesNothingAndIsForgivenWhenItDoes) {
  backend b{"sqlite"};
  case_script s{"one"}, other{"other"};
  store(b.cases(), s.creation());
  store(b.cases(), other.creation());
  failure why;
  int stored = 0;
  {
    full_disk full{2 * 1024 * 1024};
    stored = fill(b.cases(), s, why);
    EXPECT_EQ(why.code, errc::unavailable);
    EXPECT_TRUE(why.retry_after);
    EXPECT_NE(why.detail.find("disk"), std::string::npos) << why.detail;
    // Every item of a failed batch fails alike, and reading goes on.
    auto a = s, z = other;
    std::vector<case_commit> batch{a.of({a.question(9'000, std::string(100'000, 'y'))}),
                                   z.of({z.question(1, std::string(3'000'000, 'z'))})};
    const auto results = b.cases().commit(batch);
    ASSERT_EQ(results.size(), 2U);
    EXPECT_EQ(results[0].error().code, errc::unavailable);
    EXPECT_EQ(results[1].error().code, errc::unavailable);
    EXPECT_EQ(b.cases().load(s.id())->seq, s.seq);
    EXPECT_EQ(b.cases().load(other.id())->seq, 1U);
  }
  ASSERT_GT(stored, 5);
  store(b.cases(), s.of({s.question(s.record.turn_count + 1, "there is room again")}));
  EXPECT_EQ(b.cases().turns(s.id(), 0, 1)->total, static_cast<std::uint64_t>(stored) + 1);
  b.reopen();
  EXPECT_EQ(b.cases().load(s.id())->seq, s.seq);
  EXPECT_FALSE(check_of(b.cases(), s.id()).broken);
}

TEST(Faults, AFullDatabaseSaysThatTheDiskIsFull) {
  scratch_directory dir;
  sqlite::store_options o;
  o.file.path = dir.path + "/x.db";
  o.file.page_count_max = 120;
  case_script s{"one"};
  int stored = 0;
  {
    auto cases = sqlite::open_case_store(o).value();
    store(*cases, s.creation());
    failure why;
    stored = fill(*cases, s, why);
    EXPECT_EQ(why.code, errc::unavailable);
    EXPECT_NE(why.detail.find("is full"), std::string::npos) << why.detail;
    EXPECT_EQ(cases->load(s.id())->seq, s.seq);
  }
  ASSERT_GT(stored, 1);
  o.file.page_count_max = 0;
  auto cases = sqlite::open_case_store(o).value();
  store(*cases, s.of({s.question(s.record.turn_count + 1, "more room")}));
  EXPECT_FALSE(check_of(*cases, s.id()).broken);
}

TEST(Faults, ADirectoryThatCannotBeWrittenIsSaidSo) {
  scratch_directory dir;
  std::filesystem::permissions(dir.path, std::filesystem::perms{0755});
  const auto data = dir.path + "/data";
  std::filesystem::create_directory(data);
  std::filesystem::permissions(data, std::filesystem::perms{0555});
  const auto me = ::geteuid();
  if (me == 0) { // the superuser may write anywhere: be nobody for a moment
    ASSERT_EQ(::seteuid(65'534), 0);
  }
  storage_settings s;
  s.data_directory = data;
  const auto opened = open_storage(s);
  s.data_directory = data + "/deeper";
  const auto deeper = open_storage(s);
  if (me == 0) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::unavailable);
  EXPECT_NE(opened.error().detail.find(data), std::string::npos) << opened.error().detail;
  EXPECT_NE(opened.error().detail.find("cannot be written"), std::string::npos) << opened.error().detail;
  ASSERT_FALSE(deeper);
  EXPECT_NE(deeper.error().detail.find("cannot be made"), std::string::npos) << deeper.error().detail;
}

TEST(Faults, AFileThatIsNoDatabaseIsSaidSoAndLeftAlone) {
  scratch_directory dir;
  const std::string garbage(20'000, '#');
  std::ofstream{dir.path + "/faultmaven.db"} << garbage;
  storage_settings s;
  s.data_directory = dir.path;
  const auto opened = open_storage(s);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::unavailable);
  EXPECT_NE(opened.error().detail.find("faultmaven.db"), std::string::npos) << opened.error().detail;
  EXPECT_NE(opened.error().detail.find("damaged"), std::string::npos) << opened.error().detail;
  std::ifstream in{dir.path + "/faultmaven.db"};
  EXPECT_EQ((std::string{std::istreambuf_iterator<char>{in}, {}}), garbage);
}

TEST(Faults, ADamagedSessionFileNamesItself) {
  scratch_directory dir;
  std::ofstream{dir.path + "/sessions.db"} << std::string(20'000, '#');
  storage_settings s;
  s.data_directory = dir.path;
  const auto opened = open_storage(s);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().detail.find("sessions.db"), std::string::npos) << opened.error().detail;
}

TEST(Faults, DamageInsideTheFileIsFoundAndNeverServedAsTruth) {
  backend b{"sqlite"};
  for (int i = 0; i < 40; ++i) {
    case_script s{"c" + std::to_string(i)};
    store(b.cases(), s.creation());
    store(b.cases(), s.of({s.question(1, std::string(3'000, static_cast<char>('a' + i % 26)))}));
  }
  b.close();
  const auto path = b.dir.path + "/data/faultmaven.db";
  const auto size = std::filesystem::file_size(path);
  {
    std::fstream file{path, std::ios::in | std::ios::out | std::ios::binary};
    const std::string rubbish(4'096, '\xA5');
    for (auto at = size / 4 / 4'096 * 4'096; at < size; at += 8 * 4'096) {
      file.seekp(static_cast<std::streamoff>(at));
      file.write(rubbish.data(), static_cast<std::streamsize>(rubbish.size()));
    }
  }
  storage_settings settings;
  settings.data_directory = b.dir.path + "/data";
  const auto opened = open_storage(settings);
  bool noticed = !opened;
  if (opened) {
    const auto walked = opened->cases->verify(std::nullopt, [&](const log_check& c) { noticed |= c.broken.has_value(); });
    noticed |= !walked;
  }
  EXPECT_TRUE(noticed);
}

TEST(Faults, ASecondServerOnTheSameDirectoryIsTurnedAwayWithTheFirstOnesNumber) {
  scratch_directory dir;
  storage_settings s;
  s.data_directory = dir.path;
  auto first = open_storage(s);
  ASSERT_TRUE(first) << first.error().detail;
  const auto second = open_storage(s);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, errc::conflict);
  EXPECT_NE(second.error().detail.find("process " + std::to_string(::getpid())), std::string::npos) << second.error().detail;
  EXPECT_NE(second.error().detail.find("--data"), std::string::npos);
  first = make_failure(errc::gone, "closed");
  EXPECT_TRUE(open_storage(s));
}

TEST(Faults, AnUnknownBackendIsNamed) {
  auto s = all_in_memory();
  s.cases = "papyrus";
  const auto opened = open_storage(s);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::invalid);
  EXPECT_NE(opened.error().detail.find("papyrus"), std::string::npos);
  s.cases = "inmemory";
  s.sessions = "clay";
  EXPECT_FALSE(open_storage(s));
}

TEST(Faults, AProcessThatIsKilledHasLostNothingItAcknowledged) {
  scratch_directory dir;
  int acknowledged[2];
  ASSERT_EQ(::pipe(acknowledged), 0);
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(acknowledged[0]);
    storage_settings s;
    s.data_directory = dir.path;
    auto opened = open_storage(s);
    if (!opened)
      ::_exit(1);
    case_script script{"one"};
    auto c = script.creation();
    for (std::uint32_t n = 1; opened->cases->commit(std::span{&c, 1})[0]; ++n) {
      if (::write(acknowledged[1], &script.seq, sizeof script.seq) < 0)
        ::_exit(1);
      c = script.of({script.question(n, "message " + std::to_string(n))});
    }
    ::_exit(1);
  }
  ::close(acknowledged[1]);
  sequence last = 0, seq = 0;
  for (int i = 0; i < 40 && ::read(acknowledged[0], &seq, sizeof seq) == sizeof seq; ++i)
    last = seq;
  ::kill(child, SIGKILL);
  while (::read(acknowledged[0], &seq, sizeof seq) == sizeof seq)
    last = seq;
  ::close(acknowledged[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_GE(last, 40U);

  storage_settings s;
  s.data_directory = dir.path;
  const auto opened = open_storage(s);
  ASSERT_TRUE(opened) << "the lock dies with its holder: " << opened.error().detail;
  const case_id id{"case_one"};
  const auto stored = opened->cases->load(id)->seq;
  EXPECT_GE(stored, last);
  EXPECT_LE(stored, last + 1) << "at most the commit in flight";
  EXPECT_EQ(opened->cases->messages(id, 0, 1, false)->total, stored - 1);
  EXPECT_FALSE(check_of(*opened->cases, id).broken);
}

struct planted : ::testing::Test {
  backend b{"sqlite"};
  case_script s{"one"}, sound{"sound"};
  void SetUp() override {
    store(b.cases(), s.creation());
    store(b.cases(), sound.creation());
    store(b.cases(), s.of({s.question(1, "why?"), turn_started{s.turn(1), 1}, s.text(1, 0, "because")}));
    ASSERT_FALSE(check_of(b.cases(), s.id()).broken);
  }
  void expect_found(const std::string& sql, const std::string& where) {
    tamper(b.dir.path + "/data/faultmaven.db", sql);
    int broken = 0;
    const auto walked = b.cases().verify(std::nullopt, [&](const log_check& c) {
      if (!c.broken)
        return;
      ++broken;
      EXPECT_EQ(c.id, s.id());
      EXPECT_NE(c.broken->find("case_one"), std::string::npos) << *c.broken;
      EXPECT_NE(c.broken->find(where), std::string::npos) << *c.broken;
    });
    EXPECT_EQ(walked.value(), 2U);
    EXPECT_EQ(broken, 1) << sql;
  }
};
using Planted = planted;
// The first case has number 1, so its events stand under 1 << 32 | seq.

TEST_F(Planted, AChangedByteOfAnEventIsFound) {
  expect_found("UPDATE case_events SET data = replace(data, 'because', 'becausf') WHERE id = (1 << 32 | 4)", "event 4");
}
TEST_F(Planted, AChangedActorIsFound) {
  expect_found("UPDATE case_events SET actor_id = 'user_eve' WHERE id = (1 << 32 | 2)", "event 2");
}
TEST_F(Planted, AChangedTimeIsFound) {
  expect_found("UPDATE case_events SET at = at + 1 WHERE id = (1 << 32 | 3)", "event 3");
}
TEST_F(Planted, AMissingEventIsFound) { expect_found("DELETE FROM case_events WHERE id = (1 << 32 | 2)", "event 2"); }
TEST_F(Planted, AMissingEndIsFound) { expect_found("DELETE FROM case_events WHERE id = (1 << 32 | 4)", "head says 4"); }
TEST_F(Planted, DroppedDataThatCompactionMayNotDropIsFound) {
  expect_found("UPDATE case_events SET data = NULL WHERE id = (1 << 32 | 2)", "event 2");
}
TEST_F(Planted, AnEventOfTheFutureIsFound) {
  expect_found("UPDATE case_events SET version = 99 WHERE id = (1 << 32 | 3)", "event 3");
}
TEST_F(Planted, AnEventThatCannotBeReadIsAFailureOfItsReaderOnly) {
  tamper(b.dir.path + "/data/faultmaven.db", "UPDATE case_events SET data = '{\"turn\":' WHERE id = (1 << 32 | 4)");
  EXPECT_EQ(b.cases().events(s.id(), 0, 100, 1U << 20).error().code, errc::internal);
  EXPECT_EQ(b.cases().load(s.id()).error().code, errc::internal);
  EXPECT_TRUE(b.cases().events(sound.id(), 0, 100, 1U << 20));
  EXPECT_TRUE(b.cases().ping());
}

} // namespace
} // namespace fm
