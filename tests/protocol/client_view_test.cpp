// The client that distrusts the server must itself be trusted: every promise it watches over is broken here once.
#include "tests/support/client_view.hpp"

#include <gtest/gtest.h>

namespace fm::testing_support {
namespace {

struct ClientView : ::testing::Test {
  client_view view;
  std::uint64_t next = 1;

  void send_at(std::uint64_t seq, const std::string& kind, const std::string& data) {
    const auto event = json::parse(R"({"type":"event","case_id":"case_1","seq":)" + std::to_string(seq) + R"(,"kind":)" +
                                   json_quoted(kind) + R"(,"data":)" + data + "}");
    ASSERT_TRUE(event.has_value()) << data;
    view.apply_event(*event);
    next = seq + 1;
  }
  void send(const std::string& kind, const std::string& data) { send_at(next, kind, data); }
  void queue(int number) {
    const auto n = std::to_string(number);
    send("turn_queued", R"({"turn_id":"t)" + n + R"(","client_turn_id":"c)" + n + R"(","turn_number":)" + n +
                            R"(,"position":0,"content":"question )" + n + "\"}");
  }
  void start(int number, int attempt = 1) { send("turn_started", about(number, attempt) + "}"); }
  void delta(int number, int offset, const std::string& text, int attempt = 1) {
    send("turn_delta", about(number, attempt) + R"(,"offset":)" + std::to_string(offset) + R"(,"text":)" + json_quoted(text) + "}");
  }
  void finish(int number, const std::string& text, int attempt = 1, const std::string& kind = "turn_completed") {
    send(kind, about(number, attempt) + R"(,"turn_number":)" + std::to_string(number) + R"(,"content":)" + json_quoted(text) + "}");
  }
  static std::string about(int number, int attempt) {
    return R"({"turn_id":"t)" + std::to_string(number) + R"(","attempt":)" + std::to_string(attempt);
  }
  void expect_violation(const std::string& part) {
    ASSERT_EQ(view.violations().size(), 1U);
    EXPECT_NE(view.violations()[0].find(part), std::string::npos) << view.violations()[0];
  }
};

TEST_F(ClientView, AWholeTurnLeavesQuestionAndAnswer) {
  queue(1);
  start(1);
  delta(1, 0, "Grüße, ");
  delta(1, 9, "Welt");
  finish(1, "Grüße, Welt");
  EXPECT_TRUE(view.violations().empty());
  EXPECT_EQ(view.canonical(), "turn 1 completed 10:question 1 13:Grüße, Welt\n");
  EXPECT_FALSE(view.has_unfinished());
}

TEST_F(ClientView, TheSameEventTwiceIsSeen) {
  queue(1);
  send_at(1, "turn_started", about(1, 1) + "}");
  expect_violation("came again");
}

TEST_F(ClientView, AJumpWhileNothingRunsIsSeen) {
  queue(1);
  send_at(5, "turn_started", about(1, 1) + "}");
  expect_violation("missing");
}

TEST_F(ClientView, AJumpOverCompactedDeltasIsFilledByTheEnd) {
  queue(1);
  start(1);
  next = 9;
  finish(1, "everything");
  EXPECT_TRUE(view.violations().empty());
  EXPECT_EQ(view.canonical(), "turn 1 completed 10:question 1 10:everything\n");
}

TEST_F(ClientView, ADeltaAfterAJumpIsSeen) {
  queue(1);
  start(1);
  next = 9;
  delta(1, 0, "x");
  expect_violation("a delta at byte 0");
}

TEST_F(ClientView, AnOffsetThatDoesNotFitIsSeen) {
  queue(1);
  start(1);
  delta(1, 0, "abc");
  delta(1, 4, "e");
  expect_violation("at byte 4 but this client holds 3");
}

TEST_F(ClientView, AStoredAnswerUnlikeTheStreamIsSeen) {
  queue(1);
  start(1);
  delta(1, 0, "abc");
  finish(1, "abd");
  expect_violation("not what was streamed");
}

TEST_F(ClientView, AFailedTurnMayAddAPoliteSentence) {
  queue(1);
  start(1);
  delta(1, 0, "abc");
  finish(1, "abc\n\nI could not finish.", 1, "turn_failed");
  EXPECT_TRUE(view.violations().empty());
}

TEST_F(ClientView, ARestartReplacesTheText) {
  queue(1);
  start(1);
  delta(1, 0, "half");
  send("turn_interrupted", about(1, 1) + R"(,"text_bytes":4})");
  send("turn_restarted", about(1, 2) + R"(,"why":"interrupted"})");
  delta(1, 0, "whole", 2);
  finish(1, "whole", 2);
  EXPECT_TRUE(view.violations().empty());
  EXPECT_EQ(view.canonical(), "turn 1 completed 10:question 1 5:whole\n");
}

TEST_F(ClientView, AnInterruptionThatKnowsOtherTextIsSeen) {
  queue(1);
  start(1);
  delta(1, 0, "half");
  send("turn_interrupted", about(1, 1) + R"(,"text_bytes":6})");
  expect_violation("interrupted at byte 6");
}

TEST_F(ClientView, AGapInTheNumbersIsSeen) {
  queue(1);
  queue(3);
  expect_violation("turn number 3 follows 1");
}

TEST_F(ClientView, ADoubledClientTurnIdIsSeen) {
  queue(1);
  send("turn_queued", R"({"turn_id":"t2","client_turn_id":"c1","turn_number":2,"content":"x"})");
  expect_violation("second turn");
}

TEST_F(ClientView, TwoRunningTurnsAreSeen) {
  queue(1);
  queue(2);
  start(1);
  start(2);
  expect_violation("while turn 1 was running");
}

TEST_F(ClientView, AQueueThatIsNotInOrderIsSeen) {
  queue(1);
  queue(2);
  start(2);
  expect_violation("started before turn 1");
}

TEST_F(ClientView, EditingAfterTheStartIsSeen) {
  queue(1);
  start(1);
  send("turn_edited", R"({"turn_id":"t1","content":"other"})");
  expect_violation("edited after it started");
}

TEST_F(ClientView, ASnapshotAndTheRestEqualTheWholeLog) {
  queue(1);
  start(1);
  delta(1, 0, "one");
  finish(1, "one");
  queue(2);
  start(2);
  delta(2, 0, "tw");
  queue(3);
  client_view late;
  late.apply_snapshot(*json::parse(R"({"type":"case.snapshot","case_id":"case_1","seq":8,"case":{"current_turn":3},
    "messages":[{"message_id":"m1","turn_number":1,"type":"user_query","role":"user","content":"question 1"},
                {"message_id":"m2","turn_number":1,"type":"agent_response","role":"assistant","content":"one"},
                {"message_id":"m3","turn_number":2,"type":"user_query","role":"user","content":"question 2"},
                {"message_id":"m4","turn_number":3,"type":"user_query","role":"user","content":"question 3"}],
    "running":{"turn_id":"t2","client_turn_id":"c2","turn_number":2,"status":"running","attempt":1,
                    "content":"question 2","text":"tw"},
    "queue":[{"turn_id":"t3","client_turn_id":"c3","turn_number":3,"status":"queued","attempt":0,"content":"question 3"}]})"));
  EXPECT_EQ(late.seq(), view.seq());
  EXPECT_EQ(late.first_whole_turn(), 1U);
  EXPECT_EQ(late.canonical(1, true), view.canonical(1, true));
  late.apply_event(*json::parse(
      R"({"type":"event","seq":9,"kind":"turn_delta","data":{"turn_id":"t2","attempt":1,"offset":2,"text":"o"}})"));
  delta(2, 2, "o");
  EXPECT_EQ(late.canonical(1, true), view.canonical(1, true));
  EXPECT_TRUE(late.violations().empty());
}

TEST_F(ClientView, DifferentBytesGiveDifferentCanonicalText) {
  queue(1);
  const auto before = view.canonical();
  start(1);
  EXPECT_NE(view.canonical(), before);
  const auto started = view.canonical();
  delta(1, 0, "x");
  EXPECT_NE(view.canonical(), started);
}

} // namespace
} // namespace fm::testing_support
