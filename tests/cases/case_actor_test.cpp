// The case actor with its registry, store actor and runner, in virtual time.
#include "tests/support/case_fixture.hpp"

#include <gmock/gmock.h>

namespace fm {
namespace {
using namespace testing_support;
using testing::ElementsAre;
using namespace std::chrono_literals;

struct case_actor_test : testing::Test {
  std::shared_ptr<faulty_case_store> store = fresh_store();
  std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
  std::optional<case_world> world{std::in_place, store, clock};
  principal alice{user_id{"alice"}, "Alice", {user_role::user}};
  principal bob{user_id{"bob"}, "Bob", {user_role::user}};
  case_id id;

  void SetUp() override {
    auto made = world->ask({}, create_case{alice, {}, {}});
    ASSERT_TRUE(made);
    id = made->view.record.id;
  }
  outcome<turn_receipt> submit(const char* client, const char* text) {
    return world->ask(id, submit_turn{alice, client_turn_id{client}, text, {}, {}});
  }
  std::vector<case_event_ptr> log() { return store->events(id, 0, 1'000, 1U << 30)->events; }
  std::vector<std::string> kinds() {
    std::vector<std::string> k;
    for (auto& e : log())
      k.emplace_back(kind_of(e->data));
    return k;
  }
  void speak(std::size_t call, const std::string& text) {
    world->provider->calls.at(call)->events.on_text(text);
    world->run();
    world->advance(30ms);
  }
  void end(std::size_t call) {
    world->provider->calls.at(call)->events.on_end(chat_end{"stop", {}});
    world->run();
  }
  std::string verify() {
    std::string broken;
    (void)store->verify({}, [&](const log_check& c) { broken += c.broken.value_or(""); });
    return broken;
  }
};

TEST_F(case_actor_test, ATurnRunsFromTheQueueToAStoredAnswer) {
  auto receipt = submit("t1", "Why is it slow?");
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->turn_number, 1U);
  ASSERT_EQ(world->provider->calls.size(), 1U);
  speak(0, "Because ");
  speak(0, "of the disk.");
  end(0);
  EXPECT_THAT(kinds(), ElementsAre("case_created", "turn_queued", "case_updated", "turn_started", "turn_delta",
                                   "turn_delta", "turn_completed"));
  auto answered = world->ask(id, read_turn{alice, receipt->turn, {}});
  ASSERT_TRUE(answered);
  ASSERT_TRUE(answered->answer);
  EXPECT_EQ(answered->answer->content, "Because of the disk.");
  EXPECT_EQ(answered->the_turn.status, turn_status::completed);
  EXPECT_EQ(verify(), "");
}

TEST_F(case_actor_test, TheSameTurnSubmittedOftenIsOneTurn) {
  std::vector<std::optional<outcome<turn_receipt>>> answers(100);
  for (auto& slot : answers)
    caf::anon_send(world->registry,
                   to_case{id, submit_turn{alice, client_turn_id{"same"}, "hello", {},
                                           reply<turn_receipt>{[&slot](outcome<turn_receipt> r) { slot = std::move(r); }}}});
  world->run();
  int fresh = 0;
  for (auto& slot : answers) {
    ASSERT_TRUE(slot && *slot);
    fresh += !(*slot)->duplicate;
  }
  EXPECT_EQ(fresh, 1);
  EXPECT_EQ(store->turns(id, 0, 10)->total, 1U);
}

TEST_F(case_actor_test, ARetryAfterTheEndAndAfterARestartStillFindsItsTurn) {
  auto first = submit("t1", "hello");
  speak(0, "hi");
  end(0);
  auto again = submit("t1", "hello");
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate);
  world.emplace(store, clock, 2);
  again = submit("t1", "hello");
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->turn, first->turn);
  EXPECT_EQ(submit("t1", "other").error().reason, "IDEMPOTENCY_KEY_REUSE");
}

TEST_F(case_actor_test, SecondTurnWaitsVisiblyAndStartsWhenTheFirstEnds) {
  (void)submit("t1", "one");
  auto second = submit("t2", "two");
  EXPECT_EQ(second->position, 1U);
  EXPECT_EQ(world->provider->calls.size(), 1U);
  end(0);
  ASSERT_EQ(world->provider->calls.size(), 2U);
  EXPECT_EQ(world->provider->calls[1]->request.messages.back().content, "two");
}

TEST_F(case_actor_test, NothingIsShownBeforeItIsDurable) {
  auto watcher = std::make_shared<recording_subscriber>();
  ASSERT_TRUE(world->ask(id, attach{alice, watcher, {}}));
  (void)submit("t1", "one");
  const auto shown = watcher->events.size();
  bool broken = true;
  store->on_commit = [&]() -> std::optional<failure> {
    return broken ? std::optional{make_unavailable("The disk is full.")} : std::nullopt;
  };
  speak(0, "text that is not stored");
  EXPECT_EQ(watcher->events.size(), shown);
  auto refused = world->ask(id, add_note{alice, "a note", {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, errc::unavailable);
  broken = false;
  world->advance(2s);
  ASSERT_GT(watcher->events.size(), shown);
  EXPECT_EQ(std::get<turn_delta>(watcher->events[shown]->data).text, "text that is not stored");
  EXPECT_EQ(verify(), "");
}

TEST_F(case_actor_test, WhatAListenerSeesIsTheLog) {
  auto watcher = std::make_shared<recording_subscriber>();
  auto view = world->ask(id, attach{alice, watcher, {}});
  (void)submit("t1", "one");
  for (auto* piece : {"a", "b", "c"})
    speak(0, piece);
  (void)world->ask(id, add_note{alice, "note", {}});
  end(0);
  auto tail = store->events(id, view->seq, 1'000, 1U << 30)->events;
  ASSERT_EQ(tail.size(), watcher->events.size());
  for (std::size_t i = 0; i < tail.size(); ++i)
    EXPECT_EQ(*tail[i], *watcher->events[i]);
}

TEST_F(case_actor_test, StopCancelsUpstreamAndKeepsThePartialText) {
  auto receipt = submit("t1", "one");
  speak(0, "half");
  auto call = world->provider->calls[0];
  ASSERT_TRUE(world->ask(id, stop_turn{alice, receipt->turn, {}}));
  EXPECT_TRUE(call->cancelled);
  auto turn = world->ask(id, read_turn{alice, receipt->turn, {}});
  EXPECT_EQ(turn->the_turn.status, turn_status::cancelled);
  EXPECT_EQ(turn->answer->content, "half");
  call->events.on_text("late"); // what still trickles in is nobody's any more
  world->run();
  EXPECT_EQ(kinds().back(), "turn_cancelled");
}

TEST_F(case_actor_test, AKilledServerGoesOnWithARestartedAttempt) {
  auto receipt = submit("t1", "one");
  (void)submit("t2", "two");
  speak(0, "first half");
  world.emplace(store, clock, 2); // the registry wakes the case by itself
  ASSERT_EQ(world->provider->calls.size(), 1U);
  auto snapshot = world->ask(id, read_snapshot{alice, {}});
  ASSERT_TRUE(snapshot);
  ASSERT_TRUE(snapshot->running);
  EXPECT_EQ(snapshot->running->attempt, 2U);
  EXPECT_EQ(snapshot->running->partial, "");
  EXPECT_EQ(snapshot->queue.size(), 1U);
  speak(0, "whole answer");
  end(0);
  EXPECT_EQ(world->ask(id, read_turn{alice, receipt->turn, {}})->answer->content, "whole answer");
  EXPECT_EQ(verify(), "");
}

TEST_F(case_actor_test, RegeneratingReplacesTheAnswer) {
  auto receipt = submit("t1", "one");
  speak(0, "bad");
  end(0);
  auto again = world->ask(id, regenerate_turn{alice, receipt->turn, client_turn_id{"r1"}, {}});
  ASSERT_TRUE(again) << again.error().detail;
  ASSERT_EQ(world->provider->calls.size(), 2U);
  speak(1, "good");
  end(1);
  auto page = store->messages(id, 0, 10, false);
  ASSERT_EQ(page->messages.size(), 2U);
  EXPECT_EQ(page->messages[1].content, "good");
  EXPECT_EQ(verify(), "");
}

TEST_F(case_actor_test, AStaleWriterIsReloadedAndNothingIsWrittenTwice) {
  case_world rival{store, clock, 3};
  ASSERT_TRUE(rival.ask(id, add_note{alice, "from the rival", {}}));
  auto late = world->ask(id, add_note{alice, "from the old owner", {}});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, errc::unavailable) << "to be asked again; the case is read anew";
  EXPECT_TRUE(late.error().retry_after);
  auto now = world->ask(id, add_note{alice, "after reloading", {}});
  ASSERT_TRUE(now) << now.error().detail;
  EXPECT_EQ(store->messages(id, 0, 10, false)->total, 2U);
  EXPECT_EQ(verify(), "");
}

TEST_F(case_actor_test, AnIdleCaseGoesAndComesBack) {
  world->advance(20min);
  world->advance(20min);
  EXPECT_EQ(world->metrics_->text().find("faultmaven_cases_loaded 1"), std::string::npos);
  EXPECT_TRUE(world->ask(id, read_case{alice, {}}));
}

TEST_F(case_actor_test, AStrangerLearnsNothingFromAnyCommand) {
  EXPECT_EQ(world->ask(id, read_case{bob, {}}).error().code, errc::not_found);
  EXPECT_EQ(world->ask(id, read_snapshot{bob, {}}).error().code, errc::not_found);
  EXPECT_EQ(world->ask(id, read_messages{bob, 0, 10, false, {}}).error().code, errc::not_found);
  EXPECT_EQ(world->ask(id, submit_turn{bob, client_turn_id{"x"}, "hi", {}, {}}).error().code, errc::not_found);
  EXPECT_EQ(world->ask(id, delete_case{bob, {}}).error().code, errc::not_found);
  EXPECT_EQ(world->ask(case_id{"case_none"}, read_case{bob, {}}).error().detail,
            world->ask(id, read_case{bob, {}}).error().detail);
}

TEST_F(case_actor_test, DeletingTellsListenersAndStopsTheirEvents) {
  auto watcher = std::make_shared<recording_subscriber>();
  (void)world->ask(id, attach{alice, watcher, {}});
  ASSERT_TRUE(world->ask(id, delete_case{alice, {}}));
  EXPECT_EQ(watcher->removed, 1);
  const auto seen = watcher->events.size();
  ASSERT_TRUE(world->ask(id, restore_case{alice, {}}));
  EXPECT_EQ(watcher->events.size(), seen);
}

TEST_F(case_actor_test, PresenceIsSharedAndTypingExpires) {
  auto watcher = std::make_shared<recording_subscriber>();
  (void)world->ask(id, attach{alice, watcher, {}});
  ASSERT_TRUE(world->ask(id, set_presence{alice, watcher, true, {}, {}}));
  world->advance(300ms);
  ASSERT_FALSE(watcher->last_presence.empty());
  EXPECT_TRUE(watcher->last_presence[0].typing);
  for (int i = 0; i < 10; ++i)
    world->advance(1s);
  EXPECT_FALSE(watcher->last_presence[0].typing);
}

TEST_F(case_actor_test, ConcurrentCommandsShareACommitAndKeepTheirOrder) {
  int commits = 0;
  store->on_commit = [&]() -> std::optional<failure> {
    ++commits;
    return std::nullopt;
  };
  int answered = 0;
  for (int i = 0; i < 50; ++i)
    caf::anon_send(world->registry, to_case{id, add_note{alice, "note " + std::to_string(i),
                                                         reply<message>{[&](outcome<message> m) { answered += m.has_value(); }}}});
  world->run();
  EXPECT_EQ(answered, 50);
  EXPECT_LT(commits, 50);
  auto page = store->messages(id, 0, 100, false);
  ASSERT_EQ(page->total, 50U);
  for (std::size_t i = 0; i < 50; ++i)
    EXPECT_EQ(page->messages[i].content, "note " + std::to_string(i));
}

TEST_F(case_actor_test, ProviderFailureIsAStoredMarkedAnswer) {
  auto receipt = submit("t1", "one");
  world->provider->calls[0]->events.on_end(make_failure(errc::unavailable, "the model's server answered 500."));
  world->run();
  auto turn = world->ask(id, read_turn{alice, receipt->turn, {}});
  EXPECT_EQ(turn->the_turn.status, turn_status::failed);
  EXPECT_EQ(turn->answer->metadata.at("failure"), "unavailable");
}

TEST_F(case_actor_test, CompactionLeavesTheAnswerAndAVerifiableLog) {
  (void)submit("t1", "one");
  for (int i = 0; i < 5; ++i)
    speak(0, "piece ");
  end(0);
  world->advance(2min);
  for (auto& kind : kinds())
    EXPECT_NE(kind, "turn_delta");
  auto page = store->events(id, 0, 1'000, 1U << 30);
  EXPECT_EQ(page->covered, page->head);
  EXPECT_EQ(verify(), "");
}

} // namespace
} // namespace fm
