// Counts over time: the grid that grows with them, level changes, bursts, and series that move together.
#include "actors/evidence/changes.hpp"
#include "actors/evidence/log_triage.hpp"
#include "actors/evidence/time_grid.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

namespace {
using namespace fm::evidence;

std::uint64_t sum(const time_grid::counts& c) { return std::accumulate(c.begin(), c.end(), std::uint64_t{0}); }

TEST(TimeGrid, KeepsEveryCountInItsPlaceAsItGrows) {
  time_grid grid;
  time_grid::counts counts{};
  std::vector<std::int64_t> seconds;
  const auto add = [&](std::int64_t second) {
    std::size_t part = 0;
    while (const auto change = grid.fit(second, part))
      change->apply(counts);
    ++counts[part];
    seconds.push_back(second);
  };
  for (std::int64_t i = 0; i < 1'000; ++i)
    add(1'700'000'000 + i * i / 3);
  EXPECT_EQ(sum(counts), seconds.size());
  EXPECT_EQ(grid.begin() % grid.width(), 0) << "parts begin at whole multiples";
  EXPECT_GE(grid.used(), time_grid::parts / 2);
  for (std::size_t p = 0; p < grid.used(); ++p) {
    const auto from = grid.begin() + static_cast<std::int64_t>(p) * grid.width();
    EXPECT_EQ(counts[p], std::count_if(seconds.begin(), seconds.end(), [&](auto s) { return s >= from && s < from + grid.width(); })) << p;
  }
}

TEST(TimeGrid, TakesWhatComesTooEarlyAndWhatLiesFarApart) {
  time_grid grid;
  time_grid::counts counts{};
  for (const std::int64_t second : {1'000'000LL, 1'000'010LL, 999'000LL, 0LL, -4'000'000'000LL, 253'402'300'799LL, 5LL}) {
    std::size_t part = 0;
    int changes = 0;
    while (const auto change = grid.fit(second, part)) {
      change->apply(counts);
      ASSERT_LT(++changes, 64);
    }
    ++counts[part];
  }
  EXPECT_EQ(sum(counts), 7U);
}

TEST(LevelChange, IsFoundWhereItIsAndNotInNoiseOrABurst) {
  std::vector<std::uint32_t> rises{2, 3, 1, 2, 2, 3, 2, 1, 20, 22, 19, 24, 18, 21, 20};
  const auto c = find_level_change(rises);
  ASSERT_TRUE(c);
  EXPECT_EQ(c->at, 8U);
  EXPECT_NEAR(c->before, 2, 0.01);
  EXPECT_NEAR(c->after, 20.67, 0.1);
  EXPECT_FALSE(find_level_change(std::vector<std::uint32_t>{4, 6, 5, 7, 3, 5, 6, 4, 5, 6, 5, 4})) << "noise";
  EXPECT_FALSE(find_level_change(std::vector<std::uint32_t>{1, 0, 1, 0, 60, 0, 1, 0, 1, 1, 0, 1})) << "a burst is no level";
  EXPECT_FALSE(find_level_change(std::vector<std::uint32_t>{0, 0, 0, 0, 3, 3, 3, 3})) << "too few";
  EXPECT_FALSE(find_level_change({}));
}

TEST(Burst, IsMostOfTheCountsAtOnce) {
  const auto b = find_burst(std::vector<std::uint32_t>{1, 0, 0, 30, 1, 0, 0, 1});
  ASSERT_TRUE(b);
  EXPECT_EQ(b->at, 3U);
  EXPECT_EQ(b->count, 30U);
  EXPECT_FALSE(find_burst(std::vector<std::uint32_t>{5, 5, 5, 5, 5, 5, 5}));
  EXPECT_FALSE(find_burst(std::vector<std::uint32_t>{0, 0, 5, 0, 0, 0})) << "too few";
}

TEST(Rhythm, IsTheSameForWhatRisesTogether) {
  const std::vector<std::uint32_t> a{0, 1, 9, 8, 1, 0, 0, 7, 9, 0}, b{1, 2, 20, 16, 2, 0, 1, 15, 22, 1}, c{9, 8, 0, 1, 9, 9, 8, 0, 0, 9};
  EXPECT_GT(*rhythm_likeness(a, b), 0.9);
  EXPECT_LT(*rhythm_likeness(a, c), -0.8);
  EXPECT_FALSE(rhythm_likeness(a, std::vector<std::uint32_t>(10, 5))) << "what does not vary is like nothing";
}

std::string minute_log(int minutes, auto lines_of) {
  std::string out;
  for (int m = 0; m < minutes; ++m)
    for (const std::string& line : lines_of(m)) {
      char stamp[40];
      std::snprintf(stamp, sizeof stamp, "2026-01-31T%02d:%02d:05Z ", 10 + m / 60, m % 60);
      out += stamp + line + "\n";
    }
  return out;
}
const finding* of_kind(const analysis& a, std::string_view kind, std::string_view words) {
  for (auto& f : a.findings)
    if (f.kind == kind && f.title.find(words) != std::string::npos)
      return &f;
  return nullptr;
}

TEST(Changes, ALogTellsWhatRisesWhatComesAndWhatIsGone) {
  const auto log = minute_log(90, [](int m) {
    std::vector<std::string> lines(4, "INFO request served in 12 ms");
    if (m < 60)
      lines.insert(lines.end(), 2, "INFO heartbeat of the worker");
    if (m >= 45)
      lines.insert(lines.end(), 6, "ERROR pool exhausted after 30 ms");
    return lines;
  });
  const auto a = analyze(log);
  ASSERT_TRUE(a.grid.timed);
  EXPECT_EQ(a.lines_over_time.size(), a.grid.parts);
  EXPECT_EQ(std::accumulate(a.lines_over_time.begin(), a.lines_over_time.end(), std::uint64_t{0}), a.lines);
  const auto* errors = of_kind(a, "level_shift", "Errors rise");
  ASSERT_NE(errors, nullptr);
  EXPECT_NE(errors->title.find("Errors rise from 0 to 5.9 a minute"), std::string::npos) << errors->title;
  const auto* comes = of_kind(a, "appears", "pool exhausted");
  const auto* gone = of_kind(a, "vanishes", "heartbeat");
  EXPECT_TRUE(comes != nullptr || errors->line.number > 0);
  ASSERT_NE(gone, nullptr);
  EXPECT_EQ(log.substr(gone->line.begin, gone->line.size).find("2026-01-31T10:59:05Z INFO heartbeat"), 0U) << "the last one is cited";
}
} // namespace
