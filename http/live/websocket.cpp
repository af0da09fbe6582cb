// WebSocket connections. Actor threads put events into a connection's outbox under a short lock; its I/O thread
// joins whatever waits into one message and writes once. One timer a thread sweeps all its connections.
#include "http/live/encode.hpp"
#include "http/live/feed.hpp"
#include "http/live/live.hpp"
#include "http/live/live_command.hpp"

#include "http/core/case_patch.hpp"
#include "http/core/rate_limit.hpp"
#include "http/core/settings.hpp"
#include "http/core/upgrade.hpp"
#include "http/core/url.hpp"
#include "protocol/base/text.hpp"

#include "protocol/wire/encode.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <mutex>
#include <unordered_set>

namespace fm::http {
namespace {
namespace net = boost::asio;
namespace beast = boost::beast;
namespace ws = boost::beast::websocket;
namespace bh = boost::beast::http;
using tcp = net::ip::tcp;
using error_code = boost::system::error_code;
using steady = std::chrono::steady_clock;

constexpr std::string_view subprotocol = "faultmaven.live.v1";
constexpr std::uint16_t close_unauthorized = 4401;

class connection;
using connection_ptr = std::shared_ptr<connection>;

/// One I/O thread's share: its connections, and those that have something to write.
struct lane : std::enable_shared_from_this<lane> {
  explicit lane(net::io_context& c) : context(c), timer(c) {}
  net::io_context& context;
  net::steady_timer timer;
  std::unordered_set<connection_ptr> connections; ///< I/O thread only
  std::uint32_t tick = 0;                         ///< seconds since start; I/O thread only

  std::mutex mutex;
  std::vector<connection_ptr> dirty;
  bool posted = false;

  void schedule(connection_ptr c);
  void run_dirty();
  void sweep();
};
using lane_ptr = std::shared_ptr<lane>;

struct endpoint_state {
  live_deps deps;
  std::vector<lane_ptr> lanes;
  gauge* open = nullptr;
  counter* events = nullptr;
  counter* messages = nullptr;
  counter* lagged = nullptr;
  std::atomic<bool> closing{false};
};
using endpoint_ptr = std::shared_ptr<endpoint_state>;

struct feed_entry {
  case_id id;
  case_feed feed;
  bool opened = false;   ///< ok was sent
  bool reading = false;  ///< a page is being read
  bool attached = false;
  bool reattach = false;
};

/// An outbox item: an event shared by everybody, or a frame of this connection's own.
struct out_item {
  shared_event_ptr event;
  std::string own;
  const std::string& text() const { return event ? event->frame(wire::event_frame) : own; }
};

class connection final : public subscriber, public list_watcher, public std::enable_shared_from_this<connection> {
public:
  connection(tcp::socket socket, endpoint_ptr e, lane_ptr l) : stream_(std::move(socket)), endpoint_(std::move(e)), lane_(std::move(l)) {}

  // ---- the handshake --------------------------------------------------------------------------------------
  void accept(bh::request<bh::string_body> request) {
    lane_->connections.insert(shared_from_this());
    born_ = last_read_ = last_write_ = lane_->tick;
    endpoint_->open->add(1);
    auto held = std::make_shared<bh::request<bh::string_body>>(std::move(request));
    const auto target = std::string_view{held->target().data(), held->target().size()};
    const auto authorization = std::string_view{(*held)[bh::field::authorization].data(), (*held)[bh::field::authorization].size()};
    const auto origin = std::string_view{(*held)[bh::field::origin].data(), (*held)[bh::field::origin].size()};
    const auto host = std::string_view{(*held)[bh::field::host].data(), (*held)[bh::field::host].size()};
    if (!origin.empty() && !origin_allowed(origin, host, endpoint_->deps.settings.allowed_origins))
      return refuse(403, make_failure(errc::forbidden, "This origin may not open live connections."));
    const auto question = target.find('?');
    const auto query = parse_query(question == std::string_view::npos ? std::string_view{} : target.substr(question + 1));
    const auto ticket = query ? query->find("ticket") : decltype(query->end()){};
    const auto on_who = [self = shared_from_this(), held](outcome<authenticated> who) {
      net::post(self->lane_->context, [self, held, who = std::move(who)]() mutable {
        if (!who)
          return self->refuse(401, who.error());
        self->upgrade(*held, std::move(*who));
      });
    };
    if (query && ticket != query->end())
      caf::anon_send(endpoint_->deps.identity, redeem_ticket{ticket->second, reply<authenticated>{on_who}});
    else if (authorization.size() > 7 && beast::iequals(beast::string_view{authorization.data(), 7}, "bearer "))
      caf::anon_send(endpoint_->deps.identity, authenticate{std::string{trimmed(authorization.substr(7))}, reply<authenticated>{on_who}});
    else
      upgrade(*held, std::nullopt);
  }

