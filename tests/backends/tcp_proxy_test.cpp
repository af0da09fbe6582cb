// The proxy itself: what fault tests say with it must be what happens on the wire.
#include "tests/support/tcp_proxy.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {
using namespace fm;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

struct handle {
  int fd = -1;
  explicit handle(int n) : fd(n) {}
  handle(handle&& o) noexcept : fd(std::exchange(o.fd, -1)) {}
  handle& operator=(handle&&) = delete;
  ~handle() {
    if (fd >= 0)
      ::close(fd);
  }
};

/// What a read met.
enum class met { bytes, end, reset, silence };
struct heard {
  met what = met::silence;
  std::string bytes;
};
heard read_some(int fd, std::chrono::milliseconds patience) {
  pollfd p{fd, POLLIN, 0};
  if (::poll(&p, 1, static_cast<int>(patience.count())) == 0)
    return {};
  char buffer[4'096];
  const auto n = ::recv(fd, buffer, sizeof buffer, 0);
  if (n > 0)
    return {met::bytes, std::string(buffer, static_cast<std::size_t>(n))};
  return {n == 0 ? met::end : met::reset, {}};
}
/// Reads until that many bytes are there, or something else happens.
heard read_exactly(int fd, std::size_t bytes) {
  heard all{met::bytes, {}};
  while (all.bytes.size() < bytes) {
    auto some = read_some(fd, 10s);
    if (some.what != met::bytes)
      return {some.what, all.bytes};
    all.bytes += some.bytes;
  }
  return all;
}
/// Reads to the end, whatever kind it is.
heard read_all(int fd) { return read_exactly(fd, SIZE_MAX); }
void say(int fd, const std::string& text) { EXPECT_EQ(::send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size())); }

