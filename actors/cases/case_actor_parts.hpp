// What a case actor holds besides its state: commands on their way, the commit in flight, listeners and waiters.
#pragma once

#include "actors/cases/case_actor.hpp"

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace fm::case_shell_parts {

using steady = std::chrono::steady_clock;

/// A command on its way through the queue. Not ready = waits for something from the store.
struct queued_command {
  case_command command;
  std::uint64_t ticket = 0;
  bool ready = true;
  std::optional<turn> stored;
  std::uint64_t open_cases = 0;
  std::string first_question;
  std::optional<failure> lookup_failed;
};

struct listener {
  subscriber_ptr sink;
  principal who;
  timestamp since{};
  std::string focus;
  std::optional<steady::time_point> typing_until;
};

struct waiter {
  turn_id turn;
  reply<turn_with_answer> answer;
};

struct snapshot_request {
  principal who;
  reply<case_snapshot> answer;
  case_snapshot so_far;
  std::uint64_t rewrites = 0;
  int tries = 0;
  bool parked = false; ///< waits for the commit in flight, then reads again
};

/// One commit in flight: the state after it, whom to answer, what to do.
struct flight {
  case_state after; ///< not set for a piece of text alone: that is applied once it is durable
  bool text_only = false;
  std::vector<case_event_ptr> events;
  std::vector<std::function<void(const outcome<sequence>&, const case_state&)>> answers;
  bool has_text = false;
  std::size_t text_bytes = 0;
  bool ends_run = false;
  bool rewrites = false;
};

/// Exists only while a case has work or listeners beyond its record: keeps idle cases small.
struct case_work {
  std::deque<queued_command> queue;
  std::unique_ptr<flight> in_flight;
  std::map<std::uint64_t, snapshot_request> snapshots;
  std::vector<waiter> waiters;
  // The running attempt.
  turn_runner_actor runner;
  caf::actor_addr runner_address;
  std::shared_ptr<void> counted; ///< while it is there, a turn of this case runs
  std::string pending_text;
  std::optional<run_end> pending_end;
  bool runner_died = false;
  steady::time_point last_text_commit{};
};

/// Nothing to decide, nobody to answer: what most commits of a streaming case are.
inline bool only_text_waits(const case_state& state, const case_work& w) {
  const auto* t = state.turns.running();
  return t && t->status == turn_status::running && !w.pending_text.empty() && !w.pending_end && !w.runner_died && (w.queue.empty() || !w.queue.front().ready);
}
/// The waiting text as a commit. The state is not copied for it: with many recent turns that would cost more than all the rest.
inline std::unique_ptr<flight> text_flight(const case_id& id, const case_state& state, const case_work& w, timestamp now) {
  const auto& t = *state.turns.running();
  auto f = std::make_unique<flight>();
  f->text_only = f->has_text = true;
  f->text_bytes = w.pending_text.size();
  f->events.push_back(std::make_shared<const case_event>(case_event{id, state.seq + 1, now, {}, turn_delta{t.id, t.attempt, t.partial.size(), w.pending_text}}));
  return f;
}
/// The commit is durable.
inline void land(flight& f, case_state& state) {
  if (!f.text_only) {
    state = std::move(f.after);
    return;
  }
  const auto& e = *f.events.front();
  apply(state, e.data, e.at);
  state.seq = e.seq;
}

} // namespace fm::case_shell_parts
