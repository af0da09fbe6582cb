// The files of the web page, as embedded at build time.
#pragma once

#include <string_view>
#include <vector>

namespace fm {

struct console_asset {
  std::string_view path; ///< "/index.html", "/assets/index-1a2b3c.js"
  std::string_view bytes;
};
std::vector<console_asset> console_assets();

} // namespace fm
