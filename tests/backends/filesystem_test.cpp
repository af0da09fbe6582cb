// What only the file store can show: crashes between its files, objects that are shared, and what stands on the disk.
#include "protocol/base/sha256.hpp"
#include "storage/filesystem/blob_store.hpp"
#include "tests/backends/crash.hpp"

#include <fstream>
#include <set>
#include <sys/resource.h>
#include <thread>

namespace fm::backends {
namespace {
std::string body(std::uint64_t n) { return std::string(3'000 + n % 5 * 40'000, static_cast<char>('a' + n % 26)) + std::to_string(n); }
outcome<blob_info> put(blob_store& s, const std::string& key, const std::string& bytes) {
  auto w = s.put(key, "text/plain");
  if (!w)
    return w.error();
  if (auto r = (*w)->write(bytes); !r)
    return r.error();
  return (*w)->finish();
}
/// Every blob an object, as large ones are.
filesystem::blob_options objects_only() {
  filesystem::blob_options o;
  o.inside_bytes_max = 0;
  return o;
}
std::size_t objects_named(blob_store& s) {
  std::set<std::string> shas;
  const auto page = s.list("", "", 100);
  for (auto& b : page->blobs)
    if (b.size > filesystem::blob_options{}.inside_bytes_max)
      shas.insert(b.sha256);
  return shas.size();
}
std::vector<std::string> files_below(const std::string& folder) {
  std::vector<std::string> found;
  for (auto& f : std::filesystem::recursive_directory_iterator{folder})
    if (f.is_regular_file())
      found.push_back(f.path().string());
  return found;
}

TEST(filesystem_store, KilledWhileWritingEveryAcknowledgedBlobIsWholeAndNothingLiesAbout) {
  for (std::uint64_t round = 0; round < 12; ++round) {
    scratch dir;
    const auto acknowledged = killed_after(3 + 2 * round, std::chrono::microseconds{(round * 2'111) % 12'000}, [&](auto& acknowledge) {
      auto s = *filesystem::open_blob_store(dir.path);
      for (std::uint64_t n = 0;; ++n) { // ten keys, written again and again
        if (!put(*s, "k/" + std::to_string(n % 10), body(n)))
          ::_exit(5);
        acknowledge();
      }
    });
    auto s = filesystem::open_blob_store(dir.path);
    ASSERT_TRUE(s) << s.error().detail;
    for (std::uint64_t key = 0; key < std::min<std::uint64_t>(10, acknowledged); ++key) {
      const auto last = (acknowledged - 1 - key) / 10 * 10 + key;
      auto got = (*s)->read("k/" + std::to_string(key), 0, 1U << 20);
      ASSERT_TRUE(got) << got.error().detail;
      // The one that was on its way may be there already.
      EXPECT_TRUE(*got == body(last) || (last + 10 == acknowledged && *got == body(last + 10))) << key << " of " << acknowledged;
    }
    EXPECT_TRUE(files_below(dir.path + "/tmp").empty());
    EXPECT_EQ(files_below(dir.path + "/objects").size(), objects_named(**s)) << "no object without a key";
  }
}

TEST(filesystem_store, EqualBytesAreKeptOnceAndGoWithTheirLastKey) {
  scratch dir;
  auto s = filesystem::open_blob_store(dir.path, objects_only()).value();
  ASSERT_TRUE(put(*s, "a", "same"));
  ASSERT_TRUE(put(*s, "b", "same"));
  ASSERT_TRUE(put(*s, "b", "same"));
  EXPECT_EQ(files_below(dir.path + "/objects").size(), 1U);
  EXPECT_TRUE(*s->remove("a"));
  EXPECT_EQ(files_below(dir.path + "/objects").size(), 1U);
  ASSERT_TRUE(put(*s, "b", "other"));
  EXPECT_EQ(files_below(dir.path + "/objects").size(), 1U);
  EXPECT_TRUE(*s->remove("b"));
  EXPECT_TRUE(files_below(dir.path + "/objects").empty());
  EXPECT_TRUE(files_below(dir.path + "/tmp").empty());
}

TEST(filesystem_store, AnObjectWithoutAKeyIsCollectedAtTheStart) {
  scratch dir;
  {
    auto s = filesystem::open_blob_store(dir.path, objects_only()).value();
    ASSERT_TRUE(put(*s, "a", "kept"));
  }
  const auto orphan = sha256_hex("orphan");
  std::filesystem::create_directories(dir.path + "/objects/" + orphan.substr(0, 2));
  std::ofstream{dir.path + "/objects/" + orphan.substr(0, 2) + "/" + orphan} << "orphan";
  std::ofstream{dir.path + "/tmp/17"} << "half";
  auto s = filesystem::open_blob_store(dir.path).value();
  EXPECT_EQ(files_below(dir.path + "/objects").size(), 1U);
  EXPECT_TRUE(files_below(dir.path + "/tmp").empty());
  EXPECT_EQ(*s->read("a", 0, 10), "kept");
}

TEST(filesystem_store, AnObjectThatWasCutShortIsNeverGivenAsIfItWereWhole) {
  scratch dir;
  auto s = filesystem::open_blob_store(dir.path, objects_only()).value();
  ASSERT_TRUE(put(*s, "a", "0123456789"));
  ASSERT_TRUE(put(*s, "b", "else"));
  const auto object = dir.path + "/objects/" + sha256_hex("0123456789").substr(0, 2) + "/" + sha256_hex("0123456789");
  std::filesystem::resize_file(object, 4);
  EXPECT_EQ(s->read("a", 0, 100).error().code, errc::unavailable);
  EXPECT_EQ(s->read("a", 2, 5).error().code, errc::unavailable);
  s = filesystem::open_blob_store(dir.path).value();
  EXPECT_FALSE(s->read("a", 0, 100));
  EXPECT_EQ(*s->read("b", 0, 100), "else") << "the others stay";
}

TEST(filesystem_store, AFullDiskIsAFailureThatChangesNothing) {
  scratch dir;
  {
    auto s = filesystem::open_blob_store(dir.path).value();
    ASSERT_TRUE(put(*s, "k", "old"));
  }
  const auto child = ::fork();
  if (child == 0) { // a limit of the file size stands for the full disk: the write fails half way
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{64 << 10, 64 << 10};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto s = filesystem::open_blob_store(dir.path);
    if (!s)
      ::_exit(1);
    auto r = put(**s, "k", std::string(200 << 10, 'n'));
    if (r || r.error().code != errc::unavailable)
      ::_exit(2);
    auto old = (*s)->read("k", 0, 100);
    if (!old || *old != "old")
      ::_exit(3);
    if (!files_below(dir.path + "/tmp").empty())
      ::_exit(4);
    ::_exit(put(**s, "k2", "small") ? 0 : 5);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  auto s = filesystem::open_blob_store(dir.path).value();
  EXPECT_EQ(*s->read("k", 0, 100), "old");
  EXPECT_EQ(*s->read("k2", 0, 100), "small");
}

TEST(filesystem_store, TooLargeIsRefusedAndAFinishedWriterIsDone) {
  scratch dir;
  filesystem::blob_options o;
  o.blob_bytes_max = 10;
  auto s = filesystem::open_blob_store(dir.path, o).value();
  EXPECT_EQ(put(*s, "k", "more than ten bytes").error().code, errc::too_large);
  EXPECT_TRUE(files_below(dir.path + "/tmp").empty());
  auto w = s->put("k", "");
  ASSERT_TRUE((*w)->write("ten bytes!"));
  ASSERT_TRUE((*w)->finish());
  EXPECT_FALSE((*w)->write("x"));
  EXPECT_FALSE((*w)->finish());
  EXPECT_TRUE(*s->remove("k"));
  EXPECT_TRUE(files_below(dir.path + "/objects").empty());
}

TEST(filesystem_store, WritersAndRemoversOfTheSameKeysAgreeWithTheDisk) {
  scratch dir;
  filesystem::blob_options o;
  o.flush = false;
  o.inside_bytes_max = 7; // "bytes 0" is a row, "many bytes 1" an object
  auto s = filesystem::open_blob_store(dir.path, o).value();
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 150; ++i) {
        const auto key = "k" + std::to_string(i % 3);
        if ((i + t) % 4 == 0) {
          EXPECT_TRUE(s->remove(key));
        } else {
          EXPECT_TRUE(put(*s, key, ((i + t) % 2 ? "many bytes " : "bytes ") + std::to_string((i + t) % 5)));
        }
        auto got = s->read(key, 0, 100);
        EXPECT_TRUE(got || got.error().code == errc::not_found) << got.error().detail;
      }
    });
  for (auto& t : threads)
    t.join();
  const auto before = s->list("", "", 10).value();
  s = filesystem::open_blob_store(dir.path, o).value();
  const auto after = s->list("", "", 10).value();
  ASSERT_EQ(before.blobs.size(), after.blobs.size());
  for (std::size_t i = 0; i < before.blobs.size(); ++i)
    EXPECT_EQ(before.blobs[i].sha256, after.blobs[i].sha256);
}

TEST(filesystem_store, SmallBlobsMakeNoFiles) {
  scratch dir;
  auto s = filesystem::open_blob_store(dir.path).value();
  const std::string small(64U << 10, 's'), large(small + "l");
  ASSERT_TRUE(put(*s, "k", small));
  EXPECT_TRUE(files_below(dir.path + "/objects").empty());
  EXPECT_EQ(*s->read("k", 0, 1U << 20), small);
  EXPECT_EQ(*s->read("k", 10, 5), "sssss");
  EXPECT_EQ(s->read("k", small.size() + 1, 5).error().code, errc::invalid);
  ASSERT_TRUE(put(*s, "k", large)) << "it grows";
  EXPECT_EQ(files_below(dir.path + "/objects").size(), 1U);
  EXPECT_EQ(*s->read("k", 0, 1U << 20), large);
  ASSERT_TRUE(put(*s, "k", small)) << "and shrinks";
  EXPECT_TRUE(files_below(dir.path + "/objects").empty());
  s = filesystem::open_blob_store(dir.path).value();
  EXPECT_EQ(*s->read("k", 0, 1U << 20), small);
  EXPECT_TRUE(*s->remove("k"));
  EXPECT_EQ(s->read("k", 0, 5).error().code, errc::not_found);
  s = filesystem::open_blob_store(dir.path).value();
  EXPECT_EQ(s->stat("k").error().code, errc::not_found);
}

TEST(filesystem_store, KeyFilesOfAnEarlierVersionAreTakenOver) {
  scratch dir;
  const std::string bytes = "as it was";
  const auto sha = sha256_hex(bytes);
  std::filesystem::create_directories(dir.path + "/objects/" + sha.substr(0, 2));
  std::filesystem::create_directories(dir.path + "/keys/ab");
  std::ofstream{dir.path + "/objects/" + sha.substr(0, 2) + "/" + sha} << bytes;
  for (const char* key : {"k/1", "k/2"})
    std::ofstream{dir.path + "/keys/ab/" + sha256_hex(key)} << "1\n" << key << "\n" << sha << "\n9\ntext/plain\n1700000000000\n";
  std::ofstream{dir.path + "/keys/ab/torn"} << "1\nk/3\n";
  for (int start = 0; start < 2; ++start) {
    auto s = filesystem::open_blob_store(dir.path);
    ASSERT_TRUE(s) << s.error().detail;
    EXPECT_TRUE(std::filesystem::is_regular_file(dir.path + "/keys"));
    std::error_code ec;
    std::filesystem::create_directories(dir.path + "/keys", ec);
    EXPECT_TRUE(ec) << "as the earlier version begins: it would sweep the objects";
    EXPECT_EQ((*s)->list("", "", 10)->blobs.size(), 2U);
    EXPECT_EQ(*(*s)->read("k/2", 0, 100), bytes);
    EXPECT_EQ((*s)->stat("k/1")->content_type, "text/plain");
    EXPECT_EQ((*s)->stat("k/1")->stored_at.time_since_epoch().count(), 1'700'000'000'000);
  }
}

TEST(filesystem_store, WithoutItsTableNothingIsSwept) {
  scratch dir;
  {
    auto s = filesystem::open_blob_store(dir.path, objects_only()).value();
    ASSERT_TRUE(put(*s, "a", "kept"));
  }
  std::filesystem::rename(dir.path + "/" + filesystem::table_file, dir.path + "/away");
  const auto s = filesystem::open_blob_store(dir.path);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, errc::unavailable);
  EXPECT_EQ(files_below(dir.path + "/objects").size(), 1U);
  std::filesystem::rename(dir.path + "/away", dir.path + "/" + filesystem::table_file);
  EXPECT_EQ(*filesystem::open_blob_store(dir.path).value()->read("a", 0, 10), "kept");
}

TEST(filesystem_store, AFolderThatCannotBeMadeIsSaidSo) {
  scratch dir;
  std::ofstream{dir.path + "/file"} << "x";
  auto s = filesystem::open_blob_store(dir.path + "/file/below");
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, errc::unavailable);
  EXPECT_NE(s.error().detail.find("/file/below"), std::string::npos);
}
} // namespace
} // namespace fm::backends
