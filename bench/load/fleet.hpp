// Thousands of WebSocket clients in one thread: an epoll loop that reads frame lengths and hands payloads on,
// and keeps nothing of an idle connection. The client must cost less than the server it measures.
#pragma once

#include "tests/support/live_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::load {

using testing_support::client_frame;
using testing_support::endpoint;
using testing_support::steady;

/// Calls `each` with every JSON object of a live message (they are separated by newlines).
template <class Each>
void for_each_object(std::string_view payload, Each each) {
  while (!payload.empty()) {
    const auto* end = static_cast<const char*>(std::memchr(payload.data(), '\n', payload.size()));
    const auto n = end ? static_cast<std::size_t>(end - payload.data()) : payload.size();
    if (n > 0)
      each(payload.substr(0, n));
    payload.remove_prefix(end ? n + 1 : n);
  }
}

inline bool starts_with(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && std::memcmp(text.data(), with.data(), with.size()) == 0;
}

/// The text value after `"name":"` up to the next quote; only for values without escapes (ids, kinds).
inline std::string_view text_field(std::string_view object, std::string_view name) {
  for (auto at = object.find(name); at != std::string_view::npos; at = object.find(name, at + 1)) {
    const auto after = at + name.size();
    if (at > 0 && object[at - 1] == '"' && object.substr(after, 3) == "\":\"") {
      const auto from = after + 3;
      return object.substr(from, object.find('"', from) - from);
    }
  }
  return {};
}

class fleet {
public:
  enum class state : std::uint8_t { idle, connecting, upgrading, open, closed };
  struct connection {
    int fd = -1;
    state at = state::idle;
    std::string in, out;   ///< unfinished frame; bytes the kernel would not take yet
    std::string head;      ///< the upgrade request, until it was sent
    std::uint64_t events = 0, messages = 0, bytes = 0;
    std::uint32_t group = 0; ///< for the scenario: which case
    bool writer = false;
  };
  /// Whole messages, in order. Runs inside the loop.
  std::function<void(std::size_t index, std::string_view payload)> on_message;
  std::function<void(std::size_t index)> on_open, on_close;

  explicit fleet(endpoint to) : to_(std::move(to)), epoll_(::epoll_create1(EPOLL_CLOEXEC)), scratch_(512 * 1024) {}
  ~fleet() {
    for (auto& c : connections_)
      if (c.fd >= 0)
        ::close(c.fd);
    ::close(epoll_);
  }
  fleet(const fleet&) = delete;
  fleet& operator=(const fleet&) = delete;

  /// Announces a connection; connect_all() makes it.
  std::size_t add(const std::string& target, const std::string& token) {
    connection c;
    c.head = "GET " + target + " HTTP/1.1\r\nHost: " + to_.host + ":" + std::to_string(to_.port) +
             "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: ZmF1bHRtYXZlbi1sb2FkIQ==\r\nSec-WebSocket-Protocol: faultmaven.live.v1\r\n";
    if (!token.empty())
      c.head += "Authorization: Bearer " + token + "\r\n";
    c.head += "\r\n";
    connections_.push_back(std::move(c));
    return connections_.size() - 1;
  }
  /// Opens all that were added, at most `at_once` half-open at a time; how many are open at the end.
  std::size_t connect_all(std::size_t at_once, std::chrono::milliseconds within) {
    const auto until = steady::now() + within;
    while (steady::now() < until) {
      while (next_ < connections_.size() && half_open_ < at_once)
        begin(next_++);
      if (half_open_ == 0 && next_ == connections_.size())
        break;
      turn(std::chrono::milliseconds{20});
    }
    return open_;
  }

  /// One round of the loop.
  void turn(std::chrono::milliseconds wait) {
    epoll_event ready[512];
    const int n = ::epoll_wait(epoll_, ready, 512, static_cast<int>(wait.count()));
    for (int i = 0; i < n; ++i)
      handle(ready[i].data.u64, ready[i].events);
  }
  void run_for(std::chrono::milliseconds time) {
    const auto until = steady::now() + time;
    for (auto now = steady::now(); now < until; now = steady::now())
      turn(std::min(std::chrono::milliseconds{50}, std::chrono::duration_cast<std::chrono::milliseconds>(until - now) + std::chrono::milliseconds{1}));
  }
  /// Until `done`; false when the time passed first.
  template <class Done>
  bool run_until(Done done, std::chrono::milliseconds within) {
    const auto until = steady::now() + within;
    while (!done()) {
      if (steady::now() >= until)
        return false;
      turn(std::chrono::milliseconds{10});
    }
    return true;
  }

  void send(std::size_t index, std::string_view text) { send_bytes(index, client_frame(1, text)); }

