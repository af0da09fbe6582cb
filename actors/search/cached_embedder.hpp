// An embedder whose answers are kept: a text that any start of the program embedded is not sent again.
#pragma once

#include "actors/search/embedder.hpp"
#include "storage/ports/embedding_cache.hpp"

namespace fm {

/// Keys are the SHA-256 of the embedder's name and the text. A fault of the cache is told in the log and costs only time.
embedder_ptr make_cached_embedder(embedder_ptr inner, embedding_cache_ptr cache);

} // namespace fm
