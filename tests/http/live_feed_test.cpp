// case_feed and outbox by themselves: values in, values out. The last test lets a log, a case, a store and a slow
// client interleave in every way a seed can think of.
#include "http/live/feed.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace fm::http {
namespace {
using step = case_feed::step;
using verdict = case_feed::verdict;

frame_ptr frame(sequence n) { return make_frame("event " + std::to_string(n)); }
std::vector<std::string> texts(const std::vector<frame_ptr>& frames) {
  std::vector<std::string> out;
  for (auto& f : frames)
    out.push_back(*f);
  return out;
}
using lines = std::vector<std::string>;

TEST(live_outbox, JoinsFramesUntilTheMessageIsLargeEnough) {
  outbox o;
  for (int i = 0; i < 5; ++i)
    o.push(make_frame("12345"));
  EXPECT_EQ(o.bytes(), 25U);
  std::string message;
  EXPECT_EQ(o.take(message, 10), 2U);
  EXPECT_EQ(message, "12345\n12345");
  EXPECT_EQ(o.bytes(), 15U);
  message.clear();
  EXPECT_EQ(o.take(message, 1'000), 3U);
  EXPECT_EQ(message, "12345\n12345\n12345");
  EXPECT_TRUE(o.empty());
  EXPECT_EQ(o.bytes(), 0U);
}

TEST(live_outbox, AFrameLargerThanAMessageStillGoes) {
  outbox o;
  o.push(make_frame(std::string(100, 'a')));
  o.push(make_frame("b"));
  std::string message;
  EXPECT_EQ(o.take(message, 10), 1U);
  EXPECT_EQ(message.size(), 100U);
}

TEST(live_outbox, KeepsTheOrderOverManyTakes) {
  outbox o;
  std::string all, expected;
  for (int i = 0; i < 1'000; ++i) {
    o.push(frame(static_cast<sequence>(i)));
    expected += "event " + std::to_string(i) + "\n";
    if (i % 3 == 0) {
      std::string message;
      o.take(message, 1);
      all += message + "\n";
    }
  }
  while (!o.empty()) {
    std::string message;
    o.take(message, 50);
    all += message + "\n";
  }
  EXPECT_EQ(all, expected);
}

TEST(live_feed, BeginsWithASnapshotWhenTheClientHoldsNothing) {
  case_feed f{std::nullopt, 100};
  std::vector<frame_ptr> ready;
  EXPECT_EQ(f.next(true), step::attach);
  EXPECT_EQ(f.next(true), step::none) << "one step at a time";
  f.on_attached(7, ready);
  EXPECT_FALSE(f.live());
  EXPECT_EQ(f.next(true), step::snapshot);
  f.on_snapshot(7, ready);
  EXPECT_TRUE(f.live());
  EXPECT_TRUE(ready.empty());
  EXPECT_EQ(f.next(true), step::none);
}

TEST(live_feed, ASnapshotNewerThanTheHeadSwallowsTheEventsItHolds) {
  case_feed f{std::nullopt, 100};
  std::vector<frame_ptr> ready;
  (void)f.next(true);
  f.on_attached(7, ready);
  (void)f.next(true);
  EXPECT_EQ(f.on_event(8, frame(8), true), verdict::kept);
  EXPECT_EQ(f.on_event(9, frame(9), true), verdict::kept);
  EXPECT_EQ(f.on_event(10, frame(10), true), verdict::kept);
  f.on_snapshot(9, ready);
  EXPECT_EQ(texts(ready), lines{"event 10"});
  EXPECT_TRUE(f.live());
  EXPECT_EQ(f.on_event(11, frame(11), true), verdict::send);
}

TEST(live_feed, WhoHoldsTheHeadIsLiveWithoutReading) {
  case_feed f{7, 100};
  std::vector<frame_ptr> ready;
  (void)f.next(true);
  EXPECT_EQ(f.on_event(8, frame(8), true), verdict::kept);
  f.on_attached(7, ready);
  EXPECT_EQ(texts(ready), lines{"event 8"});
  EXPECT_TRUE(f.live());
}

TEST(live_feed, TooFarBehindOrAheadOfTheLogBeginsWithASnapshot) {
  for (const sequence after : {0U, 51U, 1'000'000U}) {
    case_feed f{after, 30};
    std::vector<frame_ptr> ready;
    (void)f.next(true);
    f.on_attached(50, ready);
    EXPECT_EQ(f.next(true), step::snapshot) << after;
    f.on_snapshot(50, ready);
    EXPECT_TRUE(f.live()) << after;
    EXPECT_EQ(f.on_event(51, frame(51), true), verdict::send) << after;
  }
}

TEST(live_feed, ReplaysPageByPageAndThenWhatCameMeanwhile) {
  case_feed f{2, 100};
  std::vector<frame_ptr> ready;
  (void)f.next(true);
  f.on_attached(6, ready);
  EXPECT_EQ(f.next(true), step::page);
  EXPECT_TRUE(f.on_page_event(3));
  EXPECT_TRUE(f.on_page_event(4));
  EXPECT_TRUE(f.on_page(4, 6, ready));
  EXPECT_FALSE(f.replayed());
  EXPECT_EQ(f.on_event(7, frame(7), true), verdict::kept);
  EXPECT_EQ(f.next(true), step::page);
  EXPECT_TRUE(f.on_page_event(6)) << "5 was compacted";
  EXPECT_TRUE(f.on_page(6, 7, ready));
  EXPECT_EQ(texts(ready), lines{"event 7"});
  EXPECT_TRUE(f.live());
  EXPECT_TRUE(f.replayed());
}

TEST(live_feed, WhatAPageCoversNeedNotBeInIt) {
  case_feed f{2, 100};
  std::vector<frame_ptr> ready;
  (void)f.next(true);
  f.on_attached(6, ready);
  (void)f.next(true);
  EXPECT_EQ(f.on_event(7, frame(7), true), verdict::kept);
  EXPECT_TRUE(f.on_page(6, 6, ready)) << "3 to 6 were compacted";
  EXPECT_EQ(texts(ready), lines{"event 7"});
  EXPECT_TRUE(f.live());
}

TEST(live_feed, FullOutboxFallsBehindOnceAndGoesOnFromTheLog) {
  case_feed f{0, 100};
  std::vector<frame_ptr> ready;
  (void)f.next(true);
  f.on_attached(0, ready);
  EXPECT_EQ(f.on_event(1, frame(1), true), verdict::send);
  EXPECT_EQ(f.on_event(2, frame(2), false), verdict::behind);
  EXPECT_EQ(f.on_event(3, frame(3), false), verdict::kept) << "said once";
  EXPECT_EQ(f.next(false), step::none) << "not before the outbox has drained";
  EXPECT_EQ(f.sent(), 1U);
  EXPECT_EQ(f.next(true), step::page);
  EXPECT_TRUE(f.on_page_event(2));
  EXPECT_TRUE(f.on_page_event(3));
  f.on_page(3, 3, ready);
  EXPECT_TRUE(f.live());
  EXPECT_TRUE(f.replayed()) << "commands are not refused for being slow";
}

TEST(live_feed, MoreThanMayWaitIsForgottenAndReadFromTheLog) {
  case_feed f{0, 100'000};
  std::vector<frame_ptr> ready;
  (void)f.next(true);
  f.on_attached(10, ready);
  (void)f.next(true);
  const auto last = 10 + case_feed::pending_frames_max * 2 + 3;
  for (sequence s = 11; s <= last; ++s)
    EXPECT_EQ(f.on_event(s, frame(s), true), verdict::kept);
  for (sequence s = 1; s <= 10; ++s)
    EXPECT_TRUE(f.on_page_event(s));
  f.on_page(10, 10, ready);
  EXPECT_TRUE(ready.empty()) << "what waits does not follow yet";
  EXPECT_FALSE(f.live());
  EXPECT_EQ(f.next(true), step::page);
  for (sequence s = 11; s <= last - 1; ++s)
    EXPECT_TRUE(f.on_page_event(s));
  f.on_page(last - 1, last, ready);
  EXPECT_EQ(texts(ready), lines{*frame(last)});
  EXPECT_TRUE(f.live());
}

TEST(live_feed, ALostActorIsAttachedAgainEvenIfItGoesWhileAnswering) {
  case_feed f{0, 100};
  std::vector<frame_ptr> ready;
  (void)f.next(true);
  f.on_lost();
  f.on_attached(5, ready);
  EXPECT_FALSE(f.attached());
  EXPECT_EQ(f.next(true, false), step::none) << "the owner may wait a little";
  EXPECT_EQ(f.next(true), step::attach);
  f.on_attached(6, ready);
  EXPECT_EQ(f.next(true), step::page);
}

TEST(live_feed, ALostActorDoesNotMakeAPageLookLikeTheEnd) {
  case_feed f{0, 100};
  std::vector<frame_ptr> ready;
  (void)f.next(true);
  f.on_attached(3, ready);
  (void)f.next(true);
  f.on_lost();
  EXPECT_TRUE(f.on_page_event(3));
  f.on_page(3, 3, ready);
  EXPECT_FALSE(f.live()) << "nobody would tell of the next event";
  EXPECT_EQ(f.next(true), step::attach);
  f.on_attached(4, ready); // event 4 came while nobody listened
  EXPECT_FALSE(f.live());
  EXPECT_EQ(f.next(true), step::page);
}

TEST(live_feed, APageThatBringsNothingAsksForPatience) {
  case_feed f{0, 100};
  std::vector<frame_ptr> ready;
  (void)f.next(true);
  f.on_attached(3, ready);
  (void)f.next(true);
  EXPECT_TRUE(f.on_page_event(1));
  EXPECT_TRUE(f.on_page(1, 3, ready));
  (void)f.next(true);
  EXPECT_FALSE(f.on_page(1, 3, ready));
}

TEST(live_feed, AGapIsReadFromTheLog) {
  case_feed f{0, 100};
  std::vector<frame_ptr> ready;
  (void)f.next(true);
  f.on_attached(0, ready);
  EXPECT_EQ(f.on_event(2, frame(2), true), verdict::kept);
  EXPECT_EQ(f.next(true), step::page);
  EXPECT_TRUE(f.on_page_event(1));
  f.on_page(1, 2, ready);
  EXPECT_EQ(texts(ready), lines{"event 2"});
}

/// A case's log with turns whose deltas may be compacted once the turn has ended.
struct paper_log {
  struct entry {
    bool delta = false;
    std::string text;
  };
  std::map<sequence, entry> entries; ///< what is left
  std::map<sequence, entry> written; ///< all that ever was
  sequence head = 0;
  sequence turn_began = 0; ///< 0 = no turn runs

  void append(entry e) {
    ++head;
    e.text += " #" + std::to_string(head);
    entries[head] = written[head] = std::move(e);
  }
  void step(std::mt19937_64& random) {
    if (turn_began == 0) {
      append({false, "started"});
      turn_began = head;
    } else if (random() % 8 == 0) {
      append({false, "completed"});
      turn_began = 0;
    } else {
      append({true, std::string(random() % 40, 'x')});
    }
  }
  void compact() {
    const auto upto = turn_began == 0 ? head : turn_began;
    std::erase_if(entries, [&](auto& e) { return e.second.delta && e.first <= upto; });
  }
};

struct seeded : ::testing::TestWithParam<std::uint64_t> {};

TEST_P(seeded, WhatTheClientGotIsTheLogByteForByte) {
  std::mt19937_64 random{GetParam()};
  constexpr std::size_t outbox_max = 400;
  paper_log log;
  for (auto n = random() % 200; n > 0; --n)
    log.step(random);
  if (random() % 2)
    log.compact();

  const bool from_nothing = random() % 4 == 0;
  const sequence held = from_nothing ? 0 : random() % (log.head + 2);
  case_feed feed{from_nothing ? std::nullopt : std::optional{held}, random() % 2 ? sequence{1'000'000} : sequence{50}};
  outbox box;
  std::vector<std::pair<sequence, std::string>> client; ///< seq and text; a snapshot = seq and ""
  std::size_t lagging = 0;

  // What is under way: a question put to the case, answered at some later time with what holds then.
  struct pending_step {
    step what = step::none;
    sequence after = 0;
    bool decided = false; ///< the case has done its part; the answer travels
    sequence head = 0, covered = 0;
    std::vector<std::pair<sequence, std::string>> events;
    bool failed = false;
  } under_way;
  bool listening = false; ///< the case knows us

  const auto wire = [](sequence seq, const std::string& text) { return std::to_string(seq) + "|" + text; };
  const auto push_all = [&](std::vector<frame_ptr>& ready) {
    for (auto& f : ready)
      box.push(std::move(f));
  };
  const auto ask = [&](bool room) {
    if (under_way.what != step::none)
      return;
    under_way = {};
    under_way.what = feed.next(room);
    under_way.after = feed.sent();
  };
  const auto decide = [&] {
    auto& u = under_way;
    if (u.what == step::none || u.decided)
      return;
    u.decided = true;
    u.failed = u.what != step::attach && random() % 10 == 0;
    u.head = u.covered = log.head;
    if (u.what == step::attach)
      listening = true;
    if (u.what == step::page) {
      const std::size_t limit = 1 + random() % 20;
      u.covered = log.head;
      for (auto i = log.entries.upper_bound(u.after); i != log.entries.end(); ++i) {
        if (u.events.size() == limit) {
          u.covered = u.events.back().first;
          break;
        }
        u.events.emplace_back(i->first, i->second.text);
      }
    }
  };
  const auto arrive = [&] {
    auto& u = under_way;
    if (u.what == step::none || !u.decided)
      return;
    std::vector<frame_ptr> ready;
    if (u.failed)
      feed.failed();
    else if (u.what == step::attach)
      feed.on_attached(u.head, ready);
    else if (u.what == step::snapshot) {
      box.push(make_frame(wire(u.head, "")));
      feed.on_snapshot(u.head, ready);
    } else {
      for (auto& [seq, text] : u.events)
        if (feed.on_page_event(seq))
          box.push(make_frame(wire(seq, text)));
      feed.on_page(u.covered, u.head, ready);
    }
    push_all(ready);
    u = {};
  };
  const auto append = [&] {
    log.step(random);
    if (!listening)
      return;
    const auto f = make_frame(wire(log.head, log.written[log.head].text));
    const auto v = feed.on_event(log.head, f, box.bytes() + f->size() <= outbox_max);
    if (v == verdict::send)
      box.push(f);
    lagging += v == verdict::behind;
  };
  const auto drain = [&](std::size_t bytes) {
    std::string message;
    if (box.take(message, bytes) == 0)
      return;
    for (std::size_t at = 0; at <= message.size();) {
      const auto end = std::min(message.find('\n', at), message.size());
      const auto line = message.substr(at, end - at);
      const auto bar = line.find('|');
      client.emplace_back(std::stoull(line.substr(0, bar)), line.substr(bar + 1));
      at = end + 1;
    }
  };

  for (int i = 0; i < 3'000; ++i) {
    switch (random() % 12) {
    case 0:
    case 1:
    case 2:
    case 3: append(); break;
    case 4: ask(box.bytes() <= outbox_max / 2); break;
    case 5:
    case 6: decide(); break;
    case 7:
    case 8: arrive(); break;
    case 9:
      if (random() % 3 != 0)
        drain(1 + random() % 200);
      break;
    case 10:
      if (random() % 20 == 0)
        log.compact();
      break;
    case 11:
      if (listening && random() % 40 == 0) {
        listening = false;
        feed.on_lost();
      }
      break;
    }
    ASSERT_LE(box.bytes(), outbox_max / 2 + 20 * 64 + case_feed::pending_bytes_max);
  }
  for (int i = 0; i < 100'000 && !(feed.live() && box.empty()); ++i) {
    ask(box.bytes() <= outbox_max / 2);
    decide();
    arrive();
    drain(1'000);
  }
  ASSERT_TRUE(feed.live());
  ASSERT_EQ(feed.sent(), log.head);

  sequence before = held;
  bool any_snapshot = false;
  for (auto& [seq, text] : client) {
    if (text.empty()) { // a snapshot holds everything up to its seq
      ASSERT_FALSE(any_snapshot);
      any_snapshot = true;
      before = seq;
      continue;
    }
    ASSERT_GT(seq, before) << "nothing twice, nothing out of order";
    ASSERT_EQ(text, log.written[seq].text);
    for (auto missing = before + 1; missing < seq; ++missing) {
      ASSERT_TRUE(log.written[missing].delta) << missing << " was skipped";
      ASSERT_FALSE(log.entries.contains(missing)) << missing << " was skipped and is still in the log";
    }
    before = seq;
  }
  for (auto missing = before + 1; missing <= log.head; ++missing)
    ASSERT_FALSE(log.entries.contains(missing)) << missing << " never came";
  EXPECT_TRUE(any_snapshot || !from_nothing);
  RecordProperty("lagging", static_cast<int>(lagging));
}
INSTANTIATE_TEST_SUITE_P(live_feed, seeded, ::testing::Range<std::uint64_t>(1, 201));

} // namespace
} // namespace fm::http
