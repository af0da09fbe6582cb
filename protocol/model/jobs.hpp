// Work that takes longer than a request: what it is, how far it is, how it ended.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/ids.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fm {

struct job {
  std::string id;   ///< "job_" + 12 hex
  std::string kind; ///< file_analysis, starter_pack, bulk_update, bulk_delete, reindex
  std::string status = "queued"; ///< queued, running, completed, failed, cancelled
  bool cancel_requested = false;
  std::uint64_t total = 0, done = 0, failed = 0;
  std::string error;
  std::string subject; ///< what it works on, for people: a file's name
  std::string result;  ///< what it made: a file's id
  user_id started_by; ///< empty = the server itself: for administrators
  case_id in_case; ///< empty = of no case
  timestamp created_at{}, started_at{};
  std::optional<timestamp> finished_at;

  bool finished() const { return status == "completed" || status == "failed" || status == "cancelled"; }
  bool operator==(const job&) const = default;
};
struct job_query {
  std::string status, kind; ///< empty = any
  std::size_t limit = 50, offset = 0;
};
struct job_page {
  std::vector<job> jobs; ///< newest first
  std::uint64_t total = 0;
};

} // namespace fm
