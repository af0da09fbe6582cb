// The only place where a request meets an actor: commands out, answers back into the exchange, failures
// mapped once. Handlers say what to do with a success and nothing else.
#pragma once

#include "http/core/exchange.hpp"
#include "http/core/url.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/random.hpp"
#include "protocol/base/sha256.hpp"
#include "protocol/base/text.hpp"
#include "protocol/messages/case_registry_actor.hpp"
#include "protocol/wire/json_body.hpp"

#include <caf/send.hpp>

#include <charconv>
#include <string>

namespace fm::http {

/// A reply that answers the exchange with the failure, or calls f(exchange, value). Both on the connection's
/// I/O thread: actors make no JSON.
template <class T, class F> reply<T> answering(exchange_ptr x, F f) {
  return reply<T>{[x = std::move(x), f = std::move(f)](outcome<T> r) {
    x->post([x, f, r = std::move(r)]() mutable {
      if (!r)
        return x->fail(r.error());
      f(x, *r);
    });
  }};
}

template <class T, class F> void set_answer(reply<T>& answer, const exchange_ptr& x, F f) {
  answer = answering<T>(x, [f = std::move(f)](const exchange_ptr&, T& value) { f(value); });
}
/// Sends a message whose reply, if it has one, was set before.
template <class Actor, class Message> void tell(const Actor& actor, Message message) {
  caf::anon_send(actor, std::move(message));
}

/// Asks an actor; its failure is answered as it is, its value goes to f(value).
template <class Actor, class Message, class F>
void ask(const Actor& actor, const exchange_ptr& x, Message message, F f) {
  set_answer(message.answer, x, std::move(f));
  caf::anon_send(actor, std::move(message));
}
/// Asks the case of the route's {case_id}.
template <class Command, class F>
void ask_case(const case_registry_actor& registry, const exchange_ptr& x, Command command, F f) {
  set_answer(command.answer, x, std::move(f));
  caf::anon_send(registry,
                 to_case{case_id{std::string{x->in.param("case_id")}}, case_command{std::move(command)}});
}
inline const principal& who_of(const exchange_ptr& x) { return x->in.auth->who; }
/// invalid (422) that names the field.
inline failure invalid_field(std::string field, std::string sentence) {
  auto f = make_failure(errc::invalid, std::move(sentence));
  f.with_fact("field", std::move(field));
  return f;
}

inline case_id case_of(const exchange& x) { return case_id{std::string{x.in.param("case_id")}}; }

inline void tell_case(const case_registry_actor& registry, const exchange& x, case_command command) {
  caf::anon_send(registry, to_case{case_of(x), std::move(command)});
}

/// The client_turn_id of a submission that names none: from its Idempotency-Key, so that a repetition is the
/// same turn even when the first answer was never stored; else a new one.
inline client_turn_id choose_client_turn_id(const request& in, random_source& random) {
  const auto key = in.header("idempotency-key");
  if (key.empty() || !in.auth)
    return client_turn_id{random_uuid(random)};
  return client_turn_id{"key-" +
                        to_hex(sha256_framed({in.auth->who.user.value, in.path, key})).substr(0, 40)};
}

/// The body as an object; answers the exchange and gives nothing when it is not one.
inline std::optional<wire::json_body> body_of(const exchange_ptr& x) {
  const auto type = ascii_lower(x->in.header("content-type"));
  if (!x->in.body.empty() && !type.empty() && type.find("json") == std::string::npos &&
      !type.starts_with("text/plain") &&
      !type.starts_with(
          "application/x-www-form-urlencoded")) { // what clients send by default, without meaning it
    x->fail(make_failure(errc::unsupported_media_type, "The body must be application/json."));
    return std::nullopt;
  }
  auto body = wire::json_body::parse(x->in.body);
  if (body)
    return std::move(*body);
  auto f = body.error();
  x->fail(f.with_fact("field", "body"));
  return std::nullopt;
}
/// Refuses the exchange when a member of the body had the wrong type.
inline bool refused_body(const exchange_ptr& x, const wire::json_body& body) {
  if (auto f = body.wrong()) {
    x->fail(*f);
    return true;
  }
  return false;
}

/// The version the caller last saw: If-Match before expected_version; nothing when it names none.
inline std::optional<std::uint32_t> expected_version_of(const exchange_ptr& x, const wire::json_body& body) {
  if (const auto tag = x->in.header("if-match"); tag.size() > 2 && tag != "*")
    return static_cast<std::uint32_t>(std::strtoul(std::string{tag.substr(1)}.c_str(), nullptr, 10));
  const auto version = body.integer("expected_version");
  return version && *version >= 0 && *version <= UINT32_MAX ? std::optional{static_cast<std::uint32_t>(*version)} : std::nullopt;
}

template <class Fill> response json_response(int status, Fill fill) {
  response r;
  r.status = status;
  json_writer w{r.body};
  w.begin_object();
  fill(w);
  w.end_object();
  return r;
}

/// A time of the query or the body; answers the exchange and gives false when it is something else.
inline bool read_time(const exchange_ptr& x, const char* name, const std::optional<std::string>& text, std::optional<timestamp>& into) {
  if (!text || text->empty())
    return true;
  into = from_iso8601(*text);
  if (!into)
    x->fail(invalid_field(name, std::string{name} + " must be a time such as 2026-01-31T12:00:00Z."));
  return into.has_value();
}

struct page_request {
  std::size_t limit = 50;
  std::size_t offset = 0;
};
/// limit 1–100 and offset from the query; answers the exchange and gives nothing when they are not numbers.
inline std::optional<page_request> page_of(const exchange_ptr& x, std::size_t limit_max = 100) {
  page_request p;
  const auto read = [&](const char* name, std::size_t& into, std::size_t least, std::size_t most) {
    const auto text = x->in.asked(name);
    if (!text)
      return true;
    std::size_t n = 0;
    const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), n);
    if (ec != std::errc{} || end != text->data() + text->size() || n < least || n > most) {
      auto f = make_failure(errc::invalid, std::string{name} + " must be a whole number from " +
                                               std::to_string(least) + " to " + std::to_string(most) + ".");
      x->fail(f.with_fact("field", name));
      return false;
    }
    into = n;
    return true;
  };
  if (!read("limit", p.limit, 1, limit_max) || !read("offset", p.offset, 0, 1U << 30))
    return std::nullopt;
  return p;
}

