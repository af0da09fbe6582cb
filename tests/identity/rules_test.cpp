// Names, addresses, passwords, sessions and the login limiter, asked without an actor.
#include "actors/identity/passwords.hpp"
#include "actors/identity/records.hpp"
#include "actors/identity/rules.hpp"
#include "actors/identity/tickets.hpp"

#include <gtest/gtest.h>

namespace fm::identity {
namespace {
using namespace std::chrono_literals;
const timestamp t0{std::chrono::milliseconds{1'000'000}};

session idle_since(const char* id, std::chrono::milliseconds at) {
  session s;
  s.id = session_id{id};
  s.last_activity_at = timestamp{at};
  return s;
}

TEST(identity_rules, UsernamesHaveThreeToFiftyPlainCharacters) {
  for (const char* good : {"ada", "Ada.Lovelace", "a-b_c", "0day"})
    EXPECT_TRUE(check_username(good)) << good;
  for (const char* bad : {"", "ab", "ada lovelace", "ädä", "ada@home", "-ada", ".ada", "a/b", "a*b"})
    EXPECT_FALSE(check_username(bad)) << bad;
  EXPECT_TRUE(check_username(std::string(50, 'a')));
  EXPECT_FALSE(check_username(std::string(51, 'a')));
  EXPECT_EQ(check_username("x").error().facts.at("field"), "username");
}

TEST(identity_rules, EmailsAreOptionalButShaped) {
  for (const char* good : {"", "ada@example.org", "a.b+c@x.y.z", "root@localhost"})
    EXPECT_TRUE(check_email(good)) << good;
  for (const char* bad :
       {"ada", "@x.org", "ada@", "a@b@c", "ada@x..y", "ada @x.org", "ada@.x", "ada@x.", "a@b\n"})
    EXPECT_FALSE(check_email(bad)) << bad;
}

TEST(identity_rules, PasswordsAreLongNotObviousAndNotTheName) {
  EXPECT_TRUE(check_password("correct horse", "ada", "ada@x.org"));
  EXPECT_TRUE(check_password("пароль-длинный", "ada", ""));
  for (const char* bad : {"", "short", "1234567", "password", "PassWord1", "aaaaaaaaaaaa", "qwertyuiop"})
    EXPECT_FALSE(check_password(bad, "ada", "")) << bad;
  EXPECT_FALSE(check_password("Lovelace", "lovelace", ""));
  EXPECT_FALSE(check_password("ada@example.org", "ada", "ada@example.org"));
  EXPECT_FALSE(check_password(std::string(257, 'a') + "b", "ada", ""));
  EXPECT_FALSE(check_password("abcdefgh\xFF", "ada", ""));
}

TEST(identity_rules, SessionsLastAnHourToEight) {
  EXPECT_TRUE(check_session_request(60min, "", {}));
  EXPECT_TRUE(check_session_request(480min, "x", {{"os", "linux"}}));
  EXPECT_FALSE(check_session_request(59min, "", {}));
  EXPECT_FALSE(check_session_request(481min, "", {}));
  EXPECT_FALSE(check_session_request(60min, "", {{"big", std::string(9'000, 'x')}}));
}

TEST(identity_rules, TheLongestIdleSessionGivesWay) {
  const std::vector<session> live{idle_since("b", 20ms), idle_since("a", 10ms), idle_since("c", 30ms)};
  EXPECT_TRUE(sessions_giving_way(live, 4).empty());
  EXPECT_EQ(sessions_giving_way(live, 3), std::vector{session_id{"a"}});
  EXPECT_EQ(sessions_giving_way(live, 2), (std::vector{session_id{"a"}, session_id{"b"}}));
  EXPECT_EQ(sessions_giving_way(live, 1).size(), 3U);
}

TEST(identity_rules, ASessionSlidesWithActivityAndEndsOnTheDot) {
  auto s = idle_since("a", 0ms);
  s = slid(s, t0);
  EXPECT_EQ(s.expires_at, t0 + 180min);
  EXPECT_TRUE(is_live(s, t0 + 180min - 1ms));
  EXPECT_FALSE(is_live(s, t0 + 180min));
}

TEST(login_limiter, LetsTenFailThenSaysHowLongToWait) {
  login_limiter limiter{10, 5min, 100};
  for (int i = 0; i < 10; ++i)
    EXPECT_FALSE(limiter.begin("ada", t0 + i * 1s));
  const auto wait = limiter.begin("ada", t0 + 60s);
  ASSERT_TRUE(wait);
  EXPECT_EQ(*wait, 4min);
  EXPECT_FALSE(limiter.begin("bob", t0 + 60s));
  EXPECT_FALSE(limiter.begin("ada", t0 + 5min));
}

TEST(login_limiter, ForgetsFailuresAfterASuccessAndDoesNotCountWhatWasNotJudged) {
  login_limiter limiter{2, 5min, 100};
  EXPECT_FALSE(limiter.begin("ada", t0));
  limiter.not_judged("ada");
  EXPECT_FALSE(limiter.begin("ada", t0));
  EXPECT_FALSE(limiter.begin("ada", t0));
  EXPECT_TRUE(limiter.begin("ada", t0));
  limiter.succeeded("ada");
  EXPECT_FALSE(limiter.begin("ada", t0));
}

TEST(login_limiter, CountsABoundedNumberOfNames) {
  login_limiter limiter{1, 5min, 3};
  for (int i = 0; i < 1'000; ++i)
    EXPECT_FALSE(limiter.begin("name" + std::to_string(i), t0));
  EXPECT_LE(limiter.names(), 3U);
  EXPECT_TRUE(limiter.begin("name999", t0));
}

TEST(ticket_table, ATicketWorksOnceAndForThirtySeconds) {
  ticket_table table{30s, 2};
  authenticated ada;
  ada.token_id = "t1";
  EXPECT_TRUE(table.add("h1", ada, t0));
  EXPECT_TRUE(table.add("h2", ada, t0 + 1s));
  EXPECT_FALSE(table.add("h3", ada, t0 + 2s)) << "two may wait";
  EXPECT_EQ(table.take("h1", t0 + 29s)->token_id, "t1");
  EXPECT_FALSE(table.take("h1", t0 + 29s));
  EXPECT_FALSE(table.take("h2", t0 + 31s));
  EXPECT_EQ(table.size(), 0U);
}

TEST(token_cache, TheLeastRecentlyUsedGivesWay) {
  token_cache cache{2, 5min};
  cache.put("a", {{}, t0 + 1h, t0, {}});
  cache.put("b", {{}, t0 + 1h, t0, {}});
  EXPECT_TRUE(cache.find("a", t0));
  cache.put("c", {{}, t0 + 1h, t0, {}});
  EXPECT_TRUE(cache.find("a", t0));
  EXPECT_FALSE(cache.find("b", t0));
  EXPECT_EQ(cache.size(), 2U);
}

TEST(token_cache, ForgetsWhatExpiredOrWasNotCheckedForAWhile) {
  token_cache cache{10, 5min};
  cache.put("a", {{}, t0 + 1s, t0, {}});
  EXPECT_TRUE(cache.find("a", t0 + 999ms));
  EXPECT_FALSE(cache.find("a", t0 + 1s));
  cache.put("b", {{}, t0 + 1h, t0, {}});
  EXPECT_FALSE(cache.find("b", t0 + 5min));
}

TEST(identity_records, ComeBackAsTheyWereWritten) {
  session s;
  s.id = session_id{"s1"};
  s.user = user_id{"u1"};
  s.client = client_id{"browser \"7\""};
  s.timeout = 90min;
  s.created_at = s.last_activity_at = t0;
  s.expires_at = t0 + 90min;
  s.metadata = {{"os", "Linux\n"}, {"ünï", "cödé"}};
  EXPECT_EQ(decode_session(encode(s)), s);
  const token_record t{user_id{"u1"}, session_id{"s1"}, client_id{"c"}, t0, t0 + 24h};
  EXPECT_EQ(decode_token(encode(t)), t);
  const idempotency_record running{false, "boot", "digest", ""},
      finished{true, "", "digest", "{\"a\":\"b\"}"};
  EXPECT_EQ(decode_idempotency(encode(running)), running);
  EXPECT_EQ(decode_idempotency(encode(finished)), finished);
  const auto whole = encode(running);
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_FALSE(decode_idempotency(std::string_view{whole}.substr(0, n))) << n;
  EXPECT_EQ(decode_idempotency(whole + "3:new5:field"), running) << "a later version's field";
  for (const char* broken : {"", ":", "4:user", "99999999999999999999:x", "-1:x", "{}",
                             "5:state3:odd4:body1:x4:boot1:y", "\xFF"}) {
    EXPECT_FALSE(decode_session(broken)) << broken;
    EXPECT_FALSE(decode_token(broken)) << broken;
    EXPECT_FALSE(decode_idempotency(broken)) << broken;
  }
}

TEST(identity_records, KeysStayShortAndFreeOfPatternsWhateverAClientSends) {
  const user_id ada{"user_0123456789ab"};
  EXPECT_EQ(session_of_client_key(ada, client_id{"chrome-7"}), "session_client:user_0123456789ab:chrome-7");
  for (const std::string& odd :
       {std::string{"*"}, std::string{"a:b"}, std::string(10'000, 'x'), std::string{"\n"}}) {
    const auto key = session_of_client_key(ada, client_id{odd});
    EXPECT_LE(key.size(), 200U);
    EXPECT_EQ(key.find('*'), std::string::npos);
  }
  EXPECT_NE(session_of_client_key(ada, client_id{"*"}), session_of_client_key(ada, client_id{"**"}));
}

TEST(passwords, AreArgon2idAndVerifyOnlyThemselves) {
  const auto hash = hash_password("correct horse", password_cost::minimum);
  ASSERT_TRUE(hash);
  EXPECT_TRUE(hash->starts_with("$argon2id$"));
  EXPECT_TRUE(verify_password("correct horse", *hash));
  EXPECT_FALSE(verify_password("correct horsf", *hash));
  EXPECT_FALSE(verify_password("correct horse", ""));
  EXPECT_FALSE(verify_password("correct horse", "not a hash"));
  EXPECT_NE(*hash, *hash_password("correct horse", password_cost::minimum)) << "salted";
  EXPECT_TRUE(dummy_hash(password_cost::minimum).starts_with("$argon2id$"));
}
} // namespace
} // namespace fm::identity
