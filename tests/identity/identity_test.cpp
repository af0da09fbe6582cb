// The identity actor over in-memory stores, on CAF's testing scheduler: nothing happens between two lines of
// a test that the test did not ask for.
#include "actors/identity/accounts.hpp"
#include "actors/identity/identity.hpp"
#include "protocol/base/sha256.hpp"
#include "tests/identity/fakes.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/send.hpp>
#include <gtest/gtest.h>

#include <set>

namespace fm {
namespace {
using namespace std::chrono_literals;
using namespace identity_testing;

struct test_config : caf::actor_system_config {
  test_config() { set("scheduler.policy", caf::atom("testing")); }
};

struct heard_revocations final : revocation_sink {
  std::vector<std::string> tokens;
  std::vector<user_id> users;
  void on_token_revoked(const std::string& id) noexcept override { tokens.push_back(id); }
  void on_user_deactivated(const user_id& id) noexcept override { users.push_back(id); }
};

struct identity_test : testing::Test {
  test_config config;
  caf::actor_system system{config};
  caf::scheduler::test_coordinator& scheduler =
      dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  std::shared_ptr<manual_clock> clock = std::make_shared<manual_clock>();
  std::shared_ptr<memory_users> users = std::make_shared<memory_users>();
  std::shared_ptr<memory_sessions> sessions = std::make_shared<memory_sessions>(clock);
  std::shared_ptr<test_offload> work = std::make_shared<test_offload>();
  random_ptr random = seeded_random(11);
  identity_settings settings;
  identity_actor actor;

  identity_test() {
    settings.cost = password_cost::minimum;
    settings.dev_login = true;
    start();
  }
  ~identity_test() override { stop(); }
  void start() { actor = spawn_identity(system, settings, {users, sessions, work, clock, random}); }
  void stop() {
    if (!actor)
      return;
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    scheduler.run();
    actor = nullptr;
  }
  void restart() {
    stop();
    start();
  }

  /// Sends, runs everything, and gives the answer, which must have come exactly then.
  template <class T, class Message> outcome<T> ask(Message m) {
    auto got = std::make_shared<std::optional<outcome<T>>>();
    m.answer = reply<T>{[got](outcome<T> r) { got->emplace(std::move(r)); }};
    caf::anon_send(actor, std::move(m));
    scheduler.run();
    if (!*got)
      return make_failure(errc::internal, "no answer came");
    return **got;
  }
  outcome<sign_in_result> sign_up(const std::string& name, const std::string& client = "laptop") {
    return ask<sign_in_result>(
        register_user{name, name + "@example.org", "correct horse", "", client_id{client}, {}});
  }
  outcome<sign_in_result> sign_in(const std::string& name, const std::string& password = "correct horse",
                                  const std::string& client = "laptop") {
    return ask<sign_in_result>(login{name, password, client_id{client}, {}});
  }
  outcome<authenticated> who(const std::string& token) { return ask<authenticated>(authenticate{token, {}}); }
};

TEST_F(identity_test, RegistrationSignsInAndTheTokenSaysWhoItIs) {
  auto ada = sign_up("Ada");
  ASSERT_TRUE(ada) << ada.error().detail;
  EXPECT_EQ(ada->person.username, "Ada");
  EXPECT_EQ(ada->person.email, "ada@example.org");
  EXPECT_EQ(ada->expires_in, 24h);
  EXPECT_GE(ada->access_token.size(), 43U);
  auto me = who(ada->access_token);
  ASSERT_TRUE(me);
  EXPECT_EQ(me->who.user, ada->person.id);
  EXPECT_EQ(me->session, ada->session);
  EXPECT_TRUE(me->who.has(user_role::user));
}

TEST_F(identity_test, NoTokenAndNoPasswordIsEverStored) {
  auto ada = sign_up("ada");
  ASSERT_TRUE(ada);
  for (auto& [key, value] : sessions->values)
    for (auto& secret : {ada->access_token, ada->refresh_token, std::string{"correct horse"}}) {
      EXPECT_EQ(key.find(secret), std::string::npos);
      EXPECT_EQ(value.text.find(secret), std::string::npos);
    }
  EXPECT_TRUE(sessions->values.contains("token:" + sha256_hex(ada->access_token)));
  EXPECT_TRUE(users->by_id.begin()->second.password_hash.starts_with("$argon2id$"));
}

TEST_F(identity_test, ATakenNameIsAConflictThatNamesTheField) {
  ASSERT_TRUE(sign_up("ada"));
  auto again = sign_up("ADA");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, errc::conflict);
  EXPECT_EQ(again.error().reason, "ALREADY_EXISTS");
  EXPECT_EQ(again.error().facts.at("field"), "username");
}

TEST_F(identity_test, AWeakPasswordIsRefused) {
  auto r = ask<sign_in_result>(register_user{"ada", "", "12345678", "", {}, {}});
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, errc::invalid);
  EXPECT_TRUE(users->by_id.empty());
}

