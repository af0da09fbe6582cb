// Matching is by segments; literal segments win over parameters. About a hundred routes: a scan is enough.
#include "http/core/router.hpp"

#include <algorithm>
#include <set>

namespace fm::http {
namespace {
constexpr std::size_t segments_max = 32;

/// Nothing when there are more segments than any route has.
std::optional<std::vector<std::string_view>> segments(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    if (path.front() == '/')
      path.remove_prefix(1);
    const auto end = path.find('/');
    parts.push_back(path.substr(0, end));
    if (end == std::string_view::npos)
      break;
    if (parts.size() > segments_max)
      return std::nullopt;
    path.remove_prefix(end);
  }
  return parts;
}
bool is_parameter(std::string_view segment) { return segment.size() > 2 && segment.front() == '{'; }

bool fits(const std::vector<std::string>& pattern, const std::vector<std::string_view>& path) {
  if (pattern.size() != path.size())
    return false;
  for (std::size_t i = 0; i < pattern.size(); ++i)
    if (is_parameter(pattern[i]) ? path[i].empty() : pattern[i] != path[i])
      return false;
  return true;
}
/// Both fit the same path: the one with the earlier literal is meant.
bool more_literal(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (is_parameter(a[i]) != is_parameter(b[i]))
      return !is_parameter(a[i]);
  return false;
}
} // namespace

void router::add(route r) {
  for (auto& known : routes_)
    if (known.method == r.method && known.pattern == r.pattern) {
      known = std::move(r);
      return;
    }
  std::vector<std::string> parts;
  const auto split = segments(r.pattern);
  for (auto part : split.value())
    parts.emplace_back(part);
  patterns_.push_back(std::move(parts));
  routes_.push_back(std::move(r));
}

router::match router::find(std::string_view method, std::string_view path) const {
  const auto wanted = segments(path);
  match result;
  if (!wanted)
    return result;
  const std::vector<std::string>* best = nullptr;
  for (std::size_t i = 0; i < routes_.size(); ++i)
    if ((routes_[i].method == method || (method == "HEAD" && routes_[i].method == "GET")) &&
        fits(patterns_[i], *wanted) && (!best || more_literal(patterns_[i], *best))) {
      result.found = &routes_[i];
      best = &patterns_[i];
    }
  if (best) {
    for (std::size_t i = 0; i < best->size(); ++i)
      if (auto& name = (*best)[i]; is_parameter(name))
        result.params.emplace(name.substr(1, name.size() - 2), (*wanted)[i]);
    return result;
  }
  std::set<std::string> allowed;
  for (std::size_t i = 0; i < routes_.size(); ++i)
    if (fits(patterns_[i], *wanted)) {
      allowed.insert(routes_[i].method);
      if (routes_[i].method == "GET")
        allowed.insert("HEAD");
    }
  if (!allowed.empty()) {
    allowed.insert("OPTIONS");
    for (auto& m : allowed)
      result.allow += (result.allow.empty() ? "" : ", ") + m;
  }
  return result;
}

} // namespace fm::http
