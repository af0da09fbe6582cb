// Sockets, TLS, and hiredis for the protocol.
#include "storage/redis/connection.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <netdb.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fm::redis {
namespace {
using steady = std::chrono::steady_clock;

/// Waits until the socket may be read or written; false at the deadline.
bool wait_for(int fd, short what, steady::time_point until) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - steady::now()).count();
    if (left <= 0)
      return false;
    pollfd p{fd, what, 0};
    const int n = ::poll(&p, 1, static_cast<int>(left));
    if (n > 0)
      return true;
    if (n < 0 && errno != EINTR)
      return false;
  }
}

answer read_reply(const redisReply& r) {
  answer a;
  switch (r.type) {
  case REDIS_REPLY_STRING:
  case REDIS_REPLY_STATUS:
    a.what = answer::kind::text;
    a.text.assign(r.str, r.len);
    break;
  case REDIS_REPLY_ERROR:
    a.what = answer::kind::error;
    a.text.assign(r.str, r.len);
    break;
  case REDIS_REPLY_INTEGER:
    a.what = answer::kind::number;
    a.number = r.integer;
    break;
  case REDIS_REPLY_ARRAY:
    a.what = answer::kind::list;
    for (std::size_t i = 0; i < r.elements; ++i)
      a.list.push_back(read_reply(*r.element[i]));
    break;
  default: break;
  }
  return a;
}
} // namespace

connection::~connection() {
  if (ssl_)
    SSL_free(ssl_);
  if (context_)
    SSL_CTX_free(context_);
  if (fd_ >= 0)
    ::close(fd_);
  if (reader_)
    redisReaderFree(reader_);
}

failure connection::fail(std::string what) {
  broken_ = true;
  return make_unavailable("Redis at " + options_.host + ":" + std::to_string(options_.port) + " " + std::move(what) + ".");
}

outcome<std::unique_ptr<connection>> connection::open(const options& given, const std::string& host, std::uint16_t port, bool sign_in) {
  auto o = given;
  o.host = host;
  o.port = port;
  std::unique_ptr<connection> c{new connection{o}};
  const auto until = steady::now() + o.timeout;
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (const int rc = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); rc != 0)
    return c->fail(std::string{"cannot be found: "} + ::gai_strerror(rc));
  std::string why = "does not answer";
  for (auto* a = found; a && c->fd_ < 0; a = a->ai_next) {
    const int fd = ::socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (fd < 0)
      continue;
    int rc = ::connect(fd, a->ai_addr, a->ai_addrlen);
    if (rc != 0 && errno == EINPROGRESS && wait_for(fd, POLLOUT, until)) {
      socklen_t n = sizeof rc;
      ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &rc, &n);
      errno = rc;
    }
    if (rc == 0) {
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      c->fd_ = fd;
    } else {
      why = errno == EINPROGRESS ? "does not answer" : std::string{"refuses the connection: "} + std::strerror(errno);
      ::close(fd);
    }
  }
  ::freeaddrinfo(found);
  if (c->fd_ < 0)
    return c->fail(why);
  if (o.tls) {
    c->context_ = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(c->context_, TLS1_2_VERSION);
    SSL_CTX_set_verify(c->context_, SSL_VERIFY_PEER, nullptr);
    const bool trusted = o.tls_ca.empty() ? SSL_CTX_set_default_verify_paths(c->context_) == 1
                                          : SSL_CTX_load_verify_locations(c->context_, o.tls_ca.c_str(), nullptr) == 1;
    if (!trusted)
      return c->fail("cannot be trusted: the authority " + o.tls_ca + " cannot be read");
    c->ssl_ = SSL_new(c->context_);
    SSL_set_fd(c->ssl_, c->fd_);
    SSL_set_tlsext_host_name(c->ssl_, host.c_str());
    in6_addr literal{};
    const bool address = ::inet_pton(AF_INET, host.c_str(), &literal) == 1 || ::inet_pton(AF_INET6, host.c_str(), &literal) == 1;
    if (address)
      X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(c->ssl_), host.c_str());
    else
      SSL_set1_host(c->ssl_, host.c_str());
    for (;;) {
      const int rc = SSL_connect(c->ssl_);
      if (rc == 1)
        break;
      const int want = SSL_get_error(c->ssl_, rc);
      if ((want == SSL_ERROR_WANT_READ && wait_for(c->fd_, POLLIN, until)) || (want == SSL_ERROR_WANT_WRITE && wait_for(c->fd_, POLLOUT, until)))
        continue;
      char text[160] = "no answer in time";
      if (const auto code = ERR_get_error(); code != 0)
        ERR_error_string_n(code, text, sizeof text);
      return c->fail(std::string{"does not agree on TLS: "} + text);
    }
  }
  c->reader_ = redisReaderCreate();
  if (!sign_in)
    return c;
  if (!o.password.empty()) {
    auto a = c->run_one(o.user.empty() ? std::vector<std::string>{"AUTH", o.password} : std::vector<std::string>{"AUTH", o.user, o.password});
    if (!a)
      return a.error();
    if (a->what == answer::kind::error)
      return c->fail("refuses to sign us in: " + a->text);
  }
  if (o.database != 0) {
    auto a = c->run_one({"SELECT", std::to_string(o.database)});
    if (!a)
      return a.error();
    if (a->what == answer::kind::error)
      return c->fail("refuses the database: " + a->text);
  }
  return c;
}

