// Sockets are non-blocking and every wait has a deadline, so that a test against a hung server ends with a
// sentence and not with a timeout of the machine that runs it.
#include "tests/support/live_client.hpp"

#include "protocol/base/text.hpp"

#include <openssl/evp.h>

#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fm::testing_support {
namespace {

constexpr std::size_t head_bytes_max = 64 * 1024;
constexpr std::size_t message_bytes_max = 64U << 20;

failure system_failure(const char* what) {
  return make_failure(errc::gone, std::string{what} + ": " + std::strerror(errno) + ".");
}

/// Waits for `events`; false = the deadline passed.
bool wait_for(int fd, short events, steady::time_point until) {
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - steady::now()).count();
    pollfd p{fd, events, 0};
    const int n = ::poll(&p, 1, left < 0 ? 0 : static_cast<int>(left) + 1);
    if (n > 0)
      return true;
    if (n == 0 && steady::now() >= until)
      return false;
    if (n < 0 && errno != EINTR)
      return true; // the call that follows reports it
  }
}

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

std::string accept_key_for(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), sum, &size, EVP_sha1(), nullptr);
  return base64({reinterpret_cast<const char*>(sum), size});
}

outcome<http_answer> parse_head(std::string_view head) {
  http_answer a;
  const auto bad = [] { return make_failure(errc::invalid, "The server's answer has no proper HTTP head."); };
  if (head.substr(0, 7) != "HTTP/1." || head.size() < 12)
    return bad();
  if (std::from_chars(head.data() + 9, head.data() + 12, a.status).ec != std::errc{})
    return bad();
  for (auto at = head.find("\r\n"); at != std::string_view::npos;) {
    const auto from = at + 2;
    at = head.find("\r\n", from);
    const auto line = head.substr(from, at == std::string_view::npos ? at : at - from);
    if (const auto colon = line.find(':'); colon != std::string_view::npos)
      a.headers.emplace_back(ascii_lower(line.substr(0, colon)), std::string{trimmed(line.substr(colon + 1))});
  }
  return a;
}

} // namespace

outcome<endpoint> endpoint_of(std::string_view url) {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos)
    url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/ \r\n"));
  const auto colon = url.rfind(':');
  endpoint e;
  if (colon == std::string_view::npos)
    return make_failure(errc::invalid, "The URL names no port.");
  e.host = std::string{url.substr(0, colon)};
  if (e.host == "localhost")
    e.host = "127.0.0.1";
  const auto port = url.substr(colon + 1);
  if (std::from_chars(port.data(), port.data() + port.size(), e.port).ec != std::errc{} || e.port == 0)
    return make_failure(errc::invalid, "The URL names no port.");
  return e;
}

// ---- byte_socket ----

