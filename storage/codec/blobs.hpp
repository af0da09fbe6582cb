// Rules that every blob store shares: which keys are keys.
#pragma once

#include "storage/ports/blob_store.hpp"

#include <algorithm>
#include <optional>

namespace fm::stored {

inline constexpr std::size_t blob_key_bytes_max = 512;

/// invalid with a sentence, or nothing.
inline std::optional<failure> refusal_of_blob_key(std::string_view key) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '/' || c == '-';
  };
  bool good = !key.empty() && key.size() <= blob_key_bytes_max && std::all_of(key.begin(), key.end(), fits);
  for (std::size_t at = 0; good && at <= key.size();) {
    const auto slash = std::min(key.find('/', at), key.size());
    const auto part = key.substr(at, slash - at);
    good = !part.empty() && part != "." && part != "..";
    at = slash + 1;
  }
  if (good)
    return std::nullopt;
  return make_failure(errc::invalid, "A blob's key has 1 to 512 of A-Z, a-z, 0-9, '.', '_', '-' and '/', without empty parts, '.' or '..'.");
}
inline failure no_blob(std::string_view key) { return make_failure(errc::not_found, "There is no blob " + std::string{key} + "."); }
inline failure beyond_the_end(std::string_view key, std::uint64_t size) {
  return make_failure(errc::invalid, "The blob " + std::string{key} + " has " + std::to_string(size) + " bytes; the range begins behind them.");
}

} // namespace fm::stored
