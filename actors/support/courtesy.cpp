// A leaky bucket in the currency of the threads' own processor clocks.
#include "actors/support/courtesy.hpp"

#include <algorithm>
#include <thread>
#include <utility>

#include <time.h>

namespace fm {
namespace {
constexpr std::chrono::nanoseconds least{1'000'000}; ///< below that it is not worth a sleep
constexpr std::chrono::milliseconds longest{1'000}, look_every{20};

std::chrono::nanoseconds processor_time() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds{t.tv_sec} + std::chrono::nanoseconds{t.tv_nsec};
}

struct account {
  courtesy_ptr under;
  std::chrono::nanoseconds charged{0};
};
account& mine() {
  thread_local account a;
  return a;
}
} // namespace

std::optional<double> share_beside(double answers, double percent) {
  constexpr double named = 50, least_share = 0.005, most_share = 0.5;
  if (answers < 1)
    return std::nullopt;
  return std::clamp(percent / 100 * named / answers, least_share, most_share);
}

void courtesy::charge(std::chrono::nanoseconds used) {
  const auto share = share_();
  if (!share)
    return;
  const auto now = steady::now();
  auto until = now;
  {
    std::lock_guard lock{mutex_};
    const auto period = std::chrono::duration_cast<steady::duration>(used / *share);
    free_at_ = std::min(std::max(free_at_, now - used) + period, now + longest);
    until = free_at_;
  }
  for (auto at = now; at < until && share_(); at = steady::now())
    std::this_thread::sleep_until(std::min(until, at + look_every));
}

void work_under(courtesy_ptr c) {
  mine().under = std::move(c);
  mine().charged = processor_time();
}

void make_way() {
  auto& a = mine();
  if (!a.under)
    return;
  const auto now = processor_time();
  if (now - a.charged < least)
    return;
  a.under->charge(now - std::exchange(a.charged, now));
}

} // namespace fm
