// The case stores against each other: the same seeded life of many cases is written to all of them, and all of them
// must answer alike, refusals included. What the contract forgot to say shows here.
#include "tests/contract/backends.hpp"

#include <random>

namespace fm::contract {
namespace {

class life {
public:
  explicit life(std::uint64_t seed) : rng_(seed) {}

  /// The next batch, from one commit to a handful; some are stale, some repeat a turn.
  std::vector<case_commit> batch() {
    std::vector<case_commit> out;
    for (auto n = 1 + rng_() % 5; n > 0; --n)
      out.push_back(one());
    return out;
  }
  /// What was accepted moves the script on.
  void settle(const std::vector<case_commit>& batch, const std::vector<outcome<sequence>>& results) {
    for (std::size_t i = 0; i < batch.size(); ++i)
      for (auto& s : scripts_)
        if (s->id() == batch[i].id)
          s->seq = results[i] ? *results[i] : s->seq;
  }
  const std::vector<std::unique_ptr<case_script>>& scripts() const { return scripts_; }
  bool chance(unsigned percent) { return rng_() % 100 < percent; }
  std::uint64_t number(std::uint64_t below) { return rng_() % below; }
  std::string words() {
    static const std::vector<std::string> some{"Pool", "exhausted", "naïve", "ÜBER", "日本語", "disk-full", "a/b", "10.0.0.7", "it's", "🔥", "conn", "connection"};
    std::string text;
    for (auto n = 1 + rng_() % 6; n > 0; --n)
      text += some[rng_() % some.size()] + " ";
    return text;
  }

private:
  case_commit one() {
    if (scripts_.size() < 4 || (scripts_.size() < 12 && chance(10))) {
      auto& s = *scripts_.emplace_back(std::make_unique<case_script>("d" + std::to_string(scripts_.size()), chance(70) ? "user_ada" : "user_bob"));
      turns_.push_back(0);
      s.record.title = words();
      s.record.last_activity_at = s.record.created_at = s.record.updated_at = at_ms(static_cast<std::int64_t>(scripts_.size()));
      if (chance(40))
        s.record.tags = {"t" + std::to_string(rng_() % 3), "x"};
      if (chance(40))
        s.record.participants = {{user_id{"user_bob"}, participant_role::viewer, at_ms(1)}};
      auto c = s.creation();
      s.seq = 0; // settled by the answer
      return c;
    }
    const auto which = rng_() % scripts_.size();
    auto& s = *scripts_[which];
    const auto seq = s.seq;
    if (chance(8))
      s.seq = seq > 0 && chance(50) ? seq - 1 : seq + 3; // stale, or ahead
    auto& r = s.record;
    r.last_activity_at = r.updated_at = at_ms(1'000 + static_cast<std::int64_t>(rng_() % 5'000));
    std::vector<event_data> events;
    const auto turn = turns_[which];
    switch (rng_() % 10) {
    case 0:
      r.title = words();
      r.priority = static_cast<case_priority>(rng_() % 4);
      r.category = chance(50) ? "network" : "";
      events.emplace_back(case_updated{r, {"title"}});
      break;
    case 1:
      r.tags = {"t" + std::to_string(rng_() % 3)};
      r.archived_at = chance(30) ? std::optional{at_ms(5)} : std::nullopt;
      events.emplace_back(case_updated{r, {"tags"}});
      break;
    case 2:
      if (turn > 0) {
        events.emplace_back(turn_started{s.turn(turn), 1});
        events.emplace_back(s.text(turn, 0, "half "));
        break;
      }
      [[fallthrough]];
    case 3:
      if (turn > 0) {
        const auto text = words(); // one after the other: a seed is the same story with every compiler
        events.emplace_back(s.answer(turn, text, 1 + static_cast<std::uint32_t>(rng_() % 3)));
        break;
      }
      [[fallthrough]];
    case 4:
      if (turn > 0) {
        turn_edited edit;
        edit.turn = s.turn(turn);
        edit.content = words();
        events.emplace_back(edit);
        break;
      }
      [[fallthrough]];
    case 5:
      if (turn > 0 && chance(50)) {
        events.emplace_back(turn_withdrawn{s.turn(turn)});
        break;
      }
      [[fallthrough]];
    default: {
      const auto number = chance(6) && turn > 0 ? turn : ++turns_[which]; // sometimes one that is stored
      r.turn_count = number;
      ++r.message_count;
      events.emplace_back(s.question(number, words()));
    }
    }
    auto c = s.of(std::move(events));
    s.seq = seq;
    return c;
  }

