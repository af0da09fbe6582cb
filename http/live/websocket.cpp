// WebSocket connections: the only file of http/live that knows Beast. One write is in flight at a time, and what
// comes meanwhile is joined into the next; one timer a thread sweeps all its connections.
//
// Memory is the point of some choices here: no timer, no deflate and no buffer in a connection that is silent.
#include "http/live/event_streams.hpp"
#include "http/live/live_session.hpp"

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

namespace fm::http {
namespace {
namespace net = boost::asio;
namespace beast = boost::beast;
namespace ws = boost::beast::websocket;
namespace bh = boost::beast::http;
using tcp = net::ip::tcp;
using error_code = boost::system::error_code;

constexpr std::string_view subprotocol = "faultmaven.live.v1";
/// A stranger has nothing to say that is longer than a token.
constexpr std::size_t stranger_message_bytes_max = 16U << 10;
constexpr std::int32_t close_ticks_max = 5; ///< for the farewell of both sides; then the connection is cut
constexpr std::size_t drains_at_once = 128;  ///< connections written to before others get the I/O thread

class connection;
using connection_ptr = std::shared_ptr<connection>;

/// One I/O thread's share: its connections, and those that have something to write.
struct lane : std::enable_shared_from_this<lane> {
  explicit lane(net::io_context& c) : context(c), timer(c) {}
  net::io_context& context;
  // I/O thread only.
  net::steady_timer timer;
  std::vector<connection_ptr> connections;
  std::int32_t tick = 0;     ///< seconds since start
  std::uint32_t arrivals = 0; ///< spreads the heartbeats

  void schedule(connection_ptr c);
  void run_dirty();
  void remove(connection& c);

private:
  // I/O thread only: who is written to at the moment, in the order they asked.
  std::vector<connection_ptr> round_;
  std::size_t turn_ = 0;
  std::mutex mutex_;
  std::vector<connection_ptr> dirty_;
  bool posted_ = false; ///< run_dirty is on its way
};
using lane_ptr = std::shared_ptr<lane>;

/// Whether a comma-separated list has the token.
bool offers(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (trimmed(list.substr(0, comma)) == token)
      return true;
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
  }
  return false;
}

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

class connection final : public live_session {
public:
  connection(tcp::socket socket, live_context_ptr context, lane_ptr l)
      : live_session(std::move(context)), stream_(std::move(socket)), lane_(std::move(l)) {}

  // ---- the handshake --------------------------------------------------------------------------------------
  void accept(bh::request<bh::string_body> request) {
    const auto& s = context_->deps.settings;
    index_ = lane_->connections.size();
    lane_->connections.push_back(self());
    born_ = last_read_ = last_write_ = lane_->tick;
    last_ping_ = lane_->tick - static_cast<std::int32_t>(lane_->arrivals++ % static_cast<std::uint32_t>(std::max<std::int64_t>(1, s.heartbeat.count())));
    context_->open.add(1);
    if (lane_->connections.size() > std::max<std::size_t>(1, s.connections_max))
      return refuse(503, make_unavailable("Too many live connections; please try again."));
    const auto origin = view(request[bh::field::origin]);
    if (!origin.empty() && !origin_allowed(origin, view(request[bh::field::host]), s.allowed_origins))
      return refuse(403, make_failure(errc::forbidden, "This origin may not open live connections."));
    const auto target = view(request.target());
    const auto question = target.find('?');
    const auto query = parse_query(question == std::string_view::npos ? std::string_view{} : target.substr(question + 1));
    const auto authorization = view(request[bh::field::authorization]);
    const bool bearer = authorization.size() > 7 && ascii_lower(authorization.substr(0, 7)) == "bearer ";
    if (!query)
      return refuse(400, make_failure(errc::invalid, "The request's target is not a valid path and query."));
    const auto ticket = query->find("ticket");
    if (ticket == query->end() && !bearer)
      return upgrade(request);
    // Copied before the request moves into the answer's hands.
    const auto ticket_text = ticket == query->end() ? std::string{} : ticket->second;
    const std::string token{bearer ? trimmed(authorization.substr(7)) : std::string_view{}};
    const bool by_ticket = ticket != query->end();
    auto held = std::make_shared<bh::request<bh::string_body>>(std::move(request));
    reply<authenticated> answer{[c = self(), held](outcome<authenticated> who) {
      net::post(c->lane_->context, [c, held, who = std::move(who)]() mutable {
        if (c->closed_)
          return;
        if (!who)
          return c->refuse(who.error().code == errc::unauthenticated ? 401 : 503, who.error());
        c->set_who(std::move(*who)); // a revocation finds it from here on
        c->upgrade(*held);
      });
    }};
    if (by_ticket)
      caf::anon_send(context_->deps.identity, redeem_ticket{ticket_text, std::move(answer)});
    else
      caf::anon_send(context_->deps.identity, authenticate{token, std::move(answer)});
  }

  void close(std::uint16_t code, const char* why) override {
    if (closed_ || std::exchange(farewell_, true))
      return;
    closing_since_ = lane_->tick;
    if (!stream_.is_open())
      return gone(); // the handshake never ended
    stream_.async_close(ws::close_reason{static_cast<ws::close_code>(code), why}, [c = self()](error_code) { c->gone(); });
  }

