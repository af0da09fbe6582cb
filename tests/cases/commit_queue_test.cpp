// The queue in front of the one writer: who starts it, what it takes together, and when it says no.
#include "actors/stores/commit_queue.hpp"

#include <gtest/gtest.h>

namespace fm {
namespace {
using admission = commit_queue::admission;

commit_events commit_of(const char* id, std::string text = "word", std::vector<std::string>* told = nullptr) {
  commit_events c;
  c.commit.id = case_id{id};
  c.commit.events.push_back(std::make_shared<const case_event>(case_event{case_id{id}, 1, {}, {}, turn_delta{turn_id{"t"}, 1, 0, std::move(text)}}));
  c.answer = reply<sequence>{[told, id](outcome<sequence> r) {
    if (told)
      told->push_back(std::string{id} + (r ? "" : ": " + r.error().detail));
  }};
  return c;
}
std::vector<std::string> ids(const commit_queue::batch& b) {
  std::vector<std::string> out;
  for (auto& c : b.commits)
    out.push_back(c.id.value);
  return out;
}
using names = std::vector<std::string>;

TEST(commit_queue, TheFirstWantsAWriterAndOthersJoinWhatItTakesNext) {
  commit_queue q{{}};
  auto a = commit_of("a"), b = commit_of("b"), c = commit_of("c");
  EXPECT_EQ(q.push(a), admission::wants_writer);
  EXPECT_EQ(q.push(b), admission::taken);
  EXPECT_EQ(ids(*q.next()), (names{"a", "b"}));
  EXPECT_EQ(q.push(c), admission::taken) << "the writer has not said that it is done";
  EXPECT_EQ(ids(*q.next()), names{"c"});
  EXPECT_FALSE(q.next());
  auto d = commit_of("d");
  EXPECT_EQ(q.push(d), admission::wants_writer);
}

TEST(commit_queue, ABatchIsBoundedInCommitsAndInText) {
  store_settings s;
  s.batch_max = 2;
  s.batch_bytes_max = 10'000;
  commit_queue q{s};
  for (const char* id : {"a", "b", "c"}) {
    auto c = commit_of(id);
    (void)q.push(c);
  }
  for (const char* id : {"d", "e"}) {
    auto c = commit_of(id, std::string(10'000, 'x'));
    (void)q.push(c);
  }
  EXPECT_EQ(ids(*q.next()), (names{"a", "b"}));
  EXPECT_EQ(ids(*q.next()), (names{"c", "d"})) << "the one that passes the bound of text goes with it";
  EXPECT_EQ(ids(*q.next()), names{"e"});
}

TEST(commit_queue, AFullQueueRefusesAndLeavesTheCommitToItsSender) {
  store_settings s;
  s.queue_max = 1;
  commit_queue q{s};
  std::vector<std::string> told;
  auto a = commit_of("a"), b = commit_of("b", "word", &told);
  (void)q.push(a);
  EXPECT_EQ(q.push(b), admission::refused);
  EXPECT_EQ(b.commit.id.value, "b");
  b.answer(make_unavailable("full"));
  EXPECT_EQ(told, names{"b: full"});
}

TEST(commit_queue, ACompactionWaitsUntilNoCommitDoes) {
  commit_queue q{{}};
  compact_case old{case_id{"old"}, 7};
  auto a = commit_of("a");
  EXPECT_EQ(q.push(old), admission::wants_writer);
  EXPECT_EQ(q.push(a), admission::taken);
  const auto first = q.next();
  EXPECT_FALSE(first->compaction);
  EXPECT_EQ(ids(*first), names{"a"});
  const auto second = q.next();
  ASSERT_TRUE(second->compaction);
  EXPECT_EQ(second->compaction->id.value, "old");
  EXPECT_TRUE(second->commits.empty());
  EXPECT_FALSE(q.next());
}

TEST(commit_queue, WhatNoWriterWillTakeIsGivenBackToBeAnswered) {
  commit_queue q{{}};
  std::vector<std::string> told;
  auto a = commit_of("a", "word", &told);
  (void)q.push(a);
  for (auto& c : q.abandon())
    c.answer(make_unavailable("down"));
  EXPECT_EQ(told, names{"a: down"});
  auto b = commit_of("b");
  EXPECT_EQ(q.push(b), admission::wants_writer) << "the next one tries again";
}
} // namespace
} // namespace fm
