// The rules of a case. Order of checks everywhere: may the caller know it, may the caller do it, is the input
// sound, does the state allow it.
#include "actors/cases/case_lifecycle.hpp"

#include "actors/cases/permissions.hpp"
#include "protocol/base/sha256.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm {
namespace {

failure invalid(std::string field, std::string sentence) {
  auto f = make_failure(errc::invalid, std::move(sentence));
  f.with_fact("field", std::move(field));
  return f;
}

std::optional<failure> check_text(const char* field, const std::string& text, std::size_t characters_max) {
  if (!is_valid_utf8(text))
    return invalid(field, std::string{"The "} + field + " is not valid UTF-8 text.");
  if (const auto n = utf8_length(text); n > characters_max)
    return invalid(field, std::string{"The "} + field + " has " + std::to_string(n) + " characters; at most " +
                              std::to_string(characters_max) + " are allowed.");
  return std::nullopt;
}

std::optional<failure> check_content(const std::string& content, const surroundings& s) {
  if (trimmed(content).empty())
    return invalid("content", "The message is empty.");
  return check_text("content", content, s.rules.message_characters_max);
}

std::optional<failure> check_tags(const std::vector<std::string>& tags) {
  if (tags.size() > limits::tags_max)
    return invalid("tags", "At most " + std::to_string(limits::tags_max) + " tags are allowed.");
  for (auto& tag : tags)
    if (auto f = check_text("tags", tag, limits::tag_characters_max))
      return f;
  return std::nullopt;
}

std::optional<failure> check_version(const case_record& record, std::optional<std::uint32_t> expected) {
  if (!expected || *expected == record.version)
    return std::nullopt;
  auto f = make_conflict("CASE_VERSION_CONFLICT", "The case was changed in the meantime; read it again and repeat.");
  f.with_fact("expected_version", std::to_string(*expected));
  f.with_fact("actual_version", std::to_string(record.version));
  return f;
}

failure terminal_case() {
  return make_conflict("TERMINAL_CASE", "This case is finished; open a new case linked to it to go on.");
}

failure no_such_turn() { return make_failure(errc::not_found, "There is no such turn in this case."); }

std::string placeholder_title(timestamp now) {
  auto text = to_iso8601(now);
  return "Troubleshooting Case - " + text.substr(0, 10) + " " + text.substr(11, 5);
}

std::string title_from(const std::string& question) {
  // The first line that says something: a pasted log should not become the name of a case if prose precedes it.
  std::string_view line = trimmed(question);
  line = line.substr(0, line.find('\n'));
  return cut_on_word(trimmed(line), limits::auto_title_characters_max);
}

void finish(case_state& state, const turn_id& id, turn_status status, const message_id& answer, timestamp at) {
  auto& list = state.turns.unfinished;
  const auto found = std::find_if(list.begin(), list.end(), [&](auto& t) { return t.id == id; });
  if (found == list.end())
    return;
  found->status = status;
  found->answer = answer;
  found->finished_at = at;
  found->partial.clear();
  found->content.clear(); // the store has it; a receipt does not need it
  state.recent.push_back(std::move(*found));
  list.erase(found);
  if (state.recent.size() > recent_turns_max)
    state.recent.pop_front();
}

turn_receipt receipt_of(const turn& t, bool duplicate, std::uint32_t position) {
  return {t.id, t.client_id, t.number, position, duplicate, t.status, 0};
}

std::uint32_t position_of(const case_state& state, const turn_id& id) {
  std::uint32_t n = 0;
  for (auto& t : state.turns.unfinished) {
    if (t.id == id)
      return n;
    ++n;
  }
  return 0;
}

const turn* known_turn(const case_state& state, const client_turn_id& client, const std::optional<turn>& stored) {
  if (auto* t = state.turns.find(client))
    return t;
  for (auto& t : state.recent)
    if (t.client_id == client)
      return &t;
  return stored && stored->client_id == client ? &*stored : nullptr;
}

} // namespace

