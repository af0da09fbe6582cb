// One request and its answer, without a socket in sight: what handlers work with.
#pragma once

#include "protocol/base/failure.hpp"
#include "protocol/messages/identity_actor.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fm::http {

struct request {
  std::string method;
  std::string path;   ///< decoded, without query, without trailing slash
  std::string target; ///< as it came
  std::map<std::string, std::string> query;
  std::map<std::string, std::string> headers; ///< names in lower case
  std::map<std::string, std::string> params;  ///< {case_id} of the route
  std::string body; ///< empty where the route takes it as a stream
  std::optional<std::uint64_t> body_bytes; ///< of a streamed body, as the client announced it; nothing = it did not
  std::string request_id;
  std::string remote;
  std::optional<authenticated> auth;
  std::string route; ///< pattern of the matched route; empty = none

  std::string_view header(std::string_view name) const {
    const auto found = headers.find(std::string{name});
    return found == headers.end() ? std::string_view{} : std::string_view{found->second};
  }
  std::string_view param(std::string_view name) const {
    const auto found = params.find(std::string{name});
    return found == params.end() ? std::string_view{} : std::string_view{found->second};
  }
  std::optional<std::string> asked(std::string_view name) const {
    const auto found = query.find(std::string{name});
    return found == query.end() ? std::nullopt : std::optional{found->second};
  }
};

struct response {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  /// Bytes that outlive the process's server (embedded files): sent instead of `body`, never copied.
  std::string_view fixed_body;
  /// Of a body that is streamed: its length, when it is known. An end before it tells the client that something is missing.
  std::optional<std::uint64_t> stream_bytes;

  response& with(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
    return *this;
  }
};

/// A body that goes on (server-sent events). Thread-safe.
struct body_stream {
  virtual ~body_stream() = default;
  /// False when the client is gone or more than the allowed bytes are waiting.
  virtual bool write(std::string piece) = 0;
  virtual void finish() = 0;
  /// Bytes that wait to be sent.
  virtual std::size_t waiting() const = 0;
};
using body_stream_ptr = std::shared_ptr<body_stream>;

/// The next bytes of a streamed request body; none at its end; a failure when no more will come (the client is gone, or
/// was told why).
using body_taker = std::function<void(outcome<std::string>)>;

/// A request under way. Exactly one of respond() and stream() counts; later calls are ignored. Thread-safe.
class exchange {
public:
  virtual ~exchange() = default;
  request in;
  virtual void respond(response r) = 0;
  /// `closed` is called once when the client goes away or the stream is finished; `drained` when nothing
  /// waits.
  virtual body_stream_ptr stream(response head, std::function<void()> closed,
                                 std::function<void()> drained) = 0;
  /// More time than the usual request deadline (queries, long polls).
  virtual void extend_deadline(std::chrono::milliseconds total) = 0;
  /// The next piece of the body of a route that streams it, at most 128 KiB. `then` is called once, on the connection's I/O
  /// thread. Nothing is read ahead: a sender waits until it is asked for more. One call at a time. What came before a
  /// fault is given before the fault is told.
  virtual void read_body(body_taker then) = 0;
  /// Goes on when the request's Idempotency-Key, if it has one, is new for a request of this `content` (what was streamed,
  /// in a few words); else answers as every route does. For routes that stream their body; once.
  virtual void claim_key(std::string_view content, std::function<void()> go_on) = 0;
  /// Runs `work` on the connection's I/O thread: where answers of actors are turned into JSON.
  virtual void post(std::function<void()> work) { work(); }

  /// Answers with `r` when nothing else has answered by then. Replaces the deadline.
  virtual void respond_after(std::chrono::milliseconds in, response r) = 0;

  void fail(const failure& f);
};
using exchange_ptr = std::shared_ptr<exchange>;

/// The one mapping from a failure to HTTP: status, x-error-code, Retry-After, body.
response failure_response(const failure& f, std::string_view request_id);

} // namespace fm::http
