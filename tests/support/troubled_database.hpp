// The database that tests/support/services/postgres.sh started, behind a proxy, and what can be done to it.
#pragma once

#include "tests/support/server_process.hpp"
#include "tests/support/tcp_proxy.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <poll.h>
#include <random>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace fm::testing_support {

/// What is wrong with it, and for how long, comes from the caller's generator.
class database {
public:
  explicit database(std::filesystem::path directory) : directory_(std::move(directory)) {
    std::ifstream file{directory_ / "port"};
    int port = 0;
    file >> port;
    if (port == 0)
      throw std::runtime_error("there is no database in " + directory_.string() + ": tests/support/services/postgres.sh start DIR");
    proxy_ = std::make_unique<tcp_proxy>("127.0.0.1", static_cast<std::uint16_t>(port));
  }
  std::map<std::string, std::string> environment() const {
    return {{"CASE_STORAGE_TYPE", "postgres"},
            {"USER_STORAGE_TYPE", "postgres"},
            {"CASES_DB_HOST", "127.0.0.1"},
            {"CASES_DB_PORT", std::to_string(proxy_->port())},
            {"CASES_DB_USER", "faultmaven"},
            {"CASES_DB_PASSWORD", "test-only"},
            {"CASES_DB_NAME", "postgres"},
            {"CASES_DB_SCHEMA", "crash_" + std::to_string(::getpid())}};
  }
  bool small_disk() const { return std::filesystem::exists(directory_ / "small"); }

  /// Does it and undoes it; returns what it was, when everything is well again.
  std::string trouble(std::mt19937_64& rng, std::uint64_t round) {
    const auto rest = [](std::chrono::milliseconds t) { ::poll(nullptr, 0, static_cast<int>(t.count())); };
    if (round == 3) {
      proxy_->black_hole();
      rest(std::chrono::seconds{30});
      proxy_->heal();
      return "silent for 30 s";
    }
    if (small_disk() && round % 8 == 5)
      return fill(rest);
    switch (rng() % 10) {
    case 0: {
      const std::chrono::milliseconds t{1'000 + rng() % 3'000};
      proxy_->black_hole();
      rest(t);
      proxy_->heal();
      return "silent for " + std::to_string(t.count()) + " ms";
    }
    case 1:
    case 2:
      for (int i = 0; i < 5; ++i) {
        proxy_->cut();
        rest(std::chrono::milliseconds{20 + rng() % 200});
      }
      return "five times cut";
    case 3:
    case 4:
    case 5:
      for (int i = 0; i < 10; ++i) {
        const bool up = rng() % 2 == 0;
        proxy_->cut_after(1 + rng() % (up ? 20'000 : 4'000), up);
        rest(std::chrono::milliseconds{20 + rng() % 100});
      }
      proxy_->heal();
      return "ten times cut in the middle of a batch or its answer";
    default: {
      control("kill");
      const std::chrono::milliseconds t{rng() % 1'000};
      rest(t);
      control("again");
      return "killed and away for " + std::to_string(t.count()) + " ms";
    }
    }
  }

private:
  void control(const char* what) {
    auto ended = run_process({{(directory_ / "control").string(), what}, {}, directory_ / "control.log"}, std::chrono::seconds{60});
    if (!ended || ended->exit_code != 0)
      throw std::runtime_error(std::string{"the database cannot be told to "} + what);
  }
  template <class Rest>
  std::string fill(Rest rest) {
    const auto filler = directory_ / "data" / "filler";
    {
      std::ofstream file{filler, std::ios::binary};
      const std::string block(1U << 16, 'x');
      while (file.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
      }
    }
    rest(std::chrono::seconds{2});
    std::filesystem::remove(filler);
    // A server that cannot write its log gives up altogether.
    control("kill");
    control("again");
    return "disk full for 2 s, then killed";
  }

  std::filesystem::path directory_;
  std::unique_ptr<tcp_proxy> proxy_;
};

} // namespace fm::testing_support
