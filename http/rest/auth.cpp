// /auth: registering, signing in and out, and who am I. The answers hold tokens: they are never kept for
// replay.
#include "http/bridge/ask.hpp"
#include "http/rest/rest.hpp"
#include "protocol/wire/encode.hpp"

namespace fm::http {
namespace {

response signed_in(int status, const sign_in_result& s) {
  auto r = json_response(status, [&](json_writer& w) {
    w.member("access_token", s.access_token)
        .member("token_type", "bearer")
        .member("expires_in", static_cast<std::int64_t>(s.expires_in.count()))
        .member("refresh_token", s.refresh_token)
        .member("session_id", s.session.value)
        .key("user");
    wire::write(w, s.person);
  });
  r.with("Cache-Control", "no-store");
  return r;
}

/// The text of a required member; when it is missing the refusal was sent.
std::optional<std::string> required(const exchange_ptr& x, const wire::json_body& body, const char* name) {
  auto value = body.text(name);
  if (refused_body(x, body))
    return std::nullopt;
  if (!value || value->empty()) {
    x->fail(invalid_field(name, std::string{"'"} + name + "' is missing."));
    return std::nullopt;
  }
  return value;
}

client_id client_of(const wire::json_body& body) { return client_id{body.text("client_id").value_or("")}; }

void register_person(const rest_deps_ptr& rest, const exchange_ptr& x) {
  auto body = body_of(x);
  if (!body)
    return;
  auto username = required(x, *body, "username");
  if (!username)
    return;
  auto email = required(x, *body, "email");
  if (!email)
    return;
  auto password = required(x, *body, "password");
  if (!password)
    return;
  register_user m;
  m.display_name = body->text("display_name").value_or(*username);
  m.client = client_of(*body);
  m.username = std::move(*username);
  m.email = std::move(*email);
  m.password = std::move(*password);
  if (refused_body(x, *body))
    return;
  ask(rest->identity, x, std::move(m), [x](const sign_in_result& s) {
    auto r = signed_in(201, s);
    x->respond(std::move(r.with("Location", "/api/v1/auth/me")));
  });
}

void log_in(const rest_deps_ptr& rest, const exchange_ptr& x) {
  auto body = body_of(x);
  if (!body)
    return;
  // People sign in with either; the identity actor tells them apart.
  auto username = body->has("username") ? required(x, *body, "username") : required(x, *body, "email");
  if (!username)
    return;
  auto password = required(x, *body, "password");
  if (!password)
    return;
  login m{std::move(*username), std::move(*password), client_of(*body), {}};
  if (refused_body(x, *body))
    return;
  ask(rest->identity, x, std::move(m), [x](const sign_in_result& s) { x->respond(signed_in(200, s)); });
}

void log_in_for_development(const rest_deps_ptr& rest, const exchange_ptr& x, int status) {
  if (!rest->dev_login)
    return x->fail(make_failure(errc::not_found, "There is nothing at " + x->in.path + "."));
  auto body = body_of(x);
  if (!body)
    return;
  auto username = required(x, *body, "username");
  if (!username)
    return;
  dev_login m{std::move(*username), client_of(*body), {}};
  if (refused_body(x, *body))
    return;
  ask(rest->identity, x, std::move(m),
      [x, status](const sign_in_result& s) { x->respond(signed_in(status, s)); });
}

} // namespace

void add_auth_routes(router& routes, const rest_deps_ptr& rest) {
  const auto open_post = [&](const char* pattern, const char* summary, std::vector<int> statuses,
                             const char* takes, handler handle) {
    route r{"POST", pattern, access::open, "auth", summary, std::move(statuses), std::move(handle)};
    r.takes = takes;
    r.gives = "SignedIn";
    r.idempotent = false;
    r.sign_in = true;
    routes.add(std::move(r));
  };
  open_post("/api/v1/auth/register", "Make an account and sign in", {201, 403, 409, 422, 429, 503},
            "Register", [rest](const exchange_ptr& x) { register_person(rest, x); });
  open_post("/api/v1/auth/login", "Sign in with a password", {200, 401, 422, 429, 503}, "Login",
            [rest](const exchange_ptr& x) { log_in(rest, x); });
  open_post("/api/v1/auth/dev-login", "Sign in by name alone; only where auth.dev_login is on",
            {200, 404, 422, 429, 503}, "DevLogin",
            [rest](const exchange_ptr& x) { log_in_for_development(rest, x, 200); });
  open_post("/api/v1/auth/dev-register", "The same, answered as a new account", {201, 404, 422, 429, 503},
            "DevLogin", [rest](const exchange_ptr& x) { log_in_for_development(rest, x, 201); });
  open_post("/api/v1/auth/refresh", "New tokens for a refresh token, which is used up",
            {200, 401, 422, 429, 503}, "Refresh", [rest](const exchange_ptr& x) {
              auto body = body_of(x);
              if (!body)
                return;
              auto token = required(x, *body, "refresh_token");
              if (!token)
                return;
              ask(rest->identity, x, refresh_login{std::move(*token), {}},
                  [x](const sign_in_result& s) { x->respond(signed_in(200, s)); });
            });

  route out{"POST",
            "/api/v1/auth/logout",
            access::token,
            "auth",
            "Give the token back",
            {200},
            [rest](const exchange_ptr& x) {
              const auto authorization = x->in.header("authorization");
              const auto space = authorization.find(' ');
              auto token = std::string{space == std::string_view::npos ? std::string_view{}
                                                                       : authorization.substr(space + 1)};
              ask(rest->identity, x, logout{std::move(token), {}}, [x](done_t) {
                x->respond(json_response(
                    200, [](json_writer& w) { w.member("success", true).member("message", "Signed out."); }));
              });
            }};
  out.idempotent = false;
  out.gives = "Done";
  routes.add(std::move(out));

  route me{"GET",
           "/api/v1/auth/me",
           access::token,
           "auth",
           "The signed-in user",
           {200},
           [rest](const exchange_ptr& x) {
             ask(rest->identity, x, read_user{who_of(x).user, {}}, [x](const user& person) {
               response r;
               json_writer w{r.body};
               wire::write(w, person);
               x->respond(std::move(r));
             });
           }};
  me.gives = "User";
  routes.add(std::move(me));

  route config{"GET",
               "/api/v1/auth/config",
               access::open,
               "auth",
               "Which ways of signing in there are",
               {200},
               [rest](const exchange_ptr& x) {
                 x->respond(json_response(200, [&](json_writer& w) {
                   w.member("password_login", true)
                       .member("registration", rest->registration)
                       .member("dev_login", rest->dev_login)
                       .key("providers")
                       .begin_array()
                       .end_array();
                 }));
               }};
  config.gives = "AuthConfig";
  routes.add(std::move(config));
}

} // namespace fm::http
