// Values that expire, in a file of their own so that they never wait for case commits.
#pragma once

#include "protocol/base/clock.hpp"
#include "storage/ports/session_store.hpp"
#include "storage/sqlite/connection.hpp"

namespace fm::sqlite {

outcome<session_store_ptr> open_session_store(const open_options& options, clock_ptr clock);

} // namespace fm::sqlite
