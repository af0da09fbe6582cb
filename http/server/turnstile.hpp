// One after the other on an I/O thread: hundreds of uploads whose bytes lie ready at once are read one piece a round of the
// thread's loop, so that what streams to people goes out in between.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>

#include <deque>
#include <functional>

namespace fm::http {

/// Of one I/O thread, and touched by it alone.
class turnstile {
public:
  /// The calling I/O thread's.
  static turnstile& of_this_thread() {
    thread_local turnstile t;
    return t;
  }
  /// Runs `work` in a later handler, behind all that came before it and at most one a round; `on` is of this thread.
  void pass(const boost::asio::any_io_executor& on, std::function<void()> work) {
    waiting_.push_back({on, std::move(work)});
    if (waiting_.size() == 1)
      schedule();
  }

private:
  struct waiter {
    boost::asio::any_io_executor on;
    std::function<void()> work;
  };
  void schedule() {
    boost::asio::post(waiting_.front().on, [this] {
      auto next = std::move(waiting_.front());
      next.work(); // may pass again: behind the others
      waiting_.pop_front();
      if (!waiting_.empty())
        schedule();
    });
  }
  std::deque<waiter> waiting_; ///< the first is on its way
};

} // namespace fm::http
