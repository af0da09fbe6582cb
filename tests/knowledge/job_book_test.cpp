// The job book: bounds, owners, cancelling before and while the work runs.
#include "actors/support/job_book.hpp"

#include <gtest/gtest.h>

namespace fm {
namespace {
struct job_book_test : testing::Test {
  struct hand : clock_source {
    timestamp at{std::chrono::milliseconds{1'000'000}};
    timestamp now() const override { return at; }
  };
  std::shared_ptr<hand> time = std::make_shared<hand>();
  job_settings settings;
  principal ada{user_id{"user_ada"}, "ada", {}}, ben{user_id{"user_ben"}, "ben", {}};

  job_book make() { return {settings, time, seeded_random(3)}; }
  static job of(const principal& who, std::string kind = "file_analysis") {
    job j;
    j.kind = std::move(kind);
    j.started_by = who.user;
    j.total = 10;
    return j;
  }
};

TEST_F(job_book_test, TheServersOwnJobsAreForAdministrators) {
  auto book = make();
  const auto id = book.begin(of({}))->id;
  const principal root{user_id{"user_root"}, "root", {user_role::admin}};
  EXPECT_EQ(book.find(ada, id).error().code, errc::not_found);
  EXPECT_EQ(book.list(ada, {}).total, 0U);
  EXPECT_TRUE(book.find(root, id));
  EXPECT_EQ(book.list(root, {}).total, 1U);
  EXPECT_EQ(book.drop(ada, id).error().code, errc::not_found);
  EXPECT_EQ(book.drop(root, id)->status, "cancelled");
}

TEST_F(job_book_test, AJobIsItsOwnersAlone) {
  auto book = make();
  const auto id = book.begin(of(ada))->id;
  EXPECT_TRUE(book.find(ada, id));
  EXPECT_EQ(book.find(ben, id).error().code, errc::not_found);
  EXPECT_EQ(book.drop(ben, id).error().code, errc::not_found);
  EXPECT_EQ(book.list(ben, {}).total, 0U);
}

TEST_F(job_book_test, TheNewestComeFirstAndPagesJoin) {
  auto book = make();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i)
    ids.push_back(book.begin(of(ada, i % 2 == 0 ? "even" : "odd"))->id);
  job_query q;
  q.limit = 2;
  q.offset = 2;
  const auto page = book.list(ada, q);
  EXPECT_EQ(page.total, 5U);
  ASSERT_EQ(page.jobs.size(), 2U);
  EXPECT_EQ(page.jobs[0].id, ids[2]);
  q = {};
  q.kind = "odd";
  EXPECT_EQ(book.list(ada, q).total, 2U);
}

TEST_F(job_book_test, CancelledBeforeItsTurnTheWorkNeverStarts) {
  auto book = make();
  const auto id = book.begin(of(ada))->id;
  EXPECT_EQ(book.drop(ada, id)->status, "cancelled");
  EXPECT_FALSE(book.start(id));
  book.finish(id, "completed");
  EXPECT_EQ(book.find(ada, id)->status, "cancelled") << "an end is the end";
}

TEST_F(job_book_test, CancelledWhileItRunsTheWorkHearsOfIt) {
  auto book = make();
  const auto id = book.begin(of(ada))->id;
  auto control = book.start(id);
  ASSERT_TRUE(control);
  EXPECT_FALSE(control->stopped());
  const auto asked = book.drop(ada, id);
  EXPECT_EQ(asked->status, "running");
  EXPECT_TRUE(asked->cancel_requested);
  EXPECT_TRUE(control->stopped());
  book.finish(id, "failed", "It was told to stop.");
  EXPECT_EQ(book.find(ada, id)->status, "cancelled");
  EXPECT_EQ(book.drop(ada, id)->status, "cancelled");
  EXPECT_FALSE(book.find(ada, id)) << "a finished one is forgotten";
}

TEST_F(job_book_test, WorkThatEndsBeforeItHearsStaysCompleted) {
  auto book = make();
  const auto id = book.begin(of(ada))->id;
  ASSERT_TRUE(book.start(id));
  ASSERT_TRUE(book.drop(ada, id));
  book.finish(id, "completed", {}, "file_1");
  EXPECT_EQ(book.find(ada, id)->status, "completed");
  EXPECT_EQ(book.find(ada, id)->result, "file_1");
}

TEST_F(job_book_test, BoundsRefuseOrForgetTheOldestThatEnded) {
  settings.remembered_max = 3;
  settings.unfinished_per_user_max = 2;
  auto book = make();
  const auto first = book.begin(of(ada))->id;
  ASSERT_TRUE(book.begin(of(ada)));
  EXPECT_EQ(book.begin(of(ada)).error().code, errc::overloaded);
  ASSERT_TRUE(book.begin(of(ben)));
  EXPECT_EQ(book.begin(of(ben)).error().code, errc::overloaded) << "all that are remembered still run";
  ASSERT_TRUE(book.start(first));
  book.finish(first, "completed");
  ASSERT_TRUE(book.begin(of(ben)));
  EXPECT_FALSE(book.find(ada, first));
}

TEST_F(job_book_test, ProgressIsToldNowAndThenAndEveryStatusAlways) {
  auto book = make();
  std::vector<std::string> told;
  book.watch([&](const job& j) { told.push_back(j.status + std::to_string(j.done)); });
  const auto id = book.begin(of(ada))->id;
  auto control = book.start(id);
  time->at += std::chrono::seconds{1};
  for (std::uint64_t i = 1; i <= 5; ++i)
    control->tell(i, 10);
  time->at += std::chrono::seconds{1};
  control->tell(6, 10);
  book.finish(id, "completed");
  EXPECT_EQ(told, (std::vector<std::string>{"queued0", "running0", "running1", "running6", "completed10"}));
}

TEST_F(job_book_test, AtTheEndEverybodyIsToldToStop) {
  auto book = make();
  auto control = book.start(book.begin(of(ada))->id);
  book.stop_all();
  EXPECT_TRUE(control->stopped());
}
} // namespace
} // namespace fm
