// /jobs: work that takes longer than a request, and how to stop it.
#include "http/bridge/ask.hpp"
#include "http/rest/rest.hpp"

namespace fm::http {
namespace {
void write_job(json_writer& w, const job& j) {
  w.member("job_id", j.id).member("kind", j.kind).member("status", j.status).member("cancel_requested", j.cancel_requested);
  w.member("subject", j.subject).member("total", j.total).member("done", j.done).member("failed", j.failed);
  w.member("progress_percentage", j.total == 0 ? (j.finished() ? 100U : 0U) : 100 * std::min(j.total, j.done + j.failed) / j.total);
  if (!j.in_case.empty())
    w.member("case_id", j.in_case.value);
  if (!j.result.empty() && j.kind == "file_analysis")
    w.key("result").begin_object().member("file_id", j.result).member("href", "/api/v1/cases/" + j.in_case.value + "/data/" + j.result).end_object();
  if (!j.error.empty())
    w.key("error").begin_object().member("message", j.error).end_object();
  w.member("created_at", to_iso8601(j.created_at)).member("started_at", to_iso8601(j.started_at));
  if (j.finished_at)
    w.member("finished_at", to_iso8601(*j.finished_at));
}

void list(const rest_deps_ptr& rest, const exchange_ptr& x) {
  const auto page = page_of(x);
  if (!page)
    return;
  list_jobs m;
  m.who = who_of(x);
  m.query.status = x->in.asked("status").value_or("");
  m.query.kind = x->in.asked("kind").value_or("");
  m.query.limit = page->limit;
  m.query.offset = page->offset;
  static constexpr std::string_view statuses[] = {"", "queued", "running", "completed", "failed", "cancelled"};
  if (std::find(std::begin(statuses), std::end(statuses), m.query.status) == std::end(statuses))
    return x->fail(invalid_field("status", "status must be queued, running, completed, failed or cancelled."));
  ask(rest->jobs, x, std::move(m), [x, page = *page](const job_page& found) {
    auto r = json_response(200, [&](json_writer& w) {
      w.key("jobs").begin_array();
      for (auto& j : found.jobs) {
        w.begin_object();
        write_job(w, j);
        w.end_object();
      }
      w.end_array().member("total_count", found.total).member("limit", page.limit).member("offset", page.offset);
      w.member("has_more", page.offset + found.jobs.size() < found.total);
    });
    add_paging(r, x->in, page, found.jobs.size(), found.total);
    x->respond(std::move(r));
  });
}

void drop(const rest_deps_ptr& rest, const exchange_ptr& x) {
  const std::string id{x->in.param("id")};
  ask(rest->jobs, x, read_job{who_of(x), id, {}}, [rest, x, id](const job& before) {
    ask(rest->jobs, x, drop_job{who_of(x), id, {}}, [x, forgotten = before.finished()](const job& j) {
      if (!forgotten)
        return x->respond(job_answer(202, j));
      response r;
      r.status = 204;
      x->respond(std::move(r));
    });
  });
}
} // namespace

response job_answer(int status, const job& j) {
  auto r = json_response(status, [&](json_writer& w) { write_job(w, j); });
  if (status == 202)
    r.with("Location", "/api/v1/jobs/" + j.id);
  if (!j.finished())
    r.with("Retry-After", "1");
  return r;
}

void add_job_routes(router& routes, const rest_deps_ptr& deps) {
  const auto with = [&](const char* method, const char* path, const char* summary, std::vector<int> statuses, handler h, const char* gives,
                        std::vector<std::string> asks = {}) {
    route r{method, path, access::token, "jobs", summary, std::move(statuses), std::move(h)};
    r.gives = gives;
    r.asks = std::move(asks);
    routes.add(std::move(r));
  };
  with("GET", "/api/v1/jobs", "One's own jobs, newest first", {200, 422}, [deps](const exchange_ptr& x) { list(deps, x); }, "JobList",
       {"limit", "offset", "status", "kind"});
  with("GET", "/api/v1/jobs/{id}", "How far a job is", {200, 404},
       [deps](const exchange_ptr& x) {
         ask(deps->jobs, x, read_job{who_of(x), std::string{x->in.param("id")}, {}}, [x](const job& j) { x->respond(job_answer(200, j)); });
       },
       "Job");
  with("DELETE", "/api/v1/jobs/{id}", "Cancels a job that is not finished; forgets one that is", {202, 204, 404}, [deps](const exchange_ptr& x) { drop(deps, x); },
       "Job");
}

} // namespace fm::http
