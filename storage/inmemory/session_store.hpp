// Values that expire, in the process's memory: gone at a restart.
#pragma once

#include "protocol/base/clock.hpp"
#include "storage/ports/session_store.hpp"

namespace fm::inmemory {

session_store_ptr make_session_store(clock_ptr clock);

} // namespace fm::inmemory
