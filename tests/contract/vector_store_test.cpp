// The contract of vector stores, in code; every backend goes through all of it.
#include "http/client/curl_client.hpp"
#include "storage/chroma/vector_store.hpp"
#include "storage/hnsw/vector_store.hpp"
#include "storage/inmemory/vector_store.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <random>
#include <unistd.h>

namespace {
using namespace fm;
using relation = metadata_condition::relation;

struct backend {
  std::string name;
  /// Opens (again) what lives in the folder.
  std::function<outcome<vector_store_ptr>(const std::string& folder)> open;
  bool keeps = true; ///< survives being opened again
};
std::ostream& operator<<(std::ostream& out, const backend& b) { return out << b.name; }

std::vector<float> near(std::size_t axis, float noise, std::size_t dimension = 8) {
  std::vector<float> v(dimension, noise);
  v[axis] = 1.0F;
  return v;
}

class vector_contract : public testing::TestWithParam<backend> {
protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("fm-vectors-" + std::to_string(::getpid()) + "-" + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
    open();
    if (store_ && GetParam().name == "chroma") { // one server for all tests
      for (const char* name : {"things", "ties", "other", "many"})
        ASSERT_TRUE(store_->drop_collection(name));
    }
  }
  void TearDown() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  void open() {
    store_.reset();
    if (GetParam().name == "chroma" && std::getenv("FM_TEST_CHROMA") == nullptr)
      GTEST_SKIP() << "no server for chroma";
    auto s = GetParam().open(folder_.string());
    ASSERT_TRUE(s) << s.error().detail;
    store_ = *s;
  }
  void fill() {
    ASSERT_TRUE(store_->create_collection("things", 8, {{"embedder", "test/8"}}));
    std::vector<vector_item> items;
    for (int i = 0; i < 8; ++i)
      items.push_back({"item" + std::to_string(i), near(static_cast<std::size_t>(i), 0.05F), "text " + std::to_string(i),
                       {{"n", std::int64_t{i}}, {"kind", i % 2 == 0 ? "even" : "odd"}, {"half", i / 2.0}, {"low", i < 4}}});
    ASSERT_TRUE(store_->upsert("things", items));
  }
  std::vector<std::string> ids(const outcome<std::vector<vector_hit>>& hits) {
    std::vector<std::string> out;
    if (hits)
      for (auto& h : *hits)
        out.push_back(h.id);
    else
      ADD_FAILURE() << hits.error().detail;
    return out;
  }

  std::filesystem::path folder_;
  vector_store_ptr store_;
};

TEST_P(vector_contract, TheNearestComesFirstWithItsTextAndMetadata) {
  fill();
  auto hits = store_->query("things", near(3, 0.0F), 3, {});
  ASSERT_TRUE(hits) << hits.error().detail;
  ASSERT_EQ(hits->size(), 3U);
  EXPECT_EQ((*hits)[0].id, "item3");
  EXPECT_EQ((*hits)[0].document, "text 3");
  EXPECT_EQ(std::get<std::int64_t>((*hits)[0].metadata.at("n")), 3);
  EXPECT_EQ(std::get<std::string>((*hits)[0].metadata.at("kind")), "odd");
  EXPECT_NEAR((*hits)[0].similarity, 1.0 / std::sqrt(1.0 + 7 * 0.05 * 0.05), 1e-4);
  EXPECT_GE((*hits)[0].similarity, (*hits)[1].similarity);
}

TEST_P(vector_contract, LengthDoesNotMatterDirectionDoes) {
  fill();
  auto v = near(5, 0.0F);
  for (auto& x : v)
    x *= 1'000.0F;
  EXPECT_EQ(ids(store_->query("things", v, 1, {})), std::vector<std::string>{"item5"});
}

TEST_P(vector_contract, TiesComeInOrderOfTheId) {
  ASSERT_TRUE(store_->create_collection("ties", 2, {}));
  const std::vector<vector_item> items{{"b", {1, 0}, "", {}}, {"a", {1, 0}, "", {}}, {"c", {1, 0}, "", {}}};
  ASSERT_TRUE(store_->upsert("ties", items));
  EXPECT_EQ(ids(store_->query("ties", std::vector<float>{1, 0}, 3, {})), (std::vector<std::string>{"a", "b", "c"}));
}

TEST_P(vector_contract, FiltersMeanWhatTheySay) {
  fill();
  const auto all = [&](metadata_filter f) {
    std::vector<std::string> out;
    auto found = store_->find("things", f, "", 100);
    EXPECT_TRUE(found) << found.error().detail;
    for (auto& i : *found)
      out.push_back(i.id.substr(4));
    return out;
  };
  using v = std::vector<std::string>;
  EXPECT_EQ(all({{"kind", relation::equal, {"odd"}}}), (v{"1", "3", "5", "7"}));
  EXPECT_EQ(all({{"kind", relation::not_equal, {"odd"}}}), (v{"0", "2", "4", "6"}));
  EXPECT_EQ(all({{"n", relation::less, {std::int64_t{2}}}}), (v{"0", "1"}));
  EXPECT_EQ(all({{"n", relation::less_equal, {std::int64_t{2}}}}), (v{"0", "1", "2"}));
  EXPECT_EQ(all({{"half", relation::greater, {3.0}}}), (v{"7"}));
  EXPECT_EQ(all({{"half", relation::greater_equal, {3.0}}}), (v{"6", "7"}));
  EXPECT_EQ(all({{"n", relation::one_of, {std::int64_t{1}, std::int64_t{6}}}}), (v{"1", "6"}));
  EXPECT_EQ(all({{"low", relation::equal, {true}}, {"kind", relation::equal, {"even"}}}), (v{"0", "2"}));
  EXPECT_EQ(all({{"missing", relation::equal, {"x"}}}), v{});
  EXPECT_EQ(ids(store_->query("things", near(3, 0.0F), 8, {{"kind", relation::equal, {"even"}}})).size(), 4U);
}

TEST_P(vector_contract, UpsertReplacesAndKeepsTheCount) {
  fill();
  const std::vector<vector_item> again{{"item3", near(0, 0.0F), "moved", {{"n", std::int64_t{33}}}}};
  ASSERT_TRUE(store_->upsert("things", again));
  EXPECT_EQ(store_->collection("things")->count, 8U);
  auto hits = store_->query("things", near(0, 0.0F), 2, {});
  EXPECT_EQ(ids(hits), (std::vector<std::string>{"item3", "item0"}));
  EXPECT_EQ((*hits)[0].document, "moved");
  EXPECT_FALSE((*hits)[0].metadata.contains("kind")) << "replaced as a whole";
}

TEST_P(vector_contract, GetGivesWhatWasPutInOrderOfTheId) {
  fill();
  const std::vector<std::string> asked{"item5", "item1", "nobody", "item5"};
  auto got = store_->get("things", asked);
  ASSERT_TRUE(got);
  ASSERT_EQ(got->size(), 2U);
  EXPECT_EQ((*got)[0].id, "item1");
  ASSERT_EQ((*got)[1].embedding.size(), 8U);
  EXPECT_NEAR((*got)[1].embedding[5], 1.0F, 1e-5);
  EXPECT_NEAR((*got)[1].embedding[0], 0.05F, 1e-5);
}

TEST_P(vector_contract, PagesOfFindGoOnAfterAnId) {
  fill();
  auto first = store_->find("things", {}, "", 3);
  auto second = store_->find("things", {}, "item2", 3);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->back().id, "item2");
  EXPECT_EQ(second->front().id, "item3");
  EXPECT_TRUE(store_->find("things", {}, "item7", 3)->empty());
}

