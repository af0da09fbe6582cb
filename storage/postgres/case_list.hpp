// Lists of cases: filters, order, pages, counts and full text in one statement each.
#pragma once

#include "protocol/model/pages.hpp"
#include "storage/postgres/connection.hpp"

namespace fm::postgres {

outcome<case_page> list_cases(connection& c, const case_query& q);

} // namespace fm::postgres
