// The registry's shell. deps.registry of the cases is this actor itself.
#include "actors/cases/case_registry.hpp"

#include "protocol/base/logging.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <deque>
#include <unordered_map>

namespace fm {
struct recover_cases {
  outcome<std::vector<case_id>> ids;
};
struct retry_case {
  case_id id;
};
struct retry_recovery {};
} // namespace fm
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::recover_cases)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::retry_case)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::retry_recovery)

namespace fm {
namespace {
using registry_impl_actor = case_parent_actor::extend<caf::reacts_to<recover_cases>, caf::reacts_to<retry_case>,
                                                      caf::reacts_to<retry_recovery>>;
using steady = std::chrono::steady_clock;
constexpr std::chrono::seconds recovery_pause{2};

/// What is remembered of a case that crashed, until a window passes without another crash.
struct trouble {
  std::deque<steady::time_point> crashes;
  steady::time_point not_before{};
  bool poisoned = false;
  bool scheduled = false;
};
/// Rare conditions of an entry, allocated only when there are any: an idle loaded case stays small.
struct entry {
  case_actor actor;
  bool retiring = false;
  std::unique_ptr<std::deque<case_command>> waiting;
};

struct watcher {
  principal who;
  std::weak_ptr<list_watcher> sink;
};

struct registry_state {
  registry_settings settings;
  case_settings_ptr case_settings_of_all;
  case_deps_ptr deps;
  std::unordered_map<case_id, entry> entries;
  std::unordered_map<caf::actor_addr, case_id> by_address;
  std::unordered_map<case_id, trouble> troubles;
  std::unordered_map<user_id, std::vector<watcher>> watchers;
  std::vector<watcher> watchers_of_all;
  gauge* loaded = nullptr;
  counter* crashes = nullptr;
  static inline const char* name = "case_registry";
};
using registry_pointer = registry_impl_actor::stateful_pointer<registry_state>;

failure overloaded() {
  auto f = make_failure(errc::overloaded, "Too many requests wait for this case; please try again.");
  f.retry_after = std::chrono::seconds{1};
  return f;
}

entry& activate(registry_pointer self, const case_id& id, bool fresh) {
  auto& st = self->state;
  auto& e = st.entries[id];
  if (!e.actor) {
    e.actor = spawn_case(self->system(), id, fresh, st.case_settings_of_all, st.deps);
    st.by_address[e.actor.address()] = id;
    self->monitor(e.actor);
    st.loaded->set(static_cast<double>(st.entries.size()));
  }
  return e;
}

/// Nothing when the case may be (re)built now; else how long to wait, or the refusal of a poisoned one.
outcome<std::chrono::milliseconds> delay_of(registry_pointer self, const case_id& id) {
  auto& st = self->state;
  const auto found = st.troubles.find(id);
  if (found == st.troubles.end())
    return std::chrono::milliseconds{0};
  auto& t = found->second;
  const auto now = self->clock().now();
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(t.not_before - now);
  if (t.poisoned && left.count() > 0)
    return make_unavailable("This case failed " + std::to_string(t.crashes.size()) +
                                " times within a minute and rests for a while; the log names the reason.",
                            left);
  t.poisoned = false;
  if (t.crashes.empty() || now - t.crashes.back() > st.settings.crash_window) {
    st.troubles.erase(found);
    return std::chrono::milliseconds{0};
  }
  return std::max(left, std::chrono::milliseconds{0});
}

void hold(entry& e, case_command command, std::size_t max) {
  if (!e.waiting)
    e.waiting = std::make_unique<std::deque<case_command>>();
  if (e.waiting->size() >= max)
    return refuse(command, overloaded());
  e.waiting->push_back(std::move(command));
}

void deliver(registry_pointer self, case_id id, case_command command) {
  auto& st = self->state;
  const bool fresh = std::holds_alternative<create_case>(command) && id.empty();
  if (fresh)
    id = case_id{random_id(*st.deps->random, "case_")};
  const auto found = st.entries.find(id);
  if (found != st.entries.end() && found->second.actor) {
    if (found->second.retiring)
      return hold(found->second, std::move(command), st.settings.waiting_max);
    caf::anon_send(found->second.actor, std::move(command));
    return;
  }
  if (std::holds_alternative<detach>(command) || std::holds_alternative<show_job>(command))
    return; // a case that is not loaded has no listeners
  if (id.empty() || id.value.size() > 64)
    return refuse(command, make_failure(errc::not_found, "There is no such case, or you have no access to it."));
  auto delay = delay_of(self, id);
  if (!delay)
    return refuse(command, delay.error());
  if (delay->count() > 0) {
    hold(st.entries[id], std::move(command), st.settings.waiting_max);
    auto& t = st.troubles[id];
    if (!t.scheduled) {
      t.scheduled = true;
      self->delayed_send(self, *delay, retry_case{id});
    }
    return;
  }
  caf::anon_send(activate(self, id, fresh).actor, std::move(command));
}

void release(registry_pointer self, const case_id& id) {
  auto& st = self->state;
  const auto found = st.entries.find(id);
  if (found == st.entries.end())
    return;
  auto waiting = std::move(found->second.waiting);
  if (!found->second.actor)
    st.entries.erase(found);
  if (waiting)
    for (auto& command : *waiting)
      deliver(self, id, std::move(command));
}

void on_down(registry_pointer self, const caf::down_msg& d) {
  auto& st = self->state;
  const auto known = st.by_address.find(d.source);
  if (known == st.by_address.end())
    return;
  const auto id = known->second;
  st.by_address.erase(known);
  if (const auto found = st.entries.find(id); found != st.entries.end()) {
    found->second.actor = case_actor{};
    found->second.retiring = false;
    if (!found->second.waiting)
      st.entries.erase(found);
  }
  st.loaded->set(static_cast<double>(st.entries.size()));
  if (d.reason && d.reason != caf::exit_reason::user_shutdown && d.reason != caf::exit_reason::unreachable) {
    st.crashes->add();
    auto& t = st.troubles[id];
    const auto now = self->clock().now();
    t.crashes.push_back(now);
    while (!t.crashes.empty() && now - t.crashes.front() > st.settings.crash_window)
      t.crashes.pop_front();
    auto wait = st.settings.backoff_first * (1U << std::min<std::size_t>(t.crashes.size() - 1, 10));
    t.poisoned = t.crashes.size() >= st.settings.crashes_max;
    t.not_before = now + (t.poisoned ? st.settings.crash_window : std::min(wait, st.settings.backoff_max));
    log::error("case_registry", "case=" + id.value + " crashes=" + std::to_string(t.crashes.size()) +
                                    (t.poisoned ? " poisoned" : ""));
    // It may have had work under way: it comes back by itself, not only when somebody asks.
    if (!t.scheduled) {
      t.scheduled = true;
      self->delayed_send(self, t.not_before - now, retry_case{id});
    }
  }
  release(self, id);
}

void tell_watchers(registry_pointer self, const case_changed& c) {
  auto& st = self->state;
  const auto tell = [&](std::vector<watcher>& list) {
    std::erase_if(list, [&](watcher& w) {
      if (auto sink = w.sink.lock()) {
        sink->on_case_changed(c.summary, c.deleted);
        return false;
      }
      return true;
    });
  };
  tell(st.watchers_of_all);
  for (auto& id : c.audience)
    if (auto found = st.watchers.find(id); found != st.watchers.end()) {
      tell(found->second);
      if (found->second.empty())
        st.watchers.erase(found);
    }
}

/// Asks the store which cases have work under way.
void start_recovery(registry_pointer self) {
  const auto me = caf::actor_cast<registry_impl_actor>(self);
  auto& st = self->state;
  const bool taken = st.deps->readers->submit([me, store = st.deps->store, limit = st.settings.recover_max] {
    caf::anon_send(me, recover_cases{store->with_unfinished_turns(limit)});
  });
  if (!taken)
    self->delayed_send(self, recovery_pause, retry_recovery{}); // the executor is full
}

registry_impl_actor::behavior_type registry_impl(registry_pointer self, registry_settings settings,
                                                 case_settings_ptr cases, case_deps deps) {
  auto& st = self->state;
  st.settings = settings;
  st.case_settings_of_all = std::move(cases);
  deps.registry = caf::actor_cast<case_parent_actor>(caf::actor_cast<registry_impl_actor>(self));
  st.loaded = &deps.metrics->get_gauge("faultmaven_cases_loaded", "Cases in memory");
  st.crashes = &deps.metrics->get_counter("faultmaven_case_crashes_total", "Case actors that crashed");
  st.deps = std::make_shared<const case_deps>(std::move(deps));
  self->set_down_handler([self](caf::down_msg& d) { on_down(self, d); });
  self->set_error_handler([self](caf::error& e) { self->quit(std::move(e)); });
  // The registry goes last among its cases: told to exit, it takes them along.
  self->set_exit_handler([self](caf::exit_msg& m) {
    for (auto& [id, e] : self->state.entries)
      if (e.actor)
        caf::anon_send_exit(e.actor, caf::exit_reason::user_shutdown);
    self->state.entries.clear();
    self->state.deps.reset();
    self->quit(std::move(m.reason));
  });

  start_recovery(self);

  return {
      [self](to_case& m) { deliver(self, std::move(m.id), std::move(m.command)); },
      [self](list_cases& m) {
        auto& st = self->state;
        auto query = m.query;
        query.viewer = m.who.user;
        query.everything = m.who.has(user_role::analyst) || m.who.has(user_role::admin);
        const bool taken = st.deps->readers->submit(
            [store = st.deps->store, query = std::move(query), answer = m.answer] { answer(store->list(query)); });
        if (!taken)
          m.answer(overloaded());
      },
      [self](watch_list& m) {
        auto& st = self->state;
        if (m.who.has(user_role::analyst) || m.who.has(user_role::admin)) {
          std::erase_if(st.watchers_of_all, [](auto& w) { return w.sink.expired(); });
          st.watchers_of_all.push_back({m.who, m.watcher});
        } else {
          auto& list = st.watchers[m.who.user];
          std::erase_if(list, [](auto& w) { return w.sink.expired(); });
          list.push_back({m.who, m.watcher});
        }
        m.answer(done);
      },
      [self](const case_changed& c) { tell_watchers(self, c); },
      [self](read_status& m) {
        auto& st = self->state;
        registry_status status;
        status.loaded_cases = st.entries.size();
        for (auto& [id, t] : st.troubles)
          status.poisoned_cases += t.poisoned;
        const bool taken = st.deps->readers->submit([store = st.deps->store, status, answer = m.answer]() mutable {
          const auto pong = store->ping();
          status.store_works = pong.has_value();
          if (!pong)
            status.store_detail = pong.error().detail;
          answer(std::move(status));
        });
        if (!taken) {
          status.store_detail = "The executor for store reads is full.";
          m.answer(std::move(status));
        }
      },
      [self](const case_idle& m) {
        auto& st = self->state;
        if (auto found = st.entries.find(m.id); found != st.entries.end() && found->second.actor) {
          found->second.retiring = true;
          caf::anon_send(found->second.actor, retire{});
        }
      },
      [self](const case_busy& m) {
        auto& st = self->state;
        if (auto found = st.entries.find(m.id); found != st.entries.end()) {
          found->second.retiring = false;
          release(self, m.id);
        }
      },
      [self](const recover_cases& m) {
        if (!m.ids) {
          log::error("case_registry", "recovery at start failed and is tried again: " + m.ids.error().detail);
          self->delayed_send(self, recovery_pause, retry_recovery{});
          return;
        }
        for (auto& id : *m.ids)
          activate(self, id, false);
        if (!m.ids->empty())
          log::info("case_registry", "woke " + std::to_string(m.ids->size()) + " cases with unfinished turns");
      },
      [self](const retry_recovery&) { start_recovery(self); },
      [self](const retry_case& m) {
        auto& st = self->state;
        if (auto t = st.troubles.find(m.id); t != st.troubles.end())
          t->second.scheduled = false;
        release(self, m.id);
        if (const auto found = st.entries.find(m.id); found != st.entries.end())
          return; // those who waited woke it, or wait for the next try
        if (const auto delay = delay_of(self, m.id); delay && delay->count() == 0) {
          activate(self, m.id, false);
        } else if (auto t = st.troubles.find(m.id); t != st.troubles.end()) {
          t->second.scheduled = true;
          self->delayed_send(self, delay ? *delay : delay.error().retry_after.value_or(st.settings.crash_window), retry_case{m.id});
        }
      },
  };
}
} // namespace

case_registry_actor spawn_case_registry(caf::actor_system& system, registry_settings settings,
                                        case_settings_ptr cases, case_deps deps) {
  return system.spawn(registry_impl, settings, std::move(cases), std::move(deps));
}

} // namespace fm
