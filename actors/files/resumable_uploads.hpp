// Files that come in several requests, across disconnects and restarts of the server. Over a blob store:
//
//   uploads/<case>/<id>           what is coming: length, name, whose, until when
//   parts/<case>/<id>/<number>    its bytes, 8 MiB each, the last one shorter; each is whole or not there
//
// What was answered as an offset is durable: it is the sum of the parts. A request that adds a few bytes writes the
// unfinished last part anew, in one step, so that small requests make no small parts. Thread-safe; blocks.
#pragma once

#include "actors/files/case_rooms.hpp"
#include "protocol/base/random.hpp"
#include "protocol/messages/files_actor.hpp"
#include "storage/ports/blob_store.hpp"

#include <chrono>
#include <set>

namespace fm {

struct resumable_settings {
  std::uint64_t upload_bytes_max = 10U << 20;
  std::chrono::hours expiry{24};
  std::uint64_t part_bytes = 8U << 20;
};

failure upload_busy();
/// In one step, durable when it succeeds.
outcome<done_t> write_blob(blob_store& blobs, const std::string& key, const std::string& type, std::string_view bytes);

class resumable_uploads {
public:
  /// `rooms` is its owner's and counts what is open.
  resumable_uploads(resumable_settings settings, blob_store_ptr blobs, case_rooms& rooms, clock_ptr clock, random_ptr random)
      : settings_(settings), blobs_(std::move(blobs)), rooms_(rooms), clock_(std::move(clock)), random_(std::move(random)) {}

  /// too_large above the limits of the settings or the case, overloaded when the case has too many open ones.
  outcome<open_upload> create(const principal& who, const case_id& id, std::uint64_t length, file_details details, std::string metadata);
  /// not_found when there is none of that person; gone when its time is over.
  outcome<open_upload> find(const case_id& id, const std::string& upload, const user_id& whose) const;
  /// With all its bytes, whoever holds it.
  outcome<done_t> remove(const case_id& id, const std::string& upload);
  /// Those of a case, with their announced bytes.
  outcome<std::map<std::string, std::uint64_t>> lengths(const case_id& id) const;

  /// The bytes of one request. One at a time of an upload. What was written is kept when the object goes, as far as the
  /// store allows.
  class addition {
  public:
    addition(const addition&) = delete;
    addition& operator=(const addition&) = delete;
    ~addition();
    /// too_large behind the announced length.
    outcome<done_t> write(std::string_view bytes);
    /// Makes durable what was written; the upload as it stands then. The last call: others may add from now on.
    outcome<open_upload> keep();

  private:
    friend class resumable_uploads;
    addition(resumable_uploads& owner, open_upload upload) : owner_(owner), upload_(std::move(upload)) {}
    outcome<done_t> end_part();
    resumable_uploads& owner_;
    open_upload upload_; ///< its offset: what is durable
    std::shared_ptr<void> held_;
    std::unique_ptr<blob_writer> part_;
    std::uint64_t part_begins_ = 0, in_part_ = 0; ///< of the part being written
    bool broken_ = false;
  };
  /// conflict UPLOAD_OFFSET (with the fact offset) when `offset` is not where the upload stands, UPLOAD_BUSY while another
  /// request adds to it or it is being finished; too_large when `bytes`, if known, are more than are missing.
  outcome<std::unique_ptr<addition>> add(const case_id& id, const std::string& upload, const user_id& whose, std::uint64_t offset,
                                         std::optional<std::uint64_t> bytes = {});

  /// Keeps others from it while its bytes are put together; nothing when somebody has it.
  std::shared_ptr<void> hold(const std::string& upload);
  /// All bytes in order, in pieces.
  outcome<done_t> bytes_of(const open_upload& upload, const byte_sink& into) const;
  /// Removes what is past its time; the complete ones nobody is finishing.
  outcome<std::vector<open_upload>> sweep();

private:
  std::string part_key(const open_upload& u, std::uint64_t offset) const;
  outcome<open_upload> read(const case_id& id, const std::string& upload) const;
  outcome<open_upload> stand_of(outcome<open_upload> described) const;
  outcome<std::uint64_t> durable_bytes(const case_id& id, const std::string& upload) const;

  resumable_settings settings_;
  blob_store_ptr blobs_;
  case_rooms& rooms_;
  clock_ptr clock_;
  random_ptr random_;
  std::mutex mutex_;
  std::set<std::string> busy_;
};

} // namespace fm
