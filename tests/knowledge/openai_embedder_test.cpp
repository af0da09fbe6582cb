// The remote embedder against a scripted server: what it sends, what it accepts, what it refuses.
#include "actors/search/openai_embedder.hpp"
#include "http/client/curl_client.hpp"
#include "tests/support/scripted_http_server.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace {
using namespace fm;
using testing_support::scripted_http_server;

struct remote_embedder : testing::Test {
  scripted_http_server server;
  embedder_ptr model;
  remote_embedder() {
    openai_embedder_settings s;
    s.base_url = server.url("/v1/");
    s.api_key = "sk-test";
    s.model = "bge-m3";
    s.dimension = 3;
    s.batch = 2;
    s.attempts_max = 2;
    s.timeout = std::chrono::seconds{5};
    model = make_openai_embedder(s, make_curl_client({}));
  }
};
const std::string two = R"({"data":[{"index":1,"embedding":[0,3,4]},{"index":0,"embedding":[2,0,0]}]})";

TEST_F(remote_embedder, VectorsAreOrderedByIndexAndHaveLengthOne) {
  server.reply(200, two);
  const std::vector<std::string> texts{"a", "b"};
  const auto v = model->embed(texts);
  ASSERT_TRUE(v) << v.error().detail;
  EXPECT_EQ((*v)[0], (std::vector<float>{1, 0, 0}));
  EXPECT_NEAR((*v)[1][1], 0.6F, 1e-6);
  EXPECT_EQ(model->name(), "bge-m3/3");
  const auto asked = server.requests();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].target, "/v1/embeddings");
  EXPECT_EQ(asked[0].header("authorization"), "Bearer sk-test");
  EXPECT_NE(asked[0].body.find(R"("input":["a","b"])"), std::string::npos);
}

TEST_F(remote_embedder, BatchesAreBounded) {
  server.reply(200, two);
  server.reply(200, R"({"data":[{"index":0,"embedding":[0,0,1]}]})");
  const std::vector<std::string> three{"a", "b", "c"};
  const auto v = model->embed(three);
  ASSERT_TRUE(v) << v.error().detail;
  EXPECT_EQ((*v)[2], (std::vector<float>{0, 0, 1}));
  EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(remote_embedder, AQueryIsTriedOnce) {
  server.reply(503, "{}");
  EXPECT_EQ(model->embed_query("a").error().code, errc::unavailable);
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST_F(remote_embedder, AnotherDimensionIsAClearFailure) {
  server.reply(200, R"({"data":[{"index":0,"embedding":[1,2]}]})");
  const std::vector<std::string> one{"a"};
  const auto v = model->embed(one);
  ASSERT_FALSE(v);
  EXPECT_EQ(v.error().code, errc::invalid);
  EXPECT_NE(v.error().detail.find("2 numbers"), std::string::npos) << v.error().detail;
}

TEST_F(remote_embedder, AFaultIsTriedAgainAndThenSaid) {
  server.reply(503, "{}");
  server.reply(200, R"({"data":[{"index":0,"embedding":[1,0,0]}]})");
  const std::vector<std::string> one{"a"}, other{"b"};
  EXPECT_TRUE(model->embed(one));
  server.reply(500, "{}");
  server.reply(500, "{}");
  EXPECT_EQ(model->embed(other).error().code, errc::unavailable);
}

TEST_F(remote_embedder, LargeNumbersStayNumbers) {
  server.reply(200, R"({"data":[{"index":0,"embedding":[1e60,0,0]}]})");
  const std::vector<std::string> one{"a"};
  const auto v = model->embed(one);
  ASSERT_TRUE(v) << v.error().detail;
  EXPECT_EQ((*v)[0], (std::vector<float>{1, 0, 0}));
}

TEST_F(remote_embedder, CrookedAnswersAreRefused) {
  const std::vector<std::string> texts{"a", "b"};
  for (const char* body : {"not json", "{}", R"({"data":[{"index":7,"embedding":[1,0,0]}]})", R"({"data":[{"index":0,"embedding":["x",0,0]}]})",
                           R"({"data":[{"index":0,"embedding":[1,0,0]}]})", R"({"data":[{"index":0,"embedding":[0,0,0]},{"index":1,"embedding":[0,0,1]}]})",
                           R"({"data":[{"index":0,"embedding":[1,0,0]},{"index":0,"embedding":[0,0,1]},{"index":1,"embedding":[0,0,1]}]})",
                           R"({"data":[{"index":0,"embedding":[NaN,0,0]},{"index":1,"embedding":[0,0,1]}]})",
                           R"({"data":[{"index":0,"embedding":[1e999,0,0]},{"index":1,"embedding":[0,0,1]}]})",
                           R"({"data":[{"index":0,"embedding":[null,0,0]},{"index":1,"embedding":[0,0,1]}]})",
                           R"({"data":[{"embedding":[1,0,0]},{"embedding":[1,0,0]},{"embedding":[1,0,0]}]})",
                           R"({"data":[{"index":0,"embedding":[1e300,1e300,0]},{"index":1,"embedding":[0,0,1]}]})"}) {
    server.reply(200, body);
    EXPECT_FALSE(model->embed(texts)) << body;
  }
}
} // namespace
