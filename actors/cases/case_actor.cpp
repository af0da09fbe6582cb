// The shell around case_lifecycle: queueing, committing, publishing. It decides nothing about a case.
#include "actors/cases/case_actor.hpp"

#include "actors/agent/context.hpp"
#include "actors/cases/case_actor_parts.hpp"
#include "actors/cases/permissions.hpp"
#include "protocol/base/logging.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>

namespace fm {
namespace {

using namespace case_shell_parts;

struct actor_state {
  case_id id;
  case_settings_ptr settings;
  case_deps_ptr deps;
  bool is_loaded = false;
  bool exists = false;
  case_state state;
  std::unique_ptr<case_work> work;
  std::vector<listener> listeners;
  presence_list presence;
  std::uint64_t next_ticket = 1;
  std::uint64_t rewrites = 0; ///< commits that changed messages already in the conversation
  bool flush_scheduled = false;
  bool presence_scheduled = false;
  bool presence_dirty = false;
  bool compact_scheduled = false;
  sequence compact_upto = 0;
  steady::time_point last_used = steady::now();
  static inline const char* name = "case";

  ~actor_state() {
    if (work && work->runner)
      caf::anon_send(work->runner, run_cancel{});
    for (auto& l : listeners)
      l.sink->on_lost(id);
  }
  case_work& busy() {
    if (!work)
      work = std::make_unique<case_work>();
    return *work;
  }
};

using case_pointer = case_actor::stateful_pointer<actor_state>;

class case_shell {
public:
  explicit case_shell(case_pointer self) : self(self), st(self->state) {}

  // ---- commands -------------------------------------------------------------------------------------------
  void on_command(case_command command) {
    if (auto* j = std::get_if<show_job>(&command)) {
      for (auto& l : st.listeners)
        l.sink->on_job(st.id, j->what);
      return;
    }
    st.last_used = now_steady();
    if (auto* d = std::get_if<detach>(&command))
      return drop_listener(d->sink);
    if (!st.is_loaded) {
      auto& w = st.busy();
      if (w.queue.size() >= st.settings->commands_waiting_max)
        return refuse(command, overloaded());
      w.queue.push_back({std::move(command)});
      return;
    }
    dispatch(std::move(command));
  }

  void on_loaded(outcome<loaded_case>& what) {
    if (!what) {
      auto waiting = st.work ? std::move(st.work->queue) : std::deque<queued_command>{};
      st.work.reset();
      st.is_loaded = true;
      for (auto& q : waiting)
        refuse(q.command, what.error());
      // Nothing is there (or the store is down): go; the next command tries again.
      caf::anon_send(st.deps->registry, case_idle{st.id});
      return;
    }
    st.is_loaded = st.exists = true;
    st.state.record = std::move(what->record);
    st.state.seq = what->seq;
    for (auto& t : what->unfinished)
      st.state.turns.unfinished.push_back(std::move(t));
    if (st.state.turns.running())
      st.busy().runner_died = true; // it ran when the server stopped
    start_queued();
    flush();
  }

  void start_queued() {
    if (!st.work)
      return;
    auto waiting = std::move(st.work->queue);
    st.work->queue.clear();
    for (auto& q : waiting)
      dispatch(std::move(q.command));
  }

  void dispatch(case_command command) {
    std::visit([&](auto& c) { handle(c, command); }, command);
  }

