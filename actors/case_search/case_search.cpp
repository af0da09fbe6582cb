// Which thread does it, and each case's files are indexed once at a time.
#include "actors/case_search/case_search.hpp"

#include "actors/support/run_on.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace fm {
namespace {
void index_behind(const std::shared_ptr<const case_search_actor_deps>& d, const case_id& id) {
  const bool taken = d->background->submit([d, id] {
    try {
      if (auto n = d->searcher->index(id); !n && n.error().code != errc::not_found)
        log::warn("case_search", "case=" + id.value + " is not indexed: " + n.error().detail);
    } catch (const std::exception& e) {
      log::error("case_search", "case=" + id.value + " is not indexed: " + e.what());
    }
  });
  if (!taken)
    log::warn("case_search", "case=" + id.value + " is indexed when somebody searches in it: too much work waits");
}

case_search_actor::behavior_type case_search_impl(case_search_actor::pointer, std::shared_ptr<const case_search_actor_deps> d) {
  return {
      [d](search_case& m) {
        run_on(d->work, "case_search", m.answer, [d, m] {
          auto page = d->searcher->search(m.in_case, m.query, [&](const case_file& f) { return may_read_raw(f, m.case_owner, m.who); });
          if (page && (page->files_waiting > 0 || page->by_words_only))
            index_behind(d, m.in_case);
          return page;
        });
      },
      [d](const index_case& m) { index_behind(d, m.id); },
  };
}
} // namespace

case_search_actor spawn_case_search(caf::actor_system& system, case_search_actor_deps deps) {
  return system.spawn(case_search_impl, std::make_shared<const case_search_actor_deps>(std::move(deps)));
}

} // namespace fm