byte_socket& byte_socket::operator=(byte_socket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

outcome<byte_socket> byte_socket::connect(const endpoint& to, steady::time_point until) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(to.port);
  if (::inet_pton(AF_INET, to.host.c_str(), &address.sin_addr) != 1)
    return make_failure(errc::invalid, "Only IPv4 addresses are understood.");
  byte_socket s;
  s.fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (s.fd_ < 0)
    return system_failure("No socket");
  const int one = 1;
  ::setsockopt(s.fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (::connect(s.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno != EINPROGRESS)
      return system_failure("No connection");
    if (!wait_for(s.fd_, POLLOUT, until))
      return make_failure(errc::timed_out, "The server did not accept the connection in time.");
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(s.fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    if (error != 0)
      return system_failure("No connection");
  }
  return s;
}

outcome<void> byte_socket::write(std::string_view bytes, steady::time_point until) {
  while (!bytes.empty()) {
    if (fd_ < 0)
      return make_failure(errc::gone, "The connection is closed.");
    const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      if (!wait_for(fd_, POLLOUT, until))
        return make_failure(errc::timed_out, "The server does not read.");
    } else {
      return system_failure("Writing failed"); // what the server said before it closed can still be read
    }
  }
  return boost::system::in_place_value;
}

outcome<void> byte_socket::read(std::string& into, steady::time_point until) {
  char piece[64 * 1024];
  for (;;) {
    if (fd_ < 0)
      return make_failure(errc::gone, "The connection is closed.");
    const auto n = ::recv(fd_, piece, sizeof piece, 0);
    if (n > 0) {
      into.append(piece, static_cast<std::size_t>(n));
      return boost::system::in_place_value;
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      if (!wait_for(fd_, POLLIN, until))
        return make_failure(errc::timed_out, "Nothing came in time.");
      continue;
    }
    auto f = n == 0 ? make_failure(errc::gone, "The server closed the connection.") : system_failure("Reading failed");
    close();
    return f;
  }
}

void byte_socket::cut() {
  if (fd_ < 0)
    return;
  const linger now{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void byte_socket::close() {
  if (fd_ >= 0)
    ::close(std::exchange(fd_, -1));
}

// ---- http ----

std::string http_answer::header(std::string_view name) const {
  for (auto& [key, value] : headers)
    if (key == name)
      return value;
  return {};
}

json http_answer::parsed() const { return json::parse(body).value_or(json{}); }

void http_connection::close() {
  socket_.close();
  buffer_.clear();
}

outcome<http_answer> http_connection::start(std::string_view method, std::string_view target, std::string_view body,
                                            const header_list& headers, milliseconds within) {
  const auto until = steady::now() + within;
  if (!ended_ || closes_)
    close(); // the rest of an answer nobody read to its end
  std::string text;
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(to_.host);
  text.append(":").append(std::to_string(to_.port)).append("\r\n");
  if (!token_.empty())
    text.append("Authorization: Bearer ").append(token_).append("\r\n");
  bool typed = false;
  for (auto& [name, value] : headers) {
    text.append(name).append(": ").append(value).append("\r\n");
    typed = typed || ascii_lower(name) == "content-type";
  }
  if (!body.empty() && !typed)
    text.append("Content-Type: application/json\r\n");
  if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH")
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  text.append("\r\n").append(body);
  head_only_ = method == "HEAD";
  // A kept connection may have been closed by the server meanwhile. Once is enough: a fresh one must work. Only
  // a request that was not answered at all is sent again, and the caller's ids make that harmless.
  for (int attempt = 0;; ++attempt) {
    const bool fresh = !socket_.is_open();
    if (fresh) {
      buffer_.clear();
      auto s = byte_socket::connect(to_, until);
      if (!s)
        return s.error();
      socket_ = std::move(*s);
    }
    auto sent = socket_.write(text, until);
    auto head = sent ? read_head(until) : outcome<http_answer>{sent.error()};
    if (head)
      return head;
    const bool silent = buffer_.empty();
    close();
    if (fresh || attempt > 0 || !silent || head.error().code != errc::gone)
      return head;
  }
}

outcome<http_answer> http_connection::read_head(steady::time_point until) {
  for (;;) {
    std::size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (buffer_.size() > head_bytes_max)
        return make_failure(errc::too_large, "The head of the answer is too long.");
      if (auto r = socket_.read(buffer_, until); !r)
        return r.error();
    }
    auto head = parse_head(std::string_view{buffer_}.substr(0, end));
    if (!head)
      return head;
    buffer_.erase(0, end + 4);
    if (head->status == 100)
      continue;
    const auto length = head->header("content-length");
    chunked_ = ascii_lower(head->header("transfer-encoding")) == "chunked";
    closes_ = ascii_lower(head->header("connection")) == "close";
    left_ = 0;
    until_close_ = !chunked_ && length.empty();
    ended_ = head_only_ || head->status == 204 || head->status == 304 || (!chunked_ && !until_close_ && length == "0");
    if (!length.empty())
      std::from_chars(length.data(), length.data() + length.size(), left_);
    return head;
  }
}

outcome<std::string> http_connection::read_piece(steady::time_point until) {
  std::string piece;
  while (!ended_) {
    if (chunked_ && left_ == 0) {
      const auto line = buffer_.find("\r\n");
      if (line == std::string::npos) {
        if (auto r = socket_.read(buffer_, until); !r)
          return r.error();
        continue;
      }
      std::size_t size = 0;
      if (std::from_chars(buffer_.data(), buffer_.data() + line, size, 16).ec != std::errc{})
        return make_failure(errc::invalid, "The answer has a broken chunk.");
      if (size == 0) {
        while (buffer_.find("\r\n\r\n", line) == std::string::npos)
          if (auto r = socket_.read(buffer_, until); !r)
            return r.error();
        buffer_.erase(0, buffer_.find("\r\n\r\n", line) + 4);
        ended_ = true;
        break;
      }
      buffer_.erase(0, line + 2);
      left_ = size + 2; // with the line end after it
    }
    if (buffer_.empty()) {
      if (auto r = socket_.read(buffer_, until); !r) {
        if (until_close_ && r.error().code == errc::gone) {
          ended_ = true;
          break;
        }
        return r.error();
      }
    }
    if (until_close_) {
      piece.swap(buffer_);
    } else {
      const auto n = std::min(left_, buffer_.size());
      const auto text = chunked_ ? std::min(n, left_ > 2 ? left_ - 2 : 0) : n;
      piece.append(buffer_, 0, text);
      buffer_.erase(0, n);
      left_ -= n;
      if (!chunked_ && left_ == 0)
        ended_ = true;
    }
    if (!piece.empty())
      return piece;
  }
  return piece;
}

outcome<std::string> http_connection::read_some(milliseconds within) { return read_piece(steady::now() + within); }

outcome<http_answer> http_connection::request(std::string_view method, std::string_view target, std::string_view body,
                                              const header_list& headers, milliseconds within) {
  const auto until = steady::now() + within;
  auto answer = start(method, target, body, headers, within);
  if (!answer)
    return answer;
  while (!ended_) {
    auto piece = read_piece(until);
    if (!piece) {
      close();
      return piece.error();
    }
    answer->body += *piece;
    if (answer->body.size() > message_bytes_max) {
      close();
      return make_failure(errc::too_large, "The answer does not end.");
    }
  }
  return answer;
}

outcome<void> http_connection::send_raw(std::string_view bytes, milliseconds within) {
  const auto until = steady::now() + within;
  if (!socket_.is_open()) {
    buffer_.clear();
    auto s = byte_socket::connect(to_, until);
    if (!s)
      return s.error();
    socket_ = std::move(*s);
  }
  head_only_ = false;
  return socket_.write(bytes, until);
}

outcome<http_answer> http_connection::read_raw(milliseconds within) {
  const auto until = steady::now() + within;
  auto answer = read_head(until);
  while (answer && !ended_) {
    auto piece = read_piece(until);
    if (!piece)
      return piece.error();
    answer->body += *piece;
  }
  return answer;
}

void sse_parser::feed(std::string_view bytes, const std::function<void(const sse_event&)>& on_event) {
  buffer_.append(bytes);
  for (std::size_t end; (end = buffer_.find('\n')) != std::string::npos; buffer_.erase(0, end + 1)) {
    auto line = std::string_view{buffer_}.substr(0, end);
    if (!line.empty() && line.back() == '\r')
      line.remove_suffix(1);
    if (line.empty()) {
      if (!current_.data.empty() || !current_.event.empty())
        on_event(current_);
      current_.event.clear();
      current_.data.clear();
      continue;
    }
    if (line.front() == ':') {
      ++comments;
      continue;
    }
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (!value.empty() && value.front() == ' ')
      value.remove_prefix(1);
    if (name == "id") {
      current_.id = value;
    } else if (name == "event") {
      current_.event = value;
    } else if (name == "data") {
      if (!current_.data.empty())
        current_.data += '\n';
      current_.data += value;
    }
  }
}

// ---- websocket ----

std::string client_frame(unsigned opcode, std::string_view payload, bool masked, bool last) {
  std::string f;
  f.reserve(payload.size() + 14);
  f += static_cast<char>((last ? 0x80U : 0U) | opcode);
  const unsigned mask_bit = masked ? 0x80U : 0U;
  const auto n = payload.size();
  const auto big_endian = [&](int bytes) {
    for (int i = bytes - 1; i >= 0; --i)
      f += static_cast<char>((n >> (8 * i)) & 0xFFU);
  };
  if (n < 126) {
    f += static_cast<char>(mask_bit | n);
  } else if (n < 65'536) {
    f += static_cast<char>(mask_bit | 126U);
    big_endian(2);
  } else {
    f += static_cast<char>(mask_bit | 127U);
    big_endian(8);
  }
  if (!masked)
    return f.append(payload);
  constexpr unsigned char mask[4] = {0x37, 0xFA, 0x21, 0x3D}; // any will do: nothing here is secret from a proxy
  f.append(reinterpret_cast<const char*>(mask), 4);
  for (std::size_t i = 0; i < n; ++i)
    f += static_cast<char>(static_cast<unsigned char>(payload[i]) ^ mask[i % 4]);
  return f;
}

outcome<std::unique_ptr<live_client>> live_client::open(const endpoint& to, const std::string& token,
                                                        milliseconds within, const std::string& target,
                                                        const header_list& headers) {
  const auto until = steady::now() + within;
  auto socket = byte_socket::connect(to, until);
  if (!socket)
    return socket.error();
  auto client = std::make_unique<live_client>();
  client->socket_ = std::move(*socket);
  const std::string key = base64("faultmaven-tests");
  std::string text = "GET " + target + " HTTP/1.1\r\nHost: " + to.host + ":" + std::to_string(to.port) +
                     "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
                     key + "\r\nSec-WebSocket-Protocol: faultmaven.live.v1\r\n";
  if (!token.empty())
    text += "Authorization: Bearer " + token + "\r\n";
  for (auto& [name, value] : headers)
    text += name + ": " + value + "\r\n";
  text += "\r\n";
  if (auto r = client->socket_.write(text, until); !r)
    return r.error();
  auto& buffer = client->buffer_;
  std::size_t end;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (buffer.size() > head_bytes_max)
      return make_failure(errc::too_large, "The head of the answer is too long.");
    if (auto r = client->socket_.read(buffer, until); !r)
      return r.error();
  }
  auto head = parse_head(std::string_view{buffer}.substr(0, end));
  if (!head)
    return head.error();
  if (head->status != 101) {
    auto f = make_failure(errc::unavailable, "The upgrade was refused with " + std::to_string(head->status) + ".");
    f.with_fact("status", std::to_string(head->status));
    return f;
  }
  if (head->header("sec-websocket-accept") != accept_key_for(key))
    return make_failure(errc::invalid, "The server's Sec-WebSocket-Accept does not fit the key.");
  buffer.erase(0, end + 4);
  return client;
}

outcome<void> live_client::send_frame(unsigned opcode, std::string_view payload, bool masked, bool last) {
  return send_raw(client_frame(opcode, payload, masked, last));
}

outcome<void> live_client::send_raw(std::string_view bytes) {
  return socket_.write(bytes, steady::now() + std::chrono::seconds{10});
}

outcome<std::size_t> live_client::poll(milliseconds wait, const std::function<void(std::string_view)>& on_object) {
  const auto until = steady::now() + wait;
  std::size_t objects = 0, used = 0;
  const auto hand_on = [&](std::string_view text) {
    while (!text.empty()) {
      const auto end = text.find('\n');
      const auto one = text.substr(0, end);
      if (!one.empty()) {
        ++objects;
        on_object(one);
      }
      text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    }
  };
  for (;;) {
    // Whole frames first.
    for (;;) {
      const auto have = std::string_view{buffer_}.substr(used);
      const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(have[i]); };
      if (have.size() < 2)
        break;
      std::size_t head = 2;
      std::uint64_t length = byte(1) & 0x7FU;
      const std::size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
      if (have.size() < head + more)
        break;
      if (more > 0) {
        length = 0;
        for (std::size_t i = 0; i < more; ++i)
          length = (length << 8U) | byte(2 + i);
        head += more;
      }
      if (length > message_bytes_max || (byte(1) & 0x80U) != 0) {
        socket_.close();
        return make_failure(errc::invalid, "The server sent a frame no server may send.");
      }
      if (have.size() < head + length)
        break;
      const auto payload = have.substr(head, static_cast<std::size_t>(length));
      const unsigned opcode = byte(0) & 0x0FU;
      const bool last = (byte(0) & 0x80U) != 0;
      used += head + static_cast<std::size_t>(length);
      if (opcode == 9) {
        (void)send_frame(10, payload);
      } else if (opcode == 8) {
        if (payload.size() >= 2)
          close_code_ = static_cast<unsigned>(static_cast<unsigned char>(payload[0])) << 8U |
                        static_cast<unsigned char>(payload[1]);
        (void)send_frame(8, payload.substr(0, 2));
        buffer_.clear();
        socket_.close();
        if (objects > 0)
          return objects;
        return make_failure(errc::gone, "The server closed with " + std::to_string(close_code_) + ".");
      } else if (opcode <= 2) {
        if (last && message_.empty()) {
          ++messages_;
          hand_on(payload);
        } else {
          message_ += payload;
          if (last) {
            ++messages_;
            const auto whole = std::exchange(message_, {});
            hand_on(whole);
          }
        }
      }
    }
    buffer_.erase(0, used);
    used = 0;
    if (objects > 0)
      return objects;
    if (auto r = socket_.read(buffer_, until); !r) {
      if (r.error().code == errc::timed_out)
        return objects;
      return r.error();
    }
  }
}

