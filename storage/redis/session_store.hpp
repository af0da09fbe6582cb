// Sessions, tokens and idempotency records in Redis, shared by several servers.
//
// A value carries its end in front (20 digits, milliseconds since 1970, 0 = never), so that one rule decides whether it
// lives; Redis is told to drop it a minute later (PX). What must be one step is a script inside Redis.
#pragma once

#include "protocol/base/clock.hpp"
#include "storage/ports/session_store.hpp"
#include "storage/redis/connection.hpp"

namespace fm::redis {

/// unavailable, in a sentence, when Redis does not answer or does not let us in.
outcome<session_store_ptr> open_session_store(const options& o, clock_ptr clock);

} // namespace fm::redis