  void refuse(int status, const failure& f) {
    auto r = std::make_shared<bh::response<bh::string_body>>();
    r->result(static_cast<unsigned>(status));
    r->version(11);
    r->set(bh::field::content_type, "application/json");
    if (status == 401)
      r->set(bh::field::www_authenticate, "Bearer");
    r->body() = wire::error_body(f, "");
    r->keep_alive(false);
    r->prepare_payload();
    bh::async_write(stream_.next_layer(), *r, [self = shared_from_this(), r](error_code, std::size_t) { self->gone(); });
  }

  void upgrade(const bh::request<bh::string_body>& request, std::optional<authenticated> who) {
    stream_.set_option(ws::stream_base::timeout{ws::stream_base::none(), ws::stream_base::none(), false});
    const bool wants = std::string_view{request[bh::field::sec_websocket_protocol].data(), request[bh::field::sec_websocket_protocol].size()}.find(subprotocol) != std::string_view::npos;
    stream_.set_option(ws::stream_base::decorator([wants](ws::response_type& r) {
      if (wants)
        r.set(bh::field::sec_websocket_protocol, std::string{subprotocol});
    }));
    stream_.read_message_max(endpoint_->deps.settings.client_message_bytes_max);
    stream_.auto_fragment(false);
    stream_.text(true);
    stream_.control_callback([weak = weak_from_this()](ws::frame_type, beast::string_view) {
      if (auto self = weak.lock())
        self->last_read_ = self->lane_->tick;
    });
    stream_.async_accept(request, [self = shared_from_this(), who = std::move(who)](error_code ec) mutable {
      if (ec)
        return self->gone();
      if (who)
        self->welcome(std::move(*who));
      self->read();
    });
  }

  void welcome(authenticated who) {
    who_ = std::make_unique<authenticated>(std::move(who));
    send_own(welcome_frame(endpoint_->deps, random_id(*endpoint_->deps.random, "conn_"), *who_));
  }

  // ---- reading --------------------------------------------------------------------------------------------
  void read() {
    stream_.async_read(buffer_, [self = shared_from_this()](error_code ec, std::size_t) {
      if (ec)
        return self->gone();
      self->last_read_ = self->lane_->tick;
      self->on_message();
      if (!self->closed_)
        self->read();
    });
  }

  void on_message() {
    if (!stream_.got_text()) {
      send_own(wire::error_frame(make_failure(errc::invalid, "Messages must be text."), {}));
    } else {
      std::string_view text{static_cast<const char*>(buffer_.data().data()), buffer_.size()};
      while (!text.empty() && !closed_) {
        const auto end = text.find('\n');
        const auto line = trimmed(text.substr(0, end));
        text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        if (!line.empty())
          on_object(line);
      }
    }
    // An idle connection keeps no buffer.
    buffer_ = beast::flat_buffer{};
  }