outcome<std::size_t> connection::io(bool writing, char* data, std::size_t size, steady::time_point until) {
  for (;;) {
    ssize_t n = 0;
    int want = 0;
    if (ssl_) {
      n = writing ? SSL_write(ssl_, data, static_cast<int>(size)) : SSL_read(ssl_, data, static_cast<int>(size));
      if (n <= 0)
        want = SSL_get_error(ssl_, static_cast<int>(n));
    } else {
      n = writing ? ::send(fd_, data, size, MSG_NOSIGNAL) : ::recv(fd_, data, size, 0);
      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        want = writing ? SSL_ERROR_WANT_WRITE : SSL_ERROR_WANT_READ;
    }
    if (n > 0)
      return static_cast<std::size_t>(n);
    if (want == SSL_ERROR_WANT_READ || want == SSL_ERROR_WANT_WRITE) {
      if (!wait_for(fd_, want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until))
        return fail("does not answer in time");
      continue;
    }
    return fail(n == 0 ? "closed the connection" : std::string{"lost the connection: "} + std::strerror(errno));
  }
}

outcome<std::vector<answer>> connection::run(const std::vector<std::vector<std::string>>& commands) {
  const auto until = steady::now() + options_.timeout;
  std::string out;
  for (auto& command : commands) {
    std::vector<const char*> argv;
    std::vector<std::size_t> lengths;
    for (auto& word : command) {
      argv.push_back(word.data());
      lengths.push_back(word.size());
    }
    char* text = nullptr;
    const auto n = redisFormatCommandArgv(&text, static_cast<int>(argv.size()), argv.data(), lengths.data());
    if (n < 0)
      return fail("could not be asked: a command is too large");
    out.append(text, static_cast<std::size_t>(n));
    redisFreeCommand(text);
  }
  for (std::size_t at = 0; at < out.size();) {
    auto n = io(true, out.data() + at, out.size() - at, until);
    if (!n)
      return n.error();
    at += *n;
  }
  std::vector<answer> answers;
  char buffer[16'384];
  while (answers.size() < commands.size()) {
    void* raw = nullptr;
    if (redisReaderGetReply(reader_, &raw) != REDIS_OK)
      return fail(std::string{"does not speak its protocol: "} + reader_->errstr);
    if (raw) {
      auto* reply = static_cast<redisReply*>(raw);
      answers.push_back(read_reply(*reply));
      freeReplyObject(reply);
      continue;
    }
    auto n = io(false, buffer, sizeof buffer, until);
    if (!n)
      return n.error();
    redisReaderFeed(reader_, buffer, *n);
  }
  return answers;
}

outcome<answer> connection::run_one(std::vector<std::string> command) {
  auto all = run({std::move(command)});
  if (!all)
    return all.error();
  return std::move(all->front());
}

} // namespace fm::redis
