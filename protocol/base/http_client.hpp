// The port of the one outgoing HTTP client (models, vector and object stores, identity providers).
// Anything that speaks HTTP outwards takes an http_client& and never sees the library behind it.
#pragma once

#include "protocol/base/failure.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fm {

struct http_request {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  /// AWS signature version 4: "aws:amz:REGION:SERVICE"; empty = not signed. Queries must be sorted and encoded.
  std::string aws_sigv4;
  std::string aws_access_key, aws_secret_key;
  std::chrono::milliseconds connect_timeout{5'000};
  /// From start to the last byte.
  std::chrono::milliseconds total_timeout{60'000};
  /// Longest silence while the body arrives; 0 = only the total counts.
  std::chrono::milliseconds idle_timeout{0};
  /// More body than this ends the call with errc::too_large.
  std::size_t response_bytes_max = 64U << 20;
};

struct http_response_head {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers; ///< names in lower case
};

/// Callbacks of one call, invoked on the client's own thread, in order: on_head once, on_body any number of
/// times, on_end exactly once (with the failure that ended it, or success). They must not block.
struct http_events {
  std::function<void(const http_response_head&)> on_head;
  std::function<void(std::string_view)> on_body;
  std::function<void(outcome<void>)> on_end;
};

/// A running call. cancel() is thread-safe, idempotent and closes the connection; on_end then reports
/// errc::gone. Dropping the handle does not cancel.
struct http_call {
  virtual ~http_call() = default;
  virtual void cancel() = 0;
};
using http_call_ptr = std::shared_ptr<http_call>;

/// Thread-safe. Does not retry: only the caller knows what may be repeated.
struct http_client {
  virtual ~http_client() = default;
  virtual http_call_ptr start(http_request request, http_events events) = 0;
};
using http_client_ptr = std::shared_ptr<http_client>;

} // namespace fm
