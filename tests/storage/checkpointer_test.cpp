// Checkpoints beside the writer: the database file grows without the writer's doing, and the log stays bounded.
#include "storage/sqlite/checkpointer.hpp"
#include "tests/contract/backends.hpp"

#include <filesystem>
#include <thread>

namespace fm::sqlite {
namespace {
using namespace std::chrono_literals;

struct checkpoints : ::testing::Test {
  contract::scratch_directory dir;
  open_options file() const {
    open_options o;
    o.path = dir.path + "/x.db";
    return o;
  }
  static void fill(connection& c, int transactions, int kib) {
    for (int i = 0; i < transactions; ++i)
      c.execute("INSERT INTO t VALUES (randomblob(" + std::to_string(kib * 1'024) + "))");
  }
  std::uintmax_t size(const char* name) const { return std::filesystem::file_size(dir.path + "/" + name); }
};
using Checkpoints = checkpoints;

TEST_F(Checkpoints, AreMadeByAThreadOfTheirOwn) {
  connection writer{file()};
  writer.execute("CREATE TABLE t (a)");
  const auto before = size("x.db");
  checkpointer c{writer, file()};
  fill(writer, 40, 128); // 5 MiB: more than is due, less than the writer moves itself
  for (const auto until = std::chrono::steady_clock::now() + 30s; c.passes() == 0 && std::chrono::steady_clock::now() < until;)
    std::this_thread::sleep_for(5ms);
  EXPECT_GE(c.passes(), 1U);
  EXPECT_GT(size("x.db"), before);
}

TEST_F(Checkpoints, LeaveASmallLogAlone) {
  connection writer{file()};
  writer.execute("CREATE TABLE t (a)");
  {
    checkpointer c{writer, file()};
    fill(writer, 10, 4);
    EXPECT_EQ(c.passes(), 0U);
  }
  fill(writer, 1, 4); // nobody watches any more
}

TEST_F(Checkpoints, BoundTheLogWhileAReaderComesAndGoes) {
  connection writer{file()};
  writer.execute("CREATE TABLE t (a)");
  checkpointer c{writer, file()};
  auto read_only = file();
  read_only.read_only = true;
  for (int round = 0; round < 8; ++round) {
    connection reader{read_only};
    reader.execute("BEGIN");
    ASSERT_TRUE(reader.prepare("SELECT count(*) FROM t").step());
    fill(writer, 32, 128); // what a reader still needs stays
    reader.execute("COMMIT");
    fill(writer, 96, 128);
  }
  EXPECT_LT(size("x.db-wal"), 48U << 20) << "128 MiB went through it, and about 16 are its bound without a reader";
  connection again{read_only};
  auto s = again.prepare("SELECT count(*) FROM t");
  ASSERT_TRUE(s.step());
  EXPECT_EQ(s.integer(0), 8 * 128);
}

TEST_F(Checkpoints, GoOnAfterTheDiskHadNoRoom) {
  auto tight = file();
  tight.page_count_max = 2'000;
  connection writer{tight};
  writer.execute("CREATE TABLE t (a)");
  checkpointer c{writer, tight};
  EXPECT_THROW(fill(writer, 200, 128), error);
  fill(writer, 1, 1);
}
} // namespace
} // namespace fm::sqlite
