// Time: one timestamp type (UTC milliseconds), a clock that tests can turn, and ISO 8601 both ways.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace fm {

/// A point in UTC, millisecond resolution: what is stored and shown.
using timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

/// Where "now" comes from. Thread-safe. Virtual so that a test or a simulation owns time.
struct clock_source {
  virtual ~clock_source() = default;
  virtual timestamp now() const = 0;
};
using clock_ptr = std::shared_ptr<const clock_source>;

/// The machine's clock.
clock_ptr system_clock_source();

/// "2026-01-31T12:00:00.000Z".
std::string to_iso8601(timestamp t);
/// Accepts "YYYY-MM-DDTHH:MM:SS[.fff][Z|±HH:MM]"; nothing else.
std::optional<timestamp> from_iso8601(std::string_view text);

} // namespace fm
