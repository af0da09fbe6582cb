// Bounds, lives and globs of the key-value store.
#include "storage/codec/keys.hpp"

#include <algorithm>

#include <limits>

namespace fm::stored {

std::optional<failure> refusal_of(std::string_view key, std::string_view value) {
  if (key.size() <= key_bytes_max && value.size() <= value_bytes_max)
    return std::nullopt;
  return make_failure(errc::too_large, "A session value may have a key of 512 bytes and 1 MiB at most.");
}

std::optional<std::int64_t> end_of_life(timestamp now, session_store::ttl life) {
  if (!life)
    return std::nullopt;
  std::int64_t end = 0;
  if (__builtin_add_overflow(now.time_since_epoch().count(), static_cast<std::int64_t>(life->count()), &end))
    return life->count() > 0 ? std::numeric_limits<std::int64_t>::max() : 0;
  return end;
}

session_store::ttl time_left(timestamp now, std::optional<std::int64_t> end) {
  if (!end)
    return std::nullopt;
  return std::chrono::milliseconds{std::max<std::int64_t>(*end - now.time_since_epoch().count(), 1)};
}

bool glob_matches(std::string_view pattern, std::string_view text) noexcept {
  // Greedy with one place to go back to: linear in practice, never exponential.
  std::size_t p = 0, t = 0, star = std::string_view::npos, from = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      from = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++from;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

} // namespace fm::stored
