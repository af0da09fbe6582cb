// The log over HTTP: pages, long-polls and server-sent events. A stream runs on the same case_feed as a WebSocket;
// its room is what waits in the answer's body.
#include "http/bridge/ask.hpp"
#include "http/live/encode.hpp"
#include "http/live/event_streams.hpp"
#include "http/live/feed.hpp"
#include "http/live/live.hpp"
#include "protocol/wire/encode.hpp"

#include <limits>
#include <mutex>

namespace fm::http {
namespace {
/// A stream with so much unsent goes on from the log when its client has read.
constexpr std::size_t stream_room_bytes = 1U << 20;
constexpr std::size_t page_events = 500;
constexpr std::size_t page_bytes = 256U << 10;
constexpr std::uint32_t retry_ticks_max = 30;
constexpr std::uint64_t wait_seconds_max = 60;

template <class D>
constexpr bool has_turn = requires(const D& d) { d.turn; };

bool concerns_turn(const case_event& e, const turn_id& id) {
  return std::visit([&]<class D>(const D& d) {
    if constexpr (has_turn<D>)
      return d.turn == id;
    else
      return false;
  }, e.data);
}
bool ends_turn(const case_event& e) {
  return std::holds_alternative<turn_completed>(e.data) || std::holds_alternative<turn_cancelled>(e.data) ||
         std::holds_alternative<turn_failed>(e.data) || std::holds_alternative<turn_withdrawn>(e.data);
}

/// Somebody who listens to one case for one HTTP request.
class case_listener : public subscriber, public http_listener, public std::enable_shared_from_this<case_listener> {
public:
  case_listener(exchange_ptr x, const live_deps& d, case_id id) : x_(std::move(x)), deps_(d), id_(std::move(id)) {}

  void on_presence(const case_id&, const presence_list&) noexcept override {}
  bool is_of(const std::string& token_id) const override { return x_->in.auth->token_id == token_id; }
  bool is_of(const user_id& id) const override { return x_->in.auth->who.user == id; }

protected:
  template <class T, class F>
  reply<T> posted(F f) {
    return reply<T>{[self = shared_from_this(), f = std::move(f)](outcome<T> r) {
      self->x_->post([self, f, r = std::move(r)]() mutable { f(r); });
    }};
  }
  template <class Command>
  void tell(Command c) {
    caf::anon_send(deps_.registry, to_case{id_, case_command{std::move(c)}});
  }
  void stop_listening() { tell(detach{shared_from_this()}); }
  const principal& who() const { return x_->in.auth->who; }

  const exchange_ptr x_;
  const live_deps deps_;
  const case_id id_;
};

/// Server-sent events, of a case or of one turn.
class sse_stream final : public case_listener {
public:
  sse_stream(exchange_ptr x, const live_deps& d, case_id id, sequence after, std::optional<turn_id> only)
      : case_listener(std::move(x), d, std::move(id)), only_(std::move(only)),
        feed_(after, only_ ? std::numeric_limits<sequence>::max() : d.settings.replay_events_max) {}

  void start() {
    deps_.streams->add(std::static_pointer_cast<sse_stream>(shared_from_this()));
    advance();
  }

  void on_event(const shared_event_ptr& event) noexcept override {
    bool done = false;
    {
      const auto& e = *event->event;
      const auto piece = wanted(e) ? make_frame(sse_of(e.seq, *frame_of(event))) : nullptr;
      std::lock_guard lock{mutex_};
      if (over_)
        return;
      if (piece && only_ && ends_turn(e))
        end_seq_ = e.seq;
      if (feed_.on_event(e.seq, piece, has_room()) == case_feed::verdict::send) {
        if (piece)
          write(*piece);
        done = broken_ || end_seq_ == e.seq;
      }
    }
    if (done)
      end();
  }
  void on_removed(const case_id&) noexcept override {
    {
      std::lock_guard lock{mutex_};
      if (!over_ && stream_)
        stream_->write("data: " + case_frame("case.removed", id_) + "\n\n");
    }
    end();
  }
  void on_lost(const case_id&) noexcept override {
    std::lock_guard lock{mutex_};
    feed_.on_lost();
  }

