// Beast lives here. One I/O thread per io_context, so a connection's handlers never run at the same time; one
// request of a connection is worked on at a time, which bounds pipelining by the socket's own buffer.
#include "http/server/server.hpp"

#include "http/core/gzip.hpp"
#include "http/core/rate_limit.hpp"
#include "http/core/upgrade.hpp"
#include "http/core/url.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/sha256.hpp"
#include "protocol/base/text.hpp"
#include "protocol/wire/encode.hpp"
#include "protocol/wire/json_body.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>

namespace fm::http {
namespace {
namespace net = boost::asio;
namespace beast = boost::beast;
namespace bh = boost::beast::http;
using tcp = net::ip::tcp;
using error_code = boost::system::error_code;
using steady = std::chrono::steady_clock;

constexpr std::string_view csp =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

std::string_view content_type_of(std::string_view path) {
  for (auto [ending, type] : {std::pair<std::string_view, std::string_view>{".html", "text/html; charset=utf-8"},
                              {".js", "text/javascript; charset=utf-8"},
                              {".css", "text/css; charset=utf-8"},
                              {".svg", "image/svg+xml"},
                              {".png", "image/png"},
                              {".ico", "image/x-icon"},
                              {".json", "application/json"},
                              {".woff2", "font/woff2"},
                              {".webmanifest", "application/manifest+json"}})
    if (path.ends_with(ending))
      return type;
  return "application/octet-stream";
}

struct asset {
  std::string_view bytes;
  std::string_view type;
  std::string etag;
  std::optional<std::string> gzipped;
};

bool accepts_gzip(std::string_view header) {
  while (!header.empty()) {
    const auto comma = header.find(',');
    const auto item = trimmed(header.substr(0, comma));
    const auto semicolon = item.find(';');
    const auto name = trimmed(item.substr(0, semicolon));
    const auto weight = semicolon == std::string_view::npos ? std::string_view{} : trimmed(item.substr(semicolon + 1));
    if (name == "gzip" || name == "*")
      return weight != "q=0" && weight != "q=0.0" && weight != "q=0.00" && weight != "q=0.000";
    header = comma == std::string_view::npos ? std::string_view{} : header.substr(comma + 1);
  }
  return false;
}

class session;

/// The I/O contexts, one thread each.
struct lanes {
  std::vector<std::unique_ptr<net::io_context>> contexts;
};
/// Actors may hold connections (as listeners, in answers not given yet) a moment longer than the server lives, and
/// a socket must not outlive its context. So contexts are never destroyed, only stopped: one set a server.
void keep_for_ever(std::shared_ptr<lanes> used) {
  static std::mutex mutex;
  static auto& all = *new std::vector<std::shared_ptr<lanes>>;
  std::lock_guard lock{mutex};
  all.push_back(std::move(used));
}

/// What all connections share.
struct hub {
  server_deps deps;
  std::atomic<bool> stopped{false}; ///< the I/O threads are gone: nothing is posted any more
  std::mutex sessions_mutex;
  std::unordered_map<session*, std::weak_ptr<session>> sessions;
  std::map<std::string, asset, std::less<>> site;
  std::shared_ptr<upgrade_handler> live;
  std::mutex limits_mutex;
  rate_limiter requests;
  rate_limiter sign_ins;
  std::atomic<std::size_t> connections{0};
  std::atomic<bool> draining{false};
  std::mutex drained_mutex;
  std::condition_variable drained;

  explicit hub(server_deps d)
      : deps(std::move(d)), requests(deps.settings.requests_per_second, deps.settings.requests_burst),
        sign_ins(deps.settings.sign_ins_per_minute / 60.0, deps.settings.sign_ins_per_minute) {
    for (auto& f : deps.site) {
      asset a{f.bytes, content_type_of(f.path), "\"" + sha256_hex(f.bytes).substr(0, 20) + "\"", {}};
      if (f.bytes.size() >= deps.settings.gzip_bytes_min)
        a.gzipped = gzip(f.bytes);
      site.emplace(f.path, std::move(a));
    }
  }
};
using hub_ptr = std::shared_ptr<hub>;

struct live_exchange final : exchange, std::enable_shared_from_this<live_exchange> {
  hub_ptr shared;
  /// Kept while the request is worked on; let go with the answer, the deadline or a close. I/O thread only.
  std::shared_ptr<session> of;
  net::any_io_executor executor;
  std::atomic<bool> answered{false};
  /// The deadline answered; the handler's own answer is still wanted for the idempotency record.
  std::atomic<bool> timed_out{false};
  std::string pattern = "-";
  steady::time_point started = steady::now();
  bool head_only = false;
  bool accepts_gzip = false;
  std::string idempotency_key; ///< empty = none
  std::string idempotency_digest;
  std::atomic<bool> idempotency_open{false}; ///< claimed and not stored yet

