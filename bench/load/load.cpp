// faultmaven-load: drives a server the way people do and prints what they would feel. Every scenario says what it
// measured, in numbers that bench/README.md explains and guards.
#include "bench/load/fanout.hpp"
#include "bench/load/uploads.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <random>
#include <unordered_map>

namespace fm::load {
namespace {
using testing_support::latency_histogram;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::uint64_t us_between(steady::time_point a, steady::time_point b) {
  return b > a ? static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(b - a).count()) : 0;
}
void line(const char* name, const latency_histogram& h) {
  std::printf("%-22s %s\n", name, h.summary().c_str());
  std::fflush(stdout);
}
double kib(double bytes) { return bytes / 1024; }

// ---- idle connections ----

void run_idle(target& t, std::size_t connections, std::size_t window_seconds) {
  const auto open_some = [&](fleet& f, std::size_t n) {
    std::size_t welcomes = 0;
    f.on_message = [&](std::size_t, std::string_view payload) {
      for_each_object(payload, [&](std::string_view o) { welcomes += starts_with(o, R"({"type":"welcome")"); });
    };
    for (std::size_t i = 0; i < n; ++i)
      f.add("/api/v1/live", t.token());
    if (f.connect_all(64, seconds{60}) != n || !f.run_until([&] { return welcomes == n; }, seconds{20}))
      give_up(std::to_string(f.open()) + " of " + std::to_string(n) + " connections opened, " + std::to_string(welcomes) +
              " welcomed: " + f.last_refusal());
  };
  // A first hundred pays for what is made once.
  fleet first{t.at()}, rest{t.at()};
  open_some(first, std::min<std::size_t>(100, connections));
  first.run_for(milliseconds{500});
  const auto before = t.usage();
  const auto begin = steady::now();
  open_some(rest, connections - first.size());
  const auto took = std::chrono::duration<double>(steady::now() - begin).count();
  const auto both_for = [&](milliseconds time) {
    const auto until = steady::now() + time;
    while (steady::now() < until) {
      rest.turn(milliseconds{50});
      first.turn(milliseconds{0});
    }
  };
  both_for(seconds{2});
  const auto from = t.usage();
  both_for(seconds{window_seconds});
  const auto to = t.usage();
  const auto memory = static_cast<double>(from.resident_bytes) - static_cast<double>(before.resident_bytes);
  const auto memory_end = static_cast<double>(to.resident_bytes) - static_cast<double>(before.resident_bytes);
  std::printf("idle connections       %zu open, %.0f/s to open\n", first.open() + rest.open(), static_cast<double>(rest.size()) / took);
  std::printf("memory                 %.2f KiB a connection after opening, %.2f KiB after the window (server %.1f MiB)\n",
              kib(memory / static_cast<double>(rest.size())), kib(memory_end / static_cast<double>(rest.size())),
              static_cast<double>(to.resident_bytes) / 1048576.0);
  std::printf("CPU                    %.2f %% of a core over %zu s (pings and heartbeats included)\n",
              100 * (to.cpu_seconds - from.cpu_seconds) / static_cast<double>(window_seconds), window_seconds);
  if (first.closed() + rest.closed() > 0)
    give_up(std::to_string(first.closed() + rest.closed()) + " connections were lost: " + rest.last_refusal());
}

// ---- idle loaded cases ----

/// One note in each case, over one live connection with a window.
void add_notes(target& t, const std::vector<std::string>& ids, const std::string& text) {
  fleet f{t.at()};
  f.add("/api/v1/live", t.token());
  std::size_t sent = 0, done = 0;
  const auto pump = [&] {
    for (; sent < ids.size() && sent < done + 200; ++sent)
      f.send(0, "{\"id\":" + std::to_string(sent) + ",\"type\":\"note.add\",\"case_id\":\"" + ids[sent] + "\",\"content\":" +
                    json_quoted(text + " " + std::to_string(sent)) + "}");
  };
  f.on_message = [&](std::size_t, std::string_view payload) {
    for_each_object(payload, [&](std::string_view o) {
      if (starts_with(o, R"({"type":"error")"))
        give_up("a note was refused: " + std::string{o});
      done += starts_with(o, R"({"type":"ok")");
    });
    pump();
  };
  if (f.connect_all(1, seconds{10}) != 1)
    give_up("no live connection: " + f.last_refusal());
  pump();
  if (!f.run_until([&] { return done == ids.size(); }, seconds{120}))
    give_up("only " + std::to_string(done) + " of " + std::to_string(ids.size()) + " notes were stored: " + f.last_refusal());
}

void run_idle_cases(target& t, std::size_t cases) {
  const auto ids = t.make_cases(cases);
  add_notes(t, ids, "The disk of db-3 was full at 03:12, alerts were silenced until 06:00.");
  t.restart(); // so that nothing is loaded
  const auto load = [&](std::size_t from, std::size_t to) {
    t.in_parallel(to - from, [&](http_connection& http, std::size_t i) {
      auto r = http.get("/api/v1/cases/" + ids[from + i]);
      if (!r || r->status != 200)
        give_up("reading a case failed: " + (r ? r->body : r.error().detail));
    });
  };
  const auto warm = std::min<std::size_t>(cases / 10, 1'000);
  load(0, warm);
  const auto before = t.usage();
  const auto begin = steady::now();
  load(warm, cases);
  const auto took = std::chrono::duration<double>(steady::now() - begin).count();
  const auto after = t.usage();
  const auto n = static_cast<double>(cases - warm);
  std::printf("loaded cases           %zu more than the first %zu, %.0f/s to load\n", cases - warm, warm, n / took);
  std::printf("memory                 %.2f KiB a case (server %.1f MiB)\n",
              kib((static_cast<double>(after.resident_bytes) - static_cast<double>(before.resident_bytes)) / n),
              static_cast<double>(after.resident_bytes) / 1048576.0);
}

// ---- REST, open loop ----

/// Requests are due by the clock and their latency counts from then, so that a stall is seen in full.
latency_histogram open_loop(target& t, double rate, std::size_t run_seconds, std::size_t threads,
                            const std::function<std::string(std::size_t)>& path, std::size_t& failed) {
  const auto total = static_cast<std::size_t>(rate * static_cast<double>(run_seconds));
  const auto begin = steady::now() + milliseconds{100};
  std::mutex mutex;
  latency_histogram all;
  std::atomic<std::size_t> next{0}, bad{0};
  std::vector<std::thread> crew;
  for (std::size_t n = 0; n < threads; ++n)
    crew.emplace_back([&] {
      http_connection http{t.at(), t.token()};
      latency_histogram mine;
      for (std::size_t i; (i = next++) < total;) {
        const auto due = begin + std::chrono::microseconds{static_cast<std::int64_t>(static_cast<double>(i) * 1e6 / rate)};
        std::this_thread::sleep_until(due);
        auto r = http.get(path(i));
        if (!r || r->status != 200)
          ++bad;
        mine.record(us_between(due, steady::now()));
      }
      const std::lock_guard guard{mutex};
      all.merge(mine);
    });
  for (auto& thread : crew)
    thread.join();
  failed = bad;
  return all;
}

void run_rest(target& t, double rate, std::size_t run_seconds, std::size_t threads) {
  const auto ids = t.make_cases(200);
  add_notes(t, ids, "Seen again after the restart of the pool.");
  const auto measure = [&](const char* name, const std::function<std::string(std::size_t)>& path) {
    std::size_t failed = 0;
    const auto before = t.usage().cpu_seconds;
    const auto h = open_loop(t, rate, run_seconds, threads, path, failed);
    line(name, h);
    std::printf("                       %zu failed, server CPU %.0f %%\n", failed,
                100 * (t.usage().cpu_seconds - before) / static_cast<double>(run_seconds));
  };
  measure("GET one case", [&](std::size_t i) { return "/api/v1/cases/" + ids[i % ids.size()]; });
  measure("GET messages", [&](std::size_t i) { return "/api/v1/cases/" + ids[i % ids.size()] + "/messages"; });
  measure("GET list of 50", [&](std::size_t) { return std::string{"/api/v1/cases?limit=50"}; });
}

// ---- long lists and full text ----

void run_list(target& t, std::size_t cases) {
  const auto begin = steady::now();
  const auto ids = t.make_cases(cases);
  static const char* const words[] = {"timeout", "replica", "certificate", "quota", "deadlock", "latency", "rollback", "checksum"};
  add_notes(t, ids, "after the deploy the gateway logs a timeout; replica lag grows, certificate and quota are fine");
  std::printf("prepared               %zu cases with a message each in %.1f s\n", cases, std::chrono::duration<double>(steady::now() - begin).count());
  http_connection http{t.at(), t.token()};
  const auto measure = [&](const char* name, const std::function<std::string(int)>& path, int times) {
    latency_histogram h;
    for (int i = 0; i < times; ++i) {
      const auto from = steady::now();
      auto r = http.get(path(i));
      if (!r || r->status != 200)
        give_up(std::string{name} + " failed: " + (r ? r->body : r.error().detail));
      h.record(us_between(from, steady::now()));
    }
    line(name, h);
  };
  measure("first page", [](int) { return std::string{"/api/v1/cases?limit=50"}; }, 50);
  measure("page at offset 90 %", [&](int) { return "/api/v1/cases?limit=50&offset=" + std::to_string(cases * 9 / 10); }, 10);
  measure("one word, all match", [&](int i) { return std::string{"/api/v1/cases?limit=50&q="} + words[i % 2]; }, 30);
  measure("one word, one match", [&](int i) { return "/api/v1/cases?limit=50&q=" + std::to_string(cases / 2 + static_cast<std::size_t>(i)); }, 30);
  measure("no match", [&](int) { return std::string{"/api/v1/cases?limit=50&q=zzzunseen"}; }, 30);
}

// ---- turns ----

struct asked_turn {
  steady::time_point due;
  bool first = false;
};

/// Turns arrive by the clock; their streams are followed over live connections, one a case.
void run_chat(target& t, double rate, std::size_t run_seconds, std::size_t cases, bool stamped) {
  const auto ids = t.make_cases(cases);
  fleet f{t.at()};
  std::size_t joined = 0;
  latency_histogram accepted, first_text, finished, added;
  std::unordered_map<std::string, asked_turn> waiting; // by client_turn_id, then by turn_id
  std::unordered_map<std::string, std::string> client_of;
  std::size_t refused = 0, ended = 0, failed = 0, sent = 0;
  f.on_open = [&](std::size_t i) { f.send(i, "{\"id\":\"open\",\"type\":\"case.open\",\"case_id\":\"" + ids[i] + "\",\"after_seq\":0}"); };
  f.on_message = [&](std::size_t, std::string_view payload) {
    const auto now = steady::now();
    const auto wall = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
    for_each_object(payload, [&](std::string_view o) {
      if (!starts_with(o, R"({"type":"event")")) {
        const auto reply = text_field(o, "reply_to");
        if (reply == "open" && starts_with(o, R"({"type":"ok")"))
          ++joined;
        else if (starts_with(o, R"({"type":"error")"))
          ++refused;
        else if (const auto found = waiting.find(std::string{reply}); found != waiting.end())
          accepted.record(us_between(found->second.due, now));
        return;
      }
      const auto kind = text_field(o, "kind");
      if (kind == "turn_queued") {
        client_of[std::string{text_field(o, "turn_id")}] = text_field(o, "client_turn_id");
        return;
      }
      if (kind != "turn_delta" && kind != "turn_completed" && kind != "turn_failed")
        return;
      const auto client = client_of.find(std::string{text_field(o, "turn_id")});
      const auto turn = client == client_of.end() ? waiting.end() : waiting.find(client->second);
      if (turn == waiting.end())
        return;
      if (kind == "turn_delta") {
        if (!std::exchange(turn->second.first, true)) {
          first_text.record(us_between(turn->second.due, now));
          // The scripted model writes into its first word when it sent it.
          if (const auto stamp = o.find("word0@"); stamped && stamp != std::string_view::npos) {
            const auto at = std::strtoll(o.data() + stamp + 6, nullptr, 10);
            added.record(wall > at ? static_cast<std::uint64_t>(wall - at) : 0);
          }
        }
      } else {
        finished.record(us_between(turn->second.due, now));
        ++ended;
        failed += kind == "turn_failed";
      }
    });
  };
  for (std::size_t i = 0; i < cases; ++i)
    f.add("/api/v1/live", t.token());
  if (f.connect_all(64, seconds{60}) != cases || !f.run_until([&] { return joined == cases; }, seconds{30}))
    give_up(std::to_string(joined) + " of " + std::to_string(cases) + " cases opened: " + f.last_refusal());
  const auto cpu = t.usage().cpu_seconds;
  const auto begin = steady::now();
  std::mt19937_64 random{7};
  std::exponential_distribution<double> gap{rate};
  double due_seconds = 0;
  while (steady::now() < begin + seconds{run_seconds}) {
    for (;;) {
      const auto due = begin + std::chrono::microseconds{static_cast<std::int64_t>(due_seconds * 1e6)};
      if (due > steady::now())
        break;
      due_seconds += gap(random); // people do not come in step
      const auto client = "load-" + std::to_string(++sent);
      waiting[client] = {due, false};
      f.send(sent % cases, "{\"id\":\"" + client + "\",\"type\":\"turn.submit\",\"case_id\":\"" + ids[sent % cases] + "\",\"client_turn_id\":\"" +
                               client + "\",\"content\":\"Why does the checkout time out? 2026-01-01T00:00:00Z ERROR pool exhausted\"}");
    }
    f.turn(milliseconds{1});
  }
  const auto used = t.usage().cpu_seconds - cpu;
  f.run_until([&] { return ended + refused >= sent; }, seconds{30});
  std::printf("turns                  %zu sent at %.1f/s over %zu cases, %zu ended, %zu of them failed, %zu refused; server CPU %.0f %%\n", sent,
              rate, cases, ended, failed, refused, 100 * used / static_cast<double>(run_seconds));
  line("accepted (durable)", accepted);
  line("first text", first_text);
  if (stamped)
    line("added to first token", added);
  line("finished", finished);
}

} // namespace
} // namespace fm::load

