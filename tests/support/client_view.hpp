// What a client of the live protocol holds of one case, built only from what it was sent: a pure reducer that
// distrusts the server. Whatever breaks the protocol's promises (live.md, architecture.md "Invariants") becomes
// a sentence in violations(), and two views of the same case can be compared byte by byte.
#pragma once

#include "tests/support/json.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace fm::testing_support {

struct view_turn {
  std::uint64_t number = 0;
  std::string turn_id, client_turn_id;
  std::string status; ///< as on the wire; "finished" when only a snapshot told of it
  std::uint64_t attempt = 0;
  std::string question, answer;
  /// Deltas were compacted away: the event that ends the attempt must bring the text.
  bool text_missing = false;
  bool is_running() const { return status == "running" || status == "interrupted"; }
  bool is_unfinished() const { return status == "queued" || is_running(); }
};

class client_view {
public:
  static constexpr std::size_t violations_max = 20;

  /// A `case.snapshot` object: everything held before is replaced.
  void apply_snapshot(const json& snapshot);
  /// An `event` object.
  void apply_event(const json& event);

  /// The newest event seen; 0 = nothing yet.
  std::uint64_t seq() const noexcept { return seq_; }
  const std::vector<std::string>& violations() const noexcept { return violations_; }
  const std::map<std::uint64_t, view_turn>& turns() const noexcept { return turns_; }
  const view_turn* find(std::string_view turn_id) const;
  bool has_unfinished() const;
  /// It began with a snapshot, or was told one on the way: of turns that ended before, it does not know how, and of those that were
  /// withdrawn nothing.
  bool from_snapshot() const noexcept { return from_snapshot_; }
  /// The first turn this view knows whole; later ones are known whole as well.
  std::uint64_t first_whole_turn() const noexcept { return first_whole_; }

  /// Every turn from `from` on, with status and bytes; equal strings = equal knowledge. The exact way a turn
  /// ended is left out when `coarse`, as a snapshot does not tell it.
  std::string canonical(std::uint64_t from = 1, bool coarse = false) const;

private:
  void violation(std::string sentence);
  view_turn* turn_of(const json& data, const char* kind);
  void on_queued(const json& data);
  void on_started(const json& data, bool again);
  void on_delta(const json& data);
  void on_ended(const json& data, std::string_view kind);

  std::uint64_t seq_ = 0;
  std::uint64_t last_number_ = 0;
  std::uint64_t first_whole_ = 1;
  bool from_snapshot_ = false;
  std::map<std::uint64_t, view_turn> turns_;
  std::map<std::string, std::uint64_t, std::less<>> number_of_;
  std::set<std::string> client_ids_;
  std::map<std::string, std::string> notes_; ///< message_id → content
  std::vector<std::string> violations_;
};

} // namespace fm::testing_support
