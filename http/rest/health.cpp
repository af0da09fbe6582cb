// What machines ask about the server itself, without a token: health, metrics for Prometheus, the OpenAPI
// document.
#include "http/bridge/ask.hpp"
#include "http/rest/rest.hpp"
#include "protocol/wire/encode.hpp"

#include <mutex>

namespace fm::http {
namespace {
void with_status(const rest_deps_ptr& rest, const exchange_ptr& x,
                 std::function<void(const exchange_ptr&, const registry_status&)> then) {
  read_status m;
  m.answer = reply<registry_status>{[x, then = std::move(then)](outcome<registry_status> s) {
    // A registry that does not answer is a finding, not an error of this request.
    auto status = s ? *s : registry_status{0, 0, false, s.error().detail};
    x->post([x, then, status = std::move(status)] { then(x, status); });
  }};
  caf::anon_send(rest->registry, std::move(m));
}

void health(const rest_deps_ptr& rest, const exchange_ptr& x, const registry_status& s) {
  x->respond(json_response(200, [&](json_writer& w) {
    w.member("status", s.store_works ? "healthy" : "degraded")
        .member("version", rest->version)
        .member("time", to_iso8601(rest->clock->now()))
        .member("agent", rest->agent)
        .member("loaded_cases", s.loaded_cases);
  }));
}

void ready(const exchange_ptr& x, const registry_status& s) {
  auto r = json_response(s.store_works ? 200 : 503, [&](json_writer& w) {
    w.member("status", s.store_works ? "ready" : "not_ready");
    if (!s.store_works)
      w.member("reason", s.store_detail);
  });
  if (!s.store_works)
    r.with("Retry-After", "1");
  x->respond(std::move(r));
}

void dependencies(const exchange_ptr& x, const registry_status& s, const embedder_state& e) {
  x->respond(json_response(200, [&](json_writer& w) {
    w.member("status", s.store_works && s.poisoned_cases == 0 && e.working ? "healthy" : "degraded")
        .key("dependencies")
        .begin_object();
    w.key("case_store")
        .begin_object()
        .member("status", s.store_works ? "healthy" : "unhealthy")
        .member("detail", s.store_detail)
        .end_object();
    w.key("cases")
        .begin_object()
        .member("status", s.poisoned_cases == 0 ? "healthy" : "degraded")
        .member("loaded", s.loaded_cases)
        .member("poisoned", s.poisoned_cases)
        .end_object();
    w.key("embedder")
        .begin_object()
        .member("status", e.working ? "healthy" : "unhealthy")
        .member("detail", e.detail)
        .member("name", e.name)
        .member("not_indexed", e.not_indexed)
        .end_object();
    w.end_object();
  }));
}

void with_dependencies(const rest_deps_ptr& rest, const exchange_ptr& x, const registry_status& s) {
  read_embedder_state m;
  m.answer = reply<embedder_state>{[x, s](outcome<embedder_state> e) {
    auto state = e ? *e : embedder_state{};
    if (!e) {
      state.working = false;
      state.detail = e.error().detail;
    }
    x->post([x, s, state = std::move(state)] { dependencies(x, s, state); });
  }};
  caf::anon_send(rest->knowledge, std::move(m));
}
} // namespace

void add_health_routes(router& routes, const rest_deps_ptr& rest) {
  const auto add = [&](const char* pattern, const char* summary, std::vector<int> statuses, handler handle) {
    route r{"GET", pattern, access::open, "health", summary, std::move(statuses), std::move(handle)};
    r.gives = "Health";
    routes.add(std::move(r));
  };
  add("/health", "How the server is", {200}, [rest](const exchange_ptr& x) {
    with_status(rest, x, [rest](const exchange_ptr& e, const registry_status& s) { health(rest, e, s); });
  });
  add("/health/live", "The process answers", {200}, [](const exchange_ptr& x) {
    x->respond(json_response(200, [](json_writer& w) { w.member("status", "alive"); }));
  });
  add("/health/ready", "Ready for work; 503 while the store is down", {200, 503},
      [rest](const exchange_ptr& x) { with_status(rest, x, ready); });
  add("/health/dependencies", "What the server stands on", {200},
      [rest](const exchange_ptr& x) { 
        with_status(rest, x, [rest](const exchange_ptr& e, const registry_status& s) { with_dependencies(rest, e, s); });
      });
  route metrics{
      "GET", "/metrics", access::open, "health", "Prometheus text", {200}, [rest](const exchange_ptr& x) {
        response r;
        r.content_type = "text/plain; version=0.0.4; charset=utf-8";
        r.body = rest->metrics->text();
        x->respond(std::move(r));
      }};
  metrics.also_gives = {"text/plain"};
  routes.add(std::move(metrics));
  // Made on the first request, when every part has added its routes; the router outlives its own handlers.
  struct document {
    std::once_flag once;
    std::string text;
  };
  routes.add({"GET",
              "/api/v1/openapi.json",
              access::open,
              "live",
              "This document",
              {200},
              [&routes, rest, made = std::make_shared<document>()](const exchange_ptr& x) {
                std::call_once(made->once, [&] { made->text = openapi_document(routes, rest->version); });
                response r;
                r.body = made->text;
                x->respond(std::move(r));
              }});
}

} // namespace fm::http