/// X-Total-Count and Link (RFC 8288) of a list. The links keep the filters; the next page goes by the cursor
/// where there is one.
inline void add_paging(response& r, const request& in, const page_request& p, std::size_t shown,
                       std::uint64_t total, const std::string& next_cursor = {}) {
  r.with("X-Total-Count", std::to_string(total));
  std::string link;
  const auto add = [&](std::size_t offset, const std::string& cursor, const char* rel) {
    link += (link.empty() ? "<" : ", <") + percent_encoded(in.path, true) + "?";
    for (auto& [name, value] : in.query)
      if (name != "limit" && name != "offset" && name != "cursor")
        link += percent_encoded(name, false) + "=" + percent_encoded(value, false) + "&";
    link += "limit=" + std::to_string(p.limit);
    link +=
        cursor.empty() ? "&offset=" + std::to_string(offset) : "&cursor=" + percent_encoded(cursor, false);
    link += std::string{">; rel=\""} + rel + "\"";
  };
  if (p.offset > 0) {
    add(0, {}, "first");
    add(p.offset > p.limit ? p.offset - p.limit : 0, {}, "prev");
  }
  if (!next_cursor.empty() || p.offset + shown < total)
    add(p.offset + p.limit, next_cursor, "next");
  if (!link.empty())
    r.with("Link", link);
}

} // namespace fm::http
