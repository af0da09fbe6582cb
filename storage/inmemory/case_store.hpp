// The case store in the process's memory: for development and tests. The same semantics as the durable ones (chain,
// projection, compaction, paging), nothing of their durability.
//
// One difference is documented: search folds case for ASCII only and keeps accents.
#pragma once

#include "storage/ports/case_store.hpp"

namespace fm::inmemory {

case_store_ptr make_case_store();

} // namespace fm::inmemory
