// What changed between two versions of a configuration, by meaning: order of keys, comments and layout do not count;
// things with names are matched by name, wherever they moved in their list.
#include "actors/evidence/extractors/configuration.hpp"
#include "actors/evidence/extractors/redaction.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <cmath>

namespace fm::extractors {
namespace {

constexpr std::size_t paths_bytes_max = 32U << 20;
constexpr std::size_t changes_max = 2'000;
constexpr std::size_t small_block = 3; ///< a block of so few values is reported value by value

struct flat {
  std::string path;
  std::uint32_t node = 0;
  std::uint32_t end = 0; ///< one past the last descendant, in this order
  std::uint32_t scalars = 0;
  std::string value; ///< scalars only
};

struct flat_list {
  std::vector<flat> all;              ///< as in the document
  std::vector<std::uint32_t> by_path; ///< ascending
  bool shortened = false;

  const flat* find(std::string_view path) const {
    const auto it = std::lower_bound(by_path.begin(), by_path.end(), path, [&](auto i, auto p) { return all[i].path < p; });
    return it != by_path.end() && all[*it].path == path ? &all[*it] : nullptr;
  }
};

/// The name a list's element goes by.
std::string identity(const document& d, std::uint32_t n) {
  for (const auto* key : {"name", "id", "key", "containerPort", "host", "path", "mountPath", "job_name", "alert", "record"})
    if (const auto c = d.child(n, key); c != 0 && !d.nodes[c].text.empty() && d.nodes[c].text.size() < 120)
      return d.nodes[c].text;
  return {};
}

flat_list flatten(const document& d) {
  flat_list out;
  std::size_t bytes = 0;
  struct frame {
    std::uint32_t child;
    std::uint32_t index;
    std::uint32_t entry; ///< in out.all; UINT32_MAX for the root
    std::string prefix;
    bool list;
  };
  std::vector<frame> stack{{d.first(), 0, UINT32_MAX, {}, true}};
  while (!stack.empty()) {
    auto& f = stack.back();
    if (f.child == 0) {
      if (f.entry != UINT32_MAX) {
        auto& e = out.all[f.entry];
        e.end = static_cast<std::uint32_t>(out.all.size());
        for (auto i = f.entry + 1; i < e.end; i = out.all[i].end)
          e.scalars += std::max<std::uint32_t>(out.all[i].scalars, out.all[i].value.empty() && out.all[i].scalars == 0 ? 0 : 1);
      }
      stack.pop_back();
      continue;
    }
    const auto node = f.child;
    const auto& n = d.nodes[node];
    f.child = n.next;
    const bool scalar = n.kind != node_kind::map && n.kind != node_kind::list;
    std::string path = f.prefix;
    std::string value = scalar ? n.text : std::string{};
    if (f.entry == UINT32_MAX) {
      const auto kind = d.text_of(d.child(node, "kind"));
      const auto name = d.text_of(d.find(node, "metadata", "name"));
      if (!kind.empty() && !name.empty())
        path = std::string{kind} + "/" + std::string{name} + ":";
      else if (f.index > 0)
        path = "doc" + std::to_string(f.index + 1) + ":";
    } else if (f.list) {
      if (scalar) { // "--flag=value": the flag is the name
        const auto eq = n.text.starts_with("-") ? n.text.find('=') : std::string::npos;
        path += "[" + n.text.substr(0, std::min<std::size_t>(eq, 160)) + "]";
        value = eq == std::string::npos ? n.text : n.text.substr(eq + 1);
      } else {
        const auto name = identity(d, node);
        path += "[" + (name.empty() ? std::to_string(f.index) : name) + "]";
      }
    } else {
      if (!path.empty() && path.back() != ':')
        path += '.';
      path += n.key;
    }
    ++f.index;
    bytes += path.size() + 64;
    if (bytes > paths_bytes_max) {
      out.shortened = true;
      break;
    }
    const auto entry = static_cast<std::uint32_t>(out.all.size());
    out.all.push_back({path, node, entry + 1, 0, std::move(value)});
    if (scalar) {
      if (out.all.back().value.empty())
        out.all.back().scalars = 1;
    } else {
      stack.push_back({n.first_child, 0, entry, std::move(path), n.kind == node_kind::list});
    }
  }
  while (!stack.empty()) { // left early: close what is open
    if (stack.back().entry != UINT32_MAX)
      out.all[stack.back().entry].end = static_cast<std::uint32_t>(out.all.size());
    stack.pop_back();
  }
  // Repeated keys (ExecStartPre=, server in nginx) are told apart by their order.
  const auto sorted = [&] {
    out.by_path.resize(out.all.size());
    for (std::uint32_t i = 0; i < out.by_path.size(); ++i)
      out.by_path[i] = i;
    std::stable_sort(out.by_path.begin(), out.by_path.end(), [&](auto a, auto b) { return out.all[a].path < out.all[b].path; });
  };
  sorted();
  bool renamed = false;
  for (std::size_t i = 0; i < out.by_path.size();) {
    auto j = i + 1;
    while (j < out.by_path.size() && out.all[out.by_path[j]].path == out.all[out.by_path[i]].path)
      ++j;
    const auto base = out.all[out.by_path[i]].path;
    for (auto k = i + 1; k < j; ++k, renamed = true)
      out.all[out.by_path[k]].path = base + "#" + std::to_string(k - i + 1);
    i = j;
  }
  if (renamed)
    sorted();
  return out;
}

struct topic {
  std::string_view word;
  double importance;
  std::string_view why;
};
constexpr std::array topics{
  topic{"image", 0.95, "another version runs"},
  topic{"replicas", 0.9, "capacity changed"},
  topic{"memory", 0.9, "memory bound"},
  topic{"heap", 0.9, "memory bound"},
  topic{"limits", 0.88, "resource bound"},
  topic{"cpu", 0.8, "CPU bound"},
  topic{"timeout", 0.88, "waiting time"},
  topic{"deadline", 0.85, "waiting time"},
  topic{"retry", 0.8, "retries multiply load"},
  topic{"retries", 0.8, "retries multiply load"},
  topic{"pool", 0.88, "connection or thread pool"},
  topic{"connections", 0.86, "connection bound"},
  topic{"selector", 0.9, "who gets the traffic"},
  topic{"password", 0.85, "credentials"},
  topic{"secret", 0.8, "credentials"},
  topic{"token", 0.75, "credentials"},
  topic{"tls", 0.82, "encryption"},
  topic{"ssl", 0.82, "encryption"},
  topic{"cert", 0.82, "encryption"},
  topic{"url", 0.82, "where it connects to"},
  topic{"host", 0.82, "where it connects to"},
  topic{"endpoint", 0.82, "where it connects to"},
  topic{"dsn", 0.82, "where it connects to"},
  topic{"server", 0.75, "where it connects to"},
  topic{"upstream", 0.82, "where it connects to"},
  topic{"proxy_pass", 0.85, "where it connects to"},
  topic{"port", 0.8, "where it listens or connects to"},
  topic{"listen", 0.78, "where it listens"},
  topic{"probe", 0.75, "health checks decide restarts"},
  topic{"execstart", 0.9, "another command runs"},
  topic{"command", 0.85, "another command runs"},
  topic{"args", 0.8, "another command runs"},
  topic{"enabled", 0.72, "a feature switch"},
  topic{"feature", 0.72, "a feature switch"},
  topic{"fsync", 0.9, "durability"},
  topic{"buffer", 0.6, "sizing"},
  topic{"cache", 0.65, "sizing"},
  topic{"max", 0.65, "a bound"},
  topic{"min", 0.55, "a bound"},
  topic{"limit", 0.75, "a bound"},
  topic{"version", 0.6, "another version"},
  topic{"level", 0.35, ""},
  topic{"description", 0.05, ""},
  topic{"comment", 0.05, ""},
  topic{"title", 0.08, ""},
  topic{"author", 0.05, ""},
};

void weigh(config_change& c, const doc_node* before, const doc_node* after) {
  const auto path = ascii_lower(std::string_view{c.path}.substr(c.path.size() > 400 ? c.path.size() - 400 : 0));
  c.importance = 0.4;
  const auto last = path.substr(path.find_last_of(".:") == std::string::npos ? 0 : path.find_last_of(".:") + 1);
  double best = -1;
  for (auto& t : topics) {
    // The key itself says more than the sections around it.
    const double fit = last.find(t.word) != std::string::npos ? t.importance : path.find(t.word) != std::string::npos ? t.importance * 0.7 : -1;
    if (fit > best) {
      best = fit;
      c.why = t.why;
    }
  }
  if (best >= 0)
    c.importance = best;
  for (const std::string_view quiet : {"annotations", "labels", "metadata.", "$schema", "last-applied", "generation", "timestamp", "resourceversion", "uid"})
    if (path.find(quiet) != std::string::npos && path.find("selector") == std::string::npos) {
      c.importance *= 0.25;
      c.why.clear();
    }
  if (before != nullptr && after != nullptr) {
    const auto x = to_number(before->text), y = to_number(after->text);
    if (x && y && *x != 0) {
      const double ratio = std::abs(*y / *x);
      if (ratio >= 5 || ratio <= 0.2)
        c.importance += 0.12;
      else if (ratio > 0.95 && ratio < 1.05)
        c.importance -= 0.1;
    }
    if (before->kind == node_kind::boolean && after->kind == node_kind::boolean)
      c.importance += 0.1;
    if (before->kind != after->kind)
      c.importance += 0.1; // a number that became a text
  } else if (c.kind == config_change::change_kind::removed) {
    c.importance += 0.05;
  }
  c.importance = std::clamp(c.importance, 0.0, 1.0);
}

std::string shown(const document& d, const flat& f) {
  const auto& n = d.nodes[f.node];
  if (n.kind == node_kind::map || n.kind == node_kind::list)
    return "{" + std::to_string(f.scalars) + " values}";
  const auto name = d.text_of(d.child(n.parent, "name")); // Kubernetes: name: DB_PASSWORD, value: …
  if (names_a_secret(n.key) || (n.key == "value" && names_a_secret(name)))
    return is_placeholder(f.value) ? f.value : "(secret)";
  const auto found = find_sensitive(f.value);
  auto text = cut_on_word(to_valid_utf8(found.ranges.empty() ? f.value : sanitized(f.value, found)), 160);
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

} // namespace

std::string_view to_string(config_change::change_kind k) noexcept {
  using enum config_change::change_kind;
  return k == added ? "added" : k == removed ? "removed" : "changed";
}

std::vector<config_change> diff_config(const document& before, std::string_view before_text, const document& after, std::string_view after_text, bool& shortened) {
  const auto a = flatten(before), b = flatten(after);
  const lines a_lines{before_text}, b_lines{after_text};
  shortened = a.shortened || b.shortened;
  std::vector<config_change> out;
  const auto put = [&](config_change::change_kind kind, const flat* x, const flat* y) {
    if (out.size() >= changes_max) {
      shortened = true;
      return;
    }
    config_change c;
    c.kind = kind;
    c.path = y != nullptr ? y->path : x->path;
    if (x != nullptr)
      c.before = shown(before, *x);
    if (y != nullptr)
      c.after = shown(after, *y);
    const auto& n = y != nullptr ? after.nodes[y->node] : before.nodes[x->node];
    c.at = (y != nullptr ? b_lines : a_lines).cite(n.begin, std::max(n.end, n.begin + 1));
    weigh(c, x != nullptr ? &before.nodes[x->node] : nullptr, y != nullptr ? &after.nodes[y->node] : nullptr);
    out.push_back(std::move(c));
  };
  const auto block = [](const document& d, const flat& f) { return d.nodes[f.node].kind == node_kind::map || d.nodes[f.node].kind == node_kind::list; };
  for (std::uint32_t i = 0; i < b.all.size();) {
    const auto& y = b.all[i];
    const auto* x = a.find(y.path);
    const bool is_block = block(after, y);
    if (x == nullptr) {
      if (is_block && y.scalars > 0 && y.scalars <= small_block) {
        ++i; // its values will be reported one by one
        continue;
      }
      put(config_change::change_kind::added, nullptr, &y);
      i = std::max(y.end, i + 1);
      continue;
    }
    const bool was_block = block(before, *x);
    if (is_block != was_block) {
      put(config_change::change_kind::changed, x, &y);
      i = std::max(y.end, i + 1);
      continue;
    }
    if (!is_block && x->value != y.value)
      put(config_change::change_kind::changed, x, &y);
    ++i;
  }
  for (std::uint32_t i = 0; i < a.all.size();) {
    const auto& x = a.all[i];
    if (const auto* y = b.find(x.path); y != nullptr) {
      i = block(before, x) != block(after, *y) ? std::max(x.end, i + 1) : i + 1;
      continue;
    }
    if (block(before, x) && x.scalars > 0 && x.scalars <= small_block) {
      ++i;
      continue;
    }
    put(config_change::change_kind::removed, &x, nullptr);
    i = std::max(x.end, i + 1);
  }
  std::stable_sort(out.begin(), out.end(), [](auto& p, auto& q) { return p.importance != q.importance ? p.importance > q.importance : p.path < q.path; });
  return out;
}

} // namespace fm::extractors
