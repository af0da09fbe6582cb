// The one failure path: an error code some caller acts on, a sentence for people, and what a client needs
// to go on (retry time, versions). Everything that can fail returns outcome<T>; nothing of ours throws.
#pragma once

#include <boost/system/result.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace fm {

/// What went wrong, in the words of the wire protocol (rest.md, "errors"). A code exists only when some
/// caller acts on it; everything else belongs in failure::detail.
enum class errc : std::uint8_t {
  not_found,
  conflict,
  invalid,
  unauthenticated,
  forbidden,
  too_large,
  unsupported_media_type,
  rate_limited,
  overloaded,
  unavailable,
  timed_out,
  gone,
  not_implemented,
  internal,
};

std::string_view to_string(errc code) noexcept;
std::optional<errc> errc_from_string(std::string_view text) noexcept;

/// A refusal or a fault, ready to be shown. `detail` is always a full sentence.
struct failure {
  errc code = errc::internal;
  std::string detail;
  /// The `x-error-code` of a conflict (CASE_VERSION_CONFLICT, DUPLICATE_REQUEST, IDEMPOTENCY_KEY_REUSE,
  /// TERMINAL_CASE, ALREADY_EXISTS, INVALID_TRANSITION, ...); empty otherwise.
  std::string reason;
  /// Facts for machines: {"expected_version","3"}, {"field","title"}.
  std::map<std::string, std::string> facts;
  /// When trying again makes sense.
  std::optional<std::chrono::milliseconds> retry_after;

  failure& with_fact(std::string key, std::string value) {
    facts.insert_or_assign(std::move(key), std::move(value));
    return *this;
  }
};

/// Thrown only by outcome<T>::value() on a failure, which is a bug in the caller.
struct bad_outcome : std::logic_error {
  explicit bad_outcome(const failure& f) : std::logic_error(f.detail) {}
};
[[noreturn]] inline void throw_exception_from_error(const failure& f, const boost::source_location&) {
  throw bad_outcome(f);
}

template <class T>
using outcome = boost::system::result<T, failure>;

inline failure make_failure(errc code, std::string detail) {
  return failure{code, std::move(detail), {}, {}, {}};
}
inline failure make_conflict(std::string reason, std::string detail) {
  return failure{errc::conflict, std::move(detail), std::move(reason), {}, {}};
}
inline failure make_unavailable(std::string detail,
                                std::chrono::milliseconds retry_after = std::chrono::seconds{1}) {
  return failure{errc::unavailable, std::move(detail), {}, {}, retry_after};
}

} // namespace fm
