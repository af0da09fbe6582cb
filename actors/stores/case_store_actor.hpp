// The writer in front of the case store: group commit. Whatever arrives while one transaction is being written becomes the
// next one, so a busy server pays one fsync for many cases and an idle one waits for nobody (commit_queue.hpp).
#pragma once

#include "actors/stores/commit_queue.hpp"
#include "actors/support/offload.hpp"
#include "protocol/base/metrics.hpp"
#include "protocol/messages/case_store_actor.hpp"
#include "storage/ports/case_store.hpp"

#include <caf/actor_system.hpp>

namespace fm {

struct store_deps {
  case_store_ptr store;
  offload_ptr writer; ///< one thread: the store has one writer
  metrics_ptr metrics;
};

case_store_actor spawn_case_store(caf::actor_system& system, store_settings settings, store_deps deps);

} // namespace fm
