// The subcommands of the one binary, each a function from its options to an exit code.
//
// Exit codes: 0 done · 1 the thing asked about is not in order (verify found a break, config check found a
// mistake, a user exists already) · 2 the command line is wrong · 3 the server could not start · 70 the server
// had to stop because of a fault inside it.
#pragma once

#include "config/settings/load.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fm::app {

inline constexpr int exit_done = 0;
inline constexpr int exit_not_in_order = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_no_start = 3;
inline constexpr int exit_internal = 70;

std::string version();

/// What every command that needs settings was told: --config FILE and overrides.
struct common_options {
  std::optional<std::string> config;
  std::vector<std::pair<std::string, std::string>> overrides; ///< --data → storage.data, --set k=v
};
outcome<settings> load(const common_options& o);

int serve(const common_options& o, bool next_free_port);
int verify(const common_options& o, const std::optional<std::string>& only);
int config_print(const common_options& o, bool defaults);
int config_check(const common_options& o);
struct user_options {
  std::string username, email, display_name, role = "user";
};
/// The password is read from the terminal or from standard input, never from the command line.
int user_add(const common_options& o, const user_options& u);
int user_list(const common_options& o);
int user_password(const common_options& o, const std::string& username);

} // namespace fm::app
