// Small files as people upload them, each with what it is; some under names and declared types that mislead.
#pragma once

#include <string>
#include <vector>

namespace fm::testing_support {

struct sample_file {
  std::string name, content_type;
  std::string data_type; ///< one of the seven
  std::string bytes;
  bool misleading = false; ///< its name or declared type says something else
};
std::vector<sample_file> sample_files();

} // namespace fm::testing_support
