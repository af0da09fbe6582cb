// The live protocol over real sockets on loopback: handshake, framing, heartbeats, revocation, and the same log
// over server-sent events and long-polls. Cases are real, over an in-memory store; the model is a test's.
#include "actors/cases/case_registry.hpp"
#include "actors/stores/case_store_actor.hpp"
#include "http/live/live_command.hpp"
#include "http/server/server.hpp"
#include "storage/factory/factory.hpp"
#include "tests/http/live_fixture.hpp"
#include "tests/support/client_view.hpp"
#include "tests/support/live_client.hpp"

#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace fm::http {
namespace {
using namespace testing_support;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A model that says what it is told to, when it is told to.
struct told_provider final : chat_provider {
  struct call final : chat_call {
    chat_events events;
    std::atomic<bool> cancelled{false};
    void cancel() override { cancelled = true; }
  };
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::shared_ptr<call>> calls;

  std::shared_ptr<chat_call> start(chat_request, chat_events events) override {
    auto c = std::make_shared<call>();
    c->events = std::move(events);
    std::lock_guard lock{mutex};
    calls.push_back(c);
    changed.notify_all();
    return c;
  }
  std::string name() const override { return "told"; }
  bool local() const override { return true; }
  std::shared_ptr<call> nth(std::size_t n) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 5s, [&] { return calls.size() > n; }) ? calls[n] : nullptr;
  }
};

