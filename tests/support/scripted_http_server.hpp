// A strict HTTP/1.1 server for tests: one thread, raw sockets, many connections. It answers by script, piece
// by piece, can fall silent or cut the line anywhere, and tells when the client closed.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fm::testing_support {

struct stub_request {
  std::size_t number = 0;     ///< counts from 1 over all connections
  std::size_t connection = 0; ///< counts from 1
  std::string method, target, body;
  std::vector<std::pair<std::string, std::string>> headers; ///< names in lower case
  std::string header(std::string_view name) const;
};

/// A piece of an answer: after `delay`, these bytes; then the next piece, a cut, or silence for ever.
struct stub_step {
  std::chrono::milliseconds delay{0};
  std::function<std::string()> bytes; ///< asked when they are sent
  enum class kind { send, cut, hang } then = kind::send;
};
struct stub_reply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body; ///< sent whole, with its length, when there is no `next`
  /// Pieces of a chunked body; nothing ends it.
  std::function<std::optional<stub_step>()> next;
  bool silent = false; ///< not even a head is sent
};

/// Called on the server's thread.
struct stub_handler {
  virtual ~stub_handler() = default;
  virtual stub_reply on_request(const stub_request& request) = 0;
  /// The client closed while request `number` was not yet answered in full.
  virtual void on_client_closed_early(std::size_t number) = 0;
  virtual void on_violation(std::string what) = 0;
};

class http_stub {
public:
  /// Listens on 127.0.0.1; port 0 takes a free one.
  http_stub(std::uint16_t port, stub_handler& handler);
  ~http_stub();
  http_stub(const http_stub&) = delete;
  http_stub& operator=(const http_stub&) = delete;
  std::uint16_t port() const;
  /// Serves until the process ends (for programs).
  void wait();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

/// The stub with a queue of answers and a memory. A request without a script is a violation (and gets a 500).
class scripted_http_server final : private stub_handler {
public:
  scripted_http_server();
  ~scripted_http_server() override;

  std::uint16_t port() const;
  std::string url(std::string_view path = "") const;

  void reply(stub_reply next);
  void reply(int status, std::string body, std::vector<std::pair<std::string, std::string>> headers = {});
  /// A 200 event stream of these pieces; `end` says what follows the last one.
  void stream(std::vector<std::string> pieces, stub_step::kind end = stub_step::kind::send,
              std::chrono::milliseconds between = {});
  void never_answer();

  std::vector<stub_request> requests() const;
  std::vector<std::string> violations() const;
  bool wait_for_requests(std::size_t n, std::chrono::milliseconds patience = std::chrono::seconds{10});
  /// Waits until the client closed that many unfinished answers.
  bool wait_for_early_close(std::size_t n, std::chrono::milliseconds patience = std::chrono::seconds{10});
  std::chrono::steady_clock::time_point last_early_close() const;

private:
  stub_reply on_request(const stub_request& request) override;
  void on_client_closed_early(std::size_t number) override;
  void on_violation(std::string what) override;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<stub_reply> script_;
  std::vector<stub_request> requests_;
  std::vector<std::string> violations_;
  std::size_t early_closes_ = 0;
  std::chrono::steady_clock::time_point last_early_close_{};
  std::unique_ptr<http_stub> stub_;
};

} // namespace fm::testing_support
