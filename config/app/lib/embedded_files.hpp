// What the binary carries: the web page and the runbooks of the starter pack, embedded at build time.
#pragma once

#include <string_view>
#include <vector>

namespace fm {

struct embedded_file {
  std::string_view path; ///< "/index.html", "/assets/index-1a2b3c.js"
  std::string_view bytes;
};
std::vector<embedded_file> console_assets();
std::vector<embedded_file> starter_runbooks();

} // namespace fm
