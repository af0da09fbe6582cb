// Vectors in the process's memory, searched exactly: gone at a restart, and the yardstick of the other stores.
#pragma once

#include "storage/ports/vector_store.hpp"

namespace fm::inmemory {

vector_store_ptr make_vector_store();

} // namespace fm::inmemory