  void on_object(std::string_view json) {
    const auto& s = endpoint_->deps.settings;
    auto parsed = parse_live_command(json);
    if (!bucket_.take(steady::now(), s.commands_per_second, s.commands_burst)) {
      auto f = make_failure(errc::rate_limited, "Too many commands; slow down.");
      f.retry_after = std::chrono::seconds{1};
      return send_own(wire::error_frame(f, parsed.reply_to));
    }
    if (!parsed.command)
      return send_own(wire::error_frame(parsed.command.error(), parsed.reply_to));
    if (in_flight_ >= s.commands_in_flight_max) {
      auto f = make_failure(errc::overloaded, "Too many commands of this connection wait for their answer.");
      f.retry_after = std::chrono::seconds{1};
      return send_own(wire::error_frame(f, parsed.reply_to));
    }
    auto& c = *parsed.command;
    if (c.verb == live_verb::hello)
      return hello(c);
    if (!who_)
      return send_own(wire::error_frame(make_failure(errc::unauthenticated, "Say hello with your token first."), c.reply_to));
    command(c);
  }

  void hello(live_command& c) {
    if (who_)
      return send_own(wire::error_frame(make_failure(errc::conflict, "This connection said hello already."), c.reply_to));
    caf::anon_send(endpoint_->deps.identity,
                   authenticate{c.body.text("token").value_or(""), answer<authenticated>(c.reply_to, [](connection& self, const std::string& reply_to, authenticated& who) {
                                  self.send_own(ok_frame(reply_to, [](json_writer&) {}));
                                  self.welcome(std::move(who));
                                })});
    hello_sent_ = true;
  }

  void command(live_command& c) {
    const case_id id{c.body.text("case_id").value_or("")};
    const auto text = [&](std::string_view name) { return c.body.text(name).value_or(""); };
    const auto wrong = [&](const failure& f) { send_own(wire::error_frame(f, c.reply_to)); };
    const principal& who = who_->who;
    switch (c.verb) {
    case live_verb::ping:
      return send_own(ok_frame(c.reply_to, [&](json_writer& w) { w.member("server_time", to_iso8601(endpoint_->deps.clock->now())); }));
    case live_verb::cases_watch:
      return tell(watch_list{who, weak_from_this(), answer<done_t>(c.reply_to, [](connection& self, const std::string& to, done_t&) {
                               self.send_own(ok_frame(to, [](json_writer&) {}));
                             })});
    case live_verb::case_open: {
      const auto after = c.body.integer("after_seq");
      if (auto f = c.body.wrong())
        return wrong(*f);
      if (after && *after < 0)
        return wrong(make_failure(errc::invalid, "after_seq must not be negative."));
      return open(c.reply_to, id, after ? std::optional{static_cast<sequence>(*after)} : std::nullopt);
    }
    case live_verb::case_close:
      close_case(id);
      return send_own(ok_frame(c.reply_to, [](json_writer&) {}));
    case live_verb::not_yet:
      return wrong(make_failure(errc::not_implemented, "This command is not there yet."));
    default: break;
    }
    if (still_replaying(id))
      return wrong(make_conflict("INVALID_TRANSITION", "Wait until the replay of this case is done."));
    const turn_id turn{text("turn_id")};
    const auto seq_answer = [&] {
      return answer<sequence>(c.reply_to, [](connection& self, const std::string& to, sequence& seq) {
        self.send_own(ok_frame(to, [&](json_writer& w) { w.member("seq", seq); }));
      });
    };
    const auto receipt_answer = [&] {
      return answer<turn_receipt>(c.reply_to, [](connection& self, const std::string& to, turn_receipt& r) {
        self.send_own(ok_frame(to, [&](json_writer& w) {
          w.member("turn_id", r.turn.value).member("turn_number", r.turn_number).member("position", r.position)
              .member("duplicate", r.duplicate).member("status", name_of(r.status)).member("seq", r.seq);
        }));
      });
    };
    std::optional<case_command> out;
    switch (c.verb) {
    case live_verb::turn_submit: {
      const auto base = c.body.integer("base_seq");
      out = submit_turn{who, client_turn_id{text("client_turn_id")}, text("content"),
                        base && *base >= 0 ? std::optional{static_cast<sequence>(*base)} : std::nullopt, receipt_answer()};
      break;
    }
    case live_verb::turn_edit: out = edit_turn{who, turn, text("content"), seq_answer()}; break;
    case live_verb::turn_withdraw: out = withdraw_turn{who, turn, seq_answer()}; break;
    case live_verb::turn_stop: out = stop_turn{who, turn, seq_answer()}; break;
    case live_verb::turn_regenerate: out = regenerate_turn{who, turn, client_turn_id{text("client_turn_id")}, receipt_answer()}; break;
    case live_verb::note_add:
      out = add_note{who, text("content"), answer<message>(c.reply_to, [](connection& self, const std::string& to, message& m) {
                       self.send_own(ok_frame(to, [&](json_writer& w) { w.member("message_id", m.id.value); }));
                     })};
      break;
    case live_verb::case_update: {
      auto patch = read_case_patch(c.body);
      const auto version = c.body.integer("expected_version");
      if (!patch)
        return wrong(patch.error());
      out = update_case{who, std::move(*patch), version ? std::optional{static_cast<std::uint32_t>(*version)} : std::nullopt,
                        answer<case_view>(c.reply_to, [](connection& self, const std::string& to, case_view& v) {
                          self.send_own(ok_frame(to, [&](json_writer& w) { w.member("version", v.record.version).member("seq", v.seq); }));
                        })};
      break;
    }
    case live_verb::typing:
    case live_verb::viewing: {
      set_presence p{who, shared_from_this(), {}, {}, answer<done_t>(c.reply_to, [](connection& self, const std::string& to, done_t&) {
                       self.send_own(ok_frame(to, [](json_writer&) {}));
                     })};
      if (c.verb == live_verb::typing)
        p.typing = c.body.boolean("active").value_or(true);
      else
        p.focus = c.body.text("focus").value_or("");
      out = std::move(p);
      break;
    }
    default: return;
    }
    if (auto f = c.body.wrong()) {
      fm::refuse(*out, *f);
      return;
    }
    tell(to_case{id, std::move(*out)});
  }