  void store_idempotent(const response* r);
  void respond(response r) override;
  body_stream_ptr stream(response head, std::function<void()> closed, std::function<void()> drained) override;
  void extend_deadline(std::chrono::milliseconds total) override;
  void post(std::function<void()> work) override {
    if (!shared->stopped)
      net::post(executor, std::move(work));
  }
  void respond_after(std::chrono::milliseconds in, response r) override;
  std::optional<response> fallback; ///< what the deadline answers instead of 504; I/O thread only
};

class session : public std::enable_shared_from_this<session> {
public:
  session(tcp::socket socket, hub_ptr h)
      : socket_(std::move(socket)), timer_(socket_.get_executor()), hub_(std::move(h)) {
    ++hub_->connections;
    error_code ec;
    socket_.non_blocking(true, ec);
    socket_.set_option(tcp::no_delay{true}, ec);
    const auto peer = socket_.remote_endpoint(ec);
    remote_ = ec ? "unknown" : peer.address().to_string();
  }
  ~session() {
    {
      std::lock_guard lock{hub_->sessions_mutex};
      hub_->sessions.erase(this);
    }
    --hub_->connections;
    std::lock_guard lock{hub_->drained_mutex};
    hub_->drained.notify_all();
  }

  void start() {
    {
      std::lock_guard lock{hub_->sessions_mutex};
      hub_->sessions.emplace(this, weak_from_this());
    }
    next_request();
  }

  /// The server is going down: a connection without a request closes, a stream ends, a request is finished.
  void wind_up() {
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
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(hub_->deps.settings.header_bytes_max));
    parser_->body_limit(boost::none); // checked by on_header, so that the refusal knows the head
    arm(hub_->deps.settings.header_timeout);
    bh::async_read_header(socket_, buffer_, *parser_, [self = shared_from_this()](error_code ec, std::size_t) {
      self->on_header(ec);
    });
  }

  void on_header(error_code ec) {
    if (ec == bh::error::header_limit)
      return refuse(431, make_failure(errc::too_large, "The request's headers are too large."));
    if (ec == bh::error::end_of_stream || ec == net::error::operation_aborted || ec == net::error::connection_reset ||
        ec == bh::error::partial_message)
      return close();
    if (ec)
      return ec.category() == bh::make_error_code(bh::error::bad_method).category()
                 ? refuse(400, make_failure(errc::invalid, "The request is not valid HTTP/1.1: " + ec.message() + "."))
                 : close();
    const auto& head = parser_->get();
    if (head.target().size() > hub_->deps.settings.target_bytes_max)
      return refuse(414, make_failure(errc::too_large, "The request's target is longer than the " +
                                                          std::to_string(hub_->deps.settings.target_bytes_max) + " bytes allowed."));
    if (head.version() >= 11 && head.count(bh::field::host) != 1)
      return refuse(400, make_failure(errc::invalid, "A request of HTTP/1.1 needs exactly one Host header."));
    if (beast::websocket::is_upgrade(head))
      return upgrade();
    if (const auto length = parser_->content_length(); length && *length > hub_->deps.settings.body_bytes_max)
      return too_large();
    parser_->body_limit(hub_->deps.settings.body_bytes_max);
    arm(hub_->deps.settings.body_timeout);
    if (beast::iequals(head[bh::field::expect], "100-continue") && !parser_->is_done()) {
      auto go = std::make_shared<std::string>("HTTP/1.1 100 Continue\r\n\r\n");
      net::async_write(socket_, net::buffer(*go), [self = shared_from_this(), go](error_code ec, std::size_t) {
        ec ? self->close() : self->read_body();
      });
      return;
    }
    read_body();
  }

