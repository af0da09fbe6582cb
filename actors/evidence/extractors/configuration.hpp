// Configuration files: read into one tree whatever the format, checked for well-known dangers and for secrets,
// compared with an earlier version by meaning rather than by line, what probably matters first.
#pragma once

#include "actors/evidence/extractors/document.hpp"
#include "actors/evidence/extractors/extraction.hpp"
#include "actors/evidence/extractors/lines.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace fm::extractors {

enum class config_format : std::uint8_t { unknown, json, yaml, kubernetes, toml, ini, properties, env, nginx, systemd, xml };
std::string_view to_string(config_format f) noexcept;
/// From the content first, the name second.
config_format config_format_of(std::string_view name, std::string_view text);
document parse_config(config_format format, std::string_view text, const document_limits& bounds = {});

struct config_change {
  enum class change_kind : std::uint8_t { added, removed, changed } kind = change_kind::changed;
  std::string path;
  std::string before, after; ///< secrets are not shown: "(secret)"
  citation at;               ///< in the new version; of a removed path: in the old one
  double importance = 0;     ///< 0..1
  std::string why;           ///< why it may matter; may be empty
};
std::string_view to_string(config_change::change_kind k) noexcept;

/// Most probably important first. Lists of things with names (containers, env, ports) are matched by name.
std::vector<config_change> diff_config(const document& before, std::string_view before_text, const document& after, std::string_view after_text,
                                       bool& shortened);

/// Dangers in a tree; findings are not yet in final order.
std::vector<finding> lint_config(config_format format, const document& doc, const lines& text);

/// `earlier`: the same file's text before, empty when there is none; `earlier_name` is what people know it by.
extraction extract_config(std::string_view name, std::string_view text, std::string_view earlier = {}, std::string_view earlier_name = {});

} // namespace fm::extractors
