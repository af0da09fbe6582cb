// One TCP connection: reads a request, has it served, writes the answer, and again. Its functions run on the
// connection's I/O thread and never at the same time; one request is worked on at a time, so that pipelining
// is bounded by the socket's own buffer. Beast lives here.
#include "http/server/connection.hpp"

#include "http/core/gzip.hpp"
#include "http/core/upgrade.hpp"
#include "http/server/pipeline.hpp"
#include "http/server/turnstile.hpp"
#include "protocol/base/text.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include <deque>

namespace fm::http {
namespace {
namespace net = boost::asio;
namespace beast = boost::beast;
namespace bh = boost::beast::http;
using tcp = net::ip::tcp;
using error_code = boost::system::error_code;

/// Whatever a handler puts into a header, it stays one header.
std::string header_safe(std::string value) {
  for (auto& c : value)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      c = ' ';
  return value;
}

class session;

struct live_exchange final : served_exchange {
  /// Kept while the request is worked on; let go with the answer, the deadline or a close. I/O thread only.
  std::shared_ptr<session> of;
  std::weak_ptr<session> where; ///< the same, for any thread
  net::any_io_executor executor;
  std::atomic<bool> answered{false};
  /// The deadline answered; the handler's own answer is still wanted for the idempotency record.
  std::atomic<bool> timed_out{false};

  std::shared_ptr<live_exchange> self() {
    return std::static_pointer_cast<live_exchange>(shared_from_this());
  }
  void respond(response r) override;
  body_stream_ptr stream(response head, std::function<void()> closed, std::function<void()> drained) override;
  void read_body(body_taker then) override;
  void extend_deadline(std::chrono::milliseconds total) override;
  void post(std::function<void()> work) override {
    if (!shared->stopped)
      net::post(executor, std::move(work));
  }
  void respond_after(std::chrono::milliseconds in, response r) override;
  std::optional<response> fallback; ///< what the deadline answers instead of 504; I/O thread only
};

class session final : public connection, public std::enable_shared_from_this<session> {
public:
  session(tcp::socket socket, hub_ptr h)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), hub_(std::move(h)) {
    ++hub_->connections;
    hub_->connections_gauge.add(1);
    error_code ec;
    socket_.non_blocking(true, ec);
    socket_.set_option(tcp::no_delay{true}, ec);
    const auto peer = socket_.remote_endpoint(ec);
    remote_ = ec ? "unknown" : peer.address().to_string();
  }
  ~session() override {
    std::lock_guard lock{hub_->connections_mutex};
    hub_->open.erase(this);
    --hub_->connections;
    hub_->connections_gauge.add(-1);
    hub_->emptied.notify_all();
  }

  void start() override {
    {
      std::lock_guard lock{hub_->connections_mutex};
      hub_->open.emplace(this, weak_from_this());
    }
    next_request();
  }

  void wind_up() override {
    if (streaming_)
      streaming_->finish();
    else if (current_ && current_->fallback)
      current_->respond(std::move(*std::exchange(current_->fallback, std::nullopt)));
    else if (!current_ && !receiving_)
      close();
  }

