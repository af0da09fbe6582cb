// How much trouble a message speaks of, whatever its level says. Words of the trade, weighed by hand.
#pragma once

#include "actors/evidence/line_header.hpp"

#include <string_view>

namespace fm::evidence {

struct trouble_words {
  int weight = 0;         ///< 0 none, 1 hint, 2 clear, 3 grave
  std::string_view word;  ///< the gravest one found, in lower case
};
trouble_words trouble_in(std::string_view message);
/// Level and words together: 0 nothing … 5 worst. A line that calls itself informational is believed half.
int trouble_of(severity level, const trouble_words& words);

} // namespace fm::evidence
