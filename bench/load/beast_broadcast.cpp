// The yardstick of the fan-out benchmark: a plain Boost.Beast chat server in the manner of Beast's own chat-multi
// example. Whatever a publisher sends to a room is written once to every subscriber of it, one write an event.
// No storage, no accounts, no JSON: it has less to do than the server it is compared with.
//
//   subscribe: WebSocket /room/<name>     publish: WebSocket /publish, text "<name> <payload>"
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include <CLI/CLI.hpp>

#include <sys/resource.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {
namespace beast = boost::beast;
namespace net = boost::asio;
namespace websocket = beast::websocket;
using tcp = net::ip::tcp;
using frame = std::shared_ptr<const std::string>;

class session;

/// Who listens to what. Thread-safe.
class rooms {
public:
  void join(const std::string& room, const std::shared_ptr<session>& who) {
    const std::lock_guard guard{mutex_};
    rooms_[room].push_back(who);
  }
  void publish(const std::string& room, const frame& what);

private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<std::weak_ptr<session>>> rooms_;
};

class session : public std::enable_shared_from_this<session> {
public:
  session(tcp::socket socket, rooms& all) : ws_(std::move(socket)), rooms_(all) {}

  void start() {
    beast::http::async_read(ws_.next_layer(), buffer_, request_, [self = shared_from_this()](beast::error_code e, std::size_t) {
      if (!e)
        self->upgrade();
    });
  }
  void send(frame f) {
    net::post(ws_.get_executor(), [self = shared_from_this(), f = std::move(f)]() mutable {
      self->queue_.push_back(std::move(f));
      if (self->queue_.size() == 1)
        self->write();
    });
  }

private:
  void upgrade() {
    target_ = std::string{request_.target()};
    ws_.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
    ws_.set_option(websocket::stream_base::decorator([](websocket::response_type& r) {
      r.set(beast::http::field::sec_websocket_protocol, "faultmaven.live.v1");
    }));
    ws_.async_accept(request_, [self = shared_from_this()](beast::error_code e) {
      if (e)
        return;
      self->ws_.text(true);
      if (self->target_.rfind("/room/", 0) == 0)
        self->rooms_.join(self->target_.substr(6), self);
      self->read();
    });
  }
  void read() {
    ws_.async_read(buffer_, [self = shared_from_this()](beast::error_code e, std::size_t) {
      if (e)
        return;
      const auto text = beast::buffers_to_string(self->buffer_.data());
      self->buffer_.consume(self->buffer_.size());
      if (const auto space = text.find(' '); space != std::string::npos)
        self->rooms_.publish(text.substr(0, space), std::make_shared<const std::string>(text.substr(space + 1)));
      self->read();
    });
  }
  void write() {
    ws_.async_write(net::buffer(*queue_.front()), [self = shared_from_this()](beast::error_code e, std::size_t) {
      if (e)
        return;
      self->queue_.pop_front();
      if (!self->queue_.empty())
        self->write();
    });
  }

  websocket::stream<beast::tcp_stream> ws_;
  rooms& rooms_;
  beast::flat_buffer buffer_;
  beast::http::request<beast::http::empty_body> request_;
  std::string target_;
  std::deque<frame> queue_;
};

void rooms::publish(const std::string& room, const frame& what) {
  const std::lock_guard guard{mutex_};
  for (auto& weak : rooms_[room])
    if (auto s = weak.lock())
      s->send(what);
}

class listener {
public:
  listener(net::io_context& context, std::uint16_t port, rooms& all)
      : context_(context), acceptor_(context, {net::ip::make_address("127.0.0.1"), port}), rooms_(all) {
    acceptor_.listen(net::socket_base::max_listen_connections);
  }
  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  void accept() {
    acceptor_.async_accept(net::make_strand(context_), [this](beast::error_code e, tcp::socket s) {
      if (!e) {
        s.set_option(tcp::no_delay(true));
        std::make_shared<session>(std::move(s), rooms_)->start();
      }
      accept();
    });
  }

private:
  net::io_context& context_;
  tcp::acceptor acceptor_;
  rooms& rooms_;
};

} // namespace

int main(int argc, char** argv) {
  CLI::App app{"A plain Beast WebSocket broadcast server: the yardstick of faultmaven-load fanout"};
  std::uint16_t port = 0;
  int threads = 2;
  app.add_option("--port", port, "Port on 127.0.0.1; 0 takes a free one");
  app.add_option("--threads", threads, "I/O threads")->check(CLI::Range(1, 64));
  CLI11_PARSE(app, argc, argv);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  net::io_context context{threads};
  rooms all;
  listener door{context, port, all};
  door.accept();
  std::printf("listening on http://127.0.0.1:%u\n", door.port());
  std::fflush(stdout);
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i)
    others.emplace_back([&] { context.run(); });
  context.run();
  for (auto& t : others)
    t.join();
}
