// Order of writes matters more than anything here: what grants access is written last and removed first, so
// that a crash between two writes leaves less behind, never more.
#include "actors/identity/ledger.hpp"

#include "actors/identity/accounts.hpp"
#include "actors/identity/passwords.hpp"
#include "actors/identity/rules.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/sha256.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <tuple>

namespace fm::identity {
namespace {
constexpr std::size_t token_bytes = 32;
constexpr std::size_t keys_at_once = 1'000;

failure not_signed_in() {
  return make_failure(errc::unauthenticated, "The access token is not valid or has expired.");
}
failure bad_refresh() {
  return make_failure(errc::unauthenticated,
                      "The refresh token is not valid, has expired or was used already.");
}
failure no_session() { return make_failure(errc::not_found, "There is no such session."); }
} // namespace

const std::string& process_boot_id() {
  static const auto id = random_hex(*system_random(), 16);
  return id;
}

ledger::ledger(identity_settings settings, identity_deps deps)
    : settings_(std::move(settings)), deps_(std::move(deps)) {
  if (settings_.boot_id.empty())
    settings_.boot_id = process_boot_id();
}

outcome<user> ledger::add_user(const register_user& request) const {
  return add_account(*deps_.users, {request.username, request.email, request.password, request.display_name},
                     settings_.cost, *deps_.clock, *deps_.random);
}

outcome<user> ledger::check_login(const std::string& name, const std::string& password) const {
  const auto wrong = make_failure(errc::unauthenticated, "The username or the password is not right.");
  auto record = deps_.users->find(name);
  if (!record && record.error().code != errc::not_found)
    return record.error();
  // An unknown name costs as much time as a known one.
  const auto& hash =
      record && !record->password_hash.empty() ? record->password_hash : dummy_hash(settings_.cost);
  const bool right = password.size() <= password_bytes_max && verify_password(password, hash);
  if (!right || !record || record->password_hash.empty() || record->person.deleted_at)
    return wrong;
  if (!record->person.active)
    return make_failure(errc::forbidden, "This account has been deactivated.");
  return record->person;
}

outcome<user> ledger::find_or_add_dev_user(const std::string& username) const {
  auto record = deps_.users->find(username);
  if (record) {
    if (!record->person.active || record->person.deleted_at)
      return make_failure(errc::forbidden, "This account has been deactivated.");
    return record->person;
  }
  if (record.error().code != errc::not_found)
    return record.error();
  new_account account;
  account.username = username;
  account.password_needed = false;
  return add_account(*deps_.users, account, settings_.cost, *deps_.clock, *deps_.random);
}

outcome<sign_in_result> ledger::sign_in(const user& person, const client_id& client) const {
  auto entered = enter_session(person.id, client, settings_.session_timeout, {}, {});
  if (!entered)
    return entered.error();
  auto record = deps_.users->get(person.id);
  if (!record)
    return record.error();
  if (!record->person.active || record->person.deleted_at)
    return make_failure(errc::forbidden, "This account has been deactivated.");
  record->person.last_login_at = deps_.clock->now();
  if (auto noted = deps_.users->update(*record); !noted)
    return noted.error();
  return issue_tokens(record->person, client, entered->first.id);
}

outcome<sign_in_result> ledger::issue_tokens(const user& person, const client_id& client,
                                             const session_id& in) const {
  sign_in_result out;
  out.person = person;
  out.session = in;
  out.access_token = random_hex(*deps_.random, token_bytes);
  out.refresh_token = random_hex(*deps_.random, token_bytes);
  out.expires_in = settings_.token_life;
  const auto now = deps_.clock->now();
  const auto access_hash = sha256_hex(out.access_token), refresh_hash = sha256_hex(out.refresh_token);
  const token_record access{person.id, in, client, now, now + settings_.token_life};
  const token_record longer{person.id, in, client, now, now + settings_.refresh_life};
  // Indexes first: a token that exists can always be found by its owner's sign-out.
  auto& store = *deps_.sessions;
  if (auto w = store.set(token_of_user_key(person.id, access_hash), in.value, settings_.token_life); !w)
    return w.error();
  if (auto w = store.set(refresh_of_user_key(person.id, refresh_hash), in.value, settings_.refresh_life); !w)
    return w.error();
  if (auto w = store.set(refresh_key(refresh_hash), encode(longer), settings_.refresh_life); !w)
    return w.error();
  if (auto w = store.set(token_key(access_hash), encode(access), settings_.token_life); !w)
    return w.error();
  return out;
}

outcome<token_record> ledger::read_token(const std::string& hash) const {
  auto stored = deps_.sessions->get(token_key(hash));
  if (!stored)
    return stored.error();
  auto token = *stored ? decode_token(**stored) : std::nullopt;
  if (!token || token->expires_at <= deps_.clock->now())
    return not_signed_in();
  return *token;
}

outcome<user> ledger::usable_user(const token_record& token) const {
  auto record = deps_.users->get(token.user);
  if (!record)
    return record.error().code == errc::not_found ? not_signed_in() : record.error();
  const auto& person = record->person;
  const bool password_changed_since =
      person.last_password_change_at && token.issued_at < *person.last_password_change_at;
  if (!person.active || person.deleted_at || password_changed_since)
    return not_signed_in();
  return person;
}

outcome<checked_token> ledger::check_token(const std::string& hash) const {
  auto token = read_token(hash);
  if (!token)
    return token.error();
  auto person = usable_user(*token);
  if (!person)
    return person.error();
  return checked_token{{principal_of(*person), hash, token->session}, token->expires_at};
}

outcome<user_id> ledger::owner_of_refresh(const std::string& refresh_token) const {
  auto stored = deps_.sessions->get(refresh_key(sha256_hex(refresh_token)));
  if (!stored)
    return stored.error();
  const auto token = *stored ? decode_token(**stored) : std::nullopt;
  if (!token)
    return bad_refresh();
  return token->user;
}

outcome<sign_in_result> ledger::refresh(const std::string& refresh_token) const {
  const auto hash = sha256_hex(refresh_token);
  auto stored = deps_.sessions->get(refresh_key(hash));
  if (!stored)
    return stored.error();
  const auto token = *stored ? decode_token(**stored) : std::nullopt;
  if (!token || token->expires_at <= deps_.clock->now())
    return bad_refresh();
  auto person = usable_user(*token);
  if (!person)
    return person.error().code == errc::unauthenticated ? bad_refresh() : person.error();

  // The session goes on when it lives; a new one otherwise.
  auto session_now = touch_session(token->user, token->session);
  session_id in = token->session;
  if (!session_now) {
    if (session_now.error().code != errc::not_found)
      return session_now.error();
    auto entered = enter_session(token->user, token->client, settings_.session_timeout, {}, {});
    if (!entered)
      return entered.error();
    in = entered->first.id;
  }
  auto made = issue_tokens(*person, token->client, in);
  if (!made)
    return made.error();
  // Whoever removes the old one may keep the new ones: that is what makes it one use, whatever else runs.
  const auto used = deps_.sessions->remove(refresh_key(hash));
  if (used && *used) {
    (void)deps_.sessions->remove(refresh_of_user_key(token->user, hash));
    return made;
  }
  for (auto& key : {token_key(sha256_hex(made->access_token)), refresh_key(sha256_hex(made->refresh_token))})
    (void)deps_.sessions->remove(key);
  if (!used)
    return used.error();
  return bad_refresh();
}

outcome<std::vector<std::string>> ledger::remove_tokens(const user_id& user, const session_id* in) const {
  std::vector<std::string> hashes;
  for (const bool access : {false, true}) {
    const auto prefix = access ? token_of_user_key(user, "") : refresh_of_user_key(user, "");
    auto keys = deps_.sessions->keys(prefix + "*", keys_at_once * 10);
    if (!keys)
      return keys.error();
    for (auto& key : *keys) {
      if (in) {
        auto where = deps_.sessions->get(key);
        if (!where)
          return where.error();
        if (!*where || **where != in->value)
          continue;
      }
      const auto hash = key.substr(prefix.size());
      if (auto removed = deps_.sessions->remove(access ? token_key(hash) : refresh_key(hash)); !removed)
        return removed.error();
      if (auto removed = deps_.sessions->remove(key); !removed)
        return removed.error();
      if (access)
        hashes.push_back(hash);
    }
  }
  return hashes;
}

outcome<std::vector<std::string>> ledger::sign_out(const token_record& token, const std::string& hash) const {
  if (auto removed = deps_.sessions->remove(token_key(hash)); !removed)
    return removed.error();
  auto hashes = remove_tokens(token.user, &token.session);
  if (!hashes)
    return hashes.error();
  if (std::find(hashes->begin(), hashes->end(), hash) == hashes->end())
    hashes->push_back(hash);
  if (auto closed = close_session(token.user, token.session);
      !closed && closed.error().code != errc::not_found)
    return closed.error();
  return hashes;
}

outcome<user> ledger::read_user(const user_id& id) const {
  auto record = deps_.users->get(id);
  if (!record)
    return record.error();
  if (record->person.deleted_at)
    return make_failure(errc::not_found, "There is no such user.");
  return record->person;
}

outcome<std::vector<std::string>> ledger::set_active(const user_id& id, bool active) const {
  auto record = deps_.users->get(id);
  if (!record)
    return record.error();
  record->person.active = active;
  record->person.updated_at = deps_.clock->now();
  if (auto stored = deps_.users->update(*record); !stored)
    return stored.error();
  if (active)
    return std::vector<std::string>{};
  auto hashes = remove_tokens(id, nullptr);
  if (!hashes)
    return hashes.error();
  auto live = live_sessions(id, deps_.clock->now(), nullptr);
  if (!live)
    return live.error();
  for (auto& s : *live)
    if (auto erased = erase_session(s); !erased)
      return erased.error();
  return hashes;
}

outcome<done_t> ledger::write_session(const session& s, timestamp now) const {
  const auto life = std::chrono::duration_cast<std::chrono::milliseconds>(s.expires_at - now);
  auto& store = *deps_.sessions;
  if (auto written = store.set(session_of_user_key(s.user, s.id), "", life); !written)
    return written;
  if (auto written = store.set(session_key(s.id), encode(s), life); !written)
    return written;
  if (s.client.empty())
    return done;
  return store.set(session_of_client_key(s.user, s.client), s.id.value, life);
}

outcome<done_t> ledger::erase_session(const session& s) const {
  auto& store = *deps_.sessions;
  if (auto removed = store.remove(session_key(s.id)); !removed)
    return removed.error();
  if (auto removed = store.remove(session_of_user_key(s.user, s.id)); !removed)
    return removed.error();
  if (!s.client.empty()) {
    const auto key = session_of_client_key(s.user, s.client);
    auto current = store.get(key);
    if (!current)
      return current.error();
    if (*current && **current == s.id.value)
      if (auto removed = store.remove(key); !removed)
        return removed.error();
  }
  return done;
}

outcome<std::vector<session>> ledger::live_sessions(const user_id& user, timestamp now,
                                                    std::uint64_t* dropped) const {
  const auto prefix = session_of_user_key(user, session_id{"x"});
  const auto stem = prefix.substr(0, prefix.size() - 1);
  auto keys = deps_.sessions->keys(stem + "*", keys_at_once);
  if (!keys)
    return keys.error();
  std::vector<session> live;
  for (auto& key : *keys) {
    auto stored = deps_.sessions->get(session_key(session_id{key.substr(stem.size())}));
    if (!stored)
      return stored.error();
    auto s = *stored ? decode_session(**stored) : std::nullopt;
    if (s && s->user == user && is_live(*s, now)) {
      live.push_back(std::move(*s));
      continue;
    }
    if (auto removed = deps_.sessions->remove(key); !removed)
      return removed.error();
    if (s && s->user == user)
      if (auto erased = erase_session(*s); !erased)
        return erased.error();
    if (dropped)
      ++*dropped;
  }
  std::sort(live.begin(), live.end(), [](const session& a, const session& b) {
    return std::tie(b.last_activity_at, a.id) < std::tie(a.last_activity_at, b.id);
  });
  return live;
}

outcome<std::pair<session, bool>>
ledger::enter_session(const user_id& user, const client_id& client, std::chrono::minutes timeout,
                      const std::string& type, const std::map<std::string, std::string>& metadata) const {
  const auto now = deps_.clock->now();
  if (!client.empty()) {
    auto known = deps_.sessions->get(session_of_client_key(user, client));
    if (!known)
      return known.error();
    if (*known) {
      auto current = read_session(user, session_id{**known});
      if (!current && current.error().code != errc::not_found)
        return current.error();
      if (current) {
        current->timeout = timeout;
        if (!type.empty())
          current->session_type = type;
        auto merged = metadata;
        merged.merge(current->metadata);
        if (check_session_request(timeout, current->session_type, merged))
          current->metadata = std::move(merged);
        auto s = slid(*current, now);
        if (auto written = write_session(s, now); !written)
          return written.error();
        return std::pair{std::move(s), true};
      }
    }
  }
  auto live = live_sessions(user, now, nullptr);
  if (!live)
    return live.error();
  for (auto& id : sessions_giving_way(*live, std::max<std::size_t>(1, settings_.sessions_per_user)))
    for (auto& s : *live)
      if (s.id == id)
        if (auto erased = erase_session(s); !erased)
          return erased.error();
  session s;
  s.id = session_id{random_uuid(*deps_.random)};
  s.user = user;
  s.client = client;
  if (!type.empty())
    s.session_type = type;
  s.timeout = timeout;
  s.created_at = s.last_activity_at = now;
  s.metadata = metadata;
  s = slid(std::move(s), now);
  if (auto written = write_session(s, now); !written)
    return written.error();
  return std::pair{std::move(s), false};
}

outcome<std::pair<session, bool>> ledger::open_session(const fm::open_session& request) const {
  if (auto checked = check_session_request(request.timeout, request.session_type, request.metadata); !checked)
    return checked.error();
  return enter_session(request.user, request.client, request.timeout, request.session_type, request.metadata);
}

outcome<session> ledger::read_session(const user_id& user, const session_id& id) const {
  auto stored = deps_.sessions->get(session_key(id));
  if (!stored)
    return stored.error();
  auto s = *stored ? decode_session(**stored) : std::nullopt;
  if (!s || s->user != user || !is_live(*s, deps_.clock->now()))
    return no_session();
  return std::move(*s);
}

outcome<std::vector<session>> ledger::list_sessions(const user_id& user) const {
  return live_sessions(user, deps_.clock->now(), nullptr);
}

outcome<session> ledger::touch_session(const user_id& user, const session_id& id) const {
  auto current = read_session(user, id);
  if (!current)
    return current;
  const auto now = deps_.clock->now();
  auto s = slid(std::move(*current), now);
  if (auto written = write_session(s, now); !written)
    return written.error();
  return s;
}

outcome<done_t> ledger::close_session(const user_id& user, const session_id& id) const {
  auto current = read_session(user, id);
  if (!current)
    return current.error();
  return erase_session(*current);
}

outcome<std::uint64_t> ledger::cleanup_sessions(const user_id& user) const {
  std::uint64_t dropped = 0;
  auto live = live_sessions(user, deps_.clock->now(), &dropped);
  if (!live)
    return live.error();
  return dropped;
}

outcome<idempotency_state> ledger::begin_idempotent(const user_id& user, const std::string& key,
                                                    const std::string& body_digest) const {
  using kind = idempotency_state::kind;
  const auto name = idempotency_key(user, key);
  const auto marker = encode(idempotency_record{false, settings_.boot_id, body_digest, {}});
  // The record may expire between the two calls: then the key is tried again, once is enough.
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto claimed = deps_.sessions->set_if_absent(name, marker, settings_.idempotency_running_life);
    if (!claimed)
      return claimed.error();
    if (*claimed)
      return idempotency_state{kind::fresh, {}};
    auto stored = deps_.sessions->get(name);
    if (!stored)
      return stored.error();
    if (!*stored)
      continue;
    auto record = decode_idempotency(**stored);
    const bool left_behind = !record || (!record->finished && record->boot != settings_.boot_id);
    if (left_behind) {
      if (auto taken = deps_.sessions->set(name, marker, settings_.idempotency_running_life); !taken)
        return taken.error();
      return idempotency_state{kind::fresh, {}};
    }
    if (record->body_digest != body_digest)
      return idempotency_state{kind::reused, {}};
    if (!record->finished)
      return idempotency_state{kind::running, {}};
    return idempotency_state{kind::finished, std::move(record->stored)};
  }
  return make_unavailable("The idempotency key could not be claimed; please try again.");
}

outcome<done_t> ledger::finish_idempotent(const user_id& user, const std::string& key,
                                          const std::string& body_digest, const std::string& stored) const {
  const auto name = idempotency_key(user, key);
  if (stored.empty()) {
    if (auto removed = deps_.sessions->remove(name); !removed)
      return removed.error();
    return done;
  }
  auto written = deps_.sessions->set(name, encode(idempotency_record{true, {}, body_digest, stored}),
                                     settings_.idempotency_life);
  if (!written && written.error().code == errc::too_large)
    (void)deps_.sessions->remove(name); // an answer too long to keep must not block the key as "running"
  return written;
}

void ledger::sweep() const {
  if (auto swept = deps_.sessions->sweep(); !swept)
    log::warn("identity", "expired sessions could not be swept: " + swept.error().detail);
}

} // namespace fm::identity