  // ---- cases ----------------------------------------------------------------------------------------------
  void open(const std::string& reply_to, const case_id& id, std::optional<sequence> after) {
    {
      std::lock_guard lock{mutex_};
      if (find(id)) {
        // Opening again starts over from what the client says it holds.
        erase(id);
      }
      if (feeds_.size() >= endpoint_->deps.settings.cases_open_max) {
        push_own(wire::error_frame(make_failure(errc::invalid, "At most " + std::to_string(endpoint_->deps.settings.cases_open_max) + " cases may be open on one connection."), reply_to));
        return;
      }
      feeds_.push_back(std::make_unique<feed_entry>(feed_entry{id, case_feed{after.value_or(0)}}));
    }
    tell(to_case{id, attach{who_->who, shared_from_this(), answer<case_view>(reply_to, [id, after](connection& self, const std::string& to, case_view& view) {
                              self.on_attached(to, id, after, view);
                            }, [id](connection& self) { self.forget(id); })}});
  }

  void on_attached(const std::string& reply_to, const case_id& id, std::optional<sequence> after, const case_view& view) {
    bool known = false;
    {
      std::lock_guard lock{mutex_};
      if (auto* f = find(id)) {
        known = true;
        f->opened = f->attached = true;
      }
    }
    if (!known) // closed in the meantime
      return tell(to_case{id, detach{shared_from_this()}});
    send_own(ok_frame(reply_to, [&](json_writer& w) { w.member("seq", view.seq); }));
    const bool replay = after && *after <= view.seq && view.seq - *after <= endpoint_->deps.settings.replay_events_max;
    if (replay)
      return read_page(id);
    snapshot(id);
  }

  void snapshot(const case_id& id) {
    tell(to_case{id, read_snapshot{who_->who, posted<case_snapshot>([id](connection& self, outcome<case_snapshot>& s) {
                                     if (!s) {
                                       self.send_own(wire::error_frame(s.error(), {}));
                                       return self.forget(id);
                                     }
                                     {
                                       std::lock_guard lock{self.mutex_};
                                       auto* f = self.find(id);
                                       if (!f)
                                         return;
                                       f->feed = case_feed{0};
                                       f->feed.covered_by_snapshot(s->seq);
                                       self.push_own(snapshot_frame(*s));
                                     }
                                     self.read_page(id);
                                   })}});
  }

