// The case search actor: searches on the bounded executor, makes indexes behind everything else.
#pragma once

#include "actors/case_search/case_searcher.hpp"
#include "actors/support/offload.hpp"
#include "protocol/messages/case_search_actor.hpp"

#include <caf/actor_system.hpp>

#include <memory>

namespace fm {

struct case_search_actor_deps {
  std::shared_ptr<case_searcher> searcher;
  offload_ptr work;       ///< searches; a full queue answers overloaded
  offload_ptr background; ///< making indexes
};

case_search_actor spawn_case_search(caf::actor_system& system, case_search_actor_deps deps);

} // namespace fm