TEST_P(vector_contract, WhatWasRemovedIsNotFoundAgain) {
  fill();
  const std::vector<std::string> some{"item3", "item3", "nobody"};
  EXPECT_EQ(*store_->remove("things", some), 1U);
  EXPECT_EQ(*store_->remove("things", some), 0U);
  EXPECT_EQ(*store_->remove_matching("things", {{"kind", relation::equal, {"odd"}}}), 3U);
  EXPECT_EQ(store_->collection("things")->count, 4U);
  for (auto& id : ids(store_->query("things", near(3, 0.0F), 8, {})))
    EXPECT_TRUE(id == "item0" || id == "item2" || id == "item4" || id == "item6") << id;
}

TEST_P(vector_contract, AnotherDimensionIsRefusedWithBothNumbers) {
  fill();
  const std::vector<vector_item> wrong{{"good", near(1, 0.0F), "", {}}, {"bad", {1, 2, 3}, "", {}}};
  auto r = store_->upsert("things", wrong);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, errc::invalid);
  EXPECT_NE(r.error().detail.find('8'), std::string::npos) << r.error().detail;
  EXPECT_NE(r.error().detail.find('3'), std::string::npos) << r.error().detail;
  EXPECT_EQ(store_->collection("things")->count, 8U) << "all or nothing";
  EXPECT_EQ(store_->query("things", std::vector<float>{1, 2}, 1, {}).error().code, errc::invalid);
  EXPECT_EQ(store_->create_collection("things", 9, {}).error().code, errc::conflict);
  EXPECT_TRUE(store_->create_collection("things", 8, {})) << "making it again changes nothing";
  EXPECT_EQ(store_->collection("things")->count, 8U);
}

TEST_P(vector_contract, ZeroAndEndlessVectorsAreRefused) {
  fill();
  EXPECT_EQ(store_->upsert("things", std::vector<vector_item>{{"z", std::vector<float>(8, 0.0F), "", {}}}).error().code, errc::invalid);
  EXPECT_EQ(store_->upsert("things", std::vector<vector_item>{{"z", near(1, NAN), "", {}}}).error().code, errc::invalid);
}

