// One long-lived actor per case: takes commands in order, asks the pure core, commits, and only then changes its
// state, answers and tells subscribers. Made and supervised by the registry; loads itself.
//
//   registry ── case_command ──► case ── commit_events ──► case store
//                                 case ◄── commit_done ───
//                                 case ── spawn ──► turn runner ── run_text, run_finished ──► case
//   registry ◄── case_idle ── case      registry ── retire ──► case ── case_retired | case_busy ──► registry
#pragma once

#include "actors/agent/turn_runner.hpp"
#include "actors/cases/case_lifecycle.hpp"
#include "protocol/base/metrics.hpp"
#include "protocol/messages/case_registry_actor.hpp"
#include "protocol/messages/case_store_actor.hpp"

#include <caf/actor_system.hpp>

#include <atomic>
#include <chrono>

namespace fm {

struct case_settings {
  case_rules rules;
  std::chrono::milliseconds idle{std::chrono::minutes{10}}; ///< no subscriber, no turn: goodbye
  std::chrono::milliseconds delta_window{25};               ///< text is committed at least this far apart
  std::size_t delta_bytes = 32U << 10;                      ///< … or when this much is waiting
  std::chrono::milliseconds compact_after{std::chrono::seconds{60}};
  std::size_t commands_waiting_max = 1'000; ///< a case's own queue; above: overloaded
  std::size_t subscribers_max = 5'000;      ///< listeners of one case; above: overloaded
  std::size_t waiters_max = 1'000;          ///< await_turn in a case; above: overloaded
  std::chrono::milliseconds commit_retry{500}; ///< when the store cannot write and text is waiting
};

/// The case has nothing to do and would like to go.
struct case_idle {
  case_id id;
};
/// Registry → case: go, unless something came up.
struct retire {};
/// Case → registry: answers to retire.
struct case_busy {
  case_id id;
};

/// What a case tells the registry besides its public messages.
using case_parent_actor =
    case_registry_actor::extend<caf::reacts_to<case_idle>, caf::reacts_to<case_busy>>;

// What a case says to itself.
struct loaded {
  outcome<loaded_case> what;
};
struct lookup_done {
  std::uint64_t ticket = 0;
  outcome<turn> found;       ///< of a command about a turn
  outcome<std::uint64_t> open_cases; ///< of create_case
  std::string first_question;        ///< of make_title
};
struct commit_done {
  outcome<sequence> result;
};
struct snapshot_read {
  std::uint64_t ticket = 0;
  outcome<message_page> messages;
};
struct flush_tick {};
struct idle_tick {};
struct presence_tick {};
struct compact_tick {};

using case_actor =
    caf::typed_actor<caf::reacts_to<case_command>, caf::reacts_to<retire>, caf::reacts_to<run_text>,
                     caf::reacts_to<run_finished>, caf::reacts_to<loaded>, caf::reacts_to<lookup_done>,
                     caf::reacts_to<commit_done>, caf::reacts_to<snapshot_read>, caf::reacts_to<flush_tick>,
                     caf::reacts_to<idle_tick>, caf::reacts_to<presence_tick>, caf::reacts_to<compact_tick>>;

struct case_deps {
  case_parent_actor registry;
  case_store_actor writer;
  case_store_ptr store; ///< reads only
  offload_ptr readers;
  run_deps run;
  clock_ptr clock;
  random_ptr random;
  metrics_ptr metrics;
  /// How many turns run in all cases; a server that stops waits a moment for it to reach zero.
  std::shared_ptr<std::atomic<std::int64_t>> running_turns = std::make_shared<std::atomic<std::int64_t>>(0);
};

using case_settings_ptr = std::shared_ptr<const case_settings>;
using case_deps_ptr = std::shared_ptr<const case_deps>;

/// `fresh` = the id was just made: there is nothing to load and the first command is create_case.
case_actor spawn_case(caf::actor_system& system, case_id id, bool fresh, case_settings_ptr settings,
                      case_deps_ptr deps);

} // namespace fm

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::case_idle)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::retire)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::case_busy)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::loaded)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::lookup_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::commit_done)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::snapshot_read)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::flush_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::idle_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::presence_tick)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::compact_tick)
