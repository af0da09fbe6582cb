// The contract of embedding caches.
#include "tests/contract/backends.hpp"

#include <fstream>

namespace fm::contract {
namespace {
struct embedding_cache_contract : testing::TestWithParam<const char*> {
  scratch_directory dir;
  opened_storage storage;
  std::uint64_t bytes = 4'000;
  bool durable() const { return std::string{"sqlite"} == GetParam(); }
  void SetUp() override { open(); }
  void open() {
    storage = {};
    auto s = all_in_memory();
    s.users = GetParam(); // whatever lives in the data directory makes it there
    s.data_directory = dir.path + "/data";
    s.embedding_cache_bytes = bytes;
    auto opened = open_storage(s);
    ASSERT_TRUE(opened) << opened.error().detail;
    storage = std::move(*opened);
  }
  embedding_cache& cache() { return *storage.embeddings; }
  static std::string key(int n) { return std::string(60, 'a') + std::to_string(1'000 + n); }
  void put(int n, float x) {
    const std::vector<cached_embedding> one{{key(n), std::vector<float>(100, x)}};
    auto r = cache().put(one);
    ASSERT_TRUE(r) << r.error().detail;
  }
  std::vector<float> get(int n) {
    const std::vector<std::string> keys{key(n)};
    auto r = cache().get(keys);
    EXPECT_TRUE(r);
    return r ? r->at(0) : std::vector<float>{};
  }
};
INSTANTIATE_TEST_SUITE_P(backends, embedding_cache_contract, testing::Values("inmemory", "sqlite"));

TEST_P(embedding_cache_contract, WhatWasPutIsFoundAlsoAfterARestart) {
  put(1, 0.25F);
  put(2, -1.5F);
  const std::vector<std::string> keys{key(2), key(9), key(1)};
  auto found = cache().get(keys).value();
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0], std::vector<float>(100, -1.5F));
  EXPECT_TRUE(found[1].empty());
  EXPECT_EQ(found[2], std::vector<float>(100, 0.25F));
  if (durable()) {
    open();
    EXPECT_EQ(get(1), std::vector<float>(100, 0.25F));
  }
}

TEST_P(embedding_cache_contract, TheOldestGiveWayAboveTheBound) {
  for (int i = 0; i < 25; ++i)
    put(i, static_cast<float>(i));
  EXPECT_EQ(cache().size().value(), 10U) << "400 bytes each";
  EXPECT_TRUE(get(14).empty());
  EXPECT_EQ(get(15).size(), 100U);
  if (durable()) {
    bytes = 2'000;
    open();
    put(30, 30);
    EXPECT_EQ(cache().size().value(), 5U) << "a smaller bound counts at once";
    EXPECT_EQ(get(30).size(), 100U);
  }
}

TEST_P(embedding_cache_contract, TheSameKeyTwiceIsOneEntry) {
  put(1, 1);
  put(1, 1);
  EXPECT_EQ(cache().size().value(), 1U);
}

TEST_P(embedding_cache_contract, ADamagedFileIsBegunAnew) {
  if (!durable())
    return;
  put(1, 1);
  storage = {};
  std::ofstream{dir.path + "/data/embeddings.db", std::ios::trunc | std::ios::binary} << std::string(10'000, 'z');
  open();
  EXPECT_TRUE(get(1).empty());
  put(1, 2);
  EXPECT_EQ(get(1), std::vector<float>(100, 2.0F));
}
} // namespace
} // namespace fm::contract