  void tick(bool beat) override {
    bool alive = true;
    {
      std::lock_guard lock{mutex_};
      ++tick_;
      if (beat && stream_ && !over_)
        alive = stream_->write(": heartbeat\n\n");
    }
    if (!alive)
      return end();
    x_->post([self = std::static_pointer_cast<sse_stream>(shared_from_this())] { self->advance(); });
  }

  void end() override {
    body_stream_ptr stream;
    {
      std::lock_guard lock{mutex_};
      if (std::exchange(over_, true))
        return;
      stream = stream_;
    }
    stop_listening();
    if (stream)
      stream->finish();
    else
      x_->fail(make_unavailable("The stream ended before it began; please try again."));
  }

private:
  bool wanted(const case_event& e) const { return !only_ || concerns_turn(e, *only_); }
  static std::string sse_of(sequence seq, std::string_view frame) {
    std::string out = "id: " + std::to_string(seq) + "\ndata: ";
    out.append(frame).append("\n\n");
    return out;
  }
  // Under the lock.
  bool has_room() const { return !stream_ || stream_->waiting() < stream_room_bytes; }
  void write(std::string piece) { broken_ = broken_ || !stream_->write(std::move(piece)); }
  void write_all(const std::vector<frame_ptr>& pieces) {
    for (auto& p : pieces)
      write(*p);
  }

  void advance() {
    case_feed::step what{};
    sequence after = 0;
    {
      std::lock_guard lock{mutex_};
      if (over_ || tick_ < retry_at_)
        return;
      what = feed_.next(has_room());
      after = feed_.sent();
    }
    auto self = std::static_pointer_cast<sse_stream>(shared_from_this());
    if (what == case_feed::step::attach)
      tell(attach{who(), shared_from_this(), posted<case_view>([self](outcome<case_view>& v) { self->on_attached(v); })});
    else if (what == case_feed::step::snapshot)
      tell(read_snapshot{who(), posted<case_snapshot>([self](outcome<case_snapshot>& s) { self->on_snapshot(s); })});
    else if (what == case_feed::step::page)
      tell(read_events{who(), after, page_events, page_bytes, posted<event_page>([self](outcome<event_page>& p) { self->on_page(p); })});
  }

  void on_attached(const outcome<case_view>& v) {
    if (!v && !stream_) {
      std::unique_lock lock{mutex_};
      if (!std::exchange(over_, true)) {
        lock.unlock();
        x_->fail(v.error());
      }
      return;
    }
    if (!v)
      return step_failed(v.error());
    if (!stream_) {
      response head;
      head.content_type = "text/event-stream";
      head.with("Cache-Control", "no-store").with("X-Accel-Buffering", "no");
      auto self = std::static_pointer_cast<sse_stream>(shared_from_this());
      auto opened = x_->stream(std::move(head), [self] { self->end(); },
                               [self] { self->x_->post([self] { self->advance(); }); });
      opened->write(": open\n\n");
      std::lock_guard lock{mutex_};
      stream_ = std::move(opened);
    }
    settle([&](std::vector<frame_ptr>& ready) { feed_.on_attached(v->seq, ready); });
  }
  void on_snapshot(outcome<case_snapshot>& s) {
    if (!s)
      return step_failed(s.error());
    settle([&](std::vector<frame_ptr>& ready) {
      write(sse_of(s->seq, snapshot_frame(*s)));
      feed_.on_snapshot(s->seq, ready);
    });
  }
  void on_page(outcome<event_page>& page) {
    if (!page)
      return step_failed(page.error());
    settle([&](std::vector<frame_ptr>& ready) {
      for (auto& e : page->events) {
        if (!feed_.on_page_event(e->seq) || !wanted(*e) || (end_seq_ && e->seq > *end_seq_))
          continue;
        write(sse_of(e->seq, wire::event_frame(*e)));
        if (only_ && ends_turn(*e))
          end_seq_ = e->seq;
      }
      if (!feed_.on_page(page->covered, page->head, ready))
        retry_at_ = tick_ + 1;
    });
  }
  template <class Step>
  void settle(Step step) {
    bool done = false;
    {
      std::lock_guard lock{mutex_};
      if (over_)
        return;
      failures_ = 0;
      std::vector<frame_ptr> ready;
      step(ready);
      write_all(ready);
      done = broken_ || (end_seq_ && feed_.sent() >= *end_seq_);
    }
    done ? end() : advance();
  }
  void step_failed(const failure& why) {
    if (why.code == errc::not_found || why.code == errc::forbidden)
      return on_removed(id_);
    std::lock_guard lock{mutex_};
    feed_.failed();
    retry_at_ = tick_ + std::min(retry_ticks_max, 1U << std::min(failures_++, 5U));
  }

