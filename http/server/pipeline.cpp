// See pipeline.hpp.
#include "http/server/pipeline.hpp"

#include "http/bridge/ask.hpp"
#include "http/core/url.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/text.hpp"

#include <cmath>

namespace fm::http {
namespace {
using steady = std::chrono::steady_clock;
constexpr std::string_view word_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

/// What the web page may do: run its own scripts and talk to its own server, nothing else.
constexpr std::string_view csp =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' "
    "data:; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

bool accepts_gzip(std::string_view header) {
  while (!header.empty()) {
    const auto comma = header.find(',');
    const auto item = trimmed(header.substr(0, comma));
    const auto semicolon = item.find(';');
    const auto name = trimmed(item.substr(0, semicolon));
    const auto weight =
        semicolon == std::string_view::npos ? std::string_view{} : trimmed(item.substr(semicolon + 1));
    if (name == "gzip" || name == "*")
      return weight != "q=0" && weight != "q=0.0" && weight != "q=0.00" && weight != "q=0.000";
    header = comma == std::string_view::npos ? std::string_view{} : header.substr(comma + 1);
  }
  return false;
}

void refuse_request(const served_exchange_ptr& x, const char* sentence) {
  auto f = make_failure(errc::invalid, sentence);
  f.with_fact("field", "request");
  x->fail(f);
}
/// Takes one from the share of `name`; false when there is none, and the refusal was sent.
bool within_rate(const served_exchange_ptr& x, const std::string& name, bool sign_in) {
  const auto now = steady::now();
  bool good = true;
  double left = 0;
  {
    std::lock_guard lock{x->shared->limits_mutex};
    good = x->shared->requests.take(name, now) && (!sign_in || x->shared->sign_ins.take(name, now));
    left = x->shared->requests.remaining(name);
  }
  x->rate_left = left;
  if (!good) {
    auto f = make_failure(errc::rate_limited, "Too many requests; slow down.");
    f.retry_after = std::chrono::seconds{sign_in ? 5 : 1};
    x->fail(f);
  }
  return good;
}

/// "http://host/path", the form proxies send, as "/path".
std::string_view origin_form(std::string_view target) {
  const auto scheme = target.find("://");
  if (scheme == std::string_view::npos || target.front() == '/')
    return target;
  const auto slash = target.find('/', scheme + 3);
  return slash == std::string_view::npos ? std::string_view{"/"} : target.substr(slash);
}
/// The decoded path of a target without a slash at its end; nothing when it is none.
std::optional<std::string> path_of(std::string_view target) {
  auto path = percent_decoded(target.substr(0, target.find('?')), false);
  if (!path || path->empty() || path->front() != '/')
    return std::nullopt;
  while (path->size() > 1 && path->back() == '/')
    path->pop_back();
  return path;
}

/// A handler that throws has a bug; its request is answered all the same.
void handle(const served_exchange_ptr& x, const route& r) {
  try {
    r.handle(x);
  } catch (const std::exception& e) {
    log::error("http", "a handler threw: " + std::string{e.what()} + " route=" + r.pattern +
                           " request_id=" + x->in.request_id);
    x->fail(make_failure(errc::internal, "The server made a mistake; the request id names it in its log."));
  }
}

/// Whoever knocks without a valid token uses up the address's share.
void refuse_stranger(const served_exchange_ptr& x, const failure& why) {
  if (within_rate(x, x->in.remote, false))
    x->fail(why);
}

void on_idempotency(const served_exchange_ptr& x, const std::string& key, const std::string& digest,
                    outcome<idempotency_state>& s, const std::function<void()>& go_on) {
  if (!s)
    return x->fail(s.error());
  using kind = idempotency_state::kind;
  if (s->what == kind::reused)
    return x->fail(
        make_conflict("IDEMPOTENCY_KEY_REUSE", "This Idempotency-Key was used with another request."));
  if (s->what == kind::running) {
    auto f =
        make_conflict("DUPLICATE_REQUEST", "The first request with this Idempotency-Key is still running.");
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
  go_on();
}

void claim(const served_exchange_ptr& x, const std::string& digest, std::function<void()> go_on) {
  const std::string key{x->in.header("idempotency-key")};
  tell(x->shared->deps.identity,
       begin_idempotent{x->in.auth->who.user, key, digest,
                        reply<idempotency_state>{[x, key, digest, go_on = std::move(go_on)](
                                                     outcome<idempotency_state> s) {
                          x->post([x, key, digest, go_on, s = std::move(s)]() mutable {
                            on_idempotency(x, key, digest, s, go_on);
                          });
                        }}});
}

void run(const served_exchange_ptr& x, const route& r) {
  const auto key = x->in.header("idempotency-key");
  if (x->in.method != "POST" || key.empty() || !x->in.auth || !r.idempotent)
    return handle(x, r);
  if (key.size() < 8 || key.size() > 255 || key.find_first_not_of(word_characters) != std::string_view::npos)
    return refuse_request(x, "Idempotency-Key must have 8 to 255 characters of A-Z, a-z, 0-9, '-' and '_'.");
  if (r.streams_body) { // what is asked is known when the body was read
    x->claims_key = true;
    return handle(x, r);
  }
  claim(x, to_hex(sha256_framed({x->in.method, x->in.target, x->in.body})), [x, &r] { handle(x, r); });
}

void options(const served_exchange_ptr& x) {
  response r;
  r.status = 204;
  std::string allow;
  for (auto* m : {"GET", "POST", "PUT", "PATCH", "DELETE"})
    if (const auto* found = x->shared->deps.routes->find(m, x->in.path).found) {
      allow += std::string{allow.empty() ? "" : ", "} + m;
      for (auto& [name, value] : found->options)
        r.with(name, value);
    }
  r.with("Allow", allow.empty() ? "GET, HEAD, OPTIONS" : allow + ", OPTIONS");
  if (!x->in.header("access-control-request-method").empty()) {
    r.with("Access-Control-Allow-Methods", allow.empty() ? "GET" : allow);
    r.with("Access-Control-Allow-Headers", "authorization, content-type, x-session-id, idempotency-key, "
                                           "if-match, last-event-id, x-request-id, prefer, tus-resumable, "
                                           "upload-length, upload-offset, upload-metadata");
    r.with("Access-Control-Max-Age", "600");
  }
  x->respond(std::move(r));
}

void serve_site(const served_exchange_ptr& x) {
  auto found = x->shared->site.find(x->in.path);
  const bool page = found == x->shared->site.end() && x->in.path.find('.') == std::string::npos;
  if (page)
    found = x->shared->site.find("/index.html");
  if (found == x->shared->site.end())
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
} // namespace

void introduce(served_exchange& x) {
  const auto asked = x.in.header("x-request-id");
  const bool sane = !asked.empty() && asked.size() <= 128 &&
                    asked.find_first_not_of(std::string{word_characters} + ".:") == std::string_view::npos;
  x.in.request_id = sane ? std::string{asked} : random_uuid(*x.shared->deps.random);
  x.accepts_gzip = accepts_gzip(x.in.header("accept-encoding"));
}

const route* streaming_route(const hub& shared, std::string_view method, std::string_view target) {
  const auto path = path_of(origin_form(target));
  const auto* found = path ? shared.deps.routes->find(method, *path).found : nullptr;
  return found && found->streams_body ? found : nullptr;
}

void served_exchange::claim_key(std::string_view content, std::function<void()> go_on) {
  if (!std::exchange(claims_key, false))
    return go_on();
  claim(shared_from_this(), to_hex(sha256_framed({in.method, in.target, content})), std::move(go_on));
}

void serve(const served_exchange_ptr& x) {
  auto& in = x->in;
  in.target = std::string{origin_form(in.target)};
  const auto question = in.target.find('?');
  auto path = path_of(in.target);
  auto query = parse_query(question == std::string::npos ? std::string_view{}
                                                         : std::string_view{in.target}.substr(question + 1));
  if (!path || !query)
    return refuse_request(x, "The request's target is not a valid path and query.");
  in.path = std::move(*path);
  in.query = std::move(*query);
  if (in.method == "OPTIONS")
    return options(x);
  auto match = x->shared->deps.routes->find(in.method, in.path);
  x->head_only = in.method == "HEAD";
  if (!match.found) {
    if (!match.allow.empty()) {
      response r = failure_response(
          make_failure(errc::invalid, "This path does not know the method " + in.method + "."),
          in.request_id);
      r.status = 405;
      return x->respond(std::move(r.with("Allow", match.allow)));
    }
    if ((in.method == "GET" || in.method == "HEAD") && !in.path.starts_with("/api/"))
      return serve_site(x);
    return x->fail(make_failure(errc::not_found, "There is nothing at " + in.path + "."));
  }
  in.params = std::move(match.params);
  in.route = match.found->pattern;
  const auto& r = *match.found;
  if (r.who == access::open) {
    if (!within_rate(x, in.remote, r.sign_in))
      return;
    return handle(x, r);
  }
  const auto authorization = in.header("authorization");
  if (!ascii_lower(authorization.substr(0, 7)).starts_with("bearer ") || authorization.size() < 8)
    return refuse_stranger(x,
                           make_failure(errc::unauthenticated, "Sign in first: this needs an access token."));
  tell(x->shared->deps.identity, authenticate{std::string{trimmed(authorization.substr(7))},
                                              reply<authenticated>{[x, &r](outcome<authenticated> who) {
                                                x->post([x, &r, who = std::move(who)]() mutable {
                                                  if (!who)
                                                    return refuse_stranger(x, who.error());
                                                  x->in.auth = std::move(*who);
                                                  if (within_rate(x, x->in.auth->who.user.value, false))
                                                    run(x, r);
                                                });
                                              }}});
}

void for_each_common_header(const served_exchange& x,
                            const std::function<void(std::string_view, std::string)>& each) {
  const auto& in = x.in;
  each("Server", "FaultMaven");
  each("X-Request-ID", in.request_id);
  const auto correlation = in.header("x-correlation-id");
  each("X-Correlation-ID",
       correlation.empty() || correlation.size() > 128 ? in.request_id : std::string{correlation});
  char took[32];
  std::snprintf(took, sizeof took, "%.3fms",
                std::chrono::duration<double, std::milli>(steady::now() - x.started).count());
  each("X-Processing-Time", took);
  each("X-Content-Type-Options", "nosniff");
  const auto& settings = x.shared->deps.settings;
  if (x.rate_left >= 0) {
    each("X-RateLimit-Limit", std::to_string(settings.requests_burst));
    each("X-RateLimit-Remaining", std::to_string(static_cast<long>(x.rate_left)));
    each("X-RateLimit-Reset", std::to_string(static_cast<long>(std::ceil(
                                  (settings.requests_burst - x.rate_left) / settings.requests_per_second))));
  }
  if (const auto origin = in.header("origin"); !origin.empty()) {
    each("Vary", "Origin");
    if (origin_allowed(origin, in.header("host"), settings.allowed_origins)) {
      each("Access-Control-Allow-Origin", std::string{origin});
      each("Access-Control-Allow-Credentials", "true");
      each("Access-Control-Expose-Headers",
           "Location, Retry-After, ETag, X-Total-Count, Link, X-Request-ID, x-error-code, "
           "x-title-source, X-Idempotency-Replayed, Deprecation, Sunset, Content-Range, Content-Disposition, "
           "Tus-Resumable, Tus-Version, Tus-Extension, Tus-Max-Size, Upload-Offset, "
           "Upload-Length, Upload-Metadata, Upload-Expires, X-Job-ID, X-File-ID");
    }
  }
  if (!in.header("tus-resumable").empty())
    each("Tus-Resumable", "1.0.0"); // in every answer of the protocol, refusals included
}

void record_answer(const served_exchange& x, int status) {
  const auto& in = x.in;
  const std::string route = in.route.empty() ? "-" : in.route;
  auto& meters = *x.shared->deps.metrics;
  meters
      .get_counter("faultmaven_http_requests_total", "HTTP requests",
                   {{"route", route}, {"status", std::to_string(status)}})
      .add();
  meters
      .get_histogram("faultmaven_http_request_seconds", "Time to answer an HTTP request", {{"route", route}})
      .observe(std::chrono::duration<double>(steady::now() - x.started).count());
  const auto level = status >= 500 && status != 501 && status != 503 ? log::level::warn : log::level::debug;
  if (log::enabled(level))
    log::write(level, "http",
               in.method + " " + (in.route.empty() ? in.path : in.route) +
                   " status=" + std::to_string(status) + " request_id=" + in.request_id);
}

// Done even when the client is gone: it is the client that comes back who asks for it.
void served_exchange::settle_key(const response* r) {
  if (!idempotency_open.exchange(false))
    return;
  constexpr std::size_t stored_bytes_max = 512U << 10; // the session store takes 1 MiB, escapes included
  std::string stored;
  // A fault or "try later" is not an answer to keep: the same key may try again.
  if (r && r->status < 500 && r->status != 429 && r->status != 401 && r->body.size() <= stored_bytes_max) {
    json_writer w{stored};
    w.begin_object()
        .member("status", r->status)
        .member("content_type", r->content_type)
        .member("body", r->body);
    w.key("headers").begin_object();
    for (auto& [name, value] : r->headers)
      w.member(name, value);
    w.end_object().end_object();
  }
  tell(shared->deps.identity,
       finish_idempotent{in.auth->who.user, idempotency_key, idempotency_digest, std::move(stored),
                         reply<done_t>{[](const outcome<done_t>&) {}}});
}

} // namespace fm::http
