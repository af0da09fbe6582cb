// A fake identity actor, stricter than the real one: it knows the tokens it was told, keeps idempotency
// records as the contract says, and refuses everything else with a failure that no test expects.
#pragma once

#include "protocol/messages/identity_actor.hpp"

#include <caf/actor_system.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace fm::testing_support {

/// What tests look at from outside.
struct identity_record {
  std::mutex mutex;
  std::map<std::string, principal> tokens;
  struct claim {
    std::string body_digest;
    std::optional<std::string> stored; ///< nothing = running
  };
  std::map<std::pair<std::string, std::string>, claim> keys;
  std::atomic<int> authentications{0};
};
using identity_record_ptr = std::shared_ptr<identity_record>;

struct fake_identity_state {
  identity_record_ptr record;
  static inline const char* name = "fake identity";
};

inline identity_actor::behavior_type fake_identity(identity_actor::stateful_pointer<fake_identity_state> self,
                                                   identity_record_ptr record) {
  self->state.record = std::move(record);
  const auto unexpected = [](auto& m) {
    m.answer(make_failure(errc::internal, "The fake identity was not told about this."));
  };
  return {
      [=](register_user& m) { unexpected(m); },
      [=](login& m) { unexpected(m); },
      [=](dev_login& m) { unexpected(m); },
      [=](refresh_login& m) { unexpected(m); },
      [=](logout& m) { unexpected(m); },
      [=](authenticate& m) {
        auto& r = *self->state.record;
        ++r.authentications;
        std::lock_guard lock{r.mutex};
        const auto found = r.tokens.find(m.access_token);
        if (found == r.tokens.end())
          return m.answer(make_failure(errc::unauthenticated, "This token is not valid."));
        m.answer(authenticated{found->second, "fingerprint", session_id{"session-1"}});
      },
      [=](read_user& m) { unexpected(m); },
      [=](issue_ticket& m) { unexpected(m); },
      [=](redeem_ticket& m) { unexpected(m); },
      [=](open_session& m) { unexpected(m); },
      [=](read_session& m) { unexpected(m); },
      [=](list_sessions& m) { unexpected(m); },
      [=](touch_session& m) { unexpected(m); },
      [=](close_session& m) { unexpected(m); },
      [=](cleanup_sessions& m) { unexpected(m); },
      [=](begin_idempotent& m) {
        auto& r = *self->state.record;
        std::lock_guard lock{r.mutex};
        using kind = idempotency_state::kind;
        const auto [at, fresh] =
            r.keys.try_emplace({m.user.value, m.key}, identity_record::claim{m.body_digest, {}});
        if (fresh)
          return m.answer(idempotency_state{kind::fresh, {}});
        if (at->second.body_digest != m.body_digest)
          return m.answer(idempotency_state{kind::reused, {}});
        if (!at->second.stored)
          return m.answer(idempotency_state{kind::running, {}});
        m.answer(idempotency_state{kind::finished, *at->second.stored});
      },
      [=](finish_idempotent& m) {
        auto& r = *self->state.record;
        std::lock_guard lock{r.mutex};
        const auto found = r.keys.find({m.user.value, m.key});
        if (found == r.keys.end() || found->second.stored || found->second.body_digest != m.body_digest)
          return m.answer(make_failure(errc::internal, "A key was finished that nobody had claimed."));
        if (m.stored.empty())
          r.keys.erase(found);
        else
          found->second.stored = m.stored;
        m.answer(done);
      },
      [=](watch_revocations&) {},
      [=](set_user_active& m) { unexpected(m); },
  };
}

} // namespace fm::testing_support
