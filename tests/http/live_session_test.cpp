// A live connection without a socket, over real cases in virtual time: what it answers, in which order events
// come, and what a slow reader gets. Every object said is held against the published table.
#include "http/live/live_session.hpp"
#include "tests/http/live_fixture.hpp"
#include "tests/support/case_fixture.hpp"
#include "tests/support/client_view.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <random>

namespace fm::http {
namespace {
using namespace testing_support;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A connection whose wire is paper: what would be written is kept, when the test lets it.
class paper_socket final : public live_session {
public:
  explicit paper_socket(live_context_ptr c) : live_session(std::move(c)) {}

  std::deque<std::function<void()>> posted;
  bool woken = false;
  std::uint16_t closed_with = 0;
  std::size_t messages = 0;
  std::vector<json> said;

  void run_posted() {
    while (!posted.empty()) {
      auto work = std::move(posted.front());
      posted.pop_front();
      work();
    }
  }
  /// One message leaves. False: nothing waited.
  bool write_one() {
    std::string message;
    if (!take(message))
      return false;
    ++messages;
    for (std::size_t at = 0; at <= message.size();) {
      const auto end = std::min(message.find('\n', at), message.size());
      auto object = json::parse(message.substr(at, end - at));
      EXPECT_TRUE(object) << message.substr(at, end - at);
      if (object) {
        EXPECT_EQ(undocumented(*object), "") << message.substr(at, end - at);
        said.push_back(std::move(*object));
      }
      at = end + 1;
    }
    woken = false;
    (void)written();
    return true;
  }

private:
  void post(std::function<void()> work) override { posted.push_back(std::move(work)); }
  void wake() noexcept override { woken = true; }
  void close(std::uint16_t code, const char*) override { closed_with = code; }
};

class live_session_test : public ::testing::Test {
protected:
  live_session_test() { start(); }
  ~live_session_test() override {
    for (auto& s : sockets)
      s->end();
    run();
    sockets.clear();
    identity_record.reset();
    caf::anon_send_exit(deps.identity, caf::exit_reason::user_shutdown);
    deps = {};
    context.reset();
    world->run();
    world->stop();
  }

  void start() {
    store = fresh_store();
    clock = std::make_shared<manual_clock>();
    world = std::make_unique<case_world>(store, clock);
    identity_record = std::make_shared<live_identity_record>();
    for (auto who : {"ada", "ben"})
      identity_record->tokens.insert(who);
    deps.registry = world->registry;
    deps.identity = world->system.spawn(live_identity, identity_record);
    deps.metrics = world->metrics_;
    deps.clock = clock;
    deps.random = seeded_random(5);
    deps.version = "test";
    use(deps.settings);
  }
  void use(const live_settings& settings) {
    deps.settings = settings;
    context = std::make_shared<const live_context>(deps);
  }

  std::shared_ptr<paper_socket> connect(const std::string& who = "ada") {
    auto s = std::make_shared<paper_socket>(context);
    if (!who.empty()) {
      s->set_who(live_identity_record::who(who));
      s->welcome();
    }
    sockets.push_back(s);
    flush(*s);
    return s;
  }

  /// Lets actors and connections run until nothing moves; writes nothing.
  void run() {
    for (bool moved = true; moved;) {
      world->run();
      moved = false;
      for (auto& s : sockets)
        if (!s->posted.empty()) {
          s->run_posted();
          moved = true;
        }
    }
  }
  /// … and writes everything.
  void flush(paper_socket& s) {
    for (bool moved = true; moved;) {
      run();
      moved = false;
      while (s.write_one()) {
        moved = true;
        run();
      }
    }
  }
  void advance(std::chrono::milliseconds by) {
    world->advance(by);
    run();
  }
  void tick(paper_socket& s) {
    s.tick(++now);
    flush(s);
  }

  /// Sends and returns the answer to it.
  json ask(paper_socket& s, std::string fields) {
    const auto id = std::to_string(++ids);
    s.receive("{\"id\":" + id + "," + fields + "}");
    flush(s);
    json found;
    int answers = 0;
    for (auto& o : s.said)
      if (o["reply_to"].number() == ids) {
        found = o;
        ++answers;
      }
    EXPECT_EQ(answers, 1) << fields;
    return found;
  }
  static std::string of(const std::string& type, const case_id& id, const std::string& more = "") {
    return "\"type\":\"" + type + "\",\"case_id\":\"" + id.value + "\"" + (more.empty() ? "" : "," + more);
  }

