// What a name, an address, a password and a session may be: pure rules, asked by the actor and the command
// line.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/failure.hpp"
#include "protocol/base/reply.hpp"
#include "protocol/model/user.hpp"

#include <chrono>
#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fm::identity {

inline constexpr std::size_t password_characters_min = 8;
inline constexpr std::size_t password_bytes_max = 256;
inline constexpr std::chrono::minutes session_timeout_min{60};
inline constexpr std::chrono::minutes session_timeout_max{480};

/// Each answers done or errc::invalid with facts["field"].
outcome<done_t> check_username(std::string_view username);
outcome<done_t> check_email(std::string_view email); ///< empty is allowed: not everybody has one
outcome<done_t> check_display_name(std::string_view name);
/// Length counts most; the obvious ones and the person's own name are refused.
outcome<done_t> check_password(std::string_view password, std::string_view username, std::string_view email);
outcome<done_t> check_session_request(std::chrono::minutes timeout, std::string_view session_type,
                                      const std::map<std::string, std::string>& metadata);

/// What others see a person called.
std::string shown_name(const user& person);
principal principal_of(const user& person);

bool is_live(const session& s, timestamp now);
/// The session as it is after activity at `now`.
session slid(session s, timestamp now);
/// Which sessions must go so that one more fits under `most`: the longest idle first.
std::vector<session_id> sessions_giving_way(std::vector<session> live, std::size_t most);

/// Counts failed sign-ins per name in a fixed window. An attempt is counted when it begins, so that many at
/// once cannot slip through, and taken back when it succeeded or was never judged. Bounded: the oldest window
/// goes.
class login_limiter {
public:
  login_limiter(std::size_t failures_max, std::chrono::milliseconds window, std::size_t names_max)
      : failures_max_(failures_max), window_(window), names_max_(names_max) {}

  /// Nothing when the attempt may go on; else how long to wait.
  std::optional<std::chrono::milliseconds> begin(const std::string& name, timestamp now);
  void succeeded(const std::string& name);
  void not_judged(const std::string& name);
  std::size_t names() const noexcept { return by_name_.size(); }

private:
  struct window {
    std::string name;
    timestamp from{};
    std::size_t failures = 0;
  };
  void drop_old(timestamp now);

  std::size_t failures_max_;
  std::chrono::milliseconds window_;
  std::size_t names_max_;
  std::list<window> oldest_first_;
  std::unordered_map<std::string, std::list<window>::iterator> by_name_;
};

} // namespace fm::identity