  const std::optional<turn_id> only_;
  std::mutex mutex_; ///< guards what follows
  case_feed feed_;
  body_stream_ptr stream_;
  std::optional<sequence> end_seq_; ///< where the one turn ends
  std::uint32_t tick_ = 0, retry_at_ = 0, failures_ = 0;
  bool over_ = false, broken_ = false;
};

response page_response(const event_page& p) {
  return json_response(200, [&](json_writer& w) {
    w.key("events").begin_array();
    for (auto& e : p.events)
      w.raw(wire::event_frame(*e));
    w.end_array().member("seq", p.head).member("next_after_seq", p.covered).member("has_more", p.covered < p.head);
  });
}

/// Answers with what comes after a seq: at once when there is something, else as soon as there is.
class long_poll final : public case_listener {
public:
  long_poll(exchange_ptr x, const live_deps& d, case_id id, sequence after, std::size_t limit, std::uint32_t seconds)
      : case_listener(std::move(x), d, std::move(id)), after_(after), limit_(limit), ticks_left_(seconds) {}

  void start() {
    deps_.streams->add(std::static_pointer_cast<long_poll>(shared_from_this()));
    auto self = std::static_pointer_cast<long_poll>(shared_from_this());
    tell(attach{who(), shared_from_this(), posted<case_view>([self](outcome<case_view>& v) {
                  if (!v)
                    return self->finish([&] { self->x_->fail(v.error()); });
                  self->head_ = v->seq;
                  if (v->seq != self->after_) // ahead of the log is answered at once as well: the client must know
                    self->read();
                })});
  }

  void on_event(const shared_event_ptr& e) noexcept override {
    if (e->event->seq > after_)
      read();
  }
  void on_removed(const case_id&) noexcept override {
    finish([&] { x_->fail(make_failure(errc::not_found, "There is no such case, or you have no access to it.")); });
  }
  void on_lost(const case_id&) noexcept override { end(); }
  void tick(bool) override {
    if (ticks_left_.fetch_sub(1) <= 1)
      end();
  }
  /// Nothing came.
  void end() override {
    finish([&] {
      event_page none;
      none.head = none.covered = std::max(head_.load(), after_);
      x_->respond(page_response(none));
    });
  }

private:
  void read() {
    if (reading_.exchange(true))
      return;
    auto self = std::static_pointer_cast<long_poll>(shared_from_this());
    tell(read_events{who(), after_, limit_, page_bytes * 16, posted<event_page>([self](outcome<event_page>& p) {
                       self->finish([&] { p ? self->x_->respond(page_response(*p)) : self->x_->fail(p.error()); });
                     })});
  }
  template <class Answer>
  void finish(Answer answer) {
    if (over_.exchange(true))
      return;
    answer();
    stop_listening();
  }

