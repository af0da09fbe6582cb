// The schema's steps: applied once, in order, whole or not at all; foreign and future files are left alone.
#include "storage/sqlite/case_store.hpp"
#include "storage/sqlite/migrations.hpp"
#include "storage/sqlite/session_store.hpp"
#include "tests/contract/backends.hpp"

#include <sys/stat.h>

namespace fm::sqlite {
namespace {

struct migrations : ::testing::Test {
  contract::scratch_directory dir;
  open_options file(const char* name = "x.db") const {
    open_options o;
    o.path = dir.path + "/" + name;
    return o;
  }
  static std::int64_t number(connection& c, const std::string& sql) {
    auto s = c.prepare_dynamic(sql);
    return s.step() ? s.integer(0) : -1;
  }
};
using Migrations = migrations;

TEST_F(Migrations, AreRecordedAndAppliedOnce) {
  const std::vector<migration> one{{1, "first", "CREATE TABLE t (a); INSERT INTO t VALUES (7);"}};
  for (int i = 0; i < 3; ++i) {
    connection c{file()};
    migrate(c, one);
    EXPECT_EQ(number(c, "SELECT count(*) FROM t"), 1);
    EXPECT_EQ(number(c, "SELECT count(*) FROM schema_migrations WHERE number = 1 AND name = 'first'"), 1);
  }
}

TEST_F(Migrations, ALaterStepKeepsWhatIsThere) {
  const migration first{1, "first", "CREATE TABLE t (a); INSERT INTO t VALUES (7);"};
  {
    connection c{file()};
    migrate(c, {first});
  }
  connection c{file()};
  migrate(c, {first, {2, "second", "ALTER TABLE t ADD COLUMN b DEFAULT 3"}, {3, "third", "UPDATE t SET b = b + a"}});
  EXPECT_EQ(number(c, "SELECT b FROM t"), 10);
  EXPECT_EQ(number(c, "SELECT max(number) FROM schema_migrations"), 3);
}

TEST_F(Migrations, AStepThatFailsLeavesTheFileAsItWasBefore) {
  const migration first{1, "first", "CREATE TABLE t (a)"};
  {
    connection c{file()};
    EXPECT_THROW(migrate(c, {first, {2, "broken", "INSERT INTO t VALUES (1); CREATE TABLE t (again)"}}), error);
  }
  connection c{file()};
  EXPECT_EQ(number(c, "SELECT count(*) FROM t"), 0);
  EXPECT_EQ(number(c, "SELECT max(number) FROM schema_migrations"), 1);
  migrate(c, {first, {2, "mended", "INSERT INTO t VALUES (1)"}});
  EXPECT_EQ(number(c, "SELECT count(*) FROM t"), 1);
}

TEST_F(Migrations, AFileOfANewerProgramIsRefusedAndUntouched) {
  {
    connection c{file()};
    migrate(c, {{1, "first", "CREATE TABLE t (a)"}, {9, "from the future", "CREATE TABLE u (a)"}});
  }
  store_options o;
  o.file = file();
  const auto opened = open_case_store(o);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, errc::unavailable);
  EXPECT_NE(opened.error().detail.find("newer version"), std::string::npos) << opened.error().detail;
  connection c{file()};
  EXPECT_EQ(number(c, "SELECT count(*) FROM sqlite_master WHERE name = 'cases'"), 0);
}

TEST_F(Migrations, AnotherProgramsDatabaseIsRefusedAndUntouched) {
  {
    connection c{file()};
    c.execute("CREATE TABLE invoices (a)");
  }
  store_options o;
  o.file = file();
  const auto opened = open_case_store(o);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().detail.find("another program"), std::string::npos) << opened.error().detail;
  connection c{file()};
  EXPECT_EQ(number(c, "SELECT count(*) FROM sqlite_master"), 1);
}

TEST_F(Migrations, StepsAreNumberedUpwards) {
  for (auto* steps : {&case_migrations(), &session_migrations(), &blob_migrations()})
    for (std::size_t i = 0; i < steps->size(); ++i)
      EXPECT_EQ((*steps)[i].number, static_cast<int>(i) + 1);
}

TEST_F(Migrations, NewFilesAreTheirOwnersAlone) {
  connection c{file()};
  migrate(c, case_migrations());
  for (auto* name : {"/x.db", "/x.db-wal"}) {
    struct stat info {};
    ASSERT_EQ(::stat((dir.path + name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600U) << name;
  }
}

} // namespace
} // namespace fm::sqlite
