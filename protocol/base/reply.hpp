// A promise that cannot be forgotten: whoever drops the last copy without answering answers "unavailable".
// It travels inside local messages, so a request lost with a dying actor's mailbox is still answered.
#pragma once

#include "protocol/base/failure.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

namespace fm {

/// Where the answer of one request goes. Copyable; the first answer wins, later ones are ignored.
/// The callback runs on the answering thread and must only hand over (post, send), never block or throw.
template <class T>
class reply {
public:
  using callback = std::function<void(outcome<T>)>;

  reply() = default;
  explicit reply(callback fn) : state_(std::make_shared<state>(std::move(fn))) {}

  void operator()(outcome<T> answer) const {
    if (state_ && !state_->done.exchange(true))
      state_->fn(std::move(answer));
  }
  explicit operator bool() const noexcept { return static_cast<bool>(state_); }

private:
  struct state {
    explicit state(callback f) : fn(std::move(f)) {}
    state(const state&) = delete;
    state& operator=(const state&) = delete;
    ~state() {
      if (!done.exchange(true))
        fn(make_unavailable("The part of the server that had to answer went away; please try again."));
    }
    callback fn;
    std::atomic<bool> done{false};
  };
  std::shared_ptr<state> state_;
};

/// For answers that carry nothing.
struct done_t {
  bool operator==(const done_t&) const = default;
};
inline constexpr done_t done{};

} // namespace fm
