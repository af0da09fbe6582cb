// The live side of the edge (live.md): WebSocket, server-sent events, long-poll and tickets, all of them
// readers of the same log.
#pragma once

#include "http/core/router.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/metrics.hpp"
#include "protocol/base/random.hpp"
#include "protocol/messages/case_registry_actor.hpp"
#include "protocol/messages/identity_actor.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace fm::http {

struct upgrade_handler;
class event_streams;

/// Who is streaming over plain HTTP: what the endpoint's clock and revocations reach. Empty at first.
std::shared_ptr<event_streams> make_event_streams();

struct live_settings {
  std::size_t client_message_bytes_max = 1U << 20; ///< above: close 1009
  std::size_t cases_open_max = 64;                 ///< a connection; above: error invalid
  double commands_per_second = 50, commands_burst = 100; ///< above: error rate_limited
  std::size_t commands_in_flight_max = 256;        ///< above: error overloaded
  std::size_t outbox_bytes_max = 4U << 20;         ///< above: lagging
  std::size_t message_bytes = 64U << 10;           ///< frames are joined up to about this much
  std::size_t replay_events_max = 10'000;          ///< further behind: a snapshot instead of a replay
  std::chrono::seconds heartbeat{15};
  std::chrono::seconds pong_timeout{40};
  std::chrono::seconds hello_timeout{5};
  std::chrono::seconds write_timeout{60};          ///< a reader that takes nothing for so long is closed
  std::vector<std::string> allowed_origins;
  std::size_t connections_max = 20'000;            ///< above: 503
};

struct live_deps {
  case_registry_actor registry;
  identity_actor identity;
  metrics_ptr metrics;
  clock_ptr clock;
  random_ptr random;
  live_settings settings;
  std::string version;
  /// Shared by the endpoint and the routes that were given copies of the same deps.
  std::shared_ptr<event_streams> streams = make_event_streams();
};

/// Lives on the given contexts, one thread each, and outlives none of them.
std::shared_ptr<upgrade_handler> make_live_endpoint(const live_deps& deps,
                                                    const std::vector<boost::asio::io_context*>& contexts);

/// GET …/events (page, long-poll, server-sent events), POST /live/tickets, GET /live (documentation), /asyncapi.json.
/// Heartbeats, the end of long-polls and revocations come from the endpoint's clock.
void add_live_routes(router& routes, const live_deps& deps);

/// Streams the events of one turn as server-sent events and ends with it.
void stream_turn(const exchange_ptr& x, const live_deps& deps, const case_id& id, const turn_receipt& receipt);

/// AsyncAPI 3.0, from the same tables the code uses.
std::string asyncapi_document(const live_deps& deps);

} // namespace fm::http
