// The embedded embedder: needs no model and no network. Stems, concepts of the trade, word pairs and character
// n-grams are hashed into a fixed number of signed buckets (feature hashing, Weinberger et al. 2009), weighted by
// how often and how tellingly they occur. Deterministic on every machine.
#pragma once

#include "actors/search/embedder.hpp"

namespace fm {

embedder_ptr make_lexical_embedder(std::uint32_t dimension = 1'024);

} // namespace fm
