// The contract of blob stores, in code; every backend goes through all of it.
#include "protocol/base/sha256.hpp"
#include "storage/sqlite/connection.hpp"
#include "tests/contract/blob_backends.hpp"

#include <thread>

namespace fm::contract {
namespace {

class blob_contract : public testing::TestWithParam<blob_backend> {
protected:
  void SetUp() override {
    if (GetParam().missing())
      GTEST_SKIP() << "no server for s3";
    open();
  }
  void open() {
    store.reset();
    auto s = GetParam().open(dir.path, clock);
    ASSERT_TRUE(s) << s.error().detail;
    store = *s;
  }
  outcome<blob_info> put(const std::string& key, std::string_view bytes,
                         const std::string& type = "text/plain", std::size_t piece = 1U << 20) {
    auto w = store->put(key, type);
    if (!w)
      return w.error();
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      if (auto r = (*w)->write(bytes.substr(at, piece)); !r)
        return r.error();
    return (*w)->finish();
  }
  std::string get(const std::string& key) {
    auto b = store->read(key, 0, 1U << 30);
    return b ? *b : "failure: " + b.error().detail;
  }
  std::vector<std::string> keys(const std::string& prefix, const std::string& after = {},
                                std::size_t limit = 100) {
    std::vector<std::string> out;
    auto page = store->list(prefix, after, limit);
    EXPECT_TRUE(page) << (page ? "" : page.error().detail);
    if (page)
      for (auto& b : page->blobs)
        out.push_back(b.key);
    return out;
  }

