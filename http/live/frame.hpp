// What waits to be sent: text that is encoded once and shared by every connection that gets it, and the queue in
// front of one connection. Pure: no socket, no thread, no lock.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace fm::http {

/// One JSON object, without newline.
using frame_ptr = std::shared_ptr<const std::string>;
inline frame_ptr make_frame(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

/// Frames in order, with their bytes counted. Holds no memory while it is empty.
class outbox {
public:
  void push(frame_ptr frame) {
    bytes_ += frame->size();
    frames_.push_back(std::move(frame));
  }
  bool empty() const { return next_ == frames_.size(); }
  std::size_t bytes() const { return bytes_; }
  std::size_t size() const { return frames_.size() - next_; }

  /// Joins waiting frames with '\n' until the message has `enough` bytes or nothing waits; the number of frames.
  std::size_t take(std::string& message, std::size_t enough) {
    const auto first = next_;
    while (next_ < frames_.size() && (next_ == first || message.size() < enough)) {
      auto& frame = frames_[next_++];
      if (!message.empty())
        message += '\n';
      message += *frame;
      bytes_ -= frame->size();
      frame.reset();
    }
    const auto taken = next_ - first;
    if (next_ == frames_.size()) {
      clear();
    } else if (next_ >= 64 && next_ * 2 >= frames_.size()) {
      frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(next_));
      next_ = 0;
    }
    return taken;
  }

  void clear() {
    std::vector<frame_ptr>{}.swap(frames_);
    next_ = bytes_ = 0;
  }

private:
  std::vector<frame_ptr> frames_;
  std::size_t next_ = 0; ///< the ones before it were taken
  std::size_t bytes_ = 0;
};

} // namespace fm::http
