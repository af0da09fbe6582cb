// A parsed document as a flat tree of nodes with places: JSON, YAML, TOML, INI, properties, env, nginx, systemd and
// XML all become this, so that lint, diff and secrets are written once. Parsers are bounded in bytes, nodes and
// depth, never recurse on input of unknown depth, never expand aliases, and say where the first error is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::extractors {

enum class node_kind : std::uint8_t { null, boolean, number, string, map, list, alias };

struct doc_node {
  node_kind kind = node_kind::null;
  std::uint32_t parent = 0, first_child = 0, last_child = 0, next = 0; ///< 0 = none; node 0 is the root list
  std::uint32_t line = 0;                                              ///< from 1
  std::uint64_t begin = 0, end = 0;                                    ///< bytes; of a YAML value: of its line
  bool duplicate_key = false;
  std::string key;  ///< in a map
  std::string text; ///< a scalar's value
};

struct parse_error {
  std::string message;
  std::uint32_t line = 0, column = 0; ///< from 1
  std::uint64_t at = 0;
};

struct document {
  std::vector<doc_node> nodes{doc_node{node_kind::list, 0, 0, 0, 0, 0, 0, 0, false, {}, {}}}; ///< nodes[0]: list of documents
  std::optional<parse_error> error; ///< what was read before it stays
  std::optional<std::string> refused; ///< a bound was reached: bombs, depth, size
  std::uint32_t comment_line = 0; ///< of JSON: where its first comment stands, which not every reader takes; 0 = none

  std::uint32_t child(std::uint32_t of, std::string_view key) const;
  std::uint32_t first() const { return nodes[0].first_child; }
  /// Walks maps by keys; 0 when any is missing.
  template <class... Keys>
  std::uint32_t find(std::uint32_t from, std::string_view key, Keys... rest) const {
    const auto next = child(from, key);
    if constexpr (sizeof...(rest) == 0)
      return next;
    else
      return next == 0 ? 0 : find(next, std::string_view{rest}...);
  }
  std::string_view text_of(std::uint32_t node) const { return node == 0 ? std::string_view{} : std::string_view{nodes[node].text}; }
  bool is(std::uint32_t node, node_kind kind) const { return node != 0 && nodes[node].kind == kind; }
  /// "spec.containers[0].image"; documents after the first are prefixed "doc2:".
  std::string path(std::uint32_t node) const;
  /// Appends a child and returns its index.
  std::uint32_t add(std::uint32_t parent, doc_node n);
  std::size_t scalars() const;
};

struct document_limits {
  std::size_t bytes_max = 8U << 20;
  std::size_t nodes_max = 300'000;
  std::size_t depth_max = 128;
  std::uint64_t expanded_max = 1'000'000; ///< nodes that YAML aliases would expand to
};

/// `several` = also accepts JSON lines (each value a document).
document parse_json(std::string_view text, const document_limits& bounds = {}, bool several = false);
document parse_yaml(std::string_view text, const document_limits& bounds = {});
document parse_toml(std::string_view text, const document_limits& bounds = {});
document parse_ini(std::string_view text, const document_limits& bounds = {});
document parse_properties(std::string_view text, const document_limits& bounds = {});
document parse_env(std::string_view text, const document_limits& bounds = {});
document parse_nginx(std::string_view text, const document_limits& bounds = {});
/// Units: like INI, but keys repeat and lines continue after a backslash.
document parse_systemd(std::string_view text, const document_limits& bounds = {});
document parse_xml(std::string_view text, const document_limits& bounds = {});

} // namespace fm::extractors
