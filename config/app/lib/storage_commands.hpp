// Commands on the stores themselves: faultmaven migrate and faultmaven copy.
#pragma once

#include "config/app/lib/commands.hpp"

namespace fm::app {

int migrate_status(const common_options& o);
int migrate_up(const common_options& o);
struct migrate_down_options {
  std::string of = "cases"; ///< cases, users or sessions
  int to = -1;              ///< the step that shall be the newest; -1 = one step back
  bool yes = false;         ///< without it nothing is taken back
};
int migrate_down(const common_options& o, const migrate_down_options& what);

struct copy_options {
  std::string from, to; ///< settings files
  std::string only;     ///< names with commas; empty = everything
};
/// Both servers must be stopped. Each file stands for itself; what the file should not say (passwords) comes from the
/// environment, named as always with FROM_ or TO_ in front: TO_CASES_DB_PASSWORD.
int copy(const copy_options& what);

} // namespace fm::app