  case_id make_case(const std::string& owner = "ada") {
    case_draft draft;
    draft.title = "A case";
    auto made = world->ask(case_id{}, create_case{live_identity_record::who(owner).who, draft, {}});
    return made.value().view.record.id;
  }
  void note(const case_id& id, const std::string& text = "note") {
    ASSERT_TRUE(world->ask(id, add_note{live_identity_record::who("ada").who, text, {}}));
  }
  static std::vector<std::uint64_t> seqs(const paper_socket& s) {
    std::vector<std::uint64_t> out;
    for (auto& o : s.said)
      if (o["type"].text() == "event")
        out.push_back(o["seq"].whole());
    return out;
  }
  static std::vector<std::string> types(const paper_socket& s) {
    std::vector<std::string> out;
    for (auto& o : s.said)
      out.push_back(o["type"].text() == "event" ? o["kind"].text() : o["type"].text());
    return out;
  }
  static std::size_t count(const paper_socket& s, std::string_view type) {
    const auto all = types(s);
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), type));
  }
  /// The case's actor crashes: another writer was there.
  void crash(const case_id& id) {
    store->on_commit = [] { return std::optional{make_conflict("CASE_VERSION_CONFLICT", "stale")}; };
    (void)world->ask(id, add_note{live_identity_record::who("ada").who, "lost", {}});
    store->on_commit = {};
    run();
  }

  std::shared_ptr<faulty_case_store> store;
  std::shared_ptr<manual_clock> clock;
  std::unique_ptr<case_world> world;
  live_identity_ptr identity_record;
  live_deps deps;
  live_context_ptr context;
  std::vector<std::shared_ptr<paper_socket>> sockets;
  int ids = 0;
  std::uint32_t now = 0;
};

TEST_F(live_session_test, WelcomesWhoIsKnown) {
  auto s = connect();
  ASSERT_THAT(types(*s), ElementsAre("welcome"));
  EXPECT_EQ(s->said[0]["user"]["user_id"].text(), "ada");
  EXPECT_EQ(s->said[0]["limits"]["open_cases"].whole(), 64U);
}

TEST_F(live_session_test, AStrangerSaysHelloFirst) {
  auto s = connect("");
  EXPECT_EQ(ask(*s, "\"type\":\"ping\"")["code"].text(), "unauthenticated");
  EXPECT_EQ(ask(*s, "\"type\":\"hello\",\"token\":\"ada\",\"client_id\":\"laptop\"")["type"].text(), "ok");
  EXPECT_THAT(types(*s), ElementsAre("error", "ok", "welcome"));
  EXPECT_EQ(ask(*s, "\"type\":\"ping\"")["type"].text(), "ok");
  EXPECT_EQ(ask(*s, "\"type\":\"hello\",\"token\":\"ada\"")["code"].text(), "conflict");
}

TEST_F(live_session_test, AWrongTokenIsRefusedAndClosed) {
  auto s = connect("");
  EXPECT_EQ(ask(*s, "\"type\":\"hello\",\"token\":\"nobody\"")["code"].text(), "unauthenticated");
  EXPECT_EQ(s->closed_with, close_unauthorized);
}

TEST_F(live_session_test, OpeningWithoutASeqGivesASnapshotAndThenLiveEvents) {
  const auto id = make_case();
  note(id, "before");
  auto s = connect();
  const auto opened = ask(*s, of("case.open", id));
  EXPECT_EQ(opened["seq"].whole(), 2U);
  EXPECT_THAT(types(*s), ElementsAre("welcome", "ok", "case.snapshot"));
  EXPECT_EQ(s->said[2]["messages"].size(), 1U);
  note(id, "after");
  flush(*s);
  EXPECT_THAT(seqs(*s), ElementsAre(3U));
}

TEST_F(live_session_test, OpeningWithASeqReplaysExactlyWhatIsMissing) {
  const auto id = make_case();
  for (int i = 0; i < 5; ++i)
    note(id);
  auto s = connect();
  EXPECT_EQ(ask(*s, of("case.open", id, "\"after_seq\":3"))["seq"].whole(), 6U);
  EXPECT_THAT(seqs(*s), ElementsAre(4U, 5U, 6U));
  auto at_head = connect();
  ask(*at_head, of("case.open", id, "\"after_seq\":6"));
  EXPECT_THAT(seqs(*at_head), IsEmpty());
  EXPECT_EQ(count(*at_head, "case.snapshot"), 0U);
  note(id);
  flush(*at_head);
  EXPECT_THAT(seqs(*at_head), ElementsAre(7U));
}

