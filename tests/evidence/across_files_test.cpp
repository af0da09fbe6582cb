// Files of a case read together: names that run through them, kinds of lines that come and go together.
#include "actors/evidence/across_files.hpp"

#include <gtest/gtest.h>

#include <cstdio>

namespace {
using namespace fm;
using namespace fm::evidence;

std::string stamp(int second) {
  char text[40];
  std::snprintf(text, sizeof text, "2026-01-31T%02d:%02d:%02dZ ", 10 + second / 3'600, second / 60 % 60, second % 60);
  return text;
}
/// An hour in which trouble comes in three waves.
bool wave(int minute) { return (minute >= 10 && minute < 14) || (minute >= 30 && minute < 33) || (minute >= 50 && minute < 55); }
std::string api_log(int late = 0) {
  std::string out;
  for (int m = 0; m < 60; ++m) {
    out += stamp(m * 60) + "INFO request served in 12 ms\n";
    for (int i = 0; i < (wave(m - late) ? 6 : 0); ++i)
      out += stamp(m * 60 + 20 + i) + "ERROR request_id=req-77aa" + std::to_string(1000 + m) + " timed out waiting for the pool\n";
  }
  return out;
}
std::string database_log() {
  std::string out;
  for (int m = 0; m < 60; ++m) {
    out += stamp(m * 60 + 1) + "LOG checkpoint complete\n";
    for (int i = 0; i < (wave(m) ? 4 : 0); ++i)
      out += stamp(m * 60 + 22 + i) + "FATAL sorry, too many clients already\n";
    if (m == 31)
      out += stamp(m * 60 + 30) + "LOG statement request_id=req-77aa1031 canceled\n" + stamp(m * 60 + 31) + "LOG retry request_id=req-77aa1031\n";
  }
  return out;
}
std::vector<threaded_file> files_of(const std::vector<std::string>& logs) {
  std::vector<threaded_file> out;
  for (auto& log : logs)
    out.push_back({"f" + std::to_string(out.size()), "log" + std::to_string(out.size()), threads_of_log(analyze(log))});
  return out;
}
const cross_finding* of_kind(const std::vector<cross_finding>& list, std::string_view kind) {
  for (auto& f : list)
    if (f.kind == kind)
      return &f;
  return nullptr;
}

TEST(AcrossFiles, TellsWhatComesAndGoesTogetherAndWhichNameRunsThroughBoth) {
  const auto found = across_files(files_of({api_log(), database_log()}));
  const auto* rhythm = of_kind(found, "same_rhythm");
  ASSERT_NE(rhythm, nullptr);
  EXPECT_NE(rhythm->title.find("waiting for the pool"), std::string::npos) << rhythm->title;
  EXPECT_NE(rhythm->title.find("too many clients"), std::string::npos) << rhythm->title;
  EXPECT_EQ(rhythm->title.find("later"), std::string::npos) << rhythm->title;
  ASSERT_EQ(rhythm->places.size(), 2U);
  EXPECT_EQ(rhythm->places[0].errors, 72U);
  const auto* name = of_kind(found, "shared_name");
  ASSERT_NE(name, nullptr);
  EXPECT_NE(name->title.find("req-77aa1031"), std::string::npos) << name->title;
  EXPECT_EQ(name->places[1].count, 2U);
}

TEST(AcrossFiles, SaysWhatFollowsWhat) {
  const auto found = across_files(files_of({api_log(3), database_log()}));
  const auto* rhythm = of_kind(found, "same_rhythm");
  ASSERT_NE(rhythm, nullptr);
  EXPECT_NE(rhythm->title.find("the first about"), std::string::npos) << rhythm->title;
}

TEST(AcrossFiles, FindsNothingInLogsOfDifferentDaysOrWithoutTimes) {
  auto other_day = database_log();
  for (auto at = other_day.find("01-31T"); at != std::string::npos; at = other_day.find("01-31T", at))
    other_day.replace(at, 6, "01-30T");
  EXPECT_EQ(of_kind(across_files(files_of({api_log(), other_day})), "same_rhythm"), nullptr);
  EXPECT_TRUE(across_files(files_of({"ERROR a b c\nERROR a b c\nERROR a b c\n", "ERROR a b c\nERROR a b c\nERROR a b c\n"})).empty());
  EXPECT_TRUE(across_files({}).empty());
  EXPECT_TRUE(across_files(files_of({api_log()})).empty());
}

TEST(AcrossFiles, LooksAtTheLastFilesOnly) {
  auto files = files_of({api_log(), database_log()});
  across_limits one;
  one.files_max = 1;
  EXPECT_TRUE(across_files(files, one).empty());
}
} // namespace
