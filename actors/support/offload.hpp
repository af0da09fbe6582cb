// Blocking work away from actor and I/O threads: a bounded executor. A full queue says no at once.
#pragma once

#include "actors/support/courtesy.hpp"

#include <cstddef>
#include <functional>
#include <memory>

namespace fm {

/// Runs closures on its own threads. Thread-safe.
struct offload {
  virtual ~offload() = default;
  /// False when the queue is full or the executor has stopped; the closure is then not run and is destroyed
  /// by the caller. A closure must not throw.
  [[nodiscard]] virtual bool submit(std::function<void()> work) = 0;
  /// Finishes what is queued, then stops. Idempotent.
  virtual void stop() = 0;
};
using offload_ptr = std::shared_ptr<offload>;

/// background: the machine's other threads go first, and one processor is theirs alone when there are several.
enum class offload_priority { normal, background };
/// `threads` workers over one queue of at most `queue_max` closures; they work under `under` (courtesy.hpp), if given.
offload_ptr make_offload(std::size_t threads, std::size_t queue_max, offload_priority priority = offload_priority::normal,
                         courtesy_ptr under = {});
/// Runs everything at once on the calling thread: for deterministic tests.
offload_ptr make_inline_offload();

} // namespace fm