  // Reads: answered from the durable state, at once.
  void handle(read_case& c, case_command&) {
    if (refused(need::read, c))
      return;
    if (auto f = c.to_add_files ? refuse_file(st.state.record, c.who) : std::nullopt)
      return c.answer(*f);
    c.answer(case_view{st.state.record, st.state.seq});
  }
  void handle(attach& c, case_command&) {
    if (refused(need::read, c))
      return;
    if (st.listeners.size() >= st.settings->subscribers_max)
      return c.answer(overloaded());
    const auto known = std::find_if(st.listeners.begin(), st.listeners.end(),
                                    [&](auto& l) { return l.sink == c.sink; });
    if (known == st.listeners.end())
      st.listeners.push_back({c.sink, c.who, st.deps->clock->now(), {}, {}});
    c.answer(case_view{st.state.record, st.state.seq});
    presence_changed();
  }
  void handle(detach&, case_command&) {}
  void handle(show_job&, case_command&) {}
  void handle(set_presence& c, case_command&) {
    for (auto& l : st.listeners)
      if (l.sink == c.sink) {
        if (c.typing)
          l.typing_until = *c.typing ? std::optional{now_steady() + std::chrono::seconds{6}} : std::nullopt;
        if (c.focus)
          l.focus = c.focus->substr(0, 128);
        presence_changed();
        return c.answer(done);
      }
    c.answer(make_failure(errc::invalid, "Open the case before telling others what you do in it."));
  }
  void handle(read_events& c, case_command&) {
    if (refused(need::read, c))
      return;
    read([store = st.deps->store, id = st.id, c] { c.answer(store->events(id, c.after, c.limit, c.bytes)); }, c.answer);
  }
  void handle(read_messages& c, case_command&) {
    if (refused(need::read, c))
      return;
    read([store = st.deps->store, id = st.id,
          c] { c.answer(store->messages(id, c.offset, c.limit, c.newest)); },
         c.answer);
  }
  void handle(read_turns& c, case_command&) {
    if (refused(need::read, c))
      return;
    read([store = st.deps->store, id = st.id, c] { c.answer(store->turns(id, c.offset, c.limit)); }, c.answer);
  }
  void handle(read_turn& c, case_command&) {
    if (refused(need::read, c))
      return;
    answer_turn(c.turn, c.answer);
  }
  void handle(await_turn& c, case_command&) {
    if (refused(need::read, c))
      return;
    if (!st.state.turns.find(c.turn))
      return answer_turn(c.turn, c.answer); // finished, or never was
    auto& waiters = st.busy().waiters;
    if (waiters.size() >= st.settings->waiters_max)
      return c.answer(overloaded());
    waiters.push_back({c.turn, c.answer});
  }
  void handle(read_context& c, case_command&) {
    if (refused(need::read, c))
      return;
    const auto& run = st.deps->run.settings;
    read(
        [store = st.deps->store, id = st.id, c, record = st.state.record, run] {
          auto page = store->messages(id, 0, run.history_messages_max, true);
          if (!page)
            return c.answer(page.error());
          c.answer(build_context(record, page->messages, {}, run.context_characters_max));
        },
        c.answer);
  }
  void handle(read_snapshot& c, case_command&) {
    if (refused(need::read, c))
      return;
    const auto ticket = st.next_ticket++;
    auto& request = st.busy().snapshots[ticket];
    request.who = c.who;
    request.answer = c.answer;
    take_snapshot(ticket, request);
  }

  // Writes: into the queue, in order; some need a word from the store first.
  void handle(create_case& c, case_command& all) {
    const auto owner = c.who.user;
    enqueue(std::move(all), [store = st.deps->store, owner](lookup_done& l) { l.open_cases = store->open_cases_of(owner); });
  }
  void handle(submit_turn& c, case_command& all) {
    if (st.state.record.turn_count == 0 || known_here(c.client_id))
      return enqueue(std::move(all));
    const auto client = c.client_id;
    enqueue(std::move(all),
            [store = st.deps->store, id = st.id, client](lookup_done& l) { l.found = store->find_turn(id, client); });
  }
  void handle(edit_turn& c, case_command& all) { with_turn(c.turn, std::move(all)); }
  void handle(withdraw_turn& c, case_command& all) { with_turn(c.turn, std::move(all)); }
  void handle(stop_turn& c, case_command& all) { with_turn(c.turn, std::move(all)); }
  void handle(regenerate_turn& c, case_command& all) { with_turn(c.turn, std::move(all)); }
  void handle(make_title&, case_command& all) {
    enqueue(std::move(all), [store = st.deps->store, id = st.id](lookup_done& l) {
      if (auto page = store->messages(id, 0, 20, false))
        for (auto& m : page->messages)
          if (m.type == message_type::user_query) {
            l.first_question = m.content;
            break;
          }
    });
  }
  template <class C>
  void handle(C&, case_command& all) {
    enqueue(std::move(all));
  }

  void on_lookup(lookup_done& l) {
    if (!st.work)
      return;
    for (auto& q : st.work->queue)
      if (q.ticket == l.ticket) {
        q.ready = true;
        if (l.found)
          q.stored = std::move(*l.found);
        else if (l.found.error().code != errc::not_found)
          q.lookup_failed = l.found.error();
        if (l.open_cases)
          q.open_cases = *l.open_cases;
        else
          q.lookup_failed = l.open_cases.error();
        q.first_question = std::move(l.first_question);
        break;
      }
    flush();
  }

