// From a request that was read to its handler, without a socket: target, methods, origins, who is asking, how
// often, and whether it was asked before.
//
//   connection ── serve(exchange) ──► route ── token ──► identity ── key ──► identity ──► handler
#pragma once

#include "http/core/exchange.hpp"
#include "http/server/hub.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>

namespace fm::http {

/// An exchange on its way through the pipeline.
struct served_exchange : exchange, std::enable_shared_from_this<served_exchange> {
  hub_ptr shared;
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  bool head_only = false;
  bool accepts_gzip = false;
  double rate_left = -1; ///< requests its sender has left; negative = was not counted
  std::string idempotency_key;
  std::string idempotency_digest;
  bool claims_key = false; ///< a streamed request that brought a key
  std::atomic<bool> idempotency_open{false}; ///< the key was claimed and not settled yet

  void claim_key(std::string_view content, std::function<void()> go_on) override;
  /// Stores the answer under the claimed key, if there is one; null releases the key.
  void settle_key(const response* answer);
};
using served_exchange_ptr = std::shared_ptr<served_exchange>;

/// Fills what the headers say about the exchange itself: its id, whether it takes gzip. Before serve().
void introduce(served_exchange& x);
/// The route of a request when it takes its body as a stream, before the body is read.
const route* streaming_route(const hub& shared, std::string_view method, std::string_view target);
/// Answers the exchange, now or later. On its connection's I/O thread.
void serve(const served_exchange_ptr& x);
/// Headers every answer carries: ids, times, limits, origins. `each` is called with name and value.
void for_each_common_header(const served_exchange& x,
                            const std::function<void(std::string_view, std::string)>& each);
/// Counts and logs an answer.
void record_answer(const served_exchange& x, int status);

} // namespace fm::http