const turn* turn_queue::find(const turn_id& id) const {
  for (auto& t : unfinished)
    if (t.id == id)
      return &t;
  return nullptr;
}
turn* turn_queue::find(const turn_id& id) { return const_cast<turn*>(std::as_const(*this).find(id)); }
const turn* turn_queue::find(const client_turn_id& id) const {
  for (auto& t : unfinished)
    if (t.client_id == id)
      return &t;
  return nullptr;
}
const turn* turn_queue::running() const {
  for (auto& t : unfinished)
    if (t.status == turn_status::running || t.status == turn_status::interrupted)
      return &t;
  return nullptr;
}
turn* turn_queue::running() { return const_cast<turn*>(std::as_const(*this).running()); }
const turn* turn_queue::next() const {
  if (running())
    return nullptr;
  for (auto& t : unfinished)
    if (t.status == turn_status::queued)
      return &t;
  return nullptr;
}

std::string body_digest(std::string_view content) { return sha256_hex(content); }

bool touches_record(const event_data& event) {
  return !std::holds_alternative<turn_delta>(event) && !std::holds_alternative<turn_started>(event) &&
         !std::holds_alternative<turn_restarted>(event) && !std::holds_alternative<turn_interrupted>(event) &&
         !std::holds_alternative<turn_edited>(event);
}

void readmit(case_state& state, turn finished) {
  if (state.turns.find(finished.id))
    return;
  std::erase_if(state.recent, [&](const turn& t) { return t.id == finished.id; });
  finished.partial.clear();
  finished.finished_at.reset();
  state.turns.unfinished.push_back(std::move(finished));
}

void apply(case_state& state, const event_data& event, timestamp at) {
  auto& record = state.record;
  auto& turns = state.turns;
  const auto active = [&] {
    record.last_activity_at = at;
    record.updated_at = at;
  };
  const auto changed = [&] {
    ++record.version;
    active();
  };
  const auto answered = [&](const turn_id& id, turn_status status, const message_id& answer) {
    // A regenerated turn replaces its earlier answer in the conversation: no further message.
    const auto* t = turns.find(id);
    const bool replaces = t && !t->answer.empty();
    finish(state, id, status, answer, at);
    if (!replaces)
      ++record.message_count;
    active();
  };
  std::visit(
      [&](const auto& e) {
        using E = std::decay_t<decltype(e)>;
        if constexpr (std::is_same_v<E, case_created>) {
          record = e.record;
        } else if constexpr (std::is_same_v<E, case_updated>) {
          // Counters belong to the conversation, not to the editor of the record.
          const auto messages = record.message_count, count = record.turn_count, version = record.version;
          record = e.record;
          record.message_count = messages;
          record.turn_count = count;
          record.version = version;
          changed();
        } else if constexpr (std::is_same_v<E, status_changed>) {
          record.status = e.to;
          if (is_terminal(e.to)) {
            record.closure_reason = e.closure_reason;
            record.closed_at = at;
            if (e.to == case_status::resolved)
              record.resolved_at = at;
          }
          changed();
        } else if constexpr (std::is_same_v<E, message_added>) {
          ++record.message_count;
          active();
        } else if constexpr (std::is_same_v<E, turn_queued>) {
          turn t;
          t.id = e.turn;
          t.client_id = e.client_id;
          t.in_case = record.id;
          t.number = e.turn_number;
          t.author = user_id{e.author_id};
          t.author_name = e.author_name;
          t.content = e.content;
          t.body_digest = e.body_digest;
          t.question = e.message;
          t.created_at = at;
          turns.unfinished.push_back(std::move(t));
          record.turn_count = std::max(record.turn_count, e.turn_number);
          ++record.message_count;
          active();
        } else if constexpr (std::is_same_v<E, turn_edited>) {
          if (auto* t = turns.find(e.turn))
            t->content = e.content;
        } else if constexpr (std::is_same_v<E, turn_withdrawn>) {
          finish(state, e.turn, turn_status::withdrawn, {}, at);
          if (record.message_count > 0)
            --record.message_count;
          active();
        } else if constexpr (std::is_same_v<E, turn_started>) {
          if (auto* t = turns.find(e.turn)) {
            t->status = turn_status::running;
            t->attempt = e.attempt;
            t->started_at = at;
          }
        } else if constexpr (std::is_same_v<E, turn_delta>) {
          if (auto* t = turns.find(e.turn))
            t->partial += e.text;
        } else if constexpr (std::is_same_v<E, turn_restarted>) {
          if (auto* t = turns.find(e.turn)) {
            t->status = turn_status::running;
            t->attempt = e.attempt;
            t->partial.clear();
          }
        } else if constexpr (std::is_same_v<E, turn_interrupted>) {
          if (auto* t = turns.find(e.turn))
            t->status = turn_status::interrupted;
        } else if constexpr (std::is_same_v<E, turn_completed>) {
          answered(e.turn, turn_status::completed, e.message);
        } else if constexpr (std::is_same_v<E, turn_cancelled>) {
          answered(e.turn, turn_status::cancelled, e.message);
        } else if constexpr (std::is_same_v<E, turn_failed>) {
          answered(e.turn, turn_status::failed, e.message);
        } else if constexpr (std::is_same_v<E, case_deleted>) {
          record.deleted_at = at;
          changed();
        } else if constexpr (std::is_same_v<E, case_restored>) {
          record.deleted_at.reset();
          changed();
        }
      },
      event);
}