int main(int argc, char** argv) {
  using namespace fm::load;
  CLI::App app{"Load generator for FaultMaven: what people would feel, in numbers (bench/README.md says what each guards)"};
  app.require_subcommand(1);
  app.fallthrough();
  target_options where;
  app.add_option("--server", where.server, "Path of the faultmaven binary: starts its own on a fresh data directory");
  app.add_option("--url", where.url, "A running server instead");
  app.add_option("--token", where.token, "Access token for --url when dev-login is off");
  app.add_option("--pid", where.pid, "Process id of the server at --url, for memory and CPU");
  app.add_option("--openai", where.openai, "Path of fm_openai_server: turns are answered by it instead of the built-in analyst");
  app.add_option("--tokens", where.tokens, "Tokens of a scripted answer");
  app.add_option("--tokens-per-second", where.tokens_per_second, "Pace of a scripted answer");
  std::vector<std::string> settings;
  app.add_option("--set", settings, "NAME=VALUE put into the environment of the server that is started");

  fanout_options fan;
  std::string baseline, events = "saturate", baseline_threads = "2";
  auto* fanout_command = app.add_subcommand("fanout", "Events of a case to everybody who has it open");
  fanout_command->add_option("--cases", fan.cases, "Cases")->check(CLI::Range(1, 100'000));
  fanout_command->add_option("--people", fan.people, "Connections that have each case open")->check(CLI::Range(1, 100'000));
  fanout_command->add_option("--events", events, "Events a second in all, or 'saturate'");
  fanout_command->add_option("--window", fan.window, "Events of a case under way when saturating")->check(CLI::Range(1, 100'000));
  fanout_command->add_option("--bytes", fan.payload_bytes, "Length of a note");
  fanout_command->add_option("--seconds", fan.seconds, "Measured seconds")->check(CLI::Range(1, 60));
  fanout_command->add_option("--baseline", baseline, "Path of faultmaven-beast-broadcast: measured as well, and the ratio printed");
  fanout_command->add_option("--baseline-threads", baseline_threads, "Its I/O threads");

  std::size_t connections = 10'000, window_seconds = 30;
  auto* idle_command = app.add_subcommand("idle", "Memory and CPU of idle, signed-in live connections");
  idle_command->add_option("--connections", connections, "How many")->check(CLI::Range(1, 60'000));
  idle_command->add_option("--seconds", window_seconds, "CPU window")->check(CLI::Range(1, 60));

  std::size_t cases = 10'000;
  auto* cases_command = app.add_subcommand("idle-cases", "Memory of loaded cases that nobody watches");
  cases_command->add_option("--cases", cases, "How many")->check(CLI::Range(10, 1'000'000));

  double rate = 0;
  std::size_t run_seconds = 10, threads = 64, chat_cases = 50;
  auto* rest_command = app.add_subcommand("rest", "Reads over REST, open loop");
  rest_command->add_option("--rate", rate, "Requests a second")->default_val(500);
  rest_command->add_option("--seconds", run_seconds, "Seconds for each kind")->check(CLI::Range(1, 60));
  rest_command->add_option("--connections", threads, "Keep-alive connections")->check(CLI::Range(1, 512));

  double turn_rate = 10;
  auto* chat_command = app.add_subcommand("chat", "Turns over live connections, open loop");
  chat_command->add_option("--rate", turn_rate, "Turns a second");
  chat_command->add_option("--seconds", run_seconds, "Seconds")->check(CLI::Range(1, 60));
  chat_command->add_option("--cases", chat_cases, "Cases, with one connection each")->check(CLI::Range(1, 10'000));

  std::size_t list_cases = 20'000;
  auto* list_command = app.add_subcommand("list", "Case list and full-text search of a user with many cases");
  list_command->add_option("--cases", list_cases, "How many")->check(CLI::Range(100, 1'000'000));

  uploads_options up;
  std::size_t large_mib = 0;
  auto* uploads_command = app.add_subcommand("uploads", "What uploads beside them add to streaming turns (wants --openai), and the memory of a large one");
  uploads_command->add_option("--turns", up.turns, "Turns that stream at once")->check(CLI::Range(1, 1'000));
  uploads_command->add_option("--to-one-case", up.to_one_case, "Files uploaded at once to one case")->check(CLI::Range(0, 200));
  uploads_command->add_option("--to-others", up.to_others, "Files uploaded at the same time, each to a case of its own")->check(CLI::Range(0, 1'000));
  uploads_command->add_option("--rounds", up.rounds, "Rounds of both phases; medians are printed")->check(CLI::Range(1, 20));
  uploads_command->add_option("--file-bytes", up.file_bytes, "Length of a log");
  uploads_command->add_option("--large-mib", large_mib, "Length of one log whose upload is watched for memory; 0 = none");

  CLI11_PARSE(app, argc, argv);
  fm::testing_support::raise_file_limit();
  for (auto& s : settings)
    if (const auto equals = s.find('='); equals != std::string::npos)
      where.settings[s.substr(0, equals)] = s.substr(equals + 1);

  const bool stamped = !where.openai.empty();
  if (*uploads_command) {
    if (!stamped)
      give_up("uploads measures streamed words and needs --openai");
    up.large_bytes = large_mib << 20U;
    for (const auto* limit : {"FAULTMAVEN_FILES_UPLOAD_BYTES_MAX", "FAULTMAVEN_FILES_CASE_BYTES_MAX"})
      where.settings.emplace(limit, std::to_string(std::max<std::size_t>(up.large_bytes + (512U << 20), 1U << 30)));
    where.settings.emplace("FAULTMAVEN_JOBS_UNFINISHED_PER_USER_MAX", "10000");
    where.settings.emplace("FAULTMAVEN_JOBS_REMEMBERED_MAX", "100000");
  }
  if (*fanout_command) {
    if (events != "saturate") {
      fan.events_per_second = std::atof(events.c_str());
      if (fan.events_per_second <= 0)
        give_up("--events needs a number above 0 or 'saturate'");
    }
    std::printf("fan-out of %zu cases to %zu people each, %s events/s, window %zu\n", fan.cases, fan.people, events.c_str(), fan.window);
    fanout_result ours;
    if (where.server.empty() && where.url.empty() && !baseline.empty()) { // the yardstick alone
      const auto plain = fanout_baseline(baseline, baseline_threads, fan, 420);
      print("plain", plain);
      return plain.complete ? 0 : 1;
    }
    {
      target t{where};
      ours = fanout_ours(t, fan);
    }
    print("faultmaven", ours);
    if (!baseline.empty()) {
      const auto plain = fanout_baseline(baseline, baseline_threads, fan, ours.bytes_per_event);
      print("plain", plain);
      std::printf("ratio      %.2f\n", ours.deliveries_per_second / plain.deliveries_per_second);
    }
    return ours.complete ? 0 : 1;
  }
  target t{where};
  if (*idle_command)
    run_idle(t, connections, window_seconds);
  else if (*cases_command)
    run_idle_cases(t, cases);
  else if (*rest_command)
    run_rest(t, rate, run_seconds, threads);
  else if (*chat_command)
    run_chat(t, turn_rate, run_seconds, chat_cases, stamped);
  else if (*list_command)
    run_list(t, list_cases);
  else if (*uploads_command)
    run_uploads(t, up, line);
  return 0;
}