TEST_F(identity_test, ClosedRegistrationIsForbidden) {
  settings.registration = false;
  restart();
  auto r = sign_up("ada");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, errc::forbidden);
}

TEST_F(identity_test, LoginWorksByNameInAnyCaseAndByEmail) {
  ASSERT_TRUE(sign_up("Ada"));
  EXPECT_TRUE(sign_in("ada"));
  EXPECT_TRUE(sign_in(" ADA "));
  auto by_mail = sign_in("Ada@Example.org");
  ASSERT_TRUE(by_mail);
  EXPECT_EQ(by_mail->person.last_login_at, clock->now());
}

TEST_F(identity_test, AWrongPasswordAndAnUnknownNameAreTold_InTheSameWords) {
  ASSERT_TRUE(sign_up("ada"));
  auto wrong = sign_in("ada", "wrong password"), unknown = sign_in("nobody", "wrong password");
  ASSERT_FALSE(wrong);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(wrong.error().code, errc::unauthenticated);
  EXPECT_EQ(wrong.error().code, unknown.error().code);
  EXPECT_EQ(wrong.error().detail, unknown.error().detail);
  EXPECT_EQ(wrong.error().facts, unknown.error().facts);
}

TEST_F(identity_test, TheEleventhWrongPasswordHasToWaitEvenWhenItIsRight) {
  ASSERT_TRUE(sign_up("ada"));
  for (int i = 0; i < 10; ++i)
    EXPECT_EQ(sign_in("ada", "wrong password").error().code, errc::unauthenticated);
  auto limited = sign_in("ada");
  ASSERT_FALSE(limited);
  EXPECT_EQ(limited.error().code, errc::rate_limited);
  EXPECT_EQ(limited.error().retry_after, 5min);
  EXPECT_EQ(sign_in("ADA").error().code, errc::rate_limited);
  clock->advance(5min);
  EXPECT_TRUE(sign_in("ada"));
}

TEST_F(identity_test, ManyAttemptsAtOnceCannotSlipPastTheLimit) {
  ASSERT_TRUE(sign_up("ada"));
  work->hold = true;
  std::vector<errc> codes;
  for (int i = 0; i < 30; ++i)
    caf::anon_send(
        actor, login{"ada", "wrong password", {}, reply<sign_in_result>{[&codes](outcome<sign_in_result> r) {
                       codes.push_back(r ? errc::internal : r.error().code);
                     }}});
  scheduler.run();
  EXPECT_EQ(codes.size(), 20U) << "twenty were refused before any was judged";
  for (int i = 0; i < 30; ++i) {
    work->run_held();
    scheduler.run();
  }
  EXPECT_EQ(std::count(codes.begin(), codes.end(), errc::unauthenticated), 10);
  EXPECT_EQ(std::count(codes.begin(), codes.end(), errc::rate_limited), 20);
}

TEST_F(identity_test, ADeactivatedPersonIsToldSoOnlyWithTheRightPassword) {
  auto ada = sign_up("ada");
  ASSERT_TRUE(ask<done_t>(set_user_active{ada->person.id, false, {}}));
  EXPECT_EQ(sign_in("ada").error().code, errc::forbidden);
  EXPECT_EQ(sign_in("ada", "wrong password").error().code, errc::unauthenticated);
}

