// Lists of cases: filters, order, keyset paging and search, as SQL over the covering indexes.
#pragma once

#include "protocol/model/pages.hpp"
#include "storage/sqlite/connection.hpp"

namespace fm::sqlite {

/// Inside one snapshot; throws sqlite::error.
outcome<case_page> list_cases(connection& c, const case_query& query);

} // namespace fm::sqlite
