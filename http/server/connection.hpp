// Where an accepted socket becomes a connection of the server.
#pragma once

#include "http/server/hub.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <memory>

namespace fm::http {

/// To be started on the socket's I/O thread. Counts in shared->connections from now until it is gone.
std::shared_ptr<connection> make_connection(boost::asio::ip::tcp::socket socket, hub_ptr shared);

} // namespace fm::http
