// What a session store costs, in one run: set and get of a 300-byte session through the port, for every backend, and the
// same commands by raw hiredis on one connection as the yardstick of Redis.
//
//   [FM_TEST_REDIS=host:port:password] bench_sessions
// (tests/support/services/redis.sh start DIR prints it; without it Redis is left out.) FM_BENCH_TIMES of each command
// and turn, default 4,000, in five turns.
#include "bench/micro/case_texts.hpp"

#include <filesystem>
#include <functional>
#include <hiredis/hiredis.h>
#include <unistd.h>

namespace {
using namespace fm;
using namespace fm::bench;

const std::string value(300, 's');
std::string key(int i) { return "session:" + std::to_string(i % 1'000); }

/// Microseconds of one call, the median over the turns of each turn's median.
struct timing {
  std::vector<double> turns;
  void take(const std::function<void(int)>& f, int times) {
    std::vector<double> all;
    all.reserve(static_cast<std::size_t>(times));
    for (int i = 0; i < times; ++i) {
      const auto from = steady::now();
      f(i);
      all.push_back(seconds_since(from) * 1e6);
    }
    turns.push_back(median(all));
  }
  double us() const { return median(turns); }
};

void must(bool good, const char* what) {
  if (!good) {
    std::fprintf(stderr, "%s failed\n", what);
    std::exit(1);
  }
}
} // namespace

int main() {
  const int times = static_cast<int>(number_from("FM_BENCH_TIMES", 4'000));
  char pattern[] = "/tmp/fm_bench_XXXXXX";
  const std::string directory = ::mkdtemp(pattern);
  const char* address = std::getenv("FM_TEST_REDIS");
  std::vector<std::string> kinds{"inmemory", "file", "sqlite"};
  std::string host, port, password;
  redisContext* raw = nullptr;
  if (address) {
    kinds.emplace_back("redis");
    const std::string all = address;
    const auto a = all.find(':'), b = all.find(':', a + 1);
    host = all.substr(0, a);
    port = all.substr(a + 1, b - a - 1);
    password = all.substr(b + 1);
    raw = redisConnect(host.c_str(), std::stoi(port));
    must(raw && raw->err == 0, "raw hiredis: connecting");
    freeReplyObject(redisCommand(raw, "AUTH %s", password.c_str()));
  }
  std::vector<session_store_ptr> stores;
  std::vector<opened_storage> kept;
  for (auto& kind : kinds) {
    auto s = all_in_memory();
    s.sessions = kind;
    s.data_directory = directory + "/" + kind;
    if (kind == "redis") {
      s.redis.host = host;
      s.redis.port = static_cast<std::uint16_t>(std::stoul(port));
      s.redis.password = password;
      s.redis.prefix = "bench:";
    }
    auto opened = open_storage(s);
    must(opened.has_value(), kind.c_str());
    kept.push_back(std::move(*opened));
    stores.push_back(kept.back().sessions);
  }
  std::vector<timing> sets(kinds.size()), gets(kinds.size());
  timing raw_set, raw_get;
  for (int turn = 0; turn < 5; ++turn) {
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      const int n = kinds[k] == "sqlite" ? times / 10 : times;
      sets[k].take([&](int i) { must(stores[k]->set(key(i), value, std::chrono::hours{1}).has_value(), "set"); }, n);
      gets[k].take([&](int i) { must(stores[k]->get(key(i % n)).has_value(), "get"); }, times);
    }
    if (raw) {
      raw_set.take(
          [&](int i) {
            auto* r = redisCommand(raw, "SET raw:%s %b PX 3600000", key(i).c_str(), value.data(), value.size());
            must(r != nullptr, "raw SET");
            freeReplyObject(r);
          },
          times);
      raw_get.take(
          [&](int i) {
            auto* r = redisCommand(raw, "GET raw:%s", key(i).c_str());
            must(r != nullptr, "raw GET");
            freeReplyObject(r);
          },
          times);
    }
  }
  std::printf("a session of 300 bytes, microseconds, medians of five turns\n  %-12s %10s %10s\n", "", "set", "get");
  for (std::size_t k = 0; k < kinds.size(); ++k)
    std::printf("  %-12s %10.2f %10.2f\n", kinds[k].c_str(), sets[k].us(), gets[k].us());
  if (raw) {
    std::printf("  %-12s %10.2f %10.2f\n", "raw hiredis", raw_set.us(), raw_get.us());
    std::printf("  redis / raw  %9.2fx %9.2fx   (get at most 1.5)\n", sets.back().us() / raw_set.us(), gets.back().us() / raw_get.us());
    redisFree(raw);
  }
  stores.clear();
  kept.clear();
  std::filesystem::remove_all(directory);
}