TEST_F(live_session_test, AReplayOfManyPagesHasNoGap) {
  const auto id = make_case();
  for (int i = 0; i < 1'300; ++i)
    note(id);
  auto s = connect();
  ask(*s, of("case.open", id, "\"after_seq\":0"));
  const auto got = seqs(*s);
  ASSERT_EQ(got.size(), 1'301U);
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_EQ(got[i], i + 1);
  EXPECT_LT(s->messages, 60U) << "many events to a message";
}

TEST_F(live_session_test, FurtherBehindThanTheLimitBeginsWithASnapshot) {
  auto settings = deps.settings;
  settings.replay_events_max = 3;
  use(settings);
  const auto id = make_case();
  for (int i = 0; i < 5; ++i)
    note(id);
  auto s = connect();
  ask(*s, of("case.open", id, "\"after_seq\":1"));
  EXPECT_EQ(count(*s, "case.snapshot"), 1U);
  EXPECT_THAT(seqs(*s), IsEmpty());
  auto ahead = connect();
  ask(*ahead, of("case.open", id, "\"after_seq\":99"));
  EXPECT_EQ(count(*ahead, "case.snapshot"), 1U);
  note(id);
  flush(*ahead);
  EXPECT_THAT(seqs(*ahead), ElementsAre(7U));
}

TEST_F(live_session_test, SomebodyElsesCaseDoesNotExist) {
  const auto id = make_case("ben");
  auto s = connect("ada");
  EXPECT_EQ(ask(*s, of("case.open", id))["code"].text(), "not_found");
  EXPECT_EQ(ask(*s, of("case.open", case_id{"case_none"}))["code"].text(), "not_found");
  EXPECT_EQ(ask(*s, of("note.add", id, "\"content\":\"hi\""))["code"].text(), "not_found");
}

TEST_F(live_session_test, NothingMayBeSentToACaseBeforeItsReplayIsDone) {
  const auto id = make_case();
  auto s = connect();
  s->receive("{\"id\":\"open\"," + of("case.open", id, "\"after_seq\":0") + "}\n{\"id\":\"early\"," + of("note.add", id, "\"content\":\"x\"") + "}");
  flush(*s);
  for (auto& o : s->said)
    if (o["reply_to"].text() == "early") {
      EXPECT_EQ(o["code"].text(), "conflict");
    }
  EXPECT_EQ(ask(*s, of("note.add", id, "\"content\":\"y\""))["type"].text(), "ok");
}

TEST_F(live_session_test, EveryObjectOfAMessageIsAnsweredOnce) {
  auto s = connect();
  s->receive("{\"id\":1,\"type\":\"ping\"}\n\n  {\"id\":2,\"type\":\"nonsense\"}\r\nnot json\n{\"id\":3,\"type\":\"ping\"}");
  flush(*s);
  EXPECT_THAT(types(*s), ElementsAre("welcome", "ok", "error", "error", "ok"));
  EXPECT_FALSE(s->said[3].has("reply_to"));
  EXPECT_EQ(s->said[3]["code"].text(), "invalid");
}

TEST_F(live_session_test, OpeningTwiceAnswersBothAndSendsOnce) {
  const auto id = make_case();
  note(id);
  auto s = connect();
  s->receive("{\"id\":\"a\"," + of("case.open", id, "\"after_seq\":0") + "}\n{\"id\":\"b\"," + of("case.open", id, "\"after_seq\":1") + "}");
  flush(*s);
  std::map<std::string, std::string> answers;
  for (auto& o : s->said)
    if (!o["reply_to"].text().empty())
      answers[o["reply_to"].text()] += o["type"].text();
  EXPECT_EQ(answers, (std::map<std::string, std::string>{{"a", "error"}, {"b", "ok"}}));
  EXPECT_THAT(seqs(*s), ElementsAre(2U));
  note(id);
  flush(*s);
  EXPECT_THAT(seqs(*s), ElementsAre(2U, 3U));
}

TEST_F(live_session_test, OpeningAgainStartsOverFromWhatTheClientSays) {
  const auto id = make_case();
  note(id);
  auto s = connect();
  ask(*s, of("case.open", id, "\"after_seq\":2"));
  ask(*s, of("case.open", id, "\"after_seq\":0"));
  EXPECT_THAT(seqs(*s), ElementsAre(1U, 2U));
}

TEST_F(live_session_test, AClosedCaseIsSilentAndCanBeOpenedAgain) {
  const auto id = make_case();
  auto s = connect();
  ask(*s, of("case.open", id, "\"after_seq\":1"));
  EXPECT_EQ(ask(*s, of("case.close", id))["type"].text(), "ok");
  note(id);
  flush(*s);
  EXPECT_THAT(seqs(*s), IsEmpty());
  ask(*s, of("case.open", id, "\"after_seq\":1"));
  note(id);
  flush(*s);
  EXPECT_THAT(seqs(*s), ElementsAre(2U, 3U));
}

TEST_F(live_session_test, ClosingAnOpenInProgressAnswersBoth) {
  const auto id = make_case();
  auto s = connect();
  s->receive("{\"id\":\"a\"," + of("case.open", id) + "}\n{\"id\":\"b\"," + of("case.close", id) + "}\n{\"id\":\"c\"," + of("case.open", id, "\"after_seq\":1") + "}");
  flush(*s);
  std::map<std::string, std::string> answers;
  for (auto& o : s->said)
    if (!o["reply_to"].text().empty())
      answers[o["reply_to"].text()] += o["type"].text();
  EXPECT_EQ(answers, (std::map<std::string, std::string>{{"a", "error"}, {"b", "ok"}, {"c", "ok"}}));
  note(id);
  flush(*s);
  EXPECT_THAT(seqs(*s), ElementsAre(2U)) << "the last open listens";
}

TEST_F(live_session_test, NoMoreCasesThanAllowed) {
  auto settings = deps.settings;
  settings.cases_open_max = 2;
  use(settings);
  auto s = connect();
  ask(*s, of("case.open", make_case()));
  ask(*s, of("case.open", make_case()));
  const auto third = make_case();
  EXPECT_EQ(ask(*s, of("case.open", third))["code"].text(), "invalid");
}

TEST_F(live_session_test, ATurnIsSubmittedStreamedAndStopped) {
  const auto id = make_case();
  auto s = connect();
  ask(*s, of("case.open", id, "\"after_seq\":1"));
  const auto receipt = ask(*s, of("turn.submit", id, "\"client_turn_id\":\"t1\",\"content\":\"why?\""));
  EXPECT_EQ(receipt["turn_number"].whole(), 1U);
  EXPECT_EQ(undocumented(receipt, &live_commands()[4].answer), "");
  const auto again = ask(*s, of("turn.submit", id, "\"client_turn_id\":\"t1\",\"content\":\"why?\",\"base_seq\":1"));
  EXPECT_TRUE(again["duplicate"].truth());
  EXPECT_EQ(again["turn_id"].text(), receipt["turn_id"].text());
  EXPECT_EQ(ask(*s, of("turn.submit", id, "\"client_turn_id\":\"t1\",\"content\":\"other\""))["code"].text(), "conflict");
  ASSERT_EQ(world->provider->calls.size(), 1U);
  world->provider->calls[0]->events.on_text("because");
  advance(100ms);
  flush(*s);
  EXPECT_EQ(count(*s, "turn_delta"), 1U);
  EXPECT_EQ(ask(*s, of("turn.stop", id, "\"turn_id\":\"" + receipt["turn_id"].text() + "\""))["type"].text(), "ok");
  advance(100ms);
  flush(*s);
  EXPECT_EQ(count(*s, "turn_cancelled"), 1U);
  EXPECT_EQ(ask(*s, of("turn.regenerate", id, "\"turn_id\":\"" + receipt["turn_id"].text() + "\""))["turn_id"].text(), receipt["turn_id"].text());
}

TEST_F(live_session_test, WaitingTurnsAreEditedAndWithdrawn) {
  const auto id = make_case();
  auto s = connect();
  ask(*s, of("turn.submit", id, "\"client_turn_id\":\"t1\",\"content\":\"first\""));
  const auto second = ask(*s, of("turn.submit", id, "\"client_turn_id\":\"t2\",\"content\":\"second\""));
  const auto turn = "\"turn_id\":\"" + second["turn_id"].text() + "\"";
  EXPECT_EQ(second["position"].whole(), 1U);
  EXPECT_GT(ask(*s, of("turn.edit", id, turn + ",\"content\":\"better\""))["seq"].whole(), second["seq"].whole());
  EXPECT_EQ(ask(*s, of("turn.withdraw", id, turn))["type"].text(), "ok");
}

TEST_F(live_session_test, ACaseIsUpdatedWithItsVersion) {
  const auto id = make_case();
  auto s = connect();
  const auto first = ask(*s, of("case.update", id, "\"title\":\"New\",\"tags\":[\"a\"],\"expected_version\":1"));
  EXPECT_EQ(first["version"].whole(), 2U);
  const auto stale = ask(*s, of("case.update", id, "\"title\":\"Newer\",\"expected_version\":1"));
  EXPECT_EQ(stale["code"].text(), "conflict");
  EXPECT_EQ(stale["details"]["actual_version"].text(), "2");
  EXPECT_EQ(ask(*s, of("case.update", id, "\"expected_version\":-1"))["code"].text(), "invalid");
  EXPECT_EQ(ask(*s, of("case.update", id, "\"priority\":\"enormous\""))["code"].text(), "invalid");
}

TEST_F(live_session_test, WhatIsNotThereYetSaysSo) {
  const auto id = make_case();
  auto s = connect();
  EXPECT_EQ(ask(*s, "\"type\":\"hypothesis.update\"")["code"].text(), "not_implemented");
  EXPECT_EQ(ask(*s, of("turn.submit", id, "\"client_turn_id\":\"t\",\"content\":\"c\",\"attachments\":[{\"file_id\":\"f\"}]"))["code"].text(), "not_implemented")
      << "an attachment is not silently dropped";
  EXPECT_EQ(ask(*s, of("turn.submit", id, "\"client_turn_id\":\"t\",\"content\":\"c\",\"attachments\":[]"))["type"].text(), "ok");
}

TEST_F(live_session_test, OthersSeeWhoIsThereAndTypes) {
  const auto id = make_case();
  auto mine = connect();
  ask(*mine, of("case.open", id, "\"after_seq\":1"));
  EXPECT_EQ(ask(*mine, of("typing", id, "\"active\":true"))["type"].text(), "ok");
  EXPECT_EQ(ask(*mine, of("viewing", id, "\"focus\":\"msg_1\""))["type"].text(), "ok");
  advance(1s);
  flush(*mine);
  ASSERT_GE(count(*mine, "presence"), 1U);
  json last;
  for (auto& o : mine->said)
    if (o["type"].text() == "presence")
      last = o;
  EXPECT_TRUE(last["users"].at(0)["typing"].truth());
  EXPECT_EQ(last["users"].at(0)["focus"].text(), "msg_1");
  auto closed = connect();
  EXPECT_EQ(ask(*closed, of("typing", id))["code"].text(), "invalid") << "only in an open case";
}

TEST_F(live_session_test, TheListIsWatchedOnceHoweverOftenAsked) {
  auto s = connect();
  EXPECT_EQ(ask(*s, "\"type\":\"cases.watch\"")["type"].text(), "ok");
  EXPECT_EQ(ask(*s, "\"type\":\"cases.watch\"")["type"].text(), "ok");
  make_case();
  flush(*s);
  EXPECT_EQ(count(*s, "list.changed"), 1U);
}

TEST_F(live_session_test, ADeletedCaseIsRemoved) {
  const auto id = make_case();
  auto s = connect();
  ask(*s, of("case.open", id, "\"after_seq\":1"));
  ASSERT_TRUE(world->ask(id, delete_case{live_identity_record::who("ada").who, {}}));
  flush(*s);
  EXPECT_EQ(count(*s, "case.removed"), 1U);
  EXPECT_EQ(types(*s).back(), "case.removed");
}

TEST_F(live_session_test, ALostCaseIsAttachedAgainAndNothingIsMissing) {
  const auto id = make_case();
  auto s = connect();
  ask(*s, of("case.open", id, "\"after_seq\":0"));
  crash(id);
  EXPECT_EQ(ask(*s, "\"type\":\"ping\"")["type"].text(), "ok");
  advance(1s);
  note(id, "while nobody listened");
  tick(*s);
  note(id, "live again");
  flush(*s);
  EXPECT_THAT(seqs(*s), ElementsAre(1U, 2U, 3U));
  EXPECT_THAT(types(*s), ::testing::Not(::testing::Contains("lagging"))) << "silently";
  EXPECT_EQ(ask(*s, of("note.add", id, "\"content\":\"still allowed\""))["type"].text(), "ok");
}

TEST_F(live_session_test, AFullOutboxSaysLaggingOnceAndGoesOnFromTheLog) {
  auto settings = deps.settings;
  settings.outbox_bytes_max = 4'000;
  settings.message_bytes = 500;
  use(settings);
  const auto id = make_case();
  auto slow = connect();
  auto quick = connect();
  ask(*slow, of("case.open", id, "\"after_seq\":1"));
  ask(*quick, of("case.open", id, "\"after_seq\":1"));
  std::string message;
  for (int i = 0; i < 100; ++i) {
    note(id, "note " + std::to_string(i));
    flush(*quick);
  }
  EXPECT_EQ(seqs(*quick).size(), 100U) << "nobody else waits";
  EXPECT_THAT(seqs(*slow), IsEmpty());
  flush(*slow);
  EXPECT_EQ(count(*slow, "lagging"), 1U);
  EXPECT_EQ(seqs(*slow), seqs(*quick)) << "nothing is skipped";
  EXPECT_EQ(ask(*slow, of("note.add", id, "\"content\":\"x\""))["type"].text(), "ok");
}

TEST_F(live_session_test, WhatWaitsStaysBoundedHoweverMuchHappens) {
  auto settings = deps.settings;
  settings.outbox_bytes_max = 4'000;
  use(settings);
  const auto id = make_case();
  auto slow = connect();
  ask(*slow, of("case.open", id, "\"after_seq\":1"));
  for (int i = 0; i < 300; ++i)
    note(id, std::string(100, 'x'));
  run();
  std::string message;
  ASSERT_TRUE(slow->take(message));
  EXPECT_LE(message.size(), 4'100U);
}

TEST_F(live_session_test, ManySmallEventsLeaveInOneMessage) {
  const auto id = make_case();
  auto s = connect();
  ask(*s, of("case.open", id, "\"after_seq\":1"));
  const auto before = s->messages;
  for (int i = 0; i < 100; ++i)
    note(id);
  flush(*s);
  EXPECT_EQ(seqs(*s).size(), 100U);
  EXPECT_EQ(s->messages, before + 1);
}

TEST_F(live_session_test, TooManyCommandsAreRefusedAndAFloodIsClosed) {
  auto s = connect();
  std::string burst;
  for (int i = 0; i < 150; ++i)
    burst += "{\"id\":" + std::to_string(i) + ",\"type\":\"ping\"}\n";
  s->receive(burst);
  flush(*s);
  std::size_t limited = 0;
  for (auto& o : s->said)
    if (o["code"].text() == "rate_limited") {
      ++limited;
      EXPECT_TRUE(o.has("reply_to"));
      EXPECT_TRUE(o.has("retry_after"));
    }
  EXPECT_GE(limited, 30U);
  EXPECT_LE(limited, 50U);
  EXPECT_EQ(s->said.size(), 151U);
  for (int i = 0; i < 10; ++i)
    s->receive(burst);
  EXPECT_EQ(s->closed_with, close_policy);
}

TEST_F(live_session_test, CommandsInFlightAreBounded) {
  auto settings = deps.settings;
  settings.commands_in_flight_max = 3;
  use(settings);
  const auto id = make_case();
  auto s = connect();
  std::string all;
  for (int i = 0; i < 5; ++i)
    all += "{\"id\":\"n" + std::to_string(i) + "\"," + of("note.add", id, "\"content\":\"x\"") + "}\n";
  s->receive(all);
  flush(*s);
  std::size_t refused = 0;
  for (auto& o : s->said)
    refused += o["code"].text() == "overloaded";
  EXPECT_EQ(refused, 2U);
  EXPECT_EQ(ask(*s, of("note.add", id, "\"content\":\"x\""))["type"].text(), "ok");
}

TEST_F(live_session_test, AnEndedConnectionLeavesTheCase) {
  const auto id = make_case();
  auto s = connect();
  ask(*s, of("case.open", id));
  s->end();
  sockets.clear();
  run();
  world->run();
  const std::weak_ptr<paper_socket> gone{s};
  s.reset();
  advance(2s);
  EXPECT_TRUE(gone.expired()) << "the case holds nobody who left";
}

// ---- whatever the order -------------------------------------------------------------------------------------
class live_session_seeds : public live_session_test, public ::testing::WithParamInterface<std::uint64_t> {};

TEST_P(live_session_seeds, EveryClientHoldsTheLogByteForByte) {
  std::mt19937_64 random{GetParam()};
  auto settings = deps.settings;
  settings.outbox_bytes_max = 3'000;
  settings.message_bytes = 700;
  settings.commands_per_second = settings.commands_burst = 1e9;
  use(settings);
  const auto id = make_case();

  struct client {
    std::shared_ptr<paper_socket> socket;
    client_view view;
    std::size_t read = 0;
  };
  std::vector<client> clients(3);
  const auto look = [](client& c) {
    for (; c.read < c.socket->said.size(); ++c.read) {
      auto& o = c.socket->said[c.read];
      if (o["type"].text() == "case.snapshot")
        c.view.apply_snapshot(o);
      else if (o["type"].text() == "event")
        c.view.apply_event(o);
      else if (o["type"].text() == "error") {
        EXPECT_THAT(o["code"].text(), ::testing::AnyOf("conflict", "unavailable", "overloaded")) << o["message"].text();
      }
    }
  };
  const auto open = [&](client& c) {
    c.socket = connect();
    c.read = 0;
    c.socket->receive("{\"id\":\"open\"," + of("case.open", id, "\"after_seq\":" + std::to_string(c.view.seq())) + "}");
  };
  for (auto& c : clients)
    open(c);
  const void* ended = nullptr;
  const auto speaking = [&]() -> scripted_provider::call* {
    auto& calls = world->provider->calls;
    return calls.empty() || calls.back()->cancelled || calls.back().get() == ended ? nullptr : calls.back().get();
  };
  int turns = 0;
  std::size_t lagged = 0;
  for (int i = 0; i < 400; ++i) {
    auto& c = clients[random() % clients.size()];
    switch (random() % 14) {
    case 0:
    case 1:
      c.socket->receive("{\"id\":1," + of("turn.submit", id, "\"client_turn_id\":\"t" + std::to_string(++turns) + "\",\"content\":\"question\"") + "}");
      break;
    case 2:
    case 3:
    case 4:
    case 5:
      if (auto* call = speaking())
        call->events.on_text(std::string(random() % 300, static_cast<char>('a' + i % 26)));
      break;
    case 6:
      if (auto* call = speaking()) {
        ended = call;
        call->events.on_end(chat_end{});
      }
      break;
    case 7: advance(std::chrono::milliseconds{random() % 200}); break;
    case 8:
    case 9:
    case 10: c.socket->write_one(); break;
    case 11: run(); break;
    case 12: c.socket->tick(++now); break;
    case 13:
      if (random() % 6 == 0) {
        look(c);
        c.socket->end();
        open(c);
      } else if (random() % 12 == 0) {
        crash(id);
        advance(300ms);
      } else if (random() % 4 == 0) {
        advance(61s); // what has ended is compacted
      }
      break;
    }
  }
  advance(15s);
  for (auto& c : clients) {
    for (int i = 0; i < 40; ++i) {
      advance(1s);
      tick(*c.socket);
    }
    look(c);
    lagged += count(*c.socket, "lagging");
  }
  const auto head = world->ask(id, read_case{live_identity_record::who("ada").who, {}}).value().seq;
  client fresh;
  open(fresh);
  flush(*fresh.socket);
  look(fresh);
  EXPECT_EQ(fresh.view.seq(), head);
  EXPECT_THAT(fresh.view.violations(), IsEmpty());
  for (auto& c : clients) {
    EXPECT_THAT(c.view.violations(), IsEmpty());
    EXPECT_EQ(c.view.seq(), head);
    EXPECT_EQ(c.view.canonical(), fresh.view.canonical());
  }
  RecordProperty("lagged", static_cast<int>(lagged));
}
INSTANTIATE_TEST_SUITE_P(live_session, live_session_seeds, ::testing::Range<std::uint64_t>(1, 41));

} // namespace
} // namespace fm::http
