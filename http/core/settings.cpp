// Origins: exact, with one kind of wildcard, or our own page.
#include "http/core/settings.hpp"

namespace fm::http {
namespace {
bool matches(std::string_view pattern, std::string_view text) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos)
    return pattern == text;
  if (text.size() + 1 < pattern.size() || text.substr(0, star) != pattern.substr(0, star))
    return false;
  const auto tail = pattern.substr(star + 1);
  if (!text.ends_with(tail) || text.size() < star + tail.size())
    return false;
  const auto middle = text.substr(star, text.size() - star - tail.size());
  return !middle.empty() && middle.find('/') == std::string_view::npos;
}
} // namespace

bool origin_allowed(std::string_view origin, std::string_view host, const std::vector<std::string>& allowed) {
  for (std::string_view scheme : {"http://", "https://"})
    if (origin.starts_with(scheme) && !host.empty() && origin.substr(scheme.size()) == host)
      return true;
  for (auto& pattern : allowed)
    if (matches(pattern, origin))
      return true;
  return false;
}

} // namespace fm::http