class live_server_test : public ::testing::Test {
protected:
  live_server_test() {
    settings.allowed_origins = {"https://app.example.org"};
    for (auto who : {"ada", "ben"})
      identity_record->tokens.insert(who);
    store = open_storage(all_in_memory()).value().cases;
    readers = make_offload(2, 1'000);
    case_deps deps;
    deps.writer = writer = spawn_case_store(system, {}, {store, readers, stats});
    deps.store = store;
    deps.readers = readers;
    deps.run = {store, readers, readers, provider, {}};
    deps.clock = system_clock_source();
    deps.random = system_random();
    deps.metrics = stats;
    registry = spawn_case_registry(system, {}, std::make_shared<const case_settings>(), std::move(deps));
    identity = system.spawn(live_identity, identity_record);
  }
  void TearDown() override {
    provider->calls.clear();
    server_.reset();
    identity_record->sinks.clear();
    caf::anon_send_exit(registry, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(identity, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(writer, caf::exit_reason::user_shutdown);
    registry = case_registry_actor{};
    identity = identity_actor{};
    writer = case_store_actor{};
    system.await_all_actors_done();
    readers->stop();
  }

  /// Listens; with the settings as they are by then.
  void start() {
    live_deps live{registry, identity, stats, system_clock_source(), system_random(), settings, "test"};
    auto routes = std::make_shared<router>();
    add_live_routes(*routes, live);
    routes->add({"POST", "/api/v1/cases/{case_id}/queries", access::token, "t", "t", {200}, [live](const exchange_ptr& x) {
                   submit_turn c{x->in.auth->who, client_turn_id{"t1"}, x->in.body, {}, {}};
                   const case_id id{std::string{x->in.param("case_id")}};
                   c.answer = reply<turn_receipt>{[x, live, id](outcome<turn_receipt> r) { r ? stream_turn(x, live, id, *r) : x->fail(r.error()); }};
                   caf::anon_send(live.registry, to_case{id, std::move(c)});
                 }});
    server_deps edge;
    edge.identity = identity;
    edge.metrics = stats;
    edge.random = system_random();
    edge.settings.port = 0;
    edge.settings.io_threads = 2;
    edge.settings.drain = 3s;
    edge.routes = routes;
    edge.make_live = [live](const std::vector<boost::asio::io_context*>& contexts) { return make_live_endpoint(live, contexts); };
    auto made = start_server(std::move(edge));
    ASSERT_TRUE(made);
    server_ = std::move(*made);
    at = endpoint{"127.0.0.1", server_->port()};
  }

  std::unique_ptr<live_client> connect(const std::string& token = "ada", const header_list& headers = {}, const std::string& target = "/api/v1/live") {
    auto c = live_client::open(at, token, 5s, target, headers);
    EXPECT_TRUE(c) << c.error().detail;
    return c ? std::move(*c) : nullptr;
  }
  /// Status of a refused upgrade.
  std::string refused(const std::string& token, const header_list& headers = {}, const std::string& target = "/api/v1/live") {
    auto c = live_client::open(at, token, 5s, target, headers);
    if (c)
      return "accepted";
    const auto why = c.error();
    const auto status = why.facts.find("status");
    return status == why.facts.end() ? why.detail : status->second;
  }
  /// Objects until one of the type has come.
  std::vector<json> until(live_client& c, const std::string& type, milliseconds within = 5s) {
    std::vector<json> got;
    c.poll_until(within, [&](const json& o) { got.push_back(o); },
                 [&] { return !got.empty() && (got.back()["type"].text() == type || got.back()["kind"].text() == type); });
    for (auto& o : got)
      EXPECT_EQ(undocumented(o), "");
    return got;
  }
  /// Whether the server says goodbye, and how.
  unsigned close_code(live_client& c, milliseconds within = 5s) {
    c.poll_until(within, [](const json&) {}, [&] { return !c.is_open() || c.close_code() != 0; });
    return c.close_code();
  }

  template <class Command>
  auto ask(const case_id& id, Command command) {
    using answer_type = std::remove_reference_t<decltype(command.answer)>;
    return ask_for(id, std::move(command), answer_type{});
  }
  template <class Command, class T>
  outcome<T> ask_for(const case_id& id, Command command, reply<T>) {
    auto promise = std::make_shared<std::promise<outcome<T>>>();
    command.answer = reply<T>{[promise](outcome<T> r) { promise->set_value(std::move(r)); }};
    caf::anon_send(registry, to_case{id, std::move(command)});
    auto future = promise->get_future();
    if (future.wait_for(5s) != std::future_status::ready)
      return make_failure(errc::timed_out, "no answer");
    return future.get();
  }
  case_id make_case(const std::string& owner = "ada") {
    case_draft draft;
    draft.title = "A case";
    return ask(case_id{}, create_case{live_identity_record::who(owner).who, draft, {}}).value().view.record.id;
  }
  void note(const case_id& id, const std::string& text) { ASSERT_TRUE(ask(id, add_note{live_identity_record::who("ada").who, text, {}})); }
  static std::string open_of(const case_id& id, sequence after) {
    return R"({"id":"open","type":"case.open","case_id":")" + id.value + R"(","after_seq":)" + std::to_string(after) + "}";
  }
  std::string events_path(const case_id& id, const std::string& query = "") { return "/api/v1/cases/" + id.value + "/events" + query; }

  /// Server-sent events until enough have come.
  std::vector<sse_event> read_events(http_connection& c, std::size_t enough, milliseconds within = 5s) {
    std::vector<sse_event> got;
    const auto until = steady::now() + within;
    while (got.size() < enough && steady::now() < until) {
      auto piece = c.read_some(500ms);
      if (!piece && piece.error().code != errc::timed_out)
        break;
      if (piece && piece->empty()) {
        ended = true;
        break;
      }
      if (piece)
        parser.feed(*piece, [&](const sse_event& e) { got.push_back(e); });
    }
    return got;
  }

  caf::actor_system_config config;
  caf::actor_system system{config};
  live_settings settings;
  live_identity_ptr identity_record = std::make_shared<live_identity_record>();
  std::shared_ptr<told_provider> provider = std::make_shared<told_provider>();
  metrics_ptr stats = std::make_shared<metrics>();
  case_store_ptr store;
  offload_ptr readers;
  case_store_actor writer;
  case_registry_actor registry;
  identity_actor identity;
  std::unique_ptr<server> server_;
  endpoint at;
  sse_parser parser;
  bool ended = false;
};

TEST_F(live_server_test, ABearerTokenOnTheUpgradeIsWelcomed) {
  start();
  auto c = connect();
  ASSERT_TRUE(c);
  const auto got = until(*c, "welcome");
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0]["user"]["user_id"].text(), "ada");
}

TEST_F(live_server_test, WrongTokensAndForeignOriginsAreRefused) {
  start();
  EXPECT_EQ(refused("nobody"), "401");
  EXPECT_EQ(refused("ada", {{"Origin", "https://evil.example.org"}}), "403");
  EXPECT_EQ(refused("ada", {{"Origin", "https://app.example.org"}}), "accepted");
  EXPECT_EQ(refused("", {}, "/api/v1/live?ticket=made-up"), "401");
  EXPECT_EQ(refused("", {}, "/api/v1/live?ticket=%zz"), "400");
}

TEST_F(live_server_test, MoreConnectionsThanAllowedAreTurnedAway) {
  settings.connections_max = 2; // one for each of the two threads
  start();
  auto first = connect(), second = connect();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(refused("ada"), "503");
  EXPECT_EQ(refused("ada"), "503");
}

TEST_F(live_server_test, ATicketOpensOneConnection) {
  start();
  http_connection http{at, "ada"};
  const auto answer = http.post("/api/v1/live/tickets", "{}");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 201);
  const auto target = "/api/v1/live?ticket=" + answer->parsed()["ticket"].text();
  auto c = connect("", {}, target);
  ASSERT_TRUE(c);
  EXPECT_EQ(until(*c, "welcome").back()["user"]["user_id"].text(), "ada");
  EXPECT_EQ(refused("", {}, target), "401") << "one use";
}

