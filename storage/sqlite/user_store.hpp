// Users in the case database's file, over a connection of their own.
#pragma once

#include "storage/ports/user_store.hpp"
#include "storage/sqlite/connection.hpp"

namespace fm::sqlite {

outcome<user_store_ptr> open_user_store(const open_options& options);

} // namespace fm::sqlite
