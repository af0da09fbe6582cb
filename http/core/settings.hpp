// The bounds of the edge, each with what happens when it is reached.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fm::http {

struct http_settings {
  std::string host = "127.0.0.1";
  std::uint16_t port = 8080;   ///< 0 = any free one
  bool next_free_port = false; ///< try the following ports when taken
  std::size_t io_threads = 1;
  std::size_t connections_max = 20'000;             ///< above: closed at once
  std::size_t header_bytes_max = 32U << 10;         ///< above: 431
  std::size_t body_bytes_max = 11U << 20;           ///< above: 413 before the body is read
  std::chrono::milliseconds header_timeout{10'000}; ///< from the first byte
  std::chrono::milliseconds body_timeout{60'000};
  std::chrono::milliseconds stream_idle{30'000};      ///< silence of a sender of a streamed body; then 408
  std::chrono::milliseconds stream_total{3'600'000}; ///< until a streamed body must have come; then 408
  std::chrono::milliseconds keep_alive{75'000};    ///< silence between two requests; then closed
  std::chrono::milliseconds write_timeout{60'000}; ///< no progress of an answer; then closed
  std::size_t target_bytes_max = 8U << 10;         ///< above: 414
  /// Requests of one connection that may be read ahead of their turn; further bytes stay in the kernel.
  std::size_t pipeline_max = 16;
  std::chrono::milliseconds request_deadline{30'000}; ///< then 504
  std::chrono::milliseconds query_deadline{120'000};
  std::chrono::milliseconds drain{10'000};
  std::size_t gzip_bytes_min = 1'024;
  std::size_t stream_bytes_max = 4U << 20; ///< waiting bytes of a streamed body; above: closed
  /// "https://app.example.org", "chrome-extension://*"; the server's own origin is always allowed.
  std::vector<std::string> allowed_origins;
  std::uint32_t requests_per_second = 100; ///< a person or address; above: 429
  std::uint32_t requests_burst = 400;
  std::uint32_t sign_ins_per_minute = 60; ///< an address
};

/// Whether `origin` may talk to a server reached as `host` (the Host header). '*' stands for any text without
/// '/'.
bool origin_allowed(std::string_view origin, std::string_view host, const std::vector<std::string>& allowed);

} // namespace fm::http
