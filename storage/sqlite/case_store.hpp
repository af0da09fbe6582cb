// The case store over one SQLite file (WAL): one writer connection, a small pool of readers.
#pragma once

#include "storage/ports/case_store.hpp"
#include "storage/sqlite/connection.hpp"

namespace fm::sqlite {

struct store_options {
  open_options file;
  std::size_t readers = 4; ///< connections for reads, opened when needed
};

/// unavailable with a sentence when the file cannot be opened, is damaged or is not ours.
outcome<case_store_ptr> open_case_store(const store_options& options);

} // namespace fm::sqlite
