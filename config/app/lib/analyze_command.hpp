// faultmaven analyze: the server's analysis of a file, on the command line and without a server.
#pragma once

#include <string>
#include <vector>

namespace fm::app {

struct analyze_options {
  std::vector<std::string> files; ///< "-" = standard input
  bool json = false;        ///< what the server stores of the same bytes and name; a line a file
  bool assignments = false; ///< for every line of input the template it belongs to, whatever the file is
  bool templates = false;
  std::string type;         ///< one of the seven, as a person's choice; empty = by content
  std::string content_type; ///< as a sender declares it; a hint
  std::string colour = "auto"; ///< auto, always, never
};
/// Exit codes: done; not_in_order when a file could be read but not analysed (the reason is printed); usage when one
/// could not be read. The gravest counts.
int analyze(const analyze_options& o);

} // namespace fm::app
