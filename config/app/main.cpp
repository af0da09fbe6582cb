// faultmaven: the command line. Every word here is part of the product.
#include "config/app/lib/analyze_command.hpp"
#include "config/app/lib/backup_command.hpp"
#include "config/app/lib/commands.hpp"
#include "config/app/lib/storage_commands.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <iostream>

int main(int argc, char** argv) {
  using namespace fm::app;
  CLI::App cli{"FaultMaven: troubleshooting cases on which people and an AI work together, live, and that never forget."};
  cli.require_subcommand(1);
  cli.footer("Exit codes: 0 done; 1 not in order (a broken log, a wrong setting); 2 wrong command line;\n"
             "            3 could not start; 70 stopped by a fault inside.\n"
             "Settings:   faultmaven config print shows every one with its value and where it came from.");
  cli.set_help_all_flag("--help-all", "Help of all subcommands");

  common_options common;
  std::string config, data, host, port;
  std::vector<std::string> sets;
  bool next_free = false;
  const auto add_common = [&](CLI::App* c) {
    c->add_option("--config", config, "Settings file (see config/faultmaven.conf)")->check(CLI::ExistingFile)->take_last();
    c->add_option("--data", data, "Data directory (default: faultmaven-data)")->take_last();
    c->add_option("--set", sets, "One setting, as section.name=value; may be repeated");
  };

  auto* serve_command = cli.add_subcommand("serve", "Run the server");
  add_common(serve_command);
  serve_command->add_option("--host", host, "Address to listen on (default: 127.0.0.1)")->take_last();
  serve_command->add_option("--port", port, "Port; 0 = any free one (default: 8080)")->take_last();
  serve_command->add_flag("--next-free-port", next_free, "When the port is taken, use the next free one");

  analyze_options what;
  bool as_log = false;
  auto* analyze_command = cli.add_subcommand("analyze", "Analyse files of any kind offline: what to look at first");
  analyze_command->footer("The analysis is the server's: the same bytes and name give the same JSON as an upload to a server with default\n"
                          "settings; what is personal or secret is taken out of what is quoted, but for --assignments.\n"
                          "Types: logs_and_errors metrics_and_performance structured_config source_code unstructured_text visual_evidence\n"
                          "       unanalyzable\n"
                          "Exit codes: 0 all files were analysed; 1 one could not be (the reason is printed); 2 one could not be read.");
  analyze_command->add_option("FILE", what.files, "Files; - is standard input")->required();
  analyze_command->add_flag("--json", what.json, "The whole result as JSON, a line a file");
  analyze_command->add_flag("--assignments", what.assignments, "As a log, for every line: line_number<TAB>template_id");
  analyze_command->add_flag("--templates", what.templates, "Of logs also the templates, with their counts over time");
  auto* type = analyze_command->add_option("--type", what.type, "What the files are, whatever they look like");
  type->check(CLI::IsMember({"logs_and_errors", "metrics_and_performance", "structured_config", "source_code", "unstructured_text", "visual_evidence", "unanalyzable"}));
  analyze_command->add_flag("--as-log", as_log, "Short for --type logs_and_errors")->excludes(type);
  analyze_command->add_option("--content-type", what.content_type, "What a sender says that they are: a hint");
  analyze_command->add_option("--color,--colour", what.colour, "auto (a terminal, unless NO_COLOR is set), always or never")->check(CLI::IsMember({"auto", "always", "never"}));

  std::string only;
  auto* verify_command = cli.add_subcommand("verify", "Walk every case's log: sequence, hash chain, answers");
  add_common(verify_command);
  verify_command->add_option("--case", only, "Only this case");

  auto* config_command = cli.add_subcommand("config", "Look at the settings");
  config_command->require_subcommand(1);
  auto* print_command = config_command->add_subcommand("print", "Every setting with its value and origin; secrets hidden");
  add_common(print_command);
  bool defaults = false;
  print_command->add_flag("--default", defaults, "The settings file with every default and what it means");
  auto* check_command = config_command->add_subcommand("check", "Are the settings in order? Exit code 1 if not");
  add_common(check_command);

  user_options person;
  auto* user_command = cli.add_subcommand("user", "Manage accounts (stop the server first)");
  user_command->require_subcommand(1);
  auto* add_command = user_command->add_subcommand("add", "Make an account; asks for the password");
  add_common(add_command);
  add_command->add_option("USERNAME", person.username, "3-50 of A-Z a-z 0-9 . _ -")->required();
  add_command->add_option("--email", person.email, "E-mail address")->required();
  add_command->add_option("--name", person.display_name, "Display name");
  add_command->add_option("--role", person.role, "user, analyst or admin")->check(CLI::IsMember({"user", "analyst", "admin"}));
  auto* list_command = user_command->add_subcommand("list", "All accounts");
  add_common(list_command);
  auto* password_command = user_command->add_subcommand("password", "Set a new password; asks for it");
  add_common(password_command);
  password_command->add_option("USERNAME", person.username, "Username or e-mail address")->required();

  std::string folder;
  auto* backup_command = cli.add_subcommand("backup", "Copy an embedded server's data, also while it runs; verified");
  add_common(backup_command);
  backup_command->add_option("FOLDER", folder, "New folder for the backup")->required();
  auto* restore_command = cli.add_subcommand("restore", "Put a backup into a new or empty data directory");
  add_common(restore_command);
  restore_command->add_option("FOLDER", folder, "The backup")->required();

  migrate_down_options back;
  auto* migrate_command = cli.add_subcommand("migrate", "The schemas of the databases: look, apply, take back");
  migrate_command->require_subcommand(1);
  auto* status_command = migrate_command->add_subcommand("status", "Which steps are applied; exit code 1 when one is missing");
  add_common(status_command);
  auto* up_command = migrate_command->add_subcommand("up", "Apply what is missing (the server does so by itself at its start)");
  add_common(up_command);
  auto* down_command = migrate_command->add_subcommand("down", "Take steps back, and the tables of these steps with them");
  add_common(down_command);
  down_command->add_option("--to", back.to, "The step that shall be the newest (default: one step back)")->check(CLI::NonNegativeNumber);
  down_command->add_option("--of", back.of, "Whose database: cases, users or sessions")->check(CLI::IsMember({"cases", "users", "sessions"}));
  down_command->add_flag("--yes", back.yes, "Really");

  copy_options copying;
  auto* copy_command = cli.add_subcommand("copy", "Copy everything from the stores of one settings file to those of another");
  copy_command->footer("Both servers must be stopped. A copy that was cut short goes on where it stopped. Passwords that the files do\n"
                       "not say come from the environment, with FROM_ or TO_ in front: TO_CASES_DB_PASSWORD.\n"
                       "Exit code 0: the checksums of both ends are the same; 1: they are not.");
  copy_command->add_option("--from", copying.from, "Settings file of the source")->required()->check(CLI::ExistingFile);
  copy_command->add_option("--to", copying.to, "Settings file of the target")->required()->check(CLI::ExistingFile);
  copy_command->add_option("--only", copying.only, "Some of users,cases,sessions,vectors,files (default: all)");

  auto* version_command = cli.add_subcommand("version", "Print the version");

  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return cli.exit(e) == 0 ? exit_done : exit_usage;
  }
  if (!config.empty())
    common.config = config;
  const auto set = [&](const char* key, const std::string& value) {
    if (!value.empty())
      common.overrides.emplace_back(key, value);
  };
  for (auto& s : sets) {
    const auto equals = s.find('=');
    if (equals == std::string::npos || equals == 0) {
      std::cerr << "--set " << s << ": write it as section.name=value\n";
      return exit_usage;
    }
    common.overrides.emplace_back(s.substr(0, equals), s.substr(equals + 1));
  }
  set("storage.data", data);
  set("http.host", host);
  set("http.port", port);

  if (*serve_command)
    return serve(common, next_free);
  if (*analyze_command) {
    if (as_log)
      what.type = "logs_and_errors";
    return analyze(what);
  }
  if (*verify_command)
    return verify(common, only.empty() ? std::nullopt : std::optional{only});
  if (*print_command)
    return config_print(common, defaults);
  if (*check_command)
    return config_check(common);
  if (*add_command)
    return user_add(common, person);
  if (*list_command)
    return user_list(common);
  if (*password_command)
    return user_password(common, person.username);
  if (*backup_command)
    return backup(common, folder);
  if (*restore_command)
    return restore(common, folder);
  if (*status_command)
    return migrate_status(common);
  if (*up_command)
    return migrate_up(common);
  if (*down_command)
    return migrate_down(common, back);
  if (*copy_command)
    return copy(copying);
  if (*version_command) {
    std::cout << "faultmaven " << version() << "\n";
    return exit_done;
  }
  return exit_usage;
}
