// Background work that steps back: how long it is kept, and who is never kept.
#include "actors/support/courtesy.hpp"
#include "actors/support/offload.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace fm {
namespace {
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

TEST(courtesy, TheMoreAnswersStreamTheSmallerTheShare) {
  EXPECT_FALSE(share_beside(0, 4));
  EXPECT_FALSE(share_beside(0.5, 4)) << "one answer on two processors";
  EXPECT_DOUBLE_EQ(*share_beside(1, 4), 0.5);
  EXPECT_DOUBLE_EQ(*share_beside(10, 4), 0.2);
  EXPECT_DOUBLE_EQ(*share_beside(50, 4), 0.04) << "as the setting says";
  EXPECT_DOUBLE_EQ(*share_beside(100, 4), 0.02);
  EXPECT_DOUBLE_EQ(*share_beside(100'000, 4), 0.005) << "work goes on, however slowly";
}

TEST(courtesy, KeepsWhoHasUsedItsShare) {
  courtesy c{[] { return std::optional{0.25}; }};
  const auto begin = steady::now();
  c.charge(20ms); // a quarter: 80 ms in all, 20 of which are over
  EXPECT_GE(steady::now() - begin, 60ms);
}

TEST(courtesy, CountsWhatThreadsUseTogether) {
  courtesy c{[] { return std::optional{0.5}; }};
  const auto begin = steady::now();
  std::thread other{[&] { c.charge(40ms); }};
  c.charge(40ms);
  other.join();
  EXPECT_GE(steady::now() - begin, 120ms);
}

TEST(courtesy, KeepsNobodyWhileNobodyIsBusy) {
  std::atomic<int> asked{0};
  courtesy c{[&]() -> std::optional<double> { return ++asked, std::nullopt; }};
  c.charge(1h);
  EXPECT_EQ(asked, 1) << "asked once, and gone on";
}

TEST(courtesy, LetsGoWhenThePeopleAreServed) {
  std::atomic<int> asked{0};
  courtesy c{[&] { return ++asked < 4 ? std::optional{0.01} : std::nullopt; }};
  c.charge(1h);
  EXPECT_EQ(asked, 4);
}

TEST(courtesy, ASleepHasAnEndHoweverMuchWasUsed) {
  courtesy c{[] { return std::optional{0.01}; }};
  auto kept = std::async(std::launch::async, [&] { c.charge(1h); });
  EXPECT_EQ(kept.wait_for(30s), std::future_status::ready);
}

TEST(courtesy, IsOfTheThreadsThatWorkUnderIt) {
  std::atomic<int> asked{0};
  const auto c = std::make_shared<courtesy>([&]() -> std::optional<double> { return ++asked, std::nullopt; });
  const auto spin = [] {
    for (const auto until = steady::now() + 20ms; steady::now() < until;) {
    }
    make_way();
  };
  spin();
  EXPECT_EQ(asked, 0) << "this thread works under none";
  const auto pool = make_offload(1, 10, offload_priority::background, c);
  ASSERT_TRUE(pool->submit(spin));
  pool->stop();
  EXPECT_GE(asked, 1);
}
} // namespace
} // namespace fm
