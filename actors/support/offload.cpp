// A mutex, a queue, a condition: blocking work is slow enough not to need more.
#include "actors/support/offload.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fm {
namespace {
/// The machine's other threads go before the calling one, and one processor is left to them alone. What the system refuses is done without.
void step_behind() {
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), 19); // of this thread alone, on Linux
  cpu_set_t allowed;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0 || CPU_COUNT(&allowed) < 2)
    return;
  std::size_t first = 0;
  while (!CPU_ISSET(first, &allowed))
    ++first;
  CPU_CLR(first, &allowed);
  (void)::sched_setaffinity(0, sizeof allowed, &allowed);
}

class pool final : public offload {
public:
  pool(std::size_t threads, std::size_t queue_max, offload_priority priority, const courtesy_ptr& under) : queue_max_(queue_max) {
    for (std::size_t i = 0; i < threads; ++i)
      threads_.emplace_back([this, priority, under] {
        if (priority == offload_priority::background)
          step_behind();
        work_under(under);
        run();
      });
  }
  ~pool() override { stop(); }

  bool submit(std::function<void()> work) override {
    {
      std::lock_guard lock{mutex_};
      if (stopping_ || queue_.size() >= queue_max_)
        return false;
      queue_.push_back(std::move(work));
    }
    ready_.notify_one();
    return true;
  }

  void stop() override {
    {
      std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    ready_.notify_all();
    for (auto& t : threads_)
      if (t.joinable() && t.get_id() != std::this_thread::get_id())
        t.join();
  }

private:
  void run() {
    for (;;) {
      std::function<void()> work;
      {
        std::unique_lock lock{mutex_};
        ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (queue_.empty())
          return;
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work();
      work = {};
      make_way();
    }
  }

  const std::size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> queue_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

struct inline_offload final : offload {
  bool submit(std::function<void()> work) override {
    work();
    return true;
  }
  void stop() override {}
};
} // namespace

offload_ptr make_offload(std::size_t threads, std::size_t queue_max, offload_priority priority, courtesy_ptr under) {
  return std::make_shared<pool>(threads, queue_max, priority, under);
}
offload_ptr make_inline_offload() { return std::make_shared<inline_offload>(); }

} // namespace fm
