// What one listener holds of one case: a pure state machine that turns live events and pages of the log into one
// gap-free sequence, whatever the order in which they come.
//
//   attach ─► snapshot ─► page … ─► live ─► (outbox full) page … ─► live
//                                     └──► (actor lost) attach ─► page … ─► live
//
// Promise: what is sent is the log after `after` (or after the snapshot), in order, nothing twice; what is left
// out was compacted away in the log itself. Not thread-safe: its owner locks.
#pragma once

#include "http/live/frame.hpp"
#include "protocol/model/case.hpp"

#include <algorithm>
#include <deque>
#include <optional>
#include <vector>

namespace fm::http {

class case_feed {
public:
  /// Live events kept while the log is read. More are forgotten and read from the log.
  static constexpr std::size_t pending_frames_max = 256;
  static constexpr std::size_t pending_bytes_max = 256U << 10;

  /// What to ask of the case next. The owner asks, and reports the answer with the function of that name.
  enum class step { none, attach, snapshot, page };
  /// What to do with a live event.
  enum class verdict {
    send,
    kept,  ///< nothing to do: known already, waits, or will be read from the log
    behind ///< not sent, and no other will be until the log was read: say so
  };

  /// Further than `replay_max` behind the head (or ahead of it, or without `after`): begins with a snapshot.
  case_feed(std::optional<sequence> after, sequence replay_max)
      : after_(after), replay_max_(replay_max), sent_(after.value_or(0)) {}

  bool live() const { return live_; }
  bool attached() const { return attached_; }
  /// The first replay is done; stays true when the feed falls behind later.
  bool replayed() const { return replayed_; }
  sequence sent() const { return sent_; }

  /// At most one step is under way. `room`: there is place for a page; `may_attach`: it is time to try.
  step next(bool room, bool may_attach = true) {
    if (busy_ || live_)
      return step::none;
    if (!attached_) {
      if (!may_attach)
        return step::none;
      busy_ = true;
      lost_ = false;
      return step::attach;
    }
    if (!room)
      return step::none;
    busy_ = true;
    return needs_snapshot_ ? step::snapshot : step::page;
  }
  /// The step under way came to nothing.
  void failed() { busy_ = false; }

  /// Events after `head` come live from here on. Appends to `ready` what is to be sent now.
  void on_attached(sequence head, std::vector<frame_ptr>& ready) {
    busy_ = false;
    head_ = std::max(head_, head);
    if (!opened_) {
      opened_ = true;
      needs_snapshot_ = !after_ || *after_ > head || head - *after_ > replay_max_;
      if (needs_snapshot_)
        sent_ = 0;
    }
    attached_ = !lost_; // it may have gone while its answer was on the way
    settle(ready);
  }
  void on_snapshot(sequence seq, std::vector<frame_ptr>& ready) {
    busy_ = false;
    needs_snapshot_ = false;
    sent_ = seq;
    settle(ready);
  }
  /// For each event of a page, in order. True: send it.
  bool on_page_event(sequence seq) {
    if (seq <= sent_)
      return false;
    sent_ = seq;
    return true;
  }
  /// The end of a page: everything up to `covered` was in it or is compacted. False = it brought nothing new,
  /// although there should be something; ask again later.
  bool on_page(sequence covered, sequence head, std::vector<frame_ptr>& ready) {
    busy_ = false;
    head_ = std::max(head_, head);
    const auto before = sent_at_page_;
    sent_ = std::max(sent_, covered);
    settle(ready);
    sent_at_page_ = sent_;
    return live_ || !attached_ || sent_ > before;
  }

  /// `room`: the listener can take this event. A null frame takes its place in the order and is never sent.
  verdict on_event(sequence seq, const frame_ptr& frame, bool room) {
    head_ = std::max(head_, seq);
    if (seq <= sent_)
      return verdict::kept;
    if (live_ && seq == sent_ + 1) {
      if (room) {
        sent_ = seq;
        return verdict::send;
      }
      live_ = false;
      return verdict::behind;
    }
    live_ = false; // a gap: the log knows what is missing
    const auto size = frame ? frame->size() : 0;
    if (!room || pending_.size() >= pending_frames_max || pending_bytes_ + size > pending_bytes_max ||
        (!pending_.empty() && pending_.back().first + 1 != seq))
      forget();
    if (room) {
      pending_.emplace_back(seq, frame);
      pending_bytes_ += size;
    }
    return verdict::kept;
  }

  /// The case's actor is gone: attach again, then go on from what was sent.
  void on_lost() {
    lost_ = true;
    live_ = attached_ = false;
    forget();
  }

private:
  void forget() {
    std::deque<std::pair<sequence, frame_ptr>>{}.swap(pending_);
    pending_bytes_ = 0;
  }
  void settle(std::vector<frame_ptr>& ready) {
    if (needs_snapshot_)
      return;
    while (!pending_.empty() && pending_.front().first <= sent_) {
      pending_bytes_ -= pending_.front().second ? pending_.front().second->size() : 0;
      pending_.pop_front();
    }
    if (!pending_.empty() && pending_.front().first == sent_ + 1) {
      for (auto& [seq, frame] : pending_)
        if (frame)
          ready.push_back(std::move(frame));
      sent_ = pending_.back().first;
      forget();
    }
    if (attached_ && sent_ >= head_) {
      live_ = replayed_ = true;
      forget();
    }
  }

  std::optional<sequence> after_;
  sequence replay_max_;
  sequence sent_;            ///< the last seq the listener was given, or that a snapshot or page covered
  sequence head_ = 0;        ///< the last seq known to exist
  sequence sent_at_page_ = 0;
  bool opened_ = false, attached_ = false, lost_ = false, needs_snapshot_ = false;
  bool busy_ = false, live_ = false, replayed_ = false;
  std::deque<std::pair<sequence, frame_ptr>> pending_; ///< without gap
  std::size_t pending_bytes_ = 0;
};

} // namespace fm::http
