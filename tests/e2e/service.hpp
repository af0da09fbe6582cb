// The real process under test, as checks of it share it.
#pragma once

#include "tests/support/live_client.hpp"
#include "tests/support/program.hpp"
#include "tests/support/server_process.hpp"

#include <csignal>

namespace fm::testing_support {
using namespace std::chrono_literals;

constexpr auto drain_allowed = 10s;

/// A server of ours and the few things every check does with it.
class service {
public:
  service(std::string program, std::filesystem::path directory) : program_(std::move(program)), directory_(std::move(directory)) {}

  std::map<std::string, std::string> environment{{"FAULTMAVEN_HTTP_REQUESTS_PER_SECOND", "100000"},
                                                 {"FAULTMAVEN_HTTP_REQUESTS_BURST", "100000"},
                                                 {"FAULTMAVEN_HTTP_SIGN_INS_PER_MINUTE", "100000"}};

  outcome<void> start() {
    auto c = child_process::start(options({"serve", "--host", "127.0.0.1", "--port", "0", "--data", data().string()}, "server.log"));
    if (!c)
      return c.error();
    process = std::move(*c);
    auto url = process.wait_for_url(20s);
    if (!url)
      return url.error();
    printed = *url;
    auto e = endpoint_of(*url);
    if (!e)
      return e.error();
    at = *e;
    return boost::system::in_place_value;
  }
  /// SIGTERM; how long it took and how it ended.
  std::pair<std::optional<int>, milliseconds> stop() {
    const auto from = steady::now();
    process.signal(SIGTERM);
    auto code = process.wait(drain_allowed + 5s);
    return {code, std::chrono::duration_cast<milliseconds>(steady::now() - from)};
  }
  outcome<finished_process> run(std::vector<std::string> arguments, std::chrono::milliseconds within = 20s) const {
    return run_process(options(std::move(arguments), "command.log"), within);
  }

  std::string token(const std::string& user) const {
    http_connection h{at};
    auto r = h.post("/api/v1/auth/dev-login", "{\"username\":" + json_quoted(user) + "}");
    return r ? r->parsed()["access_token"].text() : std::string{};
  }
  http_connection as(const std::string& user) const { return http_connection{at, token(user)}; }
  std::string new_case(http_connection& http) const {
    auto r = http.post("/api/v1/cases", "{\"title\":\"service test\"}");
    return r ? r->parsed()["case_id"].text() : std::string{};
  }
  std::filesystem::path data() const { return directory_ / "data"; }
  const std::filesystem::path& directory() const { return directory_; }

  child_process process;
  endpoint at;
  std::string printed;

private:
  child_process::options options(std::vector<std::string> arguments, const std::string& log) const {
    child_process::options o;
    o.command = {program_};
    o.command.insert(o.command.end(), arguments.begin(), arguments.end());
    o.environment = environment;
    o.output = directory_ / log;
    return o;
  }
  std::string program_;
  std::filesystem::path directory_;
};

} // namespace fm::testing_support
