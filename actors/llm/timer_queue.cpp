// An ordered map, a condition, a thread. The thread owns the core as well, so that the last handle may be
// dropped by a closure.
#include "actors/llm/timer_queue.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

namespace fm {

struct timer_queue::core {
  using steady = std::chrono::steady_clock;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<std::pair<steady::time_point, ticket>, std::function<void()>> waiting;
  std::map<ticket, steady::time_point> when;
  ticket last = 0;
  bool stopping = false;
  std::thread thread;

  void run() {
    std::unique_lock lock{mutex};
    while (!stopping) {
      if (waiting.empty()) {
        changed.wait(lock);
        continue;
      }
      const auto first = waiting.begin();
      const auto due = first->first.first;
      if (due > steady::now()) {
        changed.wait_until(lock, due);
        continue;
      }
      auto work = std::move(first->second);
      when.erase(first->first.second);
      waiting.erase(first);
      lock.unlock();
      work();
      work = nullptr; // may drop the last owner: not under the lock
      lock.lock();
    }
  }
};

timer_queue::timer_queue() : core_(std::make_shared<core>()) {
  core_->thread = std::thread{[c = core_] { c->run(); }};
}

timer_queue::~timer_queue() {
  std::map<std::pair<core::steady::time_point, ticket>, std::function<void()>> dropped;
  {
    std::lock_guard lock{core_->mutex};
    core_->stopping = true;
    dropped.swap(core_->waiting);
    core_->when.clear();
  }
  core_->changed.notify_all();
  if (core_->thread.get_id() == std::this_thread::get_id())
    core_->thread.detach();
  else
    core_->thread.join();
}

timer_queue::ticket timer_queue::after(std::chrono::milliseconds delay, std::function<void()> run) {
  ticket mine = 0;
  {
    std::lock_guard lock{core_->mutex};
    if (core_->stopping)
      return 0;
    mine = ++core_->last;
    const auto due = core::steady::now() + delay;
    core_->waiting.emplace(std::pair{due, mine}, std::move(run));
    core_->when.emplace(mine, due);
  }
  core_->changed.notify_all();
  return mine;
}

bool timer_queue::cancel(ticket which) {
  std::function<void()> dropped;
  std::lock_guard lock{core_->mutex};
  const auto found = core_->when.find(which);
  if (found == core_->when.end())
    return false;
  const auto at = core_->waiting.find({found->second, which});
  dropped = std::move(at->second);
  core_->waiting.erase(at);
  core_->when.erase(found);
  return true;
}

} // namespace fm
