// Lines first, then fields.
#include "actors/llm/sse_parser.hpp"

namespace fm {

outcome<void> sse_parser::feed(std::string_view bytes, const std::function<bool(const sse_event&)>& take) {
  while (!bytes.empty()) {
    if (after_cr_) {
      after_cr_ = false;
      if (bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const auto end = bytes.find_first_of("\r\n");
    const auto piece = bytes.substr(0, end);
    if (line_.size() + piece.size() + event_.data.size() > event_bytes_max_)
      return make_failure(errc::too_large, "An event of the stream is larger than allowed.");
    line_ += piece;
    if (end == std::string_view::npos)
      return {};
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (!end_line(take))
      return {};
  }
  return {};
}

bool sse_parser::end_line(const std::function<bool(const sse_event&)>& take) {
  std::string_view line{line_};
  if (at_start_ && line.starts_with("\xEF\xBB\xBF"))
    line.remove_prefix(3);
  at_start_ = false;
  bool go_on = true;
  if (line.empty()) {
    if (has_data_)
      go_on = take(event_);
    event_.name.clear();
    event_.data.clear();
    has_data_ = false;
  } else if (line.front() != ':') {
    const auto colon = line.find(':');
    const auto field = line.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (value.starts_with(' '))
      value.remove_prefix(1);
    if (field == "data") {
      if (has_data_)
        event_.data += '\n';
      event_.data += value;
      has_data_ = true;
    } else if (field == "event") {
      event_.name = value;
    } else if (field == "id" && value.find('\0') == std::string_view::npos) {
      event_.id = value;
    }
  }
  line_.clear();
  return go_on;
}

} // namespace fm