  /// Waits for the first byte of a request, holding no buffer.
  void next_request() {
    if (closed_ || (hub_->draining && buffer_.size() == 0))
      return close();
    if (buffer_.size() > 0)
      return read_header();
    buffer_.shrink_to_fit();
    arm(hub_->deps.settings.keep_alive);
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code ec) {
      if (ec)
        return self->close();
      self->read_header();
    });
  }

  void read_header() {
    receiving_ = true;
    in_.reset();
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(hub_->deps.settings.header_bytes_max));
    parser_->body_limit(boost::none); // checked by on_header, so that the refusal knows the head
    arm(hub_->deps.settings.header_timeout);
    bh::async_read_header(socket_, buffer_, *parser_,
                          [self = shared_from_this()](error_code ec, std::size_t) { self->on_header(ec); });
  }

  void on_header(error_code ec) {
    if (ec == bh::error::header_limit)
      return refuse(431, make_failure(errc::too_large, "The request's headers are too large."));
    if (ec == bh::error::end_of_stream || ec == net::error::operation_aborted ||
        ec == net::error::connection_reset || ec == bh::error::partial_message)
      return close();
    if (ec)
      return ec.category() == bh::make_error_code(bh::error::bad_method).category()
                 ? refuse(400, make_failure(errc::invalid,
                                            "The request is not valid HTTP/1.1: " + ec.message() + "."))
                 : close();
    const auto& head = parser_->get();
    if (head.target().size() > hub_->deps.settings.target_bytes_max)
      return refuse(414,
                    make_failure(errc::too_large, "The request's target is longer than the " +
                                                      std::to_string(hub_->deps.settings.target_bytes_max) +
                                                      " bytes allowed."));
    if (head.version() >= 11 && head.count(bh::field::host) != 1)
      return refuse(400, make_failure(errc::invalid, "A request of HTTP/1.1 needs exactly one Host header."));
    if (beast::websocket::is_upgrade(head))
      return upgrade();
    const auto* streamed = streaming_route(*hub_, {head.method_string().data(), head.method_string().size()},
                                           {head.target().data(), head.target().size()});
    body_bytes_max_ = streamed ? streamed->body_bytes_max : hub_->deps.settings.body_bytes_max;
    file_bytes_max_ = streamed ? streamed->file_bytes_max : 0;
    if (const auto length = parser_->content_length(); length && *length > body_bytes_max_)
      return too_large();
    parser_->body_limit(body_bytes_max_);
    wants_leave_ = beast::iequals(head[bh::field::expect], "100-continue") && !parser_->is_done();
    if (streamed)
      return dispatch_streamed();
    arm(hub_->deps.settings.body_timeout);
    give_leave([](session& s) { s.read_body(); });
  }

  /// Tells a client that waits for it that it may send its body, then goes on.
  void give_leave(void (*then)(session&)) {
    if (!std::exchange(wants_leave_, false))
      return then(*this);
    auto go = std::make_shared<std::string>("HTTP/1.1 100 Continue\r\n\r\n");
    net::async_write(socket_, net::buffer(*go),
                     [self = shared_from_this(), go, then](error_code ec, std::size_t) {
                       ec ? self->close() : then(*self);
                     });
  }

  void read_body() {
    bh::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](error_code ec, std::size_t) {
      if (ec == bh::error::body_limit)
        return self->too_large();
      if (ec)
        return is_crooked(ec) ? self->refuse(400, crooked_body(ec)) : self->close();
      self->dispatch();
    });
  }
  /// What was sent is not HTTP, as opposed to an end of the connection.
  static bool is_crooked(error_code ec) {
    return ec.category() == bh::make_error_code(bh::error::bad_method).category() &&
           ec != bh::error::partial_message && ec != bh::error::end_of_stream;
  }
  static failure crooked_body(error_code ec) {
    return make_failure(errc::invalid, "The request's body is not valid HTTP/1.1: " + ec.message() + ".");
  }

  // ---- bodies that are taken piece by piece ---------------------------------------------------------------
  void dispatch_streamed() {
    in_.emplace(std::move(*parser_));
    parser_.reset();
    auto x = make_exchange(in_->get());
    if (const auto length = in_->content_length())
      x->in.body_bytes = *length;
    else if (in_->is_done())
      x->in.body_bytes = 0;
    body_until_ = std::chrono::steady_clock::now() + hub_->deps.settings.stream_total;
    current_ = x;
    arm(hub_->deps.settings.request_deadline);
    serve(x);
  }

  void take_body(const std::shared_ptr<live_exchange>& x, body_taker then) {
    if (closed_ || current_ != x || x->answered || !in_ || taker_)
      return then(gone());
    if (in_->is_done()) {
      arm(hub_->deps.settings.request_deadline);
      return then(std::string{});
    }
    taker_ = std::move(then);
    piece_.resize(piece_bytes_max);
    in_->get().body().data = piece_.data();
    in_->get().body().size = piece_.size();
    const auto left = body_until_ - std::chrono::steady_clock::now();
    arm(std::clamp(std::chrono::duration_cast<std::chrono::milliseconds>(left), std::chrono::milliseconds{0},
                   hub_->deps.settings.stream_idle));
    give_leave([](session& s) { s.read_piece(); });
  }
  /// Once there are bytes, and when it is this connection's turn among those whose bytes lie ready.
  void read_piece() {
    reading_ = true;
    const auto wait_turn = [self = shared_from_this()] { turnstile::of_this_thread().pass(self->socket_.get_executor(), [self] { self->read_some(); }); };
    if (buffer_.size() > 0)
      return wait_turn();
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this(), wait_turn](error_code ec) { ec ? self->read_some() : wait_turn(); });
  }
  void read_some() { // an error of the socket is told by the read
    buffer_.reserve(read_bytes); // Beast reads as much as its buffer has room for, and that is what the head left: a kilobyte or two
    bh::async_read_some(socket_, buffer_, *in_, [self = shared_from_this()](error_code ec, std::size_t) {
      self->reading_ = false;
      self->on_piece(ec);
    });
  }
  void on_piece(error_code ec) {
    if (lingering_ && !closed_)
      return linger_more(0);
    if (closed_ || !taker_)
      return;
    if (ec == bh::error::need_buffer)
      ec = {};
    const auto got = piece_.size() - in_->get().body().size;
    error_code ignored;
    if (!ec && !in_->is_done() && (got == 0 || (got < piece_.size() && socket_.available(ignored) > 0)))
      return read_piece();
    if (ec == bh::error::body_limit)
      return refuse_rest(413, body_too_large());
    if (ec && is_crooked(ec))
      return refuse_rest(400, crooked_body(ec));
    auto taker = std::exchange(taker_, {});
    if (ec && got == 0) {
      close();
      return taker(gone());
    }
    piece_.resize(got);
    if (!ec)
      arm(hub_->deps.settings.request_deadline);
    taker(std::exchange(piece_, {}));
    if (ec)
      close();
  }
  /// Answers before the body has come to its end; its reader hears why.
  void refuse_rest(int status, const failure& f) {
    auto taker = std::exchange(taker_, {});
    auto r = failure_response(f, current_->in.request_id);
    r.status = status;
    current_->respond(std::move(r));
    if (taker)
      taker(f);
  }
  static failure gone() { return make_failure(errc::gone, "The client went away before its body had come."); }

  void upgrade() {
    timer_.cancel();
    auto request = parser_->release();
    parser_.reset();
    const auto target = std::string_view{request.target().data(), request.target().size()};
    const auto path = target.substr(0, target.find('?'));
    if ((path != "/api/v1/live" && path != "/api/v1/live/") || !hub_->live || hub_->draining) {
      keep_alive_ = false;
      auto x = make_exchange(request);
      current_ = x;
      return x->fail(make_failure(errc::not_found, "WebSocket connections are accepted at /api/v1/live."));
    }
    closed_ = true;
    receiving_ = false;
    hub_->live->accept(std::move(socket_), std::move(request));
  }

  template <class Body>
  std::shared_ptr<live_exchange> make_exchange(const bh::request<Body>& head) {
    auto x = std::make_shared<live_exchange>();
    x->shared = hub_;
    x->of = shared_from_this();
    x->where = x->of;
    x->executor = socket_.get_executor();
    receiving_ = false;
    keep_alive_ = keep_alive_ && head.keep_alive();
    version_ = head.version();
    auto& in = x->in;
    in.method = std::string{head.method_string()};
    in.target = std::string{head.target()};
    for (auto& field : head) {
      auto name = ascii_lower(std::string_view{field.name_string().data(), field.name_string().size()});
      in.headers.insert_or_assign(std::move(name), std::string{field.value()});
    }
    in.remote = remote_;
    introduce(*x);
    return x;
  }

  void dispatch() {
    auto request = parser_->release();
    parser_.reset();
    auto x = make_exchange(request);
    x->in.body = std::move(request.body());
    current_ = x;
    arm(hub_->deps.settings.request_deadline);
    serve(x);
  }

  // ---- answers --------------------------------------------------------------------------------------------
  void too_large() { refuse(413, body_too_large()); }
  failure body_too_large() const {
    return make_failure(errc::too_large, file_bytes_max_ > 0 ? "A file may have " + std::to_string(file_bytes_max_) + " bytes."
                                                             : "The body is larger than the " + std::to_string(body_bytes_max_) + " bytes allowed.");
  }
  /// Before there is a request to answer properly: answer and close.
  void refuse(int status, const failure& f) {
    auto x = std::make_shared<live_exchange>();
    x->shared = hub_;
    x->of = shared_from_this();
    x->where = x->of;
    x->executor = socket_.get_executor();
    x->in.request_id = random_uuid(*hub_->deps.random);
    linger_ = true;
    if (parser_)
      if (const auto origin = parser_->get()[bh::field::origin]; !origin.empty()) {
        x->in.headers["origin"] = std::string{origin};
        x->in.headers["host"] = std::string{parser_->get()[bh::field::host]};
      }
    current_ = x;
    keep_alive_ = false;
    auto r = failure_response(f, x->in.request_id);
    r.status = status;
    x->respond(std::move(r));
  }

  void complete_headers(live_exchange& x, bh::response<bh::string_body>& out, const response& r) {
    out.version(11);
    out.result(static_cast<unsigned>(r.status));
    for (auto& [name, value] : r.headers)
      out.insert(name, header_safe(value));
    if (!r.body.empty() || r.status == 200)
      out.set(bh::field::content_type, r.content_type);
    for_each_common_header(x, [&](std::string_view name, const std::string& value) {
      out.insert(beast::string_view{name.data(), name.size()}, value);
    });
    if (hub_->draining)
      keep_alive_ = false;
    out.keep_alive(keep_alive_ && version_ == 11);
    record_answer(x, r.status);
  }

  void write_response(const std::shared_ptr<live_exchange>& x, response r) {
    if (closed_ || current_ != x)
      return;
    timer_.cancel();
    body_taker unread;
    if (in_ && !in_->is_done()) { // what was not read is not the next request
      keep_alive_ = false;
      linger_ = true;
      unread = std::exchange(taker_, {});
    }
    auto out = std::make_shared<bh::response<bh::string_body>>();
    complete_headers(*x, *out, r);
    const bool compressible =
        r.content_type.starts_with("application/json") || r.content_type.starts_with("text/");
    if (x->accepts_gzip && compressible && r.body.size() >= hub_->deps.settings.gzip_bytes_min &&
        (*out)["Content-Encoding"].empty()) {
      if (auto small = gzip(r.body)) {
        r.body = std::move(*small);
        out->set(bh::field::content_encoding, "gzip");
        out->insert("Vary", "Accept-Encoding");
      }
    }
    if (r.status != 204 && r.status != 304)
      out->content_length(r.body.size());
    if (!x->head_only)
      out->body() = std::move(r.body);
    const bool again = out->keep_alive();
    arm(hub_->deps.settings.body_timeout);
    const auto done_writing = [self = shared_from_this(), x, out, again](error_code ec, std::size_t) {
      self->let_go();
      if (ec)
        return self->close();
      if (!again)
        return self->linger_ ? self->linger() : self->close();
      self->next_request();
    };
    if (x->head_only) {
      auto serializer = std::make_shared<bh::response_serializer<bh::string_body>>(*out);
      serializer->split(true);
      bh::async_write_header(socket_, *serializer, [done_writing, serializer](error_code ec, std::size_t n) {
        done_writing(ec, n);
      });
      return;
    }
    bh::async_write(socket_, *out, done_writing);
    if (unread)
      unread(gone());
  }

  // ---- streamed bodies ------------------------------------------------------------------------------------
  struct streaming final : body_stream, std::enable_shared_from_this<streaming> {
    std::weak_ptr<session> of;
    net::any_io_executor executor;
    std::function<void()> closed, drained;
    mutable std::mutex mutex;
    std::deque<std::string> queue;
    std::size_t bytes = 0;
    std::size_t bytes_max = 0;
    bool over = false, finished = false, scheduled = false;
    bool writing = true; ///< from the beginning: the head goes first, whatever is posted in which order

    bool write(std::string piece) override {
      std::lock_guard lock{mutex};
      if (over || finished)
        return false;
      if (bytes + piece.size() > bytes_max) {
        over = true;
        schedule();
        return false;
      }
      bytes += piece.size();
      queue.push_back(std::move(piece));
      schedule();
      return true;
    }
    void finish() override {
      std::lock_guard lock{mutex};
      finished = true;
      schedule();
    }
    std::size_t waiting() const override {
      std::lock_guard lock{mutex};
      return bytes;
    }
    void schedule() {
      if (std::exchange(scheduled, true))
        return;
      net::post(executor, [self = shared_from_this()] {
        if (auto s = self->of.lock())
          s->pump(self);
        else
          self->end();
      });
    }
    void end() {
      std::function<void()> tell;
      {
        std::lock_guard lock{mutex};
        over = true;
        tell = std::exchange(closed, {});
        drained = {};
      }
      if (tell)
        tell();
    }
  };

  void begin_stream(const std::shared_ptr<live_exchange>& x, response head,
                    const std::shared_ptr<streaming>& stream) {
    if (closed_ || current_ != x)
      return stream->end();
    timer_.cancel();
    keep_alive_ = false;
    streaming_ = stream;
    auto out = std::make_shared<bh::response<bh::string_body>>();
    complete_headers(*x, *out, head);
    out->keep_alive(false);
    in_chunks_ = version_ >= 11 && !head.stream_bytes;
    if (head.stream_bytes)
      out->content_length(*head.stream_bytes);
    else if (in_chunks_)
      out->chunked(true);
    auto serializer = std::make_shared<bh::response_serializer<bh::string_body>>(*out);
    serializer->split(true);
    bh::async_write_header(socket_, *serializer,
                           [self = shared_from_this(), x, out, serializer, stream](error_code ec, std::size_t) {
                             if (x->head_only)
                               return self->close();
                             {
                               std::lock_guard lock{stream->mutex};
                               stream->writing = false;
                             }
                             if (ec)
                               return self->close();
                             self->watch_close();
                             self->pump(stream);
                           });
  }

  /// A client that goes away is noticed by reading: nothing more is expected from it.
  void watch_close() {
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code ec) {
      if (ec || self->closed_)
        return;
      char probe[256];
      error_code read_error;
      self->socket_.non_blocking(true, read_error);
      const auto n = self->socket_.receive(net::buffer(probe), 0, read_error);
      if (read_error == net::error::would_block)
        return self->watch_close();
      if (read_error || n == 0)
        return self->close();
      self->watch_close();
    });
  }

  void pump(const std::shared_ptr<streaming>& stream) {
    auto joined = std::make_shared<std::string>();
    bool last = false;
    {
      std::lock_guard lock{stream->mutex};
      stream->scheduled = false;
      if (stream->writing)
        return;
      if (stream->over) {
        last = false;
      } else if (stream->queue.empty()) {
        if (!stream->finished)
          return;
        last = true;
      } else {
        while (!stream->queue.empty() && joined->size() < 64U << 10) {
          *joined += stream->queue.front();
          stream->queue.pop_front();
        }
        stream->bytes -= joined->size();
      }
      if (stream->over && joined->empty()) {
        // falls through to close below
      } else {
        stream->writing = true;
      }
    }
    if (joined->empty() && !last)
      return close();
    auto frame = std::make_shared<std::string>();
    if (!in_chunks_) {
      if (last)
        return close();
      *frame = std::move(*joined); // its length was said, or it ends with the connection (HTTP/1.0 knows no chunks)
    } else if (last) {
      *frame = "0\r\n\r\n";
    } else {
      char size[32];
      std::snprintf(size, sizeof size, "%zx\r\n", joined->size());
      *frame = size + *joined + "\r\n";
    }
    arm(hub_->deps.settings.body_timeout);
    net::async_write(socket_, net::buffer(*frame),
                     [self = shared_from_this(), frame, stream, last](error_code ec, std::size_t) {
                       self->timer_.cancel();
                       std::function<void()> tell;
                       {
                         std::lock_guard lock{stream->mutex};
                         stream->writing = false;
                         if (stream->queue.empty())
                           tell = stream->drained;
                       }
                       if (ec || last)
                         return self->close();
                       if (tell)
                         tell();
                       self->pump(stream);
                     });
  }

  /// Reads and forgets what a refused client still sends, for a while: closing at once would reset the
  /// connection under the answer.
  void linger() {
    error_code ec;
    socket_.shutdown(tcp::socket::shutdown_send, ec);
    arm(std::chrono::seconds{2});
    lingering_ = true;
    if (!reading_) // else the read under way goes on with it
      linger_more(0);
  }
  void linger_more(std::size_t read) {
    buffer_.consume(buffer_.size());
    constexpr std::size_t lingering_bytes_max = 16U << 20;
    if (closed_ || read > lingering_bytes_max)
      return close();
    socket_.async_read_some(buffer_.prepare(16U << 10),
                            [self = shared_from_this(), read](error_code ec, std::size_t n) {
                              if (ec)
                                return self->close();
                              self->linger_more(read + n);
                            });
  }

  void arm(std::chrono::milliseconds in) {
    timer_.expires_after(in);
    timer_.async_wait([weak = weak_from_this()](error_code ec) {
      if (ec)
        return;
      // An expiry that was on its way when the timer was set anew is none.
      if (auto self = weak.lock(); self && self->timer_.expiry() <= std::chrono::steady_clock::now())
        self->on_timeout();
    });
  }
  void on_timeout() {
    if (taker_)
      return refuse_rest(408, make_failure(errc::timed_out, "The body did not come in time."));
    if (current_ && current_->fallback && !streaming_)
      return current_->respond(std::move(*std::exchange(current_->fallback, std::nullopt)));
    if (current_ && !current_->answered && !streaming_) {
      current_->timed_out = true;
      return current_->fail(make_failure(
          errc::timed_out,
          "The server could not answer within its deadline; the request may still take effect."));
    }
    close();
  }

  void close() override {
    if (std::exchange(closed_, true))
      return;
    timer_.cancel();
    error_code ec;
    socket_.shutdown(tcp::socket::shutdown_send, ec);
    socket_.close(ec);
    if (auto s = std::exchange(streaming_, nullptr))
      s->end();
    let_go();
    if (auto taker = std::exchange(taker_, {}))
      taker(gone());
  }

  /// The request is over: from here on neither holds the other, whoever still holds the exchange.
  void let_go() {
    if (auto x = std::exchange(current_, nullptr))
      x->of.reset();
  }

  void post(std::function<void()> work) override { net::post(socket_.get_executor(), std::move(work)); }
  std::shared_ptr<live_exchange> current_;

