// A log of any size in two ways through it and some tens of MiB: the first finds its templates, the second takes what is
// sensitive out of everything that is said of it, makes the copy, the moments and the lines of its stack traces.
#pragma once

#include "actors/evidence/log_triage.hpp"
#include "config/app/lib/file_analysis.hpp"
#include "config/app/lib/pieces.hpp"

namespace fm::app {

struct read_log : file_analysis {
  evidence::analysis log; ///< as it was told: nothing sensitive in its quotes
};

/// `text` is UTF-8 or damaged UTF-8. A stop leaves it empty; what cannot be read is said in `error`.
read_log read_a_log(const pieces& text, const file_analysis_options& with, const byte_sink& copy);

} // namespace fm::app
