// Requests that listen to a case over plain HTTP (server-sent events, long-polls), where the endpoint's clock and
// revocations reach them. Thread-safe.
#pragma once

#include "protocol/base/ids.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace fm::http {

struct http_listener {
  virtual ~http_listener() = default;
  /// Once a second, on some I/O thread; `beat` when it is this listener's turn to show that it is alive.
  virtual void tick(bool beat) = 0;
  virtual bool is_of(const std::string& token_id) const = 0;
  virtual bool is_of(const user_id& id) const = 0;
  virtual void end() = 0;
};

class event_streams {
public:
  void add(std::weak_ptr<http_listener> listener) {
    std::lock_guard lock{mutex_};
    listeners_.push_back(std::move(listener));
  }
  void tick(std::uint32_t now, std::uint32_t beat_every) {
    std::uint32_t n = 0;
    for (auto& l : all())
      l->tick(++n % beat_every == now % beat_every);
  }
  template <class Who>
  void end_of(const Who& who) {
    for (auto& l : all())
      if (l->is_of(who))
        l->end();
  }
  void end_all() {
    for (auto& l : all())
      l->end();
  }

private:
  std::vector<std::shared_ptr<http_listener>> all() {
    std::vector<std::shared_ptr<http_listener>> now;
    std::lock_guard lock{mutex_};
    now.reserve(listeners_.size());
    std::erase_if(listeners_, [&](auto& weak) {
      auto strong = weak.lock();
      const bool gone = !strong;
      if (strong)
        now.push_back(std::move(strong));
      return gone;
    });
    return now;
  }
  std::mutex mutex_;
  std::vector<std::weak_ptr<http_listener>> listeners_;
};

} // namespace fm::http
