// Blobs in the process's memory: gone at a restart.
#pragma once

#include "storage/ports/blob_store.hpp"

namespace fm::inmemory {

blob_store_ptr make_blob_store(clock_ptr clock);

} // namespace fm::inmemory
