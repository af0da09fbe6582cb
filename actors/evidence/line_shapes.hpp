// The shape of every line of a log, about one byte a line, while the log is read once more. Bounded: of a log with more
// lines than fit, the shapes of the first ones are known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace fm::evidence {

class line_shapes {
public:
  explicit line_shapes(std::size_t bytes_max = 64U << 20) : most_(bytes_max) {}

  void add(std::uint32_t shape) {
    if (full_)
      return;
    if (run_ > 0 && shape == last_) {
      ++run_;
      return;
    }
    end_run();
    last_ = shape;
    run_ = 1;
  }
  /// After the last line. False when some did not fit.
  bool finish() {
    end_run();
    run_ = 0;
    return !full_;
  }

  class reader {
  public:
    explicit reader(const line_shapes& from) : from_(from) {}
    /// Of the next line; nothing behind the last that is known.
    std::optional<std::uint32_t> next() {
      if (left_ == 0) {
        if (!from_.has(chunk_, at_))
          return std::nullopt;
        const auto code = number();
        shape_ = static_cast<std::uint32_t>(code >> 1U);
        left_ = (code & 1U) != 0 ? number() : 1;
      }
      --left_;
      return shape_;
    }

  private:
    std::uint64_t number() {
      std::uint64_t n = 0;
      for (unsigned shift = 0;; shift += 7) {
        const auto byte = static_cast<unsigned char>(from_.chunks_[chunk_][at_++]);
        if (at_ == from_.chunks_[chunk_].size()) {
          ++chunk_;
          at_ = 0;
        }
        n |= static_cast<std::uint64_t>(byte & 0x7FU) << shift;
        if (byte < 0x80)
          return n;
      }
    }
    const line_shapes& from_;
    std::size_t chunk_ = 0, at_ = 0;
    std::uint64_t left_ = 0;
    std::uint32_t shape_ = 0;
  };

private:
  static constexpr std::size_t chunk_bytes = 256U << 10;
  bool has(std::size_t chunk, std::size_t at) const { return chunk < chunks_.size() && at < chunks_[chunk].size(); }
  void put(std::uint64_t n) {
    const auto put_byte = [&](std::uint64_t byte) {
      if (chunks_.empty() || chunks_.back().size() >= chunk_bytes)
        chunks_.emplace_back().reserve(chunk_bytes);
      chunks_.back() += static_cast<char>(byte);
      ++bytes_;
    };
    for (; n >= 0x80; n >>= 7U)
      put_byte((n & 0x7FU) | 0x80U);
    put_byte(n);
  }
  /// Two numbers for a run, one for a line alone.
  void end_run() {
    if (run_ == 0 || full_)
      return;
    if (bytes_ + 16 > most_) {
      full_ = true;
      return;
    }
    put((std::uint64_t{last_} << 1U) | (run_ > 1 ? 1U : 0U));
    if (run_ > 1)
      put(run_);
  }

  std::size_t most_, bytes_ = 0;
  std::vector<std::string> chunks_;
  std::uint32_t last_ = 0;
  std::uint64_t run_ = 0;
  bool full_ = false;
};

} // namespace fm::evidence