TEST_P(vector_contract, BoundsAreKept) {
  fill();
  EXPECT_EQ(store_->query("things", near(1, 0.0F), 0, {}).error().code, errc::invalid);
  EXPECT_EQ(store_->query("things", near(1, 0.0F), 1'001, {}).error().code, errc::invalid);
  EXPECT_EQ(store_->upsert("things", std::vector<vector_item>{{"", near(1, 0.0F), "", {}}}).error().code, errc::invalid);
  EXPECT_EQ(store_->upsert("things", std::vector<vector_item>{{"d", near(1, 0.0F), std::string(70'000, 'x'), {}}}).error().code, errc::too_large);
  for (const char* bad : {"ab", "Upper", "-dash", "sp ace", "dash-"})
    EXPECT_EQ(store_->create_collection(bad, 8, {}).error().code, errc::invalid) << bad;
}

TEST_P(vector_contract, AMissingCollectionIsNotFoundEverywhere) {
  const std::vector<std::string> none;
  EXPECT_EQ(store_->collection("nothing").error().code, errc::not_found);
  EXPECT_EQ(store_->query("nothing", near(0, 0.0F), 1, {}).error().code, errc::not_found);
  EXPECT_EQ(store_->upsert("nothing", std::vector<vector_item>{{"a", near(0, 0.0F), "", {}}}).error().code, errc::not_found);
  EXPECT_EQ(store_->get("nothing", none).error().code, errc::not_found);
  EXPECT_FALSE(*store_->drop_collection("nothing"));
}

TEST_P(vector_contract, CollectionsAreSeparateAndCanBeDropped) {
  fill();
  ASSERT_TRUE(store_->create_collection("other", 2, {{"embedder", "x"}}));
  EXPECT_EQ(store_->collections()->size(), 2U);
  EXPECT_EQ(store_->collection("other")->dimension, 2U);
  EXPECT_EQ(std::get<std::string>(store_->collection("things")->metadata.at("embedder")), "test/8");
  EXPECT_TRUE(*store_->drop_collection("things"));
  EXPECT_EQ(store_->collection("things").error().code, errc::not_found);
  ASSERT_TRUE(store_->create_collection("things", 3, {})) << "may come back with another dimension";
  EXPECT_EQ(store_->collection("things")->count, 0U);
}

TEST_P(vector_contract, EverythingIsThereAfterOpeningAgain) {
  fill();
  const std::vector<std::string> some{"item3"};
  ASSERT_TRUE(store_->remove("things", some));
  const auto before = ids(store_->query("things", near(2, 0.1F), 7, {}));
  if (GetParam().keeps)
    open();
  EXPECT_EQ(ids(store_->query("things", near(2, 0.1F), 7, {})), before);
  EXPECT_EQ(store_->collection("things")->count, 7U);
  EXPECT_TRUE(store_->ping());
}

TEST_P(vector_contract, ThousandsAreSearchedWithGoodRecall) {
  ASSERT_TRUE(store_->create_collection("many", 32, {}));
  std::mt19937 random{7};
  std::normal_distribution<float> gauss;
  std::vector<vector_item> all;
  std::vector<std::vector<float>> centers(40, std::vector<float>(32));
  for (auto& c : centers)
    for (auto& x : c)
      x = gauss(random);
  for (int i = 0; i < 4'000; ++i) {
    vector_item item{"v" + std::to_string(i), centers[static_cast<std::size_t>(i) % 40], "", {{"part", std::int64_t{i % 10}}}};
    for (auto& x : item.embedding)
      x += 0.4F * gauss(random);
    all.push_back(std::move(item));
  }
  for (std::size_t at = 0; at < all.size(); at += 1'000)
    ASSERT_TRUE(store_->upsert("many", std::span{all}.subspan(at, 1'000)));
  auto exact = inmemory::make_vector_store();
  ASSERT_TRUE(exact->create_collection("many", 32, {}));
  for (std::size_t at = 0; at < all.size(); at += 1'000)
    ASSERT_TRUE(exact->upsert("many", std::span{all}.subspan(at, 1'000)));
  std::size_t right = 0;
  for (int q = 0; q < 50; ++q) {
    auto v = centers[static_cast<std::size_t>(q) % 40];
    for (auto& x : v)
      x += 0.3F * gauss(random);
    const auto want = ids(exact->query("many", v, 5, {})), got = ids(store_->query("many", v, 5, {}));
    for (auto& id : got)
      right += static_cast<std::size_t>(std::count(want.begin(), want.end(), id));
    const metadata_filter part{{"part", relation::equal, {std::int64_t{q % 10}}}};
    auto filtered = store_->query("many", v, 5, part);
    ASSERT_TRUE(filtered);
    EXPECT_EQ(filtered->size(), 5U);
    for (auto& h : *filtered)
      EXPECT_EQ(std::get<std::int64_t>(h.metadata.at("part")), q % 10);
  }
  EXPECT_GE(right, 238U) << "of 250";
}

INSTANTIATE_TEST_SUITE_P(backends, vector_contract,
                         testing::Values(backend{"inmemory", [](auto&) -> outcome<vector_store_ptr> { return inmemory::make_vector_store(); }, false},
                                         backend{"hnsw", [](auto& folder) { return hnsw::open_vector_store(folder); }, true},
                                         backend{"chroma",
                                                 [](auto&) {
                                                   chroma::options o;
                                                   o.url = std::getenv("FM_TEST_CHROMA");
                                                   return chroma::open_vector_store(o, make_curl_client({}));
                                                 },
                                                 true}),
                         [](auto& info) { return info.param.name; });
} // namespace