  /// Writes what waits.
  void drain() {
    if (closed_ || farewell_ || !welcomed_ || !take(writing_))
      return;
    last_write_ = write_started_ = lane_->tick;
    under_way_ = true;
    stream_.async_write(net::buffer(writing_), [c = self()](error_code ec, std::size_t) {
      c->under_way_ = false;
      if (ec)
        return c->gone();
      c->on_written();
    });
  }

  /// Once a second.
  void sweep() {
    const auto& s = context_->deps.settings;
    const auto now = lane_->tick;
    const auto passed = [now](std::int32_t since, std::chrono::seconds limit) { return now - since > limit.count(); };
    if (farewell_) {
      if (now - closing_since_ >= close_ticks_max)
        gone();
      return;
    }
    if (!signed_in() && passed(born_, s.hello_timeout))
      return close(close_unauthorized, "say hello in time");
    if ((!paused_ && passed(last_read_, s.pong_timeout)) || (under_way_ && passed(write_started_, s.write_timeout)))
      return gone();
    tick(static_cast<std::uint32_t>(now));
    if (closed_ || !signed_in() || !welcomed_)
      return;
    if (now - last_ping_ >= s.heartbeat.count() && !pinging_) {
      last_ping_ = now;
      pinging_ = true;
      stream_.async_ping({}, [c = self()](error_code ec) {
        c->pinging_ = false;
        if (ec)
          c->gone();
      });
    }
    if (now - last_write_ >= s.heartbeat.count() && !under_way_)
      say(heartbeat_frame(context_->deps.clock->now()));
  }

  /// The end, from whatever side.
  void gone() {
    if (std::exchange(closed_, true))
      return;
    const auto keep = self();
    end();
    error_code ec;
    stream_.next_layer().close(ec);
    context_->open.add(-1);
    lane_->remove(*this);
  }

  std::size_t index_ = 0; ///< among the lane's connections

private:
  connection_ptr self() { return std::static_pointer_cast<connection>(shared_from_this()); }

  void post(std::function<void()> work) override { net::post(lane_->context, std::move(work)); }
  void wake() noexcept override { lane_->schedule(self()); }

  void refuse(unsigned status, const failure& f) {
    auto r = std::make_shared<bh::response<bh::string_body>>();
    r->result(status);
    r->version(11);
    r->set(bh::field::content_type, "application/json");
    if (status == 401)
      r->set(bh::field::www_authenticate, "Bearer");
    if (f.retry_after)
      r->set(bh::field::retry_after, std::to_string(std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::seconds>(*f.retry_after).count())));
    r->body() = wire::error_body(f, "");
    r->keep_alive(false);
    r->prepare_payload();
    farewell_ = true;
    closing_since_ = lane_->tick;
    bh::async_write(stream_.next_layer(), *r, [c = self(), r](error_code, std::size_t) {
      error_code ec;
      c->stream_.next_layer().shutdown(tcp::socket::shutdown_send, ec);
      c->gone();
    });
  }

  void upgrade(const bh::request<bh::string_body>& request) {
    stream_.set_option(ws::stream_base::timeout{ws::stream_base::none(), ws::stream_base::none(), false});
    const bool wanted = offers(view(request[bh::field::sec_websocket_protocol]), subprotocol);
    stream_.set_option(ws::stream_base::decorator([wanted](ws::response_type& r) {
      r.set(bh::field::server, "FaultMaven");
      if (wanted)
        r.set(bh::field::sec_websocket_protocol, beast::string_view{subprotocol.data(), subprotocol.size()});
    }));
    stream_.read_message_max(stranger_message_bytes_max);
    stream_.auto_fragment(false);
    stream_.text(true);
    stream_.control_callback([this](ws::frame_type, beast::string_view) { last_read_ = lane_->tick; });
    stream_.async_accept(request, [c = self()](error_code ec) {
      if (ec || c->closed_)
        return c->gone();
      c->welcomed_ = true;
      if (c->signed_in())
        c->welcome();
      c->read();
    });
  }

  void read() {
    if (signed_in())
      stream_.read_message_max(context_->deps.settings.client_message_bytes_max);
    stream_.async_read(buffer_, [c = self()](error_code ec, std::size_t) {
      if (ec)
        return c->farewell_ ? void() : c->gone(); // the farewell has an end of its own
      c->last_read_ = c->lane_->tick;
      c->on_message();
    });
  }

  void on_message() {
    if (farewell_) // nothing is done for who is being sent away; the farewell reads on by itself
      return void(buffer_ = beast::flat_buffer{});
    if (stream_.got_text())
      receive({static_cast<const char*>(buffer_.data().data()), buffer_.size()});
    else
      say(wire::error_frame(make_failure(errc::invalid, "Messages must be text."), {}));
    buffer_ = beast::flat_buffer{}; // a silent connection keeps none
    if (closed_ || farewell_)
      return;
    // Who does not take the answers is not asked for more: its commands wait in its own socket.
    paused_ = clogged();
    if (!paused_)
      read();
  }