TEST_F(live_server_test, ABrowserSaysHello) {
  start();
  auto c = connect("");
  ASSERT_TRUE(c);
  ASSERT_TRUE(c->send(R"({"id":"1","type":"hello","token":"ada","client_id":"b"})"));
  const auto got = until(*c, "welcome");
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0]["type"].text(), "ok");
  EXPECT_EQ((*c->ask(R"({"id":"2","type":"ping"})", "2", 5s))["type"].text(), "ok");
}

TEST_F(live_server_test, AWrongHelloCloses4401) {
  start();
  auto c = connect("");
  ASSERT_TRUE(c->send(R"({"id":1,"type":"hello","token":"nobody"})"));
  EXPECT_EQ(close_code(*c), 4401U);
}

TEST_F(live_server_test, WhoSaysNothingIsSentAway) {
  settings.hello_timeout = 1s;
  start();
  auto c = connect("");
  EXPECT_EQ(close_code(*c), 4401U);
}

TEST_F(live_server_test, AStrangerCannotSendMuch) {
  start();
  auto c = connect("");
  ASSERT_TRUE(c->send(std::string(20'000, ' ')));
  EXPECT_EQ(close_code(*c), 1009U);
}

TEST_F(live_server_test, SeveralObjectsInAndOut) {
  start();
  auto c = connect();
  until(*c, "welcome");
  std::string all;
  for (int i = 0; i < 50; ++i)
    all += "{\"id\":" + std::to_string(i) + ",\"type\":\"ping\"}\n";
  const auto before = c->messages();
  ASSERT_TRUE(c->send(all));
  int answered = 0;
  EXPECT_TRUE(c->poll_until(5s, [&](const json& o) { answered += o["type"].text() == "ok"; }, [&] { return answered == 50; }));
  EXPECT_LE(c->messages() - before, 3U) << "what waits is joined";
}

TEST_F(live_server_test, MalformedObjectsAreAnsweredAndBrokenFramesClose) {
  start();
  auto c = connect();
  until(*c, "welcome");
  ASSERT_TRUE(c->send("{nonsense"));
  EXPECT_EQ(until(*c, "error").back()["code"].text(), "invalid");
  ASSERT_TRUE(c->send_frame(2, "binary"));
  EXPECT_EQ(until(*c, "error").back()["code"].text(), "invalid");
  ASSERT_TRUE(c->send("{\"id\":1,\"type\":\"ping\xff\"}"));
  EXPECT_EQ(close_code(*c), 1007U);
  auto large = connect();
  settings.client_message_bytes_max = 1U << 20;
  ASSERT_TRUE(large->send(std::string((1U << 20) + 1, ' ')) || true);
  EXPECT_EQ(close_code(*large), 1009U);
  auto unmasked = connect();
  ASSERT_TRUE(unmasked->send_frame(1, "{}", false));
  EXPECT_EQ(close_code(*unmasked), 1002U);
}

TEST_F(live_server_test, AMessageInFragmentsIsOneMessage) {
  start();
  auto c = connect();
  until(*c, "welcome");
  ASSERT_TRUE(c->send_frame(1, R"({"id":1,"ty)", true, false));
  ASSERT_TRUE(c->send_frame(0, R"(pe":"ping"})", true, true));
  EXPECT_EQ(until(*c, "ok").back()["reply_to"].number(), 1);
}

TEST_F(live_server_test, ALargePasteFits) {
  start();
  const auto id = make_case();
  auto c = connect();
  const auto text = std::string(150'000, 'x');
  const auto answer = c->ask(R"({"id":"1","type":"turn.submit","case_id":")" + id.value + R"(","client_turn_id":"t","content":")" + text + "\"}", "1", 5s);
  ASSERT_TRUE(answer);
  EXPECT_EQ((*answer)["type"].text(), "ok") << (*answer)["message"].text();
}

TEST_F(live_server_test, ARevokedTokenClosesWithinASecond) {
  start();
  auto ada = connect("ada"), ben = connect("ben"), stranger = connect("");
  until(*ada, "welcome");
  until(*ben, "welcome");
  const auto began = steady::now();
  identity_record->revoke("ada");
  EXPECT_EQ(close_code(*ada), 4401U);
  EXPECT_LT(steady::now() - began, 1s);
  EXPECT_EQ((*ben->ask(R"({"id":"1","type":"ping"})", "1", 5s))["type"].text(), "ok") << "nobody else is touched";
  identity_record->deactivate("ben");
  EXPECT_EQ(close_code(*ben), 4401U);
  EXPECT_TRUE(stranger->is_open());
}

TEST_F(live_server_test, ARevokedTokenEndsAnEventStreamToo) {
  start();
  const auto id = make_case();
  http_connection http{at, "ada"};
  ASSERT_TRUE(http.start("GET", events_path(id), {}, {{"Accept", "text/event-stream"}}));
  read_events(http, 1);
  identity_record->revoke("ada");
  read_events(http, 99, 3s);
  EXPECT_TRUE(ended);
}

TEST_F(live_server_test, SilenceIsFilledWithHeartbeatsAndPings) {
  settings.heartbeat = 1s;
  start();
  auto c = connect();
  const auto got = until(*c, "heartbeat");
  EXPECT_EQ(got.back()["type"].text(), "heartbeat");
  std::size_t beats = 0;
  EXPECT_TRUE(c->poll_until(4s, [&](const json& o) { beats += o["type"].text() == "heartbeat"; }, [&] { return beats == 2; }))
      << "whoever answers pings stays";
}

TEST_F(live_server_test, WhoAnswersNoPingIsDropped) {
  settings.heartbeat = 1s;
  settings.pong_timeout = 2s;
  start();
  auto socket = byte_socket::connect(at, steady::now() + 5s);
  ASSERT_TRUE(socket);
  ASSERT_TRUE(socket->write("GET /api/v1/live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer ada\r\n"
                            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ZmF1bHRtYXZlbi1sb2FkIQ==\r\n\r\n",
                            steady::now() + 5s));
  std::string got;
  outcome<void> last;
  const auto until = steady::now() + 8s;
  do
    last = socket->read(got, until);
  while (last);
  EXPECT_EQ(last.error().code, errc::gone);
  EXPECT_THAT(got, HasSubstr("101 Switching"));
}

TEST_F(live_server_test, TheSubprotocolIsConfirmedOnlyWhenOffered) {
  start();
  for (auto [offered, confirmed] : {std::pair{"", false}, {"Sec-WebSocket-Protocol: chat, faultmaven.live.v1\r\n", true}, {"Sec-WebSocket-Protocol: faultmaven.live.v10\r\n", false}}) {
    auto socket = byte_socket::connect(at, steady::now() + 5s);
    ASSERT_TRUE(socket);
    ASSERT_TRUE(socket->write(std::string{"GET /api/v1/live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer ada\r\n"
                                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ZmF1bHRtYXZlbi1sb2FkIQ==\r\n"} + offered + "\r\n",
                              steady::now() + 5s));
    std::string got;
    while (got.find("\r\n\r\n") == std::string::npos && socket->read(got, steady::now() + 5s)) {
    }
    EXPECT_EQ(got.find("faultmaven.live.v1\r\n") != std::string::npos, confirmed) << offered;
  }
}

TEST_F(live_server_test, AStoppingServerSaysGoodbye) {
  start();
  auto c = connect();
  until(*c, "welcome");
  std::thread stop{[&] { server_->drain(); }};
  EXPECT_EQ(close_code(*c), 1001U);
  stop.join();
}

TEST_F(live_server_test, TextIsStreamedToTheSocketAndToTheEventStreamAlike) {
  start();
  const auto id = make_case();
  auto c = connect();
  until(*c, "welcome");
  http_connection http{at, "ada"};
  ASSERT_TRUE(http.start("GET", events_path(id, "?after_seq=1"), {}, {{"Accept", "text/event-stream"}}));
  client_view by_socket, by_stream;
  ASSERT_TRUE(c->send(open_of(id, 0)));
  const auto apply = [&](const json& o) {
    if (o["type"].text() == "event")
      by_socket.apply_event(o);
  };
  ASSERT_TRUE(c->poll_until(5s, apply, [&] { return by_socket.seq() == 1; })) << "the replay comes first";
  const auto answer = c->ask(R"({"id":"s","type":"turn.submit","case_id":")" + id.value + R"(","client_turn_id":"t1","content":"why?"})", "s", 5s, apply);
  ASSERT_TRUE(answer);
  ASSERT_EQ((*answer)["type"].text(), "ok") << (*answer)["message"].text();
  auto call = provider->nth(0);
  ASSERT_TRUE(call);
  for (int i = 0; i < 50; ++i)
    call->events.on_text("word" + std::to_string(i) + " ");
  call->events.on_end(chat_end{"stop", {}});
  EXPECT_TRUE(c->poll_until(5s, apply, [&] { return by_socket.turns().contains(1) && !by_socket.has_unfinished(); }));
  EXPECT_THAT(by_socket.violations(), IsEmpty());

  std::vector<json> streamed;
  while (streamed.empty() || streamed.back()["kind"].text() != "turn_completed") {
    const auto more = read_events(http, 1);
    ASSERT_FALSE(more.empty());
    for (auto& e : more) {
      auto o = json::parse(e.data);
      ASSERT_TRUE(o);
      EXPECT_EQ(undocumented(*o), "");
      EXPECT_EQ(e.id, std::to_string((*o)["seq"].whole()));
      by_stream.apply_event(*o);
      streamed.push_back(std::move(*o));
    }
  }
  EXPECT_EQ(by_stream.canonical(), by_socket.canonical());

  // Resume in the middle, by header.
  http_connection again{at, "ada"};
  const auto middle = streamed[1]["seq"].whole();
  ASSERT_TRUE(again.start("GET", events_path(id), {}, {{"Accept", "text/event-stream"}, {"Last-Event-ID", std::to_string(middle)}}));
  parser = {};
  const auto rest = read_events(again, 1);
  ASSERT_FALSE(rest.empty());
  EXPECT_EQ(rest[0].id, std::to_string(middle + 1));
}

TEST_F(live_server_test, EventStreamsBeatAndEndWithTheCase) {
  settings.heartbeat = 1s;
  start();
  const auto id = make_case();
  http_connection http{at, "ada"};
  ASSERT_TRUE(http.start("GET", events_path(id), {}, {{"Accept", "text/event-stream"}}));
  read_events(http, 1);
  const auto until = steady::now() + 5s;
  while (parser.comments < 2 && steady::now() < until)
    read_events(http, 1, 500ms);
  EXPECT_GE(parser.comments, 2U) << "one at the beginning, one that beats";
  ASSERT_TRUE(ask(id, delete_case{live_identity_record::who("ada").who, {}}));
  const auto last = read_events(http, 99, 3s);
  EXPECT_TRUE(ended);
  ASSERT_FALSE(last.empty());
  EXPECT_THAT(last.back().data, HasSubstr("case.removed"));
}

TEST_F(live_server_test, SomebodyElsesEventsDoNotExist) {
  start();
  const auto id = make_case("ben");
  http_connection http{at, "ada"};
  for (auto& headers : {header_list{}, header_list{{"Accept", "text/event-stream"}}}) {
    const auto answer = http.get(events_path(id), headers);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 404);
  }
  EXPECT_EQ(http.get(events_path(id, "?wait=1"))->status, 404);
  EXPECT_EQ(http.get(events_path(make_case(), "?after_seq=x"))->status, 422);
  EXPECT_EQ(http.get(events_path(make_case(), "?wait=61"))->status, 422);
}

TEST_F(live_server_test, ALongPollAnswersAtOnceOrWhenSomethingHappensOrAtTheEnd) {
  start();
  const auto id = make_case();
  note(id, "one");
  http_connection http{at, "ada"};
  const auto first = http.get(events_path(id, "?after_seq=0&wait=30"));
  ASSERT_TRUE(first);
  EXPECT_EQ(first->parsed()["events"].size(), 2U);
  EXPECT_EQ(first->parsed()["next_after_seq"].whole(), 2U);

  auto waiting = std::async(std::launch::async, [&] { return http.get(events_path(id, "?after_seq=2&wait=30")); });
  EXPECT_EQ(waiting.wait_for(100ms), std::future_status::timeout);
  note(id, "two");
  ASSERT_EQ(waiting.wait_for(5s), std::future_status::ready);
  const auto second = waiting.get();
  ASSERT_TRUE(second);
  ASSERT_EQ(second->parsed()["events"].size(), 1U);
  EXPECT_EQ(second->parsed()["events"].at(0)["seq"].whole(), 3U);

  const auto none = http.get(events_path(id, "?after_seq=3&wait=1"));
  ASSERT_TRUE(none);
  EXPECT_EQ(none->status, 200);
  EXPECT_EQ(none->parsed()["events"].size(), 0U);
  EXPECT_EQ(none->parsed()["next_after_seq"].whole(), 3U);
}

TEST_F(live_server_test, AQuestionStreamsItsOwnTurnAndEnds) {
  start();
  const auto id = make_case();
  note(id, "of another matter");
  http_connection http{at, "ada"};
  const auto ask_it = [&] {
    parser = {};
    ended = false;
    return http.start("POST", "/api/v1/cases/" + id.value + "/queries", "why?", {{"Accept", "text/event-stream"}});
  };
  ASSERT_TRUE(ask_it());
  auto call = provider->nth(0);
  ASSERT_TRUE(call);
  call->events.on_text("because");
  note(id, "in between");
  call->events.on_end(chat_end{"stop", {}});
  std::vector<std::string> kinds;
  for (auto& e : read_events(http, 99))
    kinds.push_back((*json::parse(e.data))["kind"].text());
  EXPECT_TRUE(ended);
  EXPECT_THAT(kinds, ElementsAre("turn_queued", "turn_started", "turn_delta", "turn_completed"));

  // Asked again under the same client_turn_id: the same turn, from its beginning.
  http_connection twice{at, "ada"};
  parser = {};
  ended = false;
  ASSERT_TRUE(twice.start("POST", "/api/v1/cases/" + id.value + "/queries", "why?", {{"Accept", "text/event-stream"}}));
  kinds.clear();
  for (auto& e : read_events(twice, 99))
    kinds.push_back((*json::parse(e.data))["kind"].text());
  EXPECT_TRUE(ended);
  EXPECT_THAT(kinds, ElementsAre("turn_queued", "turn_started", "turn_delta", "turn_completed"));
}

TEST_F(live_server_test, AReaderThatIsSlowGetsEverythingAndNobodyWaits) {
  settings.outbox_bytes_max = 200'000;
  start();
  const auto id = make_case();
  auto slow = connect(), quick = connect();
  for (auto* c : {slow.get(), quick.get()}) {
    until(*c, "welcome");
    ASSERT_TRUE(c->send(open_of(id, 1)));
    until(*c, "ok");
  }
  constexpr int notes = 400;
  std::uint64_t quick_seq = 1;
  const auto text = std::string(20'000, 'n'); // together more than kernel and outbox hold
  for (int i = 0; i < notes; ++i) {
    note(id, text);
    quick->poll(0ms, [&](std::string_view o) { quick_seq = std::max(quick_seq, json::parse(o).value()["seq"].whole()); });
  }
  EXPECT_TRUE(quick->poll_until(10s, [&](const json& o) { quick_seq = std::max(quick_seq, o["seq"].whole()); }, [&] { return quick_seq == notes + 1; }));
  std::uint64_t seq = 1;
  int lagging = 0;
  EXPECT_TRUE(slow->poll_until(20s,
                               [&](const json& o) {
                                 if (o["type"].text() == "lagging")
                                   ++lagging;
                                 if (o["type"].text() == "event") {
                                   EXPECT_EQ(o["seq"].whole(), seq + 1);
                                   seq = o["seq"].whole();
                                 }
                               },
                               [&] { return seq == notes + 1; }));
  EXPECT_GE(lagging, 1);
}

TEST_F(live_server_test, TheDocumentNamesEverythingThatCanBeSaid) {
  start();
  http_connection http{at};
  const auto answer = http.get("/api/v1/asyncapi.json");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  const auto doc = answer->parsed();
  EXPECT_EQ(doc["asyncapi"].text(), "3.0.0");
  const auto& messages = doc["components"]["messages"];
  for (auto& c : live_commands()) {
    const auto& payload = messages[c.type]["payload"];
    EXPECT_EQ(payload["properties"]["type"]["const"].text(), c.type);
    for (auto& f : c.fields)
      EXPECT_TRUE(payload["properties"].has(f.name)) << c.type << "." << f.name;
  }
  EXPECT_EQ(messages.size(), live_commands().size() + live_objects().size());
  const auto& kinds = doc["components"]["schemas"]["EventKind"]["enum"];
  EXPECT_EQ(kinds.size(), std::variant_size_v<event_data>);
  for (auto& kind : kinds.items())
    EXPECT_TRUE(doc["components"]["schemas"].has(kind.text())) << kind.text();
  EXPECT_EQ(doc["components"]["schemas"]["turn_delta"]["properties"]["offset"]["type"].text(), "integer");
  // Every reference leads somewhere.
  std::function<void(const json&)> walk = [&](const json& j) {
    for (auto& item : j.items())
      walk(item);
    for (auto& [name, value] : j.members()) {
      walk(value);
      if (name != "$ref")
        continue;
      const json* at = &doc;
      std::string_view rest = std::string_view{value.text()}.substr(2);
      while (!rest.empty()) {
        const auto slash = rest.find('/');
        at = &(*at)[rest.substr(0, slash)];
        rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
      }
      EXPECT_FALSE(at->is_null()) << value.text();
    }
  };
  walk(doc);
}

} // namespace
} // namespace fm::http
