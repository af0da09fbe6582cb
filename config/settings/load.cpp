// Reading settings in order of precedence. Errors are collected, so that one start shows the first in full
// and how many more there are.
#include "config/settings/load.hpp"

#include "config/settings/values.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <unistd.h>

extern char** environ;

namespace fm {
namespace {
constexpr std::size_t file_bytes_max = 1U << 20;

/// Ours, but read by the start scripts.
constexpr std::array script_names{"FAULTMAVEN_CONFIG"};

struct loader {
  settings result;
  std::vector<std::string> complaints;

  void complain(std::string_view where, std::string what) {
    complaints.push_back(std::string{where} + ": " + std::move(what));
  }

  void set(const setting_info& info, std::string_view value, const std::string& where) {
    if (auto wrong = info.parse(result, value)) {
      const auto shown =
          info.secret ? std::string{} : " (it is \"" + cut_on_word(to_valid_utf8(value), 80) + "\")";
      complain(where, info.key + " " + *wrong + shown + ".");
      return;
    }
    result.origins[info.key] = where;
  }

  void set(std::string_view key, std::string_view value, const std::string& where) {
    if (const auto* info = find_setting(key))
      return set(*info, value, where);
    const auto near = nearest_setting(key);
    complain(where, "there is no setting \"" + cut_on_word(to_valid_utf8(key), 80) + "\"" +
                        (near.empty() ? "." : "; did you mean " + near + "?"));
  }

  void read_text(std::string_view text, std::string_view name) {
    std::string section;
    std::set<std::string> seen;
    std::size_t number = 0;
    if (text.starts_with("\xEF\xBB\xBF"))
      text.remove_prefix(3);
    while (!text.empty()) {
      const auto end = text.find('\n');
      const auto line = trimmed(text.substr(0, end));
      text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
      const auto where = std::string{name} + ":" + std::to_string(++number);
      if (line.empty() || line.front() == '#' || line.front() == ';')
        continue;
      if (line.front() == '[') {
        if (line.back() != ']' || trimmed(line.substr(1, line.size() - 2)).empty())
          complain(where, "a section is written [name].");
        else
          section = std::string{trimmed(line.substr(1, line.size() - 2))};
        continue;
      }
      const auto equals = line.find('=');
      if (equals == std::string_view::npos || trimmed(line.substr(0, equals)).empty()) {
        complain(where, "a setting is written key = value.");
        continue;
      }
      const auto written = trimmed(line.substr(0, equals));
      auto key = section.empty() || written.find('.') != std::string_view::npos
                     ? std::string{written}
                     : section + "." + std::string{written};
      if (!seen.insert(key).second)
        complain(where, key + " is set twice in this file.");
      set(key, unquoted(trimmed(line.substr(equals + 1))), where);
    }
  }

  /// Everything after '=' is the value; quotes keep blanks at its ends. A " #" starts a comment only without
  /// quotes.
  static std::string_view unquoted(std::string_view value) {
    if (value.size() >= 2 && value.front() == '"')
      if (const auto close = value.find('"', 1);
          close != std::string_view::npos &&
          (close + 1 == value.size() || trimmed(value.substr(close + 1)).starts_with('#')))
        return value.substr(1, close - 1);
    if (value.starts_with('#'))
      return {};
    if (const auto comment = value.find(" #"); comment != std::string_view::npos)
      return trimmed(value.substr(0, comment));
    return value;
  }

  void read_file(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    std::string text;
    if (in) {
      text.resize(file_bytes_max + 1);
      in.read(text.data(), static_cast<std::streamsize>(text.size()));
      text.resize(static_cast<std::size_t>(in.gcount()));
    }
    if (!in.is_open() || in.bad() || (!in.eof() && in.fail()))
      return complain(path, "the configuration file cannot be read.");
    if (text.size() > file_bytes_max)
      return complain(path, "the configuration file is larger than 1 MiB.");
    read_text(text, path);
  }

  void read_environment(const std::vector<std::pair<std::string, std::string>>& variables) {
    // Aliases first: our own name wins over a documented older one.
    for (const bool own : {false, true})
      for (auto& [name, value] : variables)
        for (auto& info : settings_table())
          if (own ? info.environment == name
                  : std::find(info.aliases.begin(), info.aliases.end(), name) != info.aliases.end())
            set(info, trimmed(value), "environment " + name);
    for (auto& [name, value] : variables) {
      if (name.starts_with("FAULTMAVEN_") && !known(name))
        result.warnings.push_back(name + " is set, but there is no such setting.");
    }
  }

  static bool known(const std::string& name) {
    if (std::find(script_names.begin(), script_names.end(), name) != script_names.end())
      return true;
    for (auto& info : settings_table())
      if (info.environment == name ||
          std::find(info.aliases.begin(), info.aliases.end(), name) != info.aliases.end())
        return true;
    return false;
  }

