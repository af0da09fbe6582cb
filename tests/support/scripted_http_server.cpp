// poll(2) over the listener, a pipe to wake up by, and the connections.
#include "tests/support/scripted_http_server.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fm::testing_support {
namespace {
using steady = std::chrono::steady_clock;

std::string lower(std::string_view text) {
  std::string out{text};
  for (auto& c : out)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}
std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}
const char* phrase(int status) {
  switch (status) {
  case 200:
    return "OK";
  case 201:
    return "Created";
  case 302:
    return "Found";
  case 400:
    return "Bad Request";
  case 401:
    return "Unauthorized";
  case 404:
    return "Not Found";
  case 429:
    return "Too Many Requests";
  case 500:
    return "Internal Server Error";
  case 503:
    return "Service Unavailable";
  default:
    return "Status";
  }
}

struct connection {
  int fd = -1;
  std::size_t number = 0;
  std::string in, out;
  std::optional<stub_request> request; ///< being answered
  stub_reply reply;
  std::optional<stub_step> step; ///< waiting for its time
  steady::time_point due{};
  bool hanging = false, closing = false;
};
} // namespace

std::string stub_request::header(std::string_view name) const {
  for (auto& [key, value] : headers)
    if (key == name)
      return value;
  return {};
}

struct http_stub::impl {
  impl(std::uint16_t port, stub_handler& h) : handler(h) {
    listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    socklen_t size = sizeof address;
    if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::listen(listener, 512) != 0 ||
        ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
        ::pipe2(wake, O_CLOEXEC) != 0) {
      std::perror("scripted_http_server");
      std::abort();
    }
    bound = ntohs(address.sin_port);
    thread = std::thread{[this] { run(); }};
  }
  ~impl() {
    stopping = true;
    (void)!::write(wake[1], "x", 1);
    if (thread.joinable())
      thread.join();
    for (auto& c : connections)
      ::close(c.fd);
    ::close(listener);
    ::close(wake[0]);
    ::close(wake[1]);
  }

  void run() {
    while (!stopping) {
      std::vector<pollfd> watched{{listener, POLLIN, 0}, {wake[0], POLLIN, 0}};
      int wait = -1;
      const auto now = steady::now();
      for (auto& c : connections) {
        watched.push_back({c.fd, static_cast<short>(POLLIN | POLLRDHUP | (c.out.empty() ? 0 : POLLOUT)), 0});
        if (c.step && c.out.empty()) {
          const auto left = std::chrono::ceil<std::chrono::milliseconds>(c.due - now).count();
          wait = wait < 0 ? static_cast<int>(std::max<long>(0, left))
                          : std::min(wait, static_cast<int>(std::max<long>(0, left)));
        }
      }
      if (::poll(watched.data(), watched.size(), wait) < 0 && errno != EINTR)
        return;
      std::size_t i = 2;
      for (auto at = connections.begin(); at != connections.end(); ++i) {
        const bool alive = i < watched.size() ? tend(*at, watched[i].revents) : true;
        if (alive) {
          ++at;
          continue;
        }
        ::close(at->fd);
        at = connections.erase(at);
      }
      if (watched[0].revents & POLLIN)
        accept_all();
    }
  }

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0)
        return;
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      connections.emplace_back();
      connections.back().fd = fd;
      connections.back().number = ++connections_seen;
    }
  }

  /// False when the connection is to be closed.
  bool tend(connection& c, short events) {
    if (events & (POLLIN | POLLRDHUP | POLLHUP | POLLERR)) {
      char buffer[16'384];
      for (;;) {
        const auto n = ::recv(c.fd, buffer, sizeof buffer, 0);
        if (n > 0) {
          c.in.append(buffer, static_cast<std::size_t>(n));
          continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
          break;
        if (c.request)
          handler.on_client_closed_early(c.request->number);
        return false;
      }
    }
    if (!c.request && !c.in.empty() && !read_request(c))
      return false;
    return advance(c);
  }

  bool read_request(connection& c) {
    const auto head_end = c.in.find("\r\n\r\n");
    if (head_end == std::string::npos) {
      if (c.in.size() < 64U << 10)
        return true;
      return violation("the request head is longer than 64 KiB");
    }
    stub_request r;
    std::string_view head{c.in.data(), head_end};
    const auto line = head.substr(0, head.find("\r\n"));
    const auto first = line.find(' '), second = line.rfind(' ');
    if (first == std::string_view::npos || second == first || line.substr(second + 1) != "HTTP/1.1")
      return violation("not an HTTP/1.1 request line: " + std::string{line});
    r.method = line.substr(0, first);
    r.target = line.substr(first + 1, second - first - 1);
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    std::size_t length = 0;
    while (!head.empty()) {
      const auto end = head.find("\r\n");
      const auto field = head.substr(0, end);
      head = end == std::string_view::npos ? std::string_view{} : head.substr(end + 2);
      const auto colon = field.find(':');
      if (colon == std::string_view::npos || colon == 0)
        return violation("a header line without a name");
      r.headers.emplace_back(lower(field.substr(0, colon)), trim(field.substr(colon + 1)));
    }
    if (r.header("host").empty())
      return violation("no Host header");
    if (!r.header("transfer-encoding").empty())
      return violation("a chunked request body was not expected");
    if (!r.header("expect").empty())
      return violation("an Expect header was not expected");
    if (const auto text = r.header("content-length"); !text.empty())
      if (std::from_chars(text.data(), text.data() + text.size(), length).ptr != text.data() + text.size())
        return violation("a bad Content-Length");
    if (c.in.size() < head_end + 4 + length)
      return true;
    r.body = c.in.substr(head_end + 4, length);
    c.in.erase(0, head_end + 4 + length);
    r.number = ++requests_seen;
    r.connection = c.number;
    c.reply = handler.on_request(r);
    c.request = std::move(r);
    begin_reply(c);
    return true;
  }

  bool violation(std::string what) {
    handler.on_violation(std::move(what));
    return false;
  }

  void begin_reply(connection& c) {
    c.due = steady::now();
    if (c.reply.silent) {
      c.hanging = true;
      return;
    }
    c.out = "HTTP/1.1 " + std::to_string(c.reply.status) + " " + phrase(c.reply.status) + "\r\n";
    for (auto& [name, value] : c.reply.headers)
      c.out += name + ": " + value + "\r\n";
    if (c.reply.next) {
      c.out += "Transfer-Encoding: chunked\r\n\r\n";
      take_step(c);
    } else {
      c.out += "Content-Length: " + std::to_string(c.reply.body.size()) + "\r\n\r\n";
      if (c.request->method != "HEAD")
        c.out += c.reply.body;
    }
  }

  void take_step(connection& c) {
    c.step = c.reply.next();
    if (c.step) {
      c.due += c.step->delay; // from when the last one was due: the pace does not drift
      return;
    }
    c.out += "0\r\n\r\n";
    c.reply.next = nullptr;
  }

  bool advance(connection& c) {
    for (;;) {
      while (!c.out.empty()) {
        const auto n = ::send(c.fd, c.out.data(), c.out.size(), MSG_NOSIGNAL);
        if (n > 0) {
          c.out.erase(0, static_cast<std::size_t>(n));
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
          return true;
        } else {
          if (c.request)
            handler.on_client_closed_early(c.request->number);
          return false;
        }
      }
      if (!c.request || c.hanging)
        return true;
      if (!c.step) { // all sent
        c.request.reset();
        if (!c.in.empty())
          return read_request(c) && advance(c);
        return true;
      }
      if (steady::now() < c.due)
        return true;
      const auto now_step = std::move(*c.step);
      c.step.reset();
      const auto bytes = now_step.bytes ? now_step.bytes() : std::string{};
      if (now_step.then == stub_step::kind::cut) {
        const std::string chunk = framed(bytes);
        (void)!::send(c.fd, chunk.data(), chunk.size(), MSG_NOSIGNAL);
        return false;
      }
      c.out += framed(bytes);
      if (now_step.then == stub_step::kind::hang)
        c.hanging = true;
      else
        take_step(c);
    }
  }

  static std::string framed(const std::string& bytes) {
    if (bytes.empty())
      return {};
    char size[24];
    std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
    return size + bytes + "\r\n";
  }

  stub_handler& handler;
  int listener = -1;
  int wake[2] = {-1, -1};
  std::uint16_t bound = 0;
  std::atomic<bool> stopping{false};
  std::list<connection> connections;
  std::size_t connections_seen = 0, requests_seen = 0;
  std::thread thread;
};

http_stub::http_stub(std::uint16_t port, stub_handler& handler)
    : impl_(std::make_unique<impl>(port, handler)) {}
http_stub::~http_stub() = default;
std::uint16_t http_stub::port() const { return impl_->bound; }
void http_stub::wait() { impl_->thread.join(); }

scripted_http_server::scripted_http_server()
    : stub_(std::make_unique<http_stub>(std::uint16_t{0}, static_cast<stub_handler&>(*this))) {}
scripted_http_server::~scripted_http_server() { stub_.reset(); }
std::uint16_t scripted_http_server::port() const { return stub_->port(); }
std::string scripted_http_server::url(std::string_view path) const {
  return "http://127.0.0.1:" + std::to_string(port()) + std::string{path};
}

void scripted_http_server::reply(stub_reply next) {
  std::lock_guard lock{mutex_};
  script_.push_back(std::move(next));
}
void scripted_http_server::reply(int status, std::string body,
                                 std::vector<std::pair<std::string, std::string>> headers) {
  stub_reply r;
  r.status = status;
  r.body = std::move(body);
  r.headers = std::move(headers);
  reply(std::move(r));
}
void scripted_http_server::stream(std::vector<std::string> pieces, stub_step::kind end,
                                  std::chrono::milliseconds between) {
  stub_reply r;
  r.headers = {{"Content-Type", "text/event-stream"}};
  r.next = [pieces = std::move(pieces), end, between,
            at = std::size_t{0}]() mutable -> std::optional<stub_step> {
    if (at > pieces.size() || (at == pieces.size() && end == stub_step::kind::send))
      return std::nullopt;
    stub_step step;
    step.delay = at == 0 ? std::chrono::milliseconds{0} : between;
    if (at == pieces.size())
      step.then = end;
    else
      step.bytes = [piece = pieces[at]] { return piece; };
    ++at;
    return step;
  };
  reply(std::move(r));
}
void scripted_http_server::never_answer() {
  stub_reply r;
  r.silent = true;
  reply(std::move(r));
}

std::vector<stub_request> scripted_http_server::requests() const {
  std::lock_guard lock{mutex_};
  return requests_;
}
std::vector<std::string> scripted_http_server::violations() const {
  std::lock_guard lock{mutex_};
  return violations_;
}
bool scripted_http_server::wait_for_requests(std::size_t n, std::chrono::milliseconds patience) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, patience, [&] { return requests_.size() >= n; });
}
bool scripted_http_server::wait_for_early_close(std::size_t n, std::chrono::milliseconds patience) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, patience, [&] { return early_closes_ >= n; });
}
steady::time_point scripted_http_server::last_early_close() const {
  std::lock_guard lock{mutex_};
  return last_early_close_;
}

stub_reply scripted_http_server::on_request(const stub_request& request) {
  std::lock_guard lock{mutex_};
  requests_.push_back(request);
  changed_.notify_all();
  if (script_.empty()) {
    violations_.push_back("a request that no script expected: " + request.method + " " + request.target);
    stub_reply r;
    r.status = 500;
    return r;
  }
  auto next = std::move(script_.front());
  script_.pop_front();
  return next;
}
void scripted_http_server::on_client_closed_early(std::size_t) {
  std::lock_guard lock{mutex_};
  ++early_closes_;
  last_early_close_ = steady::now();
  changed_.notify_all();
}
void scripted_http_server::on_violation(std::string what) {
  std::lock_guard lock{mutex_};
  violations_.push_back(std::move(what));
}

} // namespace fm::testing_support