TEST_F(identity_test, DevLoginMakesThePersonOnceAndOnlyWhenItIsOn) {
  auto first = ask<sign_in_result>(dev_login{"ada", client_id{"a"}, {}});
  auto second = ask<sign_in_result>(dev_login{"Ada", client_id{"b"}, {}});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->person.id, second->person.id);
  EXPECT_EQ(sign_in("ada", "").error().code, errc::unauthenticated) << "no password means no password login";
  settings.dev_login = false;
  restart();
  EXPECT_EQ(ask<sign_in_result>(dev_login{"ada", {}, {}}).error().code, errc::forbidden);
}

TEST_F(identity_test, TheHotPathDoesNotTouchTheStores) {
  auto ada = sign_up("ada");
  ASSERT_TRUE(who(ada->access_token));
  const auto reads = sessions->reads;
  users->down = true;
  for (int i = 0; i < 100; ++i)
    EXPECT_TRUE(who(ada->access_token));
  EXPECT_EQ(sessions->reads, reads);
}

TEST_F(identity_test, ATokenSurvivesARestartAndEndsAfterADay) {
  auto ada = sign_up("ada");
  restart();
  EXPECT_TRUE(who(ada->access_token));
  clock->advance(24h - 1ms);
  EXPECT_TRUE(who(ada->access_token)) << "the session is long gone, the token is good";
  clock->advance(1ms);
  EXPECT_EQ(who(ada->access_token).error().code, errc::unauthenticated);
  EXPECT_EQ(who("").error().code, errc::unauthenticated);
  EXPECT_EQ(who(std::string(100'000, 'a')).error().code, errc::unauthenticated);
  EXPECT_EQ(who("made-up").error().code, errc::unauthenticated);
}

TEST_F(identity_test, AFaultOfTheStoreIsNotARefusal) {
  auto ada = sign_up("ada");
  restart();
  sessions->down = true;
  EXPECT_EQ(who(ada->access_token).error().code, errc::unavailable);
  sessions->down = false;
  EXPECT_TRUE(who(ada->access_token));
}

TEST_F(identity_test, LogoutEndsEveryTokenOfThatSignInAndTellsTheListeners) {
  auto sink = std::make_shared<heard_revocations>();
  caf::anon_send(actor, watch_revocations{sink});
  auto laptop = sign_up("ada", "laptop"), phone = sign_in("ada", "correct horse", "phone");
  auto longer = ask<sign_in_result>(refresh_login{laptop->refresh_token, {}});
  ASSERT_TRUE(longer);
  ASSERT_TRUE(who(laptop->access_token) && who(phone->access_token) && who(longer->access_token));
  ASSERT_TRUE(ask<done_t>(logout{longer->access_token, {}}));
  EXPECT_EQ(who(longer->access_token).error().code, errc::unauthenticated);
  EXPECT_EQ(who(laptop->access_token).error().code, errc::unauthenticated);
  EXPECT_EQ(ask<sign_in_result>(refresh_login{longer->refresh_token, {}}).error().code,
            errc::unauthenticated);
  EXPECT_TRUE(who(phone->access_token)) << "another device stays signed in";
  EXPECT_EQ(std::set<std::string>(sink->tokens.begin(), sink->tokens.end()),
            (std::set<std::string>{sha256_hex(longer->access_token), sha256_hex(laptop->access_token)}));
  EXPECT_EQ(ask<session>(read_session{laptop->person.id, laptop->session, {}}).error().code, errc::not_found);
  EXPECT_EQ(ask<done_t>(logout{longer->access_token, {}}).error().code, errc::unauthenticated);
}

TEST_F(identity_test, ATokenRevokedWhileItWasLookedUpDoesNotComeBack) {
  auto first = sign_up("ada");
  auto second = ask<sign_in_result>(refresh_login{first->refresh_token, {}}); // the same session
  restart();
  std::optional<outcome<authenticated>> looked;
  work->hold = true;
  caf::anon_send(actor, authenticate{first->access_token, reply<authenticated>{[&](outcome<authenticated> r) {
                                       looked = std::move(r);
                                     }}});
  scheduler.run();
  ASSERT_EQ(work->held.size(), 1U);
  auto lookup = std::move(work->held.front());
  work->held.clear();
  work->hold = false;
  // The store said "good"; before that reaches the actor, the whole sign-in is ended through its other token.
  bool signed_out = false;
  sessions->after_get = [&] { signed_out = ask<done_t>(logout{second->access_token, {}}).has_value(); };
  lookup();
  ASSERT_TRUE(signed_out);
  scheduler.run();
  ASSERT_TRUE(looked);
  EXPECT_FALSE(*looked) << "a stale yes reached the caller";
  EXPECT_EQ(who(first->access_token).error().code, errc::unauthenticated);
}

TEST_F(identity_test, ARefreshTokenWorksOnceEvenWhenUsedTwiceAtOnce) {
  auto ada = sign_up("ada");
  int good = 0, bad = 0;
  work->hold = true;
  for (int i = 0; i < 5; ++i)
    caf::anon_send(
        actor, refresh_login{ada->refresh_token,
                             reply<sign_in_result>{[&](outcome<sign_in_result> r) { ++(r ? good : bad); }}});
  scheduler.run();
  for (int i = 0; i < 50 && !work->held.empty(); ++i) {
    work->run_held();
    scheduler.run();
  }
  EXPECT_EQ(good, 1);
  EXPECT_EQ(bad, 4);
}

TEST_F(identity_test, ARefreshThatTheStoreCouldNotFinishMayBeTriedAgain) {
  auto ada = sign_up("ada");
  for (std::size_t n = 0; n < 8; ++n) {
    sessions->writes = 0;
    sessions->writes_until_failure = n;
    auto r = ask<sign_in_result>(refresh_login{ada->refresh_token, {}});
    if (r) { // the only write left to fail was tidying up
      EXPECT_GE(n, 7U);
      return;
    }
    EXPECT_EQ(r.error().code, errc::unavailable) << n;
  }
  sessions->writes_until_failure = ~std::size_t{0};
  EXPECT_TRUE(ask<sign_in_result>(refresh_login{ada->refresh_token, {}}));
}

TEST_F(identity_test, ARefreshTokenEndsAfterThirtyDays) {
  auto ada = sign_up("ada");
  clock->advance(24h * 30);
  EXPECT_EQ(ask<sign_in_result>(refresh_login{ada->refresh_token, {}}).error().code, errc::unauthenticated);
}

TEST_F(identity_test, ANewPasswordEndsOldTokens) {
  auto ada = sign_up("ada");
  stop(); // the command line works while the server is down
  clock->advance(1s);
  ASSERT_TRUE(identity::change_password(*users, "ada", "another horse", password_cost::minimum, *clock));
  start();
  EXPECT_EQ(who(ada->access_token).error().code, errc::unauthenticated);
  EXPECT_EQ(ask<sign_in_result>(refresh_login{ada->refresh_token, {}}).error().code, errc::unauthenticated);
  EXPECT_EQ(sign_in("ada").error().code, errc::unauthenticated);
  EXPECT_TRUE(sign_in("ada", "another horse"));
}

TEST_F(identity_test, DeactivationEndsEverythingAtOnceAndForGood) {
  auto sink = std::make_shared<heard_revocations>();
  caf::anon_send(actor, watch_revocations{sink});
  auto ada = sign_up("ada");
  ASSERT_TRUE(who(ada->access_token));
  auto ticket = ask<std::string>(issue_ticket{*who(ada->access_token), {}});
  ASSERT_TRUE(ask<done_t>(set_user_active{ada->person.id, false, {}}));
  EXPECT_EQ(sink->users, std::vector{ada->person.id});
  EXPECT_EQ(who(ada->access_token).error().code, errc::unauthenticated);
  EXPECT_EQ(ask<authenticated>(redeem_ticket{*ticket, {}}).error().code, errc::unauthenticated);
  EXPECT_EQ(ask<std::vector<session>>(list_sessions{ada->person.id, {}})->size(), 0U);
  ASSERT_TRUE(ask<done_t>(set_user_active{ada->person.id, true, {}}));
  EXPECT_EQ(who(ada->access_token).error().code, errc::unauthenticated) << "old tokens stay dead";
  auto back = sign_in("ada");
  ASSERT_TRUE(back);
  EXPECT_TRUE(who(back->access_token));
}

TEST_F(identity_test, ATicketOpensOnceWithinThirtySecondsAndDiesWithItsToken) {
  auto ada = sign_up("ada");
  auto me = who(ada->access_token);
  auto first = ask<std::string>(issue_ticket{*me, {}});
  ASSERT_TRUE(first);
  auto redeemed = ask<authenticated>(redeem_ticket{*first, {}});
  ASSERT_TRUE(redeemed);
  EXPECT_EQ(redeemed->who, me->who);
  EXPECT_EQ(ask<authenticated>(redeem_ticket{*first, {}}).error().code, errc::unauthenticated);
  auto late = ask<std::string>(issue_ticket{*me, {}});
  clock->advance(30s);
  EXPECT_EQ(ask<authenticated>(redeem_ticket{*late, {}}).error().code, errc::unauthenticated);
  auto revoked = ask<std::string>(issue_ticket{*me, {}});
  ASSERT_TRUE(ask<done_t>(logout{ada->access_token, {}}));
  EXPECT_EQ(ask<authenticated>(redeem_ticket{*revoked, {}}).error().code, errc::unauthenticated);
  EXPECT_EQ(ask<std::string>(issue_ticket{*me, {}}).error().code, errc::unauthenticated);
}

struct session_test : identity_test {
  user_id ada = sign_up("ada", "first")->person.id;
  outcome<std::pair<session, bool>> open(const std::string& client, std::chrono::minutes timeout = 180min) {
    return ask<std::pair<session, bool>>(
        open_session{ada, client_id{client}, timeout, "troubleshooting", {{"os", "linux"}}, {}});
  }
  std::size_t live() { return ask<std::vector<session>>(list_sessions{ada, {}})->size(); }
};

TEST_F(session_test, TheSameClientResumesItsLiveSession) {
  auto a = open("tab"), b = open("tab"), c = open("other");
  ASSERT_TRUE(a && b && c);
  EXPECT_FALSE(a->second);
  EXPECT_TRUE(b->second);
  EXPECT_EQ(a->first.id, b->first.id);
  EXPECT_NE(a->first.id, c->first.id);
  clock->advance(180min);
  auto late = open("tab");
  EXPECT_FALSE(late->second);
  EXPECT_NE(late->first.id, a->first.id);
}

TEST_F(session_test, SlidesWithActivityAndEndsWithoutIt) {
  auto s = open("tab", 60min)->first;
  for (int i = 0; i < 5; ++i) {
    clock->advance(59min);
    ASSERT_TRUE(ask<session>(touch_session{ada, s.id, {}}));
  }
  auto read = ask<session>(read_session{ada, s.id, {}});
  EXPECT_EQ(read->expires_at, clock->now() + 60min);
  clock->advance(60min);
  EXPECT_EQ(ask<session>(touch_session{ada, s.id, {}}).error().code, errc::not_found);
}

TEST_F(session_test, ARequestWithTheTokenSlidesItsSession) {
  auto in = sign_in("ada", "correct horse", "desk");
  for (int i = 0; i < 4; ++i) {
    clock->advance(100min);
    ASSERT_TRUE(who(in->access_token));
  }
  EXPECT_TRUE(ask<session>(read_session{ada, in->session, {}}));
}

TEST_F(session_test, AnEleventhSessionTakesThePlaceOfTheLongestIdle) {
  std::vector<session_id> ids;
  for (int i = 0; i < 9; ++i) {
    clock->advance(1s);
    ids.push_back(open("tab" + std::to_string(i))->first.id);
  }
  EXPECT_EQ(live(), 10U);
  clock->advance(1s);
  auto first = ask<std::vector<session>>(list_sessions{ada, {}})->back().id; // the sign-up's own
  ASSERT_TRUE(ask<session>(touch_session{ada, first, {}}));
  ASSERT_TRUE(open("one more"));
  EXPECT_EQ(live(), 10U);
  EXPECT_TRUE(ask<session>(read_session{ada, first, {}})) << "it was used a moment ago";
  EXPECT_EQ(ask<session>(read_session{ada, ids[0], {}}).error().code, errc::not_found);
}

TEST_F(session_test, SomebodyElsesSessionDoesNotExist) {
  auto s = open("tab")->first;
  auto eve = sign_up("eve")->person.id;
  EXPECT_EQ(ask<session>(read_session{eve, s.id, {}}).error().code, errc::not_found);
  EXPECT_EQ(ask<session>(touch_session{eve, s.id, {}}).error().code, errc::not_found);
  EXPECT_EQ(ask<done_t>(close_session{eve, s.id, {}}).error().code, errc::not_found);
  EXPECT_TRUE(ask<session>(read_session{ada, s.id, {}}));
}

TEST_F(session_test, ClosingLeavesNothingBehindAndTheTokenGood) {
  auto in = sign_in("ada", "correct horse", "desk");
  ASSERT_TRUE(ask<done_t>(close_session{ada, in->session, {}}));
  EXPECT_TRUE(who(in->access_token));
  for (auto& [key, value] : sessions->values)
    EXPECT_EQ(key.find(in->session.value), std::string::npos) << key;
  EXPECT_FALSE(open("desk")->second);
}

TEST_F(session_test, CleanupCountsWhatHadExpired) {
  ASSERT_TRUE(open("a", 60min) && open("b", 60min));
  const auto before = live();
  // Index entries whose session is gone, as a crash between two writes leaves them.
  sessions->values["user_session:" + ada.value + ":ghost"] = {"", std::nullopt};
  EXPECT_EQ(*ask<std::uint64_t>(cleanup_sessions{ada, {}}), 1U);
  EXPECT_EQ(live(), before);
}

TEST_F(session_test, RefusesATimeoutOutsideTheBounds) {
  EXPECT_EQ(open("a", 59min).error().code, errc::invalid);
  EXPECT_EQ(open("a", 481min).error().facts.at("field"), "timeout_minutes");
}

struct idempotency_test : identity_test {
  user_id ada{"user_ada"};
  idempotency_state begin(const std::string& body = "d1") {
    auto r = ask<idempotency_state>(begin_idempotent{ada, "key-00001", body, {}});
    EXPECT_TRUE(r) << (r ? "" : r.error().detail);
    return r ? *r : idempotency_state{};
  }
  outcome<done_t> finish(const std::string& stored, const std::string& body = "d1") {
    return ask<done_t>(finish_idempotent{ada, "key-00001", body, stored, {}});
  }
};
using kind = idempotency_state::kind;

TEST_F(idempotency_test, TheFirstAnswerIsReplayedForADay) {
  EXPECT_EQ(begin().what, kind::fresh);
  EXPECT_EQ(begin().what, kind::running);
  EXPECT_EQ(begin("d2").what, kind::reused);
  ASSERT_TRUE(finish("{\"status\":201,\"body\":\"\xC3\xA9\"}"));
  auto again = begin();
  EXPECT_EQ(again.what, kind::finished);
  EXPECT_EQ(again.stored, "{\"status\":201,\"body\":\"\xC3\xA9\"}");
  EXPECT_EQ(begin("d2").what, kind::reused);
  clock->advance(24h);
  EXPECT_EQ(begin("d2").what, kind::fresh);
}

TEST_F(idempotency_test, AFailedRequestReleasesItsKey) {
  EXPECT_EQ(begin().what, kind::fresh);
  ASSERT_TRUE(finish(""));
  EXPECT_EQ(begin("d2").what, kind::fresh);
}

TEST_F(idempotency_test, ARequestThatDiedWithTheServerCountsAsNeverMade) {
  settings.boot_id = "boot-1";
  restart();
  EXPECT_EQ(begin().what, kind::fresh);
  settings.boot_id = "boot-2";
  restart();
  EXPECT_EQ(begin().what, kind::fresh);
  EXPECT_EQ(begin().what, kind::running);
  ASSERT_TRUE(finish("done"));
  settings.boot_id = "boot-3";
  restart();
  EXPECT_EQ(begin().what, kind::finished) << "a finished one survives";
}

TEST_F(idempotency_test, AHundredAtOnceAreOneFreshAndTheRestRunning) {
  std::map<kind, int> seen;
  for (int i = 0; i < 100; ++i)
    caf::anon_send(actor, begin_idempotent{ada, "key-00001", "d1",
                                           reply<idempotency_state>{[&](outcome<idempotency_state> r) {
                                             ASSERT_TRUE(r);
                                             ++seen[r->what];
                                           }}});
  scheduler.run();
  EXPECT_EQ(seen[kind::fresh], 1);
  EXPECT_EQ(seen[kind::running], 99);
}

TEST_F(idempotency_test, KeysOfDifferentPeopleDoNotMeet) {
  EXPECT_EQ(begin().what, kind::fresh);
  EXPECT_EQ(ask<idempotency_state>(begin_idempotent{user_id{"user_eve"}, "key-00001", "d2", {}})->what,
            kind::fresh);
}

TEST_F(idempotency_test, AnAnswerTooLongToKeepDoesNotBlockTheKey) {
  EXPECT_EQ(begin().what, kind::fresh);
  EXPECT_EQ(finish(std::string(2U << 20, 'x')).error().code, errc::too_large);
  EXPECT_EQ(begin().what, kind::fresh);
}

TEST_F(identity_test, AFullExecutorSaysOverloadedAtOnceAndRecovers) {
  ASSERT_TRUE(sign_up("ada"));
  work->full = true;
  auto r = sign_in("ada");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, errc::overloaded);
  EXPECT_TRUE(r.error().retry_after);
  EXPECT_EQ(sign_up("bob").error().code, errc::overloaded);
  work->full = false;
  EXPECT_TRUE(sign_in("ada"));
}

TEST_F(identity_test, WaitingRequestsAreBounded) {
  settings.requests_max = 4;
  restart();
  work->hold = true;
  int overloaded = 0;
  for (int i = 0; i < 10; ++i)
    caf::anon_send(actor, read_user{user_id{"u" + std::to_string(i)}, reply<user>{[&](outcome<user> r) {
                                      overloaded += !r && r.error().code == errc::overloaded;
                                    }}});
  scheduler.run();
  EXPECT_EQ(overloaded, 6);
  EXPECT_EQ(work->held.size(), 4U);
  work->run_held();
  scheduler.run();
}

TEST_F(identity_test, RequestsAboutOnePersonRunOneAfterAnother) {
  auto ada = sign_up("ada");
  work->hold = true;
  for (int i = 0; i < 5; ++i)
    caf::anon_send(actor, touch_session{ada->person.id, ada->session, {}});
  caf::anon_send(actor, read_user{user_id{"somebody"}, {}});
  scheduler.run();
  EXPECT_EQ(work->held.size(), 2U) << "one of ada's, one of somebody's";
  for (int i = 0; i < 10; ++i) {
    work->run_held();
    scheduler.run();
  }
  EXPECT_TRUE(work->held.empty());
}

TEST_F(identity_test, WhoeverWaitsWhenTheActorDiesIsAnswered) {
  work->hold = true;
  std::optional<errc> code;
  caf::anon_send(actor, read_user{user_id{"u"}, reply<user>{[&](outcome<user> r) {
                                    code = r ? errc::internal : r.error().code;
                                  }}});
  scheduler.run();
  EXPECT_FALSE(code);
  stop();
  work->held.clear();
  EXPECT_EQ(code, errc::unavailable);
}

TEST_F(identity_test, ReadUserHidesTheDeleted) {
  auto ada = sign_up("ada");
  EXPECT_EQ(ask<user>(read_user{ada->person.id, {}})->username, "ada");
  users->by_id[ada->person.id.value].person.deleted_at = clock->now();
  EXPECT_EQ(ask<user>(read_user{ada->person.id, {}}).error().code, errc::not_found);
}

TEST_F(identity_test, AccountsAreListedPageByPage) {
  for (int i = 0; i < 450; ++i)
    ASSERT_TRUE(identity::add_account(*users,
                                      {"user" + std::to_string(i), "", "", "", {user_role::user}, false},
                                      password_cost::minimum, *clock, *random));
  EXPECT_EQ(identity::list_accounts(*users, 1'000)->size(), 450U);
  EXPECT_EQ(identity::list_accounts(*users, 300)->size(), 300U);
}
} // namespace
} // namespace fm
