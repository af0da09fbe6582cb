// The port of short-lived state: sessions and their client index, tokens, idempotency records. A key-value
// store whose values expire.
//
// Threading: callable from any thread. Success: a written value is readable at once by everybody, and (not in
// memory) after a restart. Expiry: a value past its time is never returned, however late it is swept.
// Failure: errc::unavailable, nothing changed. Bounds: keys ≤ 512 bytes, values ≤ 1 MiB (too_large).
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

class session_store {
public:
  using ttl = std::optional<std::chrono::milliseconds>; ///< nothing = never expires

  virtual ~session_store() = default;
  virtual outcome<done_t> set(std::string_view key, std::string_view value, ttl life) = 0;
  /// Writes only when there is no live value; says whether it wrote.
  virtual outcome<bool> set_if_absent(std::string_view key, std::string_view value, ttl life) = 0;
  virtual outcome<std::optional<std::string>> get(std::string_view key) const = 0;
  /// How much life a value has left (nothing inside = it never expires); the outer nothing = there is no live value.
  virtual outcome<std::optional<ttl>> time_left(std::string_view key) const = 0;
  /// Whether something was there.
  virtual outcome<bool> remove(std::string_view key) = 0;
  virtual outcome<bool> exists(std::string_view key) const = 0;
  /// Gives a live value a new life; false when there is none.
  virtual outcome<bool> expire(std::string_view key, ttl life) = 0;
  /// Live keys that match a glob of literal text and '*', in order, at most `limit`.
  virtual outcome<std::vector<std::string>> keys(std::string_view pattern, std::size_t limit) const = 0;
  /// Drops what has expired; returns how many.
  virtual outcome<std::uint64_t> sweep() = 0;
};
using session_store_ptr = std::shared_ptr<session_store>;

} // namespace fm