  void on_written() {
    if (writing_.capacity() > 1024)
      std::string{}.swap(writing_);
    else
      writing_.clear();
    if (closed_)
      return;
    const bool more = written();
    if (paused_ && !farewell_) {
      last_read_ = lane_->tick;
      paused_ = clogged();
      if (!paused_)
        read();
    }
    if (more)
      drain();
  }

  ws::stream<tcp::socket, false> stream_;
  beast::flat_buffer buffer_;
  std::string writing_;
  lane_ptr lane_;
  std::int32_t born_ = 0, last_read_ = 0, last_write_ = 0, write_started_ = 0, last_ping_ = 0, closing_since_ = 0;
  bool pinging_ = false, closed_ = false, farewell_ = false, paused_ = false, under_way_ = false;
  bool welcomed_ = false; ///< the upgrade is done
};

void lane::schedule(connection_ptr c) {
  {
    std::lock_guard lock{mutex_};
    dirty_.push_back(std::move(c));
    if (std::exchange(posted_, true))
      return;
  }
  net::post(context, [self = shared_from_this()] { self->run_dirty(); });
}

void lane::run_dirty() {
  if (turn_ == round_.size()) {
    round_.clear();
    turn_ = 0;
    std::lock_guard lock{mutex_};
    round_.swap(dirty_);
    if (round_.empty()) {
      posted_ = false;
      return;
    }
  }
  for (const auto end = std::min(round_.size(), turn_ + drains_at_once); turn_ < end; ++turn_)
    std::exchange(round_[turn_], nullptr)->drain();
  net::post(context, [self = shared_from_this()] { self->run_dirty(); });
}

void lane::remove(connection& c) {
  auto& mine = connections[c.index_];
  if (&mine != &connections.back()) {
    mine = std::move(connections.back());
    mine->index_ = c.index_;
  }
  connections.pop_back();
}

class endpoint final : public upgrade_handler, public revocation_sink {
public:
  endpoint(const live_deps& deps, const std::vector<net::io_context*>& contexts)
      : context_(std::make_shared<const live_context>(share_of(deps, contexts.size()))) {
    for (auto* c : contexts)
      lanes_.push_back(std::make_shared<lane>(*c));
    bool first = true;
    for (auto& l : lanes_)
      net::post(l->context, [context = context_, l, streams = std::exchange(first, false) ? deps.streams : nullptr] { sweep(context, l, streams); });
  }

  void accept(tcp::socket socket, bh::request<bh::string_body> request) override {
    auto& context = static_cast<net::io_context&>(socket.get_executor().context());
    for (auto& l : lanes_)
      if (&l->context == &context) {
        std::make_shared<connection>(std::move(socket), context_, l)->accept(std::move(request));
        return;
      }
  }

  void close_all() override {
    close_where(1001, "the server is going away; reconnect and resume", [](const connection&) { return true; });
  }
  void on_token_revoked(const std::string& token_id) noexcept override { revoke(token_id); }
  void on_user_deactivated(const user_id& id) noexcept override { revoke(id); }

private:
  /// Each thread gets its share of the connections.
  static live_deps share_of(live_deps deps, std::size_t threads) {
    deps.settings.connections_max /= std::max<std::size_t>(1, threads);
    return deps;
  }

  template <class Who>
  void revoke(const Who& who) {
    close_where(close_unauthorized, "signed out", [who](const connection& c) { return c.is_of(who); });
    net::post(lanes_.front()->context, [streams = context_->deps.streams, who] { streams->end_of(who); });
  }

  template <class Match>
  void close_where(std::uint16_t code, const char* why, Match match) {
    for (auto& l : lanes_)
      net::post(l->context, [l, code, why, match] {
        for (auto i = l->connections.size(); i-- > 0;)
          if (match(*l->connections[i]))
            connection_ptr{l->connections[i]}->close(code, why);
      });
  }

  /// Every second a glance at each connection. From the back: whoever goes is replaced by one that had its turn.
  static void sweep(const live_context_ptr& context, const lane_ptr& l, const std::shared_ptr<event_streams>& streams) {
    ++l->tick;
    for (auto i = l->connections.size(); i-- > 0;)
      l->connections[i]->sweep();
    if (streams)
      streams->tick(static_cast<std::uint32_t>(l->tick), static_cast<std::uint32_t>(std::max<std::int64_t>(1, context->deps.settings.heartbeat.count())));
    l->timer.expires_after(std::chrono::seconds{1});
    l->timer.async_wait([context, l, streams](error_code ec) {
      if (!ec)
        sweep(context, l, streams);
    });
  }

  live_context_ptr context_;
  std::vector<lane_ptr> lanes_;
};
} // namespace

std::shared_ptr<upgrade_handler> make_live_endpoint(const live_deps& deps, const std::vector<net::io_context*>& contexts) {
  auto made = std::make_shared<endpoint>(deps, contexts);
  caf::anon_send(deps.identity, watch_revocations{made});
  return made;
}

} // namespace fm::http
