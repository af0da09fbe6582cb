// Columns to values.
#include "storage/sqlite/rows.hpp"

#include "storage/codec/codec.hpp"

#include <algorithm>
#include <cstring>

namespace fm::sqlite {

digest digest_of(std::string_view bytes) {
  digest d{};
  std::memcpy(d.data(), bytes.data(), std::min(bytes.size(), d.size()));
  return d;
}

std::int64_t number_of(connection& c, const case_id& id) {
  auto s = c.prepare("SELECT num FROM case_heads WHERE case_id = ?");
  return s.bind(1, id.value).step() ? s.integer(0) : 0;
}

std::string turns_where(const char* condition) {
  return std::string{"SELECT t.id, t.turn_id, t.client_turn_id, t.status, t.attempt, t.author_id, t.author_name, "
                     "t.body_digest, t.question, t.answer, t.created_at, t.started_at, t.finished_at, m.content, "
                     "t.started_seq, t.num FROM case_turns t LEFT JOIN case_messages m ON m.id = t.question_key "
                     "WHERE "} +
         condition;
}

turn turn_from(statement& s, const case_id& id) {
  turn t;
  t.in_case = id;
  t.number = static_cast<std::uint32_t>(s.integer(0) & 0xffffff);
  t.id.value = s.string(1);
  t.client_id.value = s.string(2);
  t.status = enum_from<turn_status>(s.text(3)).value_or(turn_status::failed);
  t.attempt = static_cast<std::uint32_t>(s.integer(4));
  t.author.value = s.string(5);
  t.author_name = s.string(6);
  t.body_digest = s.string(7);
  t.question.value = s.string(8);
  t.answer.value = s.string(9);
  t.created_at = from_ms(s.integer(10));
  if (!s.is_null(11))
    t.started_at = from_ms(s.integer(11));
  if (!s.is_null(12))
    t.finished_at = from_ms(s.integer(12));
  t.content = s.string(13);
  return t;
}

outcome<std::string> partial_text(connection& c, statement& turn_row) {
  const auto num = turn_row.integer(15);
  std::string text;
  auto s = c.prepare("SELECT data, version FROM case_events WHERE id > ? AND id <= ? AND kind = 'turn_delta' ORDER BY id");
  s.bind(1, event_key(num, static_cast<sequence>(turn_row.integer(14)))).bind(2, last_event_key(num));
  while (s.step()) {
    auto e = stored::decode_event("turn_delta", s.text(0), static_cast<int>(s.integer(1)));
    if (!e)
      return e.error();
    text += std::get<turn_delta>(*e).text;
  }
  return text;
}

outcome<case_event_ptr> event_from(statement& s, const case_id& id) {
  auto data = stored::decode_event(s.text(1), s.text(5), static_cast<int>(s.integer(6)));
  if (!data)
    return data.error();
  return std::make_shared<const case_event>(
      case_event{id, seq_of(s.integer(0)), from_ms(s.integer(2)), {user_id{s.string(3)}, s.string(4)}, std::move(*data)});
}

message message_from(statement& s, const case_id& id) {
  message m;
  m.in_case = id;
  m.id.value = s.string(0);
  m.turn_number = static_cast<std::uint32_t>(s.integer(1));
  m.type = enum_from<message_type>(s.text(2)).value_or(message_type::system_event);
  m.role = enum_from<message_role>(s.text(3)).value_or(message_role::system);
  m.author.value = s.string(4);
  m.author_name = s.string(5);
  m.content = s.string(6);
  if (auto metadata = stored::decode_metadata(s.text(7)))
    m.metadata = std::move(*metadata);
  m.created_at = from_ms(s.integer(8));
  return m;
}

} // namespace fm::sqlite