  void read_page(const case_id& id) {
    sequence after = 0;
    {
      std::lock_guard lock{mutex_};
      auto* f = find(id);
      if (!f || f->reading || f->feed.live() || !f->attached)
        return;
      if (outbox_bytes_ > endpoint_->deps.settings.outbox_bytes_max / 2)
        return; // goes on when the outbox has drained
      f->reading = true;
      after = f->feed.sent();
    }
    tell(to_case{id, read_events{who_->who, after, 500, 256U << 10, posted<event_page>([id](connection& self, outcome<event_page>& page) { self.on_page(id, page); })}});
  }

  void on_page(const case_id& id, outcome<event_page>& page) {
    bool more = false;
    {
      std::lock_guard lock{mutex_};
      auto* f = find(id);
      if (!f)
        return;
      f->reading = false;
      if (!page) {
        // Ask again with the next sweep; when access is gone, the case says so itself.
        f->reattach = true;
        f->attached = false;
      } else {
        for (auto& e : page->events)
          if (f->feed.on_page_event(*e))
            push_own(wire::event_frame(*e));
        for (auto& e : f->feed.settle(page->covered, page->head))
          push({e, {}});
        more = !f->feed.live();
      }
    }
    lane_->schedule(shared_from_this());
    if (more)
      read_page(id);
  }

  void close_case(const case_id& id) {
    forget(id);
    tell(to_case{id, detach{shared_from_this()}});
  }
  void forget(const case_id& id) {
    std::lock_guard lock{mutex_};
    erase(id);
  }
  bool still_replaying(const case_id& id) {
    std::lock_guard lock{mutex_};
    const auto* f = find(id);
    return f && !f->feed.live() && !f->feed.behind();
  }

  // ---- subscriber, list_watcher: on actor threads ---------------------------------------------------------
  void on_event(const shared_event_ptr& event) noexcept override {
    {
      std::lock_guard lock{mutex_};
      auto* f = find(event->event->in_case);
      if (!f || gone_)
        return;
      const auto before = f->feed.sent();
      if (!f->feed.on_event(event))
        return;
      if (outbox_bytes_ + event->frame(wire::event_frame).size() > endpoint_->deps.settings.outbox_bytes_max) {
        f->feed.fall_behind(before);
        push_own(case_frame("lagging", f->id));
        endpoint_->lagged->add();
      } else {
        push({event, {}});
      }
      if (std::exchange(scheduled_, true))
        return;
    }
    lane_->schedule(shared_from_this());
  }
  void on_presence(const case_id& id, const presence_list& who) noexcept override {
    {
      std::lock_guard lock{mutex_};
      auto* f = find(id);
      if (!f || !f->opened || gone_ || outbox_bytes_ > endpoint_->deps.settings.outbox_bytes_max / 2)
        return; // transient: the next one tells the same
      push_own(presence_frame(id, *who));
      if (std::exchange(scheduled_, true))
        return;
    }
    lane_->schedule(shared_from_this());
  }
  void on_removed(const case_id& id) noexcept override {
    {
      std::lock_guard lock{mutex_};
      if (!find(id))
        return;
      erase(id);
      push_own(case_frame("case.removed", id));
      if (std::exchange(scheduled_, true))
        return;
    }
    lane_->schedule(shared_from_this());
  }
  void on_lost(const case_id& id) noexcept override {
    std::lock_guard lock{mutex_};
    if (auto* f = find(id)) {
      f->feed.restart();
      f->attached = false;
      f->reattach = true; // the next sweep attaches again
    }
  }
  void on_case_changed(const std::shared_ptr<const case_summary>& summary, bool deleted) noexcept override {
    {
      std::lock_guard lock{mutex_};
      if (gone_ || outbox_bytes_ > endpoint_->deps.settings.outbox_bytes_max / 2)
        return;
      push_own(list_changed_frame(*summary, deleted));
      if (std::exchange(scheduled_, true))
        return;
    }
    lane_->schedule(shared_from_this());
  }

