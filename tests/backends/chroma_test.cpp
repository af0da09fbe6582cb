// Chroma at its worst, by script: slow, cut, gone, full of limits; and what our requests must never do.
#include "http/client/curl_client.hpp"
#include "storage/chroma/vector_store.hpp"
#include "tests/support/scripted_http_server.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace {
using namespace fm;
using namespace std::chrono_literals;
using testing_support::scripted_http_server;
using testing_support::stub_step;
using relation = metadata_condition::relation;

constexpr const char* limits = R"({"max_batch_size":5461,"supports_base64_encoding":false})";
std::string things(const std::string& id) { return R"({"id":")" + id + R"(","name":"things","metadata":{"fm_dimension":2,"hnsw:space":"cosine"},"dimension":2})"; }
constexpr const char* nobody = R"({"ids":[],"metadatas":[]})";

vector_store_ptr opened(scripted_http_server& server, const std::string& said = limits, std::chrono::milliseconds timeout = 5s) {
  server.reply(200, said);
  chroma::options o;
  o.url = server.url();
  o.timeout = timeout;
  auto s = chroma::open_vector_store(o, make_curl_client({}));
  EXPECT_TRUE(s) << (s ? "" : s.error().detail);
  return s ? *s : nullptr;
}
std::vector<vector_item> items(int n) {
  std::vector<vector_item> all;
  for (int i = 0; i < n; ++i)
    all.push_back({"v" + std::to_string(i), {1.0F, 0.1F}, "text", {{"n", std::int64_t{i}}}});
  return all;
}
std::size_t count(const std::string& in, const std::string& what) {
  std::size_t n = 0;
  for (auto at = in.find(what); at != std::string::npos; at = in.find(what, at + 1))
    ++n;
  return n;
}

TEST(chroma_store, ReplacingIsOneRequestAndNothingIsRemovedBefore) {
  scripted_http_server server;
  auto s = opened(server);
  server.reply(200, things("u1"));
  server.reply(200, R"({"ids":["a"],"metadatas":[{"old":1,"both":2}]})");
  server.reply(200, "{}");
  const std::vector<vector_item> one{{"a", {0.5F, 1.0F}, "new", {{"both", std::int64_t{3}}}}};
  ASSERT_TRUE(s->upsert("things", one));
  const auto all = server.requests();
  ASSERT_EQ(all.size(), 4U);
  for (auto& r : all)
    EXPECT_EQ(r.target.find("/delete"), std::string::npos) << "between a removal and an addition the item would be lost";
  EXPECT_NE(all[3].target.find("/u1/upsert"), std::string::npos);
  EXPECT_NE(all[3].body.find(R"({"old":null,"both":3})"), std::string::npos) << all[3].body;
  EXPECT_NE(all[3].body.find("[0.5,1]"), std::string::npos) << all[3].body;
}

TEST(chroma_store, NoRequestIsLargerThanTheServerTakes) {
  scripted_http_server server;
  auto s = opened(server, R"({"max_batch_size":2})");
  server.reply(200, things("u1"));
  for (int i = 0; i < 3; ++i) {
    server.reply(200, nobody);
    server.reply(200, "{}");
  }
  ASSERT_TRUE(s->upsert("things", items(5)));
  std::size_t sent = 0;
  for (auto& r : server.requests())
    if (r.target.ends_with("/upsert")) {
      EXPECT_LE(count(r.body, "\"v"), 2U);
      sent += count(r.body, "\"v");
    }
  EXPECT_EQ(sent, 5U);
}

TEST(chroma_store, WhatIsRefusedIsInvalidAndNotTriedAgain) {
  scripted_http_server server;
  auto s = opened(server);
  server.reply(200, things("u1"));
  server.reply(400, R"({"error":"InvalidArgumentError","message":"Collection expecting embedding with dimension of 3, got 2"})");
  const auto r = s->query("things", std::vector<float>{1, 2}, 1, {});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, errc::invalid);
  EXPECT_NE(r.error().detail.find("dimension of 3"), std::string::npos);
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST(chroma_store, AnAnswerThatIsCutOffAcknowledgesNothing) {
  scripted_http_server server;
  auto s = opened(server);
  server.reply(200, things("u1"));
  server.reply(200, nobody);
  for (int i = 0; i < 3; ++i)
    server.stream({"{"}, stub_step::kind::cut);
  const auto r = s->upsert("things", items(1));
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, errc::unavailable);
  EXPECT_TRUE(r.error().retry_after);
  EXPECT_EQ(server.requests().size(), 6U) << "an upsert may be repeated";
}

TEST(chroma_store, ASilentServerIsLeftWithinTheDeadline) {
  scripted_http_server server;
  auto s = opened(server, limits, 300ms);
  server.never_answer();
  const auto began = std::chrono::steady_clock::now();
  const auto r = s->ping();
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, errc::unavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
}

