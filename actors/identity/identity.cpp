// The shell. Every request that needs the stores becomes a job in a lane: jobs of one lane (a user, a name, a
// key) run one after another, jobs of different lanes side by side, all on the executor and all bounded. A
// job's continuation comes back as a message and is the only thing that touches the actor's state or answers.
#include "actors/identity/identity.hpp"

#include "actors/identity/ledger.hpp"
#include "actors/identity/rules.hpp"
#include "actors/identity/tickets.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/sha256.hpp"
#include "protocol/base/text.hpp"

#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

namespace fm::identity {
struct state;
using continuation = std::function<void(state&)>;
/// The end of a job, back in the actor.
struct work_finished {
  std::string lane;
  continuation then;
};
} // namespace fm::identity
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::identity::work_finished)

namespace fm::identity {
using impl_actor = identity_actor::extend<caf::reacts_to<work_finished>>;

struct job {
  std::function<continuation()> work;          ///< on the executor
  std::function<void(state&, failure)> refuse; ///< in the actor, when the executor is full
};

struct state {
  identity_settings settings;
  identity_deps deps;
  std::shared_ptr<const ledger> books;
  impl_actor::stateful_pointer<state> self = nullptr;

  std::unordered_map<std::string, std::deque<job>> lanes; ///< front = running
  std::size_t requests = 0;

