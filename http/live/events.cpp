// The log over HTTP: pages, long-polls and server-sent events. A stream is a tail of the log: a live event only
// says that there is something new to read, so it can neither lose nor double anything.
#include "http/bridge/ask.hpp"
#include "http/live/live.hpp"
#include "protocol/wire/encode.hpp"

#include <atomic>
#include <mutex>

namespace fm::http {
namespace {

/// Wakes somebody when a case has news. Woken at most once per round.
class tail : public subscriber, public std::enable_shared_from_this<tail> {
public:
  tail(exchange_ptr x, live_deps d, case_id id, sequence after) : x_(std::move(x)), deps_(std::move(d)), id_(std::move(id)), sent_(after) {}

  void on_event(const shared_event_ptr&) noexcept override { news(); }
  void on_presence(const case_id&, const presence_list&) noexcept override {}
  void on_removed(const case_id&) noexcept override { end(); }
  void on_lost(const case_id&) noexcept override { end(); } // the client reconnects with Last-Event-ID

  void start() {
    caf::anon_send(deps_.registry, to_case{id_, attach{x_->in.auth->who, shared_from_this(), reply<case_view>{[self = shared_from_this()](outcome<case_view> v) {
                                                         if (!v)
                                                           return self->refused(v.error());
                                                         self->attached(*v);
                                                       }}}});
  }

protected:
  virtual void attached(const case_view& v) = 0;
  virtual void refused(const failure& f) { x_->fail(f); }
  /// False: enough was read.
  virtual bool page(const event_page& p) = 0;
  virtual bool room() const { return true; }

  void news() {
    {
      std::lock_guard lock{mutex_};
      if (over_ || !started_)
        return;
      fresh_ = true;
      if (reading_ || !room())
        return;
      reading_ = true;
      fresh_ = false;
    }
    read();
  }
  void begin() {
    {
      std::lock_guard lock{mutex_};
      started_ = true;
    }
    news();
  }
  virtual void end() {
    {
      std::lock_guard lock{mutex_};
      if (std::exchange(over_, true))
        return;
    }
    caf::anon_send(deps_.registry, to_case{id_, detach{shared_from_this()}});
  }

