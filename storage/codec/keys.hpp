// The rules of the session store's keys and lives, the same in every backend.
#pragma once

#include "protocol/base/clock.hpp"
#include "storage/ports/session_store.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace fm::stored {

inline constexpr std::size_t key_bytes_max = 512;
inline constexpr std::size_t value_bytes_max = 1U << 20;

/// too_large when the port's bounds are broken.
std::optional<failure> refusal_of(std::string_view key, std::string_view value);
/// The millisecond at which a value written now ends; never overflows. Nothing = never.
std::optional<std::int64_t> end_of_life(timestamp now, session_store::ttl life);
/// The life a value with that end has left; at least one millisecond.
session_store::ttl time_left(timestamp now, std::optional<std::int64_t> end);
/// '*' stands for any text, everything else for itself.
bool glob_matches(std::string_view pattern, std::string_view text) noexcept;

} // namespace fm::stored
