// Vectors by hash, in an SQLite file of their own: losing it costs money and time, never data.
#pragma once

#include "storage/ports/embedding_cache.hpp"
#include "storage/sqlite/connection.hpp"

namespace fm::sqlite {

outcome<embedding_cache_ptr> open_embedding_cache(const open_options& options, std::uint64_t bytes_max);

} // namespace fm::sqlite
