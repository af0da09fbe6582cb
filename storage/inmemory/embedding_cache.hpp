// Vectors by hash, in memory.
#pragma once

#include "storage/ports/embedding_cache.hpp"

namespace fm::inmemory {

embedding_cache_ptr make_embedding_cache(std::uint64_t bytes_max);

} // namespace fm::inmemory