  exchange_ptr x_;
  live_deps deps_;
  case_id id_;

private:
  void read() {
    caf::anon_send(deps_.registry, to_case{id_, read_events{x_->in.auth->who, sent_.load(), 500, 256U << 10, reply<event_page>{[self = shared_from_this()](outcome<event_page> p) {
                                                              if (!p || !self->page(*p))
                                                                return self->end();
                                                              self->sent_ = std::max(self->sent_.load(), p->covered);
                                                              bool again = false;
                                                              {
                                                                std::lock_guard lock{self->mutex_};
                                                                self->reading_ = false;
                                                                again = self->fresh_ || p->covered < p->head;
                                                              }
                                                              if (again)
                                                                self->news();
                                                            }}}});
  }
  std::mutex mutex_;
  std::atomic<sequence> sent_;
  bool started_ = false, reading_ = false, fresh_ = false, over_ = false;
};

bool ends_turn(const case_event& e, const turn_id& id) {
  const auto of = [&](const auto& d) { return d.turn == id; };
  if (auto* d = std::get_if<turn_completed>(&e.data)) return of(*d);
  if (auto* d = std::get_if<turn_cancelled>(&e.data)) return of(*d);
  if (auto* d = std::get_if<turn_failed>(&e.data)) return of(*d);
  if (auto* d = std::get_if<turn_withdrawn>(&e.data)) return of(*d);
  return false;
}
bool concerns_turn(const case_event& e, const turn_id& id) {
  return std::visit([&](const auto& d) {
    if constexpr (requires { d.turn; })
      return d.turn == id;
    else
      return false;
  }, e.data);
}

class sse_tail final : public tail {
public:
  sse_tail(exchange_ptr x, live_deps d, case_id id, sequence after, std::optional<turn_id> only)
      : tail(std::move(x), std::move(d), std::move(id), after), only_(std::move(only)) {}
  void heartbeat() {
    if (stream_ && !stream_->write(": heartbeat\n\n"))
      end();
  }

private:
  void attached(const case_view&) override {
    response head;
    head.content_type = "text/event-stream";
    head.with("Cache-Control", "no-store").with("X-Accel-Buffering", "no");
    auto self = std::static_pointer_cast<sse_tail>(shared_from_this());
    stream_ = x_->stream(std::move(head), [self] { self->end(); }, [self] { self->news(); });
    stream_->write(": open\n\n");
    begin();
  }
  bool page(const event_page& p) override {
    for (auto& e : p.events) {
      if (only_ && !concerns_turn(*e, *only_))
        continue;
      if (!stream_->write("id: " + std::to_string(e->seq) + "\ndata: " + wire::event_frame(*e) + "\n\n"))
        return false;
      if (only_ && ends_turn(*e, *only_))
        return false;
    }
    return true;
  }
  bool room() const override { return stream_->waiting() < (1U << 20); }
  void end() override {
    tail::end();
    if (stream_)
      stream_->finish();
  }
  std::optional<turn_id> only_;
  body_stream_ptr stream_;
};

response page_response(const event_page& p) {
  return json_response(200, [&](json_writer& w) {
    w.key("events").begin_array();
    for (auto& e : p.events)
      w.raw(wire::event_frame(*e));
    w.end_array().member("seq", p.head).member("next_after_seq", p.covered).member("has_more", p.covered < p.head);
  });
}

class poll_tail final : public tail {
public:
  poll_tail(exchange_ptr x, live_deps d, case_id id, sequence after, std::chrono::seconds wait)
      : tail(std::move(x), std::move(d), std::move(id), after), wait_(wait), after_(after) {}

private:
  void attached(const case_view& v) override {
    event_page none;
    none.covered = std::min(after_, v.seq);
    none.head = v.seq;
    auto self = shared_from_this();
    x_->respond_after(wait_, page_response(none));
    begin();
  }
  bool page(const event_page& p) override {
    if (p.events.empty())
      return true;
    x_->respond(page_response(p));
    return false;
  }
  std::chrono::seconds wait_;
  sequence after_;
};

/// Comment heartbeats for every open stream, from one place: the streams are few and a thread sleeps cheaply.
class beater {
public:
  static beater& instance() {
    static beater b;
    return b;
  }
  void add(std::weak_ptr<sse_tail> t) {
    std::lock_guard lock{mutex_};
    tails_.push_back(std::move(t));
  }
  void beat() {
    std::vector<std::shared_ptr<sse_tail>> now;
    {
      std::lock_guard lock{mutex_};
      std::erase_if(tails_, [&](auto& w) {
        auto t = w.lock();
        if (t)
          now.push_back(std::move(t));
        return !t;
      });
    }
    for (auto& t : now)
      t->heartbeat();
  }

private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<sse_tail>> tails_;
};

std::optional<sequence> number(std::string_view text) {
  sequence n = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
  return ec == std::errc{} && end == text.data() + text.size() && !text.empty() ? std::optional{n} : std::nullopt;
}
} // namespace

void beat_event_streams() { beater::instance().beat(); }

void stream_turn(const exchange_ptr& x, const live_deps& deps, const case_id& id, const turn_receipt& receipt) {
  // A retry of a turn reads its events from the beginning of the case's log; a new one from where it was queued.
  const auto after = receipt.duplicate ? 0 : receipt.seq > 0 ? receipt.seq - 1 : 0;
  auto t = std::make_shared<sse_tail>(x, deps, id, after > 2 ? after - 2 : 0, receipt.turn);
  beater::instance().add(t);
  t->start();
}

void add_live_routes(router& routes, const live_deps& deps) {
  routes.add({"GET", "/api/v1/cases/{case_id}/events", access::token, "live", "The log: a page (after_seq, limit), a long-poll (wait), or server-sent events (Accept: text/event-stream, Last-Event-ID)", {200, 404, 422},
              [deps](exchange_ptr x) {
                auto p = page_of(x, 1'000);
                if (!p)
                  return;
                const auto bad = [&](const char* field) {
                  auto f = make_failure(errc::invalid, std::string{field} + " must be a whole number.");
                  x->fail(f.with_fact("field", field));
                };
                sequence after = 0;
                if (const auto text = x->in.asked("after_seq")) {
                  const auto n = number(*text);
                  if (!n)
                    return bad("after_seq");
                  after = *n;
                }
                if (x->in.header("accept").find("text/event-stream") != std::string_view::npos) {
                  if (const auto last = number(x->in.header("last-event-id")))
                    after = *last;
                  auto t = std::make_shared<sse_tail>(x, deps, case_of(*x), after, std::nullopt);
                  beater::instance().add(t);
                  return t->start();
                }
                if (const auto text = x->in.asked("wait")) {
                  const auto n = number(*text);
                  if (!n || *n > 60)
                    return bad("wait");
                  x->extend_deadline(std::chrono::seconds{*n + 10});
                  return std::make_shared<poll_tail>(x, deps, case_of(*x), after, std::chrono::seconds{*n})->start();
                }
                tell_case(deps.registry, *x, read_events{x->in.auth->who, after, p->limit, 4U << 20, answering<event_page>(x, [](const exchange_ptr& x, event_page& page) { x->respond(page_response(page)); })});
              }});
  routes.add({"POST", "/api/v1/live/tickets", access::token, "live", "A one-use ticket for a live connection, good for 30 s", {201}, [deps](exchange_ptr x) {
                caf::anon_send(deps.identity, issue_ticket{*x->in.auth, answering<std::string>(x, [](const exchange_ptr& x, std::string& t) {
                                                             x->respond(json_response(201, [&](json_writer& w) { w.member("ticket", t).member("expires_in", 30); }));
                                                           })});
              }});
  routes.add({"GET", "/api/v1/live", access::token, "live", "The live protocol (WebSocket upgrade, subprotocol faultmaven.live.v1)", {400}, [](exchange_ptr x) {
                auto f = make_failure(errc::invalid, "This address speaks WebSocket; see /api/v1/asyncapi.json.");
                x->fail(f.with_fact("field", "request"));
              }});
  routes.add({"GET", "/api/v1/asyncapi.json", access::open, "live", "AsyncAPI 3.0 of the live protocol", {200}, [deps](exchange_ptr x) {
                response r;
                r.body = asyncapi_document(deps);
                x->respond(std::move(r));
              }});
}

} // namespace fm::http
