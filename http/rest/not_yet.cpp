// The rest of the surface, one row each: documented, authenticated, permission-checked, and honestly 501.
#include "http/bridge/ask.hpp"
#include "http/rest/rest.hpp"

namespace fm::http {
namespace {
struct row {
  const char* method;
  const char* path;
  const char* tag;
};
constexpr row rows[] = {
    {"GET", "/cases/{case_id}/hypotheses", "investigation"},
    {"POST", "/cases/{case_id}/hypotheses", "investigation"},
    {"PATCH", "/cases/{case_id}/hypotheses/{id}", "investigation"},
    {"GET", "/cases/{case_id}/solutions", "investigation"},
    {"POST", "/cases/{case_id}/solutions", "investigation"},
    {"PATCH", "/cases/{case_id}/solutions/{id}", "investigation"},
    {"GET", "/cases/{case_id}/evidence", "investigation"},
    {"POST", "/cases/{case_id}/evidence", "investigation"},
    {"GET", "/cases/{case_id}/evidence/{id}", "investigation"},
    {"POST", "/cases/{case_id}/evidence/{id}/links", "investigation"},
    {"GET", "/cases/{case_id}/tool-calls", "investigation"},
    {"GET", "/cases/{case_id}/analytics", "cases"},
    {"POST", "/cases/{case_id}/archive", "cases"},
    {"GET", "/cases/{case_id}/transitions", "cases"},
    {"POST", "/cases/{case_id}/share", "sharing"},
    {"DELETE", "/cases/{case_id}/share/{user_id}", "sharing"},
    {"GET", "/cases/{case_id}/participants", "sharing"},
    {"PATCH", "/cases/{case_id}/participants/{user_id}", "sharing"},
    {"GET", "/cases/{case_id}/access-check", "sharing"},
    {"PUT", "/cases/{case_id}/visibility", "sharing"},
    {"GET", "/cases/{case_id}/report-recommendations", "reports"},
    {"POST", "/cases/{case_id}/reports", "reports"},
    {"GET", "/cases/{case_id}/reports", "reports"},
    {"GET", "/cases/{case_id}/reports/{id}", "reports"},
    {"DELETE", "/cases/{case_id}/reports/{id}", "reports"},
    {"GET", "/cases/{case_id}/reports/{id}/download", "reports"},
    {"GET", "/cases/{case_id}/reports/{id}/diff", "reports"},
    {"GET", "/cases/{case_id}/export", "reports"},
    {"GET", "/reports/search", "reports"},
    {"GET", "/users/me/export", "people"},
    {"DELETE", "/users/me", "people"},
};
} // namespace

void add_not_yet_routes(router& routes, const rest_deps_ptr& deps) {
  for (auto& r : rows) {
    route out{r.method, std::string{"/api/v1"} + r.path, access::token, r.tag, "Not there yet", {501}, {},
              true};
    const bool of_case = std::string_view{r.path}.starts_with("/cases/{case_id}");
    const bool of_user = std::string_view{r.path}.starts_with("/users/{user_id}");
    out.handle = [deps, of_case, of_user](exchange_ptr x) {
      const auto not_yet = make_failure(errc::not_implemented, "This part of FaultMaven is not there yet.");
      if (of_user && x->in.param("user_id") != x->in.auth->who.user.value)
        return x->fail(make_failure(errc::not_found, "There is no such user, or it is not you."));
      if (!of_case)
        return x->fail(not_yet);
      tell_case(
          deps->registry, *x,
          read_case{x->in.auth->who, answering<case_view>(x, [not_yet](const exchange_ptr& x, case_view&) {
                      x->fail(not_yet);
                    })});
    };
    routes.add(std::move(out));
  }
}

} // namespace fm::http
