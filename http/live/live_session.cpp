// Commands in, events out. What may be sent when is decided by case_feed; who may do what, by the case.
#include "http/live/live_session.hpp"

#include "http/core/case_patch.hpp"
#include "protocol/base/text.hpp"
#include "protocol/wire/encode.hpp"

#include <caf/send.hpp>

namespace fm::http {
namespace {
/// Refusals for their rate within a second, after which a client is not asked to slow down any more.
constexpr std::uint32_t strikes_max = 1'000;
constexpr std::size_t page_events = 500;
constexpr std::size_t page_bytes = 256U << 10;
constexpr std::uint32_t retry_ticks_max = 30;

/// The same list goes to many listeners, one after the other, on one thread: its frame is made once.
template <class Key, class Encode>
frame_ptr shared_frame(std::pair<Key, frame_ptr>& last, const Key& key, Encode encode) {
  if (last.first != key || !last.second)
    last = {key, make_frame(encode())};
  return last.second;
}

failure overloaded(const char* sentence, errc code = errc::overloaded) {
  auto f = make_failure(code, sentence);
  f.retry_after = std::chrono::seconds{1};
  return f;
}

void nothing_more(json_writer&) {}
} // namespace

live_context::live_context(const live_deps& d)
    : deps(d), open(d.metrics->get_gauge("faultmaven_live_connections", "Open WebSocket connections")),
      objects(d.metrics->get_counter("faultmaven_live_objects_total", "Live objects sent")),
      messages(d.metrics->get_counter("faultmaven_live_messages_total", "WebSocket messages sent")),
      lagged(d.metrics->get_counter("faultmaven_live_lagging_total", "Times a connection fell behind")) {}

// ---- asking actors --------------------------------------------------------------------------------------------
template <class M>
void live_session::tell(M message) {
  caf::anon_send(context_->deps.registry, std::move(message));
}

/// A reply that runs on this connection's thread, unless it is gone by then.
template <class T, class F>
reply<T> live_session::posted(F f) {
  return reply<T>{[self = shared_from_this(), f = std::move(f)](outcome<T> r) {
    self->post([self, f, r = std::move(r)]() mutable {
      {
        std::lock_guard lock{self->mutex_};
        if (self->ended_)
          return;
      }
      f(*self, r);
    });
  }};
}

/// The same for a command: a failure becomes its error, a success goes to f.
template <class T, class F>
reply<T> live_session::answer(std::string reply_to, F f) {
  ++in_flight_;
  return posted<T>([reply_to = std::move(reply_to), f = std::move(f)](live_session& self, outcome<T>& r) {
    --self.in_flight_;
    if (!r)
      return self.say(wire::error_frame(r.error(), reply_to));
    f(self, reply_to, *r);
  });
}

// ---- messages -------------------------------------------------------------------------------------------------
void live_session::welcome() {
  say(welcome_frame(context_->deps, random_id(*context_->deps.random, "conn_"), *who_));
}

void live_session::receive(std::string_view message) {
  while (!message.empty() && !closing_) {
    const auto end = message.find('\n');
    const auto line = trimmed(message.substr(0, end));
    message = end == std::string_view::npos ? std::string_view{} : message.substr(end + 1);
    if (!line.empty())
      on_object(line);
  }
}

void live_session::on_object(std::string_view json) {
  const auto& s = context_->deps.settings;
  auto parsed = parse_live_command(json);
  if (!bucket_.take(token_bucket::time_point::clock::now(), s.commands_per_second, s.commands_burst)) {
    say(wire::error_frame(overloaded("Too many commands; slow down.", errc::rate_limited), parsed.reply_to));
    if (++strikes_ > strikes_max && !std::exchange(closing_, true))
      close(close_policy, "too many commands");
    return;
  }
  if (!parsed.command)
    return say(wire::error_frame(parsed.command.error(), parsed.reply_to));
  if (in_flight_ >= s.commands_in_flight_max)
    return say(wire::error_frame(overloaded("Too many commands of this connection wait for their answer."), parsed.reply_to));
  auto& c = *parsed.command;
  if (c.verb == live_verb::hello)
    return hello(c);
  if (!who_)
    return say(wire::error_frame(make_failure(errc::unauthenticated, "Say hello with your token first."), c.reply_to));
  command(c);
}

void live_session::hello(const live_command& c) {
  if (who_ || std::exchange(hello_sent_, true))
    return say(wire::error_frame(make_conflict("INVALID_TRANSITION", "This connection said hello already."), c.reply_to));
  caf::anon_send(context_->deps.identity,
                 authenticate{*c.body.text("token"), posted<authenticated>([reply_to = c.reply_to](live_session& self, outcome<authenticated>& who) {
                                self.hello_sent_ = false;
                                if (!who) {
                                  self.say(wire::error_frame(who.error(), reply_to));
                                  if (who.error().code == errc::unauthenticated && !std::exchange(self.closing_, true))
                                    self.close(close_unauthorized, "the token is not valid");
                                  return;
                                }
                                self.set_who(std::move(*who));
                                self.say(ok_frame(reply_to, nothing_more));
                                self.welcome();
                              })});
}

void live_session::command(live_command& c) {
  const case_id id{c.body.text("case_id").value_or("")};
  switch (c.verb) {
  case live_verb::ping:
    return say(ok_frame(c.reply_to, [&](json_writer& w) { w.member("server_time", to_iso8601(context_->deps.clock->now())); }));
  case live_verb::cases_watch:
    if (std::exchange(watching_, true))
      return say(ok_frame(c.reply_to, nothing_more));
    return tell(watch_list{who_->who, weak_from_this(), answer<done_t>(c.reply_to, [](live_session& self, const std::string& to, done_t&) {
                             self.say(ok_frame(to, nothing_more));
                           })});
  case live_verb::case_open: {
    const auto after = c.body.integer("after_seq");
    if (after && *after < 0)
      return say(wire::error_frame(make_failure(errc::invalid, "'after_seq' must not be negative."), c.reply_to));
    return open(c.reply_to, id, after ? std::optional{static_cast<sequence>(*after)} : std::nullopt);
  }
  case live_verb::case_close:
    return close_case(c.reply_to, id);
  case live_verb::not_yet:
    return say(wire::error_frame(make_failure(errc::not_implemented, "This command is not there yet."), c.reply_to));
  default:
    if (replay_pending(id)) {
      auto f = make_conflict("INVALID_TRANSITION", "Wait until the replay of this case is done.");
      f.retry_after = std::chrono::milliseconds{100};
      return say(wire::error_frame(f, c.reply_to));
    }
    return case_command_of(c, id);
  }
}

/// Commands that go to the case as they are.
void live_session::case_command_of(live_command& c, const case_id& id) {
  const auto text = [&](std::string_view name) { return c.body.text(name).value_or(""); };
  const auto wrong = [&](const failure& f) { say(wire::error_frame(f, c.reply_to)); };
  const auto& who = who_->who;
  const turn_id turn{text("turn_id")};
  const auto sequence_answer = [&] {
    return answer<sequence>(c.reply_to, [](live_session& self, const std::string& to, sequence& seq) {
      self.say(ok_frame(to, [&](json_writer& w) { w.member("seq", seq); }));
    });
  };
  const auto receipt_answer = [&] {
    return answer<turn_receipt>(c.reply_to, [](live_session& self, const std::string& to, turn_receipt& r) {
      self.say(ok_frame(to, [&](json_writer& w) {
        w.member("turn_id", r.turn.value)
            .member("turn_number", r.turn_number)
            .member("position", r.position)
            .member("duplicate", r.duplicate)
            .member("status", name_of(r.status))
            .member("seq", r.seq);
      }));
    });
  };
  const auto done_answer = [&] {
    return answer<done_t>(c.reply_to, [](live_session& self, const std::string& to, done_t&) { self.say(ok_frame(to, nothing_more)); });
  };
  switch (c.verb) {
  case live_verb::turn_submit: {
    const auto attachments = c.body.raw("attachments");
    if (!attachments.empty() && attachments != "[]")
      return wrong(make_failure(errc::not_implemented, "Attachments are not there yet; paste the text instead."));
    const auto base = c.body.integer("base_seq");
    return tell(to_case{id, submit_turn{who, client_turn_id{text("client_turn_id")}, text("content"),
                                        base && *base >= 0 ? std::optional{static_cast<sequence>(*base)} : std::nullopt,
                                        receipt_answer()}});
  }
  case live_verb::turn_edit:
    return tell(to_case{id, edit_turn{who, turn, text("content"), sequence_answer()}});
  case live_verb::turn_withdraw:
    return tell(to_case{id, withdraw_turn{who, turn, sequence_answer()}});
  case live_verb::turn_stop:
    return tell(to_case{id, stop_turn{who, turn, sequence_answer()}});
  case live_verb::turn_regenerate: {
    auto client = text("client_turn_id");
    if (client.empty())
      client = random_uuid(*context_->deps.random);
    return tell(to_case{id, regenerate_turn{who, turn, client_turn_id{std::move(client)}, receipt_answer()}});
  }
  case live_verb::note_add:
    return tell(to_case{id, add_note{who, text("content"), answer<message>(c.reply_to, [](live_session& self, const std::string& to, message& m) {
                                       self.say(ok_frame(to, [&](json_writer& w) { w.member("message_id", m.id.value); }));
                                     })}});
  case live_verb::case_update: {
    auto patch = read_case_patch(c.body);
    if (!patch)
      return wrong(patch.error());
    const auto version = c.body.integer("expected_version");
    if (version && (*version < 0 || *version > UINT32_MAX))
      return wrong(make_failure(errc::invalid, "'expected_version' is no version."));
    return tell(to_case{id, update_case{who, std::move(*patch), version ? std::optional{static_cast<std::uint32_t>(*version)} : std::nullopt,
                                        answer<case_view>(c.reply_to, [](live_session& self, const std::string& to, case_view& v) {
                                          self.say(ok_frame(to, [&](json_writer& w) { w.member("version", v.record.version).member("seq", v.seq); }));
                                        })}});
  }
  case live_verb::typing:
    return tell(to_case{id, set_presence{who, shared_from_this(), c.body.boolean("active").value_or(true), {}, done_answer()}});
  case live_verb::viewing:
    return tell(to_case{id, set_presence{who, shared_from_this(), {}, text("focus"), done_answer()}});
  default:
    return wrong(make_failure(errc::not_implemented, "This command is not there yet."));
  }
}

// ---- open cases -----------------------------------------------------------------------------------------------
void live_session::open(const std::string& reply_to, const case_id& id, std::optional<sequence> after) {
  const auto& s = context_->deps.settings;
  std::string interrupted; // the answer owed to an open that this one replaces
  bool owed = false, full = false;
  {
    std::lock_guard lock{mutex_};
    // Opening again starts over from what the client says it holds; the case goes on sending meanwhile.
    if (auto* old = find(id)) {
      owed = !old->answered;
      interrupted = std::move(old->reply_to);
      erase(id);
    }
    full = cases_.size() >= s.cases_open_max;
    behind_ = true;
    if (!full)
      cases_.push_back(std::make_unique<open_case>(open_case{id, ++generations_, case_feed{after, s.replay_events_max}, false, 0, 0, reply_to}));
  }
  if (owed)
    say(wire::error_frame(make_conflict("INVALID_TRANSITION", "The case was opened again before this was done."), interrupted));
  if (full)
    return say(wire::error_frame(make_failure(errc::invalid, "At most " + std::to_string(s.cases_open_max) + " cases may be open on one connection."), reply_to));
  advance();
}

void live_session::close_case(const std::string& reply_to, const case_id& id) {
  std::string interrupted;
  bool owed = false;
  {
    std::lock_guard lock{mutex_};
    if (auto* c = find(id)) {
      owed = !c->answered;
      interrupted = std::move(c->reply_to);
      erase(id);
    }
  }
  if (owed)
    say(wire::error_frame(make_conflict("INVALID_TRANSITION", "The case was closed before it was open."), interrupted));
  tell(to_case{id, detach{shared_from_this()}});
  say(ok_frame(reply_to, nothing_more));
}

void live_session::advance() {
  struct due {
    case_feed::step what;
    case_id id;
    std::uint32_t generation;
    sequence after;
  };
  std::vector<due> steps;
  {
    std::lock_guard lock{mutex_};
    if (ended_)
      return;
    behind_ = false;
    for (auto& c : cases_) {
      behind_ = behind_ || !c->feed.live();
      if (tick_ < c->retry_at)
        continue;
      if (const auto what = c->feed.next(has_room()); what != case_feed::step::none)
        steps.push_back({what, c->id, c->generation, c->feed.sent()});
    }
  }
  for (auto& s : steps) {
    if (s.what == case_feed::step::attach)
      attach_case(s.id, s.generation);
    else if (s.what == case_feed::step::snapshot)
      read_case_snapshot(s.id, s.generation);
    else
      read_case_page(s.id, s.generation, s.after);
  }
}

void live_session::attach_case(const case_id& id, std::uint32_t generation) {
  tell(to_case{id, attach{who_->who, shared_from_this(), posted<case_view>([id, generation](live_session& self, outcome<case_view>& view) {
                            {
                              std::lock_guard lock{self.mutex_};
                              auto* c = self.find(id, generation);
                              if (!c) // closed or opened again; whoever did it gave the answer
                                return view && !self.find(id) ? self.tell(to_case{id, detach{self.shared_from_this()}}) : void();
                              if (!view && !c->answered) {
                                self.outbox_.push(make_frame(wire::error_frame(view.error(), c->reply_to)));
                                self.erase(id);
                              } else if (!view) {
                                self.step_failed(*c, view.error());
                              } else {
                                if (!std::exchange(c->answered, true)) {
                                  self.outbox_.push(make_frame(ok_frame(c->reply_to, [&](json_writer& w) { w.member("seq", view->seq); })));
                                  std::string{}.swap(c->reply_to);
                                }
                                c->failures = 0;
                                std::vector<frame_ptr> ready;
                                c->feed.on_attached(view->seq, ready);
                                self.push_all(ready);
                              }
                            }
                            self.wake_if_due();
                            self.advance();
                          })}});
}

void live_session::read_case_snapshot(const case_id& id, std::uint32_t generation) {
  tell(to_case{id, read_snapshot{who_->who, posted<case_snapshot>([id, generation](live_session& self, outcome<case_snapshot>& s) {
                                   {
                                     std::lock_guard lock{self.mutex_};
                                     auto* c = self.find(id, generation);
                                     if (!c)
                                       return;
                                     if (!s) {
                                       self.step_failed(*c, s.error());
                                     } else {
                                       c->failures = 0;
                                       self.outbox_.push(make_frame(snapshot_frame(*s)));
                                       std::vector<frame_ptr> ready;
                                       c->feed.on_snapshot(s->seq, ready);
                                       self.push_all(ready);
                                     }
                                   }
                                   self.wake_if_due();
                                   self.advance();
                                 })}});
}

void live_session::read_case_page(const case_id& id, std::uint32_t generation, sequence after) {
  tell(to_case{id, read_events{who_->who, after, page_events, page_bytes, posted<event_page>([id, generation](live_session& self, outcome<event_page>& page) {
                                 {
                                   std::lock_guard lock{self.mutex_};
                                   auto* c = self.find(id, generation);
                                   if (!c)
                                     return;
                                   if (!page) {
                                     self.step_failed(*c, page.error());
                                   } else {
                                     c->failures = 0;
                                     for (auto& e : page->events)
                                       if (c->feed.on_page_event(e->seq))
                                         self.outbox_.push(make_frame(wire::event_frame(*e)));
                                     std::vector<frame_ptr> ready;
                                     if (!c->feed.on_page(page->covered, page->head, ready))
                                       c->retry_at = self.tick_ + 1; // the log does not show yet what was announced
                                     self.push_all(ready);
                                   }
                                 }
                                 self.wake_if_due();
                                 self.advance();
                               })}});
}

void live_session::step_failed(open_case& c, const failure& why) {
  c.feed.failed();
  if (why.code == errc::not_found || why.code == errc::forbidden) {
    const auto id = c.id;
    outbox_.push(make_frame(case_frame("case.removed", id)));
    erase(id);
    return;
  }
  c.retry_at = tick_ + std::min(retry_ticks_max, 1U << std::min(c.failures, 5U));
  ++c.failures;
}

bool live_session::replay_pending(const case_id& id) const {
  std::lock_guard lock{mutex_};
  const auto* c = find(id);
  return c && !c->feed.replayed();
}

// ---- actor threads --------------------------------------------------------------------------------------------
void live_session::on_event(const shared_event_ptr& event) noexcept {
  {
    const auto frame = frame_of(event);
    std::lock_guard lock{mutex_};
    auto* c = find(event->event->in_case);
    if (!c || ended_)
      return;
    switch (c->feed.on_event(event->event->seq, frame, outbox_.bytes() + frame->size() <= context_->deps.settings.outbox_bytes_max)) {
    case case_feed::verdict::kept: behind_ = true; return;
    case case_feed::verdict::send: outbox_.push(frame); break;
    case case_feed::verdict::behind:
      outbox_.push(make_frame(case_frame("lagging", c->id)));
      context_->lagged.add();
      behind_ = true;
      break;
    }
    if (!must_wake())
      return;
  }
  wake();
}

void live_session::on_presence(const case_id& id, const presence_list& who) noexcept {
  {
    thread_local std::pair<presence_list, frame_ptr> last;
    std::lock_guard lock{mutex_};
    const auto* c = find(id);
    if (!c || !c->answered || ended_ || !has_room())
      return; // transient: a client with so much to read does not miss it
    outbox_.push(shared_frame(last, who, [&] { return presence_frame(id, *who); }));
    if (!must_wake())
      return;
  }
  wake();
}

void live_session::on_job(const case_id& id, const std::shared_ptr<const job>& what) noexcept {
  {
    thread_local std::pair<std::shared_ptr<const job>, frame_ptr> last;
    std::lock_guard lock{mutex_};
    const auto* c = find(id);
    if (!c || !c->answered || ended_ || !has_room())
      return; // transient, as presence is
    outbox_.push(shared_frame(last, what, [&] { return job_frame(id, *what); }));
    if (!must_wake())
      return;
  }
  wake();
}

void live_session::on_case_changed(const std::shared_ptr<const case_summary>& summary, bool deleted) noexcept {
  {
    thread_local std::pair<std::shared_ptr<const case_summary>, frame_ptr> last;
    std::lock_guard lock{mutex_};
    if (ended_ || !has_room())
      return;
    outbox_.push(shared_frame(last, summary, [&] { return list_changed_frame(*summary, deleted); }));
    if (!must_wake())
      return;
  }
  wake();
}

void live_session::on_removed(const case_id& id) noexcept {
  {
    std::lock_guard lock{mutex_};
    const auto* c = find(id);
    if (!c || ended_)
      return;
    if (!c->answered)
      outbox_.push(make_frame(wire::error_frame(make_failure(errc::not_found, "There is no such case, or you have no access to it."), c->reply_to)));
    else
      outbox_.push(make_frame(case_frame("case.removed", id)));
    erase(id);
    if (!must_wake())
      return;
  }
  wake();
}

void live_session::on_lost(const case_id& id) noexcept {
  std::lock_guard lock{mutex_};
  if (auto* c = find(id)) {
    c->feed.on_lost(); // the next tick attaches again
    behind_ = true;
  }
}

// ---- writing --------------------------------------------------------------------------------------------------
void live_session::say(std::string frame) {
  {
    std::lock_guard lock{mutex_};
    if (ended_)
      return;
    outbox_.push(make_frame(std::move(frame)));
  }
  wake_if_due();
}

void live_session::wake_if_due() {
  {
    std::lock_guard lock{mutex_};
    if (outbox_.empty() || !must_wake())
      return;
  }
  wake();
}

bool live_session::take(std::string& message) {
  std::size_t taken = 0;
  {
    std::lock_guard lock{mutex_};
    wake_due_ = false;
    if (writing_ || ended_ || outbox_.empty())
      return false;
    writing_ = true;
    taken = outbox_.take(message, context_->deps.settings.message_bytes);
  }
  context_->objects.add(static_cast<double>(taken));
  context_->messages.add();
  return true;
}

bool live_session::written() {
  bool more = false, room = false;
  {
    std::lock_guard lock{mutex_};
    writing_ = false;
    more = !outbox_.empty();
    room = has_room();
  }
  if (behind_ && room)
    advance();
  return more;
}

bool live_session::clogged() const {
  std::lock_guard lock{mutex_};
  return !has_room();
}

void live_session::tick(std::uint32_t now) {
  tick_ = now;
  strikes_ = 0;
  if (behind_)
    advance();
}

void live_session::end() {
  std::vector<std::unique_ptr<open_case>> left;
  {
    std::lock_guard lock{mutex_};
    ended_ = true;
    left.swap(cases_);
    outbox_.clear();
  }
  for (auto& c : left)
    tell(to_case{c->id, detach{shared_from_this()}});
}

// ---- under the lock -------------------------------------------------------------------------------------------
live_session::open_case* live_session::find(const case_id& id) const {
  for (auto& c : cases_)
    if (c->id == id)
      return c.get();
  return nullptr;
}
live_session::open_case* live_session::find(const case_id& id, std::uint32_t generation) const {
  auto* c = find(id);
  return c && c->generation == generation ? c : nullptr;
}
void live_session::erase(const case_id& id) {
  std::erase_if(cases_, [&](auto& c) { return c->id == id; });
  if (cases_.empty())
    cases_.shrink_to_fit();
}
void live_session::push_all(std::vector<frame_ptr>& frames) {
  for (auto& f : frames)
    outbox_.push(std::move(f));
}

} // namespace fm::http