  scratch_directory dir;
  std::shared_ptr<turned_clock> clock = std::make_shared<turned_clock>();
  blob_store_ptr store;
};

TEST_P(blob_contract, WhatIsPutIsReadBackByteForByteWithItsFacts) {
  const std::string bytes("\0\x01\xFF text \r\n", 11);
  auto i = put("a/b.bin", bytes, "application/x-test");
  ASSERT_TRUE(i) << i.error().detail;
  EXPECT_EQ(i->sha256, sha256_hex(bytes));
  EXPECT_EQ(i->size, bytes.size());
  EXPECT_EQ(get("a/b.bin"), bytes);
  auto s = store->stat("a/b.bin");
  ASSERT_TRUE(s);
  EXPECT_EQ(s->sha256, i->sha256);
  EXPECT_EQ(s->size, i->size);
  EXPECT_EQ(s->content_type, "application/x-test");
  EXPECT_EQ(s->stored_at, clock->now());
}

TEST_P(blob_contract, AnEmptyBlobIsABlob) {
  ASSERT_TRUE(put("empty", ""));
  EXPECT_EQ(store->stat("empty")->size, 0U);
  EXPECT_EQ(get("empty"), "");
}

TEST_P(blob_contract, RangesGiveWhatIsThereAndRefuseWhatLiesBehindTheEnd) {
  ASSERT_TRUE(put("r", "0123456789"));
  EXPECT_EQ(*store->read("r", 2, 3), "234");
  EXPECT_EQ(*store->read("r", 8, 100), "89");
  EXPECT_EQ(*store->read("r", 10, 5), "");
  EXPECT_EQ(*store->read("r", 3, 0), "");
  EXPECT_EQ(store->read("r", 11, 1).error().code, errc::invalid);
}

TEST_P(blob_contract, NothingIsSeenBeforeItIsFinishedAndNothingStaysOfWhatWasDropped) {
  {
    auto w = store->put("half", "text/plain");
    ASSERT_TRUE(w);
    ASSERT_TRUE((*w)->write("some"));
    EXPECT_EQ(store->stat("half").error().code, errc::not_found);
  }
  EXPECT_EQ(store->stat("half").error().code, errc::not_found);
  ASSERT_TRUE(put("kept", "old"));
  {
    auto w = store->put("kept", "text/plain");
    ASSERT_TRUE((*w)->write("new but dropped"));
  }
  EXPECT_EQ(get("kept"), "old");
}

TEST_P(blob_contract, ReplacingGivesTheNewBytes) {
  ASSERT_TRUE(put("k", "first", "text/plain"));
  ASSERT_TRUE(put("k", "second", "text/html"));
  EXPECT_EQ(get("k"), "second");
  EXPECT_EQ(store->stat("k")->content_type, "text/html");
  EXPECT_EQ(keys("k").size(), 1U);
}

TEST_P(blob_contract, LargeBlobsGoInPartsAndComeBackWhole) {
  std::string bytes;
  for (std::size_t i = 0; bytes.size() < (20U << 20); ++i)
    bytes += std::to_string(i * 2'654'435'761U) + "\n";
  auto i = put("large", bytes, "text/plain", 700'000);
  ASSERT_TRUE(i) << i.error().detail;
  EXPECT_EQ(i->sha256, sha256_hex(bytes));
  EXPECT_EQ(store->stat("large")->size, bytes.size());
  EXPECT_EQ(store->stat("large")->sha256, i->sha256);
  EXPECT_EQ(*store->read("large", 9'000'000, 1'000), bytes.substr(9'000'000, 1'000));
  EXPECT_TRUE(get("large") == bytes);
}

TEST_P(blob_contract, SameBytesUnderTwoKeysAreIndependent) {
  ASSERT_TRUE(put("one", "same"));
  ASSERT_TRUE(put("two", "same"));
  EXPECT_TRUE(*store->remove("one"));
  EXPECT_EQ(get("two"), "same");
  EXPECT_FALSE(*store->remove("one"));
  EXPECT_EQ(store->read("one", 0, 1).error().code, errc::not_found);
}

TEST_P(blob_contract, ListsArePagedInOrderOfTheKey) {
  for (const char* key : {"p/c", "p/a", "p/b", "q/a", "p2"})
    ASSERT_TRUE(put(key, key));
  EXPECT_EQ(keys("p/"), (std::vector<std::string>{"p/a", "p/b", "p/c"}));
  EXPECT_EQ(keys("p/", "p/a"), (std::vector<std::string>{"p/b", "p/c"}));
  EXPECT_EQ(keys("").size(), 5U);
  EXPECT_TRUE(keys("nothing/").empty());
  auto page = store->list("p/", "", 2);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->blobs.size(), 2U);
  EXPECT_TRUE(page->more);
  EXPECT_EQ(page->blobs[0].sha256, sha256_hex("p/a"));
  EXPECT_FALSE(store->list("p/", "p/b", 2)->more);
}

TEST_P(blob_contract, CrookedKeysAreRefused) {
  const std::vector<std::string> crooked = {"",      "/a",  "a//b", "a/../b", "..",
                                            "a/./b", "a b", "a/",   "ä",      std::string(513, 'a')};
  for (const auto& key : crooked)
    EXPECT_EQ(store->put(key, "").error().code, errc::invalid) << key;
  ASSERT_TRUE(put(std::string(400, 'a') + "/" + std::string(111, 'b'), "long"));
}

TEST_P(blob_contract, WithoutATypeItIsAStreamOfOctets) {
  ASSERT_TRUE(put("t", "x", ""));
  EXPECT_EQ(store->stat("t")->content_type, "application/octet-stream");
}

TEST_P(blob_contract, ManyWritersAtOnceLeaveOneWholeBlob) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i)
    threads.emplace_back(
        [&, i] { EXPECT_TRUE(put("contended", std::string(50'000, static_cast<char>('a' + i)))); });
  for (auto& t : threads)
    t.join();
  const auto bytes = get("contended");
  ASSERT_EQ(bytes.size(), 50'000U);
  EXPECT_EQ(bytes, std::string(50'000, bytes[0]));
}

TEST_P(blob_contract, EverythingIsThereAfterOpeningAgain) {
  ASSERT_TRUE(put("x/y", "stays"));
  if (GetParam().keeps)
    open();
  EXPECT_EQ(get("x/y"), "stays");
  EXPECT_EQ(keys("x/").size(), 1U);
  EXPECT_TRUE(store->ping());
}

TEST_P(blob_contract, LifecycleRulesAreTakenAndTakenBack) {
  ASSERT_TRUE(store->set_lifecycle("old/", std::chrono::days{90}));
  ASSERT_TRUE(store->set_lifecycle("older/", std::chrono::days{365}));
  ASSERT_TRUE(put("old/a", "1"));
  ASSERT_TRUE(put("new/a", "1"));
  clock->ms += 91LL * 86'400'000;
  ASSERT_TRUE(store->sweep());
  EXPECT_EQ(keys("new/").size(), 1U);
  if (GetParam().name != "s3") { // there the server does it, on its own clock
    EXPECT_TRUE(keys("old/").empty());
  }
  ASSERT_TRUE(store->set_lifecycle("old/", std::nullopt));
  ASSERT_TRUE(store->set_lifecycle("older/", std::nullopt));
}

INSTANTIATE_TEST_SUITE_P(backends, blob_contract, every_blob_backend(), blob_backend_name);

TEST(s3_store, AWrongSecretIsRefusedBecauseSignaturesAreVerified) {
  if (std::getenv("FM_TEST_S3") == nullptr)
    GTEST_SKIP() << "no server for s3";
  auto o = s3_options("x/");
  o.secret_key = "wrong";
  auto s = s3::open_blob_store(o, make_curl_client({}), system_clock_source());
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().detail.find("refuses our keys"), std::string::npos) << s.error().detail;
}

TEST(filesystem_store, DamageIsFoundWhenABlobIsReadWhole) {
  scratch_directory dir;
  filesystem::blob_options o;
  o.inside_bytes_max = 8;
  auto store = filesystem::open_blob_store(dir.path, o).value();
  const auto put = [&](const char* key, const char* bytes) {
    auto w = store->put(key, "");
    EXPECT_TRUE((*w)->write(bytes));
    return (*w)->finish().value();
  };
  (void)put("small", "precious");
  const auto i = put("k", "very precious");
  const auto object = dir.path + "/objects/" + i.sha256.substr(0, 2) + "/" + i.sha256;
  std::filesystem::permissions(object, std::filesystem::perms::owner_all);
  std::FILE* f = std::fopen(object.c_str(), "r+");
  ASSERT_NE(f, nullptr);
  std::fputc('X', f);
  std::fclose(f);
  EXPECT_EQ(store->read("k", 0, 100).error().code, errc::unavailable);
  {
    sqlite::connection c{{dir.path + "/" + filesystem::table_file}};
    c.execute("UPDATE blob_bytes SET bytes = CAST('Precious' AS BLOB)");
  }
  EXPECT_EQ(store->read("small", 0, 100).error().code, errc::unavailable);
  EXPECT_EQ(store->read("small", 2, 3).error().code, errc::unavailable);
}
} // namespace
} // namespace fm::contract
