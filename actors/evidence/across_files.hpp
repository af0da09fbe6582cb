// What the files of a case say together: names that run through several of them, and kinds of lines that come and go
// together. Pure and deterministic.
#pragma once

#include "actors/evidence/log_triage.hpp"
#include "protocol/model/files.hpp"

#include <string>
#include <vector>

namespace fm::evidence {

/// What a log may have in common with other files of its case: 20 kinds of lines, gravest first, and its names.
file_threads threads_of_log(const analysis& a);

struct threaded_file {
  std::string id, name;
  file_threads threads;
};
struct across_limits {
  std::size_t files_max = 20; ///< the last ones; comparing grows with the square
  std::size_t findings_max = 12;
  double likeness_min = 0.8; ///< of two kinds of lines over time (Pearson, on square roots)
};
/// Best first.
std::vector<cross_finding> across_files(const std::vector<threaded_file>& files, const across_limits& bounds = {});

} // namespace fm::evidence
