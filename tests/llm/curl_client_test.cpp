// The outgoing HTTP client against a real socket.
#include "http/client/curl_client.hpp"
#include "tests/support/scripted_http_server.hpp"

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>

namespace fm {
namespace {
using namespace std::chrono_literals;
using namespace testing_support;

/// Collects one call's events and waits for its end.
struct collected {
  std::mutex mutex;
  std::condition_variable changed;
  http_response_head head;
  std::string body;
  int heads = 0, ends = 0;
  std::optional<outcome<void>> how;

  bool wait_end(std::chrono::milliseconds patience = 10s) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, patience, [&] { return ends > 0; });
  }
  bool wait_body(std::size_t bytes) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 10s, [&] { return body.size() >= bytes; });
  }
  errc code() { return how && !*how ? how->error().code : errc::internal; }
};
using collected_ptr = std::shared_ptr<collected>;

http_events into(const collected_ptr& c) {
  http_events e;
  e.on_head = [c](const http_response_head& h) {
    std::lock_guard lock{c->mutex};
    c->head = h;
    ++c->heads;
  };
  e.on_body = [c](std::string_view bytes) {
    std::lock_guard lock{c->mutex};
    c->body += bytes;
    c->changed.notify_all();
  };
  e.on_end = [c](outcome<void> how) {
    std::lock_guard lock{c->mutex};
    c->how.emplace(std::move(how));
    ++c->ends;
    c->changed.notify_all();
  };
  return e;
}

struct curl_client_test : testing::Test {
  scripted_http_server server;
  http_client_ptr client = make_curl_client({});
  collected_ptr got = std::make_shared<collected>();

  http_call_ptr get(std::string path, std::function<void(http_request&)> change = {}) {
    http_request r;
    r.url = server.url(path);
    if (change)
      change(r);
    return client->start(std::move(r), into(got));
  }
  ~curl_client_test() override { EXPECT_EQ(server.violations(), std::vector<std::string>{}); }
};

TEST_F(curl_client_test, GetsHeadAndBody) {
  server.reply(201, "hello", {{"X-Thing", " a b "}, {"ETag", "\"7\""}});
  get("/a?b=c", [](http_request& r) { r.headers = {{"Accept", "text/plain"}, {"X-Empty", ""}}; });
  ASSERT_TRUE(got->wait_end());
  EXPECT_TRUE(*got->how);
  EXPECT_EQ(got->head.status, 201);
  EXPECT_EQ(got->body, "hello");
  EXPECT_NE(std::find(got->head.headers.begin(), got->head.headers.end(),
                      std::pair<std::string, std::string>{"x-thing", "a b"}),
            got->head.headers.end());
  const auto r = server.requests().at(0);
  EXPECT_EQ(r.method, "GET");
  EXPECT_EQ(r.target, "/a?b=c");
  EXPECT_EQ(r.header("accept"), "text/plain");
  EXPECT_EQ(r.header("user-agent"), "faultmaven");
}

TEST_F(curl_client_test, PostsABodyOfAnyBytesWithoutExpect) {
  server.reply(200, "");
  const std::string body = std::string(3U << 20, 'x') + std::string("\0\r\n", 3);
  get("/", [&](http_request& r) {
    r.method = "POST";
    r.body = body;
    r.headers = {{"Content-Type", "application/json"}};
  });
  ASSERT_TRUE(got->wait_end());
  EXPECT_TRUE(*got->how);
  EXPECT_EQ(server.requests().at(0).body, body);
  EXPECT_EQ(server.requests().at(0).header("content-type"), "application/json");
}

TEST_F(curl_client_test, OtherMethodsKeepTheirNames) {
  for (const char* method : {"PUT", "DELETE", "PATCH", "HEAD", "POST"}) {
    server.reply(200, "x");
    got = std::make_shared<collected>();
    get("/", [&](http_request& r) { r.method = method; });
    ASSERT_TRUE(got->wait_end()) << method;
    EXPECT_TRUE(*got->how) << method;
    EXPECT_EQ(server.requests().back().method, method);
  }
}

