// Server-sent events, byte by byte: pure, incremental, bounded. Follows the WHATWG rules: lines end in CR, LF
// or CRLF; data lines of one event are joined by LF; comments and unknown fields are skipped; a BOM at the
// very start is skipped; an event without its closing blank line never happened.
#pragma once

#include "protocol/base/failure.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace fm {

struct sse_event {
  std::string name; ///< the event field; empty = "message"
  std::string data;
  std::string id;
};

class sse_parser {
public:
  explicit sse_parser(std::size_t event_bytes_max = 1U << 20) : event_bytes_max_(event_bytes_max) {}

  /// Calls `take` for every event completed by `bytes`; false from `take` ends the feeding. too_large when a
  /// line or an event grows past the limit; the parser is then finished.
  outcome<void> feed(std::string_view bytes, const std::function<bool(const sse_event&)>& take);

private:
  bool end_line(const std::function<bool(const sse_event&)>& take);

  std::size_t event_bytes_max_;
  std::string line_;
  sse_event event_;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool at_start_ = true;
};

} // namespace fm
