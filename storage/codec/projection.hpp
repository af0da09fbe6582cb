// What every backend must do alike with a commit: the gate in front of it, what the end of a turn means for the
// conversation, and which text compaction may drop. Pure, so that two backends cannot disagree.
#pragma once

#include "protocol/base/failure.hpp"
#include "protocol/model/pages.hpp"

#include <map>
#include <optional>
#include <string>

namespace fm::stored {

/// Why this commit may not be written over a log that ends at `stored` (nothing when it may): a stale writer gets
/// the conflict CASE_VERSION_CONFLICT, a malformed commit errc::internal.
std::optional<failure> refusal_of(const case_commit& commit, bool exists, sequence stored);
/// A commit's events ready to be stored behind a log that ends with `head`: sealed when they are new, checked against
/// the chain when they are copied. The event is missing where compaction took its data.
struct sealed_event {
  case_event_ptr event;
  stored_event row;
};
outcome<std::vector<sealed_event>> seal_all(const digest& head, const case_commit& commit);

/// What a backend answers when a turn, a client's turn id or a turn number is there already.
failure stored_before();
failure no_such_case();
failure no_such_turn();

/// The end of a turn: how it ended and the answer that stands in the conversation from then on.
struct turn_end {
  const turn_id* turn = nullptr;
  std::uint32_t attempt = 1;
  std::uint32_t turn_number = 0;
  turn_status status = turn_status::completed;
  const message_id* message = nullptr;
  const std::string* content = nullptr;
  std::map<std::string, std::string> metadata;
};
/// Set for turn_completed, turn_cancelled and turn_failed; points into `data`.
std::optional<turn_end> end_of(const event_data& data);
/// The name under which answers appear in the conversation.
inline constexpr const char* answer_author = "FaultMaven";

/// The turn whose text this event carries, starts or ends; null for all other kinds.
const turn_id* turn_of(const event_data& data);

/// Follows a log in order and tells which deltas belong to turns that ended: those may lose their text.
class compaction {
public:
  /// Calls drop(seq) for each delta of a turn that ends with this event.
  template <class Drop>
  void feed(sequence seq, const event_data& data, Drop drop) {
    if (auto* delta = std::get_if<turn_delta>(&data)) {
      pending_[delta->turn].push_back(seq);
      return;
    }
    const auto end = end_of(data);
    if (!end)
      return;
    if (const auto found = pending_.find(*end->turn); found != pending_.end()) {
      for (auto s : found->second)
        drop(s);
      pending_.erase(found);
    }
  }
  /// Where a later walk goes on: everything up to here needs no second look.
  sequence settled(sequence upto) const {
    for (auto& [turn, list] : pending_)
      if (!list.empty() && list.front() <= upto)
        upto = list.front() - 1;
    return upto;
  }

private:
  std::map<turn_id, std::vector<sequence>> pending_;
};

} // namespace fm::stored
