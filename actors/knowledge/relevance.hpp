// Whether a passage has enough to do with a question to be put into an answer unasked. A search shows the best there is;
// an answer shows only what helps.
#pragma once

#include "protocol/model/knowledge.hpp"

namespace fm {

/// With the embedded embedder questions about anything else reach 0.11 and the right runbook 0.36 and more (tests/knowledge);
/// 0.30 lies between.
inline bool is_relevant(const knowledge_hit& hit, double similarity_min) { return hit.similarity >= similarity_min; }

} // namespace fm
