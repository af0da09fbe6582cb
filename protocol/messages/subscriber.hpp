// What a live listener looks like to an actor: a sink that takes events and never blocks. No socket, no JSON.
// An event is wrapped once and shared by everybody who watches, so its encoding is made once as well.
#pragma once

#include "protocol/model/jobs.hpp"
#include "protocol/model/pages.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace fm {

/// One event on its way to every listener, with a place for the frame that the edge makes of it once.
class shared_event {
public:
  explicit shared_event(case_event_ptr e) : event(std::move(e)) {}
  const case_event_ptr event;
  /// The encoded frame; `encode` runs at most once, on the first thread that asks.
  template <class Encode>
  const std::string& frame(Encode encode) const {
    std::call_once(once_, [&] { frame_ = encode(*event); });
    return frame_;
  }

private:
  mutable std::once_flag once_;
  mutable std::string frame_;
};
using shared_event_ptr = std::shared_ptr<const shared_event>;

/// Who is in a case at the moment.
struct presence_entry {
  user_id user;
  std::string name;
  bool typing = false;
  std::string focus; ///< what the person looks at; empty = nothing in particular
  timestamp since{};
  bool operator==(const presence_entry&) const = default;
};
using presence_list = std::shared_ptr<const std::vector<presence_entry>>;

/// A listener of cases. All functions are called from actor threads, must be thread-safe, quick and noexcept.
struct subscriber {
  virtual ~subscriber() = default;
  /// In order of seq, without gap, starting after the head that attach answered.
  virtual void on_event(const shared_event_ptr& event) noexcept = 0;
  virtual void on_presence(const case_id& id, const presence_list& who) noexcept = 0;
  /// How far long work in the case is; transient, may be missed. What it makes comes as events.
  virtual void on_job(const case_id&, const std::shared_ptr<const job>&) noexcept {}
  /// Access was lost or the case was deleted; nothing more follows.
  virtual void on_removed(const case_id& id) noexcept = 0;
  /// The case's actor went away; attach again to go on from the last seq seen.
  virtual void on_lost(const case_id& id) noexcept = 0;
};
using subscriber_ptr = std::shared_ptr<subscriber>;

/// A listener of the list of cases.
struct list_watcher {
  virtual ~list_watcher() = default;
  virtual void on_case_changed(const std::shared_ptr<const case_summary>& summary, bool deleted) noexcept = 0;
};
using list_watcher_ptr = std::shared_ptr<list_watcher>;

/// Told when a token stops being good, so that live connections can be closed (4401).
struct revocation_sink {
  virtual ~revocation_sink() = default;
  virtual void on_token_revoked(const std::string& token_id) noexcept = 0;
  virtual void on_user_deactivated(const user_id& id) noexcept = 0;
};
using revocation_sink_ptr = std::shared_ptr<revocation_sink>;

} // namespace fm
