// The schema, as numbered steps. A step that was released is never edited; a change is a new step.
#pragma once

#include "storage/sqlite/connection.hpp"

namespace fm::sqlite {

const std::vector<migration>& case_migrations();
const std::vector<migration>& session_migrations();
const std::vector<migration>& blob_migrations();

} // namespace fm::sqlite
