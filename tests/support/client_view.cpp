// A jump of seq is legal only over compacted deltas, and deltas are compacted only of turns that ended: so a jump
// must happen while an attempt runs, and the text it took away must come back with the attempt's end.
#include "tests/support/client_view.hpp"

namespace fm::testing_support {
namespace {
std::string n(std::uint64_t value) { return std::to_string(value); }
} // namespace

void client_view::violation(std::string sentence) {
  if (violations_.size() < violations_max)
    violations_.push_back("seq " + n(seq_) + ": " + std::move(sentence));
}

const view_turn* client_view::find(std::string_view turn_id) const {
  const auto found = number_of_.find(turn_id);
  if (found == number_of_.end())
    return nullptr;
  const auto turn = turns_.find(found->second);
  return turn == turns_.end() ? nullptr : &turn->second;
}

bool client_view::has_unfinished() const {
  for (auto& [number, turn] : turns_)
    if (turn.is_unfinished())
      return true;
  return false;
}

view_turn* client_view::turn_of(const json& data, const char* kind) {
  const auto found = number_of_.find(data["turn_id"].text());
  if (found == number_of_.end()) {
    // A snapshot tells of the last messages only: an older turn may well be answered again.
    if (!from_snapshot_)
      violation(std::string{kind} + " of a turn that was never queued");
    return nullptr;
  }
  return &turns_[found->second];
}

void client_view::apply_snapshot(const json& snapshot) {
  turns_.clear();
  number_of_.clear();
  client_ids_.clear();
  notes_.clear();
  from_snapshot_ = true;
  seq_ = snapshot["seq"].whole();
  last_number_ = snapshot["case"]["current_turn"].whole();
  first_whole_ = last_number_ + 1;
  const auto& messages = snapshot["messages"].items();
  if (messages.size() > 50)
    violation("a snapshot of more than 50 messages");
  for (auto& m : messages) {
    const auto number = m["turn_number"].whole();
    const auto& type = m["type"].text();
    if (type != "user_query" && type != "agent_response") { // a note, an upload, what is like this case: told at some turn and no part of it
      notes_[m["message_id"].text()] = m["content"].text();
      continue;
    }
    if (number == 0)
      continue;
    auto& t = turns_[number];
    t.number = number;
    if (t.status.empty())
      t.status = "finished";
    if (m["role"].text() == "user") {
      t.question = m["content"].text();
      first_whole_ = std::min(first_whole_, number);
    } else {
      t.answer = m["content"].text();
    }
  }
  // The oldest answer may have come without its question: such a turn is not known whole.
  while (!turns_.empty() && turns_.begin()->first < first_whole_)
    turns_.erase(turns_.begin());
  if (last_number_ > 0 && messages.size() < 50)
    first_whole_ = 1;
  const auto unfinished = [&](const json& t) {
    if (!t.is_object())
      return;
    const auto number = t["turn_number"].whole();
    auto& v = turns_[number];
    v.number = number;
    v.turn_id = t["turn_id"].text();
    v.client_turn_id = t["client_turn_id"].text();
    v.status = t["status"].text();
    v.attempt = t["attempt"].whole();
    v.question = t["content"].text();
    v.answer = t["text"].text();
    number_of_[v.turn_id] = number;
    client_ids_.insert(v.client_turn_id);
  };
  unfinished(snapshot["running"]);
  for (auto& t : snapshot["queue"].items())
    unfinished(t);
}

void client_view::apply_event(const json& event) {
  const auto seq = event["seq"].whole();
  const auto& kind = event["kind"].text();
  const auto& data = event["data"];
  if (seq <= seq_) {
    violation("event " + n(seq) + " (" + kind + ") came again");
    return;
  }
  if (seq > seq_ + 1) {
    bool running = false;
    for (auto& [number, turn] : turns_)
      if (turn.is_running()) {
        running = true;
        turn.text_missing = true;
      }
    if (!running)
      violation("events " + n(seq_ + 1) + " to " + n(seq - 1) + " are missing and no answer was being written");
  }
  seq_ = seq;
  if (kind == "turn_queued") {
    on_queued(data);
  } else if (kind == "turn_edited") {
    if (auto* t = turn_of(data, "turn_edited")) {
      if (t->status != "queued")
        violation("turn " + n(t->number) + " was edited after it started");
      t->question = data["content"].text();
    }
  } else if (kind == "turn_withdrawn") {
    if (auto* t = turn_of(data, "turn_withdrawn")) {
      if (t->status != "queued")
        violation("turn " + n(t->number) + " was withdrawn after it started");
      t->status = "withdrawn";
    }
  } else if (kind == "turn_started") {
    on_started(data, false);
  } else if (kind == "turn_restarted") {
    on_started(data, true);
  } else if (kind == "turn_interrupted") {
    if (auto* t = turn_of(data, "turn_interrupted")) {
      if (t->status != "running")
        violation("turn " + n(t->number) + " was interrupted but was " + t->status);
      if (!t->text_missing && data.has("text_bytes") && data["text_bytes"].whole() != t->answer.size())
        violation("turn " + n(t->number) + " was interrupted at byte " + n(data["text_bytes"].whole()) +
                  " but this client holds " + n(t->answer.size()));
      t->status = "interrupted";
    }
  } else if (kind == "turn_delta") {
    on_delta(data);
  } else if (kind == "turn_completed" || kind == "turn_cancelled" || kind == "turn_failed") {
    on_ended(data, kind);
  } else if (kind == "message_added") {
    if (!notes_.emplace(data["message_id"].text(), data["content"].text()).second)
      violation("message " + data["message_id"].text() + " was added twice");
  } else if (kind.empty()) {
    violation("an event without a kind");
  }
}

void client_view::on_queued(const json& data) {
  const auto number = data["turn_number"].whole();
  if (number != last_number_ + 1)
    violation("turn number " + n(number) + " follows " + n(last_number_));
  last_number_ = std::max(last_number_, number);
  view_turn t;
  t.number = number;
  t.turn_id = data["turn_id"].text();
  t.client_turn_id = data["client_turn_id"].text();
  t.status = "queued";
  t.question = data["content"].text();
  if (!client_ids_.insert(t.client_turn_id).second)
    violation("client_turn_id " + t.client_turn_id + " became a second turn");
  if (!number_of_.emplace(t.turn_id, number).second)
    violation("turn " + t.turn_id + " was queued twice");
  turns_[number] = std::move(t);
}

void client_view::on_started(const json& data, bool again) {
  auto* t = turn_of(data, again ? "turn_restarted" : "turn_started");
  if (!t)
    return;
  for (auto& [number, other] : turns_) {
    if (&other == t)
      continue;
    if (other.is_running())
      violation("turn " + n(t->number) + " started while turn " + n(number) + " was running");
    else if (!again && number < t->number && other.status == "queued")
      violation("turn " + n(t->number) + " started before turn " + n(number));
  }
  const auto attempt = data["attempt"].whole();
  if (!again && t->status != "queued")
    violation("turn " + n(t->number) + " started but was " + t->status);
  if (attempt != t->attempt + 1 && !(from_snapshot_ && t->attempt == 0))
    violation("attempt " + n(attempt) + " of turn " + n(t->number) + " follows attempt " + n(t->attempt));
  t->status = "running";
  t->attempt = attempt;
  t->answer.clear();
  t->text_missing = false;
}

void client_view::on_delta(const json& data) {
  auto* t = turn_of(data, "turn_delta");
  if (!t)
    return;
  if (t->status != "running")
    violation("a delta of turn " + n(t->number) + ", which is " + t->status);
  if (data["attempt"].whole() != t->attempt)
    violation("a delta of attempt " + n(data["attempt"].whole()) + " while attempt " + n(t->attempt) + " runs");
  if (t->text_missing || data["offset"].whole() != t->answer.size())
    violation("turn " + n(t->number) + ": a delta at byte " + n(data["offset"].whole()) + " but this client holds " +
              n(t->answer.size()));
  t->answer += data["text"].text();
}

void client_view::on_ended(const json& data, std::string_view kind) {
  auto* t = turn_of(data, "the end");
  if (!t)
    return;
  const auto& content = data["content"].text();
  if (!t->is_running())
    violation("turn " + n(t->number) + " ended but was " + t->status);
  if (data["attempt"].whole() != t->attempt)
    violation("attempt " + n(data["attempt"].whole()) + " ended while attempt " + n(t->attempt) + " ran");
  if (data["turn_number"].whole() != t->number)
    violation("turn " + n(t->number) + " ended under the number " + n(data["turn_number"].whole()));
  // A failed turn ends with a polite sentence after whatever was streamed; the others hold just the stream.
  const bool fits = kind == "turn_failed" ? content.compare(0, t->answer.size(), t->answer) == 0 : content == t->answer;
  if (!t->text_missing && !fits)
    violation("turn " + n(t->number) + ": the stored answer (" + n(content.size()) +
              " bytes) is not what was streamed (" + n(t->answer.size()) + " bytes)");
  t->answer = content;
  t->text_missing = false;
  t->status = std::string{kind.substr(5)};
}

std::string client_view::canonical(std::uint64_t from, bool coarse) const {
  std::string out;
  const auto bytes = [&](const std::string& text) { out += n(text.size()) + ":" + text; };
  for (auto& [number, t] : turns_) {
    if (number < from || (coarse && t.status == "withdrawn"))
      continue;
    out += "turn " + n(number) + " " + (coarse && !t.is_unfinished() ? "finished" : t.status) + " ";
    bytes(t.question);
    out += ' ';
    bytes(t.answer);
    out += t.text_missing ? " incomplete\n" : "\n";
  }
  if (!coarse)
    for (auto& [id, content] : notes_) {
      out += "note " + id + " ";
      bytes(content);
      out += '\n';
    }
  return out;
}

} // namespace fm::testing_support
