// Users, sessions, tokens, tickets and idempotency records: who is asking, and was this asked before.
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/messages/subscriber.hpp"
#include "protocol/model/user.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fm {

/// What a sign-in gives.
struct sign_in_result {
  user person;
  session_id session;
  std::string access_token;  ///< opaque; only its SHA-256 is stored
  std::string refresh_token; ///< one use
  std::chrono::seconds expires_in{0};
};
/// A token that was accepted.
struct authenticated {
  principal who;
  std::string token_id; ///< fingerprint of the token: names it in revocations, opens nothing
  session_id session;
};

struct register_user {
  std::string username, email, password, display_name;
  client_id client;
  reply<sign_in_result> answer; ///< invalid, conflict ALREADY_EXISTS, forbidden when registration is off
};
struct login { std::string username, password; client_id client; reply<sign_in_result> answer; };
/// Only when auth.dev_login is on; makes the user when new.
struct dev_login { std::string username; client_id client; reply<sign_in_result> answer; };
struct refresh_login { std::string refresh_token; reply<sign_in_result> answer; };
struct logout { std::string access_token; reply<done_t> answer; };
/// Hot path: answered from memory when the token was seen before and is not revoked or expired.
struct authenticate { std::string access_token; reply<authenticated> answer; };
struct read_user { user_id id; reply<user> answer; };
/// A one-use ticket for a live connection, good for 30 s.
struct issue_ticket { authenticated who; reply<std::string> answer; };
struct redeem_ticket { std::string ticket; reply<authenticated> answer; };

struct open_session {
  user_id user;
  client_id client;
  std::chrono::minutes timeout{180};
  std::string session_type;
  std::map<std::string, std::string> metadata;
  /// Second: whether a live session of the same client was resumed.
  reply<std::pair<session, bool>> answer;
};
struct read_session { user_id user; session_id id; reply<session> answer; };
struct list_sessions { user_id user; reply<std::vector<session>> answer; };
struct touch_session { user_id user; session_id id; reply<session> answer; };
struct close_session { user_id user; session_id id; reply<done_t> answer; };
/// Drops expired sessions of a user; answers how many.
struct cleanup_sessions { user_id user; reply<std::uint64_t> answer; };

/// State of an idempotency key of a user.
struct idempotency_state {
  enum class kind { fresh, running, finished, reused } what = kind::fresh; ///< reused = same key, other body
  std::string stored; ///< what finish_idempotent stored (finished)
};
/// Claims the key when it is fresh.
struct begin_idempotent { user_id user; std::string key; std::string body_digest; reply<idempotency_state> answer; };
/// Stores the answer for 24 h; an empty one releases the key (the request failed and may be tried again).
struct finish_idempotent { user_id user; std::string key; std::string body_digest; std::string stored; reply<done_t> answer; };
struct watch_revocations { revocation_sink_ptr sink; };
/// Closes every token and session of a user and marks it inactive (or active again).
struct set_user_active { user_id id; bool active = true; reply<done_t> answer; };

using identity_actor = caf::typed_actor<
    caf::reacts_to<register_user>, caf::reacts_to<login>, caf::reacts_to<dev_login>, caf::reacts_to<refresh_login>,
    caf::reacts_to<logout>, caf::reacts_to<authenticate>, caf::reacts_to<read_user>, caf::reacts_to<issue_ticket>,
    caf::reacts_to<redeem_ticket>, caf::reacts_to<open_session>, caf::reacts_to<read_session>,
    caf::reacts_to<list_sessions>, caf::reacts_to<touch_session>, caf::reacts_to<close_session>,
    caf::reacts_to<cleanup_sessions>, caf::reacts_to<begin_idempotent>, caf::reacts_to<finish_idempotent>,
    caf::reacts_to<watch_revocations>, caf::reacts_to<set_user_active>>;

} // namespace fm

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::register_user)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::login)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::dev_login)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::refresh_login)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::logout)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::authenticate)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_user)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::issue_ticket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::redeem_ticket)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::open_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::list_sessions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::touch_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::close_session)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::cleanup_sessions)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::begin_idempotent)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::finish_idempotent)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::watch_revocations)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::set_user_active)
