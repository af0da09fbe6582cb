// Files of cases over a blob store: "cases/<case>/<file>/content", "…/sanitized" (when something was taken out),
// "…/analysis.json", "…/timeline.json", "…/threads.json" and, last and in one step, "…/record.json". A file without a record was never
// acknowledged and is never shown; "incoming/<file>" marks one between its last byte and its record, so that what a crash
// leaves is found without looking at every file. Thread-safe; blocks.
#pragma once

#include "actors/evidence/timeline.hpp"
#include "actors/files/resumable_uploads.hpp"
#include "protocol/base/random.hpp"
#include "protocol/base/work_control.hpp"
#include "protocol/messages/files_actor.hpp"
#include "storage/ports/blob_store.hpp"

#include <functional>
#include <memory>

namespace fm {

struct file_settings {
  std::uint64_t upload_bytes_max = 10U << 20;
  std::uint64_t case_bytes_max = 500U << 20;
  std::size_t case_files_max = 200;
  std::size_t open_uploads_max = 20;           ///< of a case
  std::chrono::hours upload_expiry{24};        ///< of an upload that is never finished
  std::uint64_t upload_part_bytes = 8U << 20;
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
  file_shelf(file_settings settings, file_deps deps);

  /// A file on its way to the shelf. Dropped before keep(): as if it had never been begun.
  class incoming {
  public:
    incoming(const incoming&) = delete;
    incoming& operator=(const incoming&) = delete;
    ~incoming();
    /// too_large above the limits of the settings or the case.
    outcome<done_t> write(std::string_view bytes);
    /// No more comes. invalid when nothing came.
    outcome<done_t> seal();
    std::uint64_t bytes() const { return bytes_; }
    const std::string& sha256() const { return sha256_; } ///< once sealed

  private:
    friend class file_shelf;
    explicit incoming(file_shelf& owner) : owner_(owner) {}
    file_shelf& owner_;
    reserved_room room_;
    case_id in_case_;
    std::string file_;
    std::unique_ptr<blob_writer> content_;
    std::uint64_t bytes_ = 0;
    std::string sha256_;
    bool marked_ = false, kept_ = false;
  };
  using incoming_ptr = std::unique_ptr<incoming>;

  /// `bytes_min` of them will come at least: too_large at once when there is no room for these.
  outcome<incoming_ptr> begin(const case_id& id, std::uint64_t bytes_min = 0);
  /// A complete upload's bytes, sealed; its room is the upload's. The upload stays until it is removed.
  outcome<incoming_ptr> begin(const open_upload& upload, const work_control& control);
  /// Analyses and keeps a sealed one. Same bytes twice in a case, also at once: the file that is there, with duplicate_of
  /// set. Stopped: conflict CANCELLED, nothing stays.
  outcome<stored_file> keep(incoming& file, const principal& who, const file_details& details, const work_control& control = {});
  resumable_uploads& uploads() { return uploads_; }
  /// Takes away what a crash left of files that were on their way; how many. Before anything comes.
  outcome<std::size_t> sweep_orphans();

  outcome<std::vector<case_file>> list(const case_id& id) const; ///< oldest first
  outcome<case_file> read(const case_id& id, const std::string& file) const;
  outcome<std::string> analysis(const case_id& id, const std::string& file) const;
  outcome<std::string> bytes(const case_id& id, const std::string& file, std::uint64_t offset, std::uint64_t length, bool sanitized = false) const;
  outcome<done_t> remove(const case_id& id, const std::string& file);
  /// What a file says happened, and what it may share with others; files of earlier versions are analysed once more.
  outcome<std::pair<std::vector<timeline_moment>, file_marks>> traces(const case_file& file) const;
  /// Of all files of a case.
  outcome<std::vector<file_marks>> marks(const case_id& id) const;
  /// What the files of a case say together, best first.
  outcome<std::vector<cross_finding>> across(const case_id& id) const;
  outcome<timeline_page> timeline(const case_id& id, const std::vector<message>& messages, std::uint64_t messages_before, const timeline_query& query) const;

private:
  outcome<stored_file> known(const case_account& account, const std::string& sha256) const;
  /// `files`: the others of the case.
  file_context context_of(std::vector<case_file> files, const std::string& name) const;
  outcome<done_t> remove_blobs(const case_id& id, const std::string& file);

  file_settings settings_;
  file_deps deps_;
  mutable case_rooms rooms_;
  resumable_uploads uploads_;
};

/// A name without its path, at most 255 bytes of valid UTF-8; "file" when nothing is left.
std::string safe_file_name(std::string_view given);

} // namespace fm
