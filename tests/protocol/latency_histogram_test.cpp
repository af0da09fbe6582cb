// Percentiles of the load generator: right within the width of a bucket, whatever the size of the values.
#include "tests/support/latency_histogram.hpp"

#include <gtest/gtest.h>

namespace fm::testing_support {
namespace {

TEST(LatencyHistogram, SmallValuesAreExact) {
  latency_histogram h;
  for (std::uint64_t i = 1; i <= 50; ++i)
    h.record(i);
  EXPECT_EQ(h.percentile(50), 25U);
  EXPECT_EQ(h.percentile(100), 50U);
  EXPECT_EQ(h.min(), 1U);
  EXPECT_DOUBLE_EQ(h.mean(), 25.5);
}

TEST(LatencyHistogram, PercentilesStayWithinTheirBucket) {
  latency_histogram h;
  for (std::uint64_t i = 1; i <= 1'000'000; ++i)
    h.record(i);
  for (const double p : {10.0, 50.0, 90.0, 99.0, 99.9}) {
    const auto exact = p / 100 * 1e6;
    EXPECT_GE(static_cast<double>(h.percentile(p)), exact * 0.999) << p;
    EXPECT_LE(static_cast<double>(h.percentile(p)), exact * 1.017) << p;
  }
}

TEST(LatencyHistogram, HugeAndZeroValuesHaveAPlace) {
  latency_histogram h;
  h.record(0);
  h.record(~std::uint64_t{0});
  EXPECT_EQ(h.percentile(1), 0U);
  EXPECT_EQ(h.percentile(100), ~std::uint64_t{0});
}

TEST(LatencyHistogram, MergingIsLikeRecordingEverythingInOne) {
  latency_histogram a, b, both;
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    (i % 3 == 0 ? a : b).record(i * 37);
    both.record(i * 37);
  }
  a.merge(b);
  EXPECT_EQ(a.summary(), both.summary());
}

TEST(LatencyHistogram, NothingRecordedIsZero) {
  const latency_histogram h;
  EXPECT_EQ(h.percentile(99), 0U);
  EXPECT_EQ(h.min(), 0U);
}

} // namespace
} // namespace fm::testing_support
