// The registry of cases: one actor per case, made on demand, supervised, let go when idle.
//
// A case that crashes is rebuilt from the store by the next command, after a back-off that doubles; five crashes
// within a minute poison it for a minute (503 with the reason). Commands that come while a case is being let go
// or backs off wait here, bounded. At start, cases with unfinished turns are woken so that their work goes on.
#pragma once

#include "actors/cases/case_actor.hpp"

namespace fm {

struct registry_settings {
  std::chrono::milliseconds backoff_first{100};
  std::chrono::milliseconds backoff_max{10'000};
  std::size_t crashes_max = 5;                        ///< within crash_window: poisoned
  std::chrono::milliseconds crash_window{60'000};
  std::size_t waiting_max = 1'000;                    ///< commands held for one case; above: overloaded
  std::size_t recover_max = 10'000;                   ///< cases woken at start
};

case_registry_actor spawn_case_registry(caf::actor_system& system, registry_settings settings,
                                        case_settings_ptr cases, case_deps deps);

} // namespace fm
