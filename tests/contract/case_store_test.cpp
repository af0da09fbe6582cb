// The contract of case_store, said once and held by every backend.
#include "tests/contract/backends.hpp"

#include <algorithm>
#include <set>
#include <thread>

namespace fm::contract {
namespace {

class case_store_contract : public on_every_backend {};
INSTANTIATE_TEST_SUITE_P(backends, case_store_contract, ::testing::Values("inmemory", "sqlite", "postgres"), backend_name);

std::vector<std::string> contents(const message_page& page) {
  std::vector<std::string> all;
  for (auto& m : page.messages)
    all.push_back(m.content);
  return all;
}
using texts = std::vector<std::string>;

// ---- commit -----------------------------------------------------------------------------------------------------
TEST_P(case_store_contract, ANewCaseIsReadBackAsItWasWritten) {
  case_script s{"one"};
  s.record.description = "The checkout \"fails\"\n\tfor some — not all — users.";
  s.record.tags = {"checkout", "web"};
  s.record.participants = {{user_id{"user_bob"}, participant_role::viewer, at_ms(1)}};
  s.record.resolved_at = at_ms(5);
  store(cases(), s.creation());
  b.durable() ? b.reopen() : void();
  EXPECT_EQ(cases().get(s.id()).value(), s.record);
  const auto loaded = cases().load(s.id()).value();
  EXPECT_EQ(loaded.record, s.record);
  EXPECT_EQ(loaded.seq, 1U);
  EXPECT_TRUE(loaded.unfinished.empty());
}

TEST_P(case_store_contract, AnUnknownCaseIsNotFoundByAnyReader) {
  const case_id nobody{"case_nobody"};
  EXPECT_EQ(cases().get(nobody).error().code, errc::not_found);
  EXPECT_EQ(cases().load(nobody).error().code, errc::not_found);
  EXPECT_EQ(cases().events(nobody, 0, 10, 1'000).error().code, errc::not_found);
  EXPECT_EQ(cases().messages(nobody, 0, 10, false).error().code, errc::not_found);
  EXPECT_EQ(cases().turns(nobody, 0, 10).error().code, errc::not_found);
  EXPECT_EQ(cases().find_turn(nobody, turn_id{"t"}).error().code, errc::not_found);
  EXPECT_EQ(cases().purge(nobody).error().code, errc::not_found);
  EXPECT_EQ(cases().compact(nobody, 10).value(), 0U);
}

TEST_P(case_store_contract, AStaleWriterLosesAndLearnsBothNumbers) {
  case_script s{"one"};
  store(cases(), s.creation());
  auto stale = s;
  store(cases(), s.of({s.question(1, "first")}));
  const auto late = stale.of({stale.question(1, "second")});
  const auto result = cases().commit(std::span{&late, 1});
  ASSERT_FALSE(result[0]);
  EXPECT_EQ(result[0].error().code, errc::conflict);
  EXPECT_EQ(result[0].error().reason, "CASE_VERSION_CONFLICT");
  EXPECT_EQ(result[0].error().facts.at("expected_seq"), "1");
  EXPECT_EQ(result[0].error().facts.at("actual_seq"), "2");
  EXPECT_EQ(contents(cases().messages(s.id(), 0, 10, false).value()), texts{"first"});
}

TEST_P(case_store_contract, ACaseCannotBeCreatedTwice) {
  case_script s{"one"}, again{"one"};
  store(cases(), s.creation());
  const auto second = again.creation();
  const auto result = cases().commit(std::span{&second, 1});
  ASSERT_FALSE(result[0]);
  EXPECT_EQ(result[0].error().reason, "CASE_VERSION_CONFLICT");
}

TEST_P(case_store_contract, OneRefusedItemDoesNotHoldUpTheOthersOfItsBatch) {
  case_script a{"a"}, z{"z"}, ghost{"ghost"};
  ghost.seq = 7;
  std::vector<case_commit> batch{a.creation(), ghost.of({turn_withdrawn{turn_id{"t"}}}), z.creation(),
                                 a.of({a.question(1, "hello")})};
  const auto results = cases().commit(batch);
  ASSERT_EQ(results.size(), 4U);
  EXPECT_EQ(results[0].value(), 1U);
  EXPECT_EQ(results[1].error().reason, "CASE_VERSION_CONFLICT");
  EXPECT_EQ(results[2].value(), 1U);
  EXPECT_EQ(results[3].value(), 2U) << "the second item of a case builds on the first of the same batch";
  EXPECT_EQ(cases().get(ghost.id()).error().code, errc::not_found);
}

TEST_P(case_store_contract, ARepeatedClientTurnIdIsRefusedAndLeavesNothingBehind) {
  case_script a{"a"}, z{"z"};
  store(cases(), a.creation());
  store(cases(), z.creation());
  store(cases(), a.of({a.question(1, "one")}));
  auto twin = a.question(2, "again");
  twin.client_id = client_turn_id{"client_1"};
  auto copy = a;
  std::vector<case_commit> batch{copy.of({message_added{}, twin}), z.of({z.question(1, "other")})};
  const auto results = cases().commit(batch);
  ASSERT_FALSE(results[0]);
  EXPECT_EQ(results[0].error().code, errc::conflict);
  EXPECT_TRUE(results[1]) << results[1].error().detail;
  EXPECT_EQ(cases().load(a.id())->seq, 2U);
  EXPECT_EQ(contents(cases().messages(a.id(), 0, 10, false).value()), texts{"one"});
  store(cases(), a.of({a.question(2, "two")}));
  EXPECT_FALSE(check_of(cases(), a.id()).broken);
}

TEST_P(case_store_contract, EventsWithAGapOrOfAnotherCaseAreABugAndRefused) {
  case_script s{"one"};
  store(cases(), s.creation());
  auto gap = s;
  gap.seq = 2;
  auto c = gap.of({gap.question(1, "x")});
  c.expected_seq = 1;
  EXPECT_EQ(cases().commit(std::span{&c, 1})[0].error().code, errc::internal);
  auto other = s;
  auto d = other.of({other.question(1, "x")});
  d.events = {std::make_shared<const case_event>(case_event{case_id{"case_else"}, 2, at_ms(1), {}, turn_withdrawn{}})};
  EXPECT_EQ(cases().commit(std::span{&d, 1})[0].error().code, errc::internal);
  EXPECT_EQ(cases().load(s.id())->seq, 1U);
}

TEST_P(case_store_contract, AnEmptyBatchAndAnEmptyCommitChangeNothing) {
  EXPECT_TRUE(cases().commit({}).empty());
  case_script s{"one"};
  store(cases(), s.creation());
  const auto nothing = s.of({}, false);
  EXPECT_EQ(cases().commit(std::span{&nothing, 1})[0].value(), 1U);
}

// ---- the life of a turn -----------------------------------------------------------------------------------------
TEST_P(case_store_contract, ATurnGoesFromTheQueueToItsAnswer) {
  case_script s{"one"};
  store(cases(), s.creation());
  store(cases(), s.of({s.question(1, "why?")}));
  auto queued = cases().find_turn(s.id(), client_turn_id{"client_1"}).value();
  EXPECT_EQ(queued.id, s.turn(1));
  EXPECT_EQ(queued.status, turn_status::queued);
  EXPECT_EQ(queued.content, "why?");
  EXPECT_EQ(queued.author, user_id{"user_ada"});
  EXPECT_EQ(queued.body_digest, "digest_1");
  EXPECT_FALSE(queued.started_at);

  store(cases(), s.of({turn_started{s.turn(1), 1}}, false));
  store(cases(), s.of({s.text(1, 0, "because ")}, false));
  store(cases(), s.of({s.text(1, 8, "of it")}, false));
  const auto loaded = cases().load(s.id()).value();
  ASSERT_EQ(loaded.unfinished.size(), 1U);
  EXPECT_EQ(loaded.unfinished[0].status, turn_status::running);
  EXPECT_EQ(loaded.unfinished[0].partial, "because of it");
  EXPECT_EQ(loaded.unfinished[0].attempt, 1U);
  EXPECT_EQ(cases().find_turn(s.id(), s.turn(1))->partial, "because of it");

  store(cases(), s.of({s.answer(1, "because of it")}));
  const auto ended = cases().find_turn(s.id(), s.turn(1)).value();
  EXPECT_EQ(ended.status, turn_status::completed);
  EXPECT_EQ(ended.answer, message_id{"msg_case_one_a1_1"});
  EXPECT_TRUE(ended.finished_at && ended.started_at);
  EXPECT_TRUE(ended.partial.empty());
  const auto page = cases().messages(s.id(), 0, 10, false).value();
  ASSERT_EQ(page.total, 2U);
  EXPECT_EQ(page.messages[0].role, message_role::user);
  EXPECT_EQ(page.messages[0].type, message_type::user_query);
  EXPECT_EQ(page.messages[1].role, message_role::assistant);
  EXPECT_EQ(page.messages[1].type, message_type::agent_response);
  EXPECT_EQ(page.messages[1].turn_number, 1U);
  EXPECT_EQ(page.messages[1].metadata,
            (std::map<std::string, std::string>{{"agent", "builtin"}, {"attempt", "1"}, {"confidence", "0.75"},
                                                {"response_type", "ANSWER"}}));
  EXPECT_TRUE(cases().load(s.id())->unfinished.empty());
}

TEST_P(case_store_contract, AnEditedTurnShowsItsNewTextEverywhere) {
  case_script s{"one"};
  store(cases(), s.creation());
  store(cases(), s.of({s.question(1, "tpyo")}));
  store(cases(), s.of({turn_edited{s.turn(1), "typo"}}, false));
  EXPECT_EQ(cases().find_turn(s.id(), s.turn(1))->content, "typo");
  EXPECT_EQ(contents(cases().messages(s.id(), 0, 10, false).value()), texts{"typo"});
  case_query q;
  q.viewer = s.record.owner;
  q.text = "typo";
  EXPECT_EQ(cases().list(q)->total, 1U);
  q.text = "tpyo";
  EXPECT_EQ(cases().list(q)->total, 0U);
}

TEST_P(case_store_contract, AWithdrawnTurnLeavesTheConversationButNotTheLog) {
  case_script s{"one"};
  store(cases(), s.creation());
  store(cases(), s.of({s.question(1, "keep"), s.question(2, "forgettable")}));
  store(cases(), s.of({turn_withdrawn{s.turn(2)}}));
  EXPECT_EQ(contents(cases().messages(s.id(), 0, 10, false).value()), texts{"keep"});
  EXPECT_EQ(cases().find_turn(s.id(), s.turn(2))->status, turn_status::withdrawn);
  EXPECT_EQ(cases().turns(s.id(), 0, 10)->total, 2U);
  EXPECT_EQ(cases().load(s.id())->unfinished.size(), 1U);
  EXPECT_EQ(cases().events(s.id(), 0, 10, 100'000)->events.size(), 4U);
  case_query q;
  q.viewer = s.record.owner;
  q.text = "forgettable";
  EXPECT_EQ(cases().list(q)->total, 0U);
}

TEST_P(case_store_contract, ARestartedAttemptBeginsItsTextAnew) {
  case_script s{"one"};
  store(cases(), s.creation());
  store(cases(), s.of({s.question(1, "why?"), turn_started{s.turn(1), 1}, s.text(1, 0, "old text")}));
  store(cases(), s.of({turn_interrupted{s.turn(1), 1, 8}}, false));
  auto loaded = cases().load(s.id()).value();
  EXPECT_EQ(loaded.unfinished.at(0).status, turn_status::interrupted);
  EXPECT_EQ(loaded.unfinished.at(0).partial, "old text");
  store(cases(), s.of({turn_restarted{s.turn(1), 2, "interrupted"}, s.text(1, 0, "new", 2)}, false));
  loaded = cases().load(s.id()).value();
  EXPECT_EQ(loaded.unfinished.at(0).status, turn_status::running);
  EXPECT_EQ(loaded.unfinished.at(0).attempt, 2U);
  EXPECT_EQ(loaded.unfinished.at(0).partial, "new");
  store(cases(), s.of({s.answer(1, "new", 2)}));
  EXPECT_FALSE(check_of(cases(), s.id()).broken);
}

TEST_P(case_store_contract, ARegeneratedAnswerTakesThePlaceOfTheEarlierOne) {
  case_script s{"one"};
  store(cases(), s.creation());
  store(cases(), s.of({s.question(1, "q1"), turn_started{s.turn(1), 1}, s.text(1, 0, "elephants"), s.answer(1, "elephants")}));
  message note;
  note.id = message_id{"msg_note"};
  note.in_case = s.id();
  note.type = message_type::case_note;
  note.content = "a note";
  store(cases(), s.of({message_added{note}}));
  store(cases(), s.of({turn_restarted{s.turn(1), 2, "regenerate"}}));
  auto running = cases().find_turn(s.id(), s.turn(1)).value();
  EXPECT_EQ(running.status, turn_status::running);
  EXPECT_FALSE(running.finished_at);
  EXPECT_FALSE(running.answer.empty()) << "the earlier answer stands until there is a new one";
  store(cases(), s.of({s.text(1, 0, "giraffes", 2), s.answer(1, "giraffes", 2)}));
  const auto page = cases().messages(s.id(), 0, 10, false).value();
  EXPECT_EQ(contents(page), (texts{"q1", "giraffes", "a note"}));
  EXPECT_EQ(page.messages[1].id, message_id{"msg_case_one_a1_2"});
  EXPECT_EQ(page.messages[1].metadata.at("attempt"), "2");
  EXPECT_EQ(cases().find_turn(s.id(), s.turn(1))->answer, message_id{"msg_case_one_a1_2"});
  case_query q;
  q.viewer = s.record.owner;
  q.text = "elephants";
  EXPECT_EQ(cases().list(q)->total, 0U);
  q.text = "giraffes";
  EXPECT_EQ(cases().list(q)->total, 1U);
  EXPECT_FALSE(check_of(cases(), s.id()).broken);
}

TEST_P(case_store_contract, StoppedAndFailedTurnsKeepTheirTextAndSaySo) {
  case_script s{"one"};
  store(cases(), s.creation());
  turn_cancelled stop{s.turn(1), 1, 1, message_id{"msg_stop"}, "half an ans", {{"cancelled_by", "user_ada"}}};
  store(cases(), s.of({s.question(1, "a"), turn_started{s.turn(1), 1}, s.text(1, 0, "half an ans"), stop}));
  turn_failed fail{s.turn(2), 1, 2, message_id{"msg_fail"}, "some\n\nsorry", {{"failure", "unavailable"}}};
  store(cases(), s.of({s.question(2, "b"), turn_started{s.turn(2), 1}, s.text(2, 0, "some"), fail}));
  const auto page = cases().messages(s.id(), 0, 10, false).value();
  EXPECT_EQ(contents(page), (texts{"a", "half an ans", "b", "some\n\nsorry"}));
  EXPECT_EQ(page.messages[1].metadata.at("cancelled"), "true");
  EXPECT_EQ(page.messages[3].metadata.at("failure"), "unavailable");
  EXPECT_EQ(cases().find_turn(s.id(), s.turn(1))->status, turn_status::cancelled);
  EXPECT_EQ(cases().find_turn(s.id(), s.turn(2))->status, turn_status::failed);
  EXPECT_FALSE(check_of(cases(), s.id()).broken);
}

TEST_P(case_store_contract, CasesWithUnfinishedTurnsAreFoundInTheOrderOfTheirCreation) {
  std::vector<case_script> all;
  for (auto* name : {"z", "b", "m", "a"}) {
    all.emplace_back(name);
    store(cases(), all.back().creation());
  }
  for (auto i : {0, 1, 2})
    store(cases(), all[static_cast<std::size_t>(i)].of({all[static_cast<std::size_t>(i)].question(1, "q")}));
  store(cases(), all[1].of({turn_started{all[1].turn(1), 1}}));
  store(cases(), all[2].of({turn_withdrawn{all[2].turn(1)}}));
  EXPECT_EQ(cases().with_unfinished_turns(10).value(), (std::vector<case_id>{all[0].id(), all[1].id()}));
  EXPECT_EQ(cases().with_unfinished_turns(1).value(), (std::vector<case_id>{all[0].id()}));
}

// ---- the log ----------------------------------------------------------------------------------------------------
TEST_P(case_store_contract, EventsComeBackInOrderFromWhereTheReaderStopped) {
  case_script s{"one"};
  store(cases(), s.creation());
  const auto c = s.of({s.question(1, "why? \xF0\x9F\x98\x80 \\ \" \x01"), turn_started{s.turn(1), 1}, s.text(1, 0, "x")});
  store(cases(), c);
  const auto all = cases().events(s.id(), 0, 100, 1U << 20).value();
  ASSERT_EQ(all.events.size(), 4U);
  EXPECT_EQ(all.head, 4U);
  EXPECT_EQ(all.covered, 4U);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(*all.events[i + 1], *c.events[i]);
  const auto two = cases().events(s.id(), 1, 2, 1U << 20).value();
  ASSERT_EQ(two.events.size(), 2U);
  EXPECT_EQ(two.events[0]->seq, 2U);
  EXPECT_EQ(two.covered, 3U);
  EXPECT_EQ(two.head, 4U);
  const auto end = cases().events(s.id(), 4, 2, 1U << 20).value();
  EXPECT_TRUE(end.events.empty());
  EXPECT_EQ(end.covered, 4U);
  EXPECT_EQ(cases().events(s.id(), 99, 2, 1U << 20)->covered, 4U);
}

TEST_P(case_store_contract, APageOfEventsHasAtLeastOneHoweverFewBytesAreAllowed) {
  case_script s{"one"};
  store(cases(), s.creation());
  store(cases(), s.of({s.question(1, std::string(5'000, 'x')), turn_started{s.turn(1), 1}}));
  const auto page = cases().events(s.id(), 1, 100, 1).value();
  ASSERT_EQ(page.events.size(), 1U);
  EXPECT_EQ(page.covered, 2U);
}

TEST_P(case_store_contract, CompactionDropsTheTextOfEndedTurnsOnlyAndTheChainStillHolds) {
  case_script s{"one"};
  store(cases(), s.creation());
  store(cases(), s.of({s.question(1, "a"), turn_started{s.turn(1), 1}, s.text(1, 0, "abc"), s.text(1, 3, "def"),
                       s.answer(1, "abcdef")})); // seq 2–6
  store(cases(), s.of({s.question(2, "b"), turn_started{s.turn(2), 1}, s.text(2, 0, "xyz")})); // 7–9
  EXPECT_EQ(cases().compact(s.id(), 5).value(), 0U) << "at 5 the first turn had not ended";
  EXPECT_EQ(cases().compact(s.id(), s.seq).value(), 2U);
  EXPECT_EQ(cases().compact(s.id(), s.seq).value(), 0U);
  const auto page = cases().events(s.id(), 0, 100, 1U << 20).value();
  std::vector<sequence> left;
  for (auto& e : page.events)
    left.push_back(e->seq);
  EXPECT_EQ(left, (std::vector<sequence>{1, 2, 3, 6, 7, 8, 9}));
  EXPECT_EQ(page.covered, 9U);
  const auto stopped = cases().events(s.id(), 0, 3, 1U << 20).value();
  EXPECT_LE(stopped.covered, 5U);
  EXPECT_GE(stopped.covered, 3U);
  EXPECT_EQ(cases().load(s.id())->unfinished.at(0).partial, "xyz");
  auto check = check_of(cases(), s.id());
  EXPECT_FALSE(check.broken) << *check.broken;
  EXPECT_EQ(check.events, 9U);
  // The second turn ends later: its deltas follow, the first one's stay gone.
  store(cases(), s.of({s.text(2, 3, "!"), s.answer(2, "xyz!")}));
  EXPECT_EQ(cases().compact(s.id(), s.seq).value(), 2U);
  check = check_of(cases(), s.id());
  EXPECT_FALSE(check.broken) << *check.broken;
  EXPECT_EQ(contents(cases().messages(s.id(), 0, 10, false).value()), (texts{"a", "abcdef", "b", "xyz!"}));
}

TEST_P(case_store_contract, VerifyWalksEveryCaseAndCountsThem) {
  for (auto* name : {"a", "b", "c"}) {
    case_script s{name};
    store(cases(), s.creation());
    store(cases(), s.of({s.question(1, "hello")}));
  }
  std::set<std::string> seen;
  const auto walked = cases().verify(std::nullopt, [&](const log_check& c) {
    EXPECT_FALSE(c.broken) << *c.broken;
    EXPECT_EQ(c.events, 2U);
    seen.insert(c.id.value);
  });
  EXPECT_EQ(walked.value(), 3U);
  EXPECT_EQ(seen, (std::set<std::string>{"case_a", "case_b", "case_c"}));
  EXPECT_EQ(cases().verify(case_id{"case_none"}, [](const log_check&) { FAIL(); }).value(), 0U);
}

TEST_P(case_store_contract, VerifyNoticesAnAnswerThatWasNotStreamed) {
  case_script s{"one"};
  store(cases(), s.creation());
  store(cases(), s.of({s.question(1, "a"), turn_started{s.turn(1), 1}, s.text(1, 0, "said"), s.answer(1, "not said")}));
  const auto check = check_of(cases(), s.id());
  ASSERT_TRUE(check.broken);
  EXPECT_NE(check.broken->find("event 5"), std::string::npos) << *check.broken;
}

TEST_P(case_store_contract, VerifyNoticesTextThatSkipsBytes) {
  case_script s{"one"};
  store(cases(), s.creation());
  store(cases(), s.of({s.question(1, "a"), turn_started{s.turn(1), 1}, s.text(1, 0, "said"), s.text(1, 5, "more")}));
  const auto check = check_of(cases(), s.id());
  ASSERT_TRUE(check.broken);
  EXPECT_NE(check.broken->find("case_one"), std::string::npos) << *check.broken;
}

TEST_P(case_store_contract, APurgedCaseIsGoneForGoodAndItsNameIsFree) {
  case_script s{"one"}, other{"other"};
  s.record.description = "zebra";
  store(cases(), s.creation());
  store(cases(), other.creation());
  store(cases(), s.of({s.question(1, "okapi")}));
  EXPECT_TRUE(cases().purge(s.id()));
  EXPECT_EQ(cases().get(s.id()).error().code, errc::not_found);
  EXPECT_EQ(cases().find_turn(s.id(), s.turn(1)).error().code, errc::not_found);
  EXPECT_TRUE(cases().with_unfinished_turns(10)->empty());
  case_query q;
  q.viewer = s.record.owner;
  EXPECT_EQ(cases().list(q)->total, 1U);
  for (auto* word : {"zebra", "okapi"}) {
    q.text = word;
    EXPECT_EQ(cases().list(q)->total, 0U) << word;
  }
  case_script again{"one"};
  store(cases(), again.creation());
  EXPECT_EQ(cases().messages(again.id(), 0, 10, false)->total, 0U);
  EXPECT_FALSE(check_of(cases(), again.id()).broken);
}

// ---- pages ------------------------------------------------------------------------------------------------------
TEST_P(case_store_contract, MessagesArePagedFromEitherEndAlwaysInOrder) {
  case_script s{"one"};
  store(cases(), s.creation());
  for (std::uint32_t i = 1; i <= 5; ++i)
    store(cases(), s.of({s.question(i, "m" + std::to_string(i))}));
  const auto read = [&](std::size_t offset, std::size_t limit, bool newest) {
    auto page = cases().messages(s.id(), offset, limit, newest).value();
    EXPECT_EQ(page.total, 5U);
    return contents(page);
  };
  EXPECT_EQ(read(0, 2, false), (texts{"m1", "m2"}));
  EXPECT_EQ(read(4, 2, false), (texts{"m5"}));
  EXPECT_EQ(read(0, 2, true), (texts{"m4", "m5"}));
  EXPECT_EQ(read(2, 2, true), (texts{"m2", "m3"}));
  EXPECT_EQ(read(4, 2, true), (texts{"m1"}));
  EXPECT_EQ(read(5, 2, true), texts{});
  EXPECT_EQ(read(100, 2, false), texts{});
  EXPECT_EQ(read(0, 0, false), texts{});
  const auto turns = cases().turns(s.id(), 3, 10).value();
  ASSERT_EQ(turns.turns.size(), 2U);
  EXPECT_EQ(turns.total, 5U);
  EXPECT_EQ(turns.turns[0].number, 4U);
  EXPECT_EQ(turns.turns[0].content, "m4");
}

TEST_P(case_store_contract, ReadersSeeWholeCommitsWhileAWriterIsAtWork) {
  case_script s{"one"};
  store(cases(), s.creation());
  std::atomic<bool> stop{false};
  std::atomic<int> reads{0}, torn{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!stop) {
        // Every commit adds a question and its edit: an odd log or a raw question is half a commit.
        const auto page = cases().events(s.id(), 0, 10'000, 1U << 24);
        if (!page || page->head % 2 != 1 || page->covered != page->head)
          ++torn;
        const auto loaded = cases().load(s.id());
        for (auto& t : loaded->unfinished)
          if (t.content != "edited")
            ++torn;
        ++reads;
      }
    });
  for (std::uint32_t i = 1; i <= 100; ++i)
    store(cases(), s.of({s.question(i, "raw"), turn_edited{s.turn(i), "edited"}}));
  while (reads < 6)
    std::this_thread::yield();
  stop = true;
  for (auto& r : readers)
    r.join();
  EXPECT_EQ(torn, 0);
}

// ---- copying ----------------------------------------------------------------------------------------------------
/// A case with all that makes copying hard: an edited question, a withdrawn one, a regenerated answer, compacted text.
void write_a_life(case_store& cases, case_script& s) {
  s.record.tags = {"dns", "prod"};
  s.record.participants = {{user_id{"user_bob"}, participant_role::viewer, at_ms(1)}};
  store(cases, s.creation());
  store(cases, s.of({s.question(1, "giraffes"), turn_started{s.turn(1), 1}}));
  store(cases, s.of({s.text(1, 0, "long "), s.text(1, 5, "necks")}, false));
  store(cases, s.of({s.answer(1, "long necks"), s.question(2, "zebras"), s.question(3, "never mind")}));
  turn_edited edit;
  edit.turn = s.turn(2);
  edit.content = "quaggas";
  store(cases, s.of({edit, turn_withdrawn{s.turn(3)}}));
  ASSERT_EQ(cases.compact(s.id(), 6).value(), 2U);
  store(cases, s.of({turn_started{s.turn(2), 1}, s.text(2, 0, "half an ans")}, false));
}

void copy_log(const case_store& from, case_store& to, const case_id& id, std::size_t rows_at_once) {
  const auto record = from.get(id).value();
  for (sequence at = 0;;) {
    case_commit c;
    c.id = id;
    c.expected_seq = at;
    c.copied = from.stored_events(id, at, rows_at_once, 1U << 20).value();
    if (c.copied.empty())
      return;
    c.record = std::make_shared<const case_record>(record);
    at += c.copied.size();
    store(to, c);
  }
}

void expect_same(const case_store& a, const case_store& b, const case_id& id) {
  EXPECT_EQ(a.load(id)->record, b.load(id)->record);
  EXPECT_EQ(a.load(id)->unfinished, b.load(id)->unfinished);
  EXPECT_EQ(a.turns(id, 0, 100)->turns, b.turns(id, 0, 100)->turns);
  EXPECT_EQ(a.messages(id, 0, 100, false)->messages, b.messages(id, 0, 100, false)->messages);
  EXPECT_EQ(a.events(id, 0, 100, 1U << 20)->events.size(), b.events(id, 0, 100, 1U << 20)->events.size());
  const auto x = a.heads(0, 10)->at(0), y = b.heads(0, 10)->at(0);
  EXPECT_EQ(x.id, y.id);
  EXPECT_EQ(x.seq, y.seq);
  EXPECT_EQ(x.link, y.link);
  EXPECT_FALSE(check_of(b, id).broken) << *check_of(b, id).broken;
}

TEST_P(case_store_contract, ALogCopiedInPiecesReadsTheSameEverywhere) {
  case_script s{"one"};
  write_a_life(cases(), s);
  backend other{"inmemory"};
  copy_log(cases(), other.cases(), s.id(), 3);
  expect_same(cases(), other.cases(), s.id());
  const auto q = case_query{user_id{"user_bob"}};
  EXPECT_EQ(other.cases().list(q)->total, 1U);
}

TEST_P(case_store_contract, ALogIsTakenFromAnotherStoreInPieces) {
  case_script s{"one"};
  backend other{"inmemory"};
  write_a_life(other.cases(), s);
  copy_log(other.cases(), cases(), s.id(), 2);
  b.durable() ? b.reopen() : void();
  expect_same(other.cases(), cases(), s.id());
  auto q = case_query{user_id{"user_ada"}};
  q.text = "quaggas";
  q.tag = "dns";
  EXPECT_EQ(cases().list(q)->total, 1U);
  // And it goes on from there.
  store(cases(), s.of({s.answer(2, "half an ans")}));
  EXPECT_TRUE(cases().load(s.id())->unfinished.empty());
}

TEST_P(case_store_contract, ACopyThatDoesNotContinueTheChainIsRefused) {
  case_script s{"one"};
  backend other{"inmemory"};
  write_a_life(other.cases(), s);
  const auto rows = other.cases().stored_events(s.id(), 0, 100, 1U << 20).value();
  case_commit c;
  c.id = s.id();
  c.record = std::make_shared<const case_record>(s.record);
  const auto refused = [&](std::vector<stored_event> changed) {
    c.copied = std::move(changed);
    const auto r = cases().commit(std::span{&c, 1});
    return r[0] ? std::string{"taken"} : r[0].error().detail;
  };
  auto data = rows;
  data[1].data->replace(data[1].data->find("giraffes"), 8, "elephant");
  EXPECT_NE(refused(data).find("does not match its hash"), std::string::npos);
  auto author = rows;
  author[1].by.name = "Eve";
  EXPECT_NE(refused(author).find("does not continue the log"), std::string::npos);
  auto gap = rows;
  gap.erase(gap.begin() + 1);
  EXPECT_NE(refused(gap).find("without gap"), std::string::npos);
  auto dropped = rows;
  dropped[0].data.reset();
  EXPECT_NE(refused(dropped).find("its data is missing"), std::string::npos);
  EXPECT_EQ(cases().get(s.id()).error().code, errc::not_found);
  EXPECT_EQ(refused(rows), "taken");
}

TEST_P(case_store_contract, HeadsComeInTheOrderOfCreationPageByPage) {
  std::vector<std::unique_ptr<case_script>> scripts;
  for (const char* name : {"z", "m", "a"}) {
    scripts.push_back(std::make_unique<case_script>(name));
    store(cases(), scripts.back()->creation());
  }
  const auto first = cases().heads(0, 2).value();
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].id.value, "case_z");
  const auto rest = cases().heads(first[1].place, 10).value();
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].id.value, "case_a");
  EXPECT_EQ(rest[0].seq, 1U);
  EXPECT_EQ(cases().stored_events(case_id{"case_nobody"}, 0, 10, 100).error().code, errc::not_found);
}

TEST_P(case_store_contract, ThePulseAnswers) { EXPECT_TRUE(cases().ping()); }

} // namespace
} // namespace fm::contract
