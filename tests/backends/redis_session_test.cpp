// What only Redis has: TLS, an authority that is not ours, Sentinel, and servers that are away.
#include "storage/redis/session_store.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <cstdlib>
#include <sys/socket.h>
#include <unistd.h>

namespace {
using namespace fm;
using namespace std::chrono_literals;

std::string given(const char* name) {
  const char* v = std::getenv(name);
  return v ? v : "";
}
redis::options tls_options() {
  redis::options o;
  o.port = static_cast<std::uint16_t>(std::stoul(given("FM_TEST_REDIS_TLS")));
  o.password = "test-only";
  o.tls = true;
  o.tls_ca = given("FM_TEST_REDIS_TLS_DIR") + "/ca.pem";
  o.prefix = "tls-test:";
  return o;
}
#define NEEDS(name)         \
  if (given(name).empty())  \
  GTEST_SKIP() << "no server: " name

TEST(redis_tls, ValuesGoThroughATrustedConnection) {
  NEEDS("FM_TEST_REDIS_TLS");
  for (const char* host : {"127.0.0.1", "localhost"}) {
    auto o = tls_options();
    o.host = host;
    auto s = redis::open_session_store(o, system_clock_source());
    ASSERT_TRUE(s) << s.error().detail;
    ASSERT_TRUE((*s)->set("k", std::string(200'000, 'v'), 10s));
    EXPECT_EQ((*s)->get("k")->value_or("").size(), 200'000U);
  }
}

TEST(redis_tls, AnAuthorityThatIsNotOursIsRefused) {
  NEEDS("FM_TEST_REDIS_TLS");
  auto o = tls_options();
  o.tls_ca = given("FM_TEST_REDIS_TLS_DIR") + "/other.pem";
  auto s = redis::open_session_store(o, system_clock_source());
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().detail.find("TLS"), std::string::npos) << s.error().detail;
  o.tls_ca = "/nowhere.pem";
  EXPECT_FALSE(redis::open_session_store(o, system_clock_source()));
}

TEST(redis_tls, PlainWordsToATlsServerEndWithASentence) {
  NEEDS("FM_TEST_REDIS_TLS");
  auto o = tls_options();
  o.tls = false;
  o.timeout = 500ms;
  auto s = redis::open_session_store(o, system_clock_source());
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, errc::unavailable);
}

TEST(redis_tls, AWrongPasswordIsSaid) {
  NEEDS("FM_TEST_REDIS_TLS");
  auto o = tls_options();
  o.password = "wrong";
  auto s = redis::open_session_store(o, system_clock_source());
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().detail.find("sign us in"), std::string::npos) << s.error().detail;
}

TEST(redis_sentinel, TheMasterIsFoundByItsName) {
  NEEDS("FM_TEST_REDIS_SENTINEL");
  redis::options o;
  o.host = "203.0.113.1"; // not asked: the Sentinel says who it is
  o.sentinels = {"127.0.0.1:1", given("FM_TEST_REDIS_SENTINEL")};
  o.sentinel_master = "fm-master";
  o.password = "test-only";
  auto s = redis::open_session_store(o, system_clock_source());
  ASSERT_TRUE(s) << s.error().detail;
  ASSERT_TRUE((*s)->set("k", "v", 1s));
  o.sentinel_master = "nobody";
  auto unknown = redis::open_session_store(o, system_clock_source());
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().detail.find("nobody"), std::string::npos);
}

TEST(redis_away, NobodyListeningIsUnavailableAtOnce) {
  redis::options o;
  o.port = 1;
  auto s = redis::open_session_store(o, system_clock_source());
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, errc::unavailable);
  EXPECT_TRUE(s.error().retry_after);
}

TEST(redis_away, AServerThatNeverAnswersEndsAtTheDeadline) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0); // listens, and that is all
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
  ASSERT_EQ(::listen(fd, 4), 0);
  socklen_t n = sizeof a;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&a), &n);
  redis::options o;
  o.port = ntohs(a.sin_port);
  o.timeout = 200ms;
  auto s = redis::open_session_store(o, system_clock_source());
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().detail.find("in time"), std::string::npos) << s.error().detail;
  ::close(fd);
}
} // namespace
