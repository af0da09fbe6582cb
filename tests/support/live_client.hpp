// A client of the server over plain sockets: HTTP/1.1 with keep-alive and streamed answers, and WebSocket. Made
// for tests and loads: it can be cut at any moment, can send what no decent client would, and never waits
// longer than it was told.
#pragma once

#include "protocol/base/failure.hpp"
#include "tests/support/json.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fm::testing_support {

using std::chrono::milliseconds;
using steady = std::chrono::steady_clock;

struct endpoint {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  bool operator==(const endpoint&) const = default;
};
/// Host and port of "http://127.0.0.1:8080/…". IPv4 addresses only: tests stay on loopback.
outcome<endpoint> endpoint_of(std::string_view url);

using header_list = std::vector<std::pair<std::string, std::string>>;

/// A TCP connection with deadlines. Move-only; not thread-safe.
class byte_socket {
public:
  byte_socket() = default;
  ~byte_socket() { close(); }
  byte_socket(byte_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  byte_socket& operator=(byte_socket&& other) noexcept;

  static outcome<byte_socket> connect(const endpoint& to, steady::time_point until);
  outcome<void> write(std::string_view bytes, steady::time_point until);
  /// Appends what has come; waits for at least a byte. errc::gone = the other side closed, errc::timed_out.
  outcome<void> read(std::string& into, steady::time_point until);
  /// With a reset instead of a farewell: what a lost network or a killed client looks like.
  void cut();
  void close();
  bool is_open() const noexcept { return fd_ >= 0; }
  int fd() const noexcept { return fd_; }

private:
  int fd_ = -1;
};

struct http_answer {
  int status = 0;
  header_list headers; ///< names in lower case
  std::string body;
  /// Empty when absent.
  std::string header(std::string_view name) const;
  /// Null when the body is not JSON.
  json parsed() const;
};

/// One keep-alive connection; connects on first use and again after it was closed.
class http_connection {
public:
  explicit http_connection(endpoint to, std::string token = {}) : to_(std::move(to)), token_(std::move(token)) {}

  void set_token(std::string token) { token_ = std::move(token); }
  /// The whole answer. A failure says nothing about whether the server did what was asked.
  outcome<http_answer> request(std::string_view method, std::string_view target, std::string_view body = {},
                               const header_list& headers = {}, milliseconds within = milliseconds{20'000});
  outcome<http_answer> get(std::string_view target, const header_list& headers = {}) {
    return request("GET", target, {}, headers);
  }
  outcome<http_answer> post(std::string_view target, std::string_view body, const header_list& headers = {}) {
    return request("POST", target, body, headers);
  }

  /// Only the head of the answer; the body then comes piece by piece from read_some().
  outcome<http_answer> start(std::string_view method, std::string_view target, std::string_view body = {},
                             const header_list& headers = {}, milliseconds within = milliseconds{20'000});
  /// The next decoded piece; empty = the body has ended.
  outcome<std::string> read_some(milliseconds within);
  /// Bytes as they are, for requests no library would send; the answer is read with read_raw.
  outcome<void> send_raw(std::string_view bytes, milliseconds within);
  outcome<http_answer> read_raw(milliseconds within);
  void cut() { socket_.cut(); }
  void close();

private:
  outcome<http_answer> read_head(steady::time_point until);
  outcome<std::string> read_piece(steady::time_point until);

  endpoint to_;
  std::string token_;
  byte_socket socket_;
  std::string buffer_;
  bool chunked_ = false, until_close_ = false, ended_ = true, closes_ = false, head_only_ = false;
  std::size_t left_ = 0;
};

/// One object of a server-sent-events stream.
struct sse_event {
  std::string id, event, data;
};
/// Splits a byte stream into server-sent events; comments are counted.
class sse_parser {
public:
  void feed(std::string_view bytes, const std::function<void(const sse_event&)>& on_event);
  std::size_t comments = 0;

private:
  std::string buffer_;
  sse_event current_;
};

/// A live connection (WebSocket). Answers pings by itself; masks what it sends.
class live_client {
public:
  /// An empty token sends no Authorization header. A refused upgrade is a failure whose fact "status" is the
  /// HTTP status.
  static outcome<std::unique_ptr<live_client>> open(const endpoint& to, const std::string& token,
                                                    milliseconds within = milliseconds{5'000},
                                                    const std::string& target = "/api/v1/live",
                                                    const header_list& headers = {});

  outcome<void> send(std::string_view text) { return send_frame(1, text); }
  outcome<void> send_frame(unsigned opcode, std::string_view payload, bool masked = true, bool last = true);
  outcome<void> send_raw(std::string_view bytes);

  /// Hands every JSON object that arrives within `wait` to `on_object`; returns as soon as some have come.
  /// The result is their number; errc::gone once the connection is closed.
  outcome<std::size_t> poll(milliseconds wait, const std::function<void(std::string_view)>& on_object);
  /// Polls until `done` says so; false = it never did within the time or the connection closed.
  bool poll_until(milliseconds within, const std::function<void(const json&)>& on_object,
                  const std::function<bool()>& done);
  /// Sends a command and waits for its "ok" or "error"; everything else on the way goes to `on_other`.
  outcome<json> ask(std::string_view object, std::string_view id, milliseconds within,
                    const std::function<void(const json&)>& on_other = {});

  bool is_open() const noexcept { return socket_.is_open(); }
  /// What the server's close frame said; 0 = none came.
  unsigned close_code() const noexcept { return close_code_; }
  std::size_t messages() const noexcept { return messages_; }
  void cut() { socket_.cut(); }
  /// A polite close.
  void close();

private:
  byte_socket socket_;
  std::string buffer_, message_;
  unsigned close_code_ = 0;
  std::size_t messages_ = 0;
};

/// Header and masked payload of one client frame.
std::string client_frame(unsigned opcode, std::string_view payload, bool masked = true, bool last = true);

} // namespace fm::testing_support
