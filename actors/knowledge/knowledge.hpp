// The knowledge actor: takes questions and documents, does the work on the bounded executor, as jobs when it is long.
#pragma once

#include "actors/knowledge/knowledge_base.hpp"
#include "actors/support/job_book.hpp"
#include "actors/support/offload.hpp"
#include "protocol/messages/knowledge_actor.hpp"

#include <caf/actor_system.hpp>

#include <memory>
#include <vector>

namespace fm {

struct knowledge_actor_deps {
  std::shared_ptr<knowledge_base> base;
  offload_ptr work; ///< a full queue answers overloaded
  offload_ptr background; ///< embedding anew, which may take long; null = `work`
  clock_ptr clock;
  random_ptr random;
  std::vector<packed_runbook> starter_pack;
  job_book_ptr jobs;
  std::chrono::seconds embed_every{60}; ///< documents without vectors are tried again; after failures less often, up to hourly
};

/// Loads the base in the background first; until that is done questions are answered with unavailable. Then, and now and
/// again, embeds what has no vectors of this embedder, as a job of the server's own.
knowledge_actor spawn_knowledge(caf::actor_system& system, knowledge_actor_deps deps);

} // namespace fm
