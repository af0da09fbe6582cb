// Non-blocking sockets in one poll loop; commands set flags, wake it, and wait until it has done as they say.
#include "tests/support/tcp_proxy.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <condition_variable>
#include <deque>
#include <fcntl.h>
#include <list>
#include <mutex>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace fm {
namespace {
using steady = std::chrono::steady_clock;
constexpr std::size_t held_bytes_max = 1U << 20; // a direction; behind it the sender waits

void reset(int fd) { // RST instead of FIN
  const linger now{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(fd);
}

struct piece {
  std::string bytes;
  steady::time_point due;
};
struct lane { // one direction
  int from = -1, to = -1;
  std::deque<piece> held;
  std::size_t held_bytes = 0;
  bool ended = false, end_passed = false;
};
struct link {
  int client = -1, server = -1;
  lane up, down;
};
} // namespace

struct tcp_proxy::machine {
  sockaddr_in target{};
  int listener = -1, wake = -1;
  std::uint16_t port = 0;
  std::atomic<std::uint64_t> accepted{0};
  std::mutex mutex;
  // Commands, under the mutex.
  std::uint64_t given = 0, obeyed = 0;
  std::condition_variable has_obeyed;
  bool stop = false, hole = false, refusing = false, cut_now = false, half_now = false;
  std::chrono::milliseconds slow{0};
  std::uint64_t bytes_left = 0; // 0 = no bound
  bool bound_up = true;
  std::list<link> links; // the thread's alone
  std::thread thread;

  template <class F>
  void command(F f) {
    std::unique_lock lock{mutex};
    f();
    const auto mine = ++given;
    const std::uint64_t one = 1;
    (void)!::write(wake, &one, sizeof one);
    has_obeyed.wait(lock, [&] { return obeyed >= mine; });
  }

  void close_all(link& l) {
    reset(l.client);
    reset(l.server);
  }