  // ---- the running turn -----------------------------------------------------------------------------------
  void on_text(run_text& t) {
    if (!is_current(t.turn, t.attempt))
      return;
    auto& w = st.busy();
    w.pending_text += t.text;
    if (w.in_flight)
      return;
    const auto since = now_steady() - w.last_text_commit;
    if (since >= st.settings->delta_window || w.pending_text.size() >= st.settings->delta_bytes)
      flush();
    else
      schedule_flush(std::chrono::duration_cast<std::chrono::milliseconds>(st.settings->delta_window - since) +
                     std::chrono::milliseconds{1});
  }
  void on_finished(run_finished& f) {
    if (!is_current(f.turn, f.attempt))
      return;
    st.busy().pending_end = std::move(f.end);
    flush();
  }
  void on_down(const caf::down_msg& d) {
    if (!st.work || d.source != st.work->runner_address)
      return;
    st.work->runner = turn_runner_actor{};
    st.work->runner_address = caf::actor_addr{};
    if (!st.work->pending_end && st.state.turns.running() && d.reason != caf::exit_reason::user_shutdown) {
      st.work->runner_died = true;
      flush();
    }
  }

  // ---- commit ---------------------------------------------------------------------------------------------
  /// Gathers everything that is ready into one commit. The order: text, the end of the run, commands, next start.
  void flush() {
    if (!st.work || st.work->in_flight || !st.is_loaded)
      return;
    auto& w = *st.work;
    if (only_text_waits(st.state, w))
      return write(text_flight(st.id, st.state, w, st.deps->clock->now()));
    auto f = std::make_unique<flight>();
    f->after = st.state;
    const auto now = st.deps->clock->now();
    const surroundings s{now, *st.deps->random, st.settings->rules};

    const auto add = [&](event_data data, const event_actor& by) {
      fm::apply(f->after, data, now);
      f->rewrites |= std::holds_alternative<turn_edited>(data) || std::holds_alternative<turn_withdrawn>(data) ||
                     std::holds_alternative<turn_completed>(data);
      f->events.push_back(
          std::make_shared<const case_event>(case_event{st.id, ++f->after.seq, now, by, std::move(data)}));
    };

    if (const auto* t = f->after.turns.running(); t && t->status == turn_status::running) {
      if (!w.pending_text.empty() && !w.runner_died) {
        f->has_text = true;
        f->text_bytes = w.pending_text.size();
        add(turn_delta{t->id, t->attempt, t->partial.size(), w.pending_text}, {});
      }
      if (w.runner_died) {
        w.pending_text.clear();
        for (auto& e : decide_interrupted(f->after, s).events)
          add(std::move(e), {});
      } else if (w.pending_end) {
        f->ends_run = true;
        for (auto& e : decide_run_end(f->after, *w.pending_end, s).events)
          add(std::move(e), {});
      }
    } else if (t && w.runner_died) { // marked interrupted, and the server stopped again
      for (auto& e : decide_interrupted(f->after, s).events)
        add(std::move(e), {});
    }

    std::size_t taken = 0;
    while (taken < w.queue.size() && w.queue[taken].ready && f->events.size() < 256) {
      decide(w.queue[taken], *f, s, add);
      ++taken;
    }
    w.queue.erase(w.queue.begin(), w.queue.begin() + static_cast<std::ptrdiff_t>(taken));

    if (const auto* next = f->after.turns.next(); next && !f->after.record.deleted_at)
      add(turn_started{next->id, next->attempt + 1}, {});

    if (f->events.empty()) {
      for (auto& answer : f->answers)
        answer(outcome<sequence>{st.state.seq}, st.state);
      return settle();
    }
    write(std::move(f));
  }

  void write(std::unique_ptr<flight> f) {
    case_commit commit;
    commit.id = st.id;
    commit.expected_seq = st.state.seq;
    commit.events = f->events;
    if (std::any_of(f->events.begin(), f->events.end(), [](auto& e) { return touches_record(e->data); }))
      commit.record = std::make_shared<const case_record>(f->after.record);
    st.work->in_flight = std::move(f);
    const auto me = caf::actor_cast<case_actor>(self);
    caf::anon_send(st.deps->writer, commit_events{std::move(commit), reply<sequence>{[me](outcome<sequence> r) {
                                                    caf::anon_send(me, commit_done{std::move(r)});
                                                  }}});
  }

