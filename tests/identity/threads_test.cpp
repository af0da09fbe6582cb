// The identity actor as it runs for real: several threads, an executor, the in-memory stores. Whatever the
// order, every request is answered once and the rules hold.
#include "actors/identity/identity.hpp"
#include "storage/inmemory/session_store.hpp"
#include "storage/inmemory/user_store.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace fm {
namespace {
using namespace std::chrono_literals;

/// Counts answers and waits for all of them.
struct tally {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t good = 0, bad = 0;
  std::vector<sign_in_result> signed_in;

  template <class T> reply<T> one() {
    return reply<T>{[this](outcome<T> r) {
      std::lock_guard lock{mutex};
      ++(r ? good : bad);
      if constexpr (std::is_same_v<T, sign_in_result>)
        if (r)
          signed_in.push_back(std::move(*r));
      changed.notify_all();
    }};
  }
  bool wait(std::size_t n) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 30s, [&] { return good + bad >= n; });
  }
};

struct threads_test : testing::Test {
  struct config_type : caf::actor_system_config {
    config_type() {
      set("scheduler.policy", caf::atom("sharing"));
      set("scheduler.max-threads", std::size_t{2});
    }
  } config;
  caf::actor_system system{config};
  offload_ptr work = make_offload(4, 10'000);
  identity_actor actor;
  tally results;

  threads_test() {
    identity_settings settings;
    settings.cost = password_cost::minimum;
    settings.dev_login = true;
    actor = spawn_identity(system, settings,
                           {inmemory::make_user_store(), inmemory::make_session_store(system_clock_source()),
                            work, system_clock_source(), system_random()});
  }
  ~threads_test() override {
    caf::anon_send_exit(actor, caf::exit_reason::user_shutdown);
    actor = nullptr;
    work->stop();
  }
};

TEST_F(threads_test, AHundredRegistrationsOfOneNameMakeOnePerson) {
  for (int i = 0; i < 100; ++i)
    caf::anon_send(actor, register_user{"ada", "", "correct horse", "", client_id{"c" + std::to_string(i)},
                                        results.one<sign_in_result>()});
  ASSERT_TRUE(results.wait(100));
  EXPECT_EQ(results.good, 1U);
}

TEST_F(threads_test, AHundredSignInsOfOnePersonKeepTenSessionsAndAllTheirTokens) {
  for (int i = 0; i < 100; ++i)
    caf::anon_send(actor,
                   dev_login{"ada", client_id{"c" + std::to_string(i)}, results.one<sign_in_result>()});
  ASSERT_TRUE(results.wait(100));
  ASSERT_EQ(results.good, 100U);
  tally checks;
  for (auto& in : results.signed_in)
    caf::anon_send(actor, authenticate{in.access_token, checks.one<authenticated>()});
  ASSERT_TRUE(checks.wait(100));
  EXPECT_EQ(checks.good, 100U);
  std::atomic<std::size_t> live{0};
  tally listed;
  auto counted = listed.one<done_t>();
  caf::anon_send(actor, list_sessions{results.signed_in[0].person.id,
                                      reply<std::vector<session>>{[&](outcome<std::vector<session>> r) {
                                        live = r ? r->size() : 0;
                                        counted(done);
                                      }}});
  ASSERT_TRUE(listed.wait(1));
  EXPECT_EQ(live, 10U);
}

TEST_F(threads_test, AHundredUsesOfOneRefreshTokenGiveOneNewSignIn) {
  caf::anon_send(actor, dev_login{"ada", client_id{"c"}, results.one<sign_in_result>()});
  ASSERT_TRUE(results.wait(1));
  tally refreshed;
  for (int i = 0; i < 100; ++i)
    caf::anon_send(actor, refresh_login{results.signed_in[0].refresh_token, refreshed.one<sign_in_result>()});
  ASSERT_TRUE(refreshed.wait(100));
  EXPECT_EQ(refreshed.good, 1U);
}

TEST_F(threads_test, SignInsAndSignOutsSideBySideAreAllAnswered) {
  tally ends;
  for (int round = 0; round < 20; ++round)
    for (int person = 0; person < 10; ++person) {
      auto first = ends.one<done_t>();
      caf::anon_send(actor,
                     dev_login{"person" + std::to_string(person), client_id{"c" + std::to_string(round)},
                               reply<sign_in_result>{[first, a = actor](outcome<sign_in_result> r) {
                                 if (!r)
                                   return first(r.error());
                                 caf::anon_send(a, logout{r->access_token, first});
                               }}});
    }
  ASSERT_TRUE(ends.wait(200));
  EXPECT_EQ(ends.good, 200U);
}
} // namespace
} // namespace fm
