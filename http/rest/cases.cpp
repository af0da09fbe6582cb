// Cases: make, list, find, read, change, finish, delete, restore.
#include "http/bridge/ask.hpp"
#include "http/core/case_patch.hpp"
#include "http/rest/rest.hpp"
#include "protocol/wire/encode.hpp"

#include <algorithm>

namespace fm::http {
namespace {

void answer_view(const exchange_ptr& x, const case_view& v, int status) {
  const auto etag = "\"" + std::to_string(v.record.version) + "\"";
  response r;
  r.status = status;
  json_writer w{r.body};
  wire::write(w, v.record, v.seq);
  x->respond(std::move(r.with("ETag", etag)));
}

reply<case_view> view_answer(const exchange_ptr& x, int status = 200) {
  return answering<case_view>(x,
                              [status](const exchange_ptr& x, case_view& v) { answer_view(x, v, status); });
}

/// `If-Match: "3"` or expected_version in the body. What is no version of ours is 0, which no case ever has:
/// the case then answers with a conflict and its real version.
std::optional<std::uint32_t> version_of(const exchange& x, const wire::json_body& b) {
  auto match = x.in.header("if-match");
  if (!match.empty() && match != "*") {
    if (match.starts_with("W/"))
      match.remove_prefix(2);
    if (match.size() > 2 && match.front() == '"' && match.back() == '"')
      match = match.substr(1, match.size() - 2);
    std::uint32_t n = 0;
    const auto [at, error] = std::from_chars(match.data(), match.data() + match.size(), n);
    return error == std::errc{} && at == match.data() + match.size() ? n : 0;
  }
  if (const auto n = b.integer("expected_version"))
    return *n > 0 && *n < 0xffff'ffff ? static_cast<std::uint32_t>(*n) : 0;
  return std::nullopt;
}

void create(const rest_deps_ptr& deps, const exchange_ptr& x) {
  auto b = body_of(x);
  if (!b)
    return;
  auto patch = read_case_patch(*b);
  if (!patch)
    return x->fail(patch.error());
  create_case c;
  c.who = x->in.auth->who;
  c.draft.title = patch->title.value_or("");
  c.draft.description = patch->description.value_or("");
  c.draft.category = patch->category.value_or("");
  c.draft.tags = patch->tags.value_or(std::vector<std::string>{});
  c.draft.priority = patch->priority.value_or(case_priority::medium);
  c.draft.initial_message = b->text("initial_message").value_or("");
  c.draft.client_turn = client_turn_id{b->text("client_turn_id").value_or("")};
  if (c.draft.client_turn.empty() && !x->in.header("idempotency-key").empty())
    c.draft.client_turn = choose_client_turn_id(x->in, *deps->random);
  c.draft.session = session_id{b->text("session_id").value_or(std::string{x->in.param("session_id")})};
  if (refused_body(x, *b))
    return;
  c.answer = answering<created_case>(x, [](const exchange_ptr& x, created_case& made) {
    const auto& v = made.view;
    x->respond(json_response(201,
                             [&](json_writer& w) {
                               wire::write_case_members(w, v.record, v.seq);
                               w.key("case");
                               wire::write(w, v.record, v.seq);
                               if (made.first_turn)
                                 w.member("turn_id", made.first_turn->turn.value)
                                     .member("client_turn_id", made.first_turn->client_id.value);
                             })
                   .with("Location", "/api/v1/cases/" + v.record.id.value)
                   .with("ETag", "\"" + std::to_string(v.record.version) + "\""));
  });
  caf::anon_send(deps->registry, to_case{{}, std::move(c)});
}

/// Reads one filter from the query or from a search body.
template <class Get> std::optional<failure> read_filters(case_query& q, Get get) {
  const auto bad = [](const char* field, const char* sentence) {
    auto f = make_failure(errc::invalid, sentence);
    return f.with_fact("field", field);
  };
  if (const auto s = get("status"); s && !s->empty()) {
    q.status = enum_from<case_status>(*s);
    if (!q.status)
      return bad("status", "status must be consulting, investigating, resolved or closed.");
  }
  if (const auto p = get("priority"); p && !p->empty()) {
    q.priority = enum_from<case_priority>(*p);
    if (!q.priority)
      return bad("priority", "priority must be low, medium, high or critical.");
  }
  q.category = get("category").value_or("");
  q.tag = get("tag").value_or("");
  q.participant = user_id{get("participant").value_or("")};
  q.text = get("q").value_or(get("query").value_or(""));
  const auto archived = get("include_archived").value_or("");
  q.include_archived = archived == "true" || archived == "1";
  if (const auto sort = get("sort"); sort && !sort->empty())
    q.sort = *sort;
  q.cursor = get("cursor").value_or("");
  if (q.text.size() > 1'000)
    return bad("q", "The search text may have 1000 bytes at most.");
  return std::nullopt;
}

void answer_list(const rest_deps_ptr& deps, const exchange_ptr& x, case_query q, const page_request& p) {
  q.limit = p.limit;
  q.offset = p.offset;
  caf::anon_send(deps->registry,
                 list_cases{x->in.auth->who, std::move(q),
                            answering<case_page>(x, [p](const exchange_ptr& x, case_page& page) {
                              auto r = json_response(200, [&](json_writer& w) {
                                w.key("cases").begin_array();
                                for (auto& c : page.cases)
                                  wire::write(w, c);
                                w.end_array()
                                    .member("total_count", page.total)
                                    .member("limit", p.limit)
                                    .member("offset", p.offset);
                                w.member("has_more", !page.next_cursor.empty()).key("next_cursor");
                                page.next_cursor.empty() ? w.value(nullptr) : w.value(page.next_cursor);
                              });
                              add_paging(r, x->in, p, page.cases.size(), page.total, page.next_cursor);
                              x->respond(std::move(r));
                            })});
}

void update(const rest_deps_ptr& deps, const exchange_ptr& x) {
  auto b = body_of(x);
  if (!b)
    return;
  auto patch = read_case_patch(*b);
  if (!patch)
    return x->fail(patch.error());
  const auto version = version_of(*x, *b);
  if (const auto status = b->text("status"); status && !refused_body(x, *b)) {
    const auto to = enum_from<case_status>(*status);
    if (!to) {
      auto f = make_failure(errc::invalid, "status must be consulting, investigating, resolved or closed.");
      return x->fail(f.with_fact("field", "status"));
    }
    // The fields first, then the status: both in the case's own order.
    update_case u{x->in.auth->who, *patch, version, {}};
    change_status s{
        x->in.auth->who, *to, b->text("closure_reason").value_or(""), b->text("reason").value_or(""), {},
        view_answer(x)};
    u.answer = answering<case_view>(
        x, [deps, s](const exchange_ptr& x, case_view&) { tell_case(deps->registry, *x, s); });
    return tell_case(deps->registry, *x, std::move(u));
  }
  if (refused_body(x, *b))
    return;
  tell_case(deps->registry, *x, update_case{x->in.auth->who, std::move(*patch), version, view_answer(x)});
}

void to_status(const rest_deps_ptr& deps, const exchange_ptr& x, std::optional<case_status> fixed) {
  auto b = body_of(x);
  if (!b)
    return;
  auto to = fixed;
  if (!to)
    to = enum_from<case_status>(b->text("status").value_or(b->text("to").value_or("")));
  if (!to) {
    auto f = make_failure(errc::invalid, "status must be consulting, investigating, resolved or closed.");
    return x->fail(f.with_fact("field", "status"));
  }
  const auto version = version_of(*x, *b);
  change_status c{x->in.auth->who,
                  *to,
                  b->text("closure_reason").value_or(fixed == case_status::closed ? "other" : ""),
                  b->text("reason").value_or(""),
                  version,
                  view_answer(x)};
  auto summary = b->text("solution_summary");
  if (!summary)
    summary = b->text("resolution_summary");
  if (refused_body(x, *b))
    return;
  if (!summary || summary->empty())
    return tell_case(deps->registry, *x, std::move(c));
  // What was found first, then the status: both in the case's own order, the version checked by the first.
  update_case u{x->in.auth->who, {}, version, {}};
  u.patch.solution_summary = std::move(*summary);
  c.expected_version.reset();
  u.answer = answering<case_view>(
      x, [deps, c](const exchange_ptr& x, case_view&) { tell_case(deps->registry, *x, c); });
  tell_case(deps->registry, *x, std::move(u));
}

/// The screen's model: discriminated by status, every nested object always there.
response ui_of(const case_view& v) {
  const auto& c = v.record;
  return json_response(
             200,
             [&](json_writer& w) {
               wire::write_case_members(w, c, v.seq);
               const auto statement = [&](json_writer& w) {
                 w.key("proposed_problem_statement");
                 c.proposed_problem_statement.empty() ? w.value(nullptr)
                                                      : w.value(c.proposed_problem_statement);
                 w.member("problem_statement_confirmed", c.problem_statement_confirmed);
               };
               if (c.status == case_status::consulting) {
                 w.key("consulting").begin_object();
                 statement(w);
                 w.end_object();
               } else if (c.status == case_status::investigating) {
                 w.key("progress")
                     .begin_object()
                     .key("milestones_completed")
                     .begin_array()
                     .end_array()
                     .member("total_milestones", 8)
                     .member("current_stage", "symptom_verification")
                     .end_object();
                 w.key("latest_evidence")
                     .begin_array()
                     .end_array()
                     .key("active_hypotheses")
                     .begin_array()
                     .end_array()
                     .key("working_conclusion")
                     .value(nullptr);
                 w.key("investigation_strategy").begin_object().member("path", "root_cause").end_object();
                 w.key("problem_verification").begin_object();
                 statement(w);
                 w.end_object();
               } else {
                 const auto ended = c.closed_at.value_or(c.updated_at);
                 w.key("root_cause")
                     .begin_object()
                     .member("description", c.solution_summary)
                     .key("category")
                     .value(nullptr)
                     .key("severity")
                     .value(name_of(c.priority))
                     .end_object();
                 w.key("solution_applied")
                     .begin_object()
                     .member("description", c.solution_summary)
                     .key("applied_at")
                     .value(nullptr)
                     .end_object();
                 w.key("verification_status")
                     .begin_object()
                     .member("verified", c.status == case_status::resolved)
                     .end_object();
                 w.key("resolution_summary")
                     .begin_object()
                     .member("total_duration_minutes",
                             std::chrono::duration_cast<std::chrono::minutes>(ended - c.created_at).count())
                     .member("milestones_completed", 0)
                     .member("evidence_collected", 0)
                     .end_object();
                 w.key("reports_available").begin_array().end_array();
               }
             })
      .with("ETag", "\"" + std::to_string(v.record.version) + "\"");
}
} // namespace

void add_case_routes(router& routes, const rest_deps_ptr& deps) {
  const std::string one = "/api/v1/cases/{case_id}";
  routes.add({"POST",
              "/api/v1/cases",
              access::token,
              "cases",
              "Open a case; with initial_message its first turn starts",
              {201, 400, 422},
              [deps](exchange_ptr x) { create(deps, x); }});
  routes.add({"POST",
              "/api/v1/cases/sessions/{session_id}/case",
              access::token,
              "cases",
              "Open a case from a session",
              {201, 400, 422},
              [deps](exchange_ptr x) { create(deps, x); }});
  routes.add({"GET",
              "/api/v1/cases",
              access::token,
              "cases",
              "My cases: status, priority, category, tag, participant, q, include_archived, sort, limit, "
              "offset, cursor",
              {200, 422},
              [deps](exchange_ptr x) {
                auto p = page_of(x);
                case_query q;
                if (!p)
                  return;
                if (auto f = read_filters(q, [&](const char* name) { return x->in.asked(name); }))
                  return x->fail(*f);
                answer_list(deps, x, std::move(q), *p);
              }});
  routes.add({"POST",
              "/api/v1/cases/search",
              access::token,
              "cases",
              "The same filters in a body; query is full-text",
              {200, 422},
              [deps](exchange_ptr x) {
                auto b = body_of(x);
                if (!b)
                  return;
                case_query q;
                if (auto f = read_filters(q, [&](const char* name) { return b->text(name); }))
                  return x->fail(*f);
                page_request p;
                p.limit = static_cast<std::size_t>(
                    std::clamp<std::int64_t>(b->integer("limit").value_or(50), 1, 100));
                p.offset = static_cast<std::size_t>(
                    std::clamp<std::int64_t>(b->integer("offset").value_or(0), 0, 1 << 30));
                if (!refused_body(x, *b))
                  answer_list(deps, x, std::move(q), p);
              }});
  routes.add({"GET",
              "/api/v1/cases/user/{user_id}",
              access::token,
              "cases",
              "Cases of a user (oneself, or as analyst or admin)",
              {200, 404, 422},
              [deps](exchange_ptr x) {
                const auto& who = x->in.auth->who;
                const user_id wanted{std::string{x->in.param("user_id")}};
                if (wanted != who.user && !who.has(user_role::analyst) && !who.has(user_role::admin))
                  return x->fail(make_failure(errc::not_found, "There is no such user, or it is not you."));
                auto p = page_of(x);
                if (!p)
                  return;
                case_query q;
                q.participant = wanted;
                answer_list(deps, x, std::move(q), *p);
              }});
  routes.add(
      {"GET", one, access::token, "cases", "One case", {200, 404}, [deps](exchange_ptr x) {
         tell_case(
             deps->registry, *x,
             read_case{x->in.auth->who, answering<case_view>(x, [](const exchange_ptr& x, case_view& v) {
                         // Its owner may still restore it, and see it when asking for it.
                         if (v.record.deleted_at && x->in.asked("include_deleted") != "true")
                           return x->fail(make_failure(
                               errc::not_found, "There is no such case, or you have no access to it."));
                         answer_view(x, v, 200);
                       })});
       }});
  for (auto* method : {"PUT", "PATCH"})
    routes.add({method,
                one,
                access::token,
                "cases",
                "Change fields (and status); If-Match or expected_version guards",
                {200, 404, 409, 422},
                [deps](exchange_ptr x) { update(deps, x); }});
  routes.add({"DELETE",
              one,
              access::token,
              "cases",
              "Delete; restorable for 30 days",
              {204, 403, 404},
              [deps](exchange_ptr x) {
                tell_case(
                    deps->registry, *x,
                    delete_case{x->in.auth->who, answering<sequence>(x, [](const exchange_ptr& x, sequence&) {
                                  response r;
                                  r.status = 204;
                                  x->respond(std::move(r));
                                })});
              }});
  routes.add({"POST",
              one + "/restore",
              access::token,
              "cases",
              "Take a deleted case back",
              {200, 403, 404},
              [deps](exchange_ptr x) {
                tell_case(deps->registry, *x, restore_case{x->in.auth->who, view_answer(x)});
              }});
  routes.add({"GET",
              one + "/ui",
              access::token,
              "cases",
              "What a screen needs, discriminated by status",
              {200, 404},
              [deps](exchange_ptr x) {
                tell_case(deps->registry, *x,
                          read_case{x->in.auth->who,
                                    answering<case_view>(x, [](const exchange_ptr& x, case_view& v) {
                                      x->respond(ui_of(v));
                                    })});
              }});
  routes.add({"POST",
              one + "/title",
              access::token,
              "cases",
              "Name the case from what it is about",
              {200, 404, 422},
              [deps](exchange_ptr x) {
                auto b = body_of(x);
                if (!b)
                  return;
                const bool force = b->boolean("force").value_or(false);
                if (refused_body(x, *b))
                  return;
                tell_case(deps->registry, *x,
                          make_title{x->in.auth->who, force,
                                     answering<title_result>(x, [](const exchange_ptr& x, title_result& t) {
                                       x->respond(
                                           json_response(200, [&](json_writer& w) {
                                             w.member("schema_version", "3.1.0").member("title", t.title);
                                           }).with("x-title-source", t.source));
                                     })});
              }});
  routes.add({"POST",
              one + "/status",
              access::token,
              "cases",
              "Move the case on",
              {200, 404, 409, 422},
              [deps](exchange_ptr x) { to_status(deps, x, {}); }});
  routes.add({"POST",
              one + "/resolve",
              access::token,
              "cases",
              "Investigating → resolved",
              {200, 404, 409, 422},
              [deps](exchange_ptr x) { to_status(deps, x, case_status::resolved); }});
  routes.add({"POST",
              one + "/close",
              access::token,
              "cases",
              "→ closed, with a closure_reason",
              {200, 404, 409, 422},
              [deps](exchange_ptr x) { to_status(deps, x, case_status::closed); }});
  const auto resume = [deps](exchange_ptr x) {
    case_id id{std::string{x->in.param("case_id")}};
    if (id.empty()) {
      auto b = body_of(x);
      if (!b)
        return;
      id = case_id{b->text("case_id").value_or("")};
      if (refused_body(x, *b))
        return;
      if (id.empty()) {
        auto f = make_failure(errc::invalid, "'case_id' is missing.");
        return x->fail(f.with_fact("field", "case_id"));
      }
    }
    caf::anon_send(deps->registry,
                   to_case{id, read_case{x->in.auth->who,
                                         answering<case_view>(x, [](const exchange_ptr& x, case_view& v) {
                                           x->respond(json_response(200, [&](json_writer& w) {
                                             wire::write_case_members(w, v.record, v.seq);
                                             w.member("success", true).member("case_resumed", true);
                                           }));
                                         })}});
  };
  routes.add({"POST",
              "/api/v1/cases/resume",
              access::token,
              "cases",
              "Go on with a case in this session",
              {200, 404, 422},
              resume});
  routes.add({"POST",
              "/api/v1/cases/sessions/{session_id}/resume/{case_id}",
              access::token,
              "cases",
              "Go on with a case in this session",
              {200, 404},
              resume});
}

} // namespace fm::http
