// /sessions: devices that are signed in. A session owns nothing; cases belong to users.
#include "http/bridge/ask.hpp"
#include "http/rest/rest.hpp"
#include "protocol/wire/encode.hpp"

#include <algorithm>

#include <algorithm>

namespace fm::http {
namespace {
session_id session_of(const request& in) { return session_id{std::string{in.param("session_id")}}; }

response session_answer(int status, const session& s, std::optional<bool> resumed = {}) {
  response r;
  r.status = status;
  json_writer w{r.body};
  w.begin_object();
  wire::write_session_members(w, s);
  if (resumed)
    w.member("session_resumed", *resumed)
        .member("message", *resumed ? "The live session of this client goes on." : "A new session.");
  w.end_object();
  return r;
}

void open(const rest_deps_ptr& rest, const exchange_ptr& x) {
  auto body = body_of(x);
  if (!body)
    return;
  open_session m;
  m.user = who_of(x).user;
  m.client = client_id{body->text("client_id").value_or("")};
  m.session_type = body->text("session_type").value_or("troubleshooting");
  const auto minutes = body->integer("timeout_minutes").value_or(180);
  m.metadata = body->text_map("metadata").value_or(std::map<std::string, std::string>{});
  if (refused_body(x, *body))
    return;
  if (minutes < 60 || minutes > 480)
    return x->fail(invalid_field("timeout_minutes", "timeout_minutes must be from 60 to 480."));
  if (m.client.value.size() > 128)
    return x->fail(invalid_field("client_id", "client_id may have 128 bytes at most."));
  if (m.session_type.empty() || m.session_type.size() > 64)
    return x->fail(invalid_field("session_type", "session_type must have 1 to 64 bytes."));
  std::size_t bytes = 0;
  for (auto& [k, v] : m.metadata)
    bytes += k.size() + v.size();
  if (m.metadata.size() > 32 || bytes > 8'192)
    return x->fail(invalid_field("metadata", "metadata may have 32 entries and 8 KiB at most."));
  m.timeout = std::chrono::minutes{minutes};
  ask(rest->identity, x, std::move(m), [x](const std::pair<session, bool>& opened) {
    auto r = session_answer(201, opened.first, opened.second);
    x->respond(std::move(r.with("Location", "/api/v1/sessions/" + opened.first.id.value)));
  });
}

/// What each of the routes with an id does once the session is known to be the caller's.
template <class Then> handler with_session(const rest_deps_ptr& rest, Then then) {
  return [rest, then](const exchange_ptr& x) {
    ask(rest->identity, x, read_session{who_of(x).user, session_of(x->in), {}},
        [rest, x, then](const session& s) { then(rest, x, s); });
  };
}

void stats(const rest_deps_ptr& rest, const exchange_ptr& x, const session& s) {
  case_query all;
  all.viewer = who_of(x).user;
  all.limit = 1;
  ask(rest->registry, x, list_cases{who_of(x), all, {}}, [rest, x, s](const case_page& page) {
    const auto now = rest->clock->now();
    x->respond(json_response(200, [&](json_writer& w) {
      w.member("session_id", s.id.value)
          .member("user_id", s.user.value)
          .member("created_at", to_iso8601(s.created_at))
          .member("last_activity", to_iso8601(s.last_activity_at))
          .member("expires_at", to_iso8601(s.expires_at))
          .member("age_seconds", std::max<std::int64_t>(0, (now - s.created_at).count() / 1000))
          .member("idle_seconds", std::max<std::int64_t>(0, (now - s.last_activity_at).count() / 1000))
          .member("remaining_seconds", std::max<std::int64_t>(0, (s.expires_at - now).count() / 1000))
          .member("case_count", page.total);
    }));
  });
}

void cases(const rest_deps_ptr& rest, const exchange_ptr& x, const session& s) {
  const auto page = page_of(x);
  if (!page)
    return;
  case_query query;
  query.viewer = who_of(x).user;
  query.limit = page->limit;
  query.offset = page->offset;
  query.cursor = x->in.asked("cursor").value_or("");
  ask(rest->registry, x, list_cases{who_of(x), query, {}}, [x, page = *page, s](const case_page& found) {
    auto r = json_response(200, [&](json_writer& w) {
      w.member("session_id", s.id.value);
      wire::write_case_page_members(w, found, page.limit, page.offset);
    });
    add_paging(r, x->in, page, found.cases.size(), found.total, found.next_cursor);
    x->respond(std::move(r));
  });
}
} // namespace

void add_session_routes(router& routes, const rest_deps_ptr& rest) {
  const auto add = [&](const char* method, const char* pattern, const char* summary,
                       std::vector<int> statuses, const char* gives, handler handle, const char* takes = "",
                       std::vector<std::string> asks = {}) {
    route r{method, pattern, access::token, "sessions", summary, std::move(statuses), std::move(handle)};
    r.gives = gives;
    r.takes = takes;
    r.asks = std::move(asks);
    routes.add(std::move(r));
  };
  const auto cleanup = [rest](const exchange_ptr& x) {
    ask(rest->identity, x, cleanup_sessions{who_of(x).user, {}}, [x](std::uint64_t n) {
      x->respond(json_response(200, [&](json_writer& w) { w.member("success", true).member("removed", n); }));
    });
  };
  add(
      "POST", "/api/v1/sessions", "Open a session, or resume the live one of the same client", {201, 422},
      "Session", [rest](const exchange_ptr& x) { open(rest, x); }, "OpenSession");
  add("GET", "/api/v1/sessions", "My live sessions", {200}, "SessionList",
      [rest](const exchange_ptr& x) {
        const auto page = page_of(x);
        if (!page)
          return;
        ask(rest->identity, x, list_sessions{who_of(x).user, {}},
            [x, page = *page](const std::vector<session>& all) {
              auto r = json_response(200, [&](json_writer& w) {
                w.key("sessions").begin_array();
                for (std::size_t i = page.offset; i < std::min(all.size(), page.offset + page.limit); ++i)
                  wire::write(w, all[i]);
                w.end_array()
                    .member("total_count", all.size())
                    .member("limit", page.limit)
                    .member("offset", page.offset)
                    .member("has_more", page.offset + page.limit < all.size());
              });
              add_paging(r, x->in, page, std::min(page.limit, all.size()), all.size());
              x->respond(std::move(r));
            });
      },
      "", {"limit", "offset"});
  add("POST", "/api/v1/sessions/cleanup", "Drop my expired sessions", {200}, "Done", cleanup);
  add("GET", "/api/v1/sessions/{session_id}", "One of my sessions", {200, 404}, "Session",
      with_session(rest, [](const rest_deps_ptr&, const exchange_ptr& x, const session& s) {
        x->respond(session_answer(200, s));
      }));
  add("DELETE", "/api/v1/sessions/{session_id}", "End a session", {204, 404}, "",
      with_session(rest, [](const rest_deps_ptr& deps, const exchange_ptr& x, const session& s) {
        ask(deps->identity, x, close_session{s.user, s.id, {}}, [x](done_t) {
          response r;
          r.status = 204;
          x->respond(std::move(r));
        });
      }));
  add("POST", "/api/v1/sessions/{session_id}/heartbeat", "Keep a session alive", {200, 404}, "Session",
      [rest](const exchange_ptr& x) {
        ask(rest->identity, x, touch_session{who_of(x).user, session_of(x->in), {}},
            [x](const session& s) { x->respond(session_answer(200, s)); });
      });
  add("GET", "/api/v1/sessions/{session_id}/stats", "Ages of a session", {200, 404}, "SessionStats",
      with_session(rest, stats));
  add("GET", "/api/v1/sessions/{session_id}/cases", "The cases of the session's user", {200, 404, 422},
      "CaseList", with_session(rest, cases), "", {"limit", "offset", "cursor"});
  add("POST", "/api/v1/sessions/{session_id}/cleanup", "Drop the expired sessions of the session's user",
      {200, 404}, "Done",
      with_session(rest,
                   [cleanup](const rest_deps_ptr&, const exchange_ptr& x, const session&) { cleanup(x); }));
}

} // namespace fm::http
