// A consistent copy of a database that is in use: SQLite's online backup, one read transaction, writers go on.
#pragma once

#include "protocol/base/reply.hpp"

#include <string>

namespace fm::sqlite {

/// Copies `from` into the new file `to` and checks the copy. Nothing is left behind on failure.
outcome<done_t> copy_database(const std::string& from, const std::string& to);

} // namespace fm::sqlite