  std::optional<token_cache> tokens;
  std::optional<ticket_table> tickets;
  std::optional<login_limiter> limiter;
  recent_names revoked{10'000};     ///< token fingerprints
  recent_names deactivated{10'000}; ///< users
  /// Tokens being looked up, and who waits for each.
  std::unordered_map<std::string, std::vector<reply<authenticated>>> looking_up;
  std::vector<revocation_sink_ptr> sinks;
  timestamp swept_at{};
  static inline const char* name = "identity";
};
using pointer = impl_actor::stateful_pointer<state>;

namespace {
constexpr std::size_t sinks_max = 64;
constexpr std::size_t token_text_max = 512;
constexpr std::chrono::minutes sweep_every{5};

failure busy() {
  auto f = make_failure(errc::overloaded,
                        "Too many sign-ins and sessions are waiting; please try again in a moment.");
  f.retry_after = std::chrono::seconds{1};
  return f;
}
failure broken(const char* what) {
  log::error("identity", std::string{"a request failed: "} + what);
  return make_failure(errc::internal, "Something went wrong on our side; please try again.");
}
failure bad_token() {
  return make_failure(errc::unauthenticated, "The access token is not valid or has expired.");
}

/// Runs the front of the lane; jobs the executor has no room for are refused and the next one is tried.
void run_front(state& st, const std::string& lane) {
  for (;;) {
    const auto found = st.lanes.find(lane);
    if (found == st.lanes.end())
      return;
    if (found->second.empty()) {
      st.lanes.erase(found);
      return;
    }
    const bool taken = st.deps.work->submit(
        [me = caf::actor_cast<impl_actor>(st.self), lane, work = found->second.front().work] {
          continuation then;
          try {
            then = work();
          } catch (...) {
            then = [](state&) {}; // work() catches what the ledger may throw; only memory can run out here
          }
          caf::anon_send(me, work_finished{lane, std::move(then)});
        });
    if (taken)
      return;
    // The refused job stays in front until it was told, so that whatever that leads to queues up behind it.
    const auto refuse = found->second.front().refuse;
    --st.requests;
    refuse(st, busy());
    st.lanes.find(lane)->second.pop_front();
  }
}

/// `work` runs on the executor and gives an outcome<T>; `then` takes it in the actor.
template <class T, class Work, class Then>
void run(state& st, const std::string& lane, Work work, Then then) {
  auto next = std::make_shared<Then>(std::move(then));
  if (st.requests >= st.settings.requests_max) {
    (*next)(st, outcome<T>{busy()});
    return;
  }
  job j;
  j.work = [work = std::move(work), next]() -> continuation {
    std::shared_ptr<outcome<T>> result;
    try {
      result = std::make_shared<outcome<T>>(work());
    } catch (const std::exception& e) {
      result = std::make_shared<outcome<T>>(broken(e.what()));
    }
    return [next, result](state& at_home) { (*next)(at_home, std::move(*result)); };
  };
  j.refuse = [next](state& at_home, failure f) { (*next)(at_home, outcome<T>{std::move(f)}); };
  ++st.requests;
  auto& queue = st.lanes[lane];
  queue.push_back(std::move(j));
  if (queue.size() == 1)
    run_front(st, lane);
}

/// The common case: what the ledger says is the answer.
template <class T, class Work>
void answer_with(state& st, const std::string& lane, reply<T> answer, Work work) {
  run<T>(st, lane, std::move(work), [answer](state&, outcome<T> result) { answer(std::move(result)); });
}

std::string lane_of(const user_id& id) { return "user:" + id.value; }
std::string lane_of_name(const std::string& name) { return "name:" + ascii_lower(name); }

void sweep_sometimes(state& st) {
  const auto now = st.deps.clock->now();
  if (now - st.swept_at < sweep_every)
    return;
  st.swept_at = now;
  run<done_t>(
      st, "sweep",
      [books = st.books]() -> outcome<done_t> {
        books->sweep();
        return done;
      },
      [](state&, outcome<done_t>) {});
}

void forget_token(state& st, const std::string& hash) {
  st.revoked.add(hash);
  st.tokens->drop(hash);
  st.tickets->drop_if([&](const authenticated& who) { return who.token_id == hash; });
  for (auto& sink : st.sinks)
    sink->on_token_revoked(hash);
}

void sign_in(state& st, user person, client_id client, reply<sign_in_result> answer) {
  sweep_sometimes(st);
  const auto lane = lane_of(person.id);
  answer_with(st, lane, std::move(answer),
              [books = st.books, person = std::move(person), client = std::move(client)] {
                return books->sign_in(person, client);
              });
}

void on_register(state& st, const register_user& m) {
  if (!st.settings.registration)
    return m.answer(make_failure(
        errc::forbidden, "Registration is closed on this server; ask its administrator for an account."));
  auto request = m;
  request.answer = {};
  run<user>(
      st, lane_of_name(m.username), [books = st.books, request] { return books->add_user(request); },
      [answer = m.answer, client = m.client](state& s, outcome<user> made) {
        if (!made)
          return answer(made.error());
        sign_in(s, std::move(*made), client, answer);
      });
}

void on_login(state& st, const login& m) {
  const auto name = ascii_lower(trimmed(m.username));
  if (name.empty() || name.size() > 254)
    return m.answer(make_failure(errc::unauthenticated, "The username or the password is not right."));
  if (const auto wait = st.limiter->begin(name, st.deps.clock->now())) {
    auto f = make_failure(errc::rate_limited,
                          "Too many failed sign-ins with this name; please wait before the next.");
    f.retry_after = *wait;
    return m.answer(std::move(f));
  }
  run<user>(
      st, lane_of_name(name),
      [books = st.books, name, password = m.password] { return books->check_login(name, password); },
      [answer = m.answer, client = m.client, name](state& s, outcome<user> checked) {
        if (checked) {
          s.limiter->succeeded(name);
          return sign_in(s, std::move(*checked), client, answer);
        }
        if (checked.error().code != errc::unauthenticated)
          s.limiter->not_judged(name);
        answer(checked.error());
      });
}

void on_dev_login(state& st, const dev_login& m) {
  if (!st.settings.dev_login)
    return m.answer(
        make_failure(errc::forbidden, "Sign-in without a password is off on this server (auth.dev_login)."));
  run<user>(
      st, lane_of_name(m.username),
      [books = st.books, name = std::string{trimmed(m.username)}] {
        return books->find_or_add_dev_user(name);
      },
      [answer = m.answer, client = m.client](state& s, outcome<user> found) {
        if (!found)
          return answer(found.error());
        sign_in(s, std::move(*found), client, answer);
      });
}

void on_refresh(state& st, const refresh_login& m) {
  if (m.refresh_token.empty() || m.refresh_token.size() > token_text_max)
    return m.answer(make_failure(errc::unauthenticated,
                                 "The refresh token is not valid, has expired or was used already."));
  run<user_id>(
      st, "refresh:" + sha256_hex(m.refresh_token),
      [books = st.books, token = m.refresh_token] { return books->owner_of_refresh(token); },
      [answer = m.answer, token = m.refresh_token](state& s, outcome<user_id> owner) {
        if (!owner)
          return answer(owner.error());
        answer_with(s, lane_of(*owner), answer, [books = s.books, token] { return books->refresh(token); });
      });
}

void on_logout(state& st, const logout& m) {
  const auto hash = sha256_hex(m.access_token);
  run<token_record>(
      st, "token:" + hash, [books = st.books, hash] { return books->read_token(hash); },
      [answer = m.answer, hash](state& s, outcome<token_record> token) {
        if (!token) {
          if (token.error().code == errc::unauthenticated)
            s.tokens->drop(hash);
          return answer(token.error());
        }
        run<std::vector<std::string>>(
            s, lane_of(token->user),
            [books = s.books, token = *token, hash] { return books->sign_out(token, hash); },
            [answer](state& home, outcome<std::vector<std::string>> gone) {
              if (!gone)
                return answer(gone.error());
              for (auto& each : *gone)
                forget_token(home, each);
              answer(done);
            });
      });
}

/// Activity slides the session; best effort, in the background.
void slide_session(state& st, token_cache::entry& entry) {
  const auto now = st.deps.clock->now();
  if (entry.who.session.empty() || now - entry.session_touched < st.settings.session_touch_every)
    return;
  entry.session_touched = now;
  run<session>(
      st, lane_of(entry.who.who.user),
      [books = st.books, user = entry.who.who.user, id = entry.who.session] {
        return books->touch_session(user, id);
      },
      [](state&, outcome<session>) {});
}

void token_looked_up(state& st, const std::string& hash, outcome<checked_token> found) {
  auto waiting = std::move(st.looking_up[hash]);
  st.looking_up.erase(hash);
  // What was revoked while the stores were being read must not come back.
  if (found && (st.revoked.contains(hash) || st.deactivated.contains(found->who.who.user.value)))
    found = bad_token();
  if (found) {
    const auto now = st.deps.clock->now();
    st.tokens->put(hash, {found->who, found->expires, now, {}});
    if (auto* entry = st.tokens->find(hash, now))
      slide_session(st, *entry);
  }
  for (auto& answer : waiting) {
    if (found)
      answer(found->who);
    else
      answer(found.error());
  }
}

void on_authenticate(state& st, const authenticate& m) {
  if (m.access_token.empty() || m.access_token.size() > token_text_max)
    return m.answer(bad_token());
  const auto hash = sha256_hex(m.access_token);
  if (auto* known = st.tokens->find(hash, st.deps.clock->now())) {
    m.answer(known->who);
    return slide_session(st, *known);
  }
  if (st.revoked.contains(hash))
    return m.answer(bad_token());
  auto& waiting = st.looking_up[hash];
  if (waiting.size() >= st.settings.requests_max)
    return m.answer(busy());
  waiting.push_back(m.answer);
  if (waiting.size() > 1)
    return;
  run<checked_token>(
      st, "token:" + hash, [books = st.books, hash] { return books->check_token(hash); },
      [hash](state& s, outcome<checked_token> found) { token_looked_up(s, hash, std::move(found)); });
}

void on_issue_ticket(state& st, const issue_ticket& m) {
  if (st.revoked.contains(m.who.token_id) || st.deactivated.contains(m.who.who.user.value))
    return m.answer(bad_token());
  auto text = random_hex(*st.deps.random, 32);
  if (!st.tickets->add(sha256_hex(text), m.who, st.deps.clock->now()))
    return m.answer(busy());
  m.answer(std::move(text));
}

void on_redeem_ticket(state& st, const redeem_ticket& m) {
  if (auto who = st.tickets->take(sha256_hex(m.ticket), st.deps.clock->now()))
    return m.answer(std::move(*who));
  m.answer(make_failure(errc::unauthenticated, "The ticket is not valid, has expired or was used already."));
}

void on_set_active(state& st, const set_user_active& m) {
  run<std::vector<std::string>>(
      st, lane_of(m.id),
      [books = st.books, id = m.id, active = m.active] { return books->set_active(id, active); },
      [answer = m.answer, id = m.id, active = m.active](state& s, outcome<std::vector<std::string>> gone) {
        if (!gone)
          return answer(gone.error());
        if (active) {
          s.deactivated.remove(id.value);
          return answer(done);
        }
        s.deactivated.add(id.value);
        s.tokens->drop_user(id);
        s.tickets->drop_if([&](const authenticated& who) { return who.who.user == id; });
        for (auto& hash : *gone)
          forget_token(s, hash);
        for (auto& sink : s.sinks)
          sink->on_user_deactivated(id);
        answer(done);
      });
}

/// No exception leaves a handler: it would take every other request with it. The dropped reply answers.
template <class Message, class Handler> auto safely(pointer self, Handler handler) {
  return [self, handler](Message& m) {
    try {
      handler(self->state, m);
    } catch (const std::exception& e) {
      log::error("identity", std::string{"a handler failed: "} + e.what());
    }
  };
}

impl_actor::behavior_type identity_impl(pointer self, identity_settings settings, identity_deps deps) {
  auto& st = self->state;
  st.self = self;
  st.settings = std::move(settings);
  st.deps = std::move(deps);
  st.books = std::make_shared<const ledger>(st.settings, st.deps);
  st.tokens.emplace(st.settings.token_cache_max, st.settings.token_cache_life);
  st.tickets.emplace(st.settings.ticket_life, st.settings.tickets_max);
  st.limiter.emplace(st.settings.login_failures_max, st.settings.login_window, st.settings.login_names_max);
  self->set_error_handler([](caf::error&) {});
  return {
      safely<register_user>(self, on_register),
      safely<login>(self, on_login),
      safely<dev_login>(self, on_dev_login),
      safely<refresh_login>(self, on_refresh),
      safely<logout>(self, on_logout),
      safely<authenticate>(self, on_authenticate),
      safely<read_user>(self,
                        [](state& s, read_user& m) {
                          answer_with(s, lane_of(m.id), m.answer,
                                      [books = s.books, id = m.id] { return books->read_user(id); });
                        }),
      safely<issue_ticket>(self, on_issue_ticket),
      safely<redeem_ticket>(self, on_redeem_ticket),
      safely<open_session>(self,
                           [](state& s, open_session& m) {
                             sweep_sometimes(s);
                             auto request = m;
                             request.answer = {};
                             answer_with(s, lane_of(m.user), m.answer,
                                         [books = s.books, request] { return books->open_session(request); });
                           }),
      safely<read_session>(self,
                           [](state& s, read_session& m) {
                             answer_with(s, lane_of(m.user), m.answer,
                                         [books = s.books, user = m.user, id = m.id] {
                                           return books->read_session(user, id);
                                         });
                           }),
      safely<list_sessions>(self,
                            [](state& s, list_sessions& m) {
                              answer_with(s, lane_of(m.user), m.answer, [books = s.books, user = m.user] {
                                return books->list_sessions(user);
                              });
                            }),
      safely<touch_session>(self,
                            [](state& s, touch_session& m) {
                              answer_with(s, lane_of(m.user), m.answer,
                                          [books = s.books, user = m.user, id = m.id] {
                                            return books->touch_session(user, id);
                                          });
                            }),
      safely<close_session>(self,
                            [](state& s, close_session& m) {
                              answer_with(s, lane_of(m.user), m.answer,
                                          [books = s.books, user = m.user, id = m.id] {
                                            return books->close_session(user, id);
                                          });
                            }),
      safely<cleanup_sessions>(self,
                               [](state& s, cleanup_sessions& m) {
                                 answer_with(s, lane_of(m.user), m.answer, [books = s.books, user = m.user] {
                                   return books->cleanup_sessions(user);
                                 });
                               }),
      safely<begin_idempotent>(self,
                               [](state& s, begin_idempotent& m) {
                                 sweep_sometimes(s);
                                 answer_with(
                                     s, idempotency_key(m.user, m.key), m.answer,
                                     [books = s.books, user = m.user, key = m.key, body = m.body_digest] {
                                       return books->begin_idempotent(user, key, body);
                                     });
                               }),
      safely<finish_idempotent>(self,
                                [](state& s, finish_idempotent& m) {
                                  answer_with(s, idempotency_key(m.user, m.key), m.answer,
                                              [books = s.books, user = m.user, key = m.key,
                                               body = m.body_digest, stored = m.stored] {
                                                return books->finish_idempotent(user, key, body, stored);
                                              });
                                }),
      safely<watch_revocations>(
          self,
          [](state& s, watch_revocations& m) {
            if (m.sink && s.sinks.size() < sinks_max)
              s.sinks.push_back(m.sink);
            else
              log::error("identity", "a listener for revocations was not taken: there are too many");
          }),
      safely<set_user_active>(self, on_set_active),
      safely<work_finished>(self,
                            [](state& s, work_finished& m) {
                              --s.requests;
                              try {
                                if (m.then)
                                  m.then(s);
                              } catch (const std::exception& e) {
                                log::error("identity", std::string{"a continuation failed: "} + e.what());
                              }
                              // The lane moves on even then. Only now may its next job run: one at a time, in
                              // order.
                              if (const auto found = s.lanes.find(m.lane); found != s.lanes.end())
                                found->second.pop_front();
                              run_front(s, m.lane);
                            }),
  };
}
} // namespace
} // namespace fm::identity

namespace fm {
identity_actor spawn_identity(caf::actor_system& system, identity_settings settings, identity_deps deps) {
  return system.spawn(identity::identity_impl, std::move(settings), std::move(deps));
}
} // namespace fm
