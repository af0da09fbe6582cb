// The members that are stored, named once. Order here is the order on disk.
#include "storage/codec/codec.hpp"

#include "storage/codec/stored_json.hpp"

#include <boost/describe/class.hpp>

#include <array>

namespace fm {
BOOST_DESCRIBE_STRUCT(participant, (), (user, role, joined_at))
BOOST_DESCRIBE_STRUCT(case_record, (),
                      (id, title, title_is_placeholder, description, proposed_problem_statement,
                       problem_statement_confirmed, status, closure_reason, owner, visibility, participants, priority,
                       category, tags, source_session, solution_summary, version, message_count, turn_count,
                       created_at, updated_at, last_activity_at, resolved_at, closed_at, archived_at, deleted_at))
BOOST_DESCRIBE_STRUCT(message, (),
                      (id, in_case, turn_number, type, role, author, author_name, content, metadata, created_at))
BOOST_DESCRIBE_STRUCT(case_created, (), (record))
BOOST_DESCRIBE_STRUCT(case_updated, (), (record, changed))
BOOST_DESCRIBE_STRUCT(status_changed, (), (from, to, reason, closure_reason))
BOOST_DESCRIBE_STRUCT(message_added, (), (added))
BOOST_DESCRIBE_STRUCT(turn_queued, (),
                      (turn, client_id, turn_number, position, message, content, author_id, author_name, body_digest))
BOOST_DESCRIBE_STRUCT(turn_edited, (), (turn, content))
BOOST_DESCRIBE_STRUCT(turn_withdrawn, (), (turn))
BOOST_DESCRIBE_STRUCT(turn_started, (), (turn, attempt))
BOOST_DESCRIBE_STRUCT(turn_delta, (), (turn, attempt, offset, text))
BOOST_DESCRIBE_STRUCT(turn_restarted, (), (turn, attempt, why))
BOOST_DESCRIBE_STRUCT(turn_interrupted, (), (turn, attempt, text_bytes))
BOOST_DESCRIBE_STRUCT(turn_completed, (),
                      (turn, attempt, turn_number, message, content, response_type, confidence, metadata))
BOOST_DESCRIBE_STRUCT(turn_cancelled, (), (turn, attempt, turn_number, message, content, metadata))
BOOST_DESCRIBE_STRUCT(turn_failed, (), (turn, attempt, turn_number, message, content, metadata))
BOOST_DESCRIBE_STRUCT(case_deleted, (), (reason))
BOOST_DESCRIBE_STRUCT(case_restored, (), (reason))
BOOST_DESCRIBE_STRUCT(user, (),
                      (id, username, email, display_name, timezone, locale, verified, active, roles, created_at,
                       updated_at, last_login_at, last_password_change_at, deleted_at))
BOOST_DESCRIBE_STRUCT(user_record, (), (person, password_hash))
BOOST_DESCRIBE_STRUCT(session, (),
                      (id, user, client, session_type, timeout, created_at, last_activity_at, expires_at, metadata))
} // namespace fm

namespace fm::stored {
namespace {
template <class T>
std::string to_json(const T& v) {
  std::string out;
  json_writer w{out};
  put(w, v);
  return out;
}

template <class T>
outcome<T> from_json(std::string_view json, const char* what) {
  thread_local simdjson::dom::parser parser;
  const auto broken = [&](const char* why) {
    return make_failure(errc::internal, std::string{"A stored "} + what + " cannot be read: " + why + ".");
  };
  simdjson::dom::element root;
  if (const auto error = parser.parse(json.data(), json.size()).get(root))
    return broken(simdjson::error_message(error));
  T v{};
  if (!get(root, v))
    return broken("a member has the wrong type");
  return v;
}

template <class E>
outcome<event_data> event_from(std::string_view json) {
  auto e = from_json<E>(json, "event");
  if (!e)
    return e.error();
  return event_data{std::move(*e)};
}
} // namespace

std::string encode(const event_data& data) {
  return std::visit([](const auto& e) { return to_json(e); }, data);
}

outcome<event_data> decode_event(std::string_view kind, std::string_view json, int version) {
  if (version < 1 || version > event_version)
    return make_failure(errc::internal, "A stored event has version " + std::to_string(version) +
                                            "; this program reads up to " + std::to_string(event_version) + ".");
  struct reader {
    std::string_view kind;
    outcome<event_data> (*read)(std::string_view);
  };
  static const auto readers = [] {
    std::array<reader, std::variant_size_v<event_data>> table;
    boost::mp11::mp_for_each<boost::mp11::mp_iota_c<std::variant_size_v<event_data>>>([&](auto i) {
      table[i] = {kind_of(event_data{std::in_place_index<i>}), &event_from<std::variant_alternative_t<i, event_data>>};
    });
    return table;
  }();
  for (auto& r : readers)
    if (r.kind == kind)
      return r.read(json);
  return make_failure(errc::internal, "A stored event has an unknown kind.");
}

std::string encode(const case_record& record) { return to_json(record); }
outcome<case_record> decode_record(std::string_view json) { return from_json<case_record>(json, "case record"); }
std::string encode(const user_record& record) { return to_json(record); }
outcome<user_record> decode_user(std::string_view json) { return from_json<user_record>(json, "user"); }
std::string encode(const session& s) { return to_json(s); }
outcome<session> decode_session(std::string_view json) { return from_json<session>(json, "session"); }
std::string encode(const std::map<std::string, std::string>& metadata) { return to_json(metadata); }
outcome<std::map<std::string, std::string>> decode_metadata(std::string_view json) {
  return from_json<std::map<std::string, std::string>>(json, "message's metadata");
}

digest link_of(const digest& previous, sequence seq, std::string_view kind, std::int64_t at_ms,
               std::string_view actor_id, std::string_view actor_name, const digest& data_hash) {
  const auto view = [](const digest& d) {
    return std::string_view{reinterpret_cast<const char*>(d.data()), d.size()};
  };
  return sha256_framed({view(previous), std::to_string(seq), kind, std::to_string(at_ms), actor_id, actor_name,
                        view(data_hash)});
}

seal seal_event(const digest& previous, const case_event& event, std::string_view encoded_data) {
  seal s;
  s.data_hash = sha256(encoded_data);
  s.link = link_of(previous, event.seq, kind_of(event.data), event.at.time_since_epoch().count(),
                   event.by.user.value, event.by.name, s.data_hash);
  return s;
}

} // namespace fm::stored