  connection& operator[](std::size_t index) { return connections_[index]; }
  std::size_t size() const { return connections_.size(); }
  std::size_t open() const { return open_; }
  std::size_t closed() const { return closed_; }
  const std::string& last_refusal() const { return last_refusal_; }

private:
  void begin(std::size_t index) {
    auto& c = connections_[index];
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(to_.port);
    ::inet_pton(AF_INET, to_.host.c_str(), &address.sin_addr);
    c.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int one = 1;
    if (c.fd < 0) {
      last_refusal_ = std::strerror(errno);
      c.at = state::closed;
      ++closed_;
      return;
    }
    ::setsockopt(c.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_event e{};
    e.events = EPOLLIN | EPOLLOUT;
    e.data.u64 = index;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &e);
    c.at = state::connecting;
    ++half_open_;
    if (::connect(c.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno != EINPROGRESS)
      drop(index, std::strerror(errno));
  }

  void watch(std::size_t index, bool writing) {
    epoll_event e{};
    e.events = EPOLLIN | (writing ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
    e.data.u64 = index;
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connections_[index].fd, &e);
  }

  void drop(std::size_t index, const std::string& why) {
    auto& c = connections_[index];
    if (c.at == state::closed)
      return;
    if (c.at == state::open)
      --open_;
    else
      --half_open_;
    ++closed_;
    last_refusal_ = why;
    c.at = state::closed;
    ::close(c.fd);
    c.fd = -1;
    if (on_close)
      on_close(index);
  }

  void send_bytes(std::size_t index, std::string_view bytes) {
    auto& c = connections_[index];
    if (c.at == state::closed || c.at == state::idle)
      return;
    if (c.out.empty()) {
      const auto n = ::send(c.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n == static_cast<ssize_t>(bytes.size()))
        return;
      if (n > 0)
        bytes.remove_prefix(static_cast<std::size_t>(n));
      else if (errno != EAGAIN)
        return drop(index, std::strerror(errno));
      watch(index, true);
    }
    c.out.append(bytes);
  }

  void handle(std::size_t index, std::uint32_t what) {
    auto& c = connections_[index];
    if (c.at == state::closed)
      return;
    if (c.at == state::connecting && (what & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(c.fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0)
        return drop(index, std::strerror(error));
      c.at = state::upgrading;
      watch(index, false);
      send_bytes(index, std::exchange(c.head, {}));
      return;
    }
    if ((what & EPOLLOUT) != 0 && !c.out.empty()) {
      const auto n = ::send(c.fd, c.out.data(), c.out.size(), MSG_NOSIGNAL);
      if (n > 0)
        c.out.erase(0, static_cast<std::size_t>(n));
      else if (n < 0 && errno != EAGAIN)
        return drop(index, std::strerror(errno));
      if (c.out.empty()) {
        c.out.shrink_to_fit();
        watch(index, false);
      }
    }
    if ((what & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0)
      return;
    const auto n = ::recv(c.fd, scratch_.data(), scratch_.size(), 0);
    if (n <= 0) {
      if (n == 0 || (errno != EAGAIN && errno != EINTR))
        drop(index, n == 0 ? "closed by the server" : std::strerror(errno));
      return;
    }
    c.bytes += static_cast<std::uint64_t>(n);
    std::string_view have{scratch_.data(), static_cast<std::size_t>(n)};
    if (!c.in.empty()) {
      c.in.append(have);
      std::string whole = std::exchange(c.in, {});
      const auto left = take(index, whole);
      if (left < whole.size() && connections_[index].at != state::closed)
        connections_[index].in.assign(whole, left);
      return;
    }
    const auto left = take(index, have);
    if (left < have.size() && connections_[index].at != state::closed)
      connections_[index].in.assign(have.substr(left));
  }

  /// Handles what is whole in `have`; the bytes used.
  std::size_t take(std::size_t index, std::string_view have) {
    std::size_t used = 0;
    if (connections_[index].at == state::upgrading) {
      const auto end = have.find("\r\n\r\n");
      if (end == std::string_view::npos)
        return 0;
      if (!starts_with(have, "HTTP/1.1 101")) {
        drop(index, std::string{have.substr(0, std::min<std::size_t>(have.size(), 200))});
        return have.size();
      }
      connections_[index].at = state::open;
      --half_open_;
      ++open_;
      used = end + 4;
      if (on_open)
        on_open(index);
    }
    for (;;) {
      const auto rest = have.substr(used);
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
      if (rest.size() < 2)
        return used;
      std::uint64_t length = byte(1) & 0x7FU;
      const std::size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
      if (rest.size() < 2 + more)
        return used;
      if (more > 0) {
        length = 0;
        for (std::size_t i = 0; i < more; ++i)
          length = (length << 8U) | byte(2 + i);
      }
      const auto whole = 2 + more + static_cast<std::size_t>(length);
      if (rest.size() < whole)
        return used;
      const auto payload = rest.substr(2 + more, static_cast<std::size_t>(length));
      const unsigned opcode = byte(0) & 0x0FU;
      used += whole;
      if (opcode == 9) {
        send_bytes(index, client_frame(10, payload));
      } else if (opcode == 8) {
        drop(index, "closed by the server with a close frame");
        return have.size();
      } else {
        ++connections_[index].messages;
        on_message(index, payload);
        if (connections_[index].at == state::closed)
          return have.size();
      }
    }
  }

  endpoint to_;
  int epoll_;
  std::vector<char> scratch_;
  std::vector<connection> connections_;
  std::size_t next_ = 0, half_open_ = 0, open_ = 0, closed_ = 0;
  std::string last_refusal_;
};

} // namespace fm::load
