// Names of the error codes, both ways.
#include "protocol/base/failure.hpp"

#include <array>

namespace fm {
namespace {
constexpr std::array<std::pair<errc, std::string_view>, 14> names{{
    {errc::not_found, "not_found"},
    {errc::conflict, "conflict"},
    {errc::invalid, "invalid"},
    {errc::unauthenticated, "unauthenticated"},
    {errc::forbidden, "forbidden"},
    {errc::too_large, "too_large"},
    {errc::unsupported_media_type, "unsupported_media_type"},
    {errc::rate_limited, "rate_limited"},
    {errc::overloaded, "overloaded"},
    {errc::unavailable, "unavailable"},
    {errc::timed_out, "timed_out"},
    {errc::gone, "gone"},
    {errc::not_implemented, "not_implemented"},
    {errc::internal, "internal"},
}};
} // namespace

std::string_view to_string(errc code) noexcept {
  for (auto& [value, name] : names)
    if (value == code)
      return name;
  return "internal";
}

std::optional<errc> errc_from_string(std::string_view text) noexcept {
  for (auto& [value, name] : names)
    if (name == text)
      return value;
  return std::nullopt;
}

} // namespace fm
