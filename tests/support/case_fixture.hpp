// A whole case side in one thread of virtual time: registry, cases, store actor and a scripted model over an
// in-memory store. Everything runs when the test says so; nothing sleeps.
#pragma once

#include "actors/cases/case_registry.hpp"
#include "actors/stores/case_store_actor.hpp"
#include "storage/factory/factory.hpp"
#include "tests/support/faulty_case_store.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <map>
#include <optional>

namespace fm::testing_support {

/// A clock that a test turns.
struct manual_clock final : clock_source {
  std::atomic<std::int64_t> ms{1'700'000'000'000};
  timestamp now() const override { return timestamp{std::chrono::milliseconds{ms.load()}}; }
};

/// A model under the test's thumb: calls wait until the test lets them speak.
struct scripted_provider final : chat_provider {
  struct call final : chat_call {
    chat_request request;
    chat_events events;
    bool cancelled = false;
    void cancel() override { cancelled = true; }
  };
  std::vector<std::shared_ptr<call>> calls;
  std::shared_ptr<chat_call> start(chat_request request, chat_events events) override {
    auto c = std::make_shared<call>();
    c->request = std::move(request);
    c->events = std::move(events);
    calls.push_back(c);
    return c;
  }
  std::string name() const override { return "scripted"; }
  bool local() const override { return true; }
};

/// Collects what a listener is told.
struct recording_subscriber final : subscriber {
  std::vector<case_event_ptr> events;
  int removed = 0, lost = 0, presences = 0;
  std::vector<presence_entry> last_presence;
  void on_event(const shared_event_ptr& e) noexcept override { events.push_back(e->event); }
  void on_presence(const case_id&, const presence_list& who) noexcept override {
    ++presences;
    last_presence = *who;
  }
  void on_removed(const case_id&) noexcept override { ++removed; }
  void on_lost(const case_id&) noexcept override { ++lost; }
  std::vector<std::string> kinds() const {
    std::vector<std::string> k;
    for (auto& e : events)
      k.emplace_back(kind_of(e->data));
    return k;
  }
};

/// One life of the actor side over a store that survives it.
struct case_world {
  struct config : caf::actor_system_config {
    config() { set("scheduler.policy", caf::atom("testing")); }
  };

  explicit case_world(std::shared_ptr<faulty_case_store> over, std::shared_ptr<manual_clock> time, std::uint64_t seed = 1,
                      case_settings cases = {})
      : store(std::move(over)), clock(std::move(time)), system(config_),
        scheduler(dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler())) {
    const auto offloaded = make_inline_offload();
    provider = std::make_shared<scripted_provider>();
    writer = spawn_case_store(system, {}, {store, offloaded, metrics_});
    case_deps deps;
    deps.writer = writer;
    deps.store = store;
    deps.readers = offloaded;
    deps.run = {store, offloaded, offloaded, provider, {}};
    deps.clock = clock;
    deps.random = seeded_random(seed);
    deps.metrics = metrics_;
    registry = spawn_case_registry(system, {}, std::make_shared<const case_settings>(cases), std::move(deps));
    run();
  }
  ~case_world() { stop(); }

  /// Everything ends as if the process had been killed: no message is delivered any more.
  void stop() {
    if (stopped)
      return;
    stopped = true;
    provider->calls.clear();
    caf::anon_send_exit(registry, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(writer, caf::exit_reason::user_shutdown);
    registry = case_registry_actor{};
    writer = case_store_actor{};
    scheduler.run();
    while (scheduler.has_pending_timeout())
      scheduler.trigger_timeouts();
    scheduler.run();
  }

  void run() { scheduler.run(); }
  void advance(std::chrono::milliseconds by) {
    clock->ms += by.count();
    scheduler.advance_time(by);
    scheduler.run();
  }

  /// Sends a command and runs until it is answered.
  template <class Command, class T>
  outcome<T> ask(const case_id& id, Command command, reply<T> Command::* answer) {
    auto result = std::make_shared<std::optional<outcome<T>>>();
    command.*answer = reply<T>{[result](outcome<T> r) { *result = std::move(r); }};
    caf::anon_send(registry, to_case{id, std::move(command)});
    run();
    for (int i = 0; i < 200 && !*result; ++i)
      advance(std::chrono::milliseconds{100});
    if (!*result)
      return make_failure(errc::timed_out, "no answer");
    return std::move(**result);
  }
  template <class Command>
  auto ask(const case_id& id, Command command) {
    return ask(id, std::move(command), &Command::answer);
  }

  std::shared_ptr<faulty_case_store> store;
  std::shared_ptr<manual_clock> clock;
  metrics_ptr metrics_ = std::make_shared<metrics>();
  config config_;
  caf::actor_system system;
  caf::scheduler::test_coordinator& scheduler;
  std::shared_ptr<scripted_provider> provider;
  case_store_actor writer;
  case_registry_actor registry;
  bool stopped = false;
};

inline std::shared_ptr<faulty_case_store> fresh_store() {
  auto opened = open_storage(all_in_memory());
  return std::make_shared<faulty_case_store>(opened.value().cases);
}

} // namespace fm::testing_support