  void on_commit(const outcome<sequence>& result) {
    if (!st.work || !st.work->in_flight)
      return;
    auto& w = *st.work;
    const auto f = std::move(w.in_flight);
    w.in_flight.reset();
    if (!result) {
      // A commit that was told as failed may stand after all (the database fell silent before its answer), or somebody else
      // writes this case: what we hold is stale. Whoever asked is right to ask again: after the reload its client's id decides.
      const bool stale = result.error().code == errc::conflict;
      const auto told = stale ? outcome<sequence>{make_unavailable("The case is read again from its store; this request changed nothing. Repeat it.")} : result;
      for (auto& answer : f->answers)
        answer(told, st.state);
      if (stale) {
        log::warn("case", "case=" + st.id.value + " lost its log to another writer; reloading");
        return self->quit(caf::make_error(caf::sec::runtime_error, std::string{"stale writer"}));
      }
      if (!st.exists)
        return self->quit();
      read_parked_snapshots();
      // The store cannot write: text and the run's end wait here, commands were told. Try again later.
      if (!w.pending_text.empty() || w.pending_end || w.runner_died || st.state.turns.next())
        schedule_flush(st.settings->commit_retry);
      return;
    }
    const auto was_running = st.state.turns.running() ? attempt_key(*st.state.turns.running()) : std::string{};
    const auto summary_before = f->text_only ? case_summary{} : summarize(st.state.record);
    land(*f, st.state);
    st.exists = true;
    if (f->rewrites)
      ++st.rewrites;
    if (f->has_text) {
      w.pending_text.erase(0, f->text_bytes);
      w.last_text_commit = now_steady();
    }
    for (auto& answer : f->answers)
      answer(result, st.state);
    publish(f->events);
    const auto* running = st.state.turns.running();
    const auto is_running = running ? attempt_key(*running) : std::string{};
    if (was_running != is_running || (running && w.runner_died)) {
      stop_runner();
      w.pending_text.clear();
      w.pending_end.reset();
      w.runner_died = false;
      if (running)
        start_runner(*running);
    }
    if (!f->text_only && (!(summarize(st.state.record) == summary_before) || st.state.seq == f->events.size()))
      tell_list();
    for (auto& e : f->events)
      if (std::holds_alternative<case_deleted>(e->data))
        remove_listeners(false);
    finish_waiters();
    read_parked_snapshots();
    flush();
  }

  void read_parked_snapshots() {
    if (!st.work)
      return;
    for (auto& [ticket, request] : st.work->snapshots)
      if (std::exchange(request.parked, false))
        take_snapshot(ticket, request);
  }

  void on_snapshot(snapshot_read& r) {
    if (!st.work)
      return;
    const auto found = st.work->snapshots.find(r.ticket);
    if (found == st.work->snapshots.end())
      return;
    auto& request = found->second;
    const bool moved = request.rewrites != st.rewrites || (st.work->in_flight && st.work->in_flight->rewrites);
    if (r.messages && moved && ++request.tries < 20) {
      // Reading again during the same commit would only find the same: wait for its end.
      request.parked = st.work->in_flight != nullptr;
      return request.parked ? void() : take_snapshot(r.ticket, request);
    }
    auto answer = std::move(request.answer);
    auto snapshot = std::move(request.so_far);
    st.work->snapshots.erase(found);
    if (!r.messages)
      answer(r.messages.error());
    else if (moved)
      answer(overloaded());
    else {
      snapshot.messages = std::move(r.messages->messages);
      answer(std::move(snapshot));
    }
    settle();
  }

  void on_retire() {
    const bool busy = st.work || !st.listeners.empty() || (st.is_loaded && !st.state.turns.unfinished.empty());
    if (busy) {
      caf::anon_send(st.deps->registry, case_busy{st.id});
      return;
    }
    if (st.compact_upto > 0)
      caf::anon_send(st.deps->writer, compact_case{st.id, st.compact_upto});
    self->quit();
  }

  void on_idle_tick() {
    if (now_steady() - st.last_used >= st.settings->idle && !st.work && st.listeners.empty() &&
        st.state.turns.unfinished.empty())
      caf::anon_send(st.deps->registry, case_idle{st.id});
    schedule_idle();
  }
  void schedule_idle() { self->delayed_send(self, std::max(st.settings->idle / 2, std::chrono::milliseconds{50}), idle_tick{}); }

  void on_presence_tick() {
    st.presence_scheduled = false;
    bool typing = false;
    for (auto& l : st.listeners)
      if (l.typing_until) {
        if (*l.typing_until <= now_steady()) {
          l.typing_until.reset();
          st.presence_dirty = true;
        } else {
          typing = true;
        }
      }
    if (st.presence_dirty) {
      st.presence_dirty = false;
      const auto list = current_presence();
      for (auto& l : st.listeners)
        l.sink->on_presence(st.id, list);
      schedule_presence(std::chrono::milliseconds{250});
    } else if (typing) {
      schedule_presence(std::chrono::seconds{1});
    }
  }

  void on_compact_tick() {
    st.compact_scheduled = false;
    if (st.compact_upto > 0)
      caf::anon_send(st.deps->writer, compact_case{st.id, std::exchange(st.compact_upto, 0)});
  }

