// What an uploaded file is and says: the extractors behind the one function that the files actor calls.
#pragma once

#include "actors/evidence/extractors/redaction.hpp"
#include "actors/evidence/timeline.hpp"
#include "protocol/base/work_control.hpp"
#include "protocol/model/files.hpp"

#include <string>
#include <string_view>

namespace fm::app {

struct file_analysis_options {
  evidence::timeline_limits timeline;
  work_control control;
  bool redact = true; ///< makes a sanitized copy; else everybody who may read the case reads the file's bytes
  extractors::redaction_options redaction; ///< also of what the analysis quotes, copy or not
};
/// Pure and bounded. `chosen_type` (a person's choice) wins over what is found.
file_analysis analyse_uploaded_file(const std::string& name, const std::string& content_type, std::string_view bytes,
                                    const std::string& chosen_type, const file_analysis_options& options = {});

} // namespace fm::app
