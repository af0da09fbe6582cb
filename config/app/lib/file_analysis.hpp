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
  work_control control; ///< the request's
  bool redact = true; ///< makes a sanitized copy; else everybody who may read the case reads the file's bytes
  extractors::redaction_options redaction; ///< also of what the analysis quotes, copy or not
};
/// As analyse_file of the shelf asks for it; bounded.
file_analysis analyse_uploaded_file(const file_request& file, const file_analysis_options& options = {});

} // namespace fm::app
