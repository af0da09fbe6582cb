// The fake that fails on demand keeps the port's promise: what failed left nothing behind.
#include "tests/contract/backends.hpp"
#include "tests/support/faulty_case_store.hpp"

namespace fm {
namespace {

TEST(FaultyStore, FailsTheNthBatchAndOnlyThat) {
  contract::backend b{"inmemory"};
  testing_support::faulty_case_store faulty{b.storage.cases};
  contract::case_script s{"one"};
  faulty.fail_commit(2);
  contract::store(faulty, s.creation());
  const auto c = s.of({s.question(1, "hello")});
  const auto failed = faulty.commit(std::span{&c, 1});
  ASSERT_FALSE(failed[0]);
  EXPECT_EQ(failed[0].error().code, errc::unavailable);
  EXPECT_EQ(faulty.load(s.id())->seq, 1U);
  contract::store(faulty, c);
  EXPECT_EQ(faulty.load(s.id())->seq, 2U);
  EXPECT_EQ(faulty.commits, 3);
}

TEST(FaultyStore, CrashesAsManyLoadsAsWished) {
  contract::backend b{"inmemory"};
  testing_support::faulty_case_store faulty{b.storage.cases};
  faulty.throw_on_load = 1;
  EXPECT_THROW((void)faulty.load(case_id{"x"}), std::runtime_error);
  EXPECT_EQ(faulty.load(case_id{"x"}).error().code, errc::not_found);
}

} // namespace
} // namespace fm
