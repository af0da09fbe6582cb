// Files of a case: what was uploaded, what it was found to be, and what the analysis says of it.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fm {

/// pending, processing, completed, failed (domain.md, "Evidence and files").
struct case_file {
  std::string id; ///< "file_" + 12 hex
  case_id in_case;
  std::string name;         ///< up to 255 bytes, without any path
  std::string content_type; ///< as declared, not believed
  std::string description;
  std::uint64_t bytes = 0;
  std::string sha256;
  std::string status = "pending";
  std::string data_type = "unanalyzable"; ///< one of the seven of domain.md
  double confidence = 0;
  double compression = 0; ///< bytes of the file by bytes of the extraction
  std::string summary;    ///< about 500 characters
  std::vector<std::string> insights;
  std::string error; ///< why it could not be processed
  user_id uploaded_by;
  timestamp uploaded_at{};
  std::optional<timestamp> processed_at;
  std::string duplicate_of; ///< set in the answer to a second upload of the same bytes
  bool operator==(const case_file&) const = default;
};

/// What the analysis of a file gives.
struct file_analysis {
  std::string data_type = "unanalyzable";
  double confidence = 0;
  std::string summary;
  std::vector<std::string> insights;
  std::string text;  ///< for people and the agent, about 8 KiB; quotes lines that are in the file
  std::string json;  ///< the whole result
  std::string error; ///< why it could not be processed; empty = it could
};

struct file_match {
  case_file file;
  std::uint64_t line = 0, begin = 0, end = 0; ///< the line and its bytes
  std::string text;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> highlights; ///< bytes in the file
};

} // namespace fm
