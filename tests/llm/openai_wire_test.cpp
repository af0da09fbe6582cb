// The OpenAI protocol as pure functions.
#include "actors/llm/openai_provider.hpp"
#include "actors/llm/openai_wire.hpp"
#include "protocol/base/text.hpp"

#include <gtest/gtest.h>

namespace fm::openai {
namespace {
using namespace std::chrono_literals;

TEST(openai_wire, TheUrlIsFoundFromWhateverPeopleWrite) {
  EXPECT_EQ(chat_completions_url("https://api.openai.com/v1"), "https://api.openai.com/v1/chat/completions");
  EXPECT_EQ(chat_completions_url("https://api.openai.com/v1/"), "https://api.openai.com/v1/chat/completions");
  EXPECT_EQ(chat_completions_url("http://127.0.0.1:11434"), "http://127.0.0.1:11434/v1/chat/completions");
  EXPECT_EQ(chat_completions_url("http://127.0.0.1:11434/"), "http://127.0.0.1:11434/v1/chat/completions");
  EXPECT_EQ(chat_completions_url("https://openrouter.ai/api/v1"),
            "https://openrouter.ai/api/v1/chat/completions");
  EXPECT_EQ(chat_completions_url("http://h/v1/chat/completions"), "http://h/v1/chat/completions");
  for (const char* bad : {"", "h:80", "ftp://h", "http://", "https:///", "file:///etc/passwd"})
    EXPECT_EQ(chat_completions_url(bad), "") << bad;
}

TEST(openai_wire, KnowsWhatStaysOnThisNetwork) {
  for (const char* here : {"http://127.0.0.1:1/v1", "http://localhost/v1", "http://[::1]:80",
                           "http://10.1.2.3", "http://172.31.0.1", "http://192.168.1.1",
                           "http://ollama:11434/v1", "http://gpu.internal/v1", "http://user@nas.local"})
    EXPECT_TRUE(is_local_url(here)) << here;
  for (const char* away :
       {"https://api.openai.com/v1", "http://172.32.0.1", "http://8.8.8.8", "http://127.0.0.1.example.org",
        "", "http://localhost@example.org/", "https://[2001:db8::1]/"})
    EXPECT_FALSE(is_local_url(away)) << away;
}

TEST(openai_wire, TheRequestHoldsEverythingOnce) {
  chat_request r;
  r.system = "Be \"brief\".";
  r.messages = {{"user", "a\nb"}, {"assistant", "c"}};
  EXPECT_EQ(
      request_body(r, "m1", true),
      R"({"model":"m1","messages":[{"role":"system","content":"Be \"brief\"."},{"role":"user","content":"a\nb"},)"
      R"({"role":"assistant","content":"c"}],"stream":true,"stream_options":{"include_usage":true},"temperature":0.2})");
  r.system.clear();
  r.messages.resize(1);
  r.max_tokens = 50;
  EXPECT_EQ(
      request_body(r, "m", false),
      R"({"model":"m","messages":[{"role":"user","content":"a\nb"}],"stream":true,"temperature":0.2,"max_tokens":50})");
}

TEST(openai_wire, ReadsTheChunksOfManyServers) {
  auto text = read_chunk(
      R"({"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":"h\u00e9"},"finish_reason":null}]})");
  ASSERT_TRUE(text);
  EXPECT_EQ(text->text, "h\xC3\xA9");
  EXPECT_EQ(text->finish_reason, "");
  EXPECT_EQ(read_chunk(R"({"choices":[{"delta":{},"finish_reason":"length"}]})")->finish_reason, "length");
  auto usage = read_chunk(R"({"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7}})");
  ASSERT_TRUE(usage && usage->usage);
  EXPECT_EQ(usage->usage->completion_tokens, 7U);
  EXPECT_TRUE(read_chunk(R"({"choices":[{"delta":{"reasoning_content":"hmm"}}]})")->thinking);
  EXPECT_EQ(read_chunk(R"({"choices":[{"delta":{"content":null}}]})")->text, "");
  EXPECT_EQ(read_completion(R"({"choices":[{"message":{"content":"all"},"finish_reason":"stop"}]})")->text,
            "all");
  for (const char* odd :
       {"{}", "[]", "1", "null", R"({"choices":3})", R"({"choices":[7]})", R"({"error":null})"}) {
    auto c = read_chunk(odd);
    ASSERT_TRUE(c) << odd;
    EXPECT_TRUE(c->text.empty() && !c->error) << odd;
  }
  for (const char* broken : {"", "{", "{\"a\":}", "hello"})
    EXPECT_FALSE(read_chunk(broken)) << broken;
}

TEST(openai_wire, AnErrorInTheStreamIsAFailure) {
  auto c = read_chunk(R"({"error":{"message":"GPU on fire","code":503}})");
  ASSERT_TRUE(c && c->error);
  EXPECT_EQ(c->error->detail, "The model service failed (503): GPU on fire.");
  EXPECT_TRUE(c->retryable);
}