  // ---- writing: on the I/O thread -------------------------------------------------------------------------
  void drain() {
    if (closed_)
      return;
    {
      std::lock_guard lock{mutex_};
      scheduled_ = false;
      if (writing_ || outbox_.empty())
        return;
      writing_ = true;
      std::size_t n = 0;
      while (n < outbox_.size() && writing_text_.size() < endpoint_->deps.settings.message_bytes) {
        const auto& text = outbox_[n].text();
        if (n > 0)
          writing_text_ += '\n';
        writing_text_ += text;
        outbox_bytes_ -= text.size();
        ++n;
      }
      if (n == outbox_.size())
        outbox_.clear();
      else
        outbox_.erase(outbox_.begin(), outbox_.begin() + static_cast<std::ptrdiff_t>(n));
      endpoint_->events->add(static_cast<double>(n));
    }
    endpoint_->messages->add();
    last_write_ = write_started_ = lane_->tick;
    stream_.async_write(net::buffer(writing_text_), [self = shared_from_this()](error_code ec, std::size_t) {
      if (ec)
        return self->gone();
      self->on_written();
    });
  }

  void on_written() {
    std::vector<case_id> resume;
    bool idle = false;
    {
      std::lock_guard lock{mutex_};
      writing_ = false;
      idle = outbox_.empty();
      if (writing_text_.capacity() > 4096 && idle)
        std::string{}.swap(writing_text_);
      else
        writing_text_.clear();
      if (idle)
        std::vector<out_item>{}.swap(outbox_);
      if (outbox_bytes_ <= endpoint_->deps.settings.outbox_bytes_max / 2)
        for (auto& f : feeds_)
          if (!f->feed.live() && !f->reading && f->opened && f->attached)
            resume.push_back(f->id);
    }
    for (auto& id : resume)
      read_page(id);
    if (!idle)
      drain();
  }

  /// Once a second or so, from the lane's timer.
  void sweep(std::uint32_t tick, bool beat) {
    const auto& s = endpoint_->deps.settings;
    if (!who_ && tick - born_ >= s.hello_timeout.count())
      return close(close_unauthorized, "say hello within the time");
    if (tick - last_read_ >= s.pong_timeout.count())
      return gone();
    bool busy = false;
    std::vector<case_id> again;
    {
      std::lock_guard lock{mutex_};
      busy = writing_;
      for (auto& f : feeds_)
        if (std::exchange(f->reattach, false))
          again.push_back(f->id);
    }
    if (busy && tick - write_started_ >= s.write_timeout.count())
      return gone();
    for (auto& id : again)
      tell(to_case{id, attach{who_->who, shared_from_this(), posted<case_view>([id](connection& self, outcome<case_view>& v) {
                                {
                                  std::lock_guard lock{self.mutex_};
                                  auto* f = self.find(id);
                                  if (!f)
                                    return;
                                  if (!v) {
                                    if (v.error().code == errc::not_found) {
                                      self.erase(id);
                                      self.push_own(case_frame("case.removed", id));
                                    } else {
                                      f->reattach = true;
                                    }
                                    self.lane_->schedule(self.shared_from_this());
                                    return;
                                  }
                                  f->attached = true;
                                }
                                self.read_page(id);
                              })}});
    if (!beat || !who_)
      return;
    if (!pinging_) {
      pinging_ = true;
      stream_.async_ping({}, [self = shared_from_this()](error_code ec) {
        self->pinging_ = false;
        if (ec)
          self->gone();
      });
    }
    if (tick - last_write_ >= s.heartbeat.count() && !busy) {
      std::string frame;
      json_writer w{frame};
      w.begin_object().member("type", "heartbeat").member("at", to_iso8601(endpoint_->deps.clock->now())).end_object();
      send_own(std::move(frame));
    }
  }

