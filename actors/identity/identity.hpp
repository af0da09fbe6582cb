// The identity actor: users, sessions, tokens, tickets and idempotency records
// (protocol/messages/identity_actor). The rules are pure and stand beside it (rules, tickets, records,
// passwords); the actor only fetches, decides, stores and tells. Nothing here blocks a CAF worker: stores and
// argon2id run on the executor.
//
//   caller ── request ──► identity ── closure ──► executor (stores, password hashing)
//                         identity ◄── result ── executor          caller ◄── reply ── identity
#pragma once

#include "actors/support/offload.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/random.hpp"
#include "protocol/messages/identity_actor.hpp"
#include "storage/ports/session_store.hpp"
#include "storage/ports/user_store.hpp"

#include <caf/actor_system.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace fm {

/// What a password hash costs: libsodium's argon2id limits. minimum is for tests.
enum class password_cost { minimum, interactive, moderate };

struct identity_settings {
  bool dev_login = false;
  bool registration = true;
  std::chrono::seconds token_life{std::chrono::hours{24}};
  std::chrono::seconds refresh_life{std::chrono::hours{24 * 30}};
  std::chrono::minutes session_timeout{180}; ///< of sign-ins; open_session brings its own
  std::size_t sessions_per_user = 10;        ///< the oldest idle one gives way
  std::chrono::seconds ticket_life{30};
  std::size_t tickets_max = 10'000;     ///< unredeemed; above: overloaded
  std::size_t token_cache_max = 50'000; ///< accepted tokens in memory; the least recently used gives way
  /// A cached token's user and revocation are read again this often (another process may have changed them).
  std::chrono::seconds token_cache_life{std::chrono::minutes{5}};
  std::size_t login_failures_max = 10; ///< a username within the window; above: rate_limited
  std::chrono::seconds login_window{std::chrono::minutes{5}};
  std::size_t login_names_max = 10'000; ///< usernames whose failures are counted
  std::chrono::seconds idempotency_life{std::chrono::hours{24}};
  std::size_t requests_max = 4'096; ///< requests waiting for the executor; above: overloaded
  /// A claimed idempotency key whose request never ended is free again after this.
  std::chrono::seconds idempotency_running_life{std::chrono::minutes{15}};
  std::chrono::seconds session_touch_every{60}; ///< a request slides its session, at most this often
  std::string boot_id; ///< names this start of the program in running markers; empty = made once a process
  password_cost cost = password_cost::interactive;
};

struct identity_deps {
  user_store_ptr users;
  session_store_ptr sessions;
  offload_ptr work;
  clock_ptr clock;
  random_ptr random; ///< fit for secrets, but in tests
};

identity_actor spawn_identity(caf::actor_system& system, identity_settings settings, identity_deps deps);

} // namespace fm
