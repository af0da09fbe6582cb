// The listener: binds, accepts, deals connections out to the I/O threads, drains and stops. One I/O thread
// per io_context, so that the handlers of a connection never run at the same time.
#include "http/server/server.hpp"

#include "http/core/upgrade.hpp"
#include "http/server/connection.hpp"
#include "http/server/hub.hpp"
#include "protocol/base/logging.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <mutex>
#include <thread>

namespace fm::http {
namespace {
namespace net = boost::asio;
using tcp = net::ip::tcp;
using error_code = boost::system::error_code;

/// The I/O contexts, one thread each.
struct lanes {
  std::vector<std::unique_ptr<net::io_context>> contexts;
};
/// Actors may hold connections (as listeners, in answers not given yet) a moment longer than the server
/// lives, and a socket must not outlive its context. So contexts are never destroyed, only stopped: one set a
/// server.
void keep_for_ever(std::shared_ptr<lanes> used) {
  static std::mutex mutex;
  static auto& all = *new std::vector<std::shared_ptr<lanes>>;
  std::lock_guard lock{mutex};
  all.push_back(std::move(used));
}

class listening_server final : public server {
public:
  explicit listening_server(server_deps deps) : hub_(std::make_shared<hub>(std::move(deps))) {
    const auto threads = std::max<std::size_t>(1, hub_->deps.settings.io_threads);
    for (std::size_t i = 0; i < threads; ++i)
      contexts_.push_back(std::make_unique<net::io_context>(1));
  }
  ~listening_server() override {
    hub_->stopped = true;
    for (auto& c : contexts_)
      c->stop();
    for (auto& t : threads_)
      t.join();
    acceptor_.reset();
    retry_.reset();
    for (auto& c : hub_->open_connections())
      c->close(); // its thread is gone; this lets a request and its connection go that hold each other
    keep_for_ever(lanes_);
  }

  std::optional<failure> listen() {
    const auto& s = hub_->deps.settings;
    error_code ec;
    const auto address = net::ip::make_address(s.host == "localhost" ? "127.0.0.1" : s.host, ec);
    if (ec)
      return make_failure(errc::invalid, "http.host = '" + s.host + "' is not an IP address.");
    acceptor_ = std::make_unique<tcp::acceptor>(*contexts_[0]);
    const int tries = s.next_free_port && s.port != 0 ? 100 : 1;
    for (int i = 0; i < tries; ++i) {
      const tcp::endpoint where{address, static_cast<std::uint16_t>(s.port + i)};
      acceptor_->close(ec);
      acceptor_->open(where.protocol(), ec);
      if (!ec)
        acceptor_->set_option(net::socket_base::reuse_address{true}, ec);
      if (!ec)
        acceptor_->bind(where, ec);
      if (!ec)
        acceptor_->listen(1024, ec);
      if (!ec)
        break;
      if (ec != net::error::address_in_use)
        break;
    }
    if (ec)
      return make_unavailable("Cannot listen on " + s.host + ":" + std::to_string(s.port) + ": " +
                              ec.message() +
                              ". Is another server running there? Give this one another --port.");
    port_ = acceptor_->local_endpoint().port();
    if (hub_->deps.make_live) {
      std::vector<net::io_context*> all;
      for (auto& c : contexts_)
        all.push_back(c.get());
      hub_->live = hub_->deps.make_live(all);
    }
    accept();
    for (auto& c : contexts_)
      threads_.emplace_back([context = c.get()] {
        const auto guard = net::make_work_guard(*context);
        for (;;) {
          try {
            context->run();
            return;
          } catch (const std::exception& e) {
            log::error("http", std::string{"a handler failed: "} + e.what());
          }
        }
      });
    return std::nullopt;
  }

  std::uint16_t port() const override { return port_; }

  void drain() override {
    hub_->draining = true;
    net::post(*contexts_[0], [this] {
      error_code ec;
      acceptor_->close(ec);
    });
    if (hub_->live)
      hub_->live->close_all();
    for (auto& c : hub_->open_connections())
      c->post([c] { c->wind_up(); });
    std::unique_lock lock{hub_->connections_mutex};
    hub_->emptied.wait_for(lock, hub_->deps.settings.drain, [this] { return hub_->connections == 0; });
  }

private:
  void accept() {
    auto& context = *contexts_[next_++ % contexts_.size()];
    acceptor_->async_accept(context, [this](error_code ec, tcp::socket socket) {
      if (ec == net::error::operation_aborted || hub_->draining)
        return;
      if (!ec) {
        if (hub_->connections < hub_->deps.settings.connections_max) {
          auto c = make_connection(std::move(socket), hub_);
          auto& lane = *c;
          lane.post([c = std::move(c)] { c->start(); });
        }
        accept();
        return;
      }
      // Out of descriptors: wait a little instead of spinning.
      retry_ = std::make_unique<net::steady_timer>(*contexts_[0], std::chrono::milliseconds{50});
      retry_->async_wait([this](error_code e) {
        if (!e)
          accept();
      });
    });
  }

  hub_ptr hub_;
  std::shared_ptr<lanes> lanes_ = std::make_shared<lanes>();
  std::vector<std::unique_ptr<net::io_context>>& contexts_ = lanes_->contexts;
  std::unique_ptr<tcp::acceptor> acceptor_;
  std::unique_ptr<net::steady_timer> retry_;
  std::vector<std::thread> threads_;
  std::size_t next_ = 0;
  std::uint16_t port_ = 0;
};
} // namespace

outcome<std::unique_ptr<server>> start_server(server_deps deps) {
  auto made = std::make_unique<listening_server>(std::move(deps));
  if (auto f = made->listen())
    return *f;
  return std::unique_ptr<server>{std::move(made)};
}

} // namespace fm::http