  std::mt19937_64 rng_;
  std::vector<std::unique_ptr<case_script>> scripts_;
  std::vector<std::uint32_t> turns_;
};

std::string told(const std::vector<outcome<sequence>>& results) {
  std::string out;
  for (auto& r : results)
    out += (r ? std::to_string(*r) : std::string{to_string(r.error().code)} + "/" + r.error().reason) + " ";
  return out;
}
std::string told(const case_page& page) {
  std::string out = std::to_string(page.total) + ":";
  for (auto& c : page.cases)
    out += " " + c.id.value;
  return out;
}

class differential : public ::testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(seeds, differential, ::testing::Range<std::uint64_t>(1, 9));

TEST_P(differential, AllStoresTellTheSameStory) {
  if (std::getenv("FM_TEST_POSTGRES") == nullptr)
    GTEST_SKIP() << "no server for postgres";
  life l{GetParam()};
  backend memory{"inmemory"}, sqlite{"sqlite"}, postgres{"postgres"};
  const std::vector<backend*> all{&memory, &sqlite, &postgres};
  for (int step = 0; step < 60; ++step) {
    const auto batch = l.batch();
    const auto results = memory.cases().commit(batch);
    for (auto* b : {&sqlite, &postgres})
      ASSERT_EQ(told(b->cases().commit(batch)), told(results)) << b->kind << " step " << step;
    l.settle(batch, results);
    if (l.chance(10) && !l.scripts().empty()) {
      const auto id = l.scripts()[l.number(l.scripts().size())]->id();
      const auto upto = static_cast<sequence>(l.number(20));
      const auto dropped = memory.cases().compact(id, upto).value();
      for (auto* b : {&sqlite, &postgres})
        ASSERT_EQ(b->cases().compact(id, upto).value(), dropped) << b->kind;
    }
    std::vector<case_query> questions(6);
    questions[0].viewer = user_id{"user_ada"};
    questions[1].viewer = user_id{"user_bob"};
    questions[1].include_archived = true;
    questions[2].everything = true;
    questions[2].sort = "title";
    questions[3].viewer = user_id{"user_ada"};
    questions[3].tag = "t1";
    questions[4].everything = true;
    questions[4].priority = case_priority::high;
    questions[4].sort = "priority";
    questions[5].viewer = user_id{"user_bob"};
    questions[5].text = l.chance(50) ? "pool" : "exhausted conn";
    for (auto& q : questions)
      for (auto* b : {&sqlite, &postgres})
        ASSERT_EQ(told(*b->cases().list(q)), told(*memory.cases().list(q))) << b->kind << " step " << step << " text " << q.text;
  }
  for (auto& s : l.scripts()) {
    const auto expected = memory.cases().load(s->id());
    if (!expected) // its creation was refused everywhere
      continue;
    for (auto* b : {&sqlite, &postgres}) {
      auto& c = b->cases();
      EXPECT_EQ(c.load(s->id())->record, expected->record) << b->kind;
      EXPECT_EQ(c.load(s->id())->seq, expected->seq) << b->kind;
      EXPECT_EQ(c.load(s->id())->unfinished, expected->unfinished) << b->kind;
      EXPECT_EQ(c.turns(s->id(), 0, 1'000)->turns, memory.cases().turns(s->id(), 0, 1'000)->turns) << b->kind;
      EXPECT_EQ(c.messages(s->id(), 0, 1'000, true)->messages, memory.cases().messages(s->id(), 0, 1'000, true)->messages) << b->kind;
      const auto mine = c.stored_events(s->id(), 0, 1'000, 1U << 22).value(), theirs = memory.cases().stored_events(s->id(), 0, 1'000, 1U << 22).value();
      ASSERT_EQ(mine.size(), theirs.size());
      for (std::size_t i = 0; i < mine.size(); ++i) {
        EXPECT_EQ(mine[i].link, theirs[i].link) << b->kind << " event " << i + 1;
        EXPECT_EQ(mine[i].data, theirs[i].data) << b->kind << " event " << i + 1;
      }
    }
  }
}

} // namespace
} // namespace fm::contract