  void load() {
    const auto me = caf::actor_cast<case_actor>(self);
    const bool taken = st.deps->readers->submit(
        [me, store = st.deps->store, id = st.id] { caf::anon_send(me, loaded{store->load(id)}); });
    if (!taken)
      caf::anon_send(self, loaded{overloaded()});
  }

  /// The actor clock: virtual under the test coordinator.
  steady::time_point now_steady() const { return self->clock().now(); }

private:
  static failure overloaded() {
    auto f = make_failure(errc::overloaded, "The server has too much to do at the moment; please try again.");
    f.retry_after = std::chrono::seconds{1};
    return f;
  }

  static std::string attempt_key(const turn& t) { return t.id.value + "/" + std::to_string(t.attempt); }

  template <class C>
  bool refused(need what, const C& c) {
    if (!st.exists) {
      c.answer(make_failure(errc::not_found, "There is no such case, or you have no access to it."));
      return true;
    }
    if (auto f = refuse_unless(what, st.state.record, c.who)) {
      c.answer(std::move(*f));
      return true;
    }
    return false;
  }

  template <class T>
  void read(std::function<void()> work, const reply<T>& answer) {
    if (!st.deps->readers->submit(std::move(work)))
      answer(overloaded());
  }

  bool known_here(const client_turn_id& id) const {
    return st.state.turns.find(id) || std::any_of(st.state.recent.begin(), st.state.recent.end(),
                                                  [&](auto& t) { return t.client_id == id; });
  }

  void with_turn(turn_id id, case_command&& command) {
    if (st.state.turns.find(id) && !std::holds_alternative<regenerate_turn>(command))
      return enqueue(std::move(command));
    enqueue(std::move(command),
            [store = st.deps->store, in_case = st.id, id](lookup_done& l) { l.found = store->find_turn(in_case, id); });
  }

  void enqueue(case_command command, std::function<void(lookup_done&)> lookup = {}) {
    auto& w = st.busy();
    if (w.queue.size() >= st.settings->commands_waiting_max) {
      refuse(command, overloaded());
      return settle();
    }
    queued_command q{std::move(command)};
    if (lookup) {
      q.ticket = st.next_ticket++;
      q.ready = false;
    }
    const auto ticket = q.ticket;
    w.queue.push_back(std::move(q));
    if (!lookup)
      return flush();
    const auto me = caf::actor_cast<case_actor>(self);
    const auto blank = [](std::uint64_t n) {
      return lookup_done{n, make_failure(errc::not_found, {}), std::uint64_t{0}, {}};
    };
    const bool taken = st.deps->readers->submit([me, ticket, blank, lookup = std::move(lookup)] {
      auto l = blank(ticket);
      lookup(l);
      caf::anon_send(me, std::move(l));
    });
    if (!taken) {
      auto l = blank(ticket);
      l.found = overloaded();
      on_lookup(l);
    }
  }

  template <class Add>
  void decide(queued_command& q, flight& f, const surroundings& s, const Add& add) {
    std::visit(
        [&](auto& c) {
          if (q.lookup_failed) {
            refuse(q.command, *q.lookup_failed);
            return;
          }
          decide_one(c, q, f, s, add);
        },
        q.command);
  }

  /// Adds a decision's events; when there are none there is still an answer to give, once the rest is durable.
  template <class Add>
  static void take(decision& d, const principal& who, const Add& add) {
    for (auto& e : d.events)
      add(std::move(e), event_actor{who.user, who.name});
  }

  template <class Add>
  void decide_one(create_case& c, queued_command& q, flight& f, const surroundings& s, const Add& add) {
    if (st.exists || f.after.seq != 0)
      return c.answer(make_conflict("ALREADY_EXISTS", "This case exists already."));
    auto d = decide_create(c, st.id, q.open_cases, s);
    if (!d)
      return c.answer(d.error());
    take(*d, c.who, add);
    std::optional<turn_receipt> first;
    if (!c.draft.initial_message.empty()) {
      auto client = c.draft.client_turn;
      if (client.empty())
        client = client_turn_id{random_uuid(s.random)};
      if (auto turn = decide_submit(f.after, c.who, client, c.draft.initial_message, std::nullopt, s)) {
        take(turn->what, c.who, add);
        first = turn->receipt;
      }
    }
    const auto seq = f.after.seq;
    f.answers.push_back([answer = c.answer, first, seq](const outcome<sequence>& r, const case_state& state) mutable {
      if (!r)
        return answer(r.error());
      if (first)
        first->seq = seq;
      answer(created_case{{state.record, state.seq}, first});
    });
  }
  template <class Add>
  void decide_one(submit_turn& c, queued_command& q, flight& f, const surroundings& s, const Add& add) {
    if (!st.exists)
      return c.answer(make_failure(errc::not_found, "There is no such case, or you have no access to it."));
    auto d = decide_submit(f.after, c.who, c.client_id, c.content, q.stored, s);
    answer_receipt(d, c.who, c.answer, f, add);
  }
  template <class Add>
  void decide_one(regenerate_turn& c, queued_command& q, flight& f, const surroundings& s, const Add& add) {
    auto d = decide_regenerate(f.after, c, q.stored, s);
    if (d && !d->what.events.empty())
      readmit(f.after, *q.stored);
    answer_receipt(d, c.who, c.answer, f, add);
  }
  template <class Add>
  void answer_receipt(outcome<submit_decision>& d, const principal& who, const reply<turn_receipt>& answer, flight& f,
                      const Add& add) {
    if (!d)
      return answer(d.error());
    take(d->what, who, add);
    auto receipt = d->receipt;
    receipt.seq = f.after.seq;
    f.answers.push_back([answer, receipt](const outcome<sequence>& r, const case_state&) {
      if (!r)
        return answer(r.error());
      answer(receipt);
    });
  }

