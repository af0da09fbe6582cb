// Cases and their logs in PostgreSQL.
#pragma once

#include "storage/ports/case_store.hpp"
#include "storage/postgres/connection.hpp"

namespace fm::postgres {

/// Brings the schema up to date. Fails with a sentence when the server is not there, refuses the user, or holds a
/// schema that a newer program wrote.
outcome<case_store_ptr> open_case_store(const options& o);

} // namespace fm::postgres
