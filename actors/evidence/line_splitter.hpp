// Lines of a text that comes in pieces. Of a long line only the beginning is held, so memory does not grow with it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace fm::evidence {

/// Whether the lines of a text end with CR alone, as old machines and some devices write them: no line feed in its first
/// 64 KiB. Its lines are counted as if each CR were a line feed, which changes no place.
inline bool ends_with_returns(std::string_view beginning) {
  beginning = beginning.substr(0, 64U << 10);
  return beginning.find('\r') != std::string_view::npos && beginning.find('\n') == std::string_view::npos;
}
inline void returns_to_feeds(std::string& text) { std::replace(text.begin(), text.end(), '\r', '\n'); }

class line_splitter {
public:
  /// Of a line at most `line_bytes_max` bytes are given.
  explicit line_splitter(std::size_t line_bytes_max) : most_(line_bytes_max) {}

  /// Calls take(line, size) for every line that ends in `piece`: without its ending ("\n" or "\r\n"), cut to the bound;
  /// `size` is the whole line's, without the ending.
  template <class Take>
  void feed(std::string_view piece, Take&& take) {
    while (!piece.empty()) {
      const auto end = piece.find('\n');
      const auto part = piece.substr(0, end);
      if (end == std::string_view::npos) {
        hold(part);
        return;
      }
      if (size_ == 0) {
        give(part, part.size(), take);
      } else {
        hold(part);
        give(held_, size_, take);
        held_.clear();
        size_ = 0;
      }
      piece.remove_prefix(end + 1);
    }
  }
  /// The last line, when nothing ended it.
  template <class Take>
  void finish(Take&& take) {
    if (size_ > 0)
      give(held_, size_, take);
    held_.clear();
    size_ = 0;
  }

private:
  void hold(std::string_view part) {
    // One byte more than is given: it may be the ending's.
    held_.append(part.substr(0, most_ + 1 - std::min(most_ + 1, held_.size())));
    size_ += part.size();
  }
  template <class Take>
  void give(std::string_view line, std::uint64_t size, Take& take) const {
    if (size == line.size() && line.ends_with('\r')) {
      line.remove_suffix(1);
      --size;
    }
    take(line.substr(0, most_), size);
  }

  std::size_t most_;
  std::string held_;
  std::uint64_t size_ = 0;
};

} // namespace fm::evidence
