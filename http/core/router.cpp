// Matching is by segments; literal segments win over parameters. About a hundred routes: a scan is enough.
#include "http/core/router.hpp"

#include "protocol/base/json_writer.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace fm::http {
namespace {
std::vector<std::string_view> segments(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    if (path.front() == '/')
      path.remove_prefix(1);
    const auto end = path.find('/');
    parts.push_back(path.substr(0, end));
    if (end == std::string_view::npos)
      break;
    path.remove_prefix(end);
  }
  return parts;
}
bool is_parameter(std::string_view segment) { return segment.size() > 2 && segment.front() == '{'; }

const char* phrase(int status) {
  switch (status) {
  case 200: return "OK";
  case 201: return "Created";
  case 202: return "Accepted; ask again at Location";
  case 204: return "No content";
  case 400: return "Bad request";
  case 401: return "Missing or invalid token";
  case 403: return "Visible but not allowed";
  case 404: return "Not there, or not yours";
  case 409: return "Conflict; x-error-code says which";
  case 413: return "Too large";
  case 422: return "Invalid input; errors says where";
  case 429: return "Too many requests; Retry-After";
  case 501: return "Not there yet";
  case 503: return "Unavailable; Retry-After";
  default: return "Answer";
  }
}
} // namespace

void router::add(route r) {
  for (auto& known : routes_)
    if (known.method == r.method && known.pattern == r.pattern) {
      known = std::move(r);
      return;
    }
  routes_.push_back(std::move(r));
}

const handler& router::handler_of(const route& found, const request& in) const {
  for (auto& v : variants_)
    if (v.method == found.method && v.pattern == found.pattern && v.applies(in))
      return v.handle;
  return found.handle;
}

router::match router::find(std::string_view method, std::string_view path) const {
  const auto wanted = segments(path);
  match best;
  std::size_t best_literals = 0;
  std::set<std::string> allowed;
  for (auto& r : routes_) {
    const auto pattern = segments(r.pattern);
    if (pattern.size() != wanted.size())
      continue;
    std::map<std::string, std::string> params;
    std::size_t literals = 1;
    bool fits = true;
    for (std::size_t i = 0; i < pattern.size() && fits; ++i) {
      if (is_parameter(pattern[i])) {
        fits = !wanted[i].empty();
        params.emplace(pattern[i].substr(1, pattern[i].size() - 2), wanted[i]);
      } else {
        fits = pattern[i] == wanted[i];
        // An earlier literal weighs more than all later ones together.
        literals += std::size_t{1} << (20 - std::min<std::size_t>(i, 20));
      }
    }
    if (!fits)
      continue;
    allowed.insert(r.method);
    if (r.method == "GET")
      allowed.insert("HEAD");
    if (r.method != method && !(method == "HEAD" && r.method == "GET"))
      continue;
    if (!best.found || literals > best_literals) {
      best.found = &r;
      best.params = std::move(params);
      best_literals = literals;
    }
  }
  if (!best.found && !allowed.empty()) {
    allowed.insert("OPTIONS");
    for (auto& m : allowed)
      best.allow += (best.allow.empty() ? "" : ", ") + m;
  }
  return best;
}

std::string openapi_document(const router& routes, std::string_view version) {
  std::map<std::string, std::vector<const route*>> by_path;
  for (auto& r : routes.routes())
    by_path[r.pattern].push_back(&r);
  std::string out;
  json_writer w{out};
  w.begin_object().member("openapi", "3.1.0").key("info").begin_object();
  w.member("title", "FaultMaven").member("version", version);
  w.member("description", "Troubleshooting cases on which people and an AI work together. Every error has one shape: "
                          "{detail, error{code, message, details}, request_id}.");
  w.end_object().key("paths").begin_object();
  for (auto& [path, list] : by_path) {
    w.key(path).begin_object();
    for (auto* r : list) {
      std::string method = r->method;
      std::transform(method.begin(), method.end(), method.begin(), [](char c) { return static_cast<char>(c | 0x20); });
      w.key(method).begin_object().member("summary", r->summary).key("tags").begin_array().value(r->tag).end_array();
      std::vector<std::string_view> names;
      for (auto s : segments(path))
        if (is_parameter(s))
          names.push_back(s.substr(1, s.size() - 2));
      if (!names.empty()) {
        w.key("parameters").begin_array();
        for (auto n : names)
          w.begin_object().member("name", n).member("in", "path").member("required", true).key("schema").begin_object()
              .member("type", "string").end_object().end_object();
        w.end_array();
      }
      if (r->method == "POST" || r->method == "PUT" || r->method == "PATCH")
        w.key("requestBody").begin_object().key("content").begin_object().key("application/json").begin_object()
            .key("schema").begin_object().member("type", "object").end_object().end_object().end_object().end_object();
      w.key("responses").begin_object();
      std::set<int> statuses{r->statuses.begin(), r->statuses.end()};
      if (r->not_yet)
        statuses = {501};
      if (r->who == access::token)
        statuses.insert({401, 503});
      for (int s : statuses) {
        w.key(std::to_string(s)).begin_object().member("description", phrase(s));
        if (s >= 400)
          w.key("content").begin_object().key("application/json").begin_object().key("schema").begin_object()
              .member("$ref", "#/components/schemas/Error").end_object().end_object().end_object();
        w.end_object();
      }
      w.end_object();
      if (r->who == access::token)
        w.key("security").begin_array().begin_object().key("bearer").begin_array().end_array().end_object().end_array();
      w.end_object();
    }
    w.end_object();
  }
  w.end_object().key("components").begin_object();
  w.key("securitySchemes").raw(R"({"bearer":{"type":"http","scheme":"bearer"}})");
  w.key("schemas").raw(R"({"Error":{"type":"object","required":["detail","error","request_id"],"properties":{)"
                       R"("detail":{"type":"string"},"error":{"type":"object","properties":{"code":{"type":"string"},)"
                       R"("message":{"type":"string"},"details":{"type":"object"}}},"request_id":{"type":"string"}}}})");
  w.end_object().end_object();
  return out;
}

} // namespace fm::http
