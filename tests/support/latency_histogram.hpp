// Latencies by the million in a few kilobytes: buckets grow with the value (64 to each power of two), so that any
// percentile is right within 1.6 %, as in HdrHistogram. Values are microseconds.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <string>

namespace fm::testing_support {

class latency_histogram {
public:
  void record(std::uint64_t us) noexcept {
    ++buckets_[index_of(us)];
    ++count_;
    max_ = std::max(max_, us);
    min_ = std::min(min_, us);
    sum_ += us;
  }
  std::uint64_t count() const noexcept { return count_; }
  std::uint64_t max() const noexcept { return max_; }
  std::uint64_t min() const noexcept { return count_ ? min_ : 0; }
  double mean() const noexcept { return count_ ? static_cast<double>(sum_) / static_cast<double>(count_) : 0; }
  /// The value that `percent` of all recorded ones do not exceed (the bucket's upper end, at most max()).
  std::uint64_t percentile(double percent) const noexcept {
    if (count_ == 0)
      return 0;
    const auto wanted =
        std::max<std::uint64_t>(1, static_cast<std::uint64_t>(percent / 100.0 * static_cast<double>(count_) + 0.5));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      if ((seen += buckets_[i]) >= wanted)
        return std::clamp(upper_end(i), min_, max_);
    return max_;
  }
  void merge(const latency_histogram& other) noexcept {
    for (std::size_t i = 0; i < buckets_.size(); ++i)
      buckets_[i] += other.buckets_[i];
    count_ += other.count_;
    sum_ += other.sum_;
    max_ = std::max(max_, other.max_);
    min_ = std::min(min_, other.min_);
  }
  /// "n=1000 p50=1.20 p90=… p99=… p99.9=… max=… ms"
  std::string summary() const {
    char text[160];
    const auto ms = [](std::uint64_t us) { return static_cast<double>(us) / 1000.0; };
    std::snprintf(text, sizeof text, "n=%llu p50=%.2f p90=%.2f p99=%.2f p99.9=%.2f max=%.2f ms",
                  static_cast<unsigned long long>(count_), ms(percentile(50)), ms(percentile(90)), ms(percentile(99)),
                  ms(percentile(99.9)), ms(max_));
    return text;
  }

private:
  static constexpr unsigned sub_bits = 6;
  static constexpr std::size_t bucket_count = (64 - sub_bits + 1) << sub_bits;
  static std::size_t index_of(std::uint64_t v) noexcept {
    if (v < (1U << sub_bits))
      return static_cast<std::size_t>(v);
    const auto shift = static_cast<unsigned>(std::bit_width(v)) - sub_bits - 1;
    return (static_cast<std::size_t>(shift + 1) << sub_bits) + static_cast<std::size_t>((v >> shift) - (1U << sub_bits));
  }
  static std::uint64_t upper_end(std::size_t index) noexcept {
    if (index < (1U << sub_bits))
      return index;
    const auto shift = (index >> sub_bits) - 1;
    const auto low = (static_cast<std::uint64_t>(index & ((1U << sub_bits) - 1)) + (1U << sub_bits)) << shift;
    return low + ((std::uint64_t{1} << shift) - 1);
  }

  std::array<std::uint64_t, bucket_count> buckets_{};
  std::uint64_t count_ = 0, max_ = 0, sum_ = 0, min_ = ~std::uint64_t{0};
};

} // namespace fm::testing_support
