// The actor puts into the queue; while something waits, one piece of work on the writer thread takes out, writes and answers.
#include "actors/stores/case_store_actor.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>

namespace fm {
namespace {

/// What the actor and the writer thread share.
struct writing {
  writing(store_settings settings, store_deps d)
      : deps(std::move(d)), queue(settings), commits(deps.metrics->get_counter("faultmaven_store_commits_total", "Case commits written")),
        batches(deps.metrics->get_counter("faultmaven_store_batches_total", "Transactions of the case store")),
        seconds(deps.metrics->get_histogram("faultmaven_store_batch_seconds", "Time of one transaction")) {}
  store_deps deps;
  commit_queue queue;
  counter& commits;
  counter& batches;
  histogram& seconds;

  /// On the writer thread, until nobody waits.
  void run() {
    while (auto b = queue.next()) {
      if (b->compaction) {
        (void)deps.store->compact(b->compaction->id, b->compaction->upto); // repeated on a later end of the case; nothing depends on it
        continue;
      }
      commits.add(static_cast<double>(b->commits.size()));
      batches.add();
      const auto from = std::chrono::steady_clock::now();
      auto results = deps.store->commit(b->commits);
      seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count());
      for (std::size_t i = 0; i < b->answers.size(); ++i)
        b->answers[i](i < results.size() ? std::move(results[i]) : outcome<sequence>{make_unavailable("The store gave no answer.")});
    }
  }
};
using writing_ptr = std::shared_ptr<writing>;

void start_writer(const writing_ptr& w) {
  if (w->deps.writer->submit([w] { w->run(); }))
    return;
  for (auto& c : w->queue.abandon())
    c.answer(make_unavailable("The store is shutting down."));
}

struct store_state {
  static inline const char* name = "case_store";
};
using store_pointer = case_store_actor::stateful_pointer<store_state>;

case_store_actor::behavior_type store_impl(store_pointer, store_settings settings, store_deps deps) {
  const auto w = std::make_shared<writing>(settings, std::move(deps));
  return {
      [w](commit_events& c) {
        switch (w->queue.push(c)) {
        case commit_queue::admission::refused: {
          auto f = make_failure(errc::overloaded, "The store has more work waiting than it may hold.");
          f.retry_after = std::chrono::seconds{1};
          return c.answer(std::move(f));
        }
        case commit_queue::admission::wants_writer: return start_writer(w);
        case commit_queue::admission::taken: break;
        }
      },
      [w](compact_case& c) {
        if (w->queue.push(c) == commit_queue::admission::wants_writer)
          start_writer(w);
      },
  };
}
} // namespace

case_store_actor spawn_case_store(caf::actor_system& system, store_settings settings, store_deps deps) {
  return system.spawn(store_impl, settings, std::move(deps));
}

} // namespace fm
