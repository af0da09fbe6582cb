// faultmaven analyze: the offline analysis on the command line.
#pragma once

#include <string>
#include <vector>

namespace fm::app {

struct analyze_options {
  std::vector<std::string> files; ///< "-" = standard input
  bool json = false;
  bool assignments = false;
  bool templates = false;
};
int analyze(const analyze_options& o);

} // namespace fm::app
