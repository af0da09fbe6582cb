// Where the HTTP server hands over a connection that becomes a WebSocket. May include Beast: keep it out of
// anything that does not need sockets.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

namespace fm::http {

struct upgrade_handler {
  virtual ~upgrade_handler() = default;
  /// On the connection's I/O thread; the socket belongs to the handler from here on.
  virtual void accept(boost::asio::ip::tcp::socket socket,
                      boost::beast::http::request<boost::beast::http::string_body> request) = 0;
  /// Closes every connection (1001 going away). Thread-safe.
  virtual void close_all() = 0;
};

} // namespace fm::http