/// A listener on loopback; taking connections is the test's.
struct server {
  handle listener{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port = 0;
  server() {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t n = sizeof a;
    EXPECT_EQ(::bind(listener.fd, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    EXPECT_EQ(::listen(listener.fd, 64), 0);
    ::getsockname(listener.fd, reinterpret_cast<sockaddr*>(&a), &n);
    port = ntohs(a.sin_port);
  }
  handle take() const { return handle{::accept(listener.fd, nullptr, nullptr)}; }
};
handle connect_to(std::uint16_t port) {
  handle h{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  a.sin_port = htons(port);
  EXPECT_EQ(::connect(h.fd, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
  return h;
}

/// A client and the server's end of the same connection, with the proxy between.
struct tcp_proxy_between : testing::Test {
  server s;
  tcp_proxy proxy{"127.0.0.1", s.port};
  handle client = connect_to(proxy.port());
  handle served = s.take();
  void exchange() const {
    say(client.fd, "ask");
    EXPECT_EQ(read_exactly(served.fd, 3).bytes, "ask");
    say(served.fd, "answer");
    EXPECT_EQ(read_exactly(client.fd, 6).bytes, "answer");
  }
};

TEST_F(tcp_proxy_between, PassesBothWaysAndTheEndOfEachSeparately) {
  exchange();
  ::shutdown(client.fd, SHUT_WR);
  EXPECT_EQ(read_all(served.fd).what, met::end);
  say(served.fd, "late");
  ::shutdown(served.fd, SHUT_WR);
  const auto rest = read_all(client.fd);
  EXPECT_EQ(rest.bytes, "late");
  EXPECT_EQ(rest.what, met::end);
  EXPECT_EQ(proxy.accepted(), 1U);
}

TEST_F(tcp_proxy_between, MoreThanItHoldsIsPassedOnWithoutLoss) {
  std::string much(5U << 20, '\0');
  for (std::size_t i = 0; i < much.size(); ++i)
    much[i] = static_cast<char>(i * 131 >> 7U);
  std::thread sender{[&] {
    for (std::size_t at = 0; at < much.size();) {
      const auto n = ::send(client.fd, much.data() + at, much.size() - at, MSG_NOSIGNAL);
      ASSERT_GT(n, 0);
      at += static_cast<std::size_t>(n);
    }
  }};
  const auto got = read_exactly(served.fd, much.size());
  sender.join();
  EXPECT_TRUE(got.bytes == much);
}

TEST_F(tcp_proxy_between, CutsAfterExactlySoManyBytesInTheDirectionThatIsNamed) {
  proxy.cut_after(4, true);
  say(client.fd, "0123456789");
  EXPECT_EQ(read_all(served.fd).bytes, "0123");
  EXPECT_EQ(read_all(client.fd).what, met::reset);

  auto second = connect_to(proxy.port());
  auto there = s.take();
  proxy.cut_after(4, false);
  say(second.fd, "0123456789");
  EXPECT_EQ(read_exactly(there.fd, 10).bytes, "0123456789") << "the other direction is not counted";
  say(there.fd, "abcdefgh");
  EXPECT_EQ(read_all(second.fd).bytes, "abcd");
}

TEST_F(tcp_proxy_between, CutsOnceAndTheNextConnectionIsWhole) {
  proxy.cut_after(1, true);
  say(client.fd, "xx");
  EXPECT_EQ(read_all(served.fd).bytes, "x");
  auto second = connect_to(proxy.port());
  auto there = s.take();
  say(second.fd, "whole");
  EXPECT_EQ(read_exactly(there.fd, 5).bytes, "whole");
}

TEST_F(tcp_proxy_between, CuttingResetsEveryConnectionThereIs) {
  auto second = connect_to(proxy.port());
  auto there = s.take();
  say(second.fd, "x"); // so that the proxy has taken it
  EXPECT_EQ(read_exactly(there.fd, 1).bytes, "x");
  proxy.cut();
  for (const int fd : {client.fd, served.fd, second.fd, there.fd})
    EXPECT_EQ(read_all(fd).what, met::reset);
}

TEST_F(tcp_proxy_between, ABlackHoleTakesConnectionsAndSaysNothingUntilItIsHealed) {
  exchange();
  proxy.black_hole();
  say(client.fd, "lost?");
  auto second = connect_to(proxy.port());
  say(second.fd, "hello");
  EXPECT_EQ(read_some(served.fd, 150ms).what, met::silence);
  say(served.fd, "no");
  EXPECT_EQ(read_some(client.fd, 50ms).what, met::silence);
  EXPECT_EQ(read_some(second.fd, 50ms).what, met::silence) << "taken, and neither answered nor reset";
  proxy.heal();
  EXPECT_EQ(read_exactly(served.fd, 5).bytes, "lost?");
  EXPECT_EQ(read_exactly(client.fd, 2).bytes, "no");
  auto there = s.take();
  EXPECT_EQ(read_exactly(there.fd, 5).bytes, "hello");
}

TEST_F(tcp_proxy_between, RefusingIsForNewConnectionsOnly) {
  proxy.refuse();
  auto refused = connect_to(proxy.port());
  EXPECT_EQ(read_all(refused.fd).what, met::reset);
  exchange();
  proxy.heal();
  auto second = connect_to(proxy.port());
  auto there = s.take();
  say(second.fd, "in");
  EXPECT_EQ(read_exactly(there.fd, 2).bytes, "in");
  EXPECT_EQ(proxy.accepted(), 3U);
}

TEST_F(tcp_proxy_between, ADelayIsHeldAndTheOrderStays) {
  proxy.delay(60ms);
  const auto began = steady::now();
  say(client.fd, "a");
  EXPECT_EQ(read_exactly(served.fd, 1).bytes, "a");
  EXPECT_GE(steady::now() - began, 60ms);
  say(client.fd, "b");
  proxy.heal();
  say(client.fd, "c");
  EXPECT_EQ(read_exactly(served.fd, 2).bytes, "bc");
}

TEST_F(tcp_proxy_between, HalfClosedTheServerSeesTheEndAndTheClientItsAnswer) {
  exchange();
  proxy.half_close();
  EXPECT_EQ(read_all(served.fd).what, met::end);
  say(served.fd, "bye");
  EXPECT_EQ(read_exactly(client.fd, 3).bytes, "bye");
}

TEST_F(tcp_proxy_between, AServerThatResetsIsFeltByTheClient) {
  exchange();
  const linger now{1, 0};
  ::setsockopt(served.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(std::exchange(served.fd, -1));
  EXPECT_EQ(read_all(client.fd).what, met::reset);
}

TEST(tcp_proxy_alone, NobodyBehindItIsAReset) {
  std::uint16_t free_port = 0;
  {
    server gone;
    free_port = gone.port;
  }
  tcp_proxy proxy{"127.0.0.1", free_port};
  auto c = connect_to(proxy.port());
  EXPECT_EQ(read_all(c.fd).what, met::reset);
}

TEST(tcp_proxy_alone, CommandsFromManyThreadsAndConnectionsComingAndGoing) {
  server s;
  tcp_proxy proxy{"127.0.0.1", s.port};
  std::atomic<bool> stop{false};
  std::thread serving{[&] {
    while (!stop) {
      pollfd p{s.listener.fd, POLLIN, 0};
      if (::poll(&p, 1, 20) <= 0)
        continue;
      auto c = s.take();
      auto some = read_some(c.fd, 100ms);
      if (some.what == met::bytes)
        (void)!::send(c.fd, some.bytes.data(), some.bytes.size(), MSG_NOSIGNAL);
    }
  }};
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t)
    callers.emplace_back([&, t] {
      for (int i = 0; i < 40; ++i)
        switch ((i + t) % 6) {
        case 0: proxy.cut(); break;
        case 1: proxy.delay(1ms); break;
        case 2: proxy.cut_after(3, i % 2 == 0); break;
        case 3: proxy.half_close(); break;
        case 4: proxy.black_hole(); break;
        default: proxy.heal();
        }
    });
  for (int i = 0; i < 40; ++i) {
    auto c = connect_to(proxy.port());
    (void)!::send(c.fd, "hello", 5, MSG_NOSIGNAL);
    (void)read_some(c.fd, 10ms);
  }
  for (auto& c : callers)
    c.join();
  proxy.heal();
  proxy.cut();
  // After all that it still does its work.
  bool answered = false;
  for (int i = 0; i < 50 && !answered; ++i) {
    auto c = connect_to(proxy.port());
    (void)!::send(c.fd, "hello", 5, MSG_NOSIGNAL);
    answered = read_some(c.fd, 2s).bytes == "hello";
  }
  EXPECT_TRUE(answered);
  stop = true;
  serving.join();
}
} // namespace