TEST_F(curl_client_test, ReusesItsConnectionAndDoesNotFollowRedirects) {
  server.reply(302, "", {{"Location", server.url("/elsewhere")}});
  server.reply(200, "b");
  get("/1");
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->head.status, 302);
  got = std::make_shared<collected>();
  get("/2");
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(server.requests().at(0).connection, server.requests().at(1).connection);
}

TEST_F(curl_client_test, ThisMachineIsNotBehindAProxy) {
  ASSERT_EQ(::setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
  client = make_curl_client({});
  server.reply(200, "direct");
  get("/");
  const bool ended = got->wait_end();
  ::unsetenv("http_proxy");
  ASSERT_TRUE(ended);
  EXPECT_EQ(got->body, "direct");
}

TEST_F(curl_client_test, StreamsPiecesAsTheyCome) {
  server.stream({"one", "two"}, stub_step::kind::hang);
  auto call = get("/");
  ASSERT_TRUE(got->wait_body(6));
  EXPECT_EQ(got->ends, 0);
  call->cancel();
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->code(), errc::gone);
}

TEST_F(curl_client_test, CancelClosesTheConnectionAtOnceAndEndsOnce) {
  server.never_answer();
  auto call = get("/");
  ASSERT_TRUE(server.wait_for_requests(1));
  const auto from = std::chrono::steady_clock::now();
  call->cancel();
  call->cancel();
  ASSERT_TRUE(server.wait_for_early_close(1));
  EXPECT_LT(server.last_early_close() - from, 200ms);
  ASSERT_TRUE(got->wait_end());
  call->cancel();
  EXPECT_EQ(got->code(), errc::gone);
  EXPECT_EQ(got->ends, 1);
  server.reply(200, "");
  got = std::make_shared<collected>();
  get("/");
  ASSERT_TRUE(got->wait_end());
  EXPECT_TRUE(*got->how) << "the client goes on";
}

TEST_F(curl_client_test, ACallMayBeCancelledFromItsOwnCallback) {
  server.stream({"one"}, stub_step::kind::hang);
  std::mutex mutex;
  http_call_ptr call;
  auto events = into(got);
  events.on_body = [&](std::string_view) {
    std::lock_guard lock{mutex};
    call->cancel();
  };
  {
    std::lock_guard lock{mutex};
    http_request r;
    r.url = server.url("/");
    call = client->start(std::move(r), std::move(events));
  }
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->code(), errc::gone);
  EXPECT_TRUE(server.wait_for_early_close(1));
}

TEST_F(curl_client_test, TheTotalDeadlineEndsACall) {
  server.never_answer();
  get("/", [](http_request& r) { r.total_timeout = 60ms; });
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->code(), errc::timed_out);
  EXPECT_FALSE(got->how->error().facts.contains("stage"));
  EXPECT_TRUE(server.wait_for_early_close(1));
}

TEST_F(curl_client_test, SilenceInTheMiddleEndsACall) {
  server.stream({"one"}, stub_step::kind::hang);
  get("/", [](http_request& r) { r.idle_timeout = 60ms; });
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->code(), errc::timed_out);
  EXPECT_EQ(got->body, "one");
  EXPECT_TRUE(server.wait_for_early_close(1));
}

TEST_F(curl_client_test, ASteadyStreamOutlivesTheIdleLimit) {
  server.stream(std::vector<std::string>(8, "x"), stub_step::kind::send, 20ms);
  get("/", [](http_request& r) { r.idle_timeout = 100ms; });
  ASSERT_TRUE(got->wait_end());
  EXPECT_TRUE(*got->how);
  EXPECT_EQ(got->body, "xxxxxxxx");
}

