// The contract of session_store, on a clock the test turns.
#include "tests/contract/backends.hpp"

#include <thread>

namespace fm::contract {
namespace {
using std::chrono::milliseconds;

class session_store_contract : public on_every_backend {
protected:
  session_store& kv() { return *b.storage.sessions; }
};
INSTANTIATE_TEST_SUITE_P(backends, session_store_contract, ::testing::Values("inmemory", "sqlite", "file", "redis"), backend_name);

TEST_P(session_store_contract, AValueIsReadBackByteForByte) {
  const std::string value("\0\x01\xFFtext", 7);
  ASSERT_TRUE(kv().set("k", value, std::nullopt));
  ASSERT_TRUE(kv().set("empty", "", std::nullopt));
  if (b.durable())
    b.reopen();
  EXPECT_EQ(kv().get("k").value(), value);
  EXPECT_EQ(kv().get("empty").value(), "");
  EXPECT_FALSE(kv().get("other").value());
  ASSERT_TRUE(kv().set("k", "new", std::nullopt));
  EXPECT_EQ(kv().get("k").value(), "new");
}

TEST_P(session_store_contract, AValuePastItsTimeIsGoneToTheMillisecond) {
  ASSERT_TRUE(kv().set("k", "v", milliseconds{100}));
  b.clock->ms += 99;
  EXPECT_TRUE(kv().exists("k").value());
  b.clock->ms += 1;
  EXPECT_FALSE(kv().get("k").value());
  EXPECT_FALSE(kv().exists("k").value());
  EXPECT_FALSE(kv().expire("k", milliseconds{100}).value());
  EXPECT_FALSE(kv().remove("k").value());
  EXPECT_TRUE(kv().keys("*", 10)->empty());
}

TEST_P(session_store_contract, TheTimeLeftIsTold) {
  ASSERT_TRUE(kv().set("k", "v", milliseconds{100}));
  ASSERT_TRUE(kv().set("for ever", "v", std::nullopt));
  b.clock->ms += 40;
  EXPECT_EQ(kv().time_left("k").value().value(), milliseconds{60});
  EXPECT_EQ(kv().time_left("for ever").value().value(), std::nullopt);
  EXPECT_FALSE(kv().time_left("none").value());
  b.clock->ms += 60;
  EXPECT_FALSE(kv().time_left("k").value());
}

TEST_P(session_store_contract, ExpireGivesALiveValueANewLife) {
  ASSERT_TRUE(kv().set("k", "v", milliseconds{100}));
  b.clock->ms += 50;
  EXPECT_TRUE(kv().expire("k", milliseconds{100}).value());
  b.clock->ms += 99;
  EXPECT_TRUE(kv().exists("k").value());
  EXPECT_TRUE(kv().expire("k", std::nullopt).value());
  b.clock->ms += 1'000'000'000;
  EXPECT_TRUE(kv().exists("k").value());
  EXPECT_FALSE(kv().expire("none", milliseconds{1}).value());
}

TEST_P(session_store_contract, AnEndlessLifeDoesNotOverflow) {
  ASSERT_TRUE(kv().set("k", "v", milliseconds::max()));
  EXPECT_TRUE(kv().exists("k").value());
  ASSERT_TRUE(kv().set("k", "v", milliseconds{0}));
  EXPECT_FALSE(kv().exists("k").value());
}

TEST_P(session_store_contract, OnlyTheFirstWriterOfAnAbsentKeyWins) {
  EXPECT_TRUE(kv().set_if_absent("k", "first", milliseconds{10}).value());
  EXPECT_FALSE(kv().set_if_absent("k", "second", milliseconds{10}).value());
  EXPECT_EQ(kv().get("k").value(), "first");
  b.clock->ms += 10;
  EXPECT_TRUE(kv().set_if_absent("k", "third", std::nullopt).value());
  b.clock->ms += 1'000'000;
  EXPECT_FALSE(kv().set_if_absent("k", "fourth", milliseconds{10}).value()) << "what never expires is always there";
  EXPECT_EQ(kv().get("k").value(), "third");
}

TEST_P(session_store_contract, OfManyThreadsExactlyOneTakesAnAbsentKey) {
  std::atomic<int> winners{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      if (kv().set_if_absent("lock", std::to_string(i), std::nullopt).value())
        ++winners;
    });
  for (auto& t : threads)
    t.join();
  EXPECT_EQ(winners, 1);
}

TEST_P(session_store_contract, RemoveSaysWhetherSomethingWasThere) {
  ASSERT_TRUE(kv().set("k", "v", std::nullopt));
  EXPECT_TRUE(kv().remove("k").value());
  EXPECT_FALSE(kv().remove("k").value());
}

TEST_P(session_store_contract, KeysMatchAGlobWhereOnlyTheStarIsSpecial) {
  for (auto* key : {"session:b", "session:a", "session:", "sess", "token:a", "a?c", "abc", "a[b]c", "x*y"})
    ASSERT_TRUE(kv().set(key, "v", std::nullopt));
  using keys = std::vector<std::string>;
  EXPECT_EQ(kv().keys("session:*", 10).value(), (keys{"session:", "session:a", "session:b"}));
  EXPECT_EQ(kv().keys("session:*", 2).value(), (keys{"session:", "session:a"}));
  EXPECT_EQ(kv().keys("*:a", 10).value(), (keys{"session:a", "token:a"}));
  EXPECT_EQ(kv().keys("s*s*a", 10).value(), (keys{"session:a"}));
  EXPECT_EQ(kv().keys("a?c", 10).value(), (keys{"a?c"}));
  EXPECT_EQ(kv().keys("a[b]c", 10).value(), (keys{"a[b]c"}));
  EXPECT_EQ(kv().keys("sess", 10).value(), (keys{"sess"}));
  EXPECT_EQ(kv().keys("nothing*", 10).value(), keys{});
  EXPECT_EQ(kv().keys("*", 100)->size(), 9U);
}

TEST_P(session_store_contract, SweepDropsTheDeadAndCountsThem) {
  ASSERT_TRUE(kv().set("a", "v", milliseconds{10}));
  ASSERT_TRUE(kv().set("b", "v", milliseconds{20}));
  ASSERT_TRUE(kv().set("c", "v", std::nullopt));
  b.clock->ms += 15;
  EXPECT_EQ(kv().sweep().value(), 1U);
  EXPECT_EQ(kv().sweep().value(), 0U);
  EXPECT_TRUE(kv().exists("b").value());
  EXPECT_TRUE(kv().exists("c").value());
}

TEST_P(session_store_contract, KeysAndValuesHaveTheirBounds) {
  EXPECT_TRUE(kv().set(std::string(512, 'k'), std::string(1U << 20, 'v'), std::nullopt));
  EXPECT_EQ(kv().set(std::string(513, 'k'), "v", std::nullopt).error().code, errc::too_large);
  EXPECT_EQ(kv().set("k", std::string((1U << 20) + 1, 'v'), std::nullopt).error().code, errc::too_large);
  EXPECT_EQ(kv().set_if_absent(std::string(513, 'k'), "v", std::nullopt).error().code, errc::too_large);
}

} // namespace
} // namespace fm::contract
