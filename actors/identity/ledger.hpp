// The blocking half of identity: what is read and written in the stores for each request. Runs on the
// executor, holds no state of its own, and is told the time once per call. The actor sees to it that two
// calls about the same user, name or key never run at once.
#pragma once

#include "actors/identity/identity.hpp"
#include "actors/identity/records.hpp"

#include <string>
#include <utility>
#include <vector>

namespace fm::identity {

/// A token that was found good in the stores.
struct checked_token {
  authenticated who;
  timestamp expires{};
};

class ledger {
public:
  ledger(identity_settings settings, identity_deps deps);

  outcome<user> add_user(const register_user& request) const;
  /// unauthenticated with one and the same sentence, whether the name or the password is wrong.
  outcome<user> check_login(const std::string& name, const std::string& password) const;
  /// Finds the user or makes it, without a password.
  outcome<user> find_or_add_dev_user(const std::string& username) const;
  /// Opens or resumes the session of the client, makes both tokens, notes the sign-in.
  outcome<sign_in_result> sign_in(const user& person, const client_id& client) const;
  /// Whose refresh token this is; nothing is used up yet.
  outcome<user_id> owner_of_refresh(const std::string& refresh_token) const;
  /// Uses the refresh token up and makes new ones. A fault of the store leaves it usable.
  outcome<sign_in_result> refresh(const std::string& refresh_token) const;
  outcome<checked_token> check_token(const std::string& hash) const;
  /// Whose token this is.
  outcome<token_record> read_token(const std::string& hash) const;
  /// Ends the session with all its tokens; answers their fingerprints.
  outcome<std::vector<std::string>> sign_out(const token_record& token, const std::string& hash) const;
  outcome<user> read_user(const user_id& id) const;
  /// Deactivation also ends every session and token; answers the fingerprints.
  outcome<std::vector<std::string>> set_active(const user_id& id, bool active) const;

  outcome<std::pair<session, bool>> open_session(const fm::open_session& request) const;
  outcome<session> read_session(const user_id& user, const session_id& id) const;
  outcome<std::vector<session>> list_sessions(const user_id& user) const;
  outcome<session> touch_session(const user_id& user, const session_id& id) const;
  outcome<done_t> close_session(const user_id& user, const session_id& id) const;
  outcome<std::uint64_t> cleanup_sessions(const user_id& user) const;

  outcome<idempotency_state> begin_idempotent(const user_id& user, const std::string& key,
                                              const std::string& body_digest) const;
  outcome<done_t> finish_idempotent(const user_id& user, const std::string& key,
                                    const std::string& body_digest, const std::string& stored) const;
  void sweep() const;

private:
  outcome<done_t> write_session(const session& s, timestamp now) const;
  outcome<done_t> erase_session(const session& s) const;
  /// Live sessions; index entries without one are dropped on the way and counted.
  outcome<std::vector<session>> live_sessions(const user_id& user, timestamp now,
                                              std::uint64_t* dropped) const;
  outcome<std::pair<session, bool>> enter_session(const user_id& user, const client_id& client,
                                                  std::chrono::minutes timeout, const std::string& type,
                                                  const std::map<std::string, std::string>& metadata) const;
  outcome<sign_in_result> issue_tokens(const user& person, const client_id& client,
                                       const session_id& in) const;
  /// Removes the tokens under the user's two indexes whose value is `in`, or all of them.
  outcome<std::vector<std::string>> remove_tokens(const user_id& user, const session_id* in) const;
  outcome<user> usable_user(const token_record& token) const;

  identity_settings settings_;
  identity_deps deps_;
};

/// The program's own name for this run.
const std::string& process_boot_id();

} // namespace fm::identity