  bool is_of(const std::string& token_id) const { return who_ && who_->token_id == token_id; }
  bool is_of(const user_id& id) const { return who_ && who_->who.user == id; }

  void close(std::uint16_t code, const char* why) {
    if (closed_ || closing_)
      return;
    closing_ = true;
    last_read_ = lane_->tick; // the close handshake gets its own time
    stream_.async_close(ws::close_reason{static_cast<ws::close_code>(code), why},
                        [self = shared_from_this()](error_code) { self->gone(); });
  }

  /// The end, from whatever side: I/O thread.
  void gone() {
    if (std::exchange(closed_, true))
      return;
    std::vector<case_id> open_cases;
    {
      std::lock_guard lock{mutex_};
      gone_ = true;
      for (auto& f : feeds_)
        open_cases.push_back(f->id);
      feeds_.clear();
      outbox_.clear();
    }
    for (auto& id : open_cases)
      caf::anon_send(endpoint_->deps.registry, to_case{id, detach{shared_from_this()}});
    error_code ec;
    stream_.next_layer().close(ec);
    endpoint_->open->add(-1);
    lane_->connections.erase(shared_from_this());
  }

private:
  template <class Fill>
  static std::string ok_frame(const std::string& reply_to, Fill fill) {
    std::string out;
    json_writer w{out};
    w.begin_object().member("type", "ok").key("reply_to").raw(reply_to.empty() ? "null" : reply_to);
    fill(w);
    w.end_object();
    return out;
  }

  template <class M>
  void tell(M m) {
    caf::anon_send(endpoint_->deps.registry, std::move(m));
  }

  /// A reply that runs on this connection's I/O thread.
  template <class T, class F>
  reply<T> posted(F f) {
    return reply<T>{[self = shared_from_this(), f](outcome<T> r) {
      net::post(self->lane_->context, [self, f, r = std::move(r)]() mutable {
        if (!self->closed_)
          f(*self, r);
      });
    }};
  }
  /// The same, with the error answered as such.
  template <class T, class F>
  reply<T> answer(std::string reply_to, F f, std::function<void(connection&)> failed = {}) {
    ++in_flight_;
    return posted<T>([reply_to = std::move(reply_to), f, failed](connection& self, outcome<T>& r) {
      --self.in_flight_;
      if (!r) {
        if (failed)
          failed(self);
        self.send_own(wire::error_frame(r.error(), reply_to));
        if (r.error().code == errc::unauthenticated && !self.who_)
          self.close(close_unauthorized, "the token is not valid");
        return;
      }
      f(self, reply_to, *r);
    });
  }

  feed_entry* find(const case_id& id) {
    for (auto& f : feeds_)
      if (f->id == id)
        return f.get();
    return nullptr;
  }
  void erase(const case_id& id) {
    std::erase_if(feeds_, [&](auto& f) { return f->id == id; });
  }
  void push(out_item item) {
    outbox_bytes_ += item.text().size();
    outbox_.push_back(std::move(item));
  }
  void push_own(std::string frame) { push({nullptr, std::move(frame)}); }
  void send_own(std::string frame) {
    {
      std::lock_guard lock{mutex_};
      push_own(std::move(frame));
    }
    lane_->schedule(shared_from_this());
  }

  ws::stream<tcp::socket, false> stream_;
  beast::flat_buffer buffer_;
  endpoint_ptr endpoint_;
  lane_ptr lane_;
  std::unique_ptr<authenticated> who_;
  token_bucket bucket_;
  std::size_t in_flight_ = 0;
  std::uint32_t born_ = 0, last_read_ = 0, last_write_ = 0, write_started_ = 0;
  bool pinging_ = false, closed_ = false, closing_ = false, hello_sent_ = false;

