// The schemas of the databases that the settings name: which step each is at, and the way up and down.
#pragma once

#include "storage/factory/factory.hpp"

#include <string>
#include <vector>

namespace fm {

struct schema_step {
  int number = 0;
  std::string name;
  bool applied = false;
};
struct schema_state {
  std::string of;    ///< cases, users or sessions
  std::string where; ///< a file, or host and database
  int applied = 0;   ///< the newest step; 0 = there is no schema yet
  std::vector<schema_step> steps; ///< those this program knows
  bool newer() const { return !steps.empty() && applied > steps.back().number; }
};

/// Only looks; nothing is made.
outcome<std::vector<schema_state>> schema_states(const storage_settings& s);
/// Applies what is missing everywhere.
outcome<done_t> schemas_up(const storage_settings& s);
/// Takes the steps of one database (cases, users or sessions) behind `target` back, and what is in their tables with
/// them.
outcome<done_t> schema_down(const storage_settings& s, const std::string& of, int target);

} // namespace fm
