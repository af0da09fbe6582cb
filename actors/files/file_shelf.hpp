// Files of cases over a blob store: "cases/<case>/<file>/content", "…/sanitized" (when something was taken out),
// "…/analysis.json", "…/timeline.json" and, last and in one step, "…/record.json". A file without a record was never acknowledged and is never shown. Thread-safe; blocks.
#pragma once

#include "actors/evidence/timeline.hpp"
#include "protocol/base/random.hpp"
#include "protocol/base/work_control.hpp"
#include "protocol/messages/files_actor.hpp"
#include "storage/ports/blob_store.hpp"

#include <functional>
#include <mutex>

namespace fm {

struct file_settings {
  std::uint64_t upload_bytes_max = 10U << 20;
  std::uint64_t case_bytes_max = 500U << 20;
  std::size_t case_files_max = 200;
  evidence::timeline_limits timeline;
};
/// Pure but for reading the source and filling the sink. Never throws. What it gives after a stop is not looked at; a source
/// or sink that fails is told in `error`.
using analyse_file = std::function<file_analysis(const file_request& file)>;

struct file_deps {
  blob_store_ptr blobs;
  analyse_file analyse;
  clock_ptr clock;
  random_ptr random;
};

class file_shelf {
public:
  file_shelf(file_settings settings, file_deps deps) : settings_(settings), deps_(std::move(deps)) {}

  /// Same bytes twice in a case: the file that is there, with duplicate_of set. Stopped: conflict CANCELLED, nothing stays.
  outcome<std::pair<case_file, file_analysis>> put(const principal& who, const case_id& id, const new_file& file, const work_control& control = {});
  outcome<std::vector<case_file>> list(const case_id& id) const; ///< oldest first
  outcome<case_file> read(const case_id& id, const std::string& file) const;
  outcome<std::string> analysis(const case_id& id, const std::string& file) const;
  outcome<std::string> bytes(const case_id& id, const std::string& file, std::uint64_t offset, std::uint64_t length, bool sanitized = false) const;
  outcome<done_t> remove(const case_id& id, const std::string& file);
  /// What a file says happened, and what it may share with others; files of earlier versions are analysed once more.
  outcome<std::pair<std::vector<timeline_moment>, file_marks>> traces(const case_file& file) const;
  /// Of all files of a case.
  outcome<std::vector<file_marks>> marks(const case_id& id) const;
  outcome<timeline_page> timeline(const case_id& id, const std::vector<message>& messages, std::uint64_t messages_before, const timeline_query& query) const;

private:
  /// Nothing when there is room; the file that has these bytes already; too_large when there is no room. Under the gate.
  outcome<std::optional<std::pair<case_file, file_analysis>>> room_for(const case_id& id, const std::string& sha, std::uint64_t bytes) const;
  std::mutex& gate(const case_id& id) const { return gates_[std::hash<case_id>{}(id) % gates_.size()]; }

  file_settings settings_;
  file_deps deps_;
  mutable std::array<std::mutex, 64> gates_; ///< one record at a time into a case
};

/// A name without its path, at most 255 bytes of valid UTF-8; "file" when nothing is left.
std::string safe_file_name(std::string_view given);

} // namespace fm
