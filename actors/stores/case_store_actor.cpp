// One batch in flight, one queue behind it. Answers are given on the writer thread, right after the commit.
#include "actors/stores/case_store_actor.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <chrono>
#include <deque>
#include <vector>

namespace fm {
struct batch_written {};
} // namespace fm
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::batch_written)

namespace fm {
namespace {
using store_impl_actor = case_store_actor::extend<caf::reacts_to<batch_written>>;

struct store_state {
  store_settings settings;
  store_deps deps;
  std::deque<commit_events> waiting;
  std::deque<compact_case> compactions;
  bool writing = false;
  counter* commits = nullptr;
  counter* batches = nullptr;
  histogram* seconds = nullptr;
  static inline const char* name = "case_store";
};
using store_pointer = store_impl_actor::stateful_pointer<store_state>;

std::size_t weight(const case_commit& c) {
  std::size_t bytes = 256;
  for (auto& e : c.events) {
    if (auto* delta = std::get_if<turn_delta>(&e->data))
      bytes += delta->text.size();
    else if (auto* done_turn = std::get_if<turn_completed>(&e->data))
      bytes += done_turn->content.size();
    else if (auto* queued = std::get_if<turn_queued>(&e->data))
      bytes += queued->content.size();
    bytes += 200;
  }
  return bytes;
}

struct batch {
  std::vector<case_commit> commits;
  std::vector<reply<sequence>> answers;
};

void write_next(store_pointer self) {
  auto& st = self->state;
  if (st.writing)
    return;
  const auto me = caf::actor_cast<store_impl_actor>(self);
  if (st.waiting.empty()) {
    if (st.compactions.empty())
      return;
    const auto job = st.compactions.front();
    st.compactions.pop_front();
    st.writing = st.deps.writer->submit([me, job, store = st.deps.store] {
      (void)store->compact(job.id, job.upto); // repeated on a later end of the case; nothing depends on it
      caf::anon_send(me, batch_written{});
    });
    return;
  }
  auto b = std::make_shared<batch>();
  std::size_t bytes = 0;
  while (!st.waiting.empty() && b->commits.size() < st.settings.batch_max && bytes < st.settings.batch_bytes_max) {
    bytes += weight(st.waiting.front().commit);
    b->commits.push_back(std::move(st.waiting.front().commit));
    b->answers.push_back(std::move(st.waiting.front().answer));
    st.waiting.pop_front();
  }
  st.commits->add(static_cast<double>(b->commits.size()));
  st.batches->add();
  st.writing = st.deps.writer->submit([me, b, store = st.deps.store, seconds = st.seconds] {
    const auto from = std::chrono::steady_clock::now();
    auto results = store->commit(b->commits);
    seconds->observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count());
    for (std::size_t i = 0; i < b->answers.size(); ++i)
      b->answers[i](i < results.size() ? std::move(results[i])
                                       : outcome<sequence>{make_unavailable("The store gave no answer.")});
    caf::anon_send(me, batch_written{});
  });
  if (!st.writing)
    for (auto& answer : b->answers)
      answer(make_unavailable("The store is shutting down."));
}

store_impl_actor::behavior_type store_impl(store_pointer self, store_settings settings, store_deps deps) {
  auto& st = self->state;
  st.settings = settings;
  st.deps = std::move(deps);
  st.commits = &st.deps.metrics->get_counter("faultmaven_store_commits_total", "Case commits written");
  st.batches = &st.deps.metrics->get_counter("faultmaven_store_batches_total", "Transactions of the case store");
  st.seconds = &st.deps.metrics->get_histogram("faultmaven_store_batch_seconds", "Time of one transaction");
  return {
      [self](commit_events& c) {
        auto& st = self->state;
        if (st.waiting.size() >= st.settings.queue_max) {
          auto f = make_failure(errc::overloaded, "The store has more work waiting than it may hold.");
          f.retry_after = std::chrono::seconds{1};
          c.answer(std::move(f));
          return;
        }
        st.waiting.push_back(std::move(c));
        write_next(self);
      },
      [self](compact_case& c) {
        auto& st = self->state;
        if (st.compactions.size() < st.settings.queue_max)
          st.compactions.push_back(std::move(c));
        write_next(self);
      },
      [self](batch_written) {
        self->state.writing = false;
        write_next(self);
      },
  };
}
} // namespace

case_store_actor spawn_case_store(caf::actor_system& system, store_settings settings, store_deps deps) {
  return system.spawn(store_impl, settings, std::move(deps));
}

} // namespace fm
