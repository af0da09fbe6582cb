// One flat list of name and value, length first: nothing to escape, nothing to get wrong.
#include "actors/identity/records.hpp"

#include "protocol/base/sha256.hpp"

#include <charconv>
#include <map>

namespace fm::identity {
namespace {
/// Metadata of a session carries this before its own name, so that it cannot pass for a field of ours.
constexpr std::string_view metadata_mark = "metadata.";

class field_writer {
public:
  field_writer& text(std::string_view name, std::string_view value) {
    for (auto part : {name, value}) {
      out_ += std::to_string(part.size());
      out_ += ':';
      out_ += part;
    }
    return *this;
  }
  field_writer& whole(std::string_view name, std::int64_t value) { return text(name, std::to_string(value)); }
  field_writer& time(std::string_view name, timestamp t) { return whole(name, t.time_since_epoch().count()); }
  std::string take() { return std::move(out_); }

private:
  std::string out_;
};

/// Reads all fields at once; a missing or malformed one marks the whole record bad.
class field_reader {
public:
  explicit field_reader(std::string_view stored) {
    while (!bad && !stored.empty()) {
      const auto name = part(stored);
      const auto value = part(stored);
      fields.emplace(name, value);
    }
  }
  std::string text(std::string_view name) {
    const auto found = fields.find(name);
    if (found != fields.end())
      return std::string{found->second};
    bad = true;
    return {};
  }
  std::int64_t whole(std::string_view name) {
    const auto digits = text(name);
    std::int64_t value = 0;
    const auto end = digits.data() + digits.size();
    if (const auto [at, error] = std::from_chars(digits.data(), end, value);
        error != std::errc{} || at != end)
      bad = true;
    return value;
  }
  timestamp time(std::string_view name) { return timestamp{std::chrono::milliseconds{whole(name)}}; }

  std::map<std::string_view, std::string_view> fields;
  bool bad = false;

private:
  std::string_view part(std::string_view& stored) {
    std::size_t length = 0;
    const auto end = stored.data() + stored.size();
    const auto [at, error] = std::from_chars(stored.data(), end, length);
    if (bad || error != std::errc{} || at == end || *at != ':' ||
        length > static_cast<std::size_t>(end - at) - 1) {
      bad = true;
      return {};
    }
    const std::string_view text{at + 1, length};
    stored.remove_prefix(static_cast<std::size_t>(at - stored.data()) + 1 + length);
    return text;
  }
};
} // namespace

std::string encode(const session& s) {
  field_writer w;
  w.text("id", s.id.value)
      .text("user", s.user.value)
      .text("client", s.client.value)
      .text("type", s.session_type)
      .whole("timeout_minutes", s.timeout.count())
      .time("created_at", s.created_at)
      .time("last_activity_at", s.last_activity_at)
      .time("expires_at", s.expires_at);
  for (auto& [key, value] : s.metadata)
    w.text(std::string{metadata_mark} + key, value);
  return w.take();
}

std::optional<session> decode_session(std::string_view stored) {
  field_reader r{stored};
  session s;
  s.id = session_id{r.text("id")};
  s.user = user_id{r.text("user")};
  s.client = client_id{r.text("client")};
  s.session_type = r.text("type");
  s.timeout = std::chrono::minutes{r.whole("timeout_minutes")};
  s.created_at = r.time("created_at");
  s.last_activity_at = r.time("last_activity_at");
  s.expires_at = r.time("expires_at");
  for (auto [name, value] : r.fields)
    if (name.starts_with(metadata_mark))
      s.metadata.emplace(name.substr(metadata_mark.size()), value);
  if (r.bad)
    return std::nullopt;
  return s;
}

std::string encode(const token_record& t) {
  return field_writer{}
      .text("user", t.user.value)
      .text("session", t.session.value)
      .text("client", t.client.value)
      .time("issued_at", t.issued_at)
      .time("expires_at", t.expires_at)
      .take();
}

std::optional<token_record> decode_token(std::string_view stored) {
  field_reader r{stored};
  token_record t;
  t.user = user_id{r.text("user")};
  t.session = session_id{r.text("session")};
  t.client = client_id{r.text("client")};
  t.issued_at = r.time("issued_at");
  t.expires_at = r.time("expires_at");
  if (r.bad)
    return std::nullopt;
  return t;
}

std::string encode(const idempotency_record& record) {
  field_writer w;
  w.text("state", record.finished ? "finished" : "running").text("body", record.body_digest);
  if (record.finished)
    w.text("answer", record.stored);
  else
    w.text("boot", record.boot);
  return w.take();
}

std::optional<idempotency_record> decode_idempotency(std::string_view stored) {
  field_reader r{stored};
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
