// The provider over the real HTTP client and a scripted server: streaming, refusals, retries, deadlines,
// cancel.
#include "actors/llm/openai_provider.hpp"
#include "http/client/curl_client.hpp"
#include "protocol/base/text.hpp"
#include "tests/support/scripted_http_server.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

namespace fm {
namespace {
using namespace std::chrono_literals;
using namespace testing_support;

std::string delta(const std::string& text) {
  return R"(data: {"choices":[{"delta":{"content":")" + text + "\"}}]}\n\n";
}
const std::string stop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const std::string usage =
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n";
const std::string done_mark = "data: [DONE]\n\n";

struct heard {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> pieces;
  int ends = 0;
  std::optional<outcome<chat_end>> how;

  std::string text() {
    std::lock_guard lock{mutex};
    std::string all;
    for (auto& p : pieces)
      all += p;
    return all;
  }
  bool wait_end(std::chrono::milliseconds patience = 10s) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, patience, [&] { return ends > 0; });
  }
  bool wait_pieces(std::size_t n) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 10s, [&] { return pieces.size() >= n; });
  }
  failure fault() {
    std::lock_guard lock{mutex};
    return how && !*how ? how->error() : make_failure(errc::internal, "it did not fail");
  }
};

struct openai_provider_test : testing::Test {
  scripted_http_server server;
  openai_settings settings;
  http_client_ptr client = make_curl_client({});
  std::shared_ptr<heard> got = std::make_shared<heard>();

  openai_provider_test() {
    settings.base_url = server.url("/v1/");
    settings.api_key = "sk-secret-key";
    settings.model = "test-model";
    settings.backoff_first = 2ms;
    settings.backoff_max = 8ms;
  }
  ~openai_provider_test() override { EXPECT_EQ(server.violations(), std::vector<std::string>{}); }

  std::shared_ptr<chat_call> ask() {
    chat_request r;
    r.system = "sys";
    r.messages = {{"user", "why?"}};
    chat_events e;
    e.on_text = [g = got](std::string text) {
      std::lock_guard lock{g->mutex};
      EXPECT_EQ(g->ends, 0) << "text after the end";
      EXPECT_TRUE(is_valid_utf8(text));
      g->pieces.push_back(std::move(text));
      g->changed.notify_all();
    };
    e.on_end = [g = got](outcome<chat_end> how) {
      std::lock_guard lock{g->mutex};
      g->how.emplace(std::move(how));
      ++g->ends;
      g->changed.notify_all();
    };
    return make_openai_provider(settings, client, seeded_random(3))->start(std::move(r), std::move(e));
  }
};

TEST_F(openai_provider_test, StreamsTextUsageAndTheReasonItEnded) {
  server.stream({delta("Hel"), ": keep-alive\n\n", delta("lo"), stop, usage, done_mark});
  ask();
  ASSERT_TRUE(got->wait_end());
  ASSERT_TRUE(*got->how) << got->fault().detail;
  EXPECT_EQ(got->text(), "Hello");
  EXPECT_EQ((*got->how)->finish_reason, "stop");
  EXPECT_EQ((*got->how)->usage.completion_tokens, 2U);
  const auto r = server.requests().at(0);
  EXPECT_EQ(r.method, "POST");
  EXPECT_EQ(r.target, "/v1/chat/completions");
  EXPECT_EQ(r.header("authorization"), "Bearer sk-secret-key");
  EXPECT_EQ(r.header("content-type"), "application/json");
  EXPECT_NE(r.body.find(R"("model":"test-model")"), std::string::npos);
  EXPECT_NE(r.body.find(R"("stream":true)"), std::string::npos);
}

TEST_F(openai_provider_test, WithoutAKeyNoAuthorizationIsSent) {
  settings.api_key.clear();
  server.stream({delta("x"), done_mark});
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(server.requests().at(0).header("authorization"), "");
}

