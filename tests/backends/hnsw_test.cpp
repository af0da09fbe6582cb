// What only the HNSW store can show: its log under crashes and damage, its snapshots, and how well it finds.
#include "storage/hnsw/vector_store.hpp"
#include "storage/inmemory/vector_store.hpp"
#include "tests/backends/crash.hpp"

#include <algorithm>
#include <atomic>
#include <fstream>
#include <random>
#include <thread>

namespace fm::backends {
namespace {
using relation = metadata_condition::relation;

std::vector<float> point(std::mt19937& random, std::size_t dimension) {
  std::normal_distribution<float> gauss;
  std::vector<float> v(dimension);
  for (auto& x : v)
    x = gauss(random);
  return v;
}
/// The n-th batch of a fixed history: new items, some replaced ones.
std::vector<vector_item> batch(std::uint64_t n, std::size_t size = 4, std::size_t dimension = 8) {
  std::mt19937 random{static_cast<std::uint32_t>(n + 1)};
  std::vector<vector_item> items;
  for (std::size_t i = 0; i < size; ++i)
    items.push_back({"v" + std::to_string(n * (size - 1) + i), point(random, dimension), "of batch " + std::to_string(n), {{"batch", static_cast<std::int64_t>(n)}}});
  return items;
}
vector_store_ptr opened(const std::string& path, const hnsw::vector_options& options = {}) {
  auto s = hnsw::open_vector_store(path, options);
  EXPECT_TRUE(s) << (s ? "" : s.error().detail);
  return s ? *s : nullptr;
}
hnsw::vector_options graph_always() {
  hnsw::vector_options o;
  o.exact_max = 0;
  return o;
}
std::string bytes_of(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}
void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream out{path, std::ios::binary | std::ios::trunc};
  out << bytes;
}
std::vector<std::string> snapshots(const std::string& folder) {
  std::vector<std::string> found;
  for (auto& f : std::filesystem::directory_iterator{folder})
    if (f.path().filename().string().find(".graph-") != std::string::npos)
      found.push_back(f.path().string());
  return found;
}
std::vector<std::string> ids(const outcome<std::vector<vector_hit>>& hits) {
  std::vector<std::string> out;
  EXPECT_TRUE(hits) << (hits ? "" : hits.error().detail);
  if (hits)
    for (auto& h : *hits)
      out.push_back(h.id);
  return out;
}
/// Everything both stores hold and find is the same.
void expect_same(const vector_store& got, const vector_store& want, std::size_t dimension = 8) {
  auto a = got.find("things", {}, "", 100'000), b = want.find("things", {}, "", 100'000);
  ASSERT_TRUE(a && b);
  ASSERT_EQ(a->size(), b->size());
  for (std::size_t i = 0; i < a->size(); ++i) {
    ASSERT_EQ((*a)[i].id, (*b)[i].id);
    ASSERT_EQ((*a)[i].document, (*b)[i].document);
    ASSERT_EQ((*a)[i].metadata, (*b)[i].metadata);
    ASSERT_EQ((*a)[i].embedding, (*b)[i].embedding);
  }
  std::mt19937 random{5};
  for (int q = 0; q < 10; ++q) {
    const auto v = point(random, dimension);
    EXPECT_EQ(ids(got.query("things", v, 5, {})), ids(want.query("things", v, 5, {})));
  }
}
vector_store_ptr history(std::uint64_t batches) {
  auto s = inmemory::make_vector_store();
  EXPECT_TRUE(s->create_collection("things", 8, {}));
  for (std::uint64_t n = 0; n < batches; ++n)
    EXPECT_TRUE(s->upsert("things", batch(n)));
  return s;
}

TEST(hnsw_store, KilledWhileWritingItGivesTheSameAnswersAsWhatItAcknowledged) {
  for (std::uint64_t round = 0; round < 12; ++round) {
    scratch dir;
    hnsw::vector_options small = graph_always();
    small.snapshot_every = 20; // so that crashes fall into snapshots too
    const auto acknowledged = killed_after(5 + 7 * round, std::chrono::microseconds{(round * 1'733) % 9'000}, [&](auto& acknowledge) {
      auto s = *hnsw::open_vector_store(dir.path, small);
      if (!s->create_collection("things", 8, {}))
        ::_exit(4);
      for (std::uint64_t n = 0;; ++n) {
        if (!s->upsert("things", batch(n)))
          ::_exit(5);
        acknowledge();
      }
    });
    auto s = opened(dir.path, small);
    ASSERT_TRUE(s);
    const auto last = s->find("things", {{"batch", relation::greater_equal, {static_cast<std::int64_t>(acknowledged)}}}, "", 100);
    ASSERT_TRUE(last);
    // What was on its way when the crash came may be there as a whole, or not at all.
    ASSERT_TRUE(last->empty() || last->size() == 4) << last->size();
    expect_same(*s, *history(acknowledged + (last->empty() ? 0 : 1)));
    ASSERT_TRUE(s->upsert("things", batch(acknowledged + 1))) << "it goes on";
  }
}

TEST(hnsw_store, WhereverTheLogIsCutAWholeNumberOfBatchesStays) {
  scratch dir;
  {
    auto s = opened(dir.path);
    ASSERT_TRUE(s->create_collection("things", 8, {}));
    for (std::uint64_t n = 0; n < 6; ++n)
      ASSERT_TRUE(s->upsert("things", batch(n)));
  }
  const auto log = dir.path + "/things.log";
  const auto whole = bytes_of(log);
  std::uint64_t before = 0;
  for (std::size_t cut = 0; cut <= whole.size(); cut += cut + 13 > whole.size() && cut != whole.size() ? whole.size() - cut : 13) {
    write_bytes(log, whole.substr(0, cut));
    auto s = opened(dir.path);
    ASSERT_TRUE(s);
    const auto info = s->collection("things");
    if (!info) {
      ASSERT_EQ(before, 0U);
      continue;
    }
    ASSERT_TRUE(info->count == 0 || info->count % 3 == 1) << "batches of 4 that share one: " << info->count;
    ASSERT_GE(info->count, before);
    before = info->count;
    if (info->count > 0) {
      expect_same(*s, *history((info->count - 1) / 3));
    }
    ASSERT_TRUE(s->upsert("things", batch(99)));
  }
  EXPECT_EQ(before, 19U);
}

TEST(hnsw_store, DamageBeforeTheEndIsAFailureNotALoss) {
  scratch dir;
  {
    auto s = opened(dir.path);
    ASSERT_TRUE(s->create_collection("things", 8, {}));
    for (std::uint64_t n = 0; n < 6; ++n)
      ASSERT_TRUE(s->upsert("things", batch(n)));
  }
  const auto log = dir.path + "/things.log";
  const auto whole = bytes_of(log);
  // Anywhere but in the last record: lengths, checksums, payloads.
  for (std::size_t at = 0; at + whole.size() / 4 < whole.size(); at += 5) {
    auto damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x40);
    write_bytes(log, damaged);
    auto s = hnsw::open_vector_store(dir.path);
    ASSERT_FALSE(s) << "byte " << at;
    EXPECT_EQ(s.error().code, errc::unavailable);
    EXPECT_NE(s.error().detail.find("damaged"), std::string::npos);
    EXPECT_EQ(bytes_of(log).size(), whole.size()) << "nothing is cut off";
  }
}

TEST(hnsw_store, ADamagedSnapshotIsLeftAside) {
  scratch dir;
  hnsw::vector_options o = graph_always();
  o.snapshot_every = 100;
  {
    auto s = opened(dir.path, o);
    ASSERT_TRUE(s->create_collection("things", 8, {}));
    for (std::uint64_t n = 0; n < 60; ++n)
      ASSERT_TRUE(s->upsert("things", batch(n)));
  }
  ASSERT_EQ(snapshots(dir.path).size(), 1U);
  const auto name = snapshots(dir.path).front();
  const auto whole = bytes_of(name);
  const auto wanted = history(60);
  std::vector<std::string> bad{whole.substr(0, whole.size() / 2), "", whole + "more"};
  for (std::size_t at = 104; at < whole.size(); at += whole.size() / 23) {
    bad.push_back(whole);
    for (std::size_t i = 0; i < 4 && at + i < whole.size(); ++i)
      bad.back()[at + i] = '\xEE';
  }
  for (auto& b : bad) {
    for (auto& other : snapshots(dir.path))
      std::filesystem::remove(other);
    write_bytes(name, b);
    auto s = hnsw::open_vector_store(dir.path, o);
    ASSERT_TRUE(s) << s.error().detail;
    auto got = (*s)->query("things", batch(7)[1].embedding, 5, {});
    ASSERT_TRUE(got) << got.error().detail;
    EXPECT_EQ((*(*s)->find("things", {}, "", 1'000)).size(), 181U);
  }
  for (auto& other : snapshots(dir.path))
    std::filesystem::remove(other);
  expect_same(*opened(dir.path, o), *wanted);
}

TEST(hnsw_store, ASnapshotOfACollectionThatWasDroppedIsNotUsed) {
  scratch dir;
  hnsw::vector_options o = graph_always();
  o.snapshot_every = 10;
  {
    auto s = opened(dir.path, o);
    ASSERT_TRUE(s->create_collection("things", 8, {}));
    for (std::uint64_t n = 0; n < 10; ++n)
      ASSERT_TRUE(s->upsert("things", batch(n)));
  }
  ASSERT_FALSE(snapshots(dir.path).empty());
  const auto name = snapshots(dir.path).front();
  const auto old = bytes_of(name);
  auto other = inmemory::make_vector_store();
  {
    auto s = opened(dir.path, o);
    ASSERT_TRUE(*s->drop_collection("things"));
    EXPECT_TRUE(snapshots(dir.path).empty());
    for (auto* each : {s.get(), other.get()}) {
      ASSERT_TRUE(each->create_collection("things", 8, {}));
      for (std::uint64_t n = 100; n < 120; ++n)
        ASSERT_TRUE(each->upsert("things", batch(n)));
    }
  }
  write_bytes(name, old);
  expect_same(*opened(dir.path, o), *other);
}

TEST(hnsw_store, ALogThatIsMostlyDeadIsWrittenAnew) {
  scratch dir;
  hnsw::vector_options o;
  o.compact_after = 1'000;
  auto s = opened(dir.path, o);
  auto wanted = inmemory::make_vector_store();
  for (auto* each : {s.get(), wanted.get()})
    ASSERT_TRUE(each->create_collection("things", 4, {{"embedder", "x"}}));
  std::uintmax_t largest = 0;
  for (std::uint32_t round = 0; round < 26; ++round) {
    std::mt19937 random{round};
    std::vector<vector_item> items;
    for (int i = 0; i < 40; ++i)
      items.push_back({"v" + std::to_string(i), point(random, 4), "round " + std::to_string(round), {}});
    ASSERT_TRUE(s->upsert("things", items));
    ASSERT_TRUE(wanted->upsert("things", items));
    largest = std::max(largest, std::filesystem::file_size(dir.path + "/things.log"));
  }
  EXPECT_LT(std::filesystem::file_size(dir.path + "/things.log"), largest / 4);
  expect_same(*s, *wanted, 4);
  s = opened(dir.path);
  EXPECT_EQ(std::get<std::string>(s->collection("things")->metadata.at("embedder")), "x");
  expect_same(*s, *wanted, 4);
}

TEST(hnsw_store, PointsWithoutAnyOrderAreFoundToo) {
  scratch dir;
  hnsw::vector_options o;
  o.m = 6; // a poor graph: only looking twice gives the right ones
  o.ef = 10;
  o.flush = false;
  auto s = opened(dir.path, o);
  auto exact = inmemory::make_vector_store();
  std::mt19937 random{11};
  for (auto* each : {s.get(), exact.get()})
    ASSERT_TRUE(each->create_collection("things", 64, {}));
  for (int part = 0; part < 6; ++part) {
    std::vector<vector_item> items;
    for (int i = 0; i < 500; ++i)
      items.push_back({"v" + std::to_string(part * 500 + i), point(random, 64), "", {{"tenth", std::int64_t{i % 10}}, {"name", i % 3 == 0 ? "a" : "b"}}});
    ASSERT_TRUE(s->upsert("things", items));
    ASSERT_TRUE(exact->upsert("things", items));
  }
  const std::vector<metadata_filter> filters{{}, {{"tenth", relation::equal, {std::int64_t{3}}}}, {{"name", relation::equal, {std::string{"a"}}}, {"tenth", relation::less, {std::int64_t{5}}}},
                                             {{"tenth", relation::one_of, {std::int64_t{1}, std::int64_t{2}}}}, {{"tenth", relation::equal, {std::int64_t{77}}}}};
  for (auto& filter : filters) {
    std::size_t right = 0, wanted = 0;
    for (int q = 0; q < 20; ++q) {
      const auto v = point(random, 64);
      const auto want = ids(exact->query("things", v, 5, filter)), got = ids(s->query("things", v, 5, filter));
      EXPECT_EQ(got.size(), want.size());
      wanted += want.size();
      for (auto& id : got)
        right += static_cast<std::size_t>(std::count(want.begin(), want.end(), id));
    }
    EXPECT_GE(right * 100, wanted * 95);
  }
}

TEST(hnsw_store, QueriesGoOnWhileWritersWork) {
  scratch dir;
  hnsw::vector_options o = graph_always();
  o.flush = false;
  o.snapshot_every = 50;
  auto s = opened(dir.path, o);
  ASSERT_TRUE(s->create_collection("things", 8, {}));
  ASSERT_TRUE(s->upsert("things", batch(0)));
  std::atomic<bool> stop{false};
  std::atomic<int> asked{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t)
    readers.emplace_back([&] {
      std::mt19937 random{3};
      while (!stop) {
        auto hits = s->query("things", point(random, 8), 3, {});
        EXPECT_TRUE(hits);
        EXPECT_FALSE(hits->empty());
        ++asked;
      }
    });
  std::thread second{[&] {
    for (std::uint64_t n = 200; n < 260; ++n)
      EXPECT_TRUE(s->upsert("things", batch(n)));
  }};
  const std::vector<std::string> some{"v4", "v8"};
  for (std::uint64_t n = 1; n < 60; ++n) {
    EXPECT_TRUE(s->upsert("things", batch(n)));
    EXPECT_TRUE(s->remove("things", some));
  }
  second.join();
  stop = true;
  for (auto& r : readers)
    r.join();
  EXPECT_GT(asked, 0);
  EXPECT_EQ(s->collection("things")->count, s->find("things", {}, "", 10'000)->size());
}

TEST(hnsw_store, AFolderThatCannotBeMadeIsSaidSo) {
  scratch dir;
  write_bytes(dir.path + "/file", "x");
  auto s = hnsw::open_vector_store(dir.path + "/file/below");
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, errc::unavailable);
  EXPECT_NE(s.error().detail.find("/file/below"), std::string::npos);
}
} // namespace
} // namespace fm::backends
