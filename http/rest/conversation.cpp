// The conversation over REST: messages, turns, and asking.
#include "http/bridge/ask.hpp"
#include "http/rest/rest.hpp"
#include "protocol/wire/encode.hpp"

namespace fm::http {
namespace {

bool finished(turn_status s) { return !is_unfinished(s); }

/// AgentResponse 3.1.0 and the shape of the storage document, in one object (rest.md).
void write_answer(json_writer& w, const turn_with_answer& t, const std::string& session) {
  const auto& metadata = t.answer ? t.answer->metadata : std::map<std::string, std::string>{};
  const auto meta = [&](const char* key, const char* otherwise) {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string{otherwise} : found->second;
  };
  const auto content = t.answer ? t.answer->content : t.the_turn.partial;
  double confidence = 0;
  const auto text = meta("confidence", "0");
  std::from_chars(text.data(), text.data() + text.size(), confidence);
  w.begin_object()
      .member("schema_version", "3.1.0")
      .member("content", content)
      .member("agent_response", content)
      .member("response_type", meta("response_type", "ANSWER"))
      .member("session_id", session)
      .member("case_id", t.record.id.value)
      .member("turn_id", t.the_turn.id.value)
      .member("client_turn_id", t.the_turn.client_id.value)
      .member("turn_number", t.the_turn.number)
      .member("turn_status", name_of(t.the_turn.status))
      .member("confidence_score", confidence);
  for (auto* list : {"sources", "evidence_requests", "suggested_actions", "milestones_completed"})
    w.key(list).begin_array().end_array();
  w.key("next_action_hint").value(nullptr);
  w.key("view_state")
      .begin_object()
      .member("running_summary", t.record.description)
      .key("uploaded_data")
      .begin_array()
      .end_array()
      .member("case_id", t.record.id.value)
      .member("case_title", t.record.title)
      .member("case_status", name_of(t.record.status))
      .member("session_id", session)
      .end_object();
  w.member("case_status", name_of(t.record.status))
      .member("progress_made", t.the_turn.status == turn_status::completed)
      .member("is_stuck", false);
  w.key("metadata").begin_object();
  for (auto& [k, v] : metadata)
    w.member(k, v);
  w.end_object().end_object();
}

const char* poll_status(turn_status s) {
  switch (s) {
  case turn_status::queued:
    return "pending";
  case turn_status::running:
  case turn_status::interrupted:
    return "running";
  case turn_status::completed:
    return "completed";
  case turn_status::failed:
    return "failed";
  case turn_status::cancelled:
  case turn_status::withdrawn:
    return "cancelled";
  }
  return "failed";
}

std::string query_path(const exchange& x, const turn_id& id) {
  return "/api/v1/cases/" + std::string{x.in.param("case_id")} + "/queries/" + id.value;
}

response accepted(const exchange& x, const turn_receipt& t) {
  return json_response(202,
                       [&](json_writer& w) {
                         w.member("turn_id", t.turn.value)
                             .member("query_id", t.turn.value)
                             .member("client_turn_id", t.client_id.value)
                             .member("turn_number", t.turn_number)
                             .member("status", t.position == 0 ? "running" : "pending")
                             .member("position", t.position)
                             .member("duplicate", t.duplicate);
                       })
      .with("Location", query_path(x, t.turn))
      .with("Retry-After", "1");
}

/// "Prefer: wait=5" (RFC 7240): the caller's own patience, never more than the server's.
std::chrono::milliseconds patience(const exchange& x, std::chrono::milliseconds most) {
  const auto prefer = x.in.header("prefer");
  const auto at = prefer.find("wait=");
  if (at == std::string_view::npos)
    return most;
  unsigned seconds = 0;
  const auto from = prefer.data() + at + 5;
  if (std::from_chars(from, prefer.data() + prefer.size(), seconds).ec != std::errc{})
    return most;
  return std::min<std::chrono::milliseconds>(most, std::chrono::seconds{seconds});
}

bool prefers(const exchange& x, std::string_view what) {
  return x.in.header("prefer").find(what) != std::string_view::npos;
}

void ask(const rest_deps_ptr& deps, const exchange_ptr& x) {
  if (!deps->case_agent)
    return x->fail(make_unavailable("Answers in cases are switched off (ENABLE_CASE_AGENT_INTEGRATION)."));
  auto b = body_of(x);
  if (!b)
    return;
  const auto query = b->text("query");
  const auto message = b->text("message");
  const auto named = b->text("session_id").value_or(std::string{x->in.header("x-session-id")});
  const auto session = named.empty() ? x->in.auth->session.value : named;
  client_turn_id client{b->text("client_turn_id").value_or("")};
  if (refused_body(x, *b))
    return;
  if (!query && !message) {
    auto f = make_failure(errc::invalid, "'query' (or 'message') is missing.");
    return x->fail(f.with_fact("field", "query"));
  }
  if (client.empty())
    client = choose_client_turn_id(x->in, *deps->random);
  const int status = (!query && message) || prefers(*x, "status=200") ? 200 : 201;
  const bool streams = x->in.header("accept").find("text/event-stream") != std::string_view::npos;
  if (!streams)
    x->extend_deadline(deps->query_deadline + std::chrono::seconds{5});
  submit_turn c{x->in.auth->who, client, query ? *query : *message, {}, {}};
  c.answer = answering<turn_receipt>(
      x, [deps, status, streams, session](const exchange_ptr& x, turn_receipt& receipt) {
        if (streams)
          return deps->stream_turn(x, case_of(*x), receipt);
        if (prefers(*x, "respond-async"))
          return x->respond(accepted(*x, receipt));
        // Answered when the turn ends; a turn that outlasts the deadline answers 202 by the timer below.
        tell_case(deps->registry, *x,
                  await_turn{x->in.auth->who, receipt.turn,
                             answering<turn_with_answer>(
                                 x, [status, session](const exchange_ptr& x, turn_with_answer& t) {
                                   response r;
                                   r.status = status;
                                   json_writer w{r.body};
                                   write_answer(w, t, session);
                                   x->respond(std::move(r.with("Location", query_path(*x, t.the_turn.id))));
                                 })});
        x->respond_after(patience(*x, deps->query_deadline), accepted(*x, receipt));
      });
  tell_case(deps->registry, *x, std::move(c));
}

} // namespace

void add_conversation_routes(router& routes, const rest_deps_ptr& deps) {
  const std::string one = "/api/v1/cases/{case_id}";
  routes.add({"GET",
              one + "/messages",
              access::token,
              "conversation",
              "The conversation, oldest first",
              {200, 404, 422},
              [deps](exchange_ptr x) {
                auto p = page_of(x, 200);
                if (!p)
                  return;
                tell_case(deps->registry, *x,
                          read_messages{
                              x->in.auth->who, p->offset, p->limit, x->in.asked("newest") == "true",
                              answering<message_page>(x, [p = *p](const exchange_ptr& x, message_page& page) {
                                const auto shown = page.messages.size();
                                const bool more = p.offset + shown < page.total;
                                auto r = json_response(200, [&](json_writer& w) {
                                  w.key("messages").begin_array();
                                  for (auto& m : page.messages)
                                    wire::write(w, m);
                                  w.end_array()
                                      .member("total_count", page.total)
                                      .member("retrieved_count", shown)
                                      .member("has_more", more)
                                      .key("next_offset");
                                  more ? w.value(p.offset + shown) : w.value(nullptr);
                                });
                                add_paging(r, x->in, p, shown, page.total);
                                x->respond(std::move(r.with("X-Message-Count", std::to_string(page.total))
                                                         .with("X-Retrieved-Count", std::to_string(shown))
                                                         .with("X-Storage-Status", "ok")));
                              })});
              }});
  routes.add({"POST",
              one + "/queries",
              access::token,
              "conversation",
              "Ask; 201 with the answer, 202 when it takes longer (or Prefer: respond-async), events with "
              "Accept: text/event-stream",
              {201, 200, 202, 404, 409, 422, 429, 503},
              [deps](exchange_ptr x) { ask(deps, x); }});
  routes.add({"GET",
              one + "/queries",
              access::token,
              "conversation",
              "All turns, oldest first",
              {200, 404, 422},
              [deps](exchange_ptr x) {
                auto p = page_of(x);
                if (!p)
                  return;
                tell_case(
                    deps->registry, *x,
                    read_turns{x->in.auth->who, p->offset, p->limit,
                               answering<turn_page>(x, [p = *p](const exchange_ptr& x, turn_page& page) {
                                 auto r = json_response(200, [&](json_writer& w) {
                                   w.key("queries").begin_array();
                                   for (auto& t : page.turns)
                                     wire::write(w, t);
                                   w.end_array()
                                       .member("total_count", page.total)
                                       .member("limit", p.limit)
                                       .member("offset", p.offset)
                                       .member("has_more", p.offset + page.turns.size() < page.total);
                                 });
                                 add_paging(r, x->in, p, page.turns.size(), page.total);
                                 x->respond(std::move(r));
                               })});
              }});
  routes.add({"GET",
              one + "/queries/{turn_id}",
              access::token,
              "conversation",
              "One turn and its answer",
              {200, 404},
              [deps](exchange_ptr x) {
                tell_case(
                    deps->registry, *x,
                    read_turn{x->in.auth->who, turn_id{std::string{x->in.param("turn_id")}},
                              answering<turn_with_answer>(x, [](const exchange_ptr& x, turn_with_answer& t) {
                                const auto s = t.the_turn.status;
                                auto r = json_response(200, [&](json_writer& w) {
                                  w.member("turn_id", t.the_turn.id.value)
                                      .member("client_turn_id", t.the_turn.client_id.value)
                                      .member("turn_number", t.the_turn.number);
                                  w.member("status", poll_status(s))
                                      .member("turn_status", name_of(s))
                                      .member("progress_percentage", finished(s)                ? 100
                                                                     : s == turn_status::queued ? 0
                                                                                                : 50);
                                  for (auto* key : {"response", "result"}) {
                                    w.key(key);
                                    if (t.answer)
                                      write_answer(w, t, "");
                                    else
                                      w.value(nullptr);
                                  }
                                  w.key("error");
                                  if (s == turn_status::failed)
                                    w.begin_object()
                                        .member("message", t.answer ? t.answer->content : "The turn failed.")
                                        .end_object();
                                  else
                                    w.value(nullptr);
                                });
                                if (!finished(s))
                                  r.with("Retry-After", "1");
                                x->respond(std::move(r));
                              })});
              }});
  routes.add({"DELETE",
              one + "/queries/{turn_id}",
              access::token,
              "conversation",
              "Stop the running turn or withdraw a waiting one",
              {200, 404, 409},
              [deps](exchange_ptr x) {
                tell_case(deps->registry, *x,
                          stop_turn{x->in.auth->who, turn_id{std::string{x->in.param("turn_id")}},
                                    answering<sequence>(x, [](const exchange_ptr& x, sequence& seq) {
                                      x->respond(json_response(200, [&](json_writer& w) {
                                        w.member("status", "cancelled").member("seq", seq);
                                      }));
                                    })});
              }});
  routes.add(
      {"GET",
       one + "/context",
       access::token,
       "conversation",
       "What the model is shown",
       {200, 404},
       [deps](exchange_ptr x) {
         tell_case(
             deps->registry, *x,
             read_context{
                 x->in.auth->who, answering<turn_context>(x, [](const exchange_ptr& x, turn_context& c) {
                   x->respond(json_response(200, [&](json_writer& w) {
                     w.member("system_prompt", c.system_prompt).key("messages").begin_array();
                     for (auto& m : c.messages)
                       wire::write(w, m);
                     w.end_array().member("characters", c.characters).member("shortened", c.shortened);
                   }));
                 })});
       }});
}

} // namespace fm::http
