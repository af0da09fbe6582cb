// The rules in full; every refusal names its field.
#include "actors/identity/rules.hpp"

#include "protocol/base/text.hpp"

#include <algorithm>
#include <array>
#include <tuple>

namespace fm::identity {
namespace {
failure refuse(const char* field, std::string detail) {
  auto f = make_failure(errc::invalid, std::move(detail));
  f.with_fact("field", field);
  return f;
}
bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }
bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}
} // namespace

outcome<done_t> check_username(std::string_view username) {
  if (username.size() < 3 || username.size() > 50)
    return refuse("username", "A username has 3 to 50 characters.");
  for (char c : username)
    if (!is_alnum(c) && c != '.' && c != '_' && c != '-')
      return refuse("username", "A username is made of letters, digits, dots, dashes and underscores.");
  if (!is_alnum(username.front()))
    return refuse("username", "A username begins with a letter or a digit.");
  return done;
}

outcome<done_t> check_email(std::string_view email) {
  if (email.empty())
    return done;
  const auto at = email.rfind('@');
  const bool shaped =
      email.size() <= 254 && at != std::string_view::npos && at > 0 && at <= 64 && at + 1 < email.size();
  const auto domain = shaped ? email.substr(at + 1) : std::string_view{};
  const bool clean = is_valid_utf8(email) && !has_control(email) &&
                     email.find_first_of(" ,;<>()[]\"\\") == std::string_view::npos && email.find('@') == at;
  const bool good_domain = !domain.empty() && domain.front() != '.' && domain.back() != '.' &&
                           domain.front() != '-' && domain.find("..") == std::string_view::npos;
  if (!shaped || !clean || !good_domain)
    return refuse("email", "That is not an e-mail address.");
  return done;
}

outcome<done_t> check_display_name(std::string_view name) {
  if (!is_valid_utf8(name) || utf8_length(name) > 100 || has_control(name))
    return refuse("display_name", "A display name has at most 100 characters on one line.");
  return done;
}

outcome<done_t> check_password(std::string_view password, std::string_view username, std::string_view email) {
  constexpr std::array obvious{
      "password", "password1", "password12", "password123", "passw0rd", "12345678", "123456789", "1234567890",
      "qwertyui", "qwerty123", "qwertyuiop", "letmein1",    "iloveyou", "changeme", "admin123",  "welcome1"};
  if (!is_valid_utf8(password) || utf8_length(password) < password_characters_min)
    return refuse("password", "A password has at least 8 characters.");
  if (password.size() > password_bytes_max)
    return refuse("password", "A password has at most 256 bytes.");
  const auto lower = ascii_lower(password);
  const bool one_character = lower.find_first_not_of(lower.front()) == std::string::npos;
  if (one_character || std::find(obvious.begin(), obvious.end(), lower) != obvious.end())
    return refuse("password", "That password is among the first anyone would try.");
  if (lower == ascii_lower(username) || (!email.empty() && lower == ascii_lower(email)))
    return refuse("password", "A password is not the name it protects.");
  return done;
}

outcome<done_t> check_session_request(std::chrono::minutes timeout, std::string_view session_type,
                                      const std::map<std::string, std::string>& metadata) {
  if (timeout < session_timeout_min || timeout > session_timeout_max)
    return refuse("timeout_minutes", "A session lasts 60 to 480 minutes.");
  if (session_type.size() > 50 || !is_valid_utf8(session_type) || has_control(session_type))
    return refuse("session_type", "A session type has at most 50 characters.");
  std::size_t bytes = 0;
  for (auto& [key, value] : metadata) {
    if (!is_valid_utf8(key) || !is_valid_utf8(value))
      return refuse("metadata", "Session metadata is UTF-8 text.");
    bytes += key.size() + value.size();
  }
  if (metadata.size() > 32 || bytes > 8'192)
    return refuse("metadata", "Session metadata has at most 32 entries and 8 KiB.");
  return done;
}

std::string shown_name(const user& person) {
  return person.display_name.empty() ? person.username : person.display_name;
}
principal principal_of(const user& person) { return {person.id, shown_name(person), person.roles}; }

bool is_live(const session& s, timestamp now) { return now < s.expires_at; }

session slid(session s, timestamp now) {
  s.last_activity_at = std::max(s.last_activity_at, now);
  s.expires_at = s.last_activity_at + s.timeout;
  return s;
}

std::vector<session_id> sessions_giving_way(std::vector<session> live, std::size_t most) {
  std::vector<session_id> out;
  if (live.size() < most)
    return out;
  std::sort(live.begin(), live.end(), [](const session& a, const session& b) {
    return std::tie(a.last_activity_at, a.id) < std::tie(b.last_activity_at, b.id);
  });
  for (std::size_t i = 0; live.size() - i >= most && i < live.size(); ++i)
    out.push_back(live[i].id);
  return out;
}

void login_limiter::drop_old(timestamp now) {
  while (!oldest_first_.empty() &&
         (by_name_.size() > names_max_ || now - oldest_first_.front().from >= window_)) {
    by_name_.erase(oldest_first_.front().name);
    oldest_first_.pop_front();
  }
}

std::optional<std::chrono::milliseconds> login_limiter::begin(const std::string& name, timestamp now) {
  drop_old(now);
  auto found = by_name_.find(name);
  if (found == by_name_.end()) {
    oldest_first_.push_back({name, now, 0});
    found = by_name_.emplace(name, std::prev(oldest_first_.end())).first;
    drop_old(now);
    if (by_name_.find(name) == by_name_.end())
      return std::nullopt; // names_max of 0: nothing is counted
  }
  auto& w = *found->second;
  if (w.failures >= failures_max_)
    return w.from + window_ - now;
  ++w.failures;
  return std::nullopt;
}

void login_limiter::succeeded(const std::string& name) {
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    oldest_first_.erase(found->second);
    by_name_.erase(found);
  }
}

void login_limiter::not_judged(const std::string& name) {
  if (const auto found = by_name_.find(name); found != by_name_.end() && found->second->failures > 0)
    --found->second->failures;
}

} // namespace fm::identity
