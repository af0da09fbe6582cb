// A few timers on one thread: back-off and first-word deadlines of model calls. Closures run on that thread,
// must be short, and are not run after cancel() of theirs returned true.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace fm {

class timer_queue {
public:
  using ticket = std::uint64_t; ///< 0 = none

  timer_queue();
  ~timer_queue(); ///< waiting closures are dropped
  timer_queue(const timer_queue&) = delete;
  timer_queue& operator=(const timer_queue&) = delete;

  ticket after(std::chrono::milliseconds delay, std::function<void()> run);
  /// Whether it was still waiting.
  bool cancel(ticket which);

private:
  struct core;
  std::shared_ptr<core> core_;
};

} // namespace fm