outcome<decision> decide_create(const create_case& c, const case_id& id, std::uint64_t open_cases,
                                const surroundings& s) {
  const auto& d = c.draft;
  if (open_cases >= s.rules.open_cases_per_user)
    return invalid("owner", "You already have " + std::to_string(open_cases) + " open cases; at most " +
                                std::to_string(s.rules.open_cases_per_user) +
                                " are allowed. Resolve or close one first.");
  if (auto f = check_text("title", d.title, limits::title_characters_max))
    return *f;
  if (auto f = check_text("description", d.description, limits::description_characters_max))
    return *f;
  if (auto f = check_text("category", d.category, limits::tag_characters_max))
    return *f;
  if (auto f = check_tags(d.tags))
    return *f;
  if (!d.initial_message.empty())
    if (auto f = check_content(d.initial_message, s))
      return *f;
  case_record r;
  r.id = id;
  const auto title = trimmed(d.title);
  r.title_is_placeholder = title.empty();
  r.title = title.empty() ? placeholder_title(s.now) : std::string{title};
  r.description = d.description;
  r.owner = c.who.user;
  r.priority = d.priority;
  r.category = d.category;
  r.tags = d.tags;
  std::sort(r.tags.begin(), r.tags.end());
  r.tags.erase(std::unique(r.tags.begin(), r.tags.end()), r.tags.end());
  r.source_session = d.session;
  r.created_at = r.updated_at = r.last_activity_at = s.now;
  return decision{{case_created{std::move(r)}}};
}

outcome<submit_decision> decide_submit(const case_state& state, const principal& who, const client_turn_id& client,
                                       const std::string& content, const std::optional<turn>& stored,
                                       const surroundings& s) {
  if (auto f = refuse_unless(need::write, state.record, who))
    return *f;
  const auto digest = body_digest(content);
  if (const auto* t = known_turn(state, client, stored)) {
    if (t->body_digest != digest || t->author != who.user)
      return make_conflict("IDEMPOTENCY_KEY_REUSE",
                           "This client_turn_id was used before with another message; use a new one.");
    return submit_decision{{}, receipt_of(*t, true, position_of(state, t->id))};
  }
  if (client.empty() || client.value.size() > 128)
    return invalid("client_turn_id", "client_turn_id must have 1 to 128 characters.");
  if (auto f = check_content(content, s))
    return *f;
  if (is_terminal(state.record.status))
    return terminal_case();
  if (state.turns.unfinished.size() >= s.rules.queue_max) {
    auto f = make_failure(errc::rate_limited, "This case already has " + std::to_string(s.rules.queue_max) +
                                                  " turns waiting; wait for one to finish.");
    f.retry_after = std::chrono::seconds{5};
    return f;
  }
  submit_decision d;
  turn_queued q;
  q.turn = turn_id{random_id(s.random, "turn_")};
  q.client_id = client;
  q.turn_number = state.record.turn_count + 1;
  q.position = static_cast<std::uint32_t>(state.turns.unfinished.size());
  q.message = message_id{random_id(s.random, "msg_")};
  q.content = content;
  q.author_id = who.user.value;
  q.author_name = who.name;
  q.body_digest = digest;
  d.receipt = {q.turn, client, q.turn_number, q.position, false, turn_status::queued, 0};
  if (state.record.title_is_placeholder) {
    auto titled = state.record;
    titled.title = title_from(content);
    titled.title_is_placeholder = false;
    d.what.events.push_back(std::move(q));
    d.what.events.push_back(case_updated{std::move(titled), {"title"}});
  } else {
    d.what.events.push_back(std::move(q));
  }
  return d;
}

