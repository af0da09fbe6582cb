// One answer to "what does this event do", shared by the backends.
#include "storage/codec/projection.hpp"

#include "protocol/base/json_writer.hpp"
#include "storage/codec/codec.hpp"

namespace fm::stored {
namespace {
template <class E>
turn_end ended(const E& e, turn_status status) {
  turn_end end{&e.turn, e.attempt, e.turn_number, status, &e.message, &e.content, e.metadata};
  end.metadata["attempt"] = std::to_string(e.attempt);
  return end;
}
} // namespace

std::optional<failure> refusal_of(const case_commit& commit, bool exists, sequence stored) {
  if (commit.id.empty())
    return make_failure(errc::internal, "A commit names no case.");
  if (stored != commit.expected_seq || (commit.expected_seq == 0 && exists)) {
    auto f = make_conflict("CASE_VERSION_CONFLICT", "Another writer has changed this case in the meantime.");
    f.with_fact("expected_seq", std::to_string(commit.expected_seq));
    f.with_fact("actual_seq", std::to_string(stored));
    return f;
  }
  if (!commit.copied.empty() && !commit.events.empty())
    return make_failure(errc::internal, "A commit has either new events or copied ones.");
  for (std::size_t i = 0; i < commit.copied.size(); ++i)
    if (commit.copied[i].seq != commit.expected_seq + 1 + i)
      return make_failure(errc::invalid, "The copied events are not numbered without gap.");
  for (std::size_t i = 0; i < commit.events.size(); ++i)
    if (!commit.events[i] || commit.events[i]->seq != commit.expected_seq + 1 + i ||
        commit.events[i]->in_case != commit.id)
      return make_failure(errc::internal, "The events of a commit are not this case's, numbered without gap.");
  if (!exists && !(commit.events.empty() && commit.copied.empty()) && !commit.record)
    return make_failure(errc::internal, "The first commit of a case carries no record.");
  if (commit.record && commit.record->id != commit.id)
    return make_failure(errc::internal, "The record of a commit is another case's.");
  return std::nullopt;
}

outcome<std::vector<sealed_event>> seal_all(const digest& head, const case_commit& commit) {
  std::vector<sealed_event> all;
  all.reserve(commit.events.size() + commit.copied.size());
  auto previous = head;
  for (auto& e : commit.events) {
    auto data = encode(e->data);
    const auto s = seal_event(previous, *e, data);
    previous = s.link;
    all.push_back({e, {e->seq, std::string{kind_of(e->data)}, e->at, e->by, event_version, std::move(data), s.data_hash, s.link}});
  }
  for (auto& row : commit.copied) {
    const auto refuse = [&](const char* why) {
      return make_failure(errc::invalid, "Event " + std::to_string(row.seq) + " of case " + commit.id.value + " cannot be copied: " + why + ".");
    };
    if (row.data ? sha256(*row.data) != row.data_hash : row.kind != "turn_delta")
      return refuse(row.data ? "its data does not match its hash" : "its data is missing");
    if (link_of(previous, row.seq, row.kind, row.at.time_since_epoch().count(), row.by.user.value, row.by.name, row.data_hash) != row.link)
      return refuse("it does not continue the log it is copied to");
    previous = row.link;
    case_event_ptr event;
    if (row.data) {
      auto data = decode_event(row.kind, *row.data, row.version);
      if (!data)
        return data.error();
      event = std::make_shared<const case_event>(case_event{commit.id, row.seq, row.at, row.by, std::move(*data)});
    }
    all.push_back({std::move(event), row});
  }
  return all;
}

failure stored_before() { return make_conflict("ALREADY_EXISTS", "This was stored before."); }
failure no_such_case() { return make_failure(errc::not_found, "There is no such case, or you have no access to it."); }
failure no_such_turn() { return make_failure(errc::not_found, "There is no such turn in this case."); }

std::optional<turn_end> end_of(const event_data& data) {
  if (auto* e = std::get_if<turn_completed>(&data)) {
    auto end = ended(*e, turn_status::completed);
    if (!e->response_type.empty())
      end.metadata["response_type"] = e->response_type;
    if (e->confidence > 0) {
      std::string number;
      append_json_number(number, e->confidence);
      end.metadata["confidence"] = std::move(number);
    }
    return end;
  }
  if (auto* e = std::get_if<turn_cancelled>(&data)) {
    auto end = ended(*e, turn_status::cancelled);
    end.metadata["cancelled"] = "true";
    return end;
  }
  if (auto* e = std::get_if<turn_failed>(&data))
    return ended(*e, turn_status::failed);
  return std::nullopt;
}

const turn_id* turn_of(const event_data& data) {
  return std::visit(
      [](const auto& e) -> const turn_id* {
        if constexpr (requires { e.turn; })
          return &e.turn;
        else
          return nullptr;
      },
      data);
}

} // namespace fm::stored