  void read_body() {
    bh::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](error_code ec, std::size_t) {
      if (ec == bh::error::body_limit)
        return self->too_large();
      if (ec)
        return ec.category() == bh::make_error_code(bh::error::bad_method).category() &&
                       ec != bh::error::partial_message && ec != bh::error::end_of_stream
                   ? self->refuse(400, make_failure(errc::invalid, "The request's body is not valid HTTP/1.1: " + ec.message() + "."))
                   : self->close();
      self->dispatch();
    });
  }

  void upgrade() {
    timer_.cancel();
    auto request = parser_->release();
    parser_.reset();
    const auto target = std::string_view{request.target().data(), request.target().size()};
    const auto path = target.substr(0, target.find('?'));
    if ((path != "/api/v1/live" && path != "/api/v1/live/") || !hub_->live || hub_->draining) {
      keep_alive_ = false;
      auto x = make_exchange(std::move(request));
      current_ = x;
      return x->fail(make_failure(errc::not_found, "WebSocket connections are accepted at /api/v1/live."));
    }
    closed_ = true;
    receiving_ = false;
    hub_->live->accept(std::move(socket_), std::move(request));
  }

  std::shared_ptr<live_exchange> make_exchange(bh::request<bh::string_body> head) {
    auto x = std::make_shared<live_exchange>();
    x->shared = hub_;
    x->of = shared_from_this();
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
    in.body = std::move(head.body());
    in.remote = remote_;
    const auto asked = in.header("x-request-id");
    const bool sane = !asked.empty() && asked.size() <= 128 &&
                      asked.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:") ==
                          std::string_view::npos;
    in.request_id = sane ? std::string{asked} : random_uuid(*hub_->deps.random);
    x->accepts_gzip = accepts_gzip(in.header("accept-encoding"));
    return x;
  }

  void dispatch() {
    auto x = make_exchange(parser_->release());
    parser_.reset();
    current_ = x;
    rate_left_ = -1;
    arm(hub_->deps.settings.request_deadline);
    auto& in = x->in;
    // "GET http://host/path": the form proxies send.
    if (const auto scheme = in.target.find("://"); scheme != std::string::npos && in.target.front() != '/') {
      const auto slash = in.target.find('/', scheme + 3);
      in.target = slash == std::string::npos ? "/" : in.target.substr(slash);
    }
    const auto question = in.target.find('?');
    auto path = percent_decoded(std::string_view{in.target}.substr(0, question), false);
    auto query = parse_query(question == std::string::npos ? std::string_view{} : std::string_view{in.target}.substr(question + 1));
    if (!path || !query || path->empty() || path->front() != '/')
      return refuse_request(x, "The request's target is not a valid path and query.");
    in.path = std::move(*path);
    while (in.path.size() > 1 && in.path.back() == '/')
      in.path.pop_back();
    in.query = std::move(*query);
    if (in.method == "OPTIONS")
      return options(x);
    auto match = hub_->deps.routes->find(in.method, in.path);
    x->head_only = in.method == "HEAD";
    if (!match.found) {
      if (!match.allow.empty()) {
        response r = failure_response(make_failure(errc::invalid, "This path does not know the method " + in.method + "."), in.request_id);
        r.status = 405;
        return x->respond(std::move(r.with("Allow", match.allow)));
      }
      if ((in.method == "GET" || in.method == "HEAD") && !in.path.starts_with("/api/"))
        return serve_site(x);
      return x->fail(make_failure(errc::not_found, "There is nothing at " + in.path + "."));
    }
    in.params = std::move(match.params);
    x->pattern = in.route = match.found->pattern;
    const auto& r = *match.found;
    if (r.who == access::open) {
      if (!within_rate(x, in.remote, r.sign_in))
        return;
      return handle(x, r);
    }
    const auto authorization = in.header("authorization");
    if (!beast::iequals(beast::string_view{authorization.data(), std::min<std::size_t>(7, authorization.size())}, "bearer ") ||
        authorization.size() < 8)
      return refuse_stranger(x, make_failure(errc::unauthenticated, "Sign in first: this needs an access token."));
    caf::anon_send(hub_->deps.identity,
                   authenticate{std::string{trimmed(authorization.substr(7))},
                                reply<authenticated>{[self = shared_from_this(), x, &r](outcome<authenticated> who) {
                                  x->post([self, x, &r, who = std::move(who)]() mutable {
                                    if (!who)
                                      return self->refuse_stranger(x, who.error());
                                    x->in.auth = std::move(*who);
                                    if (self->within_rate(x, x->in.auth->who.user.value, false))
                                      self->run(x, r);
                                  });
                                }}});
  }

  /// A handler that throws has a bug; its request is answered all the same.
  void handle(const std::shared_ptr<live_exchange>& x, const route& r) {
    try {
      r.handle(x);
    } catch (const std::exception& e) {
      log::error("http", "a handler threw: " + std::string{e.what()} + " route=" + r.pattern + " request_id=" + x->in.request_id);
      x->fail(make_failure(errc::internal, "The server made a mistake; the request id names it in its log."));
    }
  }

  /// Whoever knocks without a valid token uses up the address's share.
  void refuse_stranger(const std::shared_ptr<live_exchange>& x, const failure& why) {
    if (within_rate(x, x->in.remote, false))
      x->fail(why);
  }

  void run(const std::shared_ptr<live_exchange>& x, const route& r) {
    const auto key = x->in.header("idempotency-key");
    if (x->in.method != "POST" || key.empty() || !x->in.auth || !r.idempotent)
      return handle(x, r);
    if (key.size() < 8 || key.size() > 255 ||
        key.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != std::string_view::npos)
      return refuse_request(x, "Idempotency-Key must have 8 to 255 characters of A-Z, a-z, 0-9, '-' and '_'.");
    const auto digest = to_hex(sha256_framed({x->in.method, x->in.target, x->in.body}));
    caf::anon_send(hub_->deps.identity,
                   begin_idempotent{x->in.auth->who.user, std::string{key}, digest,
                                    reply<idempotency_state>{[self = shared_from_this(), x, &r, key = std::string{key}, digest](outcome<idempotency_state> s) {
                                      x->post([self, x, &r, key, digest, s = std::move(s)]() mutable {
                                        self->on_idempotency(x, r, key, digest, s);
                                      });
                                    }}});
  }

  void on_idempotency(const std::shared_ptr<live_exchange>& x, const route& r, const std::string& key,
                      const std::string& digest, outcome<idempotency_state>& s) {
    if (!s)
      return x->fail(s.error());
    using kind = idempotency_state::kind;
    if (s->what == kind::reused)
      return x->fail(make_conflict("IDEMPOTENCY_KEY_REUSE", "This Idempotency-Key was used with another request."));
    if (s->what == kind::running) {
      auto f = make_conflict("DUPLICATE_REQUEST", "The first request with this Idempotency-Key is still running.");
      f.retry_after = std::chrono::seconds{1};
      return x->fail(f);
    }
    if (s->what == kind::finished) {
      response again;
      if (auto stored = wire::json_body::parse(s->stored)) {
        again.status = static_cast<int>(stored->integer("status").value_or(200));
        again.content_type = stored->text("content_type").value_or("application/json");
        again.body = stored->text("body").value_or("");
        if (const auto headers = stored->text_map("headers"))
          for (auto& [name, value] : *headers)
            again.with(name, value);
      }
      return x->respond(std::move(again.with("X-Idempotency-Replayed", "true")));
    }
    x->idempotency_key = key;
    x->idempotency_digest = digest;
    x->idempotency_open = true;
    handle(x, r);
  }

  bool within_rate(const std::shared_ptr<live_exchange>& x, const std::string& name, bool sign_in) {
    const auto now = steady::now();
    bool good = true;
    double left = 0;
    {
      std::lock_guard lock{hub_->limits_mutex};
      good = hub_->requests.take(name, now) && (!sign_in || hub_->sign_ins.take(name, now));
      left = hub_->requests.remaining(name);
    }
    rate_left_ = left;
    if (!good) {
      auto f = make_failure(errc::rate_limited, "Too many requests; slow down.");
      f.retry_after = std::chrono::seconds{sign_in ? 5 : 1};
      x->fail(f);
    }
    return good;
  }

  void options(const std::shared_ptr<live_exchange>& x) {
    response r;
    r.status = 204;
    std::string allow;
    for (auto* m : {"GET", "POST", "PUT", "PATCH", "DELETE"})
      if (hub_->deps.routes->find(m, x->in.path).found)
        allow += std::string{allow.empty() ? "" : ", "} + m;
    r.with("Allow", allow.empty() ? "GET, HEAD, OPTIONS" : allow + ", OPTIONS");
    if (!x->in.header("access-control-request-method").empty()) {
      r.with("Access-Control-Allow-Methods", allow.empty() ? "GET" : allow);
      r.with("Access-Control-Allow-Headers",
             "authorization, content-type, x-session-id, idempotency-key, if-match, last-event-id, x-request-id, prefer");
      r.with("Access-Control-Max-Age", "600");
    }
    x->respond(std::move(r));
  }

  void serve_site(const std::shared_ptr<live_exchange>& x) {
    auto found = hub_->site.find(x->in.path);
    const bool page = found == hub_->site.end() && x->in.path.find('.') == std::string::npos;
    if (page)
      found = hub_->site.find("/index.html");
    if (found == hub_->site.end())
      return x->fail(make_failure(errc::not_found, "There is nothing at " + x->in.path + "."));
    const auto& a = found->second;
    response r;
    r.content_type = std::string{a.type};
    const bool hashed = found->first.starts_with("/assets/");
    r.with("Cache-Control", hashed ? "public, max-age=31536000, immutable" : "no-cache")
        .with("ETag", a.etag)
        .with("Content-Security-Policy", std::string{csp})
        .with("Referrer-Policy", "no-referrer");
    if (x->in.header("if-none-match") == a.etag) {
      r.status = 304;
    } else if (a.gzipped && x->accepts_gzip) {
      r.body = *a.gzipped;
      r.with("Content-Encoding", "gzip").with("Vary", "Accept-Encoding");
    } else {
      r.body = std::string{a.bytes};
    }
    x->respond(std::move(r));
  }

  // ---- answers --------------------------------------------------------------------------------------------
  void refuse_request(const std::shared_ptr<live_exchange>& x, const char* sentence) {
    auto f = make_failure(errc::invalid, sentence);
    f.with_fact("field", "request");
    x->fail(f);
  }
  void too_large() {
    refuse(413, make_failure(errc::too_large, "The body is larger than the " +
                                                  std::to_string(hub_->deps.settings.body_bytes_max) + " bytes allowed."));
  }
  /// Before there is a request to answer properly: answer and close.
  void refuse(int status, const failure& f) {
    auto x = std::make_shared<live_exchange>();
    x->shared = hub_;
    x->of = shared_from_this();
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
    const auto& in = x.in;
    out.version(11);
    out.result(static_cast<unsigned>(r.status));
    out.set(bh::field::server, "FaultMaven");
    for (auto& [name, value] : r.headers)
      out.insert(name, value);
    if (!r.body.empty() || r.status == 200)
      out.set(bh::field::content_type, r.content_type);
    out.set("X-Request-ID", in.request_id);
    out.set("X-Correlation-ID", in.header("x-correlation-id").empty() || in.header("x-correlation-id").size() > 128
                                    ? std::string{in.request_id}
                                    : std::string{in.header("x-correlation-id")});
    const auto took = std::chrono::duration<double, std::milli>(steady::now() - x.started).count();
    char text[32];
    std::snprintf(text, sizeof text, "%.3fms", took);
    out.set("X-Processing-Time", text);
    out.set("X-Content-Type-Options", "nosniff");
    if (rate_left_ >= 0) {
      out.set("X-RateLimit-Limit", std::to_string(hub_->deps.settings.requests_burst));
      out.set("X-RateLimit-Remaining", std::to_string(static_cast<long>(rate_left_)));
      const auto& limits = hub_->deps.settings;
      out.set("X-RateLimit-Reset",
              std::to_string(static_cast<long>(std::ceil((limits.requests_burst - rate_left_) / limits.requests_per_second))));
    }
    if (const auto origin = in.header("origin"); !origin.empty()) {
      out.insert("Vary", "Origin");
      if (origin_allowed(origin, in.header("host"), hub_->deps.settings.allowed_origins)) {
        out.set("Access-Control-Allow-Origin", std::string{origin});
        out.set("Access-Control-Allow-Credentials", "true");
        out.set("Access-Control-Expose-Headers",
                "Location, Retry-After, ETag, X-Total-Count, Link, X-Request-ID, x-error-code, x-title-source, Deprecation, Sunset");
      }
    }
    if (hub_->draining)
      keep_alive_ = false;
    out.keep_alive(keep_alive_ && version_ == 11);
    const auto status = std::to_string(r.status);
    hub_->deps.metrics->get_counter("faultmaven_http_requests_total", "HTTP requests", {{"route", x.pattern}, {"status", status}}).add();
    hub_->deps.metrics->get_histogram("faultmaven_http_request_seconds", "Time to answer an HTTP request", {{"route", x.pattern}}).observe(took / 1000);
  }

  void log_answer(const live_exchange& x, int status) {
    const auto level = status >= 500 && status != 501 && status != 503 ? log::level::warn : log::level::debug;
    if (log::enabled(level))
      log::write(level, "http", x.in.method + " " + (x.in.route.empty() ? x.in.path : x.in.route) + " status=" + std::to_string(status) +
                                    " request_id=" + x.in.request_id);
  }

  void write_response(const std::shared_ptr<live_exchange>& x, response r) {
    if (closed_ || current_ != x)
      return;
    timer_.cancel();
    log_answer(*x, r.status);
    auto out = std::make_shared<bh::response<bh::string_body>>();
    complete_headers(*x, *out, r);
    const bool compressible = r.content_type.starts_with("application/json") || r.content_type.starts_with("text/");
    if (x->accepts_gzip && compressible && r.body.size() >= hub_->deps.settings.gzip_bytes_min && (*out)["Content-Encoding"].empty()) {
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
      bh::async_write_header(socket_, *serializer, [done_writing, serializer](error_code ec, std::size_t n) { done_writing(ec, n); });
      return;
    }
    bh::async_write(socket_, *out, done_writing);
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

  void begin_stream(const std::shared_ptr<live_exchange>& x, response head, const std::shared_ptr<streaming>& stream) {
    if (closed_ || current_ != x)
      return stream->end();
    timer_.cancel();
    keep_alive_ = false;
    streaming_ = stream;
    auto out = std::make_shared<bh::response<bh::string_body>>();
    complete_headers(*x, *out, head);
    out->keep_alive(false);
    if (version_ >= 11)
      out->chunked(true);
    auto serializer = std::make_shared<bh::response_serializer<bh::string_body>>(*out);
    serializer->split(true);
    bh::async_write_header(socket_, *serializer, [self = shared_from_this(), out, serializer, stream](error_code ec, std::size_t) {
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
    if (version_ < 11) {
      if (last)
        return close();
      *frame = std::move(*joined); // HTTP/1.0 knows no chunks: the body ends with the connection
    } else if (last) {
      *frame = "0\r\n\r\n";
    } else {
      char size[32];
      std::snprintf(size, sizeof size, "%zx\r\n", joined->size());
      *frame = size + *joined + "\r\n";
    }
    arm(hub_->deps.settings.body_timeout);
    net::async_write(socket_, net::buffer(*frame), [self = shared_from_this(), frame, stream, last](error_code ec, std::size_t) {
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

  /// Reads and forgets what a refused client still sends, for a while: closing at once would reset the connection
  /// under the answer.
  void linger() {
    error_code ec;
    socket_.shutdown(tcp::socket::shutdown_send, ec);
    arm(std::chrono::seconds{2});
    buffer_.consume(buffer_.size());
    linger_more(0);
  }
  void linger_more(std::size_t read) {
    constexpr std::size_t lingering_bytes_max = 16U << 20;
    if (closed_ || read > lingering_bytes_max)
      return close();
    socket_.async_read_some(buffer_.prepare(16U << 10), [self = shared_from_this(), read](error_code ec, std::size_t n) {
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
      if (auto self = weak.lock())
        self->on_timeout();
    });
  }
  void on_timeout() {
    if (current_ && current_->fallback && !streaming_)
      return current_->respond(std::move(*std::exchange(current_->fallback, std::nullopt)));
    if (current_ && !current_->answered && !streaming_) {
      current_->timed_out = true;
      return current_->fail(make_failure(errc::timed_out, "The server could not answer within its deadline; the request may still take effect."));
    }
    close();
  }

  void close() {
    if (std::exchange(closed_, true))
      return;
    timer_.cancel();
    error_code ec;
    socket_.shutdown(tcp::socket::shutdown_send, ec);
    socket_.close(ec);
    if (auto s = std::exchange(streaming_, nullptr))
      s->end();
    let_go();
  }

  /// The request is over: from here on neither holds the other, whoever still holds the exchange.
  void let_go() {
    if (auto x = std::exchange(current_, nullptr))
      x->of.reset();
  }

  hub& shared() { return *hub_; }
  net::any_io_executor executor() { return socket_.get_executor(); }
  std::shared_ptr<live_exchange> current_;

private:
  tcp::socket socket_;
  net::steady_timer timer_;
  hub_ptr hub_;
  beast::flat_buffer buffer_;
  std::optional<bh::request_parser<bh::string_body>> parser_;
  std::shared_ptr<streaming> streaming_;
  std::string remote_;
  double rate_left_ = -1;
  unsigned version_ = 11;
  bool keep_alive_ = true;
  bool receiving_ = false; ///< part of a request has been read
  bool linger_ = false;    ///< the client may still be sending when it is refused
  bool closed_ = false;
};

/// Null releases the key. Done even when the client is gone: it is the client that comes back who asks for it.
void live_exchange::store_idempotent(const response* r) {
  if (!idempotency_open.exchange(false))
    return;
  constexpr std::size_t stored_bytes_max = 512U << 10; // the session store takes 1 MiB, escapes included
  std::string stored;
  // A fault or "try later" is not an answer to keep: the same key may try again.
  if (r && r->status < 500 && r->status != 429 && r->status != 401 && r->body.size() <= stored_bytes_max) {
    json_writer w{stored};
    w.begin_object().member("status", r->status).member("content_type", r->content_type).member("body", r->body);
    w.key("headers").begin_object();
    for (auto& [name, value] : r->headers)
      w.member(name, value);
    w.end_object().end_object();
  }
  caf::anon_send(shared->deps.identity, finish_idempotent{in.auth->who.user, idempotency_key, idempotency_digest,
                                                          std::move(stored), reply<done_t>{[](const outcome<done_t>&) {}}});
}

void live_exchange::respond(response r) {
  if (answered.exchange(true)) {
    if (timed_out)
      store_idempotent(&r);
    return;
  }
  if (!timed_out)
    store_idempotent(&r);
  if (shared->stopped)
    return;
  net::dispatch(executor, [self = shared_from_this(), r = std::move(r)]() mutable {
    if (auto s = self->of)
      s->write_response(self, std::move(r));
  });
}

body_stream_ptr live_exchange::stream(response head, std::function<void()> closed, std::function<void()> drained) {
  auto stream = std::make_shared<session::streaming>();
  stream->of = of;
  stream->executor = executor;
  stream->closed = std::move(closed);
  stream->drained = std::move(drained);
  stream->bytes_max = shared->deps.settings.stream_bytes_max;
  if (answered.exchange(true)) {
    stream->over = true;
    return stream;
  }
  store_idempotent(nullptr); // a stream cannot be replayed; its turn is found again by its client_turn_id
  net::post(executor, [self = shared_from_this(), head = std::move(head), stream]() mutable {
    if (auto s = self->of)
      s->begin_stream(self, std::move(head), stream);
    else
      stream->end();
  });
  return stream;
}

void live_exchange::extend_deadline(std::chrono::milliseconds total) {
  net::dispatch(executor, [self = shared_from_this(), total] {
    if (auto s = self->of; s && s->current_ == self && !self->answered)
      s->arm(total);
  });
}

void live_exchange::respond_after(std::chrono::milliseconds in, response r) {
  net::dispatch(executor, [self = shared_from_this(), in, r = std::move(r)]() mutable {
    if (auto s = self->of; s && s->current_ == self && !self->answered) {
      self->fallback = std::move(r);
      s->arm(in);
    }
  });
}

class beast_server final : public server {
public:
  explicit beast_server(server_deps deps) : hub_(std::make_shared<hub>(std::move(deps))) {
    const auto threads = std::max<std::size_t>(1, hub_->deps.settings.io_threads);
    for (std::size_t i = 0; i < threads; ++i)
      contexts_.push_back(std::make_unique<net::io_context>(1));
  }
  ~beast_server() override {
    hub_->stopped = true;
    for (auto& c : contexts_)
      c->stop();
    for (auto& t : threads_)
      t.join();
    acceptor_.reset();
    retry_.reset();
    std::vector<std::shared_ptr<session>> left;
    {
      std::lock_guard lock{hub_->sessions_mutex};
      for (auto& [raw, weak] : hub_->sessions)
        if (auto s = weak.lock())
          left.push_back(std::move(s));
    }
    for (auto& s : left)
      s->close(); // its threads are gone; this lets a request and its connection go that hold each other
    left.clear();
    keep_for_ever(lanes_);
  }

  std::optional<failure> listen() {
    const auto& s = hub_->deps.settings;
    error_code ec;
    const auto address = net::ip::make_address(s.host == "localhost" ? "127.0.0.1" : s.host, ec);
    if (ec)
      return make_failure(errc::invalid, "http.host = '" + s.host + "' is not an IP address.");
    acceptor_ = std::make_unique<tcp::acceptor>(*contexts_[0]);
    const int tries = s.next_free_port && s.port != 0 ? 100 : 1;
    for (int i = 0; i < tries; ++i) {
      const tcp::endpoint where{address, static_cast<std::uint16_t>(s.port + i)};
      acceptor_->close(ec);
      acceptor_->open(where.protocol(), ec);
      if (!ec)
        acceptor_->set_option(net::socket_base::reuse_address{true}, ec);
      if (!ec)
        acceptor_->bind(where, ec);
      if (!ec)
        acceptor_->listen(1024, ec);
      if (!ec)
        break;
      if (ec != net::error::address_in_use)
        break;
    }
    if (ec)
      return make_unavailable("Cannot listen on " + s.host + ":" + std::to_string(s.port) + ": " + ec.message() +
                              ". Is another server running there? Give this one another --port.");
    port_ = acceptor_->local_endpoint().port();
    if (hub_->deps.make_live) {
      std::vector<net::io_context*> all;
      for (auto& c : contexts_)
        all.push_back(c.get());
      hub_->live = hub_->deps.make_live(all);
    }
    accept();
    for (auto& c : contexts_)
      threads_.emplace_back([context = c.get()] {
        const auto guard = net::make_work_guard(*context);
        for (;;) {
          try {
            context->run();
            return;
          } catch (const std::exception& e) {
            log::error("http", std::string{"a handler failed: "} + e.what());
          }
        }
      });
    return std::nullopt;
  }

  std::uint16_t port() const override { return port_; }

  void drain() override {
    hub_->draining = true;
    net::post(*contexts_[0], [this] {
      error_code ec;
      acceptor_->close(ec);
    });
    if (hub_->live)
      hub_->live->close_all();
    std::vector<std::shared_ptr<session>> open;
    {
      std::lock_guard lock{hub_->sessions_mutex};
      for (auto& [raw, weak] : hub_->sessions)
        if (auto s = weak.lock())
          open.push_back(std::move(s));
    }
    for (auto& s : open) {
      const auto executor = s->executor();
      net::post(executor, [s = std::move(s)] { s->wind_up(); });
    }
    open.clear();
    std::unique_lock lock{hub_->drained_mutex};
    hub_->drained.wait_for(lock, hub_->deps.settings.drain, [this] { return hub_->connections == 0; });
  }

private:
  void accept() {
    auto& context = *contexts_[next_++ % contexts_.size()];
    acceptor_->async_accept(context, [this](error_code ec, tcp::socket socket) {
      if (ec == net::error::operation_aborted || hub_->draining)
        return;
      if (!ec) {
        if (hub_->connections < hub_->deps.settings.connections_max) {
          const auto executor = socket.get_executor();
          auto s = std::make_shared<session>(std::move(socket), hub_);
          net::post(executor, [s] { s->start(); });
        }
        accept();
        return;
      }
      // Out of descriptors: wait a little instead of spinning.
      retry_ = std::make_unique<net::steady_timer>(*contexts_[0], std::chrono::milliseconds{50});
      retry_->async_wait([this](error_code e) {
        if (!e)
          accept();
      });
    });
  }

  hub_ptr hub_;
  std::shared_ptr<lanes> lanes_ = std::make_shared<lanes>();
  std::vector<std::unique_ptr<net::io_context>>& contexts_ = lanes_->contexts;
  std::unique_ptr<tcp::acceptor> acceptor_;
  std::unique_ptr<net::steady_timer> retry_;
  std::vector<std::thread> threads_;
  std::size_t next_ = 0;
  std::uint16_t port_ = 0;
};
} // namespace

outcome<std::unique_ptr<server>> start_server(server_deps deps) {
  auto made = std::make_unique<beast_server>(std::move(deps));
  if (auto f = made->listen())
    return *f;
  return std::unique_ptr<server>{std::move(made)};
}

} // namespace fm::http
