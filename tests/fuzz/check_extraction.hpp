// What must hold for every extraction of whatever bytes: bounds, citations inside the input, valid UTF-8, and the same
// result twice.
#pragma once

#include "actors/evidence/extractors/extraction.hpp"
#include "protocol/base/text.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fm::fuzz {

/// Says which requirement failed; a stack of inlined calls does not.
inline void require(bool condition, int line = __builtin_LINE()) {
  if (condition)
    return;
  std::fprintf(stderr, "requirement at line %d failed\n", line);
  std::abort();
}

inline void check(const extractors::extraction& x, std::string_view input) {
  using namespace extractors;
  require(!x.summary.empty());
  require(utf8_length(x.summary) <= summary_characters_max + 1);
  require(x.full.size() <= full_bytes_max);
  require(x.findings.size() <= findings_max && x.insights.size() <= insights_max && x.plots.size() <= plots_max);
  require(x.refused || x.insights.size() >= 3);
  const auto inside = [&](const citation& c) { require(c.begin <= c.end && c.end <= input.size() && c.first_line <= c.last_line); };
  for (auto& i : x.insights)
    inside(i.at);
  for (auto& f : x.findings)
    inside(f.at);
  for (auto& m : x.moments)
    inside(m.at);
  require(x.confidence >= 0 && x.confidence <= 1);
  require(is_valid_utf8(render_json(x)));
  require(is_valid_utf8(render_text(x, true)));
}

} // namespace fm::fuzz
