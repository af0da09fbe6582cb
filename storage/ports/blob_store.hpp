// The port behind which the bytes of files are durable: uploads, thumbnails, extractions, exports.
//
// Threading: callable from any thread; one writer object is used by one thread at a time. Calls may block on the
//   disk or the network: callers are on the bounded executor, never on a CAF worker or an I/O thread.
// Success: after finish() the whole blob survives a power cut and every reader sees it whole; a blob is never
//   seen half written, and one that replaces another does so in one step.
// Failure: a writer dropped without finish(), or whose write() failed, leaves nothing behind and what stood
//   under the key before stays. not_found for a key that is not there; unavailable (with retry_after) for the
//   backend's faults; too_large above the setting. Reading checks what it can: a damaged blob is a failure.
// Bounds: keys are 1 to 512 bytes of [A-Za-z0-9._/-], without "..", empty parts or a leading '/' (invalid).
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/reply.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm {

struct blob_info {
  std::string key;
  std::uint64_t size = 0;   ///< bytes
  std::string sha256;       ///< 64 lower-case hex digits of the bytes
  std::string content_type; ///< as given; "application/octet-stream" when nothing was
  timestamp stored_at{};
};

struct blob_page {
  std::vector<blob_info> blobs; ///< in order of the key
  bool more = false;            ///< ask again with `after` = the last key
};

/// One blob being written. Dropped before finish(): as if it had never been begun.
class blob_writer {
public:
  virtual ~blob_writer() = default;
  virtual outcome<done_t> write(std::string_view bytes) = 0;
  /// Makes it durable and visible.
  virtual outcome<blob_info> finish() = 0;
};

class blob_store {
public:
  virtual ~blob_store() = default;
  virtual outcome<std::unique_ptr<blob_writer>> put(std::string_view key, std::string_view content_type) = 0;
  /// At most `length` bytes from `offset`; fewer at the end; invalid when `offset` lies behind it.
  virtual outcome<std::string> read(std::string_view key, std::uint64_t offset, std::uint64_t length) const = 0;
  virtual outcome<blob_info> stat(std::string_view key) const = 0;
  /// Whether something was there.
  virtual outcome<bool> remove(std::string_view key) = 0;
  virtual outcome<blob_page> list(std::string_view prefix, std::string_view after, std::size_t limit) const = 0;
  /// Blobs under `prefix` disappear when they are older; nothing = kept. not_implemented where the server has no
  /// such rule, in a sentence.
  virtual outcome<done_t> set_lifecycle(std::string_view prefix, std::optional<std::chrono::days> age) = 0;
  /// Applies the lifecycle rules where no server does; returns how many blobs went.
  virtual outcome<std::uint64_t> sweep() = 0;
  /// A cheap round trip that tells whether the backend works.
  virtual outcome<done_t> ping() const = 0;
};
using blob_store_ptr = std::shared_ptr<blob_store>;

} // namespace fm