bool live_client::poll_until(milliseconds within, const std::function<void(const json&)>& on_object,
                             const std::function<bool()>& done) {
  const auto until = steady::now() + within;
  while (!done()) {
    const auto left = std::chrono::duration_cast<milliseconds>(until - steady::now());
    if (left.count() <= 0)
      return false;
    auto n = poll(left, [&](std::string_view text) {
      if (auto object = json::parse(text))
        on_object(*object);
    });
    if (!n)
      return done();
  }
  return true;
}

outcome<json> live_client::ask(std::string_view object, std::string_view id, milliseconds within,
                               const std::function<void(const json&)>& on_other) {
  if (auto r = send(object); !r)
    return r.error();
  std::optional<json> answer;
  poll_until(
      within,
      [&](const json& o) {
        const auto& type = o["type"].text();
        if (!answer && (type == "ok" || type == "error") && o["reply_to"].text() == id)
          answer = o;
        else if (on_other)
          on_other(o);
      },
      [&] { return answer.has_value(); });
  if (!answer)
    return make_failure(socket_.is_open() ? errc::timed_out : errc::gone, "The command was not answered.");
  return *answer;
}

void live_client::close() {
  if (socket_.is_open()) {
    (void)send_frame(8, std::string_view{"\x03\xE8", 2});
    socket_.close();
  }
}

} // namespace fm::testing_support