private:
  tcp::socket socket_;
  net::steady_timer timer_;
  hub_ptr hub_;
  beast::flat_buffer buffer_;
  std::optional<bh::request_parser<bh::string_body>> parser_;
  std::shared_ptr<streaming> streaming_;
  static constexpr std::size_t piece_bytes_max = 128U << 10, read_bytes = 64U << 10; // the latter is the most that Beast reads at once
  /// A body that is taken piece by piece, until the next request.
  std::optional<bh::request_parser<bh::buffer_body>> in_;
  body_taker taker_; ///< waits for the next piece
  std::string piece_;
  std::chrono::steady_clock::time_point body_until_{};
  std::uint64_t body_bytes_max_ = 0; ///< of the request that is read
  std::uint64_t file_bytes_max_ = 0; ///< of the file in it; 0 = it is none
  std::string remote_;
  unsigned version_ = 11;
  bool keep_alive_ = true;
  bool receiving_ = false; ///< part of a request has been read
  bool wants_leave_ = false; ///< the client waits for "100 Continue"
  bool reading_ = false;     ///< a piece of a body is being read
  bool lingering_ = false;
  bool in_chunks_ = true;    ///< how the streamed answer goes out
  bool linger_ = false;    ///< the client may still be sending when it is refused
  bool closed_ = false;
};

