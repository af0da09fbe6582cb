// The outgoing HTTP client: libcurl's multi interface on one thread of its own.
//
// Promises: never blocks a caller; TLS certificates and names are verified; HTTP/1.1 and 2, kept connections
// are reused; redirects are not followed; http_proxy, https_proxy and no_proxy are honoured (this
// machine never goes through a proxy). cancel() closes
// the connection at once. Above calls_max the call ends with errc::overloaded.
//   unavailable: could not resolve, connect, or the connection broke · timed_out: a deadline passed ·
//   too_large: head or body limit · gone: cancelled or client destroyed · invalid: not an http(s) URL
#pragma once

#include "protocol/base/http_client.hpp"

#include <cstddef>
#include <string>

namespace fm {

struct curl_settings {
  std::size_t calls_max = 256;            ///< running at once; above: overloaded
  std::size_t connections_kept_max = 32;  ///< idle connections kept for reuse
  std::size_t head_bytes_max = 64U << 10; ///< of a response
  std::string user_agent = "faultmaven";
  std::string ca_file; ///< empty = the system's certificates
};

http_client_ptr make_curl_client(curl_settings settings);

} // namespace fm
