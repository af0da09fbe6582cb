// Making and changing accounts, blocking: what registration does on the executor and what
// `faultmaven user add|list|password` does on the command line.
#pragma once

#include "actors/identity/identity.hpp"

#include <string>
#include <vector>

namespace fm::identity {

struct new_account {
  std::string username, email, password, display_name;
  std::vector<user_role> roles{user_role::user};
  bool password_needed = true; ///< false: a development account without one
};

/// invalid with facts["field"], conflict ALREADY_EXISTS, or the store's failure.
outcome<user> add_account(user_store& users, const new_account& account, password_cost cost,
                          const clock_source& clock, random_source& random);
/// By username or e-mail. Tokens made before are refused from then on.
outcome<user> change_password(user_store& users, std::string_view username_or_email,
                              std::string_view password, password_cost cost, const clock_source& clock);
/// Every user, page by page, at most `most`.
outcome<std::vector<user>> list_accounts(const user_store& users, std::size_t most);

} // namespace fm::identity
