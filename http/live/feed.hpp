// What one listener holds of one case: a pure state machine that turns live events and pages of the log into one
// gap-free sequence. Events come live; when too much waits, they are forgotten and read from the log again.
#pragma once

#include "protocol/messages/subscriber.hpp"

#include <algorithm>
#include <deque>

namespace fm::http {

class case_feed {
public:
  /// Events kept while the log is read; more are forgotten (and read from the log).
  static constexpr std::size_t pending_max = 512;

  explicit case_feed(sequence sent) : sent_(sent) {}

  bool live() const { return live_; }
  bool behind() const { return behind_; }
  sequence sent() const { return sent_; }

  /// A live event. True: send it now.
  bool on_event(const shared_event_ptr& e) {
    const auto seq = e->event->seq;
    seen_ = std::max(seen_, seq);
    if (seq <= sent_)
      return false;
    if (live_) {
      sent_ = seq;
      return true;
    }
    if (pending_.size() >= pending_max)
      pending_.clear();
    if (!pending_.empty() && pending_.back()->event->seq + 1 != seq)
      pending_.clear();
    pending_.push_back(e);
    return false;
  }

  /// The listener cannot take more: forget, and go on from the log later. `unsent` was just accepted and not sent.
  void fall_behind(sequence last_sent) {
    live_ = false;
    behind_ = true;
    sent_ = last_sent;
    pending_.clear();
  }
  /// The source was lost or a replay starts over from what was sent.
  void restart() {
    live_ = false;
    pending_.clear();
  }
  /// A snapshot covers everything up to here.
  void covered_by_snapshot(sequence seq) { sent_ = std::max(sent_, seq); }
  /// An event of a page. True: send it.
  bool on_page_event(const case_event& e) {
    if (e.seq <= sent_)
      return false;
    sent_ = e.seq;
    return true;
  }
  /// After a page (or snapshot): what is pending and fits is returned for sending and the feed is live; nothing
  /// and not live: read on.
  std::vector<shared_event_ptr> settle(sequence covered, sequence head) {
    sent_ = std::max(sent_, covered);
    std::vector<shared_event_ptr> ready;
    while (!pending_.empty() && pending_.front()->event->seq <= sent_)
      pending_.pop_front();
    if (pending_.empty()) {
      live_ = sent_ >= head && sent_ >= seen_;
    } else if (pending_.front()->event->seq == sent_ + 1) {
      ready.assign(pending_.begin(), pending_.end());
      sent_ = pending_.back()->event->seq;
      pending_.clear();
      live_ = sent_ >= seen_;
    }
    if (live_)
      behind_ = false;
    return ready;
  }

private:
  sequence sent_ = 0;
  sequence seen_ = 0;
  bool live_ = false;
  bool behind_ = false;
  std::deque<shared_event_ptr> pending_;
};

} // namespace fm::http
