// Background work that steps back while people wait: analysis, indexing and comparing share a part of one processor's time as
// long as answers stream. A low priority alone does not do that. Where two processors are two halves of one core, what runs on
// the other half slows every thread beside it, and a commit of words passes through half a dozen of them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace fm {

/// What background work may use of all processors together (0 to 1) beside `answers` that stream to each processor: `percent`
/// of a hundred at fifty, in inverse proportion, between a two-hundredth and a half. Nothing: as much as it likes, for below
/// one answer a processor nobody is kept waiting.
std::optional<double> share_beside(double answers, double percent);

/// A budget of processor time that threads draw from together. Thread-safe.
class courtesy {
public:
  /// `share`: of one processor (> 0) at this moment; nothing = without bound. Cheap and thread-safe.
  explicit courtesy(std::function<std::optional<double>()> share) : share_(std::move(share)) {}
  /// Charges `used` of processor time; sleeps until the share allows going on, or there is no bound any more. Never longer than a second:
  /// work goes on, however slowly, and whoever waits for a lock of a sleeper waits no longer either.
  void charge(std::chrono::nanoseconds used);

private:
  using steady = std::chrono::steady_clock;
  const std::function<std::optional<double>()> share_;
  std::mutex mutex_;
  steady::time_point free_at_{};
};
using courtesy_ptr = std::shared_ptr<courtesy>;

/// The calling thread works under `c` from here on (null: under none).
void work_under(courtesy_ptr c);
/// A place where background work may be kept waiting; nothing on a thread that works under no courtesy.
void make_way();

} // namespace fm