TEST(chroma_store, ASlowAnswerThatNeverEndsIsLeftWithinTheDeadline) {
  scripted_http_server server;
  auto s = opened(server, limits, 400ms);
  server.stream({"[", " ", " "}, stub_step::kind::hang, 50ms);
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(s->collections().error().code, errc::unavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
}

TEST(chroma_store, AServerThatIsNotThereStopsTheStartWithASentence) {
  std::string url;
  {
    scripted_http_server server;
    url = server.url();
  }
  chroma::options o;
  o.url = url;
  auto s = chroma::open_vector_store(o, make_curl_client({}));
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, errc::unavailable);
  EXPECT_NE(s.error().detail.find("Chroma does not answer"), std::string::npos);
}

TEST(chroma_store, ACollectionThatAnotherProcessMadeAnewIsFoundAgain) {
  scripted_http_server server;
  auto s = opened(server);
  server.reply(200, things("u1"));
  server.reply(200, R"({"ids":[[]],"documents":[[]],"metadatas":[[]],"distances":[[]]})");
  ASSERT_TRUE(s->query("things", std::vector<float>{1, 2}, 1, {}));
  server.reply(404, R"({"error":"NotFoundError","message":"Collection [u1] does not exist"})");
  server.reply(200, things("u2"));
  server.reply(200, R"({"ids":[["a"]],"documents":[["d"]],"metadatas":[[null]],"distances":[[0.25]]})");
  auto hits = s->query("things", std::vector<float>{1, 2}, 1, {});
  ASSERT_TRUE(hits) << hits.error().detail;
  ASSERT_EQ(hits->size(), 1U);
  EXPECT_DOUBLE_EQ((*hits)[0].similarity, 0.75);
  EXPECT_NE(server.requests().back().target.find("/u2/query"), std::string::npos);
}

TEST(chroma_store, ACrookedAnswerIsAFaultOfTheServer) {
  scripted_http_server server;
  auto s = opened(server);
  server.reply(200, things("u1"));
  for (const char* said : {"", "[]", R"({"ids":[["a"]]})", R"({"ids":[["a"]],"documents":[["d"]],"metadatas":[[null]],"distances":[["far"]]})"}) {
    server.reply(200, said);
    const auto r = s->query("things", std::vector<float>{1, 2}, 1, {});
    ASSERT_FALSE(r) << said;
    EXPECT_EQ(r.error().code, errc::unavailable) << said;
  }
}

TEST(chroma_store, FiltersAreSaidInItsWords) {
  scripted_http_server server;
  auto s = opened(server);
  server.reply(200, things("u1"));
  server.reply(200, R"({"ids":[[]],"documents":[[]],"metadatas":[[]],"distances":[[]]})");
  ASSERT_TRUE(s->query("things", std::vector<float>{1, 2}, 3, {{"kind", relation::one_of, {std::string{"a"}, std::string{"b"}}}, {"page", relation::greater, {std::int64_t{4}}}}));
  const auto body = server.requests().back().body;
  EXPECT_NE(body.find(R"("where":{"$and":[{"kind":{"$in":["a","b"]}},{"page":{"$gt":4}}]})"), std::string::npos) << body;
  EXPECT_NE(body.find(R"("n_results":3)"), std::string::npos);
}

TEST(chroma_store, TheRealServerKeepsVectorsToTheLastDigitsAndForgetsReplacedMetadata) {
  if (std::getenv("FM_TEST_CHROMA") == nullptr)
    GTEST_SKIP() << "no server for chroma";
  chroma::options o;
  o.url = std::getenv("FM_TEST_CHROMA");
  auto s = chroma::open_vector_store(o, make_curl_client({})).value();
  ASSERT_TRUE(s->drop_collection("bits"));
  ASSERT_TRUE(s->create_collection("bits", 4, {}));
  const std::vector<float> odd{0.1F, 1.0F / 3, 1e-3F, -7.77777e2F};
  ASSERT_TRUE(s->upsert("bits", std::vector<vector_item>{{"a", odd, "one", {{"x", std::int64_t{1}}, {"y", 0.5}, {"z", true}}}}));
  const std::vector<std::string> ids{"a"};
  // It scales vectors to length 1 and back: the last bit may differ.
  const auto got = (*s->get("bits", ids))[0].embedding;
  ASSERT_EQ(got.size(), odd.size());
  for (std::size_t i = 0; i < odd.size(); ++i)
    EXPECT_NEAR(got[i] / odd[i], 1.0F, 3e-7F);
  ASSERT_TRUE(s->upsert("bits", std::vector<vector_item>{{"a", odd, "two", {{"y", 0.25}}}}));
  EXPECT_EQ((*s->get("bits", ids))[0].metadata, (vector_metadata{{"y", 0.25}}));
  ASSERT_TRUE(s->upsert("bits", std::vector<vector_item>{{"a", odd, "three", {}}}));
  EXPECT_TRUE((*s->get("bits", ids))[0].metadata.empty());
  ASSERT_TRUE(s->upsert("bits", std::vector<vector_item>{{"a", odd, "four", {{"n", std::string{"new"}}}}}));
  EXPECT_EQ((*s->get("bits", ids))[0].metadata, (vector_metadata{{"n", std::string{"new"}}}));
  EXPECT_TRUE(*s->drop_collection("bits"));
}
} // namespace