TEST_F(openai_provider_test, TheServersOwnSettingsWinOverTheRequests) {
  settings.temperature = 0.75;
  settings.max_tokens = 321;
  server.stream({delta("x"), done_mark});
  ask();
  ASSERT_TRUE(got->wait_end());
  const auto body = server.requests().at(0).body;
  EXPECT_NE(body.find(R"("temperature":0.75,"max_tokens":321)"), std::string::npos) << body;
}

TEST_F(openai_provider_test, EndsAtDoneEvenWhenTheServerKeepsTheLineOpen) {
  server.stream({delta("x"), stop + done_mark}, stub_step::kind::hang);
  ask();
  ASSERT_TRUE(got->wait_end(900ms));
  EXPECT_TRUE(*got->how);
}

TEST_F(openai_provider_test, ALocalServerThatDoesNotStreamIsUnderstood) {
  server.reply(
      200,
      R"({"choices":[{"message":{"content":"whole"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}})",
      {{"Content-Type", "application/json; charset=utf-8"}});
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_TRUE(*got->how);
  EXPECT_EQ(got->text(), "whole");
}

TEST_F(openai_provider_test, CutAnywhereInBytesTheTextIsTheSame) {
  const std::string stream = delta("h\xC3\xA9\\u20ac\xF0\x9F\x98\x80") +
                             "data: {\"choices\":[{\"delta\":{\"content\":\"a\xE2\x82\"}}]}\n\n" +
                             "data: {\"choices\":[{\"delta\":{\"content\":\"\xACz\"}}]}\n\n" + stop +
                             done_mark;
  for (std::size_t piece : {1U, 2U, 3U, 7U, 1'000U}) {
    std::vector<std::string> pieces;
    for (std::size_t at = 0; at < stream.size(); at += piece)
      pieces.push_back(stream.substr(at, piece));
    server.stream(std::move(pieces));
    got = std::make_shared<heard>();
    ask();
    ASSERT_TRUE(got->wait_end());
    ASSERT_TRUE(*got->how) << got->fault().detail;
    EXPECT_EQ(got->text(), "h\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"
                           "a\xE2\x82\xACz");
  }
}

TEST_F(openai_provider_test, TriesAgainAfterRefusalsBeforeTheFirstWord) {
  server.reply(503, "busy");
  server.reply(429, "{}", {{"Retry-After", "0"}});
  server.stream({delta("ok"), stop, done_mark});
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_TRUE(*got->how);
  EXPECT_EQ(got->text(), "ok");
  EXPECT_EQ(server.requests().size(), 3U);
}

TEST_F(openai_provider_test, GivesUpAfterTheLastAttempt) {
  settings.attempts_max = 3;
  for (int i = 0; i < 3; ++i)
    server.reply(500, R"({"error":{"message":"out of memory"}})");
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->fault().detail, "The model service failed (500): out of memory.");
  EXPECT_EQ(server.requests().size(), 3U);
  EXPECT_EQ(got->ends, 1);
}

TEST_F(openai_provider_test, DoesNotRepeatWhatWouldFailAgain) {
  for (int status : {400, 401, 403, 404, 413, 422}) {
    got = std::make_shared<heard>();
    const auto before = server.requests().size();
    server.reply(status, R"({"error":{"message":"no: sk-secret-key"}})");
    ask();
    ASSERT_TRUE(got->wait_end()) << status;
    EXPECT_FALSE(*got->how);
    EXPECT_EQ(server.requests().size(), before + 1) << status;
    EXPECT_EQ(got->fault().detail.find("sk-secret-key"), std::string::npos) << got->fault().detail;
    EXPECT_EQ(got->fault().facts.at("provider_status"), std::to_string(status));
  }
}

TEST_F(openai_provider_test, AnOlderServerIsAskedAgainWithoutTheUsageOption) {
  server.reply(400, R"({"error":{"message":"unknown field stream_options"}})");
  server.stream({delta("ok"), stop, done_mark});
  settings.attempts_max = 1;
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_TRUE(*got->how);
  EXPECT_EQ(server.requests().at(1).body.find("stream_options"), std::string::npos);
}

