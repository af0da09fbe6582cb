// Rows of the case tables and the keys they stand under.
//
// Integer keys carry their parts, so that one b-tree serves both lookup and order:
//   case_events.id   = case number << 32 | seq
//   case_messages.id = case number << 24 | place in the conversation
//   case_turns.id    = case number << 24 | turn number
#pragma once

#include "protocol/base/sha256.hpp"
#include "protocol/model/pages.hpp"
#include "storage/sqlite/connection.hpp"

namespace fm::sqlite {

constexpr std::int64_t event_key(std::int64_t num, sequence seq) { return num << 32 | static_cast<std::int64_t>(seq); }
constexpr std::int64_t last_event_key(std::int64_t num) { return event_key(num, 0xffffffff); }
constexpr std::int64_t item_key(std::int64_t num, std::int64_t ordinal) { return num << 24 | ordinal; }
constexpr sequence seq_of(std::int64_t event) { return static_cast<sequence>(event & 0xffffffff); }

inline std::int64_t to_ms(timestamp t) { return t.time_since_epoch().count(); }
inline timestamp from_ms(std::int64_t n) { return timestamp{std::chrono::milliseconds{n}}; }
digest digest_of(std::string_view bytes);

/// The case's number, 0 when there is no such case.
std::int64_t number_of(connection& c, const case_id& id);

/// A SELECT of whole turns, to be continued with a WHERE over `t`.
std::string turns_where(const char* condition);
turn turn_from(statement& s, const case_id& id);
/// The durable text of the running attempt of the turn in this row.
outcome<std::string> partial_text(connection& c, statement& turn_row);

/// SELECT id, kind, at, actor_id, actor_name, data, version.
outcome<case_event_ptr> event_from(statement& s, const case_id& id);
/// SELECT message_id, turn_number, message_type, role, author_id, author_name, content, metadata, created_at.
message message_from(statement& s, const case_id& id);

} // namespace fm::sqlite
