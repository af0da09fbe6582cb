// The server a load runs against: one of our own on a fresh data directory with its limits out of the way, or one
// that is already there. Also signs in and makes cases.
#pragma once

#include "tests/support/live_client.hpp"
#include "tests/support/server_process.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace fm::load {

using testing_support::child_process;
using testing_support::endpoint;
using testing_support::http_connection;
using testing_support::json_quoted;
using testing_support::steady;
using testing_support::temporary_directory;

[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "faultmaven-load: %s\n", why.c_str());
  std::exit(1);
}

struct target_options {
  std::string server; ///< path of the binary: start our own
  std::string url;    ///< or one that runs
  std::string token;  ///< for a server without dev-login
  int pid = 0;        ///< of a running server on this machine, for memory and CPU
  std::string openai; ///< path of the scripted model; empty = the built-in analyst
  std::string tokens_per_second = "50", tokens = "100";
  std::map<std::string, std::string> settings; ///< FAULTMAVEN_… on top
};

class target {
public:
  explicit target(target_options o) : options_(std::move(o)), directory_("fm-load-") {
    if (options_.server.empty() && options_.url.empty())
      give_up("say --server PATH (starts its own) or --url URL (of a running one)");
    if (!options_.openai.empty() && !options_.server.empty()) {
      auto started = child_process::start({{options_.openai, "--port", "0", "--stamp", "--out-of-step", "--tokens", options_.tokens,
                                            "--tokens-per-second", options_.tokens_per_second},
                                           {},
                                           directory_.path() / "model.log"});
      if (!started)
        give_up(started.error().detail);
      model_ = std::move(*started);
      auto url = model_.wait_for_url(std::chrono::seconds{10});
      if (!url)
        give_up(url.error().detail);
      options_.settings["FAULTMAVEN_LLM_BASE_URL"] = *url;
      options_.settings["FAULTMAVEN_LLM_MODEL"] = "scripted";
      options_.settings["FAULTMAVEN_LLM_API_KEY"] = "scripted";
    }
    start();
  }

  void start() {
    if (!options_.url.empty()) {
      auto e = testing_support::endpoint_of(options_.url);
      if (!e)
        give_up(e.error().detail);
      at_ = *e;
    } else {
      child_process::options o;
      o.command = {options_.server, "serve", "--host", "127.0.0.1", "--port", "0", "--data", (directory_.path() / "data").string()};
      o.environment = {{"FAULTMAVEN_HTTP_REQUESTS_PER_SECOND", "1000000"}, {"FAULTMAVEN_HTTP_REQUESTS_BURST", "1000000"},
                       {"FAULTMAVEN_HTTP_SIGN_INS_PER_MINUTE", "1000000"}, {"FAULTMAVEN_LIVE_COMMANDS_PER_SECOND", "100000"},
                       {"FAULTMAVEN_LIVE_COMMANDS_BURST", "100000"},       {"FAULTMAVEN_LIVE_CASES_OPEN_MAX", "10000"},
                       {"FAULTMAVEN_CASES_OPEN_PER_USER", "1000000"},      {"FAULTMAVEN_CASES_SUBSCRIBERS_MAX", "20000"},
                       {"FAULTMAVEN_LOG_LEVEL", "warn"},                   {"FAULTMAVEN_CASES_QUEUE_MAX", "1000"}};
      for (auto& [name, value] : options_.settings)
        o.environment[name] = value;
      o.output = directory_.path() / "server.log";
      o.many_files = true;
      auto started = child_process::start(std::move(o));
      if (!started)
        give_up(started.error().detail);
      process_ = std::move(*started);
      auto url = process_.wait_for_url(std::chrono::seconds{60});
      if (!url)
        give_up(url.error().detail);
      at_ = *testing_support::endpoint_of(*url);
    }
    token_ = options_.token.empty() ? sign_in("load") : options_.token;
  }
  /// Asks our own server to stop and starts it again on the same data.
  void restart() {
    if (!ours())
      give_up("this scenario restarts the server and needs --server");
    process_.signal(SIGTERM);
    if (!process_.wait(std::chrono::seconds{20}))
      give_up("the server did not stop within 20 s");
    start();
  }

  std::string sign_in(const std::string& name) {
    http_connection http{at_};
    auto r = http.post("/api/v1/auth/dev-login", "{\"username\":" + json_quoted(name) + "}");
    if (!r || r->parsed()["access_token"].text().empty())
      give_up("signing in failed: " + (r ? r->body : r.error().detail) + process_.output());
    return r->parsed()["access_token"].text();
  }

  /// Runs `work(http, index)` for every index below `count` on a few connections.
  template <class Work>
  void in_parallel(std::size_t count, Work work, std::size_t threads = 8) {
    std::atomic<std::size_t> next{0};
    std::vector<std::thread> crew;
    for (std::size_t t = 0; t < threads; ++t)
      crew.emplace_back([&] {
        http_connection http{at_, token_};
        for (std::size_t i; (i = next++) < count;)
          work(http, i);
      });
    for (auto& t : crew)
      t.join();
  }

  std::vector<std::string> make_cases(std::size_t count) {
    std::vector<std::string> ids(count);
    in_parallel(count, [&](http_connection& http, std::size_t i) {
      auto r = http.post("/api/v1/cases", "{\"title\":\"Payment service times out " + std::to_string(i) +
                                              "\",\"description\":\"Since the last deploy the checkout answers late or not at all.\"}");
      if (r)
        ids[i] = r->parsed()["case_id"].text();
      if (ids[i].empty())
        give_up("making a case failed: " + (r ? std::to_string(r->status) + " " + r->body : r.error().detail));
    });
    return ids;
  }

  testing_support::process_usage usage() const {
    const auto pid = ours() ? process_.pid() : options_.pid;
    if (pid <= 0)
      return {};
    auto u = testing_support::usage_of(pid);
    return u ? *u : testing_support::process_usage{};
  }

  bool ours() const { return !options_.server.empty() && options_.url.empty(); }
  const endpoint& at() const { return at_; }
  const std::string& token() const { return token_; }

private:
  target_options options_;
  temporary_directory directory_;
  child_process model_, process_;
  endpoint at_;
  std::string token_;
};

} // namespace fm::load
