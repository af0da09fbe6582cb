// The contract of case_store::list and its counts: who sees what, filters, order, pages and search.
#include "tests/contract/backends.hpp"

#include <algorithm>
#include <set>

namespace fm::contract {
namespace {

class case_list_contract : public on_every_backend {
protected:
  case_script& add(const std::string& name, const std::function<void(case_record&)>& edit = {},
                   const std::string& owner = "user_ada") {
    scripts_.push_back(std::make_unique<case_script>(name, owner));
    auto& s = *scripts_.back();
    s.record.last_activity_at = s.record.updated_at = s.record.created_at = at_ms(static_cast<std::int64_t>(scripts_.size()));
    if (edit)
      edit(s.record);
    store(cases(), s.creation());
    return s;
  }
  void say(case_script& s, const std::string& text) {
    s.record.turn_count++;
    store(cases(), s.of({s.question(s.record.turn_count, text)}));
  }
  case_query of(const std::string& viewer = "user_ada") const {
    case_query q;
    q.viewer = user_id{viewer};
    return q;
  }
  std::string names(const case_query& q) {
    const auto page = cases().list(q);
    if (!page)
      return "failed: " + page.error().detail;
    std::string all;
    for (auto& c : page->cases)
      all += (all.empty() ? "" : " ") + c.id.value.substr(5);
    return all;
  }
  std::string found(const std::string& text) {
    auto q = of();
    q.text = text;
    return names(q);
  }

private:
  std::vector<std::unique_ptr<case_script>> scripts_;
};
INSTANTIATE_TEST_SUITE_P(backends, case_list_contract, ::testing::Values("inmemory", "sqlite", "postgres"), backend_name);

TEST_P(case_list_contract, APersonSeesWhatTheyOwnOrTakePartInAndNothingElse) {
  add("mine");
  add("shared", [](auto& r) { r.participants = {{user_id{"user_ada"}, participant_role::collaborator, at_ms(0)}}; }, "user_bob");
  add("theirs", {}, "user_bob");
  EXPECT_EQ(names(of()), "shared mine");
  EXPECT_EQ(cases().list(of())->total, 2U);
  EXPECT_EQ(names(of("user_bob")), "theirs shared");
  EXPECT_EQ(names(of("user_eve")), "");
  auto all = of("user_eve");
  all.everything = true;
  EXPECT_EQ(names(all), "theirs shared mine");
  all.participant = user_id{"user_ada"};
  EXPECT_EQ(names(all), "shared mine");
  auto both = of("user_bob");
  both.participant = user_id{"user_ada"};
  EXPECT_EQ(names(both), "shared");
}

TEST_P(case_list_contract, WhoLeavesACaseNoLongerSeesIt) {
  auto& s = add("shared", [](auto& r) { r.participants = {{user_id{"user_ada"}, participant_role::viewer, at_ms(0)}}; }, "user_bob");
  EXPECT_EQ(names(of()), "shared");
  s.record.participants.clear();
  store(cases(), s.of({case_updated{s.record, {"participants"}}}));
  EXPECT_EQ(names(of()), "");
}

TEST_P(case_list_contract, DeletedCasesAreNeverListedArchivedOnesOnDemand) {
  add("open");
  add("old", [](auto& r) { r.archived_at = at_ms(9); });
  auto& gone = add("gone");
  gone.record.deleted_at = at_ms(10);
  store(cases(), gone.of({case_deleted{"test"}}));
  EXPECT_EQ(names(of()), "open");
  auto q = of();
  q.include_archived = true;
  EXPECT_EQ(names(q), "old open");
  q.everything = true;
  EXPECT_EQ(names(q), "old open");
  EXPECT_TRUE(cases().get(gone.id())->deleted_at) << "the grace period reads it still";
  gone.record.deleted_at.reset();
  store(cases(), gone.of({case_restored{"test"}}));
  EXPECT_EQ(names(of()), "gone open");
}

TEST_P(case_list_contract, FiltersAreJoinedByAnd) {
  add("a", [](auto& r) { r.priority = case_priority::high; r.category = "network"; r.tags = {"dns", "prod"}; });
  add("b", [](auto& r) { r.priority = case_priority::high; r.category = "storage"; r.tags = {"prod"}; });
  add("c", [](auto& r) { r.status = case_status::closed; r.tags = {"dns"}; });
  auto q = of();
  q.priority = case_priority::high;
  EXPECT_EQ(names(q), "b a");
  q.category = "network";
  EXPECT_EQ(names(q), "a");
  EXPECT_EQ(cases().list(q)->total, 1U);
  q = of();
  q.tag = "dns";
  EXPECT_EQ(names(q), "c a");
  q.status = case_status::closed;
  EXPECT_EQ(names(q), "c");
  q.tag = "prod";
  EXPECT_EQ(names(q), "");
  EXPECT_EQ(cases().list(q)->total, 0U);
}

TEST_P(case_list_contract, FiltersFollowTheRecordWhenItChanges) {
  auto& a = add("a", [](auto& r) { r.tags = {"dns"}; });
  a.record.tags = {"tcp"};
  a.record.priority = case_priority::low;
  a.record.status = case_status::investigating;
  a.record.category = "network";
  a.record.owner = user_id{"user_bob"};
  store(cases(), a.of({case_updated{a.record, {"tags"}}}));
  EXPECT_EQ(names(of()), "");
  auto q = of("user_bob");
  q.priority = case_priority::low;
  q.status = case_status::investigating;
  q.category = "network";
  q.tag = "tcp";
  EXPECT_EQ(names(q), "a");
  q.tag = "dns";
  EXPECT_EQ(names(q), "");
  EXPECT_EQ(cases().get(a.id()).value(), a.record);
}

TEST_P(case_list_contract, ASummaryShowsTheRecord) {
  auto& s = add("a", [](auto& r) {
    r.priority = case_priority::critical;
    r.message_count = 7;
    r.turn_count = 3;
    r.tags = {"x", "y"};
    r.participants = {{user_id{"user_bob"}, participant_role::viewer, at_ms(0)}};
  });
  EXPECT_EQ(cases().list(of())->cases.at(0), summarize(s.record));
}

TEST_P(case_list_contract, EverySortOrdersAndTiesKeepTheOrderOfCreation) {
  add("a", [](auto& r) { r.title = "pear"; r.priority = case_priority::low; r.last_activity_at = at_ms(30); });
  add("b", [](auto& r) { r.title = "apple"; r.priority = case_priority::critical; r.last_activity_at = at_ms(10); });
  add("c", [](auto& r) { r.title = "quince"; r.priority = case_priority::low; r.last_activity_at = at_ms(20); r.updated_at = at_ms(1); });
  const auto sorted = [&](const char* sort) {
    auto q = of();
    q.sort = sort;
    return names(q);
  };
  EXPECT_EQ(sorted("-last_activity_at"), "a c b");
  EXPECT_EQ(sorted("last_activity_at"), "b c a");
  EXPECT_EQ(sorted("title"), "b a c");
  EXPECT_EQ(sorted("-title"), "c a b");
  EXPECT_EQ(sorted("created_at"), "a b c");
  EXPECT_EQ(sorted("-priority"), "b c a");
  EXPECT_EQ(sorted("priority"), "a c b");
  EXPECT_EQ(sorted("updated_at"), "a c b");
  for (auto* bad : {"", "-", "owner", "--title", "title; DROP TABLE cases"}) {
    auto q = of();
    q.sort = bad;
    EXPECT_EQ(cases().list(q).error().code, errc::invalid) << bad;
  }
}

TEST_P(case_list_contract, CursorsWalkEveryCaseOnceInEverySort) {
  for (int i = 0; i < 23; ++i)
    add("c" + std::to_string(i), [&](auto& r) {
      r.title = "title " + std::to_string(i % 5) + "|\xC3\xA9";
      r.last_activity_at = at_ms(i % 4);
      r.priority = static_cast<case_priority>(i % 3);
    }, i % 6 == 5 ? "user_bob" : "user_ada");
  for (auto* sort : {"-last_activity_at", "last_activity_at", "title", "-title", "-priority", "created_at", "-updated_at"}) {
    auto q = of();
    q.sort = sort;
    q.limit = 100;
    const auto whole = names(q);
    q.limit = 4;
    std::string walked;
    int pages = 0;
    do {
      const auto page = cases().list(q);
      ASSERT_TRUE(page) << page.error().detail;
      EXPECT_EQ(page->total, 20U);
      EXPECT_LE(page->cases.size(), 4U);
      for (auto& c : page->cases)
        walked += (walked.empty() ? "" : " ") + c.id.value.substr(5);
      q.cursor = page->next_cursor;
      ++pages;
    } while (!q.cursor.empty() && pages < 50);
    EXPECT_EQ(walked, whole) << sort;
    EXPECT_EQ(pages, 5) << sort << ": the last page has no cursor";
  }
}

TEST_P(case_list_contract, ACursorGoesOnWhereItStoodWhateverIsAddedInFront) {
  for (auto* name : {"a", "b", "c"})
    add(name);
  auto q = of();
  q.limit = 2;
  const auto first = cases().list(q).value();
  add("d");
  q.cursor = first.next_cursor;
  q.offset = 7; // the cursor wins
  EXPECT_EQ(names(q), "a");
}

TEST_P(case_list_contract, ForeignCursorsAreRefused) {
  for (auto* name : {"a", "b"})
    add(name);
  auto q = of();
  q.limit = 1;
  auto cursor = cases().list(q)->next_cursor;
  ASSERT_FALSE(cursor.empty());
  auto other = of();
  other.sort = "title";
  other.cursor = cursor;
  EXPECT_EQ(cases().list(other).error().code, errc::invalid);
  const std::string endless(10'000, '0');
  for (const std::string& bad : std::vector<std::string>{"x", "zz", "1:2", "00", "307c", endless, "' OR 1=1 --", "307c317c327"}) {
    q.cursor = bad;
    const auto page = cases().list(q);
    ASSERT_FALSE(page) << bad;
    EXPECT_EQ(page.error().code, errc::invalid) << bad;
  }
}

TEST_P(case_list_contract, OffsetsAndLimitsAreBounded) {
  for (int i = 0; i < 105; ++i)
    add("c" + std::to_string(i));
  auto q = of();
  q.limit = 1'000;
  EXPECT_EQ(cases().list(q)->cases.size(), 100U);
  q.limit = 0;
  EXPECT_EQ(cases().list(q)->cases.size(), 1U);
  q.limit = 10;
  q.offset = 100;
  EXPECT_EQ(cases().list(q)->cases.size(), 5U);
  EXPECT_TRUE(cases().list(q)->next_cursor.empty());
  q.offset = ~std::size_t{0};
  EXPECT_TRUE(cases().list(q)->cases.empty());
  EXPECT_EQ(cases().list(q)->total, 105U);
}

TEST_P(case_list_contract, SearchFindsWordsInTitleDescriptionAndMessages) {
  auto& a = add("a", [](auto& r) { r.title = "Checkout is slow"; r.description = "Since the deploy on Friday"; });
  say(a, "ERROR redis: connection refused (10.0.0.7:6379)");
  auto& z = add("z", [](auto& r) { r.title = "Login fails"; });
  say(z, "connection reset by peer");
  EXPECT_EQ(found("checkout"), "a");
  EXPECT_EQ(found("FRIDAY"), "a");
  EXPECT_EQ(found("connection"), "z a");
  EXPECT_EQ(found("connection refused"), "a");
  EXPECT_EQ(found("checkout redis friday"), "a") << "words may stand in different places of a case";
  EXPECT_EQ(found("checkout login"), "");
  EXPECT_EQ(found("6379"), "a");
  EXPECT_EQ(found("conn"), "z a") << "the last word may be a beginning";
  EXPECT_EQ(found("conn redis"), "") << "only the last one";
  EXPECT_EQ(found("p"), "") << "one letter is a word, not a beginning";
  EXPECT_EQ(found("   "), "z a") << "no words, no filter";
  EXPECT_EQ(found("?!"), "") << "nothing to look for is found nowhere";
}

TEST_P(case_list_contract, SearchSeesOnlyWhatTheCallerMaySee) {
  auto& theirs = add("theirs", {}, "user_bob");
  say(theirs, "secret okapi");
  EXPECT_EQ(found("okapi"), "");
  auto q = of("user_bob");
  q.text = "okapi";
  EXPECT_EQ(names(q), "theirs");
  q.status = case_status::closed;
  EXPECT_EQ(names(q), "");
}

TEST_P(case_list_contract, SearchFollowsTheRecordWhenItChanges) {
  auto& a = add("a", [](auto& r) { r.title = "walrus"; });
  a.record.title = "narwhal";
  store(cases(), a.of({case_updated{a.record, {"title"}}}));
  EXPECT_EQ(found("walrus"), "");
  EXPECT_EQ(found("narwhal"), "a");
}

TEST_P(case_list_contract, NoQueryTextIsEverASyntaxError) {
  auto& a = add("a", [](auto& r) { r.title = "quoted"; });
  say(a, "na\xC3\xAFve \xE2\x80\x9Csmart\xE2\x80\x9D \xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E text\xE2\x80\x94with dashes");
  for (std::string text :
       {"\"", "'", "a\"b", "AND", "OR", "NOT", "NEAR(a b)", "title:x", "a*", "*", "^a", "(", ")", "a + b", "-a", "{a b}: c",
        "a\xE2\x80\x94" "b", "\xE6\x97\xA5\xE3\x80\x81\xE6\x9C\xAC", "e\xCC\x81\xCC\x82", "\xCC\x81", "\xFF\xFE", "\xF0\x9F\x98\x80",
        "\xC2\xAD", "%", "_", ";", "--", "x' OR '1'='1", "\\", "\xE2\x80\x8B", "\xCA\xBC" "a\xCA\xBC" "b"}) {
    auto q = of();
    q.text = text;
    const auto page = cases().list(q);
    EXPECT_TRUE(page) << text << ": " << page.error().detail;
  }
  auto q = of();
  q.text = std::string("nul\0quoted", 10);
  EXPECT_TRUE(cases().list(q));
  q.text.clear();
  for (int i = 0; i < 5'000; ++i)
    q.text += "word" + std::to_string(i) + " ";
  EXPECT_EQ(names(q), "");
  EXPECT_EQ(found("\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"), "a");
}

TEST_P(case_list_contract, OpenCasesCountsWhatIsNeitherFinishedNorDeleted) {
  add("a");
  add("b", [](auto& r) { r.status = case_status::investigating; });
  add("c", [](auto& r) { r.status = case_status::closed; });
  add("d", [](auto& r) { r.deleted_at = at_ms(1); });
  add("e", [](auto& r) { r.archived_at = at_ms(1); });
  add("f", {}, "user_bob");
  EXPECT_EQ(cases().open_cases_of(user_id{"user_ada"}).value(), 3U);
  EXPECT_EQ(cases().open_cases_of(user_id{"user_eve"}).value(), 0U);
}

} // namespace
} // namespace fm::contract
