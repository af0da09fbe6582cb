// Failure → HTTP, in one place.
#include "http/core/exchange.hpp"

#include "protocol/wire/encode.hpp"

namespace fm::http {
namespace {
int status_of(errc code) {
  switch (code) {
  case errc::not_found:
    return 404;
  case errc::conflict:
    return 409;
  case errc::invalid:
    return 422;
  case errc::unauthenticated:
    return 401;
  case errc::forbidden:
    return 403;
  case errc::too_large:
    return 413;
  case errc::unsupported_media_type:
    return 415;
  case errc::rate_limited:
    return 429;
  case errc::overloaded:
    return 503;
  case errc::unavailable:
    return 503;
  case errc::timed_out:
    return 504;
  case errc::gone:
    return 410;
  case errc::not_implemented:
    return 501;
  case errc::internal:
    return 500;
  }
  return 500;
}
} // namespace

response failure_response(const failure& f, std::string_view request_id) {
  response r;
  r.status = status_of(f.code);
  // The field limit of open cases and the like is a 400 by contract, not a 422 (domain.md).
  if (f.code == errc::invalid)
    if (const auto field = f.facts.find("field");
        field != f.facts.end() && (field->second == "owner" || field->second == "request"))
      r.status = 400;
  r.body = wire::error_body(f, request_id);
  if (r.status == 401)
    r.with("WWW-Authenticate", "Bearer");
  if (r.status == 409) {
    r.with("x-error-code", f.reason.empty() ? "CONFLICT" : f.reason);
    for (auto [fact, header] : {std::pair{"expected_version", "x-expected-version"},
                                {"actual_version", "x-actual-version"},
                                {"expected_seq", "x-expected-version"},
                                {"actual_seq", "x-actual-version"}})
      if (const auto found = f.facts.find(fact); found != f.facts.end())
        r.with(header, found->second);
  }
  if (f.retry_after || r.status == 429 || r.status == 503)
    r.with("Retry-After",
           std::to_string((f.retry_after.value_or(std::chrono::seconds{1}).count() + 999) / 1000));
  return r;
}

void exchange::fail(const failure& f) { respond(failure_response(f, in.request_id)); }

} // namespace fm::http
