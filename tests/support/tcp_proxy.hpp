// A TCP proxy on loopback that misbehaves on command: cuts connections, says nothing, is slow, refuses. For tests of
// what clients of a database or a store do when the network does that.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

namespace fm {

/// One thread serves all connections. Every command may be given from any thread, is obeyed when it returns, and holds
/// until the next one.
class tcp_proxy {
public:
  /// Listens on a free port of 127.0.0.1; throws std::runtime_error when it cannot.
  tcp_proxy(std::string target_host, std::uint16_t target_port);
  ~tcp_proxy();
  tcp_proxy(const tcp_proxy&) = delete;
  tcp_proxy& operator=(const tcp_proxy&) = delete;

  std::uint16_t port() const;
  /// Connections that were taken since the start, refused ones included.
  std::uint64_t accepted() const;

  /// Everything passes again; what was held back goes on.
  void heal();
  /// Connections are taken and nothing moves, in neither direction.
  void black_hole();
  /// New connections are reset, those there are stay.
  void refuse();
  /// Each piece is held back this long before it is passed on.
  void delay(std::chrono::milliseconds by);
  /// Resets every connection there is, now.
  void cut();
  /// Resets the connection over which this many more bytes went to the server (or to the client), once.
  void cut_after(std::uint64_t bytes, bool to_server);
  /// The server's side is told the client has ended (FIN); answers still pass.
  void half_close();

private:
  struct machine;
  std::unique_ptr<machine> machine_;
};

} // namespace fm
