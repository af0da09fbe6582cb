// The first break is what counts: behind it nothing can be trusted.
#include "storage/codec/log_walk.hpp"

#include "storage/codec/projection.hpp"

namespace fm::stored {

void log_walk::broken(sequence at, const std::string& why) {
  if (!result_.broken)
    result_.broken = "Case " + result_.id.value + ", event " + std::to_string(at) + ": " + why + ".";
}

bool log_walk::feed(const log_row& row) {
  if (result_.broken)
    return false;
  const auto expected = result_.events + 1;
  if (row.seq != expected) {
    broken(expected, "it is missing; the next one stored is " + std::to_string(row.seq));
    return false;
  }
  if (row.data && sha256(*row.data) != row.data_hash)
    broken(row.seq, "its data does not match its hash");
  else if (!row.data && row.kind != "turn_delta")
    broken(row.seq, "its data is missing");
  else if (link_of(previous_, row.seq, row.kind, row.at_ms, row.actor_id, row.actor_name, row.data_hash) != row.link)
    broken(row.seq, "the hash chain does not hold");
  else
    follow_text(row);
  previous_ = row.link;
  result_.events = row.seq;
  return !result_.broken;
}

void log_walk::follow_text(const log_row& row) {
  if (!row.data) {
    whole_ = false;
    return;
  }
  const auto decoded = decode_event(row.kind, *row.data, row.version);
  if (!decoded)
    return broken(row.seq, "it cannot be read");
  if (std::holds_alternative<turn_started>(*decoded) || std::holds_alternative<turn_restarted>(*decoded)) {
    streamed_.clear();
    whole_ = true;
    return;
  }
  if (auto* delta = std::get_if<turn_delta>(&*decoded)) {
    if (whole_ && delta->offset != streamed_.size())
      return broken(row.seq, "its text starts at byte " + std::to_string(delta->offset) + ", the text before it has " +
                                 std::to_string(streamed_.size()));
    streamed_ += delta->text;
    return;
  }
  if (!whole_)
    return;
  if (auto* cut = std::get_if<turn_interrupted>(&*decoded); cut && cut->text_bytes != streamed_.size())
    return broken(row.seq, "it counts other text than was streamed");
  if (const auto end = end_of(*decoded)) {
    // A failed turn says so behind whatever text there was.
    const auto same = end->status == turn_status::failed ? end->content->starts_with(streamed_)
                                                         : *end->content == streamed_;
    if (!same)
      broken(row.seq, "the answer is not what was streamed");
  }
}

log_check log_walk::finish(sequence head, const digest& head_link) {
  if (!result_.broken && head != result_.events)
    broken(result_.events, "the log ends here but the case's head says " + std::to_string(head));
  else if (!result_.broken && head_link != previous_)
    broken(result_.events, "the case's head holds another hash than the log's last event");
  return result_;
}

} // namespace fm::stored