  template <class Add>
  void decide_one(edit_turn& c, queued_command& q, flight& f, const surroundings& s, const Add& add) {
    answer_sequence(decide_edit(f.after, c, q.stored.has_value(), s), c, f, add);
  }
  template <class Add>
  void decide_one(withdraw_turn& c, queued_command& q, flight& f, const surroundings&, const Add& add) {
    answer_sequence(decide_withdraw(f.after, c, q.stored.has_value()), c, f, add);
  }
  template <class Add>
  void decide_one(stop_turn& c, queued_command& q, flight& f, const surroundings& s, const Add& add) {
    answer_sequence(decide_stop(f.after, c, q.stored.has_value(), s), c, f, add);
  }
  template <class Add>
  void decide_one(delete_case& c, queued_command&, flight& f, const surroundings& s, const Add& add) {
    answer_sequence(decide_delete(f.after, c, s), c, f, add);
  }
  template <class C, class Add>
  void answer_sequence(outcome<decision> d, C& c, flight& f, const Add& add) {
    if (!d)
      return c.answer(d.error());
    take(*d, c.who, add);
    f.answers.push_back([answer = c.answer, seq = f.after.seq](const outcome<sequence>& r, const case_state&) {
      if (!r)
        return answer(r.error());
      answer(outcome<sequence>{seq});
    });
  }

  template <class Add>
  void decide_one(update_case& c, queued_command&, flight& f, const surroundings& s, const Add& add) {
    answer_view(decide_update(f.after, c, s), c, f, add);
  }
  template <class Add>
  void decide_one(change_status& c, queued_command&, flight& f, const surroundings& s, const Add& add) {
    answer_view(decide_status(f.after, c, s), c, f, add);
  }
  template <class Add>
  void decide_one(restore_case& c, queued_command&, flight& f, const surroundings& s, const Add& add) {
    answer_view(decide_restore(f.after, c, s), c, f, add);
  }
  template <class C, class Add>
  void answer_view(outcome<decision> d, C& c, flight& f, const Add& add) {
    if (!d)
      return c.answer(d.error());
    take(*d, c.who, add);
    f.answers.push_back([answer = c.answer, view = case_view{f.after.record, f.after.seq}](const outcome<sequence>& r,
                                                                                            const case_state&) {
      if (!r)
        return answer(r.error());
      answer(view);
    });
  }

  template <class Add>
  void decide_one(add_note& c, queued_command&, flight& f, const surroundings& s, const Add& add) {
    auto d = decide_note(f.after, c, s);
    if (!d)
      return c.answer(d.error());
    auto note = std::get<message_added>(d->events.front()).added;
    take(*d, c.who, add);
    f.answers.push_back([answer = c.answer, note = std::move(note)](const outcome<sequence>& r, const case_state&) {
      if (!r)
        return answer(r.error());
      answer(note);
    });
  }
  template <class Add>
  void decide_one(make_title& c, queued_command& q, flight& f, const surroundings& s, const Add& add) {
    auto d = decide_title(f.after, c, q.first_question, s);
    if (!d)
      return c.answer(d.error());
    take(d->what, c.who, add);
    f.answers.push_back([answer = c.answer, result = d->result](const outcome<sequence>& r, const case_state&) {
      if (!r)
        return answer(r.error());
      answer(result);
    });
  }
  /// Reads never stand in the queue of writes.
  template <class C, class Add>
  void decide_one(C& c, queued_command&, flight&, const surroundings&, const Add&) {
    if constexpr (requires { c.answer; })
      c.answer(make_failure(errc::internal, "This request went the wrong way."));
  }

