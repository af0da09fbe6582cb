// Which format a configuration is in, and what is told about it.
#include "actors/evidence/extractors/configuration.hpp"

#include "actors/evidence/extractors/redaction.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <map>

namespace fm::extractors {
namespace {

std::string_view extension_of(std::string_view name) {
  const auto slash = name.find_last_of("/\\");
  if (slash != std::string_view::npos)
    name.remove_prefix(slash + 1);
  const auto dot = name.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : name.substr(dot + 1);
}

struct line_counts {
  std::size_t lines = 0, sections = 0, equals = 0, colons = 0, semicolons = 0, openings = 0, exports = 0, upper_names = 0, dashes = 0, dotted = 0, comments = 0, yaml_keys = 0,
              tables = 0, quoted_values = 0;
};

line_counts count(std::string_view text) {
  line_counts c;
  const auto head = text.substr(0, 64 << 10);
  const lines all{head, 2'000};
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto line = trimmed(all[i]);
    if (line.empty())
      continue;
    if (line[0] == '#' || line[0] == ';' || line.substr(0, 2) == "//") {
      ++c.comments;
      continue;
    }
    ++c.lines;
    if (line[0] == '[' && line.find(']') != std::string_view::npos && line.find(',') == std::string_view::npos) {
      ++c.sections;
      if (line.find('.') != std::string_view::npos || line.substr(0, 2) == "[[")
        ++c.tables;
      continue;
    }
    c.dashes += line.substr(0, 2) == "- " || line == "---" ? 1 : 0;
    c.semicolons += line.back() == ';' ? 1 : 0;
    c.openings += line.back() == '{' ? 1 : 0;
    c.exports += line.substr(0, 7) == "export " ? 1 : 0;
    std::size_t n = 0;
    bool upper = true, dotted = false;
    while (n < line.size() && (is_word(line[n]) || line[n] == '.' || line[n] == '-' || line[n] == '/')) {
      upper = upper && !(line[n] >= 'a' && line[n] <= 'z');
      dotted = dotted || line[n] == '.';
      ++n;
    }
    auto p = n;
    while (p < line.size() && line[p] == ' ')
      ++p;
    if (n > 0 && p < line.size() && line[p] == '=') {
      ++c.equals;
      c.upper_names += upper && p == n ? 1 : 0;
      c.dotted += dotted ? 1 : 0;
      const auto value = trimmed(line.substr(p + 1));
      c.quoted_values += !value.empty() && (value[0] == '"' || value[0] == '[' || value[0] == '{' || value == "true" || value == "false" || to_number(value)) && p > n ? 1 : 0;
    }
    if (n > 0 && n < line.size() && line[n] == ':') {
      ++c.colons;
      c.yaml_keys += n + 1 == line.size() || line[n + 1] == ' ' ? 1 : 0;
    }
  }
  return c;
}

std::size_t nginx_words(std::string_view text) {
  const auto head = text.substr(0, 64 << 10);
  std::size_t hits = 0;
  for (const std::string_view word : {"server {", "location ", "proxy_pass ", "worker_connections", "upstream ", "listen ", "server_name ", "http {", "events {", "ssl_certificate "})
    hits += head.find(word) != std::string_view::npos ? 1 : 0;
  return hits;
}

} // namespace

std::string_view to_string(config_format f) noexcept {
  constexpr std::array<std::string_view, 11> names{"unknown", "json", "yaml", "kubernetes", "toml", "ini", "properties", "env", "nginx", "systemd", "xml"};
  return names[static_cast<std::size_t>(f)];
}

config_format config_format_of(std::string_view name, std::string_view text) {
  using enum config_format;
  auto head = trimmed(text.substr(0, 4096));
  if (head.substr(0, 3) == "\xEF\xBB\xBF")
    head = trimmed(head.substr(3));
  const auto extension = ascii_lower(extension_of(name));
  const auto c = count(text);
  const bool systemd_sections = text.substr(0, 16 << 10).find("[Service]") != std::string_view::npos || text.substr(0, 16 << 10).find("[Unit]") != std::string_view::npos;
  if (!head.empty() && (head[0] == '{' || (head[0] == '[' && c.equals == 0 && c.sections * 4 <= c.lines + 1)) && c.equals * 2 <= c.lines && extension != "yaml" && extension != "yml")
    return json;
  if (!head.empty() && head[0] == '<' && (head.substr(0, 5) == "<?xml" || text.find("</") != std::string_view::npos || text.find("/>") != std::string_view::npos))
    return xml;
  if (systemd_sections && c.equals > 0)
    return systemd;
  if (const auto hits = nginx_words(text); hits >= 2 && (hits >= 3 || c.semicolons + c.openings > c.lines / 3) && text.find_first_of(";{") != std::string_view::npos)
    return nginx;
  const bool yaml_content = c.yaml_keys + c.dashes > 0 && (c.yaml_keys + c.dashes) * 2 >= c.lines && c.equals * 2 < c.lines;
  if (yaml_content || ((extension == "yaml" || extension == "yml") && c.equals <= c.yaml_keys + c.dashes)) {
    const auto sample = text.substr(0, 256 << 10);
    const bool manifest = (sample.starts_with("apiVersion:") || sample.find("\napiVersion:") != std::string_view::npos) && (sample.find("\nkind:") != std::string_view::npos || sample.starts_with("kind:"));
    return manifest ? kubernetes : yaml;
  }
  if (extension == "toml" || c.tables > 0 || (c.sections > 0 && c.quoted_values * 10 >= c.equals * 9 && c.equals > 1))
    if (c.equals > 0 && (extension == "toml" || c.quoted_values * 4 >= c.equals * 3))
      return toml;
  if (c.sections > 0 && c.equals + c.colons > 0)
    return ini;
  if (c.equals > 0 && (c.exports > 0 || c.upper_names * 5 >= c.equals * 4) && extension != "properties")
    return env;
  if (extension == "properties" || c.dotted * 2 > c.equals)
    return c.equals + c.colons > 0 ? properties : unknown;
  const auto base = ascii_lower(name.substr(name.find_last_of("/\\") == std::string_view::npos ? 0 : name.find_last_of("/\\") + 1));
  if ((extension == "conf" || base.starts_with("sshd_config") || base.starts_with("ssh_config")) && c.equals == 0 && c.semicolons == 0 && c.lines > 0)
    return properties; // redis.conf, sshd_config: a word, blanks, a value
  if (extension == "env")
    return env;
  if (c.equals * 2 > c.lines)
    return extension == "ini" || extension == "cnf" || extension == "cfg" || extension == "conf" ? properties : c.quoted_values * 2 > c.equals ? toml : properties;
  if (extension == "json")
    return json;
  if (extension == "xml")
    return xml;
  return unknown;
}

document parse_config(config_format format, std::string_view text, const document_limits& bounds) {
  switch (format) {
  case config_format::json: return parse_json(text, bounds);
  case config_format::yaml:
  case config_format::kubernetes: return parse_yaml(text, bounds);
  case config_format::toml: return parse_toml(text, bounds);
  case config_format::ini: return parse_ini(text, bounds);
  case config_format::env: return parse_env(text, bounds);
  case config_format::nginx: return parse_nginx(text, bounds);
  case config_format::systemd: return parse_systemd(text, bounds);
  case config_format::xml: return parse_xml(text, bounds);
  case config_format::properties:
  case config_format::unknown: break;
  }
  return parse_properties(text, bounds);
}

namespace {

/// Marks the second and later of equal keys in one map, where the format gives them no meaning.
void mark_duplicates(document& d, config_format format) {
  if (format == config_format::nginx || format == config_format::systemd || format == config_format::xml)
    return;
  std::map<std::string_view, std::uint32_t> seen;
  for (std::uint32_t i = 1; i < d.nodes.size(); ++i) {
    if (d.nodes[i].kind != node_kind::map)
      continue;
    seen.clear();
    for (auto c = d.nodes[i].first_child; c != 0; c = d.nodes[c].next)
      if (d.nodes[c].key != "<<" && d.nodes[c].key != "?" && d.nodes[c].key != "?value" && !seen.emplace(d.nodes[c].key, c).second)
        d.nodes[c].duplicate_key = true;
  }
}

std::string one_line(std::string_view s, std::size_t most) {
  auto t = cut_on_word(to_valid_utf8(s), most);
  std::replace(t.begin(), t.end(), '\n', ' ');
  return t;
}

std::string outline(const document& d, std::size_t bytes) {
  std::string out;
  struct item {
    std::uint32_t node;
    std::size_t depth;
  };
  std::vector<item> stack;
  for (auto n = d.first(); n != 0 && stack.size() < 1'000; n = d.nodes[n].next)
    stack.push_back({n, 0});
  std::reverse(stack.begin(), stack.end());
  while (!stack.empty() && out.size() < bytes) {
    const auto [n, depth] = stack.back();
    stack.pop_back();
    const auto& x = d.nodes[n];
    const bool block = x.kind == node_kind::map || x.kind == node_kind::list;
    if (depth > 0 || !block) {
      out += std::string(std::min<std::size_t>(depth, 12) * 2, ' ') + (x.key.empty() ? "-" : x.key.substr(0, 80));
      const auto name = d.text_of(d.child(x.parent, "name"));
      const bool hidden = (names_a_secret(x.key) || (x.key == "value" && names_a_secret(name))) && !is_placeholder(x.text);
      if (!block)
        out += ": " + (hidden ? std::string{"(secret)"} : one_line(x.text, 80));
      out += "\n";
    }
    if (!block)
      continue;
    std::vector<item> children;
    for (auto c = x.first_child; c != 0 && children.size() < 200; c = d.nodes[c].next)
      children.push_back({c, depth + 1});
    stack.insert(stack.end(), children.rbegin(), children.rend());
  }
  return out;
}

/// Files whose readers know JSON with comments.
bool takes_comments(std::string_view name) {
  const auto lower = ascii_lower(name.substr(name.find_last_of("/\\") == std::string_view::npos ? 0 : name.find_last_of("/\\") + 1));
  for (const std::string_view known : {"tsconfig", "jsconfig", "devcontainer", "settings.json", "launch.json", "tasks.json", ".eslintrc"})
    if (lower.starts_with(known))
      return true;
  return lower.ends_with(".jsonc") || lower.ends_with(".json5") || lower.ends_with(".code-workspace");
}

std::string counted(std::size_t n, std::string_view one, std::string_view many) { return std::to_string(n) + " " + std::string{n == 1 ? one : many}; }

} // namespace

extraction extract_config(std::string_view name, std::string_view text, std::string_view earlier, std::string_view earlier_name) {
  extraction x;
  const auto before_it = earlier_name.empty() ? std::string{"the earlier version"} : "the earlier version " + to_valid_utf8(earlier_name.substr(0, 255));
  x.type = data_type::structured_config;
  const auto format = config_format_of(name, text);
  x.format = to_string(format);
  auto doc = parse_config(format, text);
  mark_duplicates(doc, format);
  const lines all{text};

  if (doc.refused) {
    x.refused = *doc.refused;
    x.summary = "Configuration (" + x.format + ") that cannot be analysed: " + *doc.refused;
    x.insights.push_back({*doc.refused, {}});
  }
  if (doc.error) {
    const auto line = all.index_at(std::min<std::size_t>(doc.error->at, text.empty() ? 0 : text.size() - 1));
    finding f;
    f.kind = "parse_error";
    f.heavy = weight::danger;
    f.title = "Does not parse as " + x.format + ": " + doc.error->message + " (line " + std::to_string(doc.error->line) + ", column " + std::to_string(doc.error->column) + ").";
    f.at = all.cite_line(line);
    f.quote = all.quote(f.at);
    f.score = 2;
    x.findings.push_back(std::move(f));
    x.facts.emplace_back("parse_error_line", std::to_string(doc.error->line));
    x.facts.emplace_back("parse_error_column", std::to_string(doc.error->column));
  }

  if (doc.comment_line != 0 && !takes_comments(name)) {
    finding f;
    f.kind = "json_comments";
    f.heavy = weight::warning;
    f.title = "There are comments in this JSON: many programs refuse it for them.";
    f.at = all.cite_line(std::min<std::size_t>(doc.comment_line, all.size()) - 1);
    f.quote = all.quote(f.at);
    f.score = 0.7;
    x.findings.push_back(std::move(f));
  }
  auto dangers = lint_config(format, doc, all);
  x.findings.insert(x.findings.end(), std::make_move_iterator(dangers.begin()), std::make_move_iterator(dangers.end()));

  // Secrets by their shape and by their key.
  const auto sensitive = find_sensitive(text);
  std::size_t secrets = 0;
  for (auto& r : sensitive.ranges) {
    if (!is_secret(r.kind))
      continue;
    if (++secrets > 20)
      continue;
    finding f;
    f.kind = "secret";
    f.heavy = weight::danger;
    f.at = all.cite(r.begin, r.end());
    f.title = "A secret (" + std::string{to_string(r.kind)} + ") is written in the file.";
    f.quote = "[redacted:" + std::string{to_string(r.kind)} + "]";
    f.score = 0.6;
    x.findings.push_back(std::move(f));
  }
  x.secrets_detected = sensitive.secrets_detected() || std::any_of(x.findings.begin(), x.findings.end(), [](auto& f) { return f.kind.starts_with("secret_in") || f.kind == "default_password"; });
  x.pii_detected = sensitive.pii_detected();

  std::vector<config_change> changes;
  if (!earlier.empty()) {
    const auto before = parse_config(config_format_of(name, earlier), earlier);
    bool shortened = false;
    if (!before.refused && !doc.refused)
      changes = diff_config(before, earlier, doc, text, shortened);
    if (shortened)
      x.shortened = "more differences than are compared";
    x.facts.emplace_back("changes", std::to_string(changes.size()));
    if (!earlier_name.empty())
      x.facts.emplace_back("compared_with", to_valid_utf8(earlier_name.substr(0, 255)));
    if (before.refused || before.error)
      x.facts.emplace_back("earlier_version", before.refused ? "cannot be compared: " + *before.refused : "does not parse: only what was read of it is compared");
    for (std::size_t i = 0; i < changes.size() && i < 15; ++i) {
      auto& c = changes[i];
      finding f;
      f.kind = "changed_setting";
      f.heavy = c.importance >= 0.75 ? weight::warning : weight::note;
      f.where = c.path;
      f.title = c.path + " was " + std::string{to_string(c.kind)} + (c.kind == config_change::change_kind::changed ? " from " + c.before + " to " + c.after
                                                                     : c.kind == config_change::change_kind::added ? ": " + c.after
                                                                                                                   : ", it was " + c.before) +
                (c.why.empty() ? "." : " (" + c.why + ").");
      f.at = c.kind == config_change::change_kind::removed ? citation{} : c.at;
      f.quote = c.kind == config_change::change_kind::removed ? std::string{} : all.quote(c.at);
      f.score = 1 + c.importance; // what changed is looked at before what was always so
      x.findings.push_back(std::move(f));
    }
  }

  // Insights, summary, full text.
  std::stable_sort(x.findings.begin(), x.findings.end(), [](auto& a, auto& b) { return a.heavy != b.heavy ? a.heavy > b.heavy : a.score > b.score; });
  std::size_t by_weight[3] = {};
  for (auto& f : x.findings)
    ++by_weight[static_cast<std::size_t>(f.heavy)];
  std::vector<std::string> objects;
  for (auto root = doc.first(); root != 0 && objects.size() < 40; root = doc.nodes[root].next)
    if (const auto kind = doc.text_of(doc.child(root, "kind")); !kind.empty())
      objects.push_back(std::string{kind.substr(0, 60)} + " " + std::string{doc.text_of(doc.find(root, "metadata", "name")).substr(0, 80)});
  const auto values = doc.scalars();
  if (!x.refused) {
    x.summary = "Configuration (" + x.format + "), " + counted(values, "value", "values");
    if (!objects.empty()) {
      x.summary += ", " + counted(objects.size(), "object: ", "objects: ");
      for (std::size_t i = 0; i < objects.size() && i < 4; ++i)
        x.summary += (i > 0 ? ", " : "") + objects[i];
      x.summary += objects.size() > 4 ? ", …" : "";
    }
    x.summary += ". ";
    if (doc.error)
      x.summary += "It does not parse: line " + std::to_string(doc.error->line) + ", " + doc.error->message + ". ";
    if (!earlier.empty())
      x.summary += changes.empty() ? "Nothing changed in meaning since " + before_it + ". " : counted(changes.size(), "setting", "settings") + " changed since " + before_it + ". ";
    x.summary += x.findings.empty() ? "No known danger found." : counted(by_weight[2], "danger", "dangers") + ", " + counted(by_weight[1], "warning", "warnings") + ". First: " + x.findings.front().title;
  }
  x.insights.push_back({"Format " + x.format + ", " + counted(values, "value", "values") + (objects.empty() ? "" : ", " + counted(objects.size(), "object", "objects")) + ".", {}});
  for (auto& f : x.findings)
    if (x.insights.size() < insights_max - 1)
      x.insights.push_back({f.title, f.at});
  x.insights.push_back({secrets == 0 ? x.secrets_detected ? "Secrets are written in the file." : "No secrets recognised." : counted(secrets, "secret", "secrets") + " recognised in the file.", {}});
  if (x.insights.size() < 3) {
    std::string keys;
    for (auto c = doc.nodes[doc.first()].first_child, n = 0U; c != 0 && n < 12; c = doc.nodes[c].next, ++n)
      keys += (keys.empty() ? "" : ", ") + doc.nodes[c].key.substr(0, 40);
    x.insights.push_back({keys.empty() ? "No settings could be read." : "Top-level keys: " + keys + ".", {}});
  }
  if (!changes.empty()) {
    x.full += "Changes since " + before_it + ", most important first\n";
    for (std::size_t i = 0; i < changes.size() && x.full.size() < full_bytes_max / 2; ++i)
      x.full += "  " + std::string{to_string(changes[i].kind)} + " " + changes[i].path + ": " + changes[i].before + " -> " + changes[i].after + "\n";
  }
  if (!x.findings.empty()) {
    x.full += "Findings\n";
    for (std::size_t i = 0; i < x.findings.size() && x.full.size() < full_bytes_max * 3 / 4; ++i)
      x.full += "  [" + std::string{to_string(x.findings[i].heavy)} + "] " + x.findings[i].title + (x.findings[i].at.first_line != 0 ? " (line " + std::to_string(x.findings[i].at.first_line) + ")" : "") + "\n";
  }
  x.full += "Settings\n" + outline(doc, full_bytes_max);
  x.confidence = doc.error ? 0.6 : x.refused ? 0.3 : 0.95;
  finish(x);
  return x;
}

} // namespace fm::extractors
