// People, their sessions and the principal a request acts as. Plain values.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/ids.hpp"
#include "protocol/model/enums.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace fm {

struct user {
  user_id id;
  std::string username; ///< 3–50 of [A-Za-z0-9._-], unique without regard to case
  std::string email;    ///< unique, lower case
  std::string display_name;
  std::string timezone = "UTC";
  std::string locale = "en-US";
  bool verified = false;
  bool active = true;
  std::vector<user_role> roles{user_role::user};
  timestamp created_at{};
  timestamp updated_at{};
  std::optional<timestamp> last_login_at;
  std::optional<timestamp> last_password_change_at;
  std::optional<timestamp> deleted_at;
  bool operator==(const user&) const = default;
};

/// A user with what only the identity actor and the store may see.
struct user_record {
  user person;
  std::string password_hash; ///< argon2id string of libsodium; empty = no password login
  bool operator==(const user_record&) const = default;
};

/// Authentication and device only (decisions.md): cases belong to users and survive every session.
struct session {
  session_id id;
  user_id user;
  client_id client;
  std::string session_type = "troubleshooting";
  std::chrono::minutes timeout{180}; ///< sliding, 60–480
  timestamp created_at{};
  timestamp last_activity_at{};
  timestamp expires_at{};
  std::map<std::string, std::string> metadata;
  bool operator==(const session&) const = default;
};

/// Who a request acts as, once its token was accepted.
struct principal {
  user_id user;
  std::string name;
  std::vector<user_role> roles;
  bool has(user_role r) const {
    for (auto mine : roles)
      if (mine == r)
        return true;
    return false;
  }
  bool operator==(const principal&) const = default;
};

} // namespace fm
