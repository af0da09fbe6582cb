// What a file is and says, whatever it is: the one way that uploads to the server and `faultmaven analyze` both take,
// so that the same bytes and name give the same result. Files are read in pieces: logs whole and in constant memory,
// every other type up to its bound.
#pragma once

#include "actors/evidence/extractors/extraction.hpp"
#include "actors/evidence/extractors/redaction.hpp"
#include "actors/evidence/log_triage.hpp"
#include "actors/evidence/opening/archive.hpp"
#include "actors/evidence/timeline.hpp"
#include "protocol/base/work_control.hpp"
#include "protocol/model/files.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::app {

/// What is unpacked is looked at file by file, so that its sum costs time and no memory.
inline constexpr opening::archive_limits uploaded_archive_limits{.total_bytes_max = 1ULL << 30};

struct file_analysis_options {
  evidence::timeline_limits timeline;
  work_control control; ///< the request's
  bool redact = true; ///< makes a sanitized copy; else everybody who may read the case reads the file's bytes
  extractors::redaction_options redaction; ///< also of what the analysis quotes, copy or not
  opening::archive_limits archive = uploaded_archive_limits;
};

/// How much of a file of this type is read. More of it: the result says that it is shortened, or refuses where half a
/// file says nothing (configuration, pictures). Logs have no bound of their own.
std::uint64_t bytes_read_max(extractors::data_type type) noexcept;

struct archive_member {
  std::string path;
  std::uint64_t bytes = 0;
  std::string data_type; ///< empty when it was left out
  std::string said;      ///< its summary, or why it was left out
};
/// With what the result was made of, for who shows it otherwise.
struct examined_file : file_analysis {
  std::optional<evidence::analysis> log; ///< its quotes are clean
  std::optional<extractors::extraction> extraction;
  std::vector<archive_member> members; ///< of an archive with several files
};
examined_file examine_file(const file_request& file, const file_analysis_options& options = {});

/// As analyse_file of the shelf asks for it; bounded.
file_analysis analyse_uploaded_file(const file_request& file, const file_analysis_options& options = {});

} // namespace fm::app
