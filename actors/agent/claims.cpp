// Markdown is read line by line: enough to know a fence from a quotation.
#include "actors/agent/claims.hpp"

#include "protocol/base/text.hpp"

#include <algorithm>
#include <array>

namespace fm {
namespace {
constexpr std::size_t quote_bytes_min = 8;
constexpr std::size_t shown_max = 5; ///< lines a correction repeats
constexpr std::size_t shown_bytes_max = 300;

std::string_view without_ellipsis(std::string_view line) {
  for (const std::string_view dots : {"...", "…"}) {
    if (line.starts_with(dots))
      line.remove_prefix(dots.size());
    if (line.ends_with(dots))
      line.remove_suffix(dots.size());
  }
  return trimmed(line);
}

/// "12: text", "12 | text" and "L12: text" as editors number lines; the text.
std::string_view without_line_number(std::string_view line) {
  auto rest = line.substr(line.starts_with('L') ? 1 : 0);
  const auto digits = rest.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos || digits > 7)
    return line;
  rest = trimmed(rest.substr(digits));
  if (!rest.starts_with(':') && !rest.starts_with('|'))
    return line;
  return trimmed(rest.substr(1));
}

bool is_evidence_language(std::string_view language) {
  static constexpr std::array<std::string_view, 6> known{"", "log", "logs", "text", "txt", "console"};
  return std::find(known.begin(), known.end(), ascii_lower(language)) != known.end();
}

bool holds(const std::vector<std::string_view>& sources, std::string_view text) {
  return std::any_of(sources.begin(), sources.end(), [&](auto s) { return s.find(text) != std::string_view::npos; });
}
} // namespace

claim_check check_claims(std::string_view answer, const std::vector<std::string_view>& sources, const std::vector<std::string>& shown_documents,
                         std::size_t quotes_max) {
  claim_check out;
  const auto quote = [&](std::string_view line) {
    line = without_ellipsis(trimmed(line));
    if (line.size() < quote_bytes_min || line.starts_with("$ ") || line.starts_with("# ") || out.quotes >= quotes_max)
      return;
    ++out.quotes;
    if (!holds(sources, line) && !holds(sources, without_line_number(line)))
      out.not_found.emplace_back(line);
  };
  bool fenced = false, evidence = false;
  std::string_view fence;
  for (std::size_t at = 0; at <= answer.size();) {
    const auto end = std::min(answer.find('\n', at), answer.size());
    const auto line = answer.substr(at, end - at);
    const auto bare = trimmed(line);
    at = end + 1;
    if (!fenced && (bare.starts_with("```") || bare.starts_with("~~~"))) {
      fenced = true;
      fence = bare.substr(0, bare.find_first_not_of(bare[0]));
      evidence = is_evidence_language(trimmed(bare.substr(fence.size())));
    } else if (fenced && bare == fence) {
      fenced = false;
    } else if (fenced) {
      if (evidence)
        quote(line);
    } else if (bare.starts_with("> ")) {
      quote(bare.substr(2));
    }
  }
  // Documents are cited by their ids, "doc_" and twelve hexadecimal digits.
  constexpr std::size_t id_bytes = 16;
  for (auto at = answer.find("doc_"); at != std::string_view::npos; at = answer.find("doc_", at + 4)) {
    const auto id = std::string{answer.substr(at, id_bytes)};
    if (id.size() < id_bytes || id.find_first_not_of("0123456789abcdef", 4) != std::string::npos)
      continue;
    auto& list = std::find(shown_documents.begin(), shown_documents.end(), id) != shown_documents.end() ? out.cited : out.not_shown;
    if (std::find(list.begin(), list.end(), id) == list.end())
      list.push_back(id);
  }
  return out;
}

std::string correction_of(const claim_check& check) {
  std::string out;
  if (!check.not_found.empty()) {
    out += "\n\n---\n**Checked against this case:** " + std::to_string(check.not_found.size()) + " of " + std::to_string(check.quotes) +
           (check.quotes == 1 ? " quoted line is" : " quoted lines are") + " not in its messages or files as quoted. Do not rely on " +
           (check.not_found.size() == 1 ? "it" : "them") + ":\n";
    for (std::size_t i = 0; i < std::min(check.not_found.size(), shown_max); ++i) {
      auto line = check.not_found[i];
      std::replace(line.begin(), line.end(), '`', '\'');
      line.resize(utf8_floor(line, std::min(line.size(), shown_bytes_max)));
      out += "- `" + line + "`\n";
    }
    if (check.not_found.size() > shown_max)
      out += "- and " + std::to_string(check.not_found.size() - shown_max) + " more\n";
  }
  if (!check.not_shown.empty()) {
    out += std::string{out.empty() ? "\n\n---\n" : "\n"} + "**Checked against the knowledge base:** the answer cites ";
    for (std::size_t i = 0; i < std::min(check.not_shown.size(), shown_max); ++i)
      out += (i ? ", " : "") + check.not_shown[i];
    out += ", which it was not shown.\n";
  }
  return out;
}

} // namespace fm
