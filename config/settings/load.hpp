// From text to settings and back: the table of every setting, loading with precedence
// built-in < file < environment < command line, and printing with secrets redacted.
#pragma once

#include "config/settings/settings.hpp"
#include "protocol/base/failure.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fm {

/// One row of the table: what a setting is called, means and accepts. Made from settings.hpp's members.
struct setting_info {
  std::string key;                  ///< "http.port"
  std::string environment;          ///< "FAULTMAVEN_HTTP_PORT"
  std::vector<std::string> aliases; ///< further environment names ("CASE_STORAGE_TYPE")
  std::string
      kind; ///< "whole number", "number", "yes or no", "text", "list", "one of a, b", "bytes", "duration"
  std::string unit;  ///< "seconds"; empty = none
  std::string range; ///< "1 to 64"; empty = any
  std::string description;
  bool secret = false;
  std::string default_text;
  /// Sets the member; nothing on success, else what is wrong with the text, as the end of a sentence.
  std::function<std::optional<std::string>(settings&, std::string_view)> parse;
  std::function<std::string(const settings&)> print;
};
const std::vector<setting_info>& settings_table();
const setting_info* find_setting(std::string_view key);
/// The key closest to a mistyped one; empty when nothing is near.
std::string nearest_setting(std::string_view key);

struct settings_sources {
  /// A configuration file; must be readable when given.
  std::optional<std::string> file;
  /// NAME, value pairs; names that are not ours are ignored. See process_environment().
  std::vector<std::pair<std::string, std::string>> environment;
  /// KEY, value pairs of the command line.
  std::vector<std::pair<std::string, std::string>> command_line;
};
std::vector<std::pair<std::string, std::string>> process_environment();

/// errc::invalid with "<where>: <what>" for the first unknown key or bad value; details count the rest.
outcome<settings> load_settings(const settings_sources& from);
/// The same for one text in the file's format; `name` is shown in messages.
outcome<settings> load_settings_text(std::string_view text, std::string_view name);

/// All settings with their values in the file's format, secrets as "********", each with its origin.
std::string print_settings(const settings& s);
/// The commented default file: config/faultmaven.conf.
std::string default_settings_file();

} // namespace fm
