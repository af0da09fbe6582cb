// Users in PostgreSQL.
#pragma once

#include "storage/ports/user_store.hpp"
#include "storage/postgres/connection.hpp"

namespace fm::postgres {

outcome<user_store_ptr> open_user_store(const options& o);

} // namespace fm::postgres