TEST_F(openai_provider_test, WaitsAsLongAsTheServiceAsks) {
  server.reply(429, "", {{"Retry-After", "0.12"}});
  server.stream({delta("ok"), stop, done_mark});
  const auto from = std::chrono::steady_clock::now();
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_TRUE(*got->how);
  EXPECT_GE(std::chrono::steady_clock::now() - from, 120ms);
}

TEST_F(openai_provider_test, AWaitThatIsTooLongIsPassedOnInstead) {
  server.reply(429, "", {{"Retry-After", "3600"}});
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->fault().code, errc::rate_limited);
  EXPECT_EQ(got->fault().retry_after, 1h);
}

TEST_F(openai_provider_test, NobodyListeningIsTriedAgainThenSaid) {
  {
    scripted_http_server gone;
    settings.base_url = gone.url("/v1");
  }
  settings.attempts_max = 2;
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->fault().code, errc::unavailable);
  EXPECT_TRUE(got->fault().detail.starts_with("The model service cannot be reached: "))
      << got->fault().detail;
}

TEST_F(openai_provider_test, AnAnswerCutInTheMiddleIsAFailureThatKeepsTheText) {
  for (auto end : {stub_step::kind::cut, stub_step::kind::send}) {
    got = std::make_shared<heard>();
    server.stream({delta("half an ans")}, end);
    ask();
    ASSERT_TRUE(got->wait_end());
    EXPECT_EQ(got->text(), "half an ans");
    EXPECT_EQ(got->fault().code, errc::unavailable);
    EXPECT_EQ(got->fault().facts.at("truncated"), "true");
  }
  EXPECT_EQ(server.requests().size(), 2U) << "nothing is repeated after the first word";
}

TEST_F(openai_provider_test, AStreamThatEndsBeforeItsFirstWordIsTriedAgain) {
  server.stream({": hi\n\n"}, stub_step::kind::cut);
  server.stream({delta("ok"), stop});
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_TRUE(*got->how) << "a finish reason without [DONE] is an end";
  EXPECT_EQ(got->text(), "ok");
}

TEST_F(openai_provider_test, NonsenseInTheStreamIsAFailure) {
  settings.attempts_max = 1;
  server.stream({"data: <html>\n\n"});
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->fault().detail, "The model service sent something that is not JSON.");
  got = std::make_shared<heard>();
  server.stream({delta("a"), "data: {\"error\":{\"message\":\"overheated\"}}\n\n"});
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->fault().detail, "The model service failed (500): overheated.");
  got = std::make_shared<heard>();
  server.stream({stop, done_mark});
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->fault().detail, "The model ended without saying anything.");
}

TEST_F(openai_provider_test, AModelThatNeverBeginsTimesOut) {
  settings.first_token = 60ms;
  server.stream({": thinking\n\n", ": thinking\n\n"}, stub_step::kind::hang);
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->fault().code, errc::timed_out);
  EXPECT_TRUE(server.wait_for_early_close(1));
}

TEST_F(openai_provider_test, AModelThatFallsSilentTimesOut) {
  settings.idle = 60ms;
  server.stream({delta("and then")}, stub_step::kind::hang);
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->fault().code, errc::timed_out);
  EXPECT_EQ(got->text(), "and then");
  EXPECT_TRUE(server.wait_for_early_close(1));
}

TEST_F(openai_provider_test, TheTotalDeadlineHoldsOverAllAttempts) {
  settings.total = 80ms;
  settings.attempts_max = 100;
  settings.backoff_first = settings.backoff_max = 30ms;
  for (int i = 0; i < 100; ++i)
    server.reply(500, "");
  const auto from = std::chrono::steady_clock::now();
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_LT(std::chrono::steady_clock::now() - from, 2s);
  EXPECT_LT(server.requests().size(), 8U);
}

