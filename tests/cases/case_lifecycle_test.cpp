// The rules of a case, asked as a person would ask them. No actor, no store, no clock.
#include "actors/cases/case_lifecycle.hpp"
#include "actors/cases/permissions.hpp"

#include <gtest/gtest.h>

namespace fm {
namespace {

principal person(const char* id, std::vector<user_role> roles = {user_role::user}) {
  return {user_id{id}, id, std::move(roles)};
}

struct lifecycle : testing::Test {
  random_ptr random = seeded_random(7);
  case_rules rules;
  timestamp now{std::chrono::milliseconds{1'700'000'000'000}};
  case_state state;
  principal alice = person("alice");
  principal bob = person("bob");

  surroundings here() { return {now, *random, rules}; }
  void commit(const decision& d) {
    for (auto& e : d.events) {
      apply(state, e, now);
      ++state.seq;
    }
  }
  void create(case_draft draft = {}) {
    auto d = decide_create(create_case{alice, std::move(draft), {}}, case_id{"case_1"}, 0, here());
    ASSERT_TRUE(d);
    commit(*d);
  }
  turn_receipt submit(const char* client, const std::string& content) {
    auto d = decide_submit(state, alice, client_turn_id{client}, content, std::nullopt, here());
    EXPECT_TRUE(d) << (d ? "" : d.error().detail);
    commit(d->what);
    return d->receipt;
  }
  void start_next() {
    const auto* next = state.turns.next();
    ASSERT_NE(next, nullptr);
    apply(state, turn_started{next->id, next->attempt + 1}, now);
  }
};

TEST_F(lifecycle, ACaseWithoutATitleIsNamedByItsFirstQuestionOnce) {
  create();
  EXPECT_TRUE(state.record.title.starts_with("Troubleshooting Case - 20"));
  submit("t1", "The checkout service answers 502 since the deploy of this morning, every third request\nlog follows");
  EXPECT_EQ(state.record.title, "The checkout service answers 502 since the deploy of this");
  submit("t2", "Something else entirely");
  EXPECT_EQ(state.record.title, "The checkout service answers 502 since the deploy of this");
}

TEST_F(lifecycle, APersonsTitleIsNeverOverwritten) {
  case_draft draft;
  draft.title = "  Mine  ";
  create(draft);
  submit("t1", "A question");
  EXPECT_EQ(state.record.title, "Mine");
}

TEST_F(lifecycle, TheSameClientTurnIdWithTheSameBodyIsTheSameTurn) {
  create();
  const auto first = submit("t1", "hello");
  const auto events = state.seq;
  auto again = decide_submit(state, alice, client_turn_id{"t1"}, "hello", std::nullopt, here());
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->what.events.empty());
  EXPECT_TRUE(again->receipt.duplicate);
  EXPECT_EQ(again->receipt.turn, first.turn);
  EXPECT_EQ(state.seq, events);
}

TEST_F(lifecycle, TheSameClientTurnIdWithAnotherBodyIsAConflict) {
  create();
  submit("t1", "hello");
  auto again = decide_submit(state, alice, client_turn_id{"t1"}, "hello!", std::nullopt, here());
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().reason, "IDEMPOTENCY_KEY_REUSE");
}

TEST_F(lifecycle, AFinishedTurnIsStillRecognised) {
  create();
  const auto first = submit("t1", "hello");
  start_next();
  apply(state, turn_delta{first.turn, 1, 0, "answer"}, now);
  commit(decide_run_end(state, {}, here()));
  EXPECT_EQ(state.turns.running(), nullptr);
  auto again = decide_submit(state, alice, client_turn_id{"t1"}, "hello", std::nullopt, here());
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->receipt.duplicate);
  EXPECT_EQ(again->receipt.status, turn_status::completed);
}

TEST_F(lifecycle, TurnsStartInTheOrderOfAcceptanceAndOneAtATime) {
  create();
  const auto a = submit("a", "one"), b = submit("b", "two"), c = submit("c", "three");
  EXPECT_EQ(a.turn_number, 1U);
  EXPECT_EQ(c.turn_number, 3U);
  EXPECT_EQ(c.position, 2U);
  start_next();
  EXPECT_EQ(state.turns.running()->id, a.turn);
  EXPECT_EQ(state.turns.next(), nullptr);
  commit(decide_run_end(state, {}, here()));
  start_next();
  EXPECT_EQ(state.turns.running()->id, b.turn);
}