TEST_F(curl_client_test, ABodyOrHeadThatIsTooLongEndsACall) {
  server.reply(200, std::string(100'000, 'x'));
  get("/", [](http_request& r) { r.response_bytes_max = 1'000; });
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->code(), errc::too_large);
  server.reply(200, "", {{"X-Long", std::string(90'000, 'x')}});
  got = std::make_shared<collected>();
  get("/");
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->code(), errc::too_large);
}

TEST_F(curl_client_test, ACutAnswerIsUnavailable) {
  server.stream({"one"}, stub_step::kind::cut);
  get("/");
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->code(), errc::unavailable);
  EXPECT_EQ(got->body, "one");
}

TEST_F(curl_client_test, NobodyListeningIsUnavailableBeforeAnythingWasSent) {
  std::string nobody;
  {
    scripted_http_server gone;
    nobody = gone.url("/");
  }
  http_request r;
  r.url = nobody;
  client->start(std::move(r), into(got));
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->code(), errc::unavailable);
  EXPECT_EQ(got->how->error().facts.at("stage"), "connect");
  EXPECT_EQ(got->heads, 0);
}

TEST_F(curl_client_test, OnlyWebAddressesAndCleanHeadersAreCalled) {
  for (const char* url : {"", "ftp://127.0.0.1/", "file:///etc/passwd", "127.0.0.1", "http://"}) {
    got = std::make_shared<collected>();
    http_request r;
    r.url = url;
    client->start(std::move(r), into(got));
    ASSERT_TRUE(got->wait_end()) << url;
    EXPECT_EQ(got->code(), errc::invalid) << url;
  }
  got = std::make_shared<collected>();
  get("/", [](http_request& r) { r.headers = {{"X", "a\r\nEvil: yes"}}; });
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->code(), errc::invalid);
}

TEST_F(curl_client_test, AboveTheLimitCallsAreOverloaded) {
  curl_settings two;
  two.calls_max = 2;
  client = make_curl_client(two);
  std::vector<http_call_ptr> calls;
  std::vector<collected_ptr> all;
  for (int i = 0; i < 2; ++i) {
    server.never_answer();
    all.push_back(got = std::make_shared<collected>());
    calls.push_back(get("/"));
  }
  got = std::make_shared<collected>();
  get("/");
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->code(), errc::overloaded);
  ASSERT_TRUE(server.wait_for_requests(2));
  for (auto& call : calls)
    call->cancel();
  for (auto& each : all)
    ASSERT_TRUE(each->wait_end());
  server.reply(200, "");
  got = std::make_shared<collected>();
  get("/");
  ASSERT_TRUE(got->wait_end());
  EXPECT_TRUE(*got->how);
}

TEST_F(curl_client_test, DestroyingTheClientEndsWhatRuns) {
  server.never_answer();
  auto call = get("/");
  ASSERT_TRUE(server.wait_for_requests(1));
  client.reset();
  EXPECT_EQ(got->ends, 1);
  EXPECT_EQ(got->code(), errc::gone);
  call->cancel();
}

TEST_F(curl_client_test, AnExceptionInACallbackEndsOnlyThatCall) {
  server.reply(200, "x");
  auto events = into(got);
  events.on_body = [](std::string_view) { throw std::runtime_error("no"); };
  http_request r;
  r.url = server.url("/");
  client->start(std::move(r), std::move(events));
  ASSERT_TRUE(got->wait_end());
  EXPECT_EQ(got->code(), errc::internal);
}

TEST_F(curl_client_test, FiftyCallsAtOnceAllEnd) {
  std::vector<collected_ptr> all;
  for (int i = 0; i < 50; ++i)
    server.reply(200, "body");
  for (int i = 0; i < 50; ++i) {
    all.push_back(got = std::make_shared<collected>());
    get("/" + std::to_string(i));
  }
  for (auto& each : all) {
    ASSERT_TRUE(each->wait_end());
    EXPECT_EQ(each->body, "body");
  }
}
} // namespace
} // namespace fm
