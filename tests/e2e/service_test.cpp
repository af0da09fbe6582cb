// The real process, from the outside: what it prints, what it keeps, how fast it passes words on, how it ends, and
// that nothing a stranger sends brings it down.
//
//   fm_service_test --server PATH --openai PATH [--only PART]
#include "tests/e2e/service_uploads.hpp"
#include "tests/support/client_view.hpp"
#include "tests/support/hostile_files.hpp"
#include "tests/support/live_client.hpp"
#include "tests/support/program.hpp"
#include "tests/support/sample_files.hpp"
#include "tests/support/scripted_http_server.hpp"
#include "tests/support/server_process.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <poll.h>
#include <set>
#include <thread>

namespace {
using namespace fm;
using namespace fm::testing_support;
using namespace std::chrono_literals;

constexpr auto first_token_allowed = 60ms;
constexpr auto stop_allowed = 200ms;

std::int64_t system_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}
std::string ms_text(double us) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f ms", us / 1000);
  return text;
}
template <class T>
T median(std::vector<T> values) {
  if (values.empty())
    return T{};
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

std::string ask_body(const std::string& text, const std::string& client = {}) {
  return "{\"query\":" + json_quoted(text) + (client.empty() ? "" : ",\"client_turn_id\":" + json_quoted(client)) + "}";
}
std::string open_case(const std::string& id, std::optional<std::uint64_t> after = 0) {
  return "{\"id\":\"open\",\"type\":\"case.open\",\"case_id\":" + json_quoted(id) + (after ? ",\"after_seq\":" + std::to_string(*after) : "") + "}";
}
std::string turn_command(const char* type, const std::string& id, const std::string& case_id, const std::string& more) {
  return "{\"id\":" + json_quoted(id) + ",\"type\":\"" + type + "\",\"case_id\":" + json_quoted(case_id) + "," + more + "}";
}

/// 2,000 lines as a tired service writes them.
std::string long_log() {
  static const char* const modules[] = {"gateway", "orders", "payments", "auth"};
  std::string log;
  for (int i = 0; i < 2'000; ++i) {
    char line[240];
    const int minute = i / 60, second = i % 60;
    if (i > 1'200 && i % 7 == 0)
      std::snprintf(line, sizeof line, "2026-03-04T10:%02d:%02d.%03dZ ERROR %s connection to db-%d:5432 timed out after %d ms (attempt %d)", minute, second,
                    i % 1'000, modules[i % 4], i % 3, 5'000 + i % 17, i % 5);
    else if (i % 97 == 0)
      std::snprintf(line, sizeof line, "2026-03-04T10:%02d:%02d.%03dZ WARN %s pool is at %d of 50", minute, second, i % 1'000, modules[i % 4], 30 + i % 20);
    else
      std::snprintf(line, sizeof line, "2026-03-04T10:%02d:%02d.%03dZ INFO %s request %08x served in %d ms", minute, second, i % 1'000, modules[i % 4],
                    static_cast<unsigned>(i) * 2'654'435'761U, i % 90);
    log += line;
    log += '\n';
    if (i == 1'300)
      log += "java.lang.IllegalStateException: pool exhausted\n    at com.example.Pool.take(Pool.java:88)\n    at com.example.Orders.place(Orders.java:41)\n";
  }
  return log;
}

std::vector<std::string> lines_in_fences(const std::string& markdown) {
  std::vector<std::string> out;
  bool inside = false;
  std::istringstream in{markdown};
  for (std::string line; std::getline(in, line);) {
    const auto start = line.find_first_not_of(" \t");
    if (start != std::string::npos && line.compare(start, 3, "```") == 0)
      inside = !inside;
    else if (inside && start != std::string::npos)
      out.push_back(line);
  }
  return out;
}

client_view log_of(http_connection& http, const std::string& id) {
  client_view view;
  for (std::uint64_t after = 0, page = 0; page < 10'000; ++page) {
    auto r = http.get("/api/v1/cases/" + id + "/events?limit=100&after_seq=" + std::to_string(after));
    if (!r || r->status != 200)
      break;
    const auto body = r->parsed();
    for (auto& e : body["events"].items())
      view.apply_event(e);
    after = body["next_after_seq"].whole();
    if (!body["has_more"].truth())
      break;
  }
  return view;
}

/// Opens a case and waits for the end of its replay; nothing may be sent to it before.
bool join(live_client& live, const std::string& id, client_view& view, const std::function<void(const json&)>& on_object) {
  const auto opened = live.ask(open_case(id), "open", 5s, on_object);
  if (!opened || (*opened)["type"].text() != "ok")
    return false;
  return live.poll_until(5s, on_object, [&] { return view.seq() >= (*opened)["seq"].whole(); });
}

std::string first_violation(const client_view& v) { return v.violations().empty() ? std::string{} : v.violations().front(); }

class suite {
public:
  suite(std::string server, std::string openai) : server_(std::move(server)), openai_(std::move(openai)) {}

  int run(const std::string& only) {
    const std::pair<const char*, void (suite::*)()> parts[] = {
        {"life", &suite::life},         {"analyst", &suite::analyst},   {"once", &suite::once},   {"routes", &suite::routes},
        {"live", &suite::live},         {"hostile", &suite::hostile},   {"lagging", &suite::lagging}, {"model", &suite::model},
        {"resume", &suite::resume},     {"failing", &suite::failing_model}, {"files", &suite::files}, {"uploads", &suite::uploads}, {"commands", &suite::commands}};
    for (auto& [name, part] : parts)
      if (only.empty() || only == name)
        (this->*part)();
    return checks_.finish();
  }

private:
  bool check(bool good, std::string_view name, const std::string& detail = {}) { return checks_.check(good, name, detail); }
  bool up(service& s, const char* part) {
    auto r = s.start();
    return r ? true : check(false, std::string{"the server starts ("} + part + ")", r.error().detail);
  }

  // ---- starting, refusing a second one, draining, keeping ----
  void life() {
    temporary_directory dir{"fm-service-"};
    service s{server_, dir.path()};
    auto started = s.start();
    if (!check(started.has_value(), "serve prints the URL it listens on", started ? s.printed : started.error().detail))
      return;
    http_connection open{s.at};
    auto ready = open.get("/health/ready");
    check(ready && ready->status == 200, "the URL answers and is ready", ready ? std::to_string(ready->status) : ready.error().detail);

    auto second = s.run({"serve", "--host", "127.0.0.1", "--port", "0", "--data", s.data().string()}, 10s);
    check(second && second->exit_code != 0 && second->output.find(s.data().string()) != std::string::npos,
          "a second server on the same data directory is refused, naming the directory",
          second ? "exit code " + std::to_string(second->exit_code) + ": " + second->output : second.error().detail);

    auto http = s.as("alice");
    const auto id = s.new_case(http);
    auto asked = http.post("/api/v1/cases/" + id + "/queries", ask_body("Was ist los? 2026-01-01 ERROR disk full 🔥"));
    check(asked && asked->status == 201, "a question over REST is answered with 201", asked ? std::to_string(asked->status) : asked.error().detail);
    header_list key{{"Idempotency-Key", "service-test-key-1"}};
    const std::string wish = "{\"title\":\"made once\"}";
    auto made = http.request("POST", "/api/v1/cases", wish, key);
    const auto paths = std::vector<std::string>{"/api/v1/cases/" + id, "/api/v1/cases/" + id + "/messages", "/api/v1/cases/" + id + "/queries",
                                                "/api/v1/cases/" + id + "/events?limit=100", "/api/v1/cases?limit=50"};
    std::map<std::string, std::string> before;
    for (auto& p : paths)
      if (auto r = http.get(p))
        before[p] = r->body;

    // Drain with everything that could hold it up: an idle keep-alive, a live connection, a long poll.
    auto watching = live_client::open(s.at, s.token("alice"));
    if (watching)
      (void)(*watching)->ask(open_case(id), "open", 5s);
    http_connection polling{s.at, s.token("alice")};
    (void)polling.send_raw("GET /api/v1/cases/" + id + "/events?wait=30&after_seq=100000 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.token("alice") + "\r\n\r\n", 2s);
    const auto [code, took] = s.stop();
    check(code == 0 && took <= drain_allowed, "SIGTERM drains within 10 s and exits with 0",
          (code ? "exit code " + std::to_string(*code) : std::string{"still running"}) + " after " + std::to_string(took.count()) + " ms");
    s.process.kill();

    if (!up(s, "again"))
      return;
    auto later = s.as("alice");
    std::string different;
    for (auto& p : paths) {
      auto r = later.get(p);
      if (!r || r->body != before[p])
        different += p + " ";
    }
    check(different.empty(), "a restart keeps everything, byte for byte", different);
    auto again = later.request("POST", "/api/v1/cases", wish, key);
    check(made && again && again->status == 201 && again->parsed()["case_id"].text() == made->parsed()["case_id"].text() &&
              again->header("x-idempotency-replayed") == "true",
          "an Idempotency-Key is remembered across a restart",
          again ? std::to_string(again->status) + " replayed=" + again->header("x-idempotency-replayed") : again.error().detail);
    auto other = later.request("POST", "/api/v1/cases", "{\"title\":\"something else\"}", key);
    check(other && other->status == 409 && other->header("x-error-code") == "IDEMPOTENCY_KEY_REUSE", "another body under the same key is a conflict",
          other ? std::to_string(other->status) + " " + other->header("x-error-code") : other.error().detail);
    s.stop();
    auto verified = s.run({"verify", "--data", s.data().string()});
    check(verified && verified->exit_code == 0, "verify finds the logs whole", verified ? verified->output : verified.error().detail);
  }

  // ---- the built-in analyst ----
  void analyst() {
    temporary_directory dir{"fm-service-"};
    service s{server_, dir.path()};
    if (!up(s, "analyst"))
      return;
    auto http = s.as("alice");
    const auto id = s.new_case(http);
    const auto log = long_log();
    std::set<std::string> lines;
    std::istringstream in{log};
    for (std::string line; std::getline(in, line);)
      lines.insert(line);
    const auto from = steady::now();
    auto r = http.post("/api/v1/cases/" + id + "/queries", ask_body("What happened here?\n\n" + log));
    const auto took = std::chrono::duration_cast<milliseconds>(steady::now() - from);
    if (!check(r && r->status == 201, "a pasted log of 2,000 lines is answered", r ? std::to_string(r->status) + " in " + std::to_string(took.count()) + " ms" : r.error().detail))
      return;
    const auto answer = r->parsed()["content"].text();
    const auto quotes = lines_in_fences(answer);
    std::string invented;
    std::size_t really = 0;
    for (auto& q : quotes)
      if (lines.contains(q))
        ++really;
      else
        invented += "[" + q + "] ";
    check(invented.empty() && really >= 3, "every quoted line occurs in the log", std::to_string(really) + " quoted" + (invented.empty() ? "" : ", invented: " + invented));
    check(answer.find("timed out") != std::string::npos, "what stands out is named");
    auto twice = http.post("/api/v1/cases/" + s.new_case(http) + "/queries", ask_body("What happened here?\n\n" + log));
    check(twice && twice->parsed()["content"].text() == answer, "the same input gives the same bytes");
  }

  // ---- one client_turn_id, one turn ----
  void once() {
    temporary_directory dir{"fm-service-"};
    service s{server_, dir.path()};
    if (!up(s, "once"))
      return;
    auto http = s.as("alice");
    const auto token = s.token("alice");
    const auto id = s.new_case(http);
    const std::string client = "5f0c6f2e-1111-4222-8333-abcdefabcdef", text = "Only once, please.";
    std::mutex mutex;
    std::map<std::string, int> promised;
    std::string odd;
    std::atomic<int> ready{0}, fresh{0};
    std::vector<std::thread> crowd;
    for (int i = 0; i < 100; ++i)
      crowd.emplace_back([&, i] {
        std::string turn;
        bool duplicate = false;
        if (i % 2 == 0) {
          http_connection mine{s.at, token};
          (void)mine.get("/health/live");
          ++ready;
          while (ready < 100)
            std::this_thread::yield();
          auto r = mine.request("POST", "/api/v1/cases/" + id + "/queries", ask_body(text, client), {{"Prefer", "respond-async"}});
          if (r && r->status == 202) {
            turn = r->parsed()["turn_id"].text();
            duplicate = r->parsed()["duplicate"].truth();
          } else {
            const std::lock_guard guard{mutex};
            odd = r ? r->body : r.error().detail;
          }
        } else {
          auto mine = live_client::open(s.at, token);
          ++ready;
          while (ready < 100)
            std::this_thread::yield();
          if (mine) {
            auto r = (*mine)->ask(turn_command("turn.submit", "s", id, "\"client_turn_id\":\"" + client + "\",\"content\":" + json_quoted(text)), "s", 10s);
            if (r && (*r)["type"].text() == "ok") {
              turn = (*r)["turn_id"].text();
              duplicate = (*r)["duplicate"].truth();
            } else {
              const std::lock_guard guard{mutex};
              odd = r ? (*r)["message"].text() : r.error().detail;
            }
          }
        }
        const std::lock_guard guard{mutex};
        ++promised[turn];
        fresh += !duplicate;
      });
    for (auto& t : crowd)
      t.join();
    const auto list = http.get("/api/v1/cases/" + id + "/queries");
    const auto total = list ? list->parsed()["total_count"].whole() : 0;
    check(total == 1 && promised.size() == 1 && fresh == 1 && !promised.begin()->first.empty(),
          "the same client_turn_id sent 100 times at once over REST and WebSocket is one turn",
          std::to_string(total) + " stored, " + std::to_string(promised.size()) + " promised, " + std::to_string(fresh) + " called new " + odd);
    auto conflict = http.request("POST", "/api/v1/cases/" + id + "/queries", ask_body("Another text.", client), {{"Prefer", "respond-async"}});
    check(conflict && conflict->status == 409, "the same id with another text is a conflict", conflict ? std::to_string(conflict->status) : conflict.error().detail);
  }

  // ---- every documented GET ----
  void routes() {
    temporary_directory dir{"fm-service-"};
    service s{server_, dir.path()};
    if (!up(s, "routes"))
      return;
    auto alice = s.as("alice"), mallory = s.as("mallory");
    http_connection nobody{s.at};
    const auto id = s.new_case(alice);
    (void)alice.post("/api/v1/cases/" + id + "/queries", ask_body("hello"));
    const auto turn = [&] {
      auto r = alice.get("/api/v1/cases/" + id + "/queries");
      return r ? r->parsed()["queries"].at(0)["turn_id"].text() : std::string{};
    }();
    auto document = nobody.get("/api/v1/openapi.json");
    const auto api = document ? document->parsed() : json{};
    if (!check(api["paths"].size() > 20, "the OpenAPI document is served", std::to_string(api["paths"].size()) + " paths"))
      return;
    std::string without, others, broken;
    std::size_t guarded_gets = 0, bound = 0;
    for (auto& [pattern, operations] : api["paths"].members()) {
      if (!operations.has("get"))
        continue;
      std::string path = pattern;
      for (std::size_t open; (open = path.find('{')) != std::string::npos;) {
        const auto close = path.find('}', open);
        const auto name = path.substr(open + 1, close - open - 1);
        path.replace(open, close - open + 1, name == "case_id" ? id : name == "turn_id" ? turn : "unknown_1");
      }
      const bool guarded = operations["get"]["security"].size() > 0 || pattern.find("{case_id}") != std::string::npos;
      guarded_gets += guarded;
      auto anonymous = nobody.get(path), mine = alice.get(path), theirs = mallory.get(path);
      const auto say = [&, &pattern = pattern](const outcome<http_answer>& r) { return pattern + " " + (r ? std::to_string(r->status) : r.error().detail) + "; "; };
      if (guarded && (!anonymous || anonymous->status != 401 || anonymous->header("www-authenticate").empty()))
        without += say(anonymous);
      if (pattern.find("{case_id}") != std::string::npos) {
        ++bound;
        if (!theirs || theirs->status != 404)
          others += say(theirs);
      }
      for (auto* r : {&anonymous, &mine, &theirs})
        if (!*r || ((**r).status >= 500 && (**r).status != 501))
          broken += say(*r);
    }
    check(without.empty() && guarded_gets > 15, "every guarded GET answers 401 without a token", without.empty() ? std::to_string(guarded_gets) + " routes" : without);
    check(others.empty() && bound > 5, "every GET of a case answers 404 to another user", others.empty() ? std::to_string(bound) + " routes" : others);
    check(broken.empty(), "no documented GET answers 5xx (but 501 where it says so)", broken);
  }

  // ---- ways in, ways out ----
  void live() {
    temporary_directory dir{"fm-service-"};
    service s{server_, dir.path()};
    s.environment["FAULTMAVEN_LIVE_HELLO_TIMEOUT_SECONDS"] = "1";
    if (!up(s, "live"))
      return;
    auto http = s.as("alice");
    const auto token = s.token("alice");
    const auto id = s.new_case(http);
    auto wrong = live_client::open(s.at, "no-such-token");
    const failure why = wrong ? failure{} : wrong.error();
    check(why.facts.contains("status") && why.facts.at("status") == "401", "a wrong token is refused at the upgrade with 401",
          wrong ? "it was accepted" : why.detail);
    auto greeting = live_client::open(s.at, "");
    bool welcomed = false;
    if (greeting) {
      auto r = (*greeting)->ask("{\"id\":1,\"type\":\"hello\",\"token\":" + json_quoted(token) + ",\"client_id\":\"t\"}", "", 0ms);
      (*greeting)->poll_until(3s, [&](const json& o) { welcomed = welcomed || o["type"].text() == "welcome"; }, [&] { return welcomed; });
    }
    check(welcomed, "a browser says hello and is welcomed");
    auto silent = live_client::open(s.at, "");
    const auto from = steady::now();
    if (silent)
      (*silent)->poll_until(4s, [](const json&) {}, [] { return false; });
    check(silent && !(*silent)->is_open(), "who says nothing is closed", std::to_string(std::chrono::duration_cast<milliseconds>(steady::now() - from).count()) + " ms");
    auto ticket = http.post("/api/v1/live/tickets", "{}");
    const auto code = ticket ? ticket->parsed()["ticket"].text() : std::string{};
    auto first = live_client::open(s.at, "", 3s, "/api/v1/live?ticket=" + code);
    auto second = live_client::open(s.at, "", 3s, "/api/v1/live?ticket=" + code);
    check(!code.empty() && first && !second, "a ticket opens one connection and no second");
    auto strange = live_client::open(s.at, token, 3s, "/api/v1/live", {{"Origin", "https://evil.example"}});
    check(!strange, "a foreign origin is refused");

    // Two devices of one person see the same, in the same order.
    auto a = live_client::open(s.at, token), b = live_client::open(s.at, token);
    if (!check(a && b, "two devices connect"))
      return;
    client_view of_a, of_b;
    const auto into = [&](client_view& v) {
      return [&v](const json& o) {
        if (o["type"].text() == "event")
          v.apply_event(o);
      };
    };
    check(join(**a, id, of_a, into(of_a)) && join(**b, id, of_b, into(of_b)), "both open the case");
    const auto ends = [](const client_view& v) { return v.turns().size() == 3 && !v.has_unfinished(); };
    std::string refusals;
    for (int i = 1; i <= 3; ++i) {
      auto& device = i % 2 ? **a : **b;
      auto r = device.ask(turn_command("turn.submit", "q" + std::to_string(i), id, "\"client_turn_id\":\"two-" + std::to_string(i) + "\",\"content\":\"question " + std::to_string(i) + "\""),
                       "q" + std::to_string(i), 5s, into(i % 2 ? of_a : of_b));
      refusals += r ? (*r)["message"].text() : r.error().detail;
    }
    (*a)->poll_until(20s, into(of_a), [&] { return ends(of_a); });
    (*b)->poll_until(20s, into(of_b), [&] { return ends(of_b); });
    const auto log = log_of(http, id);
    check(ends(log) && of_a.canonical() == log.canonical() && of_b.canonical() == log.canonical() && of_a.violations().empty() && of_b.violations().empty(),
          "two devices of one person hold what the log says", refusals + first_violation(of_a) + first_violation(of_b));
    auto foreign = live_client::open(s.at, s.token("mallory"));
    auto refused = foreign ? (*foreign)->ask(open_case(id), "open", 5s) : outcome<json>{foreign.error()};
    check(refused && (*refused)["type"].text() == "error" && (*refused)["code"].text() == "not_found", "another user's case does not exist over the live protocol either",
          refused ? (*refused)["code"].text() : refused.error().detail);

    snapshots_first(s, token, id);

    auto bob_token = s.token("bob");
    auto bob = live_client::open(s.at, bob_token);
    http_connection{s.at, bob_token}.post("/api/v1/auth/logout", "{}");
    const auto out = steady::now();
    if (bob)
      (*bob)->poll_until(3s, [](const json&) {}, [] { return false; });
    const auto closed_after = std::chrono::duration_cast<milliseconds>(steady::now() - out);
    check(bob && (*bob)->close_code() == 4401 && closed_after <= 1s, "signing out closes the live connection with 4401 within a second",
          bob ? std::to_string((*bob)->close_code()) + " after " + std::to_string(closed_after.count()) + " ms" : bob.error().detail);
  }

  /// Opening a busy case without after_seq: the snapshot, then exactly what follows it.
  void snapshots_first(service& s, const std::string& token, const std::string& id) {
    std::atomic<bool> over{false};
    std::thread busy{[&] {
      auto writer = live_client::open(s.at, token);
      for (int i = 0; writer && !over; ++i)
        (void)(*writer)->ask(turn_command("note.add", "n" + std::to_string(i), id, "\"content\":\"busy\""), "n" + std::to_string(i), 5s);
    }};
    std::string odd;
    auto http = s.as("alice");
    constexpr int times = 40;
    for (int i = 0; i < times && odd.empty(); ++i) {
      auto c = live_client::open(s.at, token);
      if (!c)
        break;
      client_view view;
      bool came = false;
      std::size_t events = 0;
      (void)(*c)->send(open_case(id, std::nullopt));
      (*c)->poll_until(
          5s,
          [&](const json& o) {
            const auto& type = o["type"].text();
            if (type == "case.snapshot") {
              came = true;
              view.apply_snapshot(o);
            } else if (type == "event") {
              if (!came && odd.empty())
                odd = "event " + std::to_string(o["seq"].whole()) + " came before the snapshot";
              view.apply_event(o);
              ++events;
            } else if (type == "error" && odd.empty()) {
              odd = o["message"].text();
            }
          },
          [&] { return (came && events >= 3) || !odd.empty(); });
      if (odd.empty() && !view.violations().empty())
        odd = first_violation(view);
      if (odd.empty() && !came)
        odd = "no snapshot came";
    }
    over = true;
    busy.join();
    check(odd.empty(), "opening a busy case gives a snapshot and then exactly what follows it", odd.empty() ? std::to_string(times) + " times" : odd);
  }

  // ---- what no decent client sends ----
  void hostile() {
    temporary_directory dir{"fm-service-"};
    service s{server_, dir.path()};
    if (!up(s, "hostile"))
      return;
    const auto token = s.token("alice");
    auto http = s.as("alice");
    auto healthy = live_client::open(s.at, token);
    std::string said;
    // The code the connection is closed with; 0 = it stays open and was answered with an error.
    const auto frames = [&](std::string_view bytes) -> std::optional<unsigned> {
      said.clear();
      auto c = live_client::open(s.at, token);
      if (!c)
        return std::nullopt;
      (void)(*c)->send_raw(bytes);
      bool error = false;
      (*c)->poll_until(3s, [&](const json& o) {
        if (o["type"].text() == "error") {
          error = true;
          said = o["message"].text();
        }
      }, [&] { return error; });
      // A refusal may come before the farewell.
      if (error && (*c)->is_open())
        (*c)->poll_until(200ms, [](const json&) {}, [] { return false; });
      if (error && (*c)->is_open())
        return 0;
      if (!error && (*c)->close_code() == 0)
        return std::nullopt;
      return (*c)->is_open() ? std::nullopt : std::optional{(*c)->close_code()};
    };
    const auto expect = [&](const char* name, std::optional<unsigned> got, std::set<unsigned> allowed) {
      check(got && allowed.contains(*got), name, got ? (*got ? "closed with " + std::to_string(*got) : "answered with an error: " + said) : std::string{"neither answered nor closed with a reason"});
    };
    expect("text that is not UTF-8 is refused", frames(client_frame(1, "{\"id\":1,\"type\":\"\xC3\x28\"}")), {0, 1007});
    expect("binary is refused", frames(client_frame(2, "\x01\x02\x03")), {0, 1003, 1007});
    expect("an unmasked frame is refused", frames(client_frame(1, "{}", false)), {1002});
    expect("a message of 2 MiB is refused", frames(client_frame(1, std::string(2U << 20U, 'a'))), {1009});
    expect("an unknown opcode is refused", frames(client_frame(5, "x")), {1002});
    expect("a fragmented ping is refused", frames(client_frame(9, "x", true, false)), {1002});
    expect("a ping of 200 bytes is refused", frames(client_frame(9, std::string(200, 'p'))), {1002});
    expect("text that is no JSON is answered", frames(client_frame(1, "hello?")), {0});
    expect("JSON that is no object is answered", frames(client_frame(1, "[1,2,3]")), {0});
    expect("brackets without end are answered", frames(client_frame(1, std::string(200'000, '['))), {0});
    expect("an unknown command is answered", frames(client_frame(1, R"({"id":1,"type":"drop.tables"})")), {0});
    expect("wrong types are answered", frames(client_frame(1, R"({"id":1,"type":"case.open","case_id":{"a":1},"after_seq":"x"})")), {0});
    expect("an id that is an object is answered", frames(client_frame(1, R"({"id":{"a":[1]},"type":"ping"})")), {0});
    expect("a negative after_seq is answered", frames(client_frame(1, R"({"id":1,"type":"case.open","case_id":"x","after_seq":-5})")), {0});

    const auto raw = [&](std::string_view bytes) -> int {
      http_connection c{s.at};
      if (!c.send_raw(bytes, 3s))
        return -1;
      auto r = c.read_raw(5s);
      return r ? r->status : r.error().code == errc::gone ? 0 : -1;
    };
    const auto expect_http = [&](const char* name, int got, std::set<int> allowed) { check(allowed.contains(got), name, got ? std::to_string(got) : "closed"); };
    expect_http("garbage instead of HTTP is refused", raw(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15)), {0, 400});
    expect_http("an endless header is refused", raw("GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(200'000, 'h') + "\r\n\r\n"), {0, 400, 431});
    expect_http("an endless address is refused", raw("GET /" + std::string(100'000, 'u') + " HTTP/1.1\r\nHost: x\r\n\r\n"), {0, 400, 414, 431});
    expect_http("a body larger than allowed is refused before it comes", raw("POST /api/v1/cases HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"), {400, 401, 413});
    expect_http("two lengths that differ are refused", raw("POST /api/v1/cases HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), {0, 400});
    expect_http("a length and chunks at once are refused", raw("POST /api/v1/cases HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), {0, 400, 401});
    expect_http("a path that climbs out is not served", raw("GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"), {400, 403, 404});
    expect_http("a path with encoded climbing is not served", raw("GET /assets/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"), {400, 403, 404});
    for (const auto* body : {"", "{", "[]", "null", "{\"title\":5}", "{\"title\":\"\\ud800\"}", "{\"tags\":{\"a\":1}}", "{\"priority\":\"\\u0000\"}"}) {
      auto r = http.post("/api/v1/cases", body);
      check(r && r->status < 500, std::string{"a case from "} + (*body ? body : "nothing") + " is no 5xx", r ? std::to_string(r->status) : r.error().detail);
    }
    bool alive = s.process.running();
    auto ping = healthy ? (*healthy)->ask(R"({"id":"p","type":"ping"})", "p", 5s) : outcome<json>{healthy.error()};
    check(alive && ping && (*ping)["type"].text() == "ok", "after all that the server lives and its other connection did not notice", ping ? "" : ping.error().detail);
  }

  // ---- a reader who sleeps ----
  void lagging() {
    temporary_directory dir{"fm-service-"};
    service s{server_, dir.path()};
    s.environment["FAULTMAVEN_LIVE_OUTBOX_BYTES_MAX"] = "65536";
    s.environment["FAULTMAVEN_LIVE_COMMANDS_PER_SECOND"] = "100000";
    s.environment["FAULTMAVEN_LIVE_COMMANDS_BURST"] = "100000";
    if (!up(s, "lagging"))
      return;
    auto http = s.as("alice");
    const auto token = s.token("alice");
    const auto id = s.new_case(http);
    auto sleeper = live_client::open(s.at, token), reader = live_client::open(s.at, token), writer = live_client::open(s.at, token);
    if (!check(sleeper && reader && writer, "three connections"))
      return;
    client_view slow, quick;
    std::size_t slow_events = 0, quick_events = 0, lags = 0;
    const auto count = [&](client_view& v, std::size_t& n) {
      return [&](const json& o) {
        if (o["type"].text() == "event") {
          v.apply_event(o);
          n += o["kind"].text() == "message_added";
        }
        lags += o["type"].text() == "lagging";
      };
    };
    check(join(**sleeper, id, slow, count(slow, slow_events)) && join(**reader, id, quick, count(quick, quick_events)), "two of them open the case");
    // More than the kernel's buffers and the outbox hold together.
    constexpr std::size_t notes = 400;
    const std::string big(40'000, 'n');
    std::vector<std::int64_t> delays;
    for (std::size_t i = 0; i < notes; ++i) {
      const auto from = steady::now();
      auto r = (*writer)->ask(turn_command("note.add", "n" + std::to_string(i), id, "\"content\":\"" + std::to_string(i) + " " + big + "\""), "n" + std::to_string(i), 10s);
      if (!r || (*r)["type"].text() != "ok") {
        check(false, "notes are accepted while somebody sleeps", r ? (*r)["message"].text() : r.error().detail);
        return;
      }
      (*reader)->poll_until(5s, count(quick, quick_events), [&] { return quick_events > i; });
      delays.push_back(std::chrono::duration_cast<std::chrono::microseconds>(steady::now() - from).count());
    }
    check(quick_events == notes && quick.violations().empty(), "a sleeping reader delays nobody", "from writing to reading " + ms_text(static_cast<double>(median(delays))) + " in the median");
    (*sleeper)->poll_until(30s, count(slow, slow_events), [&] { return slow_events == notes; });
    check(slow_events == notes && slow.violations().empty() && slow.canonical() == quick.canonical() && lags > 0, "the sleeper was told it lags and then caught up with everything",
          std::to_string(slow_events) + " of " + std::to_string(notes) + ", told " + std::to_string(lags) + " times " + first_violation(slow));
  }

  // ---- an OpenAI-compatible model ----
  void model() {
    temporary_directory dir{"fm-service-"};
    const auto log = dir.path() / "model-calls.log";
    auto model = child_process::start({{openai_, "--port", "0", "--tokens-per-second", "50", "--tokens", "25", "--stamp", "--log", log.string()}, {}, dir.path() / "model.log"});
    auto url = model ? model->wait_for_url(10s) : outcome<std::string>{model.error()};
    if (!check(url.has_value(), "the scripted model is there", url ? *url : url.error().detail))
      return;
    service s{server_, dir.path()};
    s.environment["FAULTMAVEN_LLM_BASE_URL"] = *url;
    s.environment["FAULTMAVEN_LLM_MODEL"] = "scripted";
    s.environment["FAULTMAVEN_LLM_API_KEY"] = "scripted";
    if (!up(s, "model"))
      return;
    auto http = s.as("alice");
    const auto id = s.new_case(http);
    auto live = live_client::open(s.at, s.token("alice"));
    if (!check(live.has_value(), "a live connection"))
      return;
    client_view view;
    std::vector<std::int64_t> first_words, all_words;
    const auto follow = [&](const json& o) {
      const auto now = system_us();
      if (o["type"].text() != "event")
        return;
      view.apply_event(o);
      if (o["kind"].text() != "turn_delta")
        return;
      const auto& text = o["data"]["text"].text();
      for (auto at = text.find("word"); at != std::string::npos; at = text.find("word", at + 1)) {
        const auto stamp = text.find('@', at);
        if (stamp == std::string::npos)
          break;
        const auto delay = now - std::strtoll(text.c_str() + stamp + 1, nullptr, 10);
        all_words.push_back(delay);
        if (text.compare(at, 6, "word0@") == 0)
          first_words.push_back(delay);
      }
    };
    check(join(**live, id, view, follow), "the case is open");
    for (int i = 1; i <= 15; ++i) {
      const auto n = std::to_string(i);
      (void)(*live)->ask(turn_command("turn.submit", "q" + n, id, "\"client_turn_id\":\"latency-" + n + "\",\"content\":\"question " + n + "\""), "q" + n, 5s, follow);
      (*live)->poll_until(10s, follow, [&] { return view.turns().size() == static_cast<std::size_t>(i) && !view.has_unfinished(); });
    }
    const auto first = median(first_words), any = median(all_words);
    check(first_words.size() == 15 && first <= std::chrono::microseconds{first_token_allowed}.count(),
          "the first token reaches a WebSocket client within 60 ms of being sent (median, durable)",
          ms_text(static_cast<double>(first)) + " for the first of " + std::to_string(first_words.size()) + " turns, " + ms_text(static_cast<double>(any)) + " for any of " +
              std::to_string(all_words.size()) + " words");
    check(view.canonical() == log_of(http, id).canonical() && view.violations().empty(), "what was streamed is what is stored", first_violation(view));

    // Stop: the upstream request ends, the text so far stays.
    std::vector<std::int64_t> closed_after;
    std::string kept;
    for (int i = 1; i <= 5; ++i) {
      const auto n = "s" + std::to_string(i);
      const auto number = view.turns().size() + 1;
      (void)(*live)->ask(turn_command("turn.submit", n, id, "\"client_turn_id\":\"stop-" + n + "\",\"content\":\"to be stopped\""), n, 5s, follow);
      (*live)->poll_until(5s, follow, [&] { return view.turns().size() == number && view.turns().at(number).answer.size() > 40; });
      if (view.turns().size() != number)
        break;
      const auto turn = view.turns().at(number).turn_id;
      const auto pressed = system_us();
      (void)(*live)->ask(turn_command("turn.stop", "x" + n, id, "\"turn_id\":" + json_quoted(turn)), "x" + n, 5s, follow);
      (*live)->poll_until(5s, follow, [&] { return !view.has_unfinished(); });
      if (view.turns().at(number).status != "cancelled" || view.turns().at(number).answer.empty())
        kept += turn + " is " + view.turns().at(number).status + "; ";
      if (const auto at = closed_early_after(log, pressed))
        closed_after.push_back(*at - pressed);
    }
    const auto worst = closed_after.empty() ? 0 : *std::max_element(closed_after.begin(), closed_after.end());
    check(closed_after.size() == 5 && worst <= std::chrono::microseconds{stop_allowed}.count(), "turn.stop closes the upstream connection within 200 ms",
          std::to_string(closed_after.size()) + " of 5, slowest " + ms_text(static_cast<double>(worst)));
    check(kept.empty() && view.violations().empty(), "a stopped turn keeps its text", kept + first_violation(view));

    // Draining in the middle of an answer.
    (void)(*live)->ask(turn_command("turn.submit", "d", id, "\"client_turn_id\":\"drain\",\"content\":\"while going down\""), "d", 5s, follow);
    (*live)->poll_until(5s, follow, [&] { return !view.turns().empty() && view.turns().rbegin()->second.answer.size() > 20; });
    const auto [code, took] = s.stop();
    check(code == 0 && took <= drain_allowed, "SIGTERM in the middle of an answer drains within 10 s", std::to_string(took.count()) + " ms");
    s.process.kill();
    if (!up(s, "after the drain"))
      return;
    auto later = s.as("alice");
    client_view final_view;
    for (int i = 0; i < 200; ++i) {
      final_view = log_of(later, id);
      if (!final_view.has_unfinished())
        break;
      ::poll(nullptr, 0, 50);
    }
    const auto last = final_view.turns().empty() ? view_turn{} : final_view.turns().rbegin()->second;
    check(!final_view.has_unfinished() && final_view.violations().empty() && last.status == "completed", "the interrupted answer is finished after the restart",
          last.status + " " + first_violation(final_view));
  }

  /// When the model saw the client go, looked for until it is surely too late.
  static std::optional<std::int64_t> closed_early_after(const std::filesystem::path& log, std::int64_t pressed) {
    for (int i = 0; i < 400; ++i) {
      std::ifstream in{log};
      for (std::string line; std::getline(in, line);)
        if (line.find("closed_early") != std::string::npos)
          if (const auto at = std::strtoll(line.c_str(), nullptr, 10); at >= pressed)
            return at;
      ::poll(nullptr, 0, 5);
    }
    return std::nullopt;
  }

  // ---- the same log through the other two doors ----
  void resume() {
    temporary_directory dir{"fm-service-"};
    auto model = child_process::start({{openai_, "--port", "0", "--tokens-per-second", "100", "--tokens", "120"}, {}, dir.path() / "model.log"});
    auto url = model ? model->wait_for_url(10s) : outcome<std::string>{model.error()};
    service s{server_, dir.path()};
    if (url)
      s.environment["FAULTMAVEN_LLM_BASE_URL"] = *url;
    s.environment["FAULTMAVEN_LLM_MODEL"] = "scripted";
    s.environment["FAULTMAVEN_LLM_API_KEY"] = "scripted";
    if (!up(s, "resume"))
      return;
    auto http = s.as("alice");
    const auto token = s.token("alice");
    const auto id = s.new_case(http);
    auto asked = http.request("POST", "/api/v1/cases/" + id + "/queries", ask_body("stream it"), {{"Prefer", "respond-async"}});
    check(asked && asked->status == 202 && !asked->header("location").empty(), "Prefer: respond-async is answered with 202 and Location", asked ? std::to_string(asked->status) : asked.error().detail);

    // Server-sent events, cut again and again; every time Last-Event-ID says where we were.
    client_view view;
    std::string last_id = "0", odd;
    std::size_t cuts = 0;
    const auto until = steady::now() + 20s;
    while (steady::now() < until && (view.turns().empty() || view.has_unfinished())) {
      http_connection stream{s.at, token};
      auto head = stream.start("GET", "/api/v1/cases/" + id + "/events", {}, {{"Accept", "text/event-stream"}, {"Last-Event-ID", last_id}});
      if (!head || head->status != 200 || head->header("content-type").find("text/event-stream") == std::string::npos) {
        odd = head ? std::to_string(head->status) : head.error().detail;
        break;
      }
      sse_parser parser;
      std::size_t events = 0;
      while (events < 15 && steady::now() < until) {
        auto piece = stream.read_some(500ms);
        if (!piece)
          break;
        parser.feed(*piece, [&](const sse_event& e) {
          ++events;
          last_id = e.id;
          if (auto object = json::parse(e.data))
            view.apply_event(*object);
        });
        if (piece->empty())
          break;
      }
      stream.cut();
      ++cuts;
    }
    const auto whole = log_of(http, id);
    check(odd.empty() && cuts > 3 && view.violations().empty() && !view.has_unfinished() && view.canonical() == whole.canonical(),
          "server-sent events resume by Last-Event-ID without loss or repetition", std::to_string(cuts) + " cuts " + odd + first_violation(view));

    client_view polled;
    std::size_t polls = 0;
    (void)http.request("POST", "/api/v1/cases/" + id + "/queries", ask_body("poll it"), {{"Prefer", "respond-async"}});
    std::uint64_t after = 0;
    while (steady::now() < until + 20s && (polled.turns().size() < 2 || polled.has_unfinished())) {
      auto r = http.get("/api/v1/cases/" + id + "/events?wait=5&after_seq=" + std::to_string(after));
      if (!r || r->status != 200) {
        odd = r ? std::to_string(r->status) : r.error().detail;
        break;
      }
      ++polls;
      const auto body = r->parsed();
      for (auto& e : body["events"].items())
        polled.apply_event(e);
      after = std::max(after, body["next_after_seq"].whole());
    }
    check(odd.empty() && polled.violations().empty() && polled.canonical() == log_of(http, id).canonical(), "long-polling yields the same log",
          std::to_string(polls) + " polls " + odd + first_violation(polled));

    // One turn's own stream ends by itself.
    http_connection stream{s.at, token};
    auto head = stream.start("POST", "/api/v1/cases/" + id + "/queries", ask_body("and once more"), {{"Accept", "text/event-stream"}});
    sse_parser parser;
    std::string last_kind;
    bool ended = false;
    while (head && head->status < 300) {
      auto piece = stream.read_some(10s);
      if (!piece)
        break;
      if (piece->empty()) {
        ended = true;
        break;
      }
      parser.feed(*piece, [&](const sse_event& e) {
        if (auto object = json::parse(e.data))
          last_kind = (*object)["kind"].text();
      });
    }
    check(ended && last_kind == "turn_completed", "a question asked with Accept: text/event-stream streams its turn and ends", last_kind + (head ? " " + std::to_string(head->status) : head.error().detail));
  }

  // ---- a model that is ill ----
  struct broken_model final : stub_handler {
    std::atomic<int> calls{0};
    stub_reply on_request(const stub_request&) override {
      ++calls;
      stub_reply r;
      r.status = 500;
      r.headers = {{"Content-Type", "application/json"}};
      r.body = R"({"error":{"message":"the model server is on fire, key sk-very-secret"}})";
      return r;
    }
    void on_client_closed_early(std::size_t) override {}
    void on_violation(std::string) override {}
  };
  void failing_model() {
    temporary_directory dir{"fm-service-"};
    broken_model ill;
    http_stub stub{0, ill};
    service s{server_, dir.path()};
    s.environment["FAULTMAVEN_LLM_BASE_URL"] = "http://127.0.0.1:" + std::to_string(stub.port()) + "/v1";
    s.environment["FAULTMAVEN_LLM_MODEL"] = "scripted";
    s.environment["FAULTMAVEN_LLM_API_KEY"] = "sk-very-secret";
    if (!up(s, "failing model"))
      return;
    auto http = s.as("alice");
    const auto id = s.new_case(http);
    auto r = http.request("POST", "/api/v1/cases/" + id + "/queries", ask_body("Are you well?"), {}, 60s);
    const auto body = r ? r->parsed() : json{};
    check(r && r->status == 201, "a model that fails is still answered with 201", r ? std::to_string(r->status) + " after " + std::to_string(ill.calls) + " calls" : r.error().detail);
    check(!body["content"].text().empty() && body["turn_status"].text() == "failed" && body["metadata"].has("failure"), "the answer is polite, stored and marked as a failure", body["content"].text());
    check(r && r->body.find("sk-very-secret") == std::string::npos, "the key is not in the answer");
    auto messages = http.get("/api/v1/cases/" + id + "/messages");
    const auto list = messages ? messages->parsed() : json{};
    check(list["messages"].size() == 2 && list["messages"].at(1)["content"].text() == body["content"].text(), "question and answer are in the conversation");
    check(s.process.output().find("sk-very-secret") == std::string::npos, "the key is not in the server's log");
  }

  // ---- files of every kind, and those that are made to hurt ----
  void files() {
    temporary_directory dir{"fm-service-"};
    service s{server_, dir.path()};
    if (!up(s, "files"))
      return;
    auto http = s.as("alice");
    auto id = s.new_case(http);
    const auto upload = [&](const std::string& name, const std::string& bytes) {
      const std::string body = "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n\r\n" + bytes + "\r\n--edge--\r\n";
      return http.request("POST", "/api/v1/cases/" + id + "/data", body, {{"Content-Type", "multipart/form-data; boundary=edge"}}, 120s);
    };
    std::size_t equal = 0;
    std::string different;
    auto samples = sample_files();
    std::erase_if(samples, [](auto& f) { return f.bytes.empty(); }); // the server refuses those
    for (auto& f : samples) {
      const auto path = dir.path() / f.name;
      std::ofstream{path, std::ios::binary} << f.bytes;
      id = s.new_case(http); // by itself: what a case knows already helps to read another file
      auto stored = upload(f.name, f.bytes);
      auto told = stored ? http.get("/api/v1/cases/" + id + "/data/" + stored->parsed()["file_id"].text()) : stored;
      auto printed = s.run({"analyze", "--json", path.string()});
      if (printed && printed->output.ends_with('\n'))
        printed->output = printed->output.substr(0, printed->output.size() - 1).substr(printed->output.rfind('\n', printed->output.size() - 2) + 1); // a reason is before it
      const bool same = stored && stored->status == 201 && told && printed && printed->output.size() > 100 && told->body.find("\"analysis\":" + printed->output) != std::string::npos;
      equal += same ? 1 : 0;
      if (!same && different.empty())
        different = f.name + " (" + (stored ? std::to_string(stored->status) : stored.error().detail) + ")";
    }
    check(equal == samples.size(), "command line and server say the same bytes of the same file", std::to_string(equal) + " of " + std::to_string(samples.size()) + " " + different);

    std::size_t clear = 0;
    std::string unclear;
    const auto all = hostile_files();
    for (auto& f : all) {
      auto stored = upload(f.name, f.bytes);
      const auto body = stored ? stored->parsed() : json{};
      const bool said = stored && stored->status == 201 && body["status"].text() == (f.analysed ? "completed" : "failed") && body["agent_response"]["content"].text().size() > 20;
      std::ofstream{dir.path() / "hostile", std::ios::binary} << f.bytes;
      auto printed = s.run({"analyze", (dir.path() / "hostile").string()}, 120s);
      const bool printed_too = printed && (printed->exit_code == 0 || printed->exit_code == 1) && printed->output.size() > 20;
      clear += said && printed_too ? 1 : 0;
      if (!(said && printed_too))
        unclear += " " + f.name + (stored ? " " + std::to_string(stored->status) + " " + body["status"].text() : " " + stored.error().detail) + (printed ? " exit code " + std::to_string(printed->exit_code) : " " + printed.error().detail);
    }
    check(clear == all.size(), "a file made to hurt gets a clear answer", std::to_string(clear) + " of " + std::to_string(all.size()) + unclear);
    const auto used = usage_of(s.process.pid());
    check(used && used->resident_bytes < (700ULL << 20), "the server's memory stays bounded", used ? std::to_string(used->resident_bytes >> 20) + " MiB, " + std::to_string(used->cpu_seconds) + " s of computing" : used.error().detail);
    auto asked = http.post("/api/v1/cases/" + id + "/queries", ask_body("What is wrong?"));
    check(asked && asked->status == 201, "and the case is alive", asked ? std::to_string(asked->status) : asked.error().detail);

    // Two logs of one case: each is told with what it has to do with the other.
    id = s.new_case(http);
    std::string api, queue;
    for (int minute = 10; minute < 60; ++minute) {
      const auto stamp = "2026-01-31T12:" + std::to_string(minute) + ":0";
      api += stamp + "1Z INFO order served in 12 ms\n" + (minute == 40 ? stamp + "2Z ERROR order_id=ord-77aa1031 charge failed\n" : "");
      queue += stamp + "3Z INFO batch taken\n" + (minute == 40 ? stamp + "4Z ERROR consumer gave up order_id=ord-77aa1031\n" : "");
    }
    (void)upload("api.log", api);
    auto second = upload("queue.log", queue);
    check(second && second->parsed()["agent_response"]["content"].text().find("ord-77aa1031 runs through 2 files") != std::string::npos, "a log is told together with the case's others", second ? second->body.substr(0, 400) : second.error().detail);
    auto together = http.get("/api/v1/cases/" + id + "/evidence/correlations");
    const auto found = together ? together->parsed()["findings"].at(0) : json{};
    check(together && together->status == 200 && found["kind"].text() == "shared_name" && found["title"].text().find("ord-77aa1031") != std::string::npos && found["places"].items().size() == 2 &&
              found["places"].at(1)["file_name"].text() == "queue.log" && found["places"].at(1)["line_first"].whole() == 32,
          "and what they say together can be read", together ? together->body.substr(0, 400) : together.error().detail);
    auto foreign = s.as("bob").get("/api/v1/cases/" + id + "/evidence/correlations");
    check(foreign && foreign->status == 404, "by those alone who may read the case", foreign ? std::to_string(foreign->status) : foreign.error().detail);
  }

  // ---- files on their way ----
  void uploads() { check_uploads(server_, checks_); }

  // ---- the command line ----
  void commands() {
    temporary_directory dir{"fm-service-"};
    service s{server_, dir.path()};
    const auto expect = [&](const char* name, std::vector<std::string> arguments, bool success, std::string_view says) {
      auto r = s.run(std::move(arguments));
      check(r && (r->exit_code == 0) == success && r->exit_code < 128 && r->output.find(says) != std::string::npos, name,
            r ? "exit code " + std::to_string(r->exit_code) + (r->exit_code == 0 ? "" : ": " + r->output.substr(0, 300)) : r.error().detail);
    };
    expect("version", {"version"}, true, "0.");
    expect("--help names the subcommands", {"--help"}, true, "serve");
    expect("serve --help names its options", {"serve", "--help"}, true, "--data");
    expect("an unknown subcommand is refused", {"fly"}, false, "");
    expect("an unknown option is refused", {"serve", "--wings", "2"}, false, "");
    expect("verify of a directory that is not there fails", {"verify", "--set", "storage.cases=sqlite", "--data", (dir.path() / "nowhere").string()}, false, "nowhere");
    expect("config print shows every setting", {"config", "print"}, true, "delta_window_ms");
    {
      std::ofstream out{dir.path() / "bad.conf"};
      out << "[http]\nport = 99999999\n[nonsense]\nx = 1\n";
    }
    expect("config check refuses a bad file", {"config", "check", "--config", (dir.path() / "bad.conf").string()}, false, "port");
    expect("serve refuses a bad file", {"serve", "--port", "0", "--data", (dir.path() / "data").string(), "--config", (dir.path() / "bad.conf").string()}, false, "port");
    {
      std::ofstream out{dir.path() / "app.log"};
      out << long_log();
    }
    expect("analyze reads a file", {"analyze", (dir.path() / "app.log").string()}, true, "timed out");
    auto as_json = s.run({"analyze", "--json", (dir.path() / "app.log").string()});
    check(as_json && as_json->exit_code == 0 && json::parse(as_json->output).has_value(), "analyze --json prints JSON");
    expect("analyze of a missing file fails", {"analyze", (dir.path() / "missing.log").string()}, false, "missing.log");
  }

  std::string server_, openai_;
  checklist checks_;
};

} // namespace

int main(int argc, char** argv) {
  const arguments given{argc, argv, "usage: fm_service_test --server PATH --openai PATH [--only PART]", {"server", "openai", "only"}};
  return suite{given.text("server"), given.text("openai")}.run(given.text_or("only", ""));
}
