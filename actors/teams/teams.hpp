// The teams actor: takes requests and does them on the bounded executor.
#pragma once

#include "actors/support/offload.hpp"
#include "actors/teams/team_directory.hpp"
#include "protocol/messages/teams_actor.hpp"

#include <caf/actor_system.hpp>

#include <functional>
#include <memory>

namespace fm {

struct teams_actor_deps {
  std::shared_ptr<team_directory> directory; ///< loaded before by whoever made it
  offload_ptr work;                          ///< a full queue answers overloaded
  std::function<void(const team_id&)> on_removed; ///< a team is gone; must not block; may be empty
};

teams_actor spawn_teams(caf::actor_system& system, teams_actor_deps deps);

} // namespace fm