TEST(openai_wire, ACharacterCutBetweenTwoChunksComesTogetherAgain) {
  const std::string emoji = "\xF0\x9F\x98\x80";
  for (std::size_t cut = 0; cut <= emoji.size(); ++cut) {
    utf8_assembler assembler;
    std::string all;
    for (auto& part : {"a" + emoji.substr(0, cut), emoji.substr(cut) + "z"}) {
      auto c = read_chunk(R"({"choices":[{"delta":{"content":")" + part + R"("}}]})");
      ASSERT_TRUE(c) << cut;
      auto piece = assembler.take(c->text);
      EXPECT_TRUE(is_valid_utf8(piece));
      all += piece;
    }
    EXPECT_EQ(all + assembler.rest(), "a" + emoji + "z") << cut;
  }
}

TEST(utf8_assembler, GivesWholeCodePointsAndReplacesTheRest) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    utf8_assembler assembler;
    std::string all;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      auto part = assembler.take(std::string_view{text}.substr(at, piece));
      EXPECT_TRUE(is_valid_utf8(part));
      all += part;
    }
    EXPECT_EQ(all, text);
    EXPECT_EQ(assembler.rest(), "");
  }
  for (const std::string bad :
       {"\xFF", "\x80\x80", "a\xC0\xAF", "\xED\xA0\x80", "\xF8\x88\x80\x80\x80", "\xE2\x28"}) {
    utf8_assembler assembler;
    const auto out = assembler.take(bad) + assembler.rest();
    EXPECT_TRUE(is_valid_utf8(out));
    EXPECT_NE(out.find("\xEF\xBF\xBD"), std::string::npos);
  }
  utf8_assembler unfinished;
  EXPECT_EQ(unfinished.take("a\xE2\x82"), "a");
  EXPECT_NE(unfinished.rest().find("\xEF\xBF\xBD"), std::string::npos);
}

TEST(openai_wire, RefusalsAreSentencesWithoutTheKey) {
  const std::string key = "sk-secret-123456";
  auto auth =
      read_refusal(401, R"({"error":{"message":"Incorrect API key provided: sk-secr**56"}})", {}, key);
  EXPECT_EQ(auth.why.detail, "The model service did not accept our credentials (401); check llm.api_key.");
  EXPECT_FALSE(auth.retryable);
  auto echo = read_refusal(400, "bad: " + key + " and " + key, {}, key);
  EXPECT_EQ(echo.why.detail, "The model service refused the request (400): bad: *** and ***.");
  EXPECT_FALSE(echo.retryable);
  EXPECT_EQ(read_refusal(404, R"({"error":"model 'x' not found"})", {}, key).why.detail,
            "The model service does not know this model or address (404); check llm.model and llm.base_url: "
            "model 'x' not found.");
  auto busy = read_refusal(429, R"({"message":"slow down."})", 3s, key);
  EXPECT_EQ(busy.why.code, errc::rate_limited);
  EXPECT_EQ(busy.why.retry_after, 3s);
  EXPECT_TRUE(busy.retryable);
  EXPECT_EQ(read_refusal(502, "<html><h1>Bad gateway</h1></html>", {}, key).why.detail,
            "The model service failed (502).");
  EXPECT_EQ(read_refusal(500, "", {}, key).why.detail, "The model service failed (500).");
  EXPECT_TRUE(is_valid_utf8(read_refusal(500, "\xFF\xFE broken\n\nlines", {}, key).why.detail));
  EXPECT_LE(read_refusal(500, std::string(100'000, 'x'), {}, key).why.detail.size(), 400U);
}

TEST(openai_wire, RetryAfterIsSecondsMillisecondsOrADate) {
  const auto now = *from_iso8601("2015-10-21T07:27:58Z");
  EXPECT_EQ(retry_after({{"retry-after", "3"}}, now), 3s);
  EXPECT_EQ(retry_after({{"retry-after", "0.5"}}, now), 500ms);
  EXPECT_EQ(retry_after({{"retry-after", "9"}, {"retry-after-ms", "120"}}, now), 120ms);
  EXPECT_EQ(retry_after({{"retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"}}, now), 2s);
  EXPECT_EQ(retry_after({{"retry-after", "Wed, 21 Oct 2010 07:28:00 GMT"}}, now), 0s);
  for (const char* bad :
       {"", "soon", "-1", "1e99", "nan", "Wed, 41 Oct 2015 07:28:00 GMT", "Wed, 21 Foo 2015 07:28:00 GMT"})
    EXPECT_FALSE(retry_after({{"retry-after", bad}}, now)) << bad;
  EXPECT_FALSE(retry_after({}, now));
}
} // namespace
} // namespace fm::openai
