// The HTTP server: what it needs, how it is started, drained and stopped. The socket library stays in
// server.cpp.
#pragma once

#include "http/core/router.hpp"
#include "http/core/settings.hpp"
#include "protocol/base/metrics.hpp"
#include "protocol/base/random.hpp"
#include "protocol/messages/identity_actor.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace fm::http {

struct upgrade_handler;

/// A file of the web page; the bytes outlive the server.
struct site_file {
  std::string path; ///< "/index.html", "/assets/index-1a2b3c.js"
  std::string_view bytes;
};

struct server_deps {
  identity_actor identity; ///< authenticates and keeps idempotency records
  metrics_ptr metrics;
  random_ptr random;
  http_settings settings;
  std::shared_ptr<const router> routes;
  std::vector<site_file> site; ///< empty = no web page
  /// Makes what takes over upgrades of GET /api/v1/live; null = they answer 404. The contexts run one thread
  /// each.
  std::function<std::shared_ptr<upgrade_handler>(const std::vector<boost::asio::io_context*>&)> make_live;
};

class server {
public:
  virtual ~server() = default;            ///< closes what is left and joins the threads
  virtual std::uint16_t port() const = 0; ///< the one really bound
  /// Stops accepting, closes live connections, lets requests under way end. Blocks, at most settings.drain.
  virtual void drain() = 0;
};

/// Listens when it returns; unavailable when the address cannot be bound.
outcome<std::unique_ptr<server>> start_server(server_deps deps);

} // namespace fm::http