TEST_F(lifecycle, AFullQueueSaysWhenToComeBack) {
  rules.queue_max = 2;
  create();
  submit("a", "one");
  submit("b", "two");
  auto d = decide_submit(state, alice, client_turn_id{"c"}, "three", std::nullopt, here());
  ASSERT_FALSE(d);
  EXPECT_EQ(d.error().code, errc::rate_limited);
  EXPECT_TRUE(d.error().retry_after.has_value());
}

TEST_F(lifecycle, OnlyTheAuthorEditsAndOnlyBeforeTheStart) {
  create();
  submit("a", "one");
  const auto b = submit("b", "two");
  state.record.participants.push_back({bob.user, participant_role::collaborator, now});
  EXPECT_EQ(decide_edit(state, {bob, b.turn, "x", {}}, true, here()).error().code, errc::forbidden);
  auto d = decide_edit(state, {alice, b.turn, "two, better", {}}, true, here());
  ASSERT_TRUE(d);
  commit(*d);
  EXPECT_EQ(state.turns.find(b.turn)->content, "two, better");
  start_next();
  const auto running = state.turns.running()->id;
  EXPECT_EQ(decide_edit(state, {alice, running, "x", {}}, true, here()).error().code, errc::conflict);
  EXPECT_EQ(decide_edit(state, {alice, turn_id{"turn_nobody"}, "x", {}}, false, here()).error().code, errc::not_found);
}

TEST_F(lifecycle, StoppingKeepsThePartialTextAndStoppingAgainChangesNothing) {
  create();
  const auto a = submit("a", "one");
  start_next();
  apply(state, turn_delta{a.turn, 1, 0, "half an ans"}, now);
  auto d = decide_stop(state, {alice, a.turn, {}}, true, here());
  ASSERT_TRUE(d);
  ASSERT_EQ(d->events.size(), 1U);
  EXPECT_EQ(std::get<turn_cancelled>(d->events[0]).content, "half an ans");
  commit(*d);
  auto again = decide_stop(state, {alice, a.turn, {}}, true, here());
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->events.empty());
}

TEST_F(lifecycle, AnInterruptedTurnIsStartedAgainOnceAndThenFailsPolitely) {
  create();
  const auto a = submit("a", "one");
  start_next();
  apply(state, turn_delta{a.turn, 1, 0, "abc"}, now);
  auto d = decide_interrupted(state, here());
  ASSERT_EQ(d.events.size(), 2U);
  EXPECT_EQ(std::get<turn_interrupted>(d.events[0]).text_bytes, 3U);
  EXPECT_EQ(std::get<turn_restarted>(d.events[1]).attempt, 2U);
  commit(d);
  EXPECT_TRUE(state.turns.running()->partial.empty());
  d = decide_interrupted(state, here());
  commit(d);
  ASSERT_TRUE(std::holds_alternative<turn_failed>(d.events.back()));
  EXPECT_EQ(std::get<turn_failed>(d.events.back()).metadata.at("failure"), "unavailable");
  EXPECT_EQ(state.turns.running(), nullptr);
}

TEST_F(lifecycle, AProviderFaultIsAStoredMarkedAnswer) {
  create();
  submit("a", "one");
  start_next();
  run_end end;
  end.fault = make_failure(errc::timed_out, "the model did not answer in time.");
  const auto d = decide_run_end(state, end, here());
  const auto& failed = std::get<turn_failed>(d.events.front());
  EXPECT_EQ(failed.metadata.at("failure"), "timed_out");
  EXPECT_NE(failed.content.find("did not answer in time"), std::string::npos);
}

TEST_F(lifecycle, StatusGoesOnlyForward) {
  create();
  const auto go = [&](case_status to, const char* closure = "") {
    return decide_status(state, {alice, to, closure, "because", {}, {}}, here());
  };
  EXPECT_EQ(go(case_status::resolved).error().reason, "INVALID_TRANSITION");
  EXPECT_EQ(go(case_status::investigating).error().reason, "INVALID_TRANSITION"); // nothing confirmed yet
  case_patch patch;
  patch.description = "Every third request fails";
  patch.proposed_problem_statement = "502 from checkout";
  patch.problem_statement_confirmed = true;
  auto updated = decide_update(state, {alice, patch, {}, {}}, here());
  ASSERT_TRUE(updated);
  commit(*updated);
  auto d = go(case_status::investigating);
  ASSERT_TRUE(d);
  commit(*d);
  EXPECT_EQ(go(case_status::consulting).error().reason, "INVALID_TRANSITION");
  EXPECT_EQ(go(case_status::closed).error().code, errc::invalid); // needs a closure reason
  d = go(case_status::resolved);
  ASSERT_TRUE(d);
  commit(*d);
  EXPECT_EQ(state.record.closure_reason, "resolved");
  EXPECT_TRUE(state.record.resolved_at && state.record.closed_at);
  EXPECT_EQ(go(case_status::closed, "other").error().reason, "TERMINAL_CASE");
  EXPECT_EQ(decide_submit(state, alice, client_turn_id{"x"}, "more", std::nullopt, here()).error().reason,
            "TERMINAL_CASE");
}