outcome<decision> decide_edit(const case_state& state, const edit_turn& c, bool known, const surroundings& s) {
  if (auto f = refuse_unless(need::write, state.record, c.who))
    return *f;
  const auto* t = state.turns.find(c.turn);
  if (!t) {
    if (!known)
      return no_such_turn();
    return make_conflict("INVALID_TRANSITION", "This turn has already ended and can no longer be edited.");
  }
  if (t->author != c.who.user)
    return make_failure(errc::forbidden, "Only its author may edit a waiting turn.");
  if (t->status != turn_status::queued)
    return make_conflict("INVALID_TRANSITION", "This turn has already started and can no longer be edited.");
  if (auto f = check_content(c.content, s))
    return *f;
  return decision{{turn_edited{c.turn, c.content}}};
}

outcome<decision> decide_withdraw(const case_state& state, const withdraw_turn& c, bool known) {
  if (auto f = refuse_unless(need::write, state.record, c.who))
    return *f;
  const auto* t = state.turns.find(c.turn);
  if (!t) {
    if (!known)
      return no_such_turn();
    return make_conflict("INVALID_TRANSITION", "This turn has already ended and can no longer be withdrawn.");
  }
  if (t->author != c.who.user)
    return make_failure(errc::forbidden, "Only its author may withdraw a waiting turn.");
  // A turn that ran before (a regeneration waiting) cannot vanish: its first answer is in the log.
  if (t->status != turn_status::queued || !t->answer.empty())
    return make_conflict("INVALID_TRANSITION", "This turn has already started; stop it instead.");
  return decision{{turn_withdrawn{c.turn}}};
}

outcome<decision> decide_stop(const case_state& state, const stop_turn& c, bool known, const surroundings& s) {
  if (auto f = refuse_unless(need::write, state.record, c.who))
    return *f;
  const auto* t = state.turns.find(c.turn);
  if (!t) {
    if (!known)
      return no_such_turn();
    return decision{};
  }
  if (t->status == turn_status::queued)
    return decide_withdraw(state, withdraw_turn{c.who, c.turn, {}}, known);
  turn_cancelled e;
  e.turn = t->id;
  e.attempt = t->attempt;
  e.turn_number = t->number;
  e.message = message_id{random_id(s.random, "msg_")};
  e.content = t->partial;
  e.metadata = {{"cancelled_by", c.who.user.value}};
  return decision{{std::move(e)}};
}

outcome<submit_decision> decide_regenerate(const case_state& state, const regenerate_turn& c,
                                           const std::optional<turn>& stored, const surroundings& s) {
  (void)s;
  if (auto f = refuse_unless(need::write, state.record, c.who))
    return *f;
  if (is_terminal(state.record.status))
    return terminal_case();
  if (const auto* t = state.turns.find(c.turn)) // pressed twice, or still busy with it
    return submit_decision{{}, receipt_of(*t, true, position_of(state, t->id))};
  if (!stored)
    return no_such_turn();
  if (!state.turns.unfinished.empty() || stored->number != state.record.turn_count)
    return make_conflict("INVALID_TRANSITION", "Only the newest turn can be answered again, once nothing is running.");
  if (stored->status == turn_status::withdrawn)
    return make_conflict("INVALID_TRANSITION", "This turn was withdrawn.");
  submit_decision d;
  d.receipt = receipt_of(*stored, false, 0);
  d.receipt.status = turn_status::running;
  d.what.events.push_back(turn_restarted{stored->id, stored->attempt + 1, "regenerate"});
  return d;
}

