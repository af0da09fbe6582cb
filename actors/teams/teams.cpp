// Which thread does it.
#include "actors/teams/teams.hpp"

#include "actors/support/run_on.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace fm {
namespace {
teams_actor::behavior_type teams_impl(teams_actor::pointer, std::shared_ptr<const teams_actor_deps> d) {
  const auto run = [d](const auto& answer, auto f) { run_on(d->work, "teams", answer, [d, f = std::move(f)] { return f(*d->directory); }); };
  return {
      [run](create_team& m) { run(m.answer, [m](team_directory& t) { return t.create(m.who, m.draft); }); },
      [run](list_teams& m) { run(m.answer, [m](team_directory& t) { return t.list(m.who, m.all, m.limit, m.offset); }); },
      [run](read_team& m) { run(m.answer, [m](team_directory& t) { return t.read(m.who, m.id); }); },
      [run](change_team& m) { run(m.answer, [m](team_directory& t) { return t.change(m.who, m.id, m.patch, m.expected_version); }); },
      [run, d](remove_team& m) {
        run(m.answer, [m, d](team_directory& t) {
          auto gone = t.remove(m.who, m.id);
          if (gone && d->on_removed)
            d->on_removed(m.id);
          return gone;
        });
      },
      [run](add_team_member& m) { run(m.answer, [m](team_directory& t) { return t.add_member(m.who, m.id, m.user, m.role); }); },
      [run](change_team_member& m) { run(m.answer, [m](team_directory& t) { return t.change_member(m.who, m.id, m.user, m.role); }); },
      [run](remove_team_member& m) { run(m.answer, [m](team_directory& t) { return t.remove_member(m.who, m.id, m.user); }); },
  };
}
} // namespace

teams_actor spawn_teams(caf::actor_system& system, teams_actor_deps deps) {
  return system.spawn(teams_impl, std::make_shared<const teams_actor_deps>(std::move(deps)));
}

} // namespace fm
