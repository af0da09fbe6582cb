// One HTTP call, waited for: for code on the bounded executor, which may block. The client's own timeouts end it.
#pragma once

#include "protocol/base/http_client.hpp"

#include <condition_variable>
#include <mutex>

namespace fm {

struct http_result {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers; ///< names in lower case
  std::string body;
  std::string header(std::string_view name) const {
    for (auto& [n, v] : headers)
      if (n == name)
        return v;
    return {};
  }
};

/// The whole answer, whatever its status; a failure when there was none.
inline outcome<http_result> http_call_and_wait(http_client& client, http_request request) {
  struct waiting {
    std::mutex mutex;
    std::condition_variable changed;
    http_result got;
    std::optional<failure> broken;
    bool ended = false;
  };
  auto w = std::make_shared<waiting>();
  http_events events;
  events.on_head = [w](const http_response_head& head) {
    w->got.status = head.status;
    w->got.headers = head.headers;
  };
  events.on_body = [w](std::string_view piece) { w->got.body.append(piece); };
  events.on_end = [w](outcome<void> r) {
    std::lock_guard lock{w->mutex};
    if (!r)
      w->broken = r.error();
    w->ended = true;
    w->changed.notify_all();
  };
  const auto running = client.start(std::move(request), std::move(events));
  std::unique_lock lock{w->mutex};
  w->changed.wait(lock, [&] { return w->ended; });
  if (w->broken)
    return *w->broken;
  return std::move(w->got);
}

} // namespace fm