  std::mutex mutex_; ///< guards what follows
  std::vector<std::unique_ptr<feed_entry>> feeds_;
  std::vector<out_item> outbox_;
  std::size_t outbox_bytes_ = 0;
  std::string writing_text_;
  bool writing_ = false, scheduled_ = false, gone_ = false;
};

void lane::schedule(connection_ptr c) {
  {
    std::lock_guard lock{mutex};
    dirty.push_back(std::move(c));
    if (std::exchange(posted, true))
      return;
  }
  net::post(context, [self = shared_from_this()] { self->run_dirty(); });
}

void lane::run_dirty() {
  std::vector<connection_ptr> now;
  {
    std::lock_guard lock{mutex};
    now.swap(dirty);
    posted = false;
  }
  for (auto& c : now)
    c->drain();
}

class endpoint final : public upgrade_handler, public revocation_sink, public std::enable_shared_from_this<endpoint> {
public:
  endpoint(const live_deps& deps, const std::vector<net::io_context*>& contexts) : state_(std::make_shared<endpoint_state>()) {
    state_->deps = deps;
    state_->open = &deps.metrics->get_gauge("faultmaven_live_connections", "Open WebSocket connections");
    state_->events = &deps.metrics->get_counter("faultmaven_live_objects_total", "Live objects sent");
    state_->messages = &deps.metrics->get_counter("faultmaven_live_messages_total", "WebSocket messages sent");
    state_->lagged = &deps.metrics->get_counter("faultmaven_live_lagging_total", "Times a connection fell behind");
    for (auto* c : contexts)
      state_->lanes.push_back(std::make_shared<lane>(*c));
    for (auto& l : state_->lanes)
      net::post(l->context, [s = state_, l] { sweep(s, l); });
  }

  void accept(tcp::socket socket, bh::request<bh::string_body> request) override {
    auto& context = static_cast<net::io_context&>(socket.get_executor().context());
    for (auto& l : state_->lanes)
      if (&l->context == &context) {
        std::make_shared<connection>(std::move(socket), state_, l)->accept(std::move(request));
        return;
      }
  }

  void close_all() override {
    state_->closing = true;
    for (auto& l : state_->lanes)
      net::post(l->context, [l] {
        for (auto& c : std::vector<connection_ptr>{l->connections.begin(), l->connections.end()})
          c->close(1001, "the server is going away; reconnect and resume");
      });
  }

  void on_token_revoked(const std::string& token_id) noexcept override {
    close_where([token_id](const connection& c) { return c.is_of(token_id); });
  }
  void on_user_deactivated(const user_id& id) noexcept override {
    close_where([id](const connection& c) { return c.is_of(id); });
  }

private:
  template <class Match>
  void close_where(Match match) {
    for (auto& l : state_->lanes)
      net::post(l->context, [l, match] {
        for (auto& c : std::vector<connection_ptr>{l->connections.begin(), l->connections.end()})
          if (match(*c))
            c->close(close_unauthorized, "signed out");
      });
  }

  /// Every second: one fifteenth of the connections gets its heartbeat, all get a glance.
  static void sweep(const endpoint_ptr& s, const lane_ptr& l) {
    ++l->tick;
    const auto beat_every = static_cast<std::size_t>(std::max<std::int64_t>(1, s->deps.settings.heartbeat.count()));
    for (auto& c : std::vector<connection_ptr>{l->connections.begin(), l->connections.end()}) {
      const auto bucket = reinterpret_cast<std::uintptr_t>(c.get()) / 64 % beat_every;
      c->sweep(l->tick, bucket == l->tick % beat_every);
    }
    if (l == s->lanes.front() && l->tick % beat_every == 0)
      beat_event_streams();
    l->timer.expires_after(std::chrono::seconds{1});
    l->timer.async_wait([s, l](error_code ec) {
      if (!ec)
        sweep(s, l);
    });
  }

  endpoint_ptr state_;
};
} // namespace

std::shared_ptr<upgrade_handler> make_live_endpoint(const live_deps& deps, const std::vector<net::io_context*>& contexts) {
  auto made = std::make_shared<endpoint>(deps, contexts);
  caf::anon_send(deps.identity, watch_revocations{made});
  return made;
}

} // namespace fm::http
