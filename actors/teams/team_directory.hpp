// All teams, in memory and behind that in the blob store: "teams/<team id>/record.json", written in one step. Thread-safe;
// changes block on the store, reading does not.
#pragma once

#include "actors/teams/team_rules.hpp"
#include "protocol/base/random.hpp"
#include "storage/ports/blob_store.hpp"
#include "storage/ports/user_store.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>

namespace fm {

struct team_directory_deps {
  blob_store_ptr blobs;
  user_store_ptr users; ///< who is meant by a name
  clock_ptr clock;
  random_ptr random;
};

class team_directory {
public:
  team_directory(team_limits limits, team_directory_deps deps) : limits_(limits), deps_(std::move(deps)) {}

  /// Reads every team. A damaged record is left out, told in the log, and whole() is false.
  outcome<std::uint64_t> load();
  bool loaded() const { return loaded_; }
  /// Whether what is here is everything there is: only then a team that is missing is known to be gone.
  bool whole() const { return loaded_ && damaged_ == 0; }

  outcome<team> create(const principal& who, const team_patch& draft);
  outcome<team_list> list(const principal& who, bool all, std::size_t limit, std::size_t offset) const;
  outcome<team> read(const principal& who, const team_id& id) const;
  outcome<team> change(const principal& who, const team_id& id, const team_patch& patch, std::optional<std::uint32_t> expected_version);
  outcome<done_t> remove(const principal& who, const team_id& id);
  outcome<team> add_member(const principal& who, const team_id& id, const std::string& person, team_role role);
  outcome<team> change_member(const principal& who, const team_id& id, const user_id& person, team_role role);
  outcome<done_t> remove_member(const principal& who, const team_id& id, const user_id& person);

  /// Of which teams somebody is a member.
  std::vector<team_id> teams_of(const user_id& who) const;
  bool exists(const team_id& id) const;

private:
  template <class F>
  outcome<team> changed(const team_id& id, F decide);
  outcome<done_t> store(team t);
  std::size_t memberships(const user_id& who) const; ///< a lock is held

  team_limits limits_;
  team_directory_deps deps_;
  std::mutex writing_; ///< one change at a time; taken before `mutex_`
  mutable std::shared_mutex mutex_;
  std::map<team_id, team> teams_;
  std::atomic<bool> loaded_{false};
  std::atomic<std::uint64_t> damaged_{0};
};

} // namespace fm
