// One look at a time; who asks while it lasts waits in order.
#include "actors/likeness/likeness.hpp"

#include "protocol/base/logging.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <deque>

namespace fm {
namespace {
struct likeness_state {
  likeness_state() = default; // not an aggregate: CAF would try to make it from the actor pointer
  likeness_settings settings;
  likeness_deps deps;
  std::shared_ptr<const likeness_finder> finder;
  std::deque<case_id> waiting;
  bool busy = false;
  static inline const char* name = "likeness";
};
using likeness_pointer = likeness_actor::stateful_pointer<likeness_state>;

void next(likeness_pointer self) {
  auto& st = self->state;
  if (st.busy || st.waiting.empty())
    return;
  const auto id = st.waiting.front();
  const auto me = caf::actor_cast<likeness_actor>(self);
  const auto over = [me, id] { caf::anon_send(me, likeness_looked{id}); };
  const bool taken = st.deps.work->submit([id, over, finder = st.finder, registry = st.deps.registry] {
    try {
      auto note = finder->look(id);
      if (note && *note) {
        // The next look waits for the answer, so that it knows what this one told.
        (*note)->answer = reply<message>{[id, over](outcome<message> r) {
          if (!r)
            log::warn("likeness", "case=" + id.value + " was not told: " + r.error().detail);
          over();
        }};
        caf::anon_send(registry, to_case{id, case_command{std::move(**note)}});
        return;
      }
      if (!note && note.error().code != errc::not_found)
        log::warn("likeness", "case=" + id.value + " could not be looked at: " + note.error().detail);
    } catch (const std::exception& e) {
      log::error("likeness", "case=" + id.value + " could not be looked at: " + e.what());
    }
    over();
  });
  st.waiting.pop_front();
  st.busy = taken;
  if (!taken)
    log::warn("likeness", "case=" + id.value + " is not looked at now: too much work waits");
}

likeness_actor::behavior_type likeness_impl(likeness_pointer self, likeness_settings settings, likeness_deps deps) {
  auto& st = self->state;
  st.settings = settings;
  st.deps = deps;
  st.finder = std::make_shared<const likeness_finder>(settings, std::move(deps));
  return {
      [self](const look_for_likeness& m) {
        auto& st = self->state;
        if (std::find(st.waiting.begin(), st.waiting.end(), m.in_case) != st.waiting.end())
          return;
        if (st.waiting.size() >= st.settings.waiting_max)
          return log::warn("likeness", "case=" + m.in_case.value + " is not looked at now: too many wait");
        st.waiting.push_back(m.in_case);
        next(self);
      },
      [self](const likeness_looked&) {
        self->state.busy = false;
        next(self);
      },
  };
}

/// Hears of every case; the first question of one is its start.
struct start_watcher final : list_watcher {
  explicit start_watcher(likeness_actor to) : to_(std::move(to)) {}
  void on_case_changed(const std::shared_ptr<const case_summary>& summary, bool deleted) noexcept override {
    if (!deleted && summary->current_turn == 1)
      caf::anon_send(to_, look_for_likeness{summary->id});
  }
  likeness_actor to_;
};
} // namespace

likeness_service spawn_likeness(caf::actor_system& system, likeness_settings settings, likeness_deps deps) {
  likeness_service out;
  const auto registry = deps.registry;
  out.actor = system.spawn(likeness_impl, settings, std::move(deps));
  out.watcher = std::make_shared<start_watcher>(out.actor);
  principal all;
  all.name = "FaultMaven";
  all.roles = {user_role::admin};
  caf::anon_send(registry, watch_list{all, out.watcher, reply<done_t>{[](outcome<done_t> r) {
                                        if (!r)
                                          log::warn("likeness", "new cases are not heard of: " + r.error().detail);
                                      }}});
  return out;
}

} // namespace fm
