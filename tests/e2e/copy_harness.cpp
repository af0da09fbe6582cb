// Copies a data directory of many cases to PostgreSQL and back with the real command, kills the command in the middle
// and goes on, and compares the checksums of both ends.
//
//   fm_copy_harness --server PATH --postgres DIR [--cases 10000] [--seed 1]
//
// DIR is where tests/support/services/postgres.sh started the database.
#include "storage/factory/factory.hpp"
#include "tests/support/program.hpp"
#include "tests/support/server_process.hpp"
#include "tests/support/test_postgres.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <random>
#include <unistd.h>

namespace {
using namespace fm;
using namespace fm::testing_support;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

void fill(const std::string& data, std::uint64_t cases) {
  storage_settings s;
  s.data_directory = data;
  s.synchronous_full = false; // only made quickly
  auto opened = open_storage(s);
  if (!opened)
    throw std::runtime_error(opened.error().detail);
  const auto at = [](std::uint64_t n) { return timestamp{std::chrono::milliseconds{1'700'000'000'000 + static_cast<std::int64_t>(n)}}; };
  std::vector<case_commit> batch;
  for (std::uint64_t i = 0; i < cases; ++i) {
    case_record r;
    r.id = case_id{"case_" + std::to_string(i)};
    r.title = "Checkout answers 502, the " + std::to_string(i) + "th time";
    r.title_is_placeholder = false;
    r.owner = user_id{"user_" + std::to_string(i % 50)};
    r.tags = {"web", "n" + std::to_string(i % 7)};
    r.created_at = r.updated_at = r.last_activity_at = at(i);
    case_commit c;
    c.id = r.id;
    const auto add = [&](event_data data) {
      c.events.push_back(std::make_shared<const case_event>(case_event{r.id, c.events.size() + 1, at(i), {r.owner, "Ada"}, std::move(data)}));
    };
    add(case_created{r});
    for (std::uint32_t t = 1; t <= 1 + i % 3; ++t) {
      turn_queued q;
      q.turn = turn_id{"turn_" + std::to_string(i) + "_" + std::to_string(t)};
      q.client_id = client_turn_id{"client_" + std::to_string(t)};
      q.turn_number = t;
      q.message = message_id{"q_" + std::to_string(i) + "_" + std::to_string(t)};
      q.content = "Why does the pool run dry? \"quoted\" naïve 🔥 " + std::to_string(i * t);
      q.author_id = r.owner.value;
      q.author_name = "Ada";
      q.body_digest = "d";
      add(q);
      add(turn_started{q.turn, 1});
      const std::string answer = "Because every connection of the pool waits for a lock; see line " + std::to_string(i) + ".";
      add(turn_delta{q.turn, 1, 0, answer.substr(0, 20)});
      add(turn_delta{q.turn, 1, 20, answer.substr(20)});
      turn_completed e;
      e.turn = q.turn;
      e.attempt = 1;
      e.turn_number = t;
      e.message = message_id{"a_" + std::to_string(i) + "_" + std::to_string(t)};
      e.content = answer;
      add(e);
    }
    r.turn_count = static_cast<std::uint32_t>(1 + i % 3);
    c.record = std::make_shared<const case_record>(r);
    batch.push_back(std::move(c));
    if (batch.size() == 256 || i + 1 == cases) {
      for (auto& result : opened->cases->commit(batch))
        if (!result)
          throw std::runtime_error(result.error().detail);
      batch.clear();
    }
  }
  for (std::uint64_t i = 0; i < cases; i += 97)
    if (auto dropped = opened->cases->compact(case_id{"case_" + std::to_string(i)}, 1'000); !dropped)
      throw std::runtime_error(dropped.error().detail);
  for (int i = 0; i < 50; ++i) {
    user_record u;
    u.person.id = user_id{"user_" + std::to_string(i)};
    u.person.username = "user" + std::to_string(i);
    u.person.created_at = at(0);
    if (auto made = opened->users->create(u); !made)
      throw std::runtime_error(made.error().detail);
  }
}

/// The line of `type` in what the command printed.
std::string line_of(const std::string& output, const std::string& type) {
  const auto at = output.rfind("\n" + type + " "); // progress lines look alike and come before
  if (at == std::string::npos)
    return {};
  return output.substr(at + 1, output.find('\n', at + 1) - at - 1);
}
std::string sum_of(const std::string& line) {
  const auto equals = line.find(" = ");
  return equals == std::string::npos ? std::string{} : line.substr(equals + 3);
}
} // namespace

int main(int argc, char** argv) {
  const arguments given{argc, argv, "usage: fm_copy_harness --server PATH --postgres DIR [--cases N] [--seed S]", {"server", "postgres", "cases", "seed"}};
  const auto cases = given.whole_or("cases", 10'000);
  std::mt19937_64 rng{given.whole_or("seed", 1)};
  checklist checks;
  temporary_directory dir{"fm-copy-"};
  const auto schema = "copy_" + std::to_string(::getpid());
  std::string port;
  std::ifstream{std::filesystem::path{given.text("postgres")} / "port"} >> port;
  const auto settings_file = [&](const std::string& name, const std::string& text) {
    const auto path = (dir.path() / name).string();
    std::ofstream{path} << text;
    return path;
  };
  const auto embedded = [&](const std::string& data) { return "[storage]\ndata = " + (dir.path() / data).string() + "\n"; };
  const auto here = settings_file("here.conf", embedded("data"));
  const auto home = settings_file("home.conf", embedded("back"));
  const auto there = settings_file("there.conf", embedded("pg") + "cases = postgres\nusers = postgres\n\n[postgres]\nhost = 127.0.0.1\nport = " + port +
                                                     "\nuser = faultmaven\ndatabase = postgres\nschema = " + schema + "\n");
  const std::map<std::string, std::string> secrets{{"FROM_CASES_DB_PASSWORD", "test-only"}, {"TO_CASES_DB_PASSWORD", "test-only"}};

  auto begin = steady::now();
  fill((dir.path() / "data").string(), cases);
  std::printf("%llu cases made in %.1f s\n", static_cast<unsigned long long>(cases), std::chrono::duration<double>(steady::now() - begin).count());

  const auto copy = [&](const std::string& from, const std::string& to, bool killed) {
    int kills = 0;
    begin = steady::now();
    // Killed ever later, so that it gets somewhere.
    for (auto life = 100ms; killed && kills < 6; life += std::chrono::milliseconds{100 + rng() % 400}) {
      auto p = child_process::start({{given.text("server"), "copy", "--from", from, "--to", to}, secrets, dir.path() / "killed.log"});
      if (!p)
        break;
      ::poll(nullptr, 0, static_cast<int>(life.count()));
      if (!p->running())
        break;
      p->kill();
      ++kills;
    }
    auto ended = run_process({{given.text("server"), "copy", "--from", from, "--to", to}, secrets, dir.path() / "copy.log"}, 600s);
    const auto output = ended ? "\n" + ended->output : ended.error().detail;
    checks.check(ended && ended->exit_code == 0, killed ? "a copy that was killed goes on and ends the same" : "the way back ends the same",
                 std::to_string(kills) + " kills, " + std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(steady::now() - begin).count()) +
                     " ms; " + line_of(output, "cases"));
    if (!ended || ended->exit_code != 0)
      std::printf("%s\n", output.c_str());
    return output;
  };
  const auto first = copy(here, there, true);
  const auto second = copy(there, home, false);
  for (const std::string type : {"users", "cases", "sessions", "files"})
    checks.check(!sum_of(line_of(first, type)).empty() && sum_of(line_of(first, type)) == sum_of(line_of(second, type)),
                 "the checksum of " + type + " is the same at all three ends", sum_of(line_of(first, type)));
  const auto again = run_process({{given.text("server"), "copy", "--from", here, "--to", home}, {}, dir.path() / "again.log"}, 600s);
  checks.check(again && again->exit_code == 0 && line_of("\n" + again->output, "cases").find(" 0 ") != std::string::npos,
               "from the first to the last nothing is left to copy", again ? line_of("\n" + again->output, "cases") : "");
  const auto verified = run_process({{given.text("server"), "verify", "--data", (dir.path() / "back").string()}, {}, dir.path() / "verify.log"}, 300s);
  checks.check(verified && verified->exit_code == 0, "faultmaven verify finds nothing", verified ? verified->output.substr(0, 100) : "");
  ::setenv("FM_TEST_POSTGRES", ("127.0.0.1:" + port + ":faultmaven:test-only:postgres").c_str(), 0);
  drop_schema(schema);
  return checks.finish();
}