TEST_F(lifecycle, AStaleVersionIsRefusedWithBothNumbers) {
  create();
  case_patch patch;
  patch.title = "New";
  auto d = decide_update(state, {alice, patch, 9U, {}}, here());
  ASSERT_FALSE(d);
  EXPECT_EQ(d.error().reason, "CASE_VERSION_CONFLICT");
  EXPECT_EQ(d.error().facts.at("expected_version"), "9");
  EXPECT_EQ(d.error().facts.at("actual_version"), "1");
}

TEST_F(lifecycle, AStrangerLearnsNothing) {
  create();
  const auto eve = person("eve");
  EXPECT_EQ(refuse_unless(need::read, state.record, eve)->code, errc::not_found);
  EXPECT_EQ(refuse_unless(need::own, state.record, eve)->code, errc::not_found);
  state.record.participants.push_back({eve.user, participant_role::viewer, now});
  EXPECT_FALSE(refuse_unless(need::read, state.record, eve));
  EXPECT_EQ(refuse_unless(need::write, state.record, eve)->code, errc::forbidden);
  EXPECT_FALSE(refuse_unless(need::read, state.record, person("ann", {user_role::analyst})));
  EXPECT_EQ(refuse_unless(need::write, state.record, person("ann", {user_role::analyst}))->code, errc::forbidden);
  EXPECT_FALSE(refuse_unless(need::own, state.record, person("root", {user_role::admin})));
}

TEST_F(lifecycle, ADeletedCaseIsGoneForOthersAndRestorableByItsOwner) {
  create();
  state.record.participants.push_back({bob.user, participant_role::collaborator, now});
  submit("a", "one");
  start_next();
  auto d = decide_delete(state, {alice, {}}, here());
  ASSERT_TRUE(d);
  ASSERT_EQ(d->events.size(), 2U); // the running turn is stopped first
  commit(*d);
  EXPECT_EQ(refuse_unless(need::read, state.record, bob)->code, errc::not_found);
  EXPECT_EQ(refuse_unless(need::write, state.record, alice)->code, errc::gone);
  d = decide_restore(state, {alice, {}}, here());
  ASSERT_TRUE(d);
  commit(*d);
  EXPECT_FALSE(refuse_unless(need::read, state.record, bob));
}

TEST_F(lifecycle, RegeneratingReplacesTheAnswerOfTheNewestTurnOnly) {
  create();
  const auto a = submit("a", "one");
  start_next();
  apply(state, turn_delta{a.turn, 1, 0, "first"}, now);
  commit(decide_run_end(state, {}, here()));
  const auto messages = state.record.message_count;
  auto stored = state.recent.back();
  auto d = decide_regenerate(state, {alice, a.turn, client_turn_id{"r"}, {}}, stored, here());
  ASSERT_TRUE(d);
  readmit(state, stored);
  commit(d->what);
  ASSERT_NE(state.turns.running(), nullptr);
  EXPECT_EQ(state.turns.running()->attempt, 2U);
  apply(state, turn_delta{a.turn, 2, 0, "second"}, now);
  commit(decide_run_end(state, {}, here()));
  EXPECT_EQ(state.record.message_count, messages);
}

TEST_F(lifecycle, TextThatIsNotUtf8OrTooLongIsRefused) {
  create();
  EXPECT_EQ(decide_submit(state, alice, client_turn_id{"a"}, "\xff\xfe", std::nullopt, here()).error().code,
            errc::invalid);
  EXPECT_EQ(decide_submit(state, alice, client_turn_id{"a"}, " \n ", std::nullopt, here()).error().code, errc::invalid);
  EXPECT_EQ(decide_submit(state, alice, client_turn_id{"a"}, std::string(200'001, 'x'), std::nullopt, here())
                .error()
                .code,
            errc::invalid);
  EXPECT_TRUE(decide_submit(state, alice, client_turn_id{"a"}, std::string(200'000, 'x'), std::nullopt, here()));
}

} // namespace
} // namespace fm
