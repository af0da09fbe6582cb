// Every answer is at hand: nothing here blocks.
#include "actors/support/jobs.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace fm {
namespace {
jobs_actor::behavior_type jobs_impl(jobs_actor::pointer, job_book_ptr book) {
  return {
      [book](list_jobs& m) { m.answer(book->list(m.who, m.query)); },
      [book](read_job& m) { m.answer(book->find(m.who, m.id)); },
      [book](drop_job& m) { m.answer(book->drop(m.who, m.id)); },
  };
}
} // namespace

jobs_actor spawn_jobs(caf::actor_system& system, job_book_ptr book) { return system.spawn(jobs_impl, std::move(book)); }

} // namespace fm
