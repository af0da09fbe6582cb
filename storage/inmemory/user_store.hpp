// Users in the process's memory.
#pragma once

#include "storage/ports/user_store.hpp"

namespace fm::inmemory {

user_store_ptr make_user_store();

} // namespace fm::inmemory
