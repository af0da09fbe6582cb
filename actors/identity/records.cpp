// Written with json_writer, read with simdjson.
#include "actors/identity/records.hpp"

#include "protocol/base/json_writer.hpp"
#include "protocol/base/sha256.hpp"

#include <simdjson.h>

namespace fm::identity {
namespace {
std::int64_t millis(timestamp t) { return t.time_since_epoch().count(); }
timestamp from_millis(std::int64_t n) { return timestamp{std::chrono::milliseconds{n}}; }

/// One object whose members are read by name; anything missing or of another type marks it bad.
struct object_reader {
  explicit object_reader(std::string_view json) {
    bad = parser.parse(json.data(), json.size()).get_object().get(object) != simdjson::SUCCESS;
  }
  std::string text(const char* name) {
    std::string_view value;
    if (bad || object[name].get_string().get(value) != simdjson::SUCCESS)
      bad = true;
    return std::string{value};
  }
  std::int64_t whole(const char* name) {
    std::int64_t value = 0;
    if (bad || object[name].get_int64().get(value) != simdjson::SUCCESS)
      bad = true;
    return value;
  }
  simdjson::dom::parser parser;
  simdjson::dom::object object;
  bool bad = false;
};
} // namespace

std::string encode(const session& s) {
  std::string out;
  json_writer w{out};
  w.begin_object()
      .member("id", s.id.value)
      .member("user", s.user.value)
      .member("client", s.client.value)
      .member("type", s.session_type)
      .member("timeout_minutes", static_cast<std::int64_t>(s.timeout.count()))
      .member("created_at", millis(s.created_at))
      .member("last_activity_at", millis(s.last_activity_at))
      .member("expires_at", millis(s.expires_at))
      .key("metadata")
      .begin_object();
  for (auto& [key, value] : s.metadata)
    w.member(key, value);
  w.end_object().end_object();
  return out;
}

std::optional<session> decode_session(std::string_view json) {
  object_reader r{json};
  session s;
  s.id = session_id{r.text("id")};
  s.user = user_id{r.text("user")};
  s.client = client_id{r.text("client")};
  s.session_type = r.text("type");
  s.timeout = std::chrono::minutes{r.whole("timeout_minutes")};
  s.created_at = from_millis(r.whole("created_at"));
  s.last_activity_at = from_millis(r.whole("last_activity_at"));
  s.expires_at = from_millis(r.whole("expires_at"));
  simdjson::dom::object metadata;
  if (r.bad || r.object["metadata"].get_object().get(metadata) != simdjson::SUCCESS)
    return std::nullopt;
  for (auto [key, value] : metadata)
    if (std::string_view text; value.get_string().get(text) == simdjson::SUCCESS)
      s.metadata.emplace(key, text);
  return s;
}

std::string encode(const token_record& t) {
  std::string out;
  json_writer{out}
      .begin_object()
      .member("user", t.user.value)
      .member("session", t.session.value)
      .member("client", t.client.value)
      .member("issued_at", millis(t.issued_at))
      .member("expires_at", millis(t.expires_at))
      .end_object();
  return out;
}

std::optional<token_record> decode_token(std::string_view json) {
  object_reader r{json};
  token_record t;
  t.user = user_id{r.text("user")};
  t.session = session_id{r.text("session")};
  t.client = client_id{r.text("client")};
  t.issued_at = from_millis(r.whole("issued_at"));
  t.expires_at = from_millis(r.whole("expires_at"));
  if (r.bad)
    return std::nullopt;
  return t;
}

std::string encode(const idempotency_record& r) {
  std::string out;
  json_writer w{out};
  w.begin_object().member("state", r.finished ? "finished" : "running").member("body", r.body_digest);
  if (r.finished)
    w.member("answer", r.stored);
  else
    w.member("boot", r.boot);
  w.end_object();
  return out;
}

std::optional<idempotency_record> decode_idempotency(std::string_view json) {
  object_reader r{json};
  idempotency_record out;
  const auto state = r.text("state");
  out.finished = state == "finished";
  out.body_digest = r.text("body");
  (out.finished ? out.stored : out.boot) = r.text(out.finished ? "answer" : "boot");
  if (r.bad || (!out.finished && state != "running"))
    return std::nullopt;
  return out;
}

std::string plain_part(std::string_view text) {
  bool plain = !text.empty() && text.size() <= 128;
  for (char c : text)
    plain = plain && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-' || c == '.');
  return plain ? std::string{text} : "sha256." + sha256_hex(text);
}

std::string session_key(const session_id& id) { return "session:" + plain_part(id.value); }
std::string session_of_user_key(const user_id& user, const session_id& id) {
  return "user_session:" + plain_part(user.value) + ":" + plain_part(id.value);
}
std::string session_of_client_key(const user_id& user, const client_id& client) {
  return "session_client:" + plain_part(user.value) + ":" + plain_part(client.value);
}
std::string token_key(std::string_view hash) { return "token:" + std::string{hash}; }
std::string token_of_user_key(const user_id& user, std::string_view hash) {
  return "user_token:" + plain_part(user.value) + ":" + std::string{hash};
}
std::string refresh_key(std::string_view hash) { return "refresh:" + std::string{hash}; }
std::string refresh_of_user_key(const user_id& user, std::string_view hash) {
  return "user_refresh:" + plain_part(user.value) + ":" + std::string{hash};
}
std::string idempotency_key(const user_id& user, std::string_view key) {
  return "idem:" + plain_part(user.value) + ":" + plain_part(key);
}

} // namespace fm::identity
