// The stored form: what goes in comes out, what is unknown is passed over, what is broken is a failure.
#include "protocol/base/random.hpp"
#include "storage/codec/codec.hpp"
#include "storage/codec/cursor.hpp"
#include "storage/codec/log_walk.hpp"
#include "storage/codec/projection.hpp"
#include "tests/storage/sample_events.hpp"

#include <gtest/gtest.h>

#include <set>

namespace fm {
namespace {

TEST(StoredForm, EveryKindComesBackAsItWas) {
  std::set<std::string> kinds;
  for (auto& data : samples::events()) {
    const auto json = stored::encode(data);
    const auto back = stored::decode_event(kind_of(data), json);
    ASSERT_TRUE(back) << kind_of(data) << ": " << back.error().detail;
    EXPECT_EQ(*back, data) << json;
    EXPECT_EQ(stored::encode(*back), json);
    kinds.emplace(kind_of(data));
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<event_data>) << "a kind has no sample";
}

TEST(StoredForm, RecordsUsersAndSessionsComeBackAsTheyWere) {
  EXPECT_EQ(stored::decode_record(stored::encode(samples::record())).value(), samples::record());
  EXPECT_EQ(stored::decode_record(stored::encode(case_record{})).value(), case_record{});
  EXPECT_EQ(stored::decode_user(stored::encode(samples::person())).value(), samples::person());
  EXPECT_EQ(stored::decode_session(stored::encode(samples::signed_in())).value(), samples::signed_in());
}

TEST(StoredForm, UnknownMembersArePassedOverAndMissingOnesKeepTheirDefault) {
  const auto e = stored::decode_event("turn_started", R"({"later":{"deep":[1,2]},"turn":"turn_9"})");
  ASSERT_TRUE(e);
  EXPECT_EQ(std::get<turn_started>(*e), (turn_started{turn_id{"turn_9"}, 1}));
}

TEST(StoredForm, WhatIsBrokenIsAFailureWithASentence) {
  const std::vector<std::pair<const char*, std::string>> broken{
      {"turn_started", ""},
      {"turn_started", "{"},
      {"turn_started", "[]"},
      {"turn_started", "null"},
      {"turn_started", R"({"turn":7})"},
      {"turn_started", R"({"attempt":-1})"},
      {"turn_started", R"({"attempt":4294967296})"},
      {"turn_started", R"({"attempt":1.5})"},
      {"status_changed", R"({"to":"perhaps"})"},
      {"case_updated", R"({"changed":"title"})"},
      {"turn_completed", R"({"metadata":{"a":1}})"},
      {"turn_delta", "{\"text\":\"\xFF\"}"},
      {"turn_delta", std::string(2'000, '[')},
      {"no_such_kind", "{}"},
      {"", "{}"},
  };
  for (auto& [kind, json] : broken) {
    const auto e = stored::decode_event(kind, json);
    ASSERT_FALSE(e) << kind << " " << json;
    EXPECT_EQ(e.error().code, errc::internal);
    EXPECT_EQ(e.error().detail.back(), '.');
  }
}

TEST(StoredForm, AVersionFromTheFutureIsRefused) {
  const auto e = stored::decode_event("turn_started", "{}", stored::event_version + 1);
  ASSERT_FALSE(e);
  EXPECT_NE(e.error().detail.find("version"), std::string::npos);
  EXPECT_FALSE(stored::decode_event("turn_started", "{}", 0));
}

TEST(StoredForm, CutAndBentBytesNeverDoMoreThanFail) {
  const auto random = seeded_random(11);
  std::size_t refused = 0, tried = 0;
  for (auto& data : samples::events()) {
    const auto json = stored::encode(data);
    for (std::size_t n = 0; n < json.size(); ++n, ++tried)
      refused += !stored::decode_event(kind_of(data), std::string_view{json}.substr(0, n));
    for (int i = 0; i < 300; ++i) {
      auto bent = json;
      bent[random_u64(*random) % bent.size()] = static_cast<char>(random_u64(*random));
      if (const auto e = stored::decode_event(kind_of(data), bent)) {
        EXPECT_EQ(stored::decode_event(kind_of(*e), stored::encode(*e)).value(), *e);
      }
    }
  }
  EXPECT_EQ(refused, tried) << "no beginning of an event is an event";
}

TEST(Chain, EveryPartOfAnEventIsUnderItsLink) {
  const case_event e{case_id{"case_1"}, 4, samples::moment(1), {user_id{"user_ada"}, "Ada"}, case_deleted{"why"}};
  const auto data = stored::encode(e.data);
  const auto seal = stored::seal_event(digest{}, e, data);
  digest other_start{};
  other_start[0] = 1;
  EXPECT_NE(stored::seal_event(other_start, e, data).link, seal.link);
  for (auto change : std::vector<std::function<void(case_event&)>>{
           [](auto& c) { c.seq = 5; }, [](auto& c) { c.at += std::chrono::milliseconds{1}; },
           [](auto& c) { c.by.user.value = "user_eve"; }, [](auto& c) { c.by.name = "Eve"; },
           [](auto& c) { c.data = case_restored{"why"}; }}) {
    auto changed = e;
    change(changed);
    EXPECT_NE(stored::seal_event(digest{}, changed, data).link, seal.link);
  }
  EXPECT_NE(stored::seal_event(digest{}, e, data + " ").link, seal.link);
  // Without the data the link still follows from its hash: that is what compaction relies on.
  EXPECT_EQ(stored::link_of(digest{}, 4, "case_deleted", e.at.time_since_epoch().count(), "user_ada", "Ada", seal.data_hash),
            seal.link);
}

TEST(Compaction, ForgetsNothingAboutTurnsThatStillRun) {
  stored::compaction walk;
  std::vector<sequence> dropped;
  const auto feed = [&](sequence seq, event_data data) {
    walk.feed(seq, data, [&](sequence s) { dropped.push_back(s); });
  };
  feed(2, turn_delta{turn_id{"a"}, 1, 0, "x"});
  feed(3, turn_delta{turn_id{"b"}, 1, 0, "y"});
  feed(4, turn_failed{turn_id{"b"}, 1});
  EXPECT_EQ(dropped, (std::vector<sequence>{3}));
  EXPECT_EQ(walk.settled(4), 1U) << "the next walk begins before a's first delta";
  feed(5, turn_cancelled{turn_id{"a"}, 1});
  EXPECT_EQ(dropped, (std::vector<sequence>{3, 2}));
  EXPECT_EQ(walk.settled(5), 5U);
}

TEST(Cursor, BelongsToOneOrder) {
  stored::list_cursor c;
  c.sort = stored::sort_from("-title").value();
  c.text = "a|b \xC3\xA9";
  c.place = 42;
  const auto back = stored::decode_cursor(stored::encode(c), c.sort).value();
  EXPECT_EQ(back.text, c.text);
  EXPECT_EQ(back.place, 42);
  EXPECT_FALSE(stored::decode_cursor(stored::encode(c), stored::sort_from("title").value()));
}

} // namespace
} // namespace fm
