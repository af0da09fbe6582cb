// The schema in numbered steps, each with its way back. Steps that were released are never edited.
#pragma once

#include "storage/postgres/connection.hpp"

#include <vector>

namespace fm::postgres {

struct migration {
  int number;
  const char* name;
  const char* up;
  const char* down;
};
const std::vector<migration>& migrations();

/// Makes the schema when missing and applies what is missing up to `target`, each step in a transaction of its own,
/// all under one lock: of two servers that start together one waits. Throws error FM001 for a database that a newer
/// program wrote.
void migrate_up(connection& c, const std::string& schema, int target);
/// Takes steps back until `target` is the newest.
void migrate_down(connection& c, const std::string& schema, int target);
/// The newest applied step; 0 when there is none.
int applied(connection& c, const std::string& schema);

} // namespace fm::postgres
