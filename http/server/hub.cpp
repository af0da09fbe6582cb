// See hub.hpp.
#include "http/server/hub.hpp"

#include "http/core/gzip.hpp"
#include "protocol/base/sha256.hpp"

namespace fm::http {
namespace {
std::string_view content_type_of(std::string_view path) {
  for (auto [ending, type] :
       {std::pair<std::string_view, std::string_view>{".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".json", "application/json"},
        {".woff2", "font/woff2"},
        {".webmanifest", "application/manifest+json"}})
    if (path.ends_with(ending))
      return type;
  return "application/octet-stream";
}

} // namespace

hub::hub(server_deps d)
    : deps(std::move(d)), requests(deps.settings.requests_per_second, deps.settings.requests_burst),
      sign_ins(deps.settings.sign_ins_per_minute / 60.0, deps.settings.sign_ins_per_minute),
      connections_gauge(deps.metrics->get_gauge("faultmaven_http_connections",
                                                "Open HTTP connections, live ones not counted")) {
  for (auto& f : deps.site) {
    asset a{f.bytes, content_type_of(f.path), "\"" + sha256_hex(f.bytes).substr(0, 20) + "\"", {}};
    if (f.bytes.size() >= deps.settings.gzip_bytes_min)
      a.gzipped = gzip(f.bytes);
    site.emplace(f.path, std::move(a));
  }
}

std::vector<std::shared_ptr<connection>> hub::open_connections() {
  std::vector<std::shared_ptr<connection>> alive;
  std::lock_guard lock{connections_mutex};
  for (auto& [raw, weak] : open)
    if (auto c = weak.lock())
      alive.push_back(std::move(c));
  return alive;
}

} // namespace fm::http
