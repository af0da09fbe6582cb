// Counts over a stretch of time that nobody knows beforehand: a fixed number of parts whose width doubles as the
// stretch grows. Parts begin at whole multiples of their width, so grids of different logs can be laid over each other.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace fm::evidence {

class time_grid {
public:
  static constexpr std::size_t parts = 48;
  static constexpr int shift_max = 40; ///< parts of 2^40 seconds hold every date
  using counts = std::array<std::uint32_t, parts>;

  /// How counts that were kept so far fit the grid as it is now.
  struct change {
    std::int64_t moved = 0; ///< added to an index before it is halved
    void apply(counts& c) const {
      counts out{};
      for (std::size_t i = 0; i < parts; ++i)
        if (c[i] != 0)
          out[to(i)] += c[i];
      c = out;
    }
    std::size_t to(std::size_t i) const { return static_cast<std::size_t>((static_cast<std::int64_t>(i) + moved) >> 1); }
  };

  /// The part of a second (or line). When it answers with a change, apply it to all counts and ask again.
  std::optional<change> fit(std::int64_t second, std::size_t& part) {
    if (!begun_) {
      begun_ = true;
      origin_ = second;
    }
    const auto index = (second >> shift_) - origin_;
    if (index >= 0 && index < static_cast<std::int64_t>(parts)) {
      part = static_cast<std::size_t>(index);
      used_ = part + 1 > used_ ? part + 1 : used_;
      return std::nullopt;
    }
    if (shift_ >= shift_max || (index < 0 && index >= -2)) { // a little out of order: the first part takes it
      part = index < 0 ? 0 : parts - 1;
      return std::nullopt;
    }
    // Twice as wide. What lies before the beginning is given the front half.
    const auto origin = (origin_ >> 1) - (index < 0 ? static_cast<std::int64_t>(parts) / 2 - 1 : 0);
    const change c{origin_ - 2 * origin};
    used_ = used_ == 0 ? 0 : c.to(used_ - 1) + 1;
    origin_ = origin;
    ++shift_;
    return c;
  }

  std::size_t used() const { return used_; }                           ///< parts from the first
  std::int64_t width() const { return std::int64_t{1} << shift_; }     ///< of a part, in seconds (or lines)
  std::int64_t begin() const { return origin_ * width(); }             ///< of the first part
private:
  bool begun_ = false;
  int shift_ = 0;
  std::int64_t origin_ = 0; ///< in widths
  std::size_t used_ = 0;
};

} // namespace fm::evidence
