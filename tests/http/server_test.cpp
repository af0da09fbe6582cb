// The HTTP server by its own: what comes over the socket and what goes back, with handlers made for the
// purpose and a fake identity. Real sockets on loopback; nothing sleeps, every wait has an end.
#include "tests/http/server_fixture.hpp"

#include <zlib.h>

namespace fm::http {
namespace {
using ::testing::HasSubstr;

std::string gunzipped(const std::string& packed) {
  z_stream z{};
  if (inflateInit2(&z, 15 + 16) != Z_OK)
    return {};
  std::string out(1U << 20, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  z.avail_in = static_cast<uInt>(packed.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  const int code = inflate(&z, Z_FINISH);
  out.resize(out.size() - z.avail_out);
  inflateEnd(&z);
  return code == Z_STREAM_END ? out : std::string{};
}

// ---- requests
// -------------------------------------------------------------------------------------------------

TEST_F(server_test, OneConnectionServesManyRequests) {
  auto c = client();
  for (int i = 0; i < 100; ++i) {
    const auto a = c.get("/things/" + std::to_string(i) + "?q=%C3%A4+b");
    ASSERT_TRUE(a);
    EXPECT_EQ(a->body, std::to_string(i) + "|\xC3\xA4 b");
  }
  EXPECT_THAT(meters->text(),
              HasSubstr("faultmaven_http_requests_total{route=\"/things/{id}\",status=\"200\"} 100"));
}

TEST_F(server_test, PipelinedRequestsAreAnsweredInOrder) {
  auto c = client();
  std::string all;
  for (int i = 0; i < 40; ++i)
    all += "GET /things/" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  ASSERT_TRUE(c.send_raw(all, 5s));
  for (int i = 0; i < 40; ++i) {
    const auto a = c.read_raw(5s);
    ASSERT_TRUE(a);
    EXPECT_EQ(a->body, std::to_string(i) + "|-");
  }
}

TEST_F(server_test, LiteralSegmentsWinOverParameters) { EXPECT_EQ(get("/things/all").body, "literal"); }

TEST_F(server_test, TrailingSlashIsTheSamePath) {
  EXPECT_EQ(get("/open/").body, "open");
  EXPECT_EQ(get("/things/7/").body, "7|-");
}

TEST_F(server_test, AbsoluteTargetsAreUnderstood) {
  EXPECT_EQ(raw("GET http://x/open HTTP/1.1\r\nHost: x\r\n\r\n").body, "open");
}

TEST_F(server_test, BodyAnnouncedTooLargeIsRefusedBeforeItIsSent) {
  settings.body_bytes_max = 1'000;
  const auto a = raw("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
  EXPECT_EQ(a.status, 413);
  EXPECT_EQ(a.header("connection"), "close");
  expect_error_shape(a, "too_large");
}

TEST_F(server_test, RefusalOfALargeBodyReachesAClientThatSendsItAllTheSame) {
  settings.body_bytes_max = 1'000;
  auto c = client();
  const auto a = c.post("/upload", std::string(4U << 20, 'x'));
  ASSERT_TRUE(a) << a.error().detail;
  EXPECT_EQ(a->status, 413);
}

TEST_F(server_test, BodyUpToTheLimitIsTaken) {
  settings.body_bytes_max = 1'000;
  auto c = client();
  EXPECT_EQ(c.post("/upload", std::string(1'000, 'x'))->body, "1000");
}

TEST_F(server_test, ChunkedBodyThatGrowsTooLargeIsRefused) {
  settings.body_bytes_max = 1'000;
  const auto piece = std::string(600, 'x');
  const auto a = raw("POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n258\r\n" + piece +
                     "\r\n258\r\n" + piece + "\r\n0\r\n\r\n");
  EXPECT_EQ(a.status, 413);
}

TEST_F(server_test, ChunkedBodyIsRead) {
  EXPECT_EQ(raw("POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
                .body,
            "5");
}

TEST_F(server_test, ExpectContinueIsAnsweredBeforeTheBody) {
  const auto until = std::chrono::steady_clock::now() + 5s;
  auto socket = testing_support::byte_socket::connect(where(), until);
  ASSERT_TRUE(socket);
  ASSERT_TRUE(socket->write(
      "POST /upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", until));
  std::string seen;
  while (seen.find("\r\n\r\n") == std::string::npos && socket->read(seen, until)) {
  }
  EXPECT_EQ(seen, "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(socket->write("abc", until));
  seen.clear();
  while (seen.find("\r\n\r\n3") == std::string::npos && socket->read(seen, until)) {
  }
  EXPECT_THAT(seen, ::testing::StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST_F(server_test, HeadersBeyondTheLimitAre431) {
  settings.header_bytes_max = 4'096;
  const auto a = raw("GET /open HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(8'000, 'x') + "\r\n\r\n");
  EXPECT_EQ(a.status, 431);
  expect_error_shape(a, "too_large");
}

TEST_F(server_test, TargetBeyondTheLimitIs414) {
  settings.target_bytes_max = 100;
  EXPECT_EQ(raw("GET /open?" + std::string(200, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n").status, 414);
}

TEST_F(server_test, WhatIsNotHttpIs400InTheErrorShape) {
  for (const auto* bytes :
       {"hello\r\n\r\n", "GET /open HTTP/1.1\r\nHost x\r\n\r\n", "GET /open HTTP/1.1\r\n\r\n",
        "GET /open HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /a%zz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a?x=%ff HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: "
        "chunked\r\n\r\n0\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /upload HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    const auto a = raw(bytes);
    EXPECT_EQ(a.status, 400) << bytes;
    expect_error_shape(a, "invalid");
  }
}

// ---- time
// -----------------------------------------------------------------------------------------------------

TEST_F(server_test, HeaderThatDribblesInIsCutOff) {
  settings.header_timeout = 50ms;
  auto c = client();
  ASSERT_TRUE(c.send_raw("GET /open HTTP/1.1\r\nHost", 5s));
  const auto a = c.read_raw(5s);
  ASSERT_FALSE(a);
  EXPECT_EQ(a.error().code, errc::gone);
}

TEST_F(server_test, BodyThatDoesNotComeIsCutOff) {
  settings.body_timeout = 50ms;
  auto c = client();
  ASSERT_TRUE(c.send_raw("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", 5s));
  const auto a = c.read_raw(5s);
  ASSERT_FALSE(a);
  EXPECT_EQ(a.error().code, errc::gone);
}

TEST_F(server_test, SilentConnectionIsClosed) {
  settings.keep_alive = 50ms;
  auto c = client();
  ASSERT_TRUE(c.send_raw("GET /open HTTP/1.1\r\nHost: x\r\n\r\n", 5s));
  ASSERT_TRUE(c.read_raw(5s));
  const auto a = c.read_raw(5s);
  ASSERT_FALSE(a);
  EXPECT_EQ(a.error().code, errc::gone);
}

TEST_F(server_test, RequestNobodyAnswersEndsWith504) {
  settings.request_deadline = 50ms;
  const auto a = get("/never");
  EXPECT_EQ(a.status, 504);
  expect_error_shape(a, "timed_out");
  (*waiting.take())->respond(text("too late")); // is ignored
}

TEST_F(server_test, PatientHandlerNamesWhatTheDeadlineAnswers) {
  const auto a = get("/patient");
  EXPECT_EQ(a.status, 202);
  EXPECT_EQ(a.body, "later");
}

TEST_F(server_test, AnswersMayComeFromAnyThreadAndOnlyTheFirstCounts) {
  auto c = client();
  ASSERT_TRUE(c.send_raw("GET /never HTTP/1.1\r\nHost: x\r\n\r\n", 5s));
  auto x = *waiting.take();
  std::thread first{[&] { x->respond(text("first")); }};
  first.join();
  x->respond(text("second"));
  EXPECT_EQ(c.read_raw(5s)->body, "first");
  ASSERT_TRUE(c.send_raw("GET /open HTTP/1.1\r\nHost: x\r\n\r\n", 5s));
  EXPECT_EQ(c.read_raw(5s)->body, "open");
}

TEST_F(server_test, HandlerThatThrowsIs500AndTheConnectionGoesOn) {
  auto c = client();
  const auto a = c.get("/throws");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 500);
  expect_error_shape(*a, "internal");
  EXPECT_EQ(c.get("/open")->body, "open");
}

// ---- methods, headers
// -----------------------------------------------------------------------------------------

TEST_F(server_test, UnknownPathIs404) {
  const auto a = get("/api/v1/nothing");
  EXPECT_EQ(a.status, 404);
  expect_error_shape(a, "not_found");
}

TEST_F(server_test, KnownPathWithAnotherMethodIs405WithAllow) {
  auto c = client();
  const auto a = c.request("DELETE", "/echo");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 405);
  EXPECT_EQ(a->header("allow"), "OPTIONS, POST");
  expect_error_shape(*a, "invalid");
}

TEST_F(server_test, HeadIsGetWithoutTheBody) {
  auto c = client();
  const auto a = c.request("HEAD", "/big");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 200);
  EXPECT_EQ(a->header("content-length"), "20000");
  EXPECT_EQ(a->body, "");
  EXPECT_EQ(c.get("/open")->body, "open");
}

TEST_F(server_test, OptionsNamesTheMethods) {
  auto c = client();
  const auto a = c.request("OPTIONS", "/echo");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 204);
  EXPECT_THAT(a->header("allow"), HasSubstr("POST"));
}

TEST_F(server_test, AllowedOriginsAreReflectedAndOthersAreNot) {
  settings.allowed_origins = {"https://app.example.org", "chrome-extension://*"};
  for (const auto* origin : {"https://app.example.org", "chrome-extension://abcdef"}) {
    const auto a = get("/open", {{"Origin", origin}});
    EXPECT_EQ(a.header("access-control-allow-origin"), origin);
    EXPECT_EQ(a.header("access-control-allow-credentials"), "true");
    EXPECT_THAT(a.header("access-control-expose-headers"), HasSubstr("x-error-code"));
  }
  for (const auto* origin : {"https://app.example.org.evil.org", "https://evil.org", "chrome-extension://",
                             "chrome-extension://a/b", "null"})
    EXPECT_EQ(get("/open", {{"Origin", origin}}).header("access-control-allow-origin"), "") << origin;
}

TEST_F(server_test, PreflightIsAnsweredWithoutAToken) {
  settings.allowed_origins = {"https://app.example.org"};
  auto c = client();
  const auto a =
      c.request("OPTIONS", "/echo", {},
                {{"Origin", "https://app.example.org"}, {"Access-Control-Request-Method", "POST"}});
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 204);
  EXPECT_EQ(a->header("access-control-allow-methods"), "POST");
  for (const auto* name :
       {"authorization", "content-type", "x-session-id", "idempotency-key", "if-match", "last-event-id"})
    EXPECT_THAT(a->header("access-control-allow-headers"), HasSubstr(name));
}

TEST_F(server_test, ErrorsCarryTheOriginHeadersToo) {
  settings.allowed_origins = {"https://app.example.org"};
  settings.body_bytes_max = 10;
  EXPECT_EQ(
      raw("POST /upload HTTP/1.1\r\nHost: x\r\nOrigin: https://app.example.org\r\nContent-Length: 11\r\n\r\n")
          .header("access-control-allow-origin"),
      "https://app.example.org");
}

TEST_F(server_test, SaneRequestIdsAreEchoedAndOthersReplaced) {
  EXPECT_EQ(get("/open", {{"X-Request-ID", "abc-123"}}).header("x-request-id"), "abc-123");
  const auto made = get("/open", {{"X-Request-ID", "a b<script>"}}).header("x-request-id");
  EXPECT_EQ(made.size(), 36U);
  EXPECT_EQ(get("/open", {{"X-Correlation-ID", "trail-1"}}).header("x-correlation-id"), "trail-1");
  EXPECT_FALSE(get("/open").header("x-processing-time").empty());
  EXPECT_EQ(get("/open").header("x-content-type-options"), "nosniff");
}

TEST_F(server_test, HeaderValuesNeverBecomeTwoHeaders) {
  const auto a = get("/split");
  EXPECT_EQ(a.header("x-said"), "a  Set-Cookie: b");
  EXPECT_EQ(a.header("set-cookie"), "");
}

TEST_F(server_test, LargeAnswersArePackedForThoseWhoAccept) {
  const auto packed = get("/big", {{"Accept-Encoding", "br, gzip"}});
  EXPECT_EQ(packed.header("content-encoding"), "gzip");
  EXPECT_LT(packed.body.size(), 2'000U);
  EXPECT_EQ(gunzipped(packed.body), std::string(20'000, 'a'));
  EXPECT_EQ(get("/big").header("content-encoding"), "");
  EXPECT_EQ(get("/open", {{"Accept-Encoding", "gzip"}}).header("content-encoding"), "");
  EXPECT_EQ(get("/big", {{"Accept-Encoding", "gzip;q=0"}}).header("content-encoding"), "");
}

// ---- who
// ------------------------------------------------------------------------------------------------------

TEST_F(server_test, TokenRoutesNeedAGoodToken) {
  for (const header_list& headers :
       {header_list{}, header_list{{"Authorization", "Basic Z29vZA=="}},
        header_list{{"Authorization", "Bearer "}}, header_list{{"Authorization", "Bearer bad"}}}) {
    const auto a = get("/mine", headers);
    EXPECT_EQ(a.status, 401);
    EXPECT_EQ(a.header("www-authenticate"), "Bearer");
    expect_error_shape(a, "unauthenticated");
  }
  EXPECT_EQ(get("/mine", {{"authorization", "bearer good"}}).body, "user-1");
  EXPECT_EQ(get("/mine", {}, "other").body, "user-2");
}

TEST_F(server_test, TooManyRequestsOfOnePersonAre429AndOthersGoOn) {
  settings.requests_per_second = 1;
  settings.requests_burst = 3;
  auto c = client("good");
  for (int i = 0; i < 3; ++i) {
    const auto a = c.get("/mine");
    ASSERT_TRUE(a);
    EXPECT_EQ(a->status, 200);
    EXPECT_EQ(a->header("x-ratelimit-limit"), "3");
    EXPECT_EQ(a->header("x-ratelimit-remaining"), std::to_string(2 - i));
  }
  const auto a = c.get("/mine");
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 429);
  EXPECT_EQ(a->header("retry-after"), "1");
  expect_error_shape(*a, "rate_limited");
  EXPECT_EQ(get("/mine", {}, "other").status, 200);
}

TEST_F(server_test, BadTokensUseUpTheAddressAndNotAPerson) {
  settings.requests_per_second = 1;
  settings.requests_burst = 2;
  EXPECT_EQ(get("/mine", {}, "bad").status, 401);
  EXPECT_EQ(get("/mine", {}, "bad").status, 401);
  EXPECT_EQ(get("/mine", {}, "bad").status, 429);
  EXPECT_EQ(get("/mine", {}, "good").status, 200);
}

TEST_F(server_test, SigningInHasALimitOfItsOwn) {
  settings.sign_ins_per_minute = 2;
  auto c = client();
  EXPECT_EQ(c.post("/sign-in", "")->status, 200);
  EXPECT_EQ(c.post("/sign-in", "")->status, 200);
  EXPECT_EQ(c.post("/sign-in", "")->status, 429);
  EXPECT_EQ(c.get("/open")->status, 200);
}

TEST(token_bucket_test, RefillsWithTimeUpToTheBurst) {
  rate_limiter limiter{2, 4};
  const auto now = std::chrono::steady_clock::now();
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(limiter.take("a", now));
  EXPECT_FALSE(limiter.take("a", now));
  EXPECT_TRUE(limiter.take("b", now));
  EXPECT_TRUE(limiter.take("a", now + 500ms));
  EXPECT_FALSE(limiter.take("a", now + 500ms));
  for (int i = 0; i < 4; ++i)
    EXPECT_TRUE(limiter.take("a", now + 1h));
  EXPECT_FALSE(limiter.take("a", now + 1h));
}

TEST(token_bucket_test, NamesAreBounded) {
  rate_limiter limiter{1, 2, 3};
  const auto now = std::chrono::steady_clock::now();
  for (const auto* name : {"a", "b", "c"})
    EXPECT_TRUE(limiter.take(name, now));
  EXPECT_FALSE(limiter.take("d", now));
  EXPECT_TRUE(limiter.take("d", now + 10s)); // the others are full again and were forgotten
}

// ---- idempotency
// ----------------------------------------------------------------------------------------------

TEST_F(server_test, RepeatedKeyReplaysTheFirstAnswerWithItsHeaders) {
  auto c = client("good");
  const auto first = c.post("/echo", "hello \xE2\x9C\x93", {{"Idempotency-Key", "key-12345"}});
  const auto again = c.post("/echo", "hello \xE2\x9C\x93", {{"Idempotency-Key", "key-12345"}});
  ASSERT_TRUE(first && again);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(first->header("x-idempotency-replayed"), "");
  EXPECT_EQ(again->header("x-idempotency-replayed"), "true");
  EXPECT_EQ(again->status, first->status);
  EXPECT_EQ(again->body, first->body);
  EXPECT_EQ(again->header("location"), "/echo/1");
  EXPECT_EQ(again->header("etag"), "\"1\"");
  EXPECT_EQ(again->header("content-type"), "text/plain");
}

TEST_F(server_test, KeyWithAnotherBodyIsAConflict) {
  auto c = client("good");
  EXPECT_EQ(c.post("/echo", "one", {{"Idempotency-Key", "key-12345"}})->status, 201);
  const auto a = c.post("/echo", "two", {{"Idempotency-Key", "key-12345"}});
  EXPECT_EQ(a->status, 409);
  EXPECT_EQ(a->header("x-error-code"), "IDEMPOTENCY_KEY_REUSE");
  EXPECT_EQ(calls, 1);
}

TEST_F(server_test, KeyOfARunningRequestIsADuplicate) {
  auto first = client("good"), second = client("good");
  ASSERT_TRUE(first.start("GET", "/open"));
  first.close();
  ASSERT_TRUE(first.send_raw("POST /never HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                             "good\r\nIdempotency-Key: key-12345\r\nContent-Length: 0\r\n\r\n",
                             5s));
  auto x = *waiting.take();
  const auto a = second.post("/never", "", {{"Idempotency-Key", "key-12345"}});
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 409);
  EXPECT_EQ(a->header("x-error-code"), "DUPLICATE_REQUEST");
  EXPECT_EQ(a->header("retry-after"), "1");
  x->respond(text("done"));
  EXPECT_EQ(first.read_raw(5s)->body, "done");
  EXPECT_EQ(second.post("/never", "", {{"Idempotency-Key", "key-12345"}})->body, "done");
}

TEST_F(server_test, AnswerAfterTheDeadlineIsKeptForTheRetry) {
  settings.request_deadline = 50ms;
  auto c = client("good");
  EXPECT_EQ(c.post("/never", "", {{"Idempotency-Key", "key-12345"}})->status, 504);
  auto x = *waiting.take();
  EXPECT_EQ(c.post("/never", "", {{"Idempotency-Key", "key-12345"}})->header("x-error-code"),
            "DUPLICATE_REQUEST");
  x->respond(text("done"));
  const auto a = c.post("/never", "", {{"Idempotency-Key", "key-12345"}});
  EXPECT_EQ(a->status, 200);
  EXPECT_EQ(a->body, "done");
}

TEST_F(server_test, AnswerForAClientThatWentAwayIsKeptForTheRetry) {
  auto c = client("good");
  ASSERT_TRUE(c.send_raw("POST /never HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\nIdempotency-Key: "
                         "key-12345\r\nContent-Length: 0\r\n\r\n",
                         5s));
  auto x = *waiting.take();
  c.cut();
  x->respond(text("done"));
  auto again = client("good");
  EXPECT_EQ(again.post("/never", "", {{"Idempotency-Key", "key-12345"}})->body, "done");
}

TEST_F(server_test, FaultsAreNotKept) {
  auto c = client("good");
  EXPECT_EQ(c.post("/faults", "", {{"Idempotency-Key", "key-12345"}})->status, 503);
  EXPECT_EQ(c.post("/faults", "", {{"Idempotency-Key", "key-12345"}})->status, 503);
  EXPECT_EQ(calls, 2);
}

TEST_F(server_test, KeysOfDifferentPeopleAreDifferent) {
  EXPECT_EQ(client("good").post("/echo", "one", {{"Idempotency-Key", "key-12345"}})->status, 201);
  EXPECT_EQ(client("other").post("/echo", "two", {{"Idempotency-Key", "key-12345"}})->status, 201);
  EXPECT_EQ(calls, 2);
}

TEST_F(server_test, MalformedKeysAreRefused) {
  auto c = client("good");
  for (const auto& key : {std::string{"short"}, std::string(256, 'k'), std::string{"spaces are bad"}})
    EXPECT_EQ(c.post("/echo", "", {{"Idempotency-Key", key}})->status, 400) << key;
  EXPECT_EQ(calls, 0);
}

// ---- streams
// --------------------------------------------------------------------------------------------------

TEST_F(server_test, StreamedPiecesArriveAsTheyAreWritten) {
  auto c = client();
  ASSERT_TRUE(c.send_raw("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n", 5s));
  auto stream = *streams.take();
  ASSERT_TRUE(stream->write("one "));
  ASSERT_TRUE(stream->write("two"));
  stream->finish();
  const auto a = c.read_raw(5s);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->body, "one two");
  EXPECT_EQ(a->header("content-type"), "text/event-stream");
  EXPECT_TRUE(closed.take());
  EXPECT_FALSE(stream->write("three"));
}

TEST_F(server_test, StreamOverHttp10EndsWithTheConnection) {
  auto c = client();
  ASSERT_TRUE(c.send_raw("GET /stream HTTP/1.0\r\n\r\n", 5s));
  auto stream = *streams.take();
  stream->write("plain");
  stream->finish();
  const auto a = c.read_raw(5s);
  ASSERT_TRUE(a) << a.error().detail;
  EXPECT_EQ(a->body, "plain");
  EXPECT_EQ(a->header("transfer-encoding"), "");
}

TEST_F(server_test, StreamLearnsThatItsClientIsGone) {
  auto c = client();
  ASSERT_TRUE(c.start("GET", "/stream"));
  auto stream = *streams.take();
  c.cut();
  EXPECT_TRUE(closed.take());
  EXPECT_FALSE(stream->write("x"));
}

TEST_F(server_test, StreamNobodyReadsIsBounded) {
  settings.stream_bytes_max = 1U << 20;
  auto c = client();
  ASSERT_TRUE(c.start("GET", "/stream"));
  auto stream = *streams.take();
  std::size_t written = 0;
  while (written < (64U << 20) && stream->write(std::string(64U << 10, 'x')))
    written += 64U << 10;
  EXPECT_LT(written, 64U << 20);
  EXPECT_TRUE(closed.take());
}

// ---- life
// -----------------------------------------------------------------------------------------------------

TEST_F(server_test, DrainingFinishesWhatRunsAndClosesTheRest) {
  auto idle = client(), busy = client();
  ASSERT_TRUE(idle.get("/open"));
  ASSERT_TRUE(busy.send_raw("GET /never HTTP/1.1\r\nHost: x\r\n\r\n", 5s));
  auto x = *waiting.take();
  std::thread drain{[&] { server_->drain(); }};
  const auto silence = idle.read_raw(5s); // the server closes it
  EXPECT_FALSE(silence);
  x->respond(text("finished"));
  const auto a = busy.read_raw(5s);
  drain.join();
  ASSERT_TRUE(a);
  EXPECT_EQ(a->body, "finished");
  EXPECT_EQ(a->header("connection"), "close");
  EXPECT_FALSE(client().get("/open")); // nobody listens
}

TEST_F(server_test, DrainingGivesUpAtItsDeadline) {
  settings.drain = 50ms;
  auto busy = client();
  ASSERT_TRUE(busy.send_raw("GET /never HTTP/1.1\r\nHost: x\r\n\r\n", 5s));
  auto x = *waiting.take();
  const auto began = std::chrono::steady_clock::now();
  server_->drain();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
  server_.reset();
  x->respond(text("nobody is there")); // harmless
}

TEST_F(server_test, TakenPortIsAnUnderstandableFailure) {
  start();
  server_deps deps;
  deps.identity = identity;
  deps.metrics = meters;
  deps.random = seeded_random(7);
  deps.settings.port = server_->port();
  deps.routes = std::make_shared<router>();
  const auto second = start_server(deps);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, errc::unavailable);
  EXPECT_THAT(second.error().detail, HasSubstr(std::to_string(server_->port())));
  deps.settings.next_free_port = true;
  const auto third = start_server(deps);
  ASSERT_TRUE(third);
  EXPECT_GT((*third)->port(), server_->port());
}

TEST_F(server_test, ConnectionsBeyondTheLimitAreClosed) {
  settings.connections_max = 2;
  auto one = client(), two = client(), three = client();
  ASSERT_TRUE(one.get("/open"));
  ASSERT_TRUE(two.get("/open"));
  EXPECT_FALSE(three.get("/open"));
  EXPECT_THAT(meters->text(), HasSubstr("faultmaven_http_connections 2"));
  EXPECT_TRUE(one.get("/open"));
}

// ---- the page
// -------------------------------------------------------------------------------------------------

class site_test : public server_test {
protected:
  site_test() { site = {{"/index.html", index}, {"/assets/app-1a2b.js", script}}; }
  std::string index = "<!doctype html><title>FaultMaven</title>";
  std::string script = std::string(5'000, ';');
};

TEST_F(site_test, PageIsServedWithAStrictPolicyAndNotKept) {
  for (const auto* path : {"/", "/index.html", "/cases/case_1"}) {
    const auto a = get(path);
    EXPECT_EQ(a.status, 200) << path;
    EXPECT_EQ(a.body, index);
    EXPECT_EQ(a.header("content-type"), "text/html; charset=utf-8");
    EXPECT_EQ(a.header("cache-control"), "no-cache");
    EXPECT_EQ(a.header("content-security-policy"),
              "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src "
              "'self' data:; "
              "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    EXPECT_EQ(a.header("x-content-type-options"), "nosniff");
    EXPECT_EQ(a.header("referrer-policy"), "no-referrer");
  }
}

TEST_F(site_test, HashedFilesAreKeptForEverAndPacked) {
  const auto a = get("/assets/app-1a2b.js", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(a.header("cache-control"), "public, max-age=31536000, immutable");
  EXPECT_EQ(a.header("content-encoding"), "gzip");
  EXPECT_EQ(gunzipped(a.body), script);
  EXPECT_EQ(get("/assets/app-1a2b.js").body, script);
}

TEST_F(site_test, KnownEtagIs304) {
  const auto tag = get("/").header("etag");
  const auto a = get("/", {{"If-None-Match", tag}});
  EXPECT_EQ(a.status, 304);
  EXPECT_EQ(a.body, "");
}

TEST_F(site_test, MissingFilesAndApiPathsAreNotThePage) {
  EXPECT_EQ(get("/assets/none.js").status, 404);
  EXPECT_EQ(get("/api/v1/none").status, 404);
}

} // namespace
} // namespace fm::http