outcome<decision> decide_update(const case_state& state, const update_case& c, const surroundings& s) {
  (void)s;
  if (auto f = refuse_unless(need::write, state.record, c.who))
    return *f;
  if (auto f = check_version(state.record, c.expected_version))
    return *f;
  auto next = state.record;
  case_updated e;
  const auto change = [&](const char* field, auto& target, const auto& wanted) {
    if (wanted && *wanted != target) {
      target = *wanted;
      e.changed.emplace_back(field);
    }
  };
  const auto& p = c.patch;
  if (p.title) {
    if (trimmed(*p.title).empty())
      return invalid("title", "The title is empty.");
    if (auto f = check_text("title", *p.title, limits::title_characters_max))
      return *f;
  }
  if (p.description)
    if (auto f = check_text("description", *p.description, limits::description_characters_max))
      return *f;
  if (p.proposed_problem_statement)
    if (auto f = check_text("proposed_problem_statement", *p.proposed_problem_statement,
                            limits::problem_statement_characters_max))
      return *f;
  if (p.category)
    if (auto f = check_text("category", *p.category, limits::tag_characters_max))
      return *f;
  if (p.solution_summary)
    if (auto f = check_text("solution_summary", *p.solution_summary, limits::description_characters_max))
      return *f;
  if (p.tags)
    if (auto f = check_tags(*p.tags))
      return *f;
  if (p.description && *p.description != next.description && next.status != case_status::consulting)
    return make_conflict("INVALID_TRANSITION", "The description is fixed once the investigation has begun.");
  if (p.proposed_problem_statement && next.problem_statement_confirmed &&
      *p.proposed_problem_statement != next.proposed_problem_statement)
    return make_conflict("INVALID_TRANSITION", "The problem statement is fixed once it was confirmed.");
  if (is_terminal(next.status) && (p.proposed_problem_statement || p.problem_statement_confirmed))
    return terminal_case();
  change("title", next.title, p.title);
  if (p.title)
    next.title_is_placeholder = false;
  change("description", next.description, p.description);
  change("proposed_problem_statement", next.proposed_problem_statement, p.proposed_problem_statement);
  change("problem_statement_confirmed", next.problem_statement_confirmed, p.problem_statement_confirmed);
  if (next.problem_statement_confirmed && trimmed(next.proposed_problem_statement).empty())
    return invalid("problem_statement_confirmed", "There is no problem statement to confirm.");
  change("priority", next.priority, p.priority);
  change("category", next.category, p.category);
  change("solution_summary", next.solution_summary, p.solution_summary);
  if (p.tags) {
    auto sorted = *p.tags;
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    change("tags", next.tags, std::optional{sorted});
  }
  if (e.changed.empty())
    return decision{};
  e.record = std::move(next);
  return decision{{std::move(e)}};
}

outcome<decision> decide_status(const case_state& state, const change_status& c, const surroundings& s) {
  (void)s;
  if (auto f = refuse_unless(need::write, state.record, c.who))
    return *f;
  if (auto f = check_version(state.record, c.expected_version))
    return *f;
  if (auto f = check_text("reason", c.reason, limits::reason_characters_max))
    return *f;
  const auto from = state.record.status;
  if (from == c.to)
    return decision{};
  if (is_terminal(from))
    return terminal_case();
  const bool legal = (from == case_status::consulting && (c.to == case_status::investigating || c.to == case_status::closed)) ||
                     (from == case_status::investigating && is_terminal(c.to));
  if (!legal)
    return make_conflict("INVALID_TRANSITION", std::string{"A case cannot go from "} + std::string{name_of(from)} +
                                                   " to " + std::string{name_of(c.to)} + ".");
  if (c.to == case_status::investigating) {
    if (trimmed(state.record.description).empty())
      return make_conflict("INVALID_TRANSITION", "An investigation needs a description of the problem first.");
    if (!state.record.problem_statement_confirmed)
      return make_conflict("INVALID_TRANSITION", "An investigation needs a confirmed problem statement first.");
  }
  status_changed e{from, c.to, c.reason, {}};
  if (c.to == case_status::resolved) {
    e.closure_reason = "resolved";
  } else if (c.to == case_status::closed) {
    static constexpr std::string_view reasons[] = {"abandoned", "escalated", "consulting_only", "duplicate", "other"};
    if (std::find(std::begin(reasons), std::end(reasons), c.closure_reason) == std::end(reasons))
      return invalid("closure_reason",
                     "closure_reason must be abandoned, escalated, consulting_only, duplicate or other.");
    e.closure_reason = c.closure_reason;
  }
  return decision{{std::move(e)}};
}

std::optional<failure> refuse_file(const case_record& record, const principal& who) {
  if (auto f = refuse_unless(need::write, record, who))
    return f;
  return is_terminal(record.status) ? std::optional{terminal_case()} : std::nullopt;
}

