// The rules of a case, without actors, clocks or stores: state × command → events, or a failure that changes
// nothing; and state × event → state. Everything that decides anything about a case is here.
#pragma once

#include "protocol/base/failure.hpp"
#include "protocol/base/random.hpp"
#include "protocol/messages/case_commands.hpp"
#include "protocol/model/events.hpp"

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace fm {

/// The running turn and the waiting ones, by number. At most one runs.
struct turn_queue {
  std::deque<turn> unfinished;

  const turn* find(const turn_id& id) const;
  const turn* find(const client_turn_id& id) const;
  turn* find(const turn_id& id);
  const turn* running() const;
  turn* running();
  /// The next that may start: the oldest queued one, when nothing runs.
  const turn* next() const;
};

/// What a case remembers between commits. An idle case holds a record and nothing else.
struct case_state {
  case_record record;
  sequence seq = 0;
  turn_queue turns;
  /// Receipts of turns finished since activation: a retry that raced the end still finds its turn.
  std::deque<turn> recent;
};
inline constexpr std::size_t recent_turns_max = 256;
/// An interrupted turn is started again once; a regenerated one, whose attempts count on, a few times more.
inline constexpr std::uint32_t attempts_max = 2;
inline constexpr std::uint32_t regenerated_attempts_max = 8;

/// Bounds of one case; settings.
struct case_rules {
  std::size_t queue_max = 100;          ///< waiting turns a case; above: rate_limited with retry_after
  std::size_t open_cases_per_user = 100;
  std::size_t message_characters_max = limits::message_characters_max;
};

/// Where new ids and the time come from.
struct surroundings {
  timestamp now{};
  random_source& random;
  const case_rules& rules;
};

/// What a command leads to, before it is durable.
struct decision {
  std::vector<event_data> events;
};

/// Folds one event into the state. Total: an event that was committed always applies.
void apply(case_state& state, const event_data& event, timestamp at);
/// Takes a finished turn back among the unfinished ones, so that turn_restarted (regenerate) can apply.
void readmit(case_state& state, turn finished);
/// Whether the event changes the record that listings show (deltas do not).
bool touches_record(const event_data& event);

/// hex SHA-256 of what makes two submissions "the same body".
std::string body_digest(std::string_view content);

// Each of these changes nothing. `stored` is what the store knows of the turn when the state does not.
outcome<decision> decide_create(const create_case& c, const case_id& id, std::uint64_t open_cases,
                                const surroundings& s);
struct submit_decision {
  decision what;
  turn_receipt receipt; ///< seq is filled in after the commit
};
outcome<submit_decision> decide_submit(const case_state& state, const principal& who, const client_turn_id& client,
                                       const std::string& content, const std::optional<turn>& stored,
                                       const surroundings& s);
outcome<decision> decide_edit(const case_state& state, const edit_turn& c, bool known, const surroundings& s);
outcome<decision> decide_withdraw(const case_state& state, const withdraw_turn& c, bool known);
/// Empty events when there is nothing to stop any more.
outcome<decision> decide_stop(const case_state& state, const stop_turn& c, bool known, const surroundings& s);
outcome<submit_decision> decide_regenerate(const case_state& state, const regenerate_turn& c,
                                           const std::optional<turn>& stored, const surroundings& s);
outcome<decision> decide_update(const case_state& state, const update_case& c, const surroundings& s);
outcome<decision> decide_status(const case_state& state, const change_status& c, const surroundings& s);
/// Nothing when `who` may add files: writes, and the case is not finished.
std::optional<failure> refuse_file(const case_record& record, const principal& who);
outcome<decision> decide_note(const case_state& state, const add_note& c, const surroundings& s);
/// `first_question` is the oldest user message. Empty events when the title stays.
struct title_decision {
  decision what;
  title_result result;
};
outcome<title_decision> decide_title(const case_state& state, const make_title& c, const std::string& first_question,
                                     const surroundings& s);
outcome<decision> decide_delete(const case_state& state, const delete_case& c, const surroundings& s);
outcome<decision> decide_restore(const case_state& state, const restore_case& c, const surroundings& s);

/// How a run ended, as the turn runner saw it.
struct run_end {
  std::string response_type = "ANSWER";
  double confidence = 0;
  std::map<std::string, std::string> metadata;
  std::optional<failure> fault;
  /// The text is kept but not whole (cut by a fault); tells people so.
  bool partial = false;
};
/// turn_completed, or turn_failed with a polite text after what was streamed.
decision decide_run_end(const case_state& state, const run_end& end, const surroundings& s);
/// The runner (or the whole server) died: interrupted and started again once, then failed politely.
decision decide_interrupted(const case_state& state, const surroundings& s);

} // namespace fm
