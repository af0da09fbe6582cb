// /teams: people who share knowledge, and who of them manages it.
#include "http/bridge/ask.hpp"
#include "http/rest/rest.hpp"

namespace fm::http {
namespace {
team_id team_of(const exchange_ptr& x) { return team_id{std::string{x->in.param("team_id")}}; }

void write_member(json_writer& w, const team_member& m) {
  w.begin_object().member("user_id", m.user.value).member("username", m.name).member("role", name_of(m.role));
  w.member("added_by", m.added_by.value).member("added_at", to_iso8601(m.added_at)).end_object();
}
void write_team(json_writer& w, const team& t, const principal& who) {
  w.member("team_id", t.id.value).member("name", t.name).member("description", t.description).member("member_count", t.members.size());
  const auto role = t.role_of(who.user);
  w.key("role"); // the caller's
  role ? w.value(name_of(*role)) : w.value(nullptr);
  w.member("version", t.version).member("created_at", to_iso8601(t.created_at)).member("updated_at", to_iso8601(t.updated_at));
}
response team_answer(int status, const team& t, const principal& who) {
  auto r = json_response(status, [&](json_writer& w) {
    write_team(w, t, who);
    w.key("members").begin_array();
    for (auto& m : t.members)
      write_member(w, m);
    w.end_array();
  });
  r.with("ETag", "\"" + std::to_string(t.version) + "\"");
  return r;
}

void create(const rest_deps_ptr& rest, const exchange_ptr& x) {
  auto body = body_of(x);
  if (!body)
    return;
  create_team m{who_of(x), {body->text("name"), body->text("description")}, {}};
  if (refused_body(x, *body))
    return;
  ask(rest->teams, x, std::move(m), [x](const team& t) {
    auto r = team_answer(201, t, who_of(x));
    x->respond(std::move(r.with("Location", "/api/v1/teams/" + t.id.value)));
  });
}

void list(const rest_deps_ptr& rest, const exchange_ptr& x) {
  const auto page = page_of(x);
  if (!page)
    return;
  const bool all = x->in.asked("all").value_or("") == "true";
  ask(rest->teams, x, list_teams{who_of(x), all, page->limit, page->offset, {}}, [x, page = *page](const team_list& found) {
    auto r = json_response(200, [&](json_writer& w) {
      w.key("teams").begin_array();
      for (auto& t : found.teams) {
        w.begin_object();
        write_team(w, t, who_of(x));
        w.end_object();
      }
      w.end_array().member("total_count", found.total).member("limit", page.limit).member("offset", page.offset);
      w.member("has_more", page.offset + found.teams.size() < found.total);
    });
    add_paging(r, x->in, page, found.teams.size(), found.total);
    x->respond(std::move(r));
  });
}

void change(const rest_deps_ptr& rest, const exchange_ptr& x) {
  auto body = body_of(x);
  if (!body)
    return;
  change_team m{who_of(x), team_of(x), {body->text("name"), body->text("description")}, expected_version_of(x, *body), {}};
  if (refused_body(x, *body))
    return;
  ask(rest->teams, x, std::move(m), [x](const team& t) { x->respond(team_answer(200, t, who_of(x))); });
}

void members(const rest_deps_ptr& rest, const exchange_ptr& x) {
  const auto page = page_of(x);
  if (!page)
    return;
  ask(rest->teams, x, read_team{who_of(x), team_of(x), {}}, [x, page = *page](const team& t) {
    const auto from = std::min(page.offset, t.members.size()), to = std::min(t.members.size(), page.offset + page.limit);
    auto r = json_response(200, [&](json_writer& w) {
      w.key("members").begin_array();
      for (auto i = from; i < to; ++i)
        write_member(w, t.members[i]);
      w.end_array().member("total_count", t.members.size()).member("limit", page.limit).member("offset", page.offset).member("has_more", to < t.members.size());
    });
    add_paging(r, x->in, page, to - from, t.members.size());
    x->respond(std::move(r));
  });
}

/// The role of the body; answers the exchange and gives nothing when it is none.
std::optional<team_role> role_of(const exchange_ptr& x, const wire::json_body& body, std::optional<team_role> otherwise) {
  const auto text = body.text("role");
  if (refused_body(x, body))
    return std::nullopt;
  const auto role = text ? team_role_of(*text) : otherwise;
  if (!role)
    x->fail(invalid_field("role", "role must be member, admin or owner."));
  return role;
}

void add_member(const rest_deps_ptr& rest, const exchange_ptr& x) {
  auto body = body_of(x);
  if (!body)
    return;
  const auto id = body->text("user_id"), name = body->text("username");
  const auto role = role_of(x, *body, team_role::member);
  if (!role)
    return;
  const auto person = id.value_or(name.value_or(""));
  if (person.empty())
    return x->fail(invalid_field("user_id", "user_id or username must say who is added."));
  ask(rest->teams, x, add_team_member{who_of(x), team_of(x), person, *role, {}}, [x](const team& t) { x->respond(team_answer(201, t, who_of(x))); });
}

void change_member(const rest_deps_ptr& rest, const exchange_ptr& x) {
  auto body = body_of(x);
  if (!body)
    return;
  const auto role = role_of(x, *body, {});
  if (!role)
    return;
  ask(rest->teams, x, change_team_member{who_of(x), team_of(x), user_id{std::string{x->in.param("user_id")}}, *role, {}},
      [x](const team& t) { x->respond(team_answer(200, t, who_of(x))); });
}

template <class Message>
void answered_empty(const rest_deps_ptr& rest, const exchange_ptr& x, Message m) {
  ask(rest->teams, x, std::move(m), [x](const done_t&) {
    response r;
    r.status = 204;
    x->respond(std::move(r));
  });
}
} // namespace

void add_team_routes(router& routes, const rest_deps_ptr& deps) {
  const auto with = [&](const char* method, const char* path, const char* summary, std::vector<int> statuses, handler h, const char* takes = "",
                        const char* gives = "", std::vector<std::string> asks = {}) {
    route r{method, std::string{"/api/v1/teams"} + path, access::token, "sharing", summary, std::move(statuses), std::move(h)};
    r.takes = takes;
    r.gives = gives;
    r.asks = std::move(asks);
    routes.add(std::move(r));
  };
  with("POST", "", "Makes a team; whoever makes it owns it", {201, 413, 422}, [deps](const exchange_ptr& x) { create(deps, x); }, "TeamDraft", "Team");
  with("GET", "", "One's own teams, by name; all=true gives administrators every team", {200, 403, 422}, [deps](const exchange_ptr& x) { list(deps, x); }, "",
       "TeamList", {"limit", "offset", "all"});
  with("GET", "/{team_id}", "A team with its members", {200, 404},
       [deps](const exchange_ptr& x) {
         ask(deps->teams, x, read_team{who_of(x), team_of(x), {}}, [x](const team& t) { x->respond(team_answer(200, t, who_of(x))); });
       },
       "", "Team");
  with("PATCH", "/{team_id}", "Renames or describes a team; If-Match or expected_version", {200, 403, 404, 409, 422},
       [deps](const exchange_ptr& x) { change(deps, x); }, "TeamDraft", "Team");
  with("DELETE", "/{team_id}", "Removes a team and its knowledge; for its owner", {204, 403, 404},
       [deps](const exchange_ptr& x) { answered_empty(deps, x, remove_team{who_of(x), team_of(x), {}}); });
  with("GET", "/{team_id}/members", "Who is in a team", {200, 404, 422}, [deps](const exchange_ptr& x) { members(deps, x); }, "", "TeamMembers", {"limit", "offset"});
  with("POST", "/{team_id}/members", "Adds a person, by user_id or username", {201, 403, 404, 409, 413, 422}, [deps](const exchange_ptr& x) { add_member(deps, x); },
       "TeamMemberDraft", "Team");
  with("PATCH", "/{team_id}/members/{user_id}", "Changes a role; a new owner takes the place of the one before", {200, 403, 404, 409, 422},
       [deps](const exchange_ptr& x) { change_member(deps, x); }, "TeamMemberDraft", "Team");
  with("DELETE", "/{team_id}/members/{user_id}", "Removes a person, or leaves", {204, 403, 404, 409}, [deps](const exchange_ptr& x) {
    answered_empty(deps, x, remove_team_member{who_of(x), team_of(x), user_id{std::string{x->in.param("user_id")}}, {}});
  });
}

} // namespace fm::http