  // ---- after a commit -------------------------------------------------------------------------------------
  void publish(const std::vector<case_event_ptr>& events) {
    for (auto& e : events) {
      if (std::holds_alternative<turn_completed>(e->data) || std::holds_alternative<turn_cancelled>(e->data) ||
          std::holds_alternative<turn_failed>(e->data)) {
        st.compact_upto = e->seq;
        if (!st.compact_scheduled) {
          st.compact_scheduled = true;
          self->delayed_send(self, st.settings->compact_after, compact_tick{});
        }
      }
      if (st.listeners.empty())
        continue;
      const auto shared = std::make_shared<const shared_event>(e);
      for (auto& l : st.listeners)
        l.sink->on_event(shared);
    }
  }

  void tell_list() {
    case_changed c;
    c.summary = std::make_shared<const case_summary>(summarize(st.state.record));
    c.audience.push_back(st.state.record.owner);
    for (auto& p : st.state.record.participants)
      c.audience.push_back(p.user);
    c.deleted = st.state.record.deleted_at.has_value();
    caf::anon_send(st.deps->registry, std::move(c));
  }

  void remove_listeners(bool all) {
    std::erase_if(st.listeners, [&](listener& l) {
      if (!all && !refuse_unless(need::read, st.state.record, l.who) && !st.state.record.deleted_at)
        return false;
      l.sink->on_removed(st.id);
      return true;
    });
    presence_changed();
  }

  void drop_listener(const subscriber_ptr& sink) {
    if (std::erase_if(st.listeners, [&](listener& l) { return l.sink == sink; }) > 0)
      presence_changed();
    if (st.listeners.empty())
      st.listeners.shrink_to_fit();
  }

  void finish_waiters() {
    if (!st.work)
      return;
    std::erase_if(st.work->waiters, [&](waiter& w) {
      if (st.state.turns.find(w.turn))
        return false;
      answer_turn(w.turn, w.answer);
      return true;
    });
  }

  void answer_turn(const turn_id& id, const reply<turn_with_answer>& answer) {
    // A running turn's text is here already; anything finished is read with its answer.
    const auto* here = st.state.turns.find(id);
    if (here) {
      answer(turn_with_answer{*here, std::nullopt, st.state.record});
      return;
    }
    read(
        [store = st.deps->store, in_case = st.id, id, answer, record = st.state.record] {
          auto found = store->find_turn(in_case, id);
          if (!found)
            return answer(found.error());
          turn_with_answer result{std::move(*found), std::nullopt, record};
          if (!result.the_turn.answer.empty()) {
            // The answer is near the end of the conversation nearly always; page backwards until it is found.
            constexpr std::size_t page = 100;
            const auto total = record.message_count;
            for (std::size_t end = total + page; end > 0 && !result.answer; end = end > page ? end - page : 0) {
              const auto from = end > page ? end - page : 0;
              auto messages = store->messages(in_case, from, page, false);
              if (!messages)
                return answer(messages.error());
              for (auto& m : messages->messages)
                if (m.id == result.the_turn.answer)
                  result.answer = m;
            }
          }
          answer(std::move(result));
        },
        answer);
  }

  void take_snapshot(std::uint64_t ticket, snapshot_request& request) {
    auto& so_far = request.so_far;
    so_far = {};
    so_far.record = st.state.record;
    so_far.seq = st.state.seq;
    for (auto& t : st.state.turns.unfinished) {
      if (t.status == turn_status::queued)
        so_far.queue.push_back(t);
      else
        so_far.running = t;
    }
    so_far.presence = *current_presence();
    request.rewrites = st.rewrites;
    constexpr std::size_t shown = 50;
    const std::size_t count = st.state.record.message_count;
    const auto from = count > shown ? count - shown : 0;
    const auto me = caf::actor_cast<case_actor>(self);
    const bool taken = st.deps->readers->submit(
        [me, ticket, store = st.deps->store, id = st.id, from, n = std::max<std::size_t>(count - from, 1), count] {
          auto page = store->messages(id, from, n, false);
          if (page && count == 0)
            page->messages.clear();
          caf::anon_send(me, snapshot_read{ticket, std::move(page)});
        });
    if (!taken)
      caf::anon_send(me, snapshot_read{ticket, overloaded()});
  }

  bool is_current(const turn_id& id, std::uint32_t attempt) const {
    const auto* t = st.state.turns.running();
    return t && t->id == id && t->attempt == attempt && t->status == turn_status::running && st.work;
  }