  void take() {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
      return;
    ++accepted;
    bool no = false;
    {
      std::lock_guard lock{mutex};
      no = refusing;
    }
    const int to = no ? -1 : ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (no || to < 0 || ::connect(to, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
      reset(fd);
      if (to >= 0)
        ::close(to);
      return;
    }
    ::fcntl(to, F_SETFL, ::fcntl(to, F_GETFL) | O_NONBLOCK);
    const int yes = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    ::setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    link l;
    l.client = fd;
    l.server = to;
    l.up.from = l.down.to = fd;
    l.up.to = l.down.from = to;
    links.push_back(std::move(l));
  }

  /// False when the connection has to go.
  bool read(lane& d) {
    char buffer[16'384];
    const auto n = ::recv(d.from, buffer, sizeof buffer, 0);
    if (n < 0)
      return errno == EAGAIN || errno == EINTR;
    if (n == 0) {
      d.ended = true;
      return true;
    }
    std::chrono::milliseconds by{0};
    {
      std::lock_guard lock{mutex};
      by = slow;
    }
    d.held.push_back({std::string(buffer, static_cast<std::size_t>(n)), steady::now() + by});
    d.held_bytes += static_cast<std::size_t>(n);
    return true;
  }

  bool write(lane& d, bool up) {
    while (!d.held.empty() && d.held.front().due <= steady::now()) {
      auto& p = d.held.front();
      std::size_t take = p.bytes.size();
      bool last = false;
      {
        std::lock_guard lock{mutex};
        if (bytes_left > 0 && bound_up == up && bytes_left <= take) {
          take = static_cast<std::size_t>(bytes_left);
          last = true;
        }
      }
      const auto n = ::send(d.to, p.bytes.data(), take, MSG_NOSIGNAL);
      if (n < 0)
        return errno == EAGAIN || errno == EINTR;
      d.held_bytes -= static_cast<std::size_t>(n);
      {
        std::lock_guard lock{mutex};
        if (bytes_left > 0 && bound_up == up) {
          bytes_left -= std::min<std::uint64_t>(bytes_left, static_cast<std::uint64_t>(n));
          if (last && bytes_left == 0)
            return false;
        }
      }
      p.bytes.erase(0, static_cast<std::size_t>(n));
      if (p.bytes.empty())
        d.held.pop_front();
    }
    if (d.ended && d.held.empty() && !d.end_passed) {
      ::shutdown(d.to, SHUT_WR);
      d.end_passed = true;
    }
    return true;
  }

  void run() {
    bool in_hole = false;
    while (true) {
      std::vector<pollfd> fds{{listener, POLLIN, 0}, {wake, POLLIN, 0}};
      int wait = 1'000;
      const bool watched = !in_hole;
      if (watched)
        for (auto& l : links)
          for (auto* d : {&l.up, &l.down}) {
            short events = 0;
            if (!d->ended && d->held_bytes < held_bytes_max)
              events |= POLLIN;
            fds.push_back({events ? d->from : -1, events, 0});
            const bool due = !d->held.empty() && d->held.front().due <= steady::now();
            fds.push_back({due ? d->to : -1, POLLOUT, 0});
            if (!d->held.empty() && !due)
              wait = std::min(wait, 1 + static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(d->held.front().due - steady::now()).count()));
            if (d->ended && d->held.empty() && !d->end_passed)
              wait = 0;
          }
      ::poll(fds.data(), fds.size(), wait);
      if (fds[1].revents) {
        std::uint64_t n = 0;
        (void)!::read(wake, &n, sizeof n);
      }
      // What was said while we waited holds for what came meanwhile.
      std::uint64_t obeying = 0;
      bool cut = false, half = false, last = false;
      {
        std::lock_guard lock{mutex};
        obeying = given;
        last = stop;
        in_hole = hole;
        cut = std::exchange(cut_now, false);
        half = std::exchange(half_now, false);
      }
      if (cut || last) {
        for (auto& l : links)
          close_all(l);
        links.clear();
      }
      if (half)
        for (auto& l : links)
          l.up.ended = true;
      if (watched && !in_hole)
        serve(fds);
      {
        std::lock_guard lock{mutex};
        obeyed = obeying;
      }
      has_obeyed.notify_all();
      if (last)
        return;
      if (fds[0].revents)
        take();
    }
  }

  /// `fds`: four for each connection, behind the first two.
  void serve(const std::vector<pollfd>& fds) {
    std::size_t at = 2;
    for (auto l = links.begin(); l != links.end();) {
      bool good = true;
      for (auto* d : {&l->up, &l->down}) {
        const auto readable = fds[at].revents;
        at += 2;
        if (good && readable && !d->ended)
          good = read(*d);
        if (good)
          good = write(*d, d == &l->up);
      }
      if (!good) {
        close_all(*l);
        l = links.erase(l);
      } else if (l->up.end_passed && l->down.end_passed) {
        ::close(l->client);
        ::close(l->server);
        l = links.erase(l);
      } else {
        ++l;
      }
    }
  }
};

tcp_proxy::tcp_proxy(std::string target_host, std::uint16_t target_port) : machine_(std::make_unique<machine>()) {
  auto& m = *machine_;
  m.target.sin_family = AF_INET;
  m.target.sin_port = htons(target_port);
  if (::inet_pton(AF_INET, target_host == "localhost" ? "127.0.0.1" : target_host.c_str(), &m.target.sin_addr) != 1)
    throw std::runtime_error("the proxy takes an IPv4 address, not " + target_host);
  m.listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  m.wake = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof here;
  if (m.listener < 0 || m.wake < 0 || ::bind(m.listener, reinterpret_cast<sockaddr*>(&here), sizeof here) != 0 || ::listen(m.listener, 256) != 0 ||
      ::getsockname(m.listener, reinterpret_cast<sockaddr*>(&here), &size) != 0)
    throw std::runtime_error("the proxy cannot listen");
  m.port = ntohs(here.sin_port);
  m.thread = std::thread{[&m] { m.run(); }};
}

tcp_proxy::~tcp_proxy() {
  machine_->command([&] { machine_->stop = true; });
  machine_->thread.join();
  ::close(machine_->listener);
  ::close(machine_->wake);
}

std::uint16_t tcp_proxy::port() const { return machine_->port; }
std::uint64_t tcp_proxy::accepted() const { return machine_->accepted; }
void tcp_proxy::heal() {
  machine_->command([&] {
    machine_->hole = machine_->refusing = false;
    machine_->slow = std::chrono::milliseconds{0};
    machine_->bytes_left = 0;
  });
}
void tcp_proxy::black_hole() {
  machine_->command([&] { machine_->hole = true; });
}
void tcp_proxy::refuse() {
  machine_->command([&] { machine_->refusing = true; });
}
void tcp_proxy::delay(std::chrono::milliseconds by) {
  machine_->command([&] { machine_->slow = by; });
}
void tcp_proxy::cut() {
  machine_->command([&] { machine_->cut_now = true; });
}
void tcp_proxy::cut_after(std::uint64_t bytes, bool to_server) {
  machine_->command([&] {
    machine_->bytes_left = std::max<std::uint64_t>(bytes, 1);
    machine_->bound_up = to_server;
  });
}
void tcp_proxy::half_close() {
  machine_->command([&] { machine_->half_now = true; });
}

} // namespace fm