  const sequence after_;
  const std::size_t limit_;
  std::atomic<std::int64_t> ticks_left_;
  std::atomic<sequence> head_{0};
  std::atomic<bool> reading_{false}, over_{false};
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  return ec == std::errc{} && end == text.data() + text.size() && !text.empty() ? std::optional{n} : std::nullopt;
}

bool accepts_stream(const request& in) { return in.header("accept").find("text/event-stream") != std::string_view::npos; }

void serve_events(const live_deps& deps, const exchange_ptr& x) {
  const auto p = page_of(x, 1'000);
  if (!p)
    return;
  const auto whole = [&](const char* field, std::uint64_t most) {
    x->fail(invalid_field(field, std::string{field} + " must be a whole number from 0 to " + std::to_string(most) + "."));
  };
  constexpr auto seq_max = std::uint64_t{1} << 53;
  sequence after = 0;
  if (const auto text = x->in.asked("after_seq")) {
    const auto n = number(*text);
    if (!n || *n > seq_max)
      return whole("after_seq", seq_max);
    after = *n;
  }
  if (accepts_stream(x->in)) {
    if (const auto last = number(x->in.header("last-event-id"))) // another server's id is no reason to refuse
      after = *last;
    return std::make_shared<sse_stream>(x, deps, case_of(*x), after, std::nullopt)->start();
  }
  if (const auto text = x->in.asked("wait")) {
    const auto n = number(*text);
    if (!n || *n > wait_seconds_max)
      return whole("wait", wait_seconds_max);
    x->extend_deadline(std::chrono::seconds{*n + 10});
    return std::make_shared<long_poll>(x, deps, case_of(*x), after, p->limit, static_cast<std::uint32_t>(*n))->start();
  }
  ask_case(deps.registry, x, read_events{who_of(x), after, p->limit, page_bytes * 16, {}},
           [x](event_page& page) { x->respond(page_response(page)); });
}

} // namespace

std::shared_ptr<event_streams> make_event_streams() { return std::make_shared<event_streams>(); }

void stream_turn(const exchange_ptr& x, const live_deps& deps, const case_id& id, const turn_receipt& receipt) {
  // The turn's own events begin a little before the receipt's seq; a turn that was accepted before may be anywhere.
  constexpr sequence events_of_a_submit = 8;
  const auto after = receipt.duplicate || receipt.seq < events_of_a_submit ? 0 : receipt.seq - events_of_a_submit;
  std::make_shared<sse_stream>(x, deps, id, after, receipt.turn)->start();
}

void add_live_routes(router& routes, const live_deps& deps) {
  route events{"GET", "/api/v1/cases/{case_id}/events", access::token, "live",
               "The log: a page (after_seq, limit), a long-poll (wait), or server-sent events (Accept: text/event-stream, Last-Event-ID)",
               {200, 404, 422}, [deps](const exchange_ptr& x) { serve_events(deps, x); }};
  events.asks = {"after_seq", "limit", "wait"};
  events.also_gives = {"text/event-stream"};
  routes.add(std::move(events));

  route tickets{"POST", "/api/v1/live/tickets", access::token, "live", "A one-use ticket for a live connection, good for 30 s", {201},
                [deps](const exchange_ptr& x) {
                  ask(deps.identity, x, issue_ticket{*x->in.auth, {}}, [x](std::string& t) {
                    x->respond(json_response(201, [&](json_writer& w) { w.member("ticket", t).member("expires_in", 30); }));
                  });
                }};
  tickets.idempotent = false; // a ticket is good for one use: a replayed one would be a trap
  routes.add(std::move(tickets));

  routes.add({"GET", "/api/v1/live", access::token, "live", "The live protocol (WebSocket upgrade, subprotocol faultmaven.live.v1)", {422},
              [](const exchange_ptr& x) { x->fail(invalid_field("request", "This address speaks WebSocket; see /api/v1/asyncapi.json.")); }});
  routes.add({"GET", "/api/v1/asyncapi.json", access::open, "live", "AsyncAPI 3.0 of the live protocol", {200},
              [document = asyncapi_document(deps)](const exchange_ptr& x) {
                response r;
                r.body = document;
                x->respond(std::move(r));
              }});
}

} // namespace fm::http