TEST_F(openai_provider_test, CancelClosesTheUpstreamConnectionWithin200Milliseconds) {
  server.stream({delta("a")}, stub_step::kind::hang);
  auto call = ask();
  ASSERT_TRUE(got->wait_pieces(1));
  const auto from = std::chrono::steady_clock::now();
  call->cancel();
  ASSERT_TRUE(server.wait_for_early_close(1));
  EXPECT_LT(server.last_early_close() - from, 200ms);
  call->cancel();
  EXPECT_EQ(got->ends, 0) << "who cancels is not told";
}

/// Refuses at once, on the caller's thread: when start() returns, the call is in its back-off.
struct refusing_client final : http_client {
  std::mutex mutex;
  std::condition_variable changed;
  int starts = 0;
  http_call_ptr start(http_request, http_events events) override {
    {
      std::lock_guard lock{mutex};
      ++starts;
      changed.notify_all();
    }
    events.on_head({503, {}});
    events.on_end({});
    struct ended final : http_call {
      void cancel() override {}
    };
    return std::make_shared<ended>();
  }
  bool wait_starts(int n, std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, patience, [&] { return starts >= n; });
  }
};

TEST_F(openai_provider_test, CancelDuringBackOffMeansNoFurtherRequest) {
  settings.backoff_first = settings.backoff_max = 50ms;
  auto refusing = std::make_shared<refusing_client>();
  client = refusing;
  auto call = ask();
  EXPECT_EQ(refusing->starts, 1);
  call->cancel();
  EXPECT_FALSE(refusing->wait_starts(2, 150ms));
  EXPECT_EQ(got->ends, 0);
  auto untouched = ask();
  EXPECT_TRUE(refusing->wait_starts(3, 10s)) << "without a cancel it comes again";
  untouched->cancel();
}

TEST_F(openai_provider_test, AListenerMayCancelFromItsOwnText) {
  server.stream({delta("a"), delta("b"), delta("c")}, stub_step::kind::hang);
  std::mutex mutex;
  std::condition_variable changed;
  std::shared_ptr<chat_call> call;
  int pieces = 0;
  chat_events e;
  e.on_text = [&](std::string) {
    std::unique_lock lock{mutex};
    changed.wait(lock, [&] { return call != nullptr; });
    ++pieces;
    call->cancel();
  };
  auto provider = make_openai_provider(settings, client, seeded_random(3));
  auto started = provider->start({}, std::move(e));
  {
    std::lock_guard lock{mutex};
    call = started;
  }
  changed.notify_all();
  ASSERT_TRUE(server.wait_for_early_close(1));
  std::lock_guard lock{mutex};
  EXPECT_EQ(pieces, 1);
}

TEST_F(openai_provider_test, AnAddressThatIsNoneIsSaidAtOnce) {
  settings.base_url = "localhost:1234";
  ask();
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->fault().code, errc::invalid);
}

TEST_F(openai_provider_test, TwentyCallsAtOnceKeepTheirTextApart) {
  std::vector<std::shared_ptr<heard>> all;
  for (int i = 0; i < 20; ++i)
    server.stream({delta("a"), delta("b"), delta("c"), stop, done_mark}, stub_step::kind::send, 2ms);
  for (int i = 0; i < 20; ++i) {
    all.push_back(got = std::make_shared<heard>());
    ask();
  }
  for (auto& each : all) {
    ASSERT_TRUE(each->wait_end());
    EXPECT_EQ(each->text(), "abc");
  }
}

TEST_F(openai_provider_test, NamesItsModelAndItsPlace) {
  settings.local = true;
  auto provider = make_openai_provider(settings, client, seeded_random(1));
  EXPECT_EQ(provider->name(), "test-model");
  EXPECT_TRUE(provider->local());
}
} // namespace
} // namespace fm