void live_exchange::respond(response r) {
  if (answered.exchange(true)) {
    if (timed_out)
      settle_key(&r);
    return;
  }
  if (!timed_out)
    settle_key(&r);
  if (shared->stopped)
    return;
  net::dispatch(executor, [self = self(), r = std::move(r)]() mutable {
    if (auto s = self->of)
      s->write_response(self, std::move(r));
  });
}

body_stream_ptr live_exchange::stream(response head, std::function<void()> closed,
                                      std::function<void()> drained) {
  auto stream = std::make_shared<session::streaming>();
  stream->of = where;
  stream->executor = executor;
  stream->closed = std::move(closed);
  stream->drained = std::move(drained);
  stream->bytes_max = shared->deps.settings.stream_bytes_max;
  if (answered.exchange(true)) {
    stream->over = true;
    return stream;
  }
  settle_key(nullptr); // a stream cannot be replayed; its turn is found again by its client_turn_id
  net::post(executor, [self = self(), head = std::move(head), stream]() mutable {
    if (auto s = self->of)
      s->begin_stream(self, std::move(head), stream);
    else
      stream->end();
  });
  return stream;
}

void live_exchange::read_body(body_taker then) {
  if (shared->stopped)
    return;
  net::dispatch(executor, [self = self(), then = std::move(then)]() mutable {
    if (auto s = self->of)
      s->take_body(self, std::move(then));
    else
      then(make_failure(errc::gone, "The client went away before its body had come."));
  });
}

void live_exchange::extend_deadline(std::chrono::milliseconds total) {
  net::dispatch(executor, [self = self(), total] {
    if (auto s = self->of; s && s->current_ == self && !self->answered)
      s->arm(total);
  });
}

void live_exchange::respond_after(std::chrono::milliseconds in, response r) {
  net::dispatch(executor, [self = self(), in, r = std::move(r)]() mutable {
    if (auto s = self->of; s && s->current_ == self && !self->answered) {
      self->fallback = std::move(r);
      s->arm(in);
    }
  });
}

} // namespace

std::shared_ptr<connection> make_connection(tcp::socket socket, hub_ptr shared) {
  return std::make_shared<session>(std::move(socket), std::move(shared));
}

} // namespace fm::http
