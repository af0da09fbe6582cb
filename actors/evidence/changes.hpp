// What counts over time tell: where their level changes for good, where they burst. Pure; for any kind of counts.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace fm::evidence {

/// From part `at` on the counts have another level, and keep it.
struct level_change {
  std::size_t at = 0;
  double before = 0, after = 0; ///< counts a part
  double evidence = 0;          ///< log likelihood ratio of two Poisson rates against one
};
/// The split that explains the counts best; nothing when they are few, when one rate explains them nearly as well, when
/// the levels differ by less than three times, or when the new level does not hold in most of its parts. The last part
/// may be unfinished and is not looked at.
std::optional<level_change> find_level_change(std::span<const std::uint32_t> counts);

/// Most of the counts come within one part or two that follow each other.
struct burst {
  std::size_t at = 0, parts = 1;
  std::uint64_t count = 0;
};
std::optional<burst> find_burst(std::span<const std::uint32_t> counts);

/// How alike two series rise and fall, -1 to 1 (Pearson, on the square roots, so that one peak does not decide alone);
/// nothing when one of them hardly varies or has counts in fewer than three parts.
std::optional<double> rhythm_likeness(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b);

} // namespace fm::evidence
