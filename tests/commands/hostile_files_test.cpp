// Files made to hurt, through all of the analysis in a process with a bound on memory and on computing: a clear result
// or a clear refusal, whatever they hold.
#include "actors/evidence/opening/isolated.hpp"
#include "config/app/lib/file_analysis.hpp"
#include "protocol/base/text.hpp"
#include "tests/support/hostile_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <sys/resource.h>

namespace fm::app {
namespace {
using testing::HasSubstr;

constexpr unsigned cpu_seconds = 60; ///< unoptimised builds included; a release build needs 5 for the worst
constexpr std::size_t memory_bytes = 384U << 20;

TEST(HostileFiles, EndWithinMemoryAndComputingWithAClearResult) {
  for (auto& f : testing_support::hostile_files()) {
    opening::isolation bounds;
    bounds.cpu_seconds = cpu_seconds;
    bounds.memory_bytes = memory_bytes;
    bounds.wall = std::chrono::minutes{10};
    bounds.result_bytes_max = 64U << 20;
    const auto said = opening::run_isolated(
        [&]() -> std::string {
          std::uint64_t copied = 0;
          const auto x = examine_file({f.name, "", "", memory_source{f.bytes}, {}, [&](std::string_view piece) -> outcome<done_t> {
                                         copied += piece.size();
                                         return done;
                                       }, {}});
          for (auto* text : {&x.json, &x.text, &x.summary, &x.error})
            if (!is_valid_utf8(*text))
              return "invalid UTF-8";
          if (x.text.size() > 8'192 || copied != x.sanitized_bytes)
            return "a bound was passed";
          rusage used{};
          getrusage(RUSAGE_SELF, &used);
          return (x.error.empty() ? "analysed\n" : "refused\n" + x.error + "\n") + x.summary + "\n" + x.text + "\n" + x.json.substr(0, 1U << 20) + "\n" + std::to_string(used.ru_utime.tv_sec * 1'000 + used.ru_utime.tv_usec / 1'000) + " ms";
        },
        bounds);
    ASSERT_TRUE(said) << f.name << ": " << said.error().detail;
    if (std::getenv("FM_SHOW") != nullptr)
      std::cout << f.name << " (" << f.bytes.size() << " bytes): " << said->substr(0, 300) << " ... " << said->substr(said->rfind('\n') + 1) << "\n";
    EXPECT_EQ(said->starts_with("analysed"), f.analysed) << f.name << ": " << said->substr(0, 400);
    EXPECT_THAT(*said, HasSubstr(f.says)) << f.name;
  }
}

TEST(HostileFiles, AChosenTypeThatIsWrongIsNeverACrash) {
  for (auto& f : testing_support::hostile_files()) {
    if (f.bytes.size() > (2U << 20))
      continue;
    for (const char* type : {"logs_and_errors", "metrics_and_performance", "structured_config", "source_code", "unstructured_text", "visual_evidence", "unanalyzable"}) {
      opening::isolation bounds;
      bounds.cpu_seconds = cpu_seconds;
      bounds.memory_bytes = memory_bytes;
      const auto said = opening::run_isolated(
          [&]() -> std::string {
            const auto x = analyse_uploaded_file({f.name, "", type, memory_source{f.bytes}, {}, {}, {}});
            return x.error.empty() && x.summary.empty() ? "nothing was said" : "said";
          },
          bounds);
      ASSERT_TRUE(said) << f.name << " as " << type << ": " << said.error().detail;
      EXPECT_EQ(*said, "said") << f.name << " as " << type;
    }
  }
}
} // namespace
} // namespace fm::app
