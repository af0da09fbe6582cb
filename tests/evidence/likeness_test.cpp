// Likeness of cases: what is shared is found whatever varies in it, what everybody shares is no likeness.
#include "actors/evidence/likeness.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fm::evidence {
namespace {
using testing::Contains;
using testing::HasSubstr;

case_profile about(const std::string& id, const std::vector<std::string>& said, const std::string& title = {}) {
  case_record r;
  r.id = case_id{id};
  r.title = title.empty() ? "Case " + id : title;
  r.title_is_placeholder = title.empty();
  std::vector<message> messages;
  for (auto& text : said) {
    message m;
    m.type = message_type::user_query;
    m.content = text;
    messages.push_back(m);
  }
  return profile_of(r, messages, {});
}
std::string log_of(const std::string& message, int from) {
  std::string out = "2026-01-31T12:00:00Z INFO started on host" + std::to_string(from) + "\n";
  for (int i = 0; i < 5; ++i)
    out += "2026-01-31T12:0" + std::to_string(i) + ":00Z ERROR " + message + " after " + std::to_string(from + i) + " ms\n";
  return out;
}

TEST(likeness, AMarkHasNothingThatVaries) {
  EXPECT_EQ(mark_of("Connection to 10.0.0.17:5432 refused after 30 ms"), mark_of("connection to 10.9.8.7:5432 refused after 1999 ms"));
  EXPECT_NE(mark_of("Connection refused by peer"), mark_of("Connection closed by peer"));
  EXPECT_EQ(mark_of("12345 0xdeadbeef"), "");
}

TEST(likeness, TheSameTroubleInOtherNumbersIsAlikeAndSaysWhy) {
  const auto mine = about("case_1", {log_of("pool exhausted, could not get a connection", 30)});
  const auto found = likest(mine, {about("case_2", {log_of("pool exhausted, could not get a connection", 700)}), about("case_3", {log_of("certificate of the peer expired", 5)})});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id.value, "case_2");
  EXPECT_GT(found[0].score, 0.7);
  EXPECT_THAT(found[0].reasons, Contains(HasSubstr("pool exhausted")));
}

TEST(likeness, WordsOfTheConversationMakeCasesAlike) {
  const auto mine = about("case_1", {"Redis evicts keys since maxmemory was lowered, why do sessions vanish?"});
  const auto found = likest(mine, {about("case_2", {"Sessions vanish from redis; maxmemory evicts keys too early"}), about("case_3", {"The printer on the second floor is out of paper"})});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].id.value, "case_2");
  EXPECT_THAT(found[0].reasons, Contains(HasSubstr("redis")));
}

TEST(likeness, FewWordsOrOnlyCommonOnesAreNoLikeness) {
  EXPECT_TRUE(likest(about("case_1", {"Why is this?"}), {about("case_2", {"Why is this?"})}).empty());
  EXPECT_TRUE(likest(about("case_1", {"disk full"}), {about("case_2", {"disk broken"})}).empty());
  EXPECT_TRUE(likest(about("case_1", {}), {about("case_2", {})}).empty());
}

TEST(likeness, WhatEveryCaseHasIsNoLikeness) {
  std::vector<case_profile> others;
  for (int i = 2; i < 30; ++i)
    others.push_back(about("case_" + std::to_string(i), {"routine nightly backup verification finished late", log_of("heartbeat lost to the monitor", i)}));
  EXPECT_TRUE(likest(about("case_1", {"routine nightly backup verification finished late", log_of("heartbeat lost to the monitor", 3)}), others).empty());
}

TEST(likeness, ACaseIsNeverLikeItselfAndTheBestComeFirstWithinTheBound) {
  const std::vector<std::string> said{"Kafka consumer lag grows on partition seven after rebalance", log_of("offset commit failed for the group", 3)};
  const auto mine = about("case_1", said);
  const auto found = likest(mine, {about("case_1", said), about("case_2", {said[0]}), about("case_3", said), about("case_4", {said[1]})}, {2, 0.2});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].id.value, "case_3");
  EXPECT_THAT(found[1].id.value, testing::AnyOf("case_2", "case_4"));
}

TEST(likeness, AProfileIsBoundedAndAnswersDoNotCount) {
  std::string many;
  for (int i = 0; i < 2'000; ++i)
    many += "word" + std::string(1, static_cast<char>('a' + i % 26)) + std::string(1, static_cast<char>('a' + i / 26 % 26)) + std::string(1, static_cast<char>('a' + i / 676)) + " ";
  EXPECT_EQ(about("case_1", {many}).terms.size(), terms_max);
  case_record r;
  message answer;
  answer.type = message_type::agent_response;
  answer.content = "quantum entanglement everywhere";
  message told;
  told.type = message_type::system_event;
  told.content = "similar earlier cases";
  EXPECT_TRUE(profile_of(r, {answer, told}, {}).empty());
}

TEST(likeness, FilesCountByTheirMarks) {
  const auto marks = marks_of_log(analyze(log_of("disk sda reports uncorrectable sectors", 4)));
  ASSERT_FALSE(marks.lines.empty());
  case_record one, two;
  one.id = case_id{"case_1"};
  two.id = case_id{"case_2"};
  EXPECT_EQ(likest(profile_of(one, {}, {marks}), {profile_of(two, {}, {marks})}).size(), 1U);
}
} // namespace
} // namespace fm::evidence
