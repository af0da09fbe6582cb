// A deque under a mutex.
#include "actors/stores/commit_queue.hpp"

#include <iterator>
#include <utility>

namespace fm {
namespace {
std::size_t weight(const case_commit& c) {
  std::size_t bytes = 256;
  for (auto& e : c.events) {
    if (auto* delta = std::get_if<turn_delta>(&e->data))
      bytes += delta->text.size();
    else if (auto* done_turn = std::get_if<turn_completed>(&e->data))
      bytes += done_turn->content.size();
    else if (auto* queued = std::get_if<turn_queued>(&e->data))
      bytes += queued->content.size();
    bytes += 200;
  }
  return bytes;
}
} // namespace

commit_queue::admission commit_queue::admitted() {
  return std::exchange(writing_, true) ? admission::taken : admission::wants_writer;
}

commit_queue::admission commit_queue::push(commit_events& what) {
  std::lock_guard lock{mutex_};
  if (waiting_.size() >= settings_.queue_max)
    return admission::refused;
  waiting_.push_back(std::move(what));
  return admitted();
}

commit_queue::admission commit_queue::push(compact_case& what) {
  std::lock_guard lock{mutex_};
  if (compactions_.size() >= settings_.queue_max)
    return admission::refused;
  compactions_.push_back(std::move(what));
  return admitted();
}

std::optional<commit_queue::batch> commit_queue::next() {
  std::lock_guard lock{mutex_};
  if (waiting_.empty() && compactions_.empty()) {
    writing_ = false;
    return std::nullopt;
  }
  batch b;
  if (waiting_.empty()) {
    b.compaction = std::move(compactions_.front());
    compactions_.pop_front();
    return b;
  }
  std::size_t bytes = 0;
  while (!waiting_.empty() && b.commits.size() < settings_.batch_max && bytes < settings_.batch_bytes_max) {
    auto& front = waiting_.front();
    bytes += weight(front.commit);
    b.commits.push_back(std::move(front.commit));
    b.answers.push_back(std::move(front.answer));
    waiting_.pop_front();
  }
  return b;
}

std::vector<commit_events> commit_queue::abandon() {
  std::lock_guard lock{mutex_};
  std::vector<commit_events> all{std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end())};
  waiting_.clear();
  compactions_.clear();
  writing_ = false;
  return all;
}

} // namespace fm