outcome<decision> decide_note(const case_state& state, const add_note& c, const surroundings& s) {
  if (auto f = c.type == message_type::data_upload ? refuse_file(state.record, c.who) : refuse_unless(need::write, state.record, c.who))
    return *f;
  if (auto f = check_content(c.content, s))
    return *f;
  std::size_t metadata_bytes = 0;
  for (auto& [name, value] : c.metadata)
    metadata_bytes += name.size() + value.size();
  if (c.metadata.size() > 32 || metadata_bytes > 8'192)
    return make_failure(errc::too_large, "A message may carry 32 entries and 8 KiB of metadata.");
  message m;
  m.id = message_id{random_id(s.random, "msg_")};
  m.in_case = state.record.id;
  m.turn_number = state.record.turn_count;
  m.type = c.type;
  m.role = c.type == message_type::system_event ? message_role::system : message_role::user;
  if (c.type != message_type::system_event) {
    m.author = c.who.user;
    m.author_name = c.who.name;
  }
  m.content = c.content;
  m.metadata = c.metadata;
  m.created_at = s.now;
  return decision{{message_added{std::move(m)}}};
}

outcome<title_decision> decide_title(const case_state& state, const make_title& c, const std::string& first_question,
                                     const surroundings& s) {
  (void)s;
  if (auto f = refuse_unless(need::write, state.record, c.who))
    return *f;
  if (!state.record.title_is_placeholder && !c.force)
    return title_decision{{}, {state.record.title, "existing"}};
  auto title = title_from(first_question);
  if (title.empty())
    title = cut_on_word(state.record.description, limits::auto_title_characters_max);
  if (title.empty())
    return invalid("title", "There is too little in this case to name it; write a message first.");
  title_decision d{{}, {title, "fallback"}};
  if (title != state.record.title) {
    auto next = state.record;
    next.title = title;
    next.title_is_placeholder = false;
    d.what.events.push_back(case_updated{std::move(next), {"title"}});
  }
  return d;
}

outcome<decision> decide_delete(const case_state& state, const delete_case& c, const surroundings& s) {
  if (auto f = refuse_unless(need::own, state.record, c.who))
    return *f;
  if (state.record.deleted_at)
    return decision{};
  decision d;
  if (const auto* t = state.turns.running()) {
    auto stopped = decide_stop(state, stop_turn{c.who, t->id, {}}, true, s);
    if (stopped)
      d = std::move(*stopped);
  }
  d.events.push_back(case_deleted{});
  return d;
}

outcome<decision> decide_restore(const case_state& state, const restore_case& c, const surroundings& s) {
  (void)s;
  if (auto f = refuse_unless(need::own, state.record, c.who))
    return *f;
  if (!state.record.deleted_at)
    return decision{};
  return decision{{case_restored{}}};
}

decision decide_run_end(const case_state& state, const run_end& end, const surroundings& s) {
  const auto* t = state.turns.running();
  if (!t)
    return {};
  const auto answer = message_id{random_id(s.random, "msg_")};
  if (!end.fault) {
    turn_completed e;
    e.turn = t->id;
    e.attempt = t->attempt;
    e.turn_number = t->number;
    e.message = answer;
    e.content = t->partial;
    e.response_type = end.response_type;
    e.confidence = end.confidence;
    e.metadata = end.metadata;
    return {{std::move(e)}};
  }
  turn_failed e;
  e.turn = t->id;
  e.attempt = t->attempt;
  e.turn_number = t->number;
  e.message = answer;
  e.content = t->partial;
  if (!e.content.empty())
    e.content += "\n\n";
  e.content += "I could not finish this answer: " + end.fault->detail +
               " Your message is stored. You can ask for the answer again at any time.";
  e.metadata = end.metadata;
  e.metadata["failure"] = std::string{to_string(end.fault->code)};
  return {{std::move(e)}};
}

decision decide_interrupted(const case_state& state, const surroundings& s) {
  const auto* t = state.turns.running();
  if (!t)
    return {};
  decision d;
  if (t->status != turn_status::interrupted)
    d.events.push_back(turn_interrupted{t->id, t->attempt, t->partial.size()});
  if (t->attempt < (t->answer.empty() ? attempts_max : regenerated_attempts_max)) {
    d.events.push_back(turn_restarted{t->id, t->attempt + 1, "interrupted"});
    return d;
  }
  run_end end;
  end.fault = make_failure(errc::unavailable, "the work on it was interrupted twice.");
  end.metadata = {{"interrupted", "true"}};
  for (auto& e : decide_run_end(state, end, s).events)
    d.events.push_back(std::move(e));
  return d;
}

} // namespace fm
