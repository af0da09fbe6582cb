// The timeline of a case: what each kind of stamp leaves open, bursts, order, pages, bounds.
#include "actors/evidence/timeline.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fm::evidence {
namespace {
using testing::HasSubstr;
constexpr std::uint64_t hour = 3'600'000, zone_doubt = 14 * hour, year_doubt = 366ULL * 24 * hour;

timestamp utc(std::string_view text) {
  const auto t = from_iso8601(text);
  EXPECT_TRUE(t) << text;
  return t.value_or(timestamp{});
}
timeline_file file(std::string id, std::string_view text, std::string_view uploaded = "2026-03-10T12:00:00Z", const timeline_limits& bounds = {}) {
  return {id, id + ".log", utc(uploaded), moments_of_log(text, bounds)};
}
timeline_page whole(const std::vector<timeline_file>& files, const std::vector<message>& messages = {}, const timeline_limits& bounds = {}) {
  timeline_query q;
  q.limit = 100'000;
  auto page = timeline_of(files, messages, q, bounds);
  EXPECT_TRUE(page);
  return page ? *page : timeline_page{};
}
message said(std::string id, message_type type, std::string content, std::string_view at) {
  message m;
  m.id = message_id{std::move(id)};
  m.type = type;
  m.content = std::move(content);
  m.created_at = utc(at);
  return m;
}

TEST(timeline, ZonesAreCorrectedAndAMissingOneIsSaid) {
  const auto page = whole({file("east", "2026-01-31T12:00:00.100+09:00 ERROR a failed\n2026-01-31T12:00:01.200+09:00 ERROR b broke\n"),
                           file("none", "2026-01-31 03:00:00.500 ERROR c failed\n2026-01-31 03:00:09.700 ERROR d broke\n")});
  ASSERT_EQ(page.entries.size(), 4U);
  EXPECT_EQ(to_iso8601(page.entries[0].at), "2026-01-31T03:00:00.100Z");
  EXPECT_EQ(page.entries[0].uncertainty_ms, 0U);
  EXPECT_EQ(page.entries[1].text, "c failed");
  EXPECT_EQ(page.entries[1].uncertainty_ms, zone_doubt);
}

TEST(timeline, WholeSecondsAreASecondOfDoubt) {
  const auto page = whole({file("s", "2026-01-31T12:00:00Z ERROR a failed\n2026-01-31T12:00:01Z ERROR b broke\n")});
  ASSERT_EQ(page.entries.size(), 2U);
  EXPECT_EQ(page.entries[0].uncertainty_ms, 1'000U);
}

TEST(timeline, AStampWithoutYearTakesTheLatestBeforeTheUploadAndPassesNewYear) {
  const auto page = whole({file("s", "Dec 31 23:59:58 db1 sshd[1]: error: one failed\nJan  1 00:00:03 db1 sshd[1]: error: two died\n", "2026-01-02T08:00:00Z")});
  ASSERT_EQ(page.entries.size(), 2U);
  EXPECT_EQ(to_iso8601(page.entries[0].at), "2025-12-31T23:59:58.000Z");
  EXPECT_EQ(to_iso8601(page.entries[1].at), "2026-01-01T00:00:03.000Z");
  EXPECT_EQ(page.entries[1].uncertainty_ms, 1'000 + zone_doubt + year_doubt);
  const auto later = whole({file("s", "Nov 30 10:00:00 db1 sshd[1]: error: one failed\nNov 30 10:00:01 db1 sshd[1]: error: two died\n", "2026-03-02T08:00:00Z")});
  EXPECT_EQ(to_iso8601(later.entries.at(0).at), "2025-11-30T10:00:00.000Z") << "November of this year has not come";
}

TEST(timeline, ATimeWithoutDateTakesTheLatestDayAndPassesMidnight) {
  const auto page = whole({file("t", "23:59:58.000 ERROR one failed\n00:00:02.500 ERROR two died\n", "2026-03-10T12:00:00Z")});
  ASSERT_EQ(page.entries.size(), 2U);
  EXPECT_EQ(to_iso8601(page.entries[0].at), "2026-03-09T23:59:58.000Z");
  EXPECT_EQ(to_iso8601(page.entries[1].at), "2026-03-10T00:00:02.500Z");
  EXPECT_EQ(page.entries[0].level, "error");
  EXPECT_EQ(page.entries[0].uncertainty_ms, zone_doubt + year_doubt);
}

TEST(timeline, ABurstOfOneKindIsOneEntry) {
  std::string log;
  for (int i = 0; i < 50; ++i)
    log += "2026-01-31T12:00:" + std::string(i < 10 ? "0" : "") + std::to_string(i) + ".500Z ERROR worker " + std::to_string(i) + " timed out\n";
  log += "2026-01-31T12:05:00.500Z ERROR worker 99 timed out\n";
  const auto page = whole({file("b", log)});
  ASSERT_EQ(page.entries.size(), 2U) << "the second is more than a minute later";
  EXPECT_EQ(page.entries[0].count, 50U);
  EXPECT_EQ(page.entries[0].line_first, 1U);
  EXPECT_EQ(page.entries[0].line_last, 50U);
  EXPECT_EQ(page.entries[1].count, 1U);
}

TEST(timeline, ARecordKeepsItsOtherLinesAndSilenceIsAnEntry) {
  const auto page = whole({file("r", "2026-01-31T12:00:00.100Z INFO started\n2026-01-31T12:00:01.100Z ERROR it failed\nTraceback follows\n  more\n"
                                     "2026-01-31T13:00:00.100Z INFO back again\n")});
  std::vector<std::string> kinds;
  for (auto& e : page.entries)
    kinds.push_back(e.kind);
  EXPECT_THAT(kinds, testing::ElementsAre("begin", "error", "silence", "first_seen"));
  EXPECT_EQ(page.entries[1].line_first, 2U);
  EXPECT_EQ(page.entries[1].line_last, 4U);
  EXPECT_THAT(page.entries[2].text, HasSubstr("3599 seconds"));
}

TEST(timeline, StructuredLinesTellTheirTime) {
  const auto page = whole({file("j", "{\"level\":\"info\",\"time\":\"2026-01-31T12:00:00.100Z\",\"msg\":\"up\"}\n{\"level\":\"error\",\"time\":\"2026-01-31T12:00:01.100Z\",\"msg\":\"down\"}\n")});
  ASSERT_EQ(page.entries.size(), 2U);
  EXPECT_EQ(to_iso8601(page.entries[1].at), "2026-01-31T12:00:01.100Z");
  EXPECT_EQ(page.entries[1].level, "error");
}

TEST(timeline, MessagesStandBetweenAndAPastedLogIsReadToo) {
  const auto page = whole({file("f", "2026-01-31T12:00:00.100Z ERROR a failed\n2026-01-31T12:00:09.200Z ERROR b broke\n")},
                          {said("msg_1", message_type::user_query, "why?\n2026-01-31T12:00:04.000Z ERROR pasted failed\n2026-01-31T12:00:05.100Z ERROR pasted again broke\n", "2026-01-31T13:00:00Z"),
                           said("msg_2", message_type::agent_response, "Because.", "2026-01-31T13:00:01Z"),
                           said("msg_3", message_type::system_event, "Analysed f.log: …", "2026-01-31T12:59:00Z")});
  std::vector<std::string> told;
  for (auto& e : page.entries)
    told.push_back(e.source + ":" + e.kind);
  EXPECT_THAT(told, testing::ElementsAre("file:error", "message:error", "message:error", "file:error", "event:system", "message:question", "message:answer"));
  EXPECT_EQ(page.entries[1].message_id, "msg_1");
  EXPECT_EQ(page.entries[1].line_first, 2U);
  EXPECT_EQ(page.entries[5].text, "why?") << "not the pasted lines again";
}

TEST(timeline, TheSameLineOfTwoFilesIsToldOnce) {
  const std::string log = "2026-01-31T12:00:00.100Z ERROR a failed\n2026-01-31T12:00:01.200Z ERROR b broke\n";
  EXPECT_EQ(whole({file("one", log), file("two", log)}).entries.size(), 2U);
}

TEST(timeline, PagesJoinToTheWholeAndWindowsCut) {
  std::string log;
  for (int i = 0; i < 40; ++i)
    log += "2026-01-31T12:" + std::string(i < 10 ? "0" : "") + std::to_string(i) + ":00.001Z ERROR step" + std::string(1, static_cast<char>('a' + i % 26)) + " of it failed\n";
  timeline_limits short_bursts;
  short_bursts.burst_gap_ms = 1'000;
  const auto f = file("p", log, "2026-03-10T12:00:00Z", short_bursts);
  const auto all = whole({f});
  ASSERT_EQ(all.entries.size(), 40U);
  std::vector<timeline_entry> joined;
  timeline_query q;
  q.limit = 7;
  do {
    auto page = timeline_of({f}, {}, q);
    ASSERT_TRUE(page);
    EXPECT_LE(page->entries.size(), 7U);
    joined.insert(joined.end(), page->entries.begin(), page->entries.end());
    q.cursor = page->next_cursor;
  } while (!q.cursor.empty() && joined.size() < 100);
  EXPECT_EQ(joined, all.entries);
  timeline_query window;
  window.from = utc("2026-01-31T12:10:00Z");
  window.to = utc("2026-01-31T12:12:30Z");
  EXPECT_EQ(timeline_of({f}, {}, window)->total, 3U);
}

TEST(timeline, CursorsThatAreNoneAreRefused) {
  for (const char* bad : {"x", "zz", "00", "3132", "20", "2d"}) {
    timeline_query q;
    q.cursor = bad;
    const auto page = timeline_of({}, {}, q);
    ASSERT_FALSE(page) << bad;
    EXPECT_EQ(page.error().code, errc::invalid);
  }
}

TEST(timeline, BoundsKeepWhatMattersMost) {
  std::string log;
  for (int i = 0; i < 3'000; ++i) { // an hour apart: no bursts
    const auto at = to_iso8601(utc("2025-06-01T00:00:00Z") + std::chrono::hours{i} + std::chrono::milliseconds{7});
    log += at + (i == 1'777 ? " FATAL the heart stopped\n" : " WARN part " + std::to_string(i) + " is late\n");
  }
  timeline_limits bounds;
  bounds.moments_max = 20;
  const auto f = file("m", log, "2026-03-10T12:00:00Z", bounds);
  EXPECT_LE(f.moments.size(), 20U);
  EXPECT_THAT(f.moments, testing::Contains(testing::Field(&timeline_moment::text, "the heart stopped")));
  bounds.entries_max = 5;
  const auto page = whole({f}, {}, bounds);
  EXPECT_TRUE(page.shortened);
  EXPECT_EQ(page.entries.size(), 5U);
  EXPECT_THAT(page.entries, testing::Contains(testing::Field(&timeline_entry::text, "the heart stopped")));
}

TEST(timeline, AnyBytesGiveATimelineAndTheSameEveryTime) {
  std::string odd{"\0\xff\xfe 2026-13-45T99:99:99Z ERROR \x1b[31mx\n\r\r\n[10:61:00] y\n2026-02-29 00:00:00 ERROR z failed\n{\"time\":\n{\"time\":\"\"}\n", 110};
  EXPECT_EQ(moments_of_log(odd), moments_of_log(odd));
  EXPECT_TRUE(moments_of_log("").empty());
  EXPECT_TRUE(moments_of_log("no times at all\njust words\n").empty());
}
} // namespace
} // namespace fm::evidence
