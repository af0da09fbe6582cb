// A server by its own for tests: routes made for the purpose, a fake identity, real sockets on loopback.
#pragma once

#include "http/core/rate_limit.hpp"
#include "http/server/server.hpp"
#include "tests/http/fake_identity.hpp"
#include "tests/support/live_client.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <thread>

namespace fm::http {
using testing_support::fake_identity;
using testing_support::header_list;
using testing_support::http_answer;
using testing_support::http_connection;
using testing_support::identity_record;
using namespace std::chrono_literals;

/// Something one thread waits for and another brings.
template <class T> class mailbox {
public:
  void put(T value) {
    std::lock_guard lock{mutex_};
    values_.push_back(std::move(value));
    changed_.notify_all();
  }
  std::optional<T> take(std::chrono::milliseconds within = 5s) {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_for(lock, within, [&] { return !values_.empty(); }))
      return std::nullopt;
    auto value = std::move(values_.front());
    values_.pop_front();
    return value;
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<T> values_;
};

class server_test : public ::testing::Test {
protected:
  server_test() {
    record->tokens["good"] = principal{user_id{"user-1"}, "Ada", {user_role::user}};
    record->tokens["other"] = principal{user_id{"user-2"}, "Ben", {user_role::user}};
    settings.port = 0;
    settings.requests_per_second = 10'000;
    settings.requests_burst = 10'000;
    settings.drain = 5s;
    add("GET", "/open", access::open, [](const exchange_ptr& x) { x->respond(text("open")); });
    add("GET", "/mine", access::token,
        [](const exchange_ptr& x) { x->respond(text(x->in.auth->who.user.value)); });
    add("POST", "/echo", access::token, [this](const exchange_ptr& x) {
      ++calls;
      auto r = text(x->in.body);
      r.status = 201;
      x->respond(std::move(r.with("Location", "/echo/1").with("ETag", "\"1\"")));
    });
    add("POST", "/upload", access::open,
        [](const exchange_ptr& x) { x->respond(text(std::to_string(x->in.body.size()))); });
    add("GET", "/things/{id}", access::open, [](const exchange_ptr& x) {
      x->respond(text(std::string{x->in.param("id")} + "|" + x->in.asked("q").value_or("-")));
    });
    add("GET", "/things/all", access::open, [](const exchange_ptr& x) { x->respond(text("literal")); });
    add("GET", "/big", access::open,
        [](const exchange_ptr& x) { x->respond(text(std::string(20'000, 'a'))); });
    add("GET", "/never", access::open, [this](const exchange_ptr& x) { waiting.put(x); });
    add("POST", "/never", access::token, [this](const exchange_ptr& x) { waiting.put(x); });
    add("GET", "/patient", access::open, [](const exchange_ptr& x) {
      auto r = text("later");
      r.status = 202;
      x->respond_after(20ms, std::move(r));
    });
    add("GET", "/throws", access::open, [](const exchange_ptr&) { throw std::runtime_error{"a bug"}; });
    add("GET", "/stream", access::open, [this](const exchange_ptr& x) {
      response head;
      head.content_type = "text/event-stream";
      streams.put(x->stream(
          std::move(head), [this] { closed.put(true); }, [] {}));
    });
    add("POST", "/faults", access::token, [this](const exchange_ptr& x) {
      ++calls;
      x->fail(make_unavailable("The store is down."));
    });
    add("POST", "/take", access::token, [this](const exchange_ptr& x) { waiting.put(x); });
    pending_routes.back().streams_body = true;
    pending_routes.back().body_bytes_max = 1'000'000;
    add("GET", "/split", access::open,
        [](const exchange_ptr& x) { x->respond(text("x").with("X-Said", "a\r\nSet-Cookie: b")); });
    add("POST", "/sign-in", access::open, [](const exchange_ptr& x) { x->respond(text("in")); });
    sign_in_route().sign_in = true;
  }

  void TearDown() override {
    server_.reset();
    caf::anon_send_exit(identity, caf::exit_reason::user_shutdown);
    identity = identity_actor{};
  }

  static response text(std::string body) {
    response r;
    r.content_type = "text/plain";
    r.body = std::move(body);
    return r;
  }
  void add(const char* method, const char* pattern, access who, handler h) {
    pending_routes.push_back({method, pattern, who, "test", "A route of the test", {200}, std::move(h)});
  }
  /// Of a body that is taken piece by piece.
  static outcome<std::string> piece_of(const exchange_ptr& x) {
    auto got = std::make_shared<mailbox<outcome<std::string>>>();
    x->read_body([got](outcome<std::string> p) { got->put(std::move(p)); });
    auto piece = got->take();
    return piece ? std::move(*piece) : outcome<std::string>{make_failure(errc::internal, "no piece came within five seconds")};
  }
  /// Everything up to the end or a failure.
  static std::pair<std::string, std::optional<failure>> rest_of(const exchange_ptr& x) {
    std::string all;
    for (;;) {
      auto p = piece_of(x);
      if (!p)
        return {all, p.error()};
      if (p->empty())
        return {all, std::nullopt};
      EXPECT_LE(p->size(), 128U << 10);
      all += *p;
    }
  }
  static std::string take_head(const std::string& more) {
    return "POST /take HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n" + more + "\r\n";
  }
  route& sign_in_route() { return pending_routes.back(); }

  server& start() {
    if (!server_) {
      auto routes = std::make_shared<router>();
      for (auto& r : pending_routes)
        routes->add(r);
      server_deps deps;
      deps.identity = identity;
      deps.metrics = meters;
      deps.random = seeded_random(7);
      deps.settings = settings;
      deps.routes = routes;
      deps.site = site;
      auto made = start_server(std::move(deps));
      EXPECT_TRUE(made) << (made ? "" : made.error().detail);
      server_ = std::move(*made);
    }
    return *server_;
  }
  testing_support::endpoint where() { return {"127.0.0.1", start().port()}; }
  http_connection client(std::string token = {}) { return http_connection{where(), std::move(token)}; }
  http_answer get(std::string_view target, const header_list& headers = {}, std::string token = {}) {
    auto c = client(std::move(token));
    auto a = c.get(target, headers);
    EXPECT_TRUE(a) << (a ? "" : a.error().detail);
    return a ? *a : http_answer{};
  }
  http_answer raw(std::string_view bytes) {
    auto c = client();
    EXPECT_TRUE(c.send_raw(bytes, 5s));
    auto a = c.read_raw(5s);
    EXPECT_TRUE(a) << (a ? "" : a.error().detail);
    return a ? *a : http_answer{};
  }
  static void expect_error_shape(const http_answer& a, std::string_view code) {
    const auto body = a.parsed();
    EXPECT_FALSE(body["detail"].text().empty()) << a.body;
    EXPECT_EQ(body["error"]["code"].text(), code) << a.body;
    EXPECT_EQ(body["error"]["message"].text(), body["detail"].text());
    EXPECT_TRUE(body["error"]["details"].is_object());
    EXPECT_EQ(body["request_id"].text(), a.header("x-request-id"));
  }

  caf::actor_system_config config;
  caf::actor_system system{config};
  testing_support::identity_record_ptr record = std::make_shared<identity_record>();
  identity_actor identity = system.spawn(fake_identity, record);
  metrics_ptr meters = std::make_shared<metrics>();
  http_settings settings;
  std::vector<route> pending_routes;
  std::vector<site_file> site;
  std::atomic<int> calls{0};
  mailbox<exchange_ptr> waiting;
  mailbox<body_stream_ptr> streams;
  mailbox<bool> closed;
  std::unique_ptr<server> server_;
};

} // namespace fm::http
