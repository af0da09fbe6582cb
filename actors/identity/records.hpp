// The stored form of sessions, tokens and idempotency markers: small JSON objects in the session store.
// Readers ignore what they do not know and answer nothing for what they cannot read.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/model/user.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace fm::identity {

/// What is kept of an access or a refresh token; the token itself is not.
struct token_record {
  user_id user;
  session_id session;
  client_id client;
  timestamp issued_at{};
  timestamp expires_at{};
  bool operator==(const token_record&) const = default;
};
/// A claimed key: running (by which start of the program) or finished (with the stored answer).
struct idempotency_record {
  bool finished = false;
  std::string boot;
  std::string body_digest;
  std::string stored;
  bool operator==(const idempotency_record&) const = default;
};

std::string encode(const session& s);
std::optional<session> decode_session(std::string_view stored);
std::string encode(const token_record& t);
std::optional<token_record> decode_token(std::string_view stored);
std::string encode(const idempotency_record& r);
std::optional<idempotency_record> decode_idempotency(std::string_view stored);

/// Keys in the session store. Parts that a client chose are hashed unless they are short and plain.
std::string session_key(const session_id& id);
std::string session_of_user_key(const user_id& user, const session_id& id);
std::string session_of_client_key(const user_id& user, const client_id& client);
std::string token_key(std::string_view hash);
std::string token_of_user_key(const user_id& user, std::string_view hash);
std::string refresh_key(std::string_view hash);
std::string refresh_of_user_key(const user_id& user, std::string_view hash);
std::string idempotency_key(const user_id& user, std::string_view key);
std::string plain_part(std::string_view text);

} // namespace fm::identity
