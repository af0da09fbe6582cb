// Backup and restore: everything comes back, a running server does not hinder, damage is found, nothing is overwritten.
#include "config/app/lib/backup_command.hpp"
#include "storage/factory/factory.hpp"
#include "tests/contract/backends.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

namespace {
using namespace fm;
using contract::case_script;
using contract::scratch_directory;

app::common_options with_data(const std::string& path) {
  app::common_options o;
  o.overrides.emplace_back("storage.data", path);
  return o;
}

opened_storage open_in(const std::string& data) {
  storage_settings s;
  s.data_directory = data;
  return open_storage(s).value();
}

void store_case(case_store& cases, const std::string& name) {
  case_script script{name};
  const auto c = script.creation();
  ASSERT_TRUE(cases.commit(std::span{&c, 1})[0]);
  const auto q = script.of({script.question(1, "why is the disk full")});
  ASSERT_TRUE(cases.commit(std::span{&q, 1})[0]);
}

void put_blob(blob_store& blobs, const std::string& key, const std::string& bytes) {
  auto w = blobs.put(key, "text/plain");
  ASSERT_TRUE(w);
  ASSERT_TRUE((*w)->write(bytes));
  ASSERT_TRUE((*w)->finish());
}

TEST(backup, EverythingComesBackAlsoFromARunningServer) {
  scratch_directory dir;
  const auto data = dir.path + "/data", copy = dir.path + "/copy", again = dir.path + "/again";
  {
    auto running = open_in(data); // holds the lock, as a server does
    store_case(*running.cases, "one");
    put_blob(*running.blobs, "cases/one/log.txt", "line 1\nline 2\n");
    put_blob(*running.blobs, "cases/one/large.txt", std::string(200'000, 'x'));
    ASSERT_TRUE(running.vectors->create_collection("global_kb", 2, {}));
    ASSERT_TRUE(running.vectors->upsert("global_kb", std::vector<vector_item>{{"a", {1, 0}, "text", {}}}));
    ASSERT_TRUE(running.sessions->set("k", "v", {}));
    ASSERT_EQ(app::backup(with_data(data), copy), app::exit_done);
    store_case(*running.cases, "two"); // after the backup: must not be in it
  }
  ASSERT_EQ(app::restore(with_data(again), copy), app::exit_done);
  auto back = open_in(again);
  EXPECT_TRUE(back.cases->load(case_id{"case_one"}));
  EXPECT_FALSE(back.cases->load(case_id{"case_two"}));
  EXPECT_EQ(*back.blobs->read("cases/one/log.txt", 0, 100), "line 1\nline 2\n");
  EXPECT_EQ(*back.blobs->read("cases/one/large.txt", 0, 1U << 20), std::string(200'000, 'x'));
  EXPECT_EQ(back.vectors->collection("global_kb")->count, 1U);
  EXPECT_EQ(back.sessions->get("k")->value_or(""), "v");
}

TEST(backup, WhileOthersWriteTheCopyIsWholeAndItsLogsVerify) {
  scratch_directory dir;
  const auto data = dir.path + "/data";
  auto running = open_in(data);
  store_case(*running.cases, "first");
  std::atomic<bool> stop{false};
  std::thread writer{[&] {
    for (int i = 0; !stop && i < 2'000; ++i)
      store_case(*running.cases, "w" + std::to_string(i));
  }};
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(app::backup(with_data(data), dir.path + "/copy" + std::to_string(i)), app::exit_done);
  stop = true;
  writer.join();
  EXPECT_EQ(app::restore(with_data(dir.path + "/restored"), dir.path + "/copy2"), app::exit_done);
}

TEST(backup, NothingIsOverwritten) {
  scratch_directory dir;
  const auto data = dir.path + "/data", copy = dir.path + "/copy";
  { store_case(*open_in(data).cases, "one"); }
  ASSERT_EQ(app::backup(with_data(data), copy), app::exit_done);
  EXPECT_EQ(app::backup(with_data(data), copy), app::exit_usage) << "the folder is there";
  EXPECT_EQ(app::restore(with_data(data), copy), app::exit_usage) << "the data directory is not empty";
  EXPECT_EQ(app::backup(with_data(dir.path + "/nothing"), dir.path + "/other"), app::exit_usage);
  EXPECT_FALSE(std::filesystem::exists(dir.path + "/other"));
}

TEST(backup, ADamagedBackupIsRefusedAndLeavesNothing) {
  scratch_directory dir;
  const auto data = dir.path + "/data", copy = dir.path + "/copy", again = dir.path + "/again";
  { store_case(*open_in(data).cases, "one"); }
  ASSERT_EQ(app::backup(with_data(data), copy), app::exit_done);
  std::ofstream{copy + "/faultmaven.db", std::ios::app} << "x";
  EXPECT_EQ(app::restore(with_data(again), copy), app::exit_not_in_order);
  EXPECT_FALSE(std::filesystem::exists(again));
  EXPECT_FALSE(std::filesystem::exists(again + ".restoring"));
  EXPECT_EQ(app::restore(with_data(again), dir.path), app::exit_usage) << "not a backup";
}
} // namespace