  /// Rules between settings.
  void check_together() {
    const auto& s = result;
    if (s.live.pong_timeout_seconds <= s.live.heartbeat_seconds)
      complain("live.pong_timeout_seconds", "must be longer than live.heartbeat_seconds.");
    if (s.llm.base_url.empty() != s.llm.model.empty())
      complain(s.llm.base_url.empty() ? "llm.base_url" : "llm.model",
               "llm.base_url and llm.model belong together: set both, or neither for the built-in analyst.");
    if (s.knowledge.embedding_url.empty() != s.knowledge.embedding_model.empty())
      complain(s.knowledge.embedding_url.empty() ? "knowledge.embedding_url" : "knowledge.embedding_model",
               "knowledge.embedding_url and knowledge.embedding_model belong together: set both, or neither for the embedded embedder.");
    const auto needs = [&](bool chosen, const std::string& backend, const std::string& key, const std::string& value) {
      if (chosen && value.empty())
        complain(backend, "needs " + key + ", which is not set.");
    };
    needs(s.storage.cases == "postgres", "storage.cases = postgres", "postgres.host (CASES_DB_HOST)", s.postgres.host);
    needs(s.storage.users == "postgres", "storage.users = postgres", "users_postgres.host (USERS_DB_HOST) or postgres.host (CASES_DB_HOST)",
          s.users_postgres.host + s.postgres.host);
    needs(s.storage.vectors == "chroma", "storage.vectors = chroma", "chroma.url (CHROMADB_URL)", s.chroma.url);
    const bool s3 = s.storage.blobs == "s3";
    needs(s3, "storage.blobs = s3", "s3.endpoint (S3_ENDPOINT)", s.s3.endpoint);
    needs(s3, "storage.blobs = s3", "s3.bucket (S3_BUCKET)", s.s3.bucket);
    needs(s3, "storage.blobs = s3", "s3.access_key (S3_ACCESS_KEY)", s.s3.access_key);
    needs(s3, "storage.blobs = s3", "s3.secret_key (S3_SECRET_KEY)", s.s3.secret_key);
  }

  outcome<settings> finish() {
    if (complaints.empty())
      check_together();
    if (complaints.empty())
      return std::move(result);
    auto text = complaints.front();
    if (complaints.size() > 1)
      text += " (and " + std::to_string(complaints.size() - 1) +
              (complaints.size() == 2 ? " more problem)" : " more problems)");
    auto f = make_failure(errc::invalid, std::move(text));
    for (std::size_t i = 0; i < std::min<std::size_t>(complaints.size(), 20); ++i)
      f.with_fact("problem_" + std::to_string(i + 1), complaints[i]);
    return f;
  }
};

std::string wrapped_comment(std::string_view text) {
  constexpr std::size_t width = 100;
  std::string out, line = "#";
  std::istringstream words{std::string{text}};
  for (std::string word; words >> word;) {
    if (line.size() + 1 + word.size() > width) {
      out += line + "\n";
      line = "#";
    }
    line += " " + word;
  }
  return out + line + "\n";
}

std::string about(const setting_info& info) {
  auto text = info.description + " (" + info.kind;
  if (!info.unit.empty())
    text += " in " + info.unit;
  if (!info.range.empty())
    text += ", " + info.range;
  return text + ")";
}
} // namespace

std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> all;
  for (char** at = environ; at && *at; ++at) {
    const std::string_view entry{*at};
    if (const auto equals = entry.find('='); equals != std::string_view::npos)
      all.emplace_back(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return all;
}

outcome<settings> load_settings(const settings_sources& from) {
  loader load;
  if (from.file)
    load.read_file(*from.file);
  load.read_environment(from.environment);
  for (auto& [key, value] : from.command_line)
    load.set(key, trimmed(value), "command line");
  return load.finish();
}

outcome<settings> load_settings_text(std::string_view text, std::string_view name) {
  loader load;
  load.read_text(text, name);
  return load.finish();
}

std::string print_settings(const settings& s) {
  std::string out, section;
  for (auto& info : settings_table()) {
    const auto dot = info.key.find('.');
    if (info.key.substr(0, dot) != section) {
      section = info.key.substr(0, dot);
      out += (out.empty() ? "[" : "\n[") + section + "]\n";
    }
    auto value = info.print(s);
    if (info.secret && !value.empty())
      value = "********";
    if (value != trimmed(value) || value.find('#') != std::string::npos)
      value = '"' + value + '"';
    const auto origin = s.origins.find(info.key);
    out += info.key.substr(dot + 1) + " = " + value;
    out += origin == s.origins.end() ? "\n" : " # from " + origin->second + "\n";
  }
  return out;
}

std::string default_settings_file() {
  std::string out =
      "# FaultMaven's settings with their defaults. Uncomment a line to change it.\n"
      "# Precedence: built-in < this file < environment < command line (--set section.key=value).\n"
      "# The environment name of http.port is FAULTMAVEN_HTTP_PORT, and so on; other names are given.\n"
      "# Sizes may be written 64 KiB or 4 MiB, times 500 ms, 15 s, 5 min, 2 h or 30 d.\n";
  std::string section;
  for (auto& info : settings_table()) {
    const auto dot = info.key.find('.');
    if (info.key.substr(0, dot) != section) {
      section = info.key.substr(0, dot);
      out += "\n[" + section + "]\n";
    }
    out += "\n" + wrapped_comment(about(info));
    if (!info.aliases.empty()) {
      std::string names;
      for (auto& alias : info.aliases)
        names += (names.empty() ? "" : ", ") + alias;
      out += "# Also in the environment: " + names + "\n";
    }
    out += "#" + info.key.substr(dot + 1) + " =" +
           (info.default_text.empty() ? "" : " " + info.default_text) + "\n";
  }
  return out;
}

} // namespace fm
