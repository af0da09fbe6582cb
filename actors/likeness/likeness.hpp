// Shows a case what was like it before: at its first message and when evidence came, the earlier cases of its owner and
// the runbooks that fit, with the reason in words, as a system message of the case. Never the same twice.
//
//   registry ── on_case_changed ──► watcher ─┐
//   files ─────── on_evidence ───────────────┴─ look_for_likeness ──► likeness ── add_note ──► case
#pragma once

#include "actors/evidence/likeness.hpp"
#include "actors/support/offload.hpp"
#include "protocol/messages/case_registry_actor.hpp"
#include "protocol/messages/likeness_actor.hpp"
#include "protocol/model/knowledge.hpp"
#include "storage/ports/blob_store.hpp"
#include "storage/ports/case_store.hpp"

#include <caf/actor_system.hpp>

#include <functional>
#include <memory>

namespace fm {

struct likeness_settings {
  std::size_t cases_max = 300;    ///< earlier cases that one is held against: those with the latest activity
  std::size_t messages_max = 200; ///< newest ones of a case that are read
  std::size_t notes_max = 5;      ///< what a case is told in all
  std::size_t waiting_max = 1'000; ///< cases that wait to be looked at; above, the newest wish is dropped
  evidence::likeness_limits limits;
};
struct likeness_deps {
  case_store_ptr store;
  blob_store_ptr blobs;
  offload_ptr work;
  case_registry_actor registry;
  /// Marks of a case's files; may block.
  std::function<outcome<std::vector<file_marks>>(const case_id&)> marks;
  /// Runbooks that the person may read and that fit the text, best first; may block. Null = none.
  std::function<std::vector<knowledge_hit>(const user_id&, const std::string&)> runbooks;
};

/// What one look found, ready to be told; nothing when there is nothing new. Blocks. For the actor and for tests.
class likeness_finder {
public:
  likeness_finder(likeness_settings settings, likeness_deps deps) : settings_(settings), deps_(std::move(deps)) {}
  outcome<std::optional<add_note>> look(const case_id& id) const;

private:
  /// The stored profile when it is of the case's present state, else a new one, which is stored.
  outcome<evidence::case_profile> profile(const case_id& id, std::uint32_t message_count) const;
  outcome<std::vector<evidence::case_profile>> earlier(const case_record& mine) const;

  likeness_settings settings_;
  likeness_deps deps_;
};

struct likeness_service {
  likeness_actor actor;
  list_watcher_ptr watcher; ///< must be kept: the registry holds it weakly
};
likeness_service spawn_likeness(caf::actor_system& system, likeness_settings settings, likeness_deps deps);

} // namespace fm
