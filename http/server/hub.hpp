// What all connections of a server share. No sockets: the pipeline works with this, and tests can.
#pragma once

#include "http/core/rate_limit.hpp"
#include "http/server/server.hpp"

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fm::http {

/// A connection as the server sees it from outside; but for the two named functions, on its I/O thread only.
struct connection {
  virtual ~connection() = default;
  virtual void start() = 0;
  /// The server is going down: a connection without a request closes, a stream ends, a request is finished.
  virtual void wind_up() = 0;
  virtual void close() = 0;
  /// Any thread: runs `work` on the connection's I/O thread.
  virtual void post(std::function<void()> work) = 0;
};

/// A file of the page, packed once.
struct asset {
  std::string_view bytes;
  std::string_view type;
  std::string etag;
  std::optional<std::string> gzipped;
};

struct hub {
  explicit hub(server_deps d);

  server_deps deps;
  std::map<std::string, asset, std::less<>> site;
  std::shared_ptr<upgrade_handler> live;
  std::atomic<bool> draining{false};
  std::atomic<bool> stopped{false}; ///< the I/O threads are gone: nothing is posted any more

  std::mutex limits_mutex;
  rate_limiter requests; ///< a person or an address
  rate_limiter sign_ins; ///< an address

  std::atomic<std::size_t> connections{0};
  gauge& connections_gauge;
  std::mutex connections_mutex;
  std::unordered_map<connection*, std::weak_ptr<connection>> open;
  std::condition_variable emptied; ///< with connections_mutex

  /// Those alive now.
  std::vector<std::shared_ptr<connection>> open_connections();
};
using hub_ptr = std::shared_ptr<hub>;

} // namespace fm::http
