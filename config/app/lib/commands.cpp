// The subcommands that do not serve.
#include "config/app/lib/commands.hpp"
#include "config/app/lib/storage_of.hpp"

#include "actors/identity/accounts.hpp"

#include <fstream>
#include <iostream>
#include <iterator>
#include <termios.h>
#include <unistd.h>

#ifndef FM_VERSION
#define FM_VERSION "0.0.0"
#endif

namespace fm::app {
namespace {

int report(const failure& f, int code) {
  std::cerr << "faultmaven: " << f.detail << "\n";
  return code;
}

outcome<opened_storage> open(const settings& s) {
  auto from = storage_of(s);
  from.vectors = from.blobs = "inmemory"; // commands look at cases and users only
  return open_storage(from);
}

/// Asks on a terminal without echo; reads one line otherwise.
std::optional<std::string> read_password(const char* prompt) {
  std::string text;
  if (::isatty(STDIN_FILENO)) {
    std::cerr << prompt << std::flush;
    termios before{};
    ::tcgetattr(STDIN_FILENO, &before);
    auto silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &silent);
    const bool good = static_cast<bool>(std::getline(std::cin, text));
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
    std::cerr << "\n";
    return good ? std::optional{text} : std::nullopt;
  }
  return std::getline(std::cin, text) ? std::optional{text} : std::nullopt;
}

password_cost cost_of(const settings& s) {
  switch (s.auth.password_cost) {
  case password_cost_setting::minimum: return password_cost::minimum;
  case password_cost_setting::moderate: return password_cost::moderate;
  case password_cost_setting::interactive: break;
  }
  return password_cost::interactive;
}

} // namespace

std::string version() { return FM_VERSION; }

outcome<settings> load(const common_options& o) {
  settings_sources from;
  from.file = o.config;
  from.environment = process_environment();
  from.command_line = o.overrides;
  return load_settings(from);
}

int verify(const common_options& o, const std::optional<std::string>& only) {
  auto s = load(o);
  if (!s)
    return report(s.error(), exit_usage);
  if (s->storage.cases == "sqlite" && ::access((s->storage.data + "/faultmaven.db").c_str(), F_OK) != 0)
    return report(make_failure(errc::not_found, s->storage.data + " holds no cases; give the data directory with --data."), exit_usage);
  auto storage = open(*s);
  if (!storage)
    return report(storage.error(), exit_no_start);
  std::uint64_t cases = 0, events = 0, broken = 0;
  const auto result = storage->cases->verify(only ? std::optional{case_id{*only}} : std::nullopt, [&](const log_check& c) {
    ++cases;
    events += c.events;
    if (c.broken) {
      ++broken;
      std::cout << c.id.value << ": " << *c.broken << "\n";
    }
  });
  if (!result)
    return report(result.error(), exit_not_in_order);
  if (only && cases == 0)
    return report(make_failure(errc::not_found, "There is no case " + *only + "."), exit_not_in_order);
  std::cout << cases << " cases, " << events << " events, " << broken << " broken\n";
  return broken == 0 ? exit_done : exit_not_in_order;
}

int config_print(const common_options& o, bool defaults) {
  if (defaults) {
    std::cout << default_settings_file();
    return exit_done;
  }
  auto s = load(o);
  if (!s)
    return report(s.error(), exit_not_in_order);
  std::cout << print_settings(*s);
  return exit_done;
}

int config_check(const common_options& o) {
  auto s = load(o);
  if (!s)
    return report(s.error(), exit_not_in_order);
  for (auto& warning : s->warnings)
    std::cerr << "warning: " << warning << "\n";
  std::cout << "The settings are in order.\n";
  return exit_done;
}

int user_add(const common_options& o, const user_options& u) {
  auto s = load(o);
  if (!s)
    return report(s.error(), exit_usage);
  auto storage = open(*s);
  if (!storage)
    return report(storage.error(), exit_no_start);
  const auto password = read_password("Password: ");
  if (!password)
    return report(make_failure(errc::invalid, "No password was given on standard input."), exit_usage);
  identity::new_account account;
  account.username = u.username;
  account.email = u.email;
  account.display_name = u.display_name.empty() ? u.username : u.display_name;
  account.password = *password;
  account.roles = {enum_from<user_role>(u.role).value_or(user_role::user)};
  const auto made = identity::add_account(*storage->users, account, cost_of(*s), *system_clock_source(), *system_random());
  if (!made)
    return report(made.error(), exit_not_in_order);
  std::cout << made->id.value << "\n";
  return exit_done;
}

int user_list(const common_options& o) {
  auto s = load(o);
  if (!s)
    return report(s.error(), exit_usage);
  auto storage = open(*s);
  if (!storage)
    return report(storage.error(), exit_no_start);
  const auto all = identity::list_accounts(*storage->users, 100'000);
  if (!all)
    return report(all.error(), exit_not_in_order);
  for (auto& u : *all) {
    std::cout << u.id.value << "\t" << u.username << "\t" << u.email << "\t";
    for (std::size_t i = 0; i < u.roles.size(); ++i)
      std::cout << (i ? "," : "") << name_of(u.roles[i]);
    std::cout << "\t" << (u.active ? "active" : "inactive") << "\t" << to_iso8601(u.created_at) << "\n";
  }
  return exit_done;
}

int user_password(const common_options& o, const std::string& username) {
  auto s = load(o);
  if (!s)
    return report(s.error(), exit_usage);
  auto storage = open(*s);
  if (!storage)
    return report(storage.error(), exit_no_start);
  const auto password = read_password("New password: ");
  if (!password)
    return report(make_failure(errc::invalid, "No password was given on standard input."), exit_usage);
  const auto changed = identity::change_password(*storage->users, username, *password, cost_of(*s), *system_clock_source());
  if (!changed)
    return report(changed.error(), exit_not_in_order);
  std::cout << "The password of " << changed->username << " was changed; its sessions must sign in again.\n";
  return exit_done;
}

} // namespace fm::app