  void start_runner(const turn& t) {
    auto& w = st.busy();
    auto job = run_job{st.state.record, t};
    w.runner = spawn_turn_runner(self->system(), caf::actor_cast<run_listener>(caf::actor_cast<case_actor>(self)),
                                 std::move(job), st.deps->run);
    w.runner_address = w.runner.address();
    w.counted = std::shared_ptr<void>{nullptr, [running = st.deps->running_turns](void*) { --*running; }};
    ++*st.deps->running_turns;
    w.last_text_commit = {};
    self->monitor(w.runner);
  }
  void stop_runner() {
    auto& w = *st.work;
    w.counted.reset();
    if (!w.runner)
      return;
    self->demonitor(w.runner_address);
    caf::anon_send(w.runner, run_cancel{});
    w.runner = turn_runner_actor{};
    w.runner_address = caf::actor_addr{};
  }

  void schedule_flush(std::chrono::milliseconds in) {
    if (st.flush_scheduled)
      return;
    st.flush_scheduled = true;
    self->delayed_send(self, in, flush_tick{});
  }
  void presence_changed() {
    st.presence_dirty = true;
    schedule_presence(std::chrono::milliseconds{50});
  }
  void schedule_presence(std::chrono::milliseconds in) {
    if (st.presence_scheduled || st.listeners.empty())
      return;
    st.presence_scheduled = true;
    self->delayed_send(self, in, presence_tick{});
  }
  presence_list current_presence() const {
    // One person with three windows is one person.
    std::vector<presence_entry> list;
    for (auto& l : st.listeners) {
      const auto known = std::find_if(list.begin(), list.end(), [&](auto& p) { return p.user == l.who.user; });
      if (known == list.end()) {
        list.push_back({l.who.user, l.who.name, l.typing_until.has_value(), l.focus, l.since});
      } else {
        known->typing |= l.typing_until.has_value();
        if (known->focus.empty())
          known->focus = l.focus;
        known->since = std::min(known->since, l.since);
      }
      if (list.size() >= 200)
        break;
    }
    return std::make_shared<const std::vector<presence_entry>>(std::move(list));
  }

  /// Lets go of everything an idle case does not need.
  void settle() {
    if (!st.work)
      return;
    auto& w = *st.work;
    if (w.queue.empty() && !w.in_flight && w.snapshots.empty() && w.waiters.empty() && !w.runner &&
        w.pending_text.empty() && !w.pending_end && !w.runner_died && st.state.turns.unfinished.empty())
      st.work.reset();
  }

  case_pointer self;
  actor_state& st;
};

case_actor::behavior_type case_impl(case_pointer self, case_id id, bool fresh, case_settings_ptr settings,
                                    case_deps_ptr deps) {
  auto& st = self->state;
  st.id = std::move(id);
  st.settings = std::move(settings);
  st.deps = std::move(deps);
  st.last_used = self->clock().now();
  self->set_error_handler([self](caf::error& e) { self->quit(std::move(e)); });
  self->set_down_handler([self](caf::down_msg& d) { case_shell{self}.on_down(d); });
  if (fresh)
    st.is_loaded = true;
  else
    case_shell{self}.load();
  case_shell{self}.schedule_idle();
  return {
      [self](case_command& c) {
        try {
          case_shell{self}.on_command(std::move(c));
        } catch (const std::exception& e) {
          log::error("case", "case=" + self->state.id.value + " crashed: " + e.what());
          self->quit(caf::make_error(caf::sec::runtime_error, std::string{e.what()}));
        }
      },
      [self](retire) { case_shell{self}.on_retire(); },
      [self](run_text& t) { case_shell{self}.on_text(t); },
      [self](run_finished& f) { case_shell{self}.on_finished(f); },
      [self](loaded& l) { case_shell{self}.on_loaded(l.what); },
      [self](lookup_done& l) { case_shell{self}.on_lookup(l); },
      [self](const commit_done& c) { case_shell{self}.on_commit(c.result); },
      [self](snapshot_read& r) { case_shell{self}.on_snapshot(r); },
      [self](flush_tick) {
        self->state.flush_scheduled = false;
        case_shell{self}.flush();
      },
      [self](idle_tick) { case_shell{self}.on_idle_tick(); },
      [self](presence_tick) { case_shell{self}.on_presence_tick(); },
      [self](compact_tick) { case_shell{self}.on_compact_tick(); },
  };
}

} // namespace

case_actor spawn_case(caf::actor_system& system, case_id id, bool fresh, case_settings_ptr settings,
                      case_deps_ptr deps) {
  return system.spawn(case_impl, std::move(id), fresh, std::move(settings), std::move(deps));
}

} // namespace fm
