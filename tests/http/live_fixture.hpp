// For tests of the live side: an identity that knows tickets and revocations, a model under the test's thumb, and
// a check that everything said is documented.
#pragma once

#include "http/live/encode.hpp"
#include "http/live/live.hpp"
#include "protocol/messages/identity_actor.hpp"
#include "tests/support/json.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace fm::testing_support {

/// Tokens are user ids: "ada" signs in as user "ada" with token id "fingerprint of ada".
struct live_identity_record {
  std::mutex mutex;
  std::set<std::string> tokens;
  std::map<std::string, authenticated> tickets;
  std::vector<revocation_sink_ptr> sinks;

  static authenticated who(const std::string& token) {
    return {principal{user_id{token}, "Name of " + token, {user_role::user}}, "fingerprint of " + token, session_id{"session of " + token}};
  }
  void revoke(const std::string& token) {
    std::vector<revocation_sink_ptr> told;
    {
      std::lock_guard lock{mutex};
      tokens.erase(token);
      told = sinks;
    }
    for (auto& s : told)
      s->on_token_revoked("fingerprint of " + token);
  }
  void deactivate(const std::string& user) {
    std::vector<revocation_sink_ptr> told;
    {
      std::lock_guard lock{mutex};
      tokens.erase(user);
      told = sinks;
    }
    for (auto& s : told)
      s->on_user_deactivated(user_id{user});
  }
};
using live_identity_ptr = std::shared_ptr<live_identity_record>;

struct live_identity_state {
  live_identity_ptr record;
  static inline const char* name = "live identity";
};

inline identity_actor::behavior_type live_identity(identity_actor::stateful_pointer<live_identity_state> self, live_identity_ptr record) {
  self->state.record = std::move(record);
  const auto unexpected = [](auto& m) { m.answer(make_failure(errc::internal, "No live test needs this.")); };
  return {
      [=](register_user& m) { unexpected(m); },
      [=](login& m) { unexpected(m); },
      [=](dev_login& m) { unexpected(m); },
      [=](refresh_login& m) { unexpected(m); },
      [=](logout& m) { unexpected(m); },
      [=](authenticate& m) {
        auto& r = *self->state.record;
        std::lock_guard lock{r.mutex};
        if (!r.tokens.contains(m.access_token))
          return m.answer(make_failure(errc::unauthenticated, "This token is not valid."));
        m.answer(live_identity_record::who(m.access_token));
      },
      [=](read_user& m) { unexpected(m); },
      [=](issue_ticket& m) {
        auto& r = *self->state.record;
        std::lock_guard lock{r.mutex};
        const auto ticket = "ticket-" + std::to_string(r.tickets.size() + 1);
        r.tickets.emplace(ticket, m.who);
        m.answer(ticket);
      },
      [=](redeem_ticket& m) {
        auto& r = *self->state.record;
        std::lock_guard lock{r.mutex};
        auto found = r.tickets.extract(m.ticket);
        if (!found)
          return m.answer(make_failure(errc::unauthenticated, "This ticket is not valid."));
        m.answer(found.mapped());
      },
      [=](open_session& m) { unexpected(m); },
      [=](read_session& m) { unexpected(m); },
      [=](list_sessions& m) { unexpected(m); },
      [=](touch_session& m) { unexpected(m); },
      [=](close_session& m) { unexpected(m); },
      [=](cleanup_sessions& m) { unexpected(m); },
      [=](begin_idempotent& m) { m.answer(idempotency_state{}); },
      [=](finish_idempotent& m) { m.answer(done); },
      [=](watch_revocations& m) {
        auto& r = *self->state.record;
        std::lock_guard lock{r.mutex};
        r.sinks.push_back(m.sink);
      },
      [=](set_user_active& m) { unexpected(m); },
  };
}

/// What is wrong with a live object by the table it is documented with; empty = nothing. `answers` = the documented
/// members of the "ok" it is.
inline std::string undocumented(const json& said, const std::vector<http::live_field>* answers = nullptr) {
  const auto& type = said["type"].text();
  for (auto& row : http::live_objects()) {
    if (row.type != type)
      continue;
    const auto fits = [&](const http::live_field& f) {
      const auto& v = said[f.name];
      using enum http::field_type;
      switch (f.type) {
      case text: return v.is_string();
      case integer: return v.is_number();
      case object: return v.is_object();
      case list:
      case texts: return v.is_array();
      case boolean: return std::holds_alternative<bool>(v.value_);
      case any: return true;
      }
      return false;
    };
    std::set<std::string, std::less<>> known{"type"};
    const auto check = [&](const std::vector<http::live_field>& fields, bool all) -> std::string {
      for (auto& f : fields) {
        known.emplace(f.name);
        if (!said.has(f.name)) {
          if (all || f.required)
            return type + " lacks '" + std::string{f.name} + "'";
        } else if (!fits(f)) {
          return type + " has a '" + std::string{f.name} + "' of another type";
        }
      }
      return {};
    };
    if (auto wrong = check(row.fields, false); !wrong.empty())
      return wrong;
    if (answers)
      if (auto wrong = check(*answers, true); !wrong.empty())
        return wrong;
    if (type != "ok" || answers)
      for (auto& [name, value] : said.members())
        if (!known.contains(name))
          return type + " has an undocumented '" + name + "'";
    return {};
  }
  return "'" + type + "' is not documented";
}

} // namespace fm::testing_support
