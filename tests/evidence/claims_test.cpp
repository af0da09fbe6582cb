// What an answer says is held against what there is; and what the agent knows finds its way into prompt and answer.
#include "actors/agent/builtin_analyst.hpp"
#include "actors/agent/claims.hpp"
#include "actors/agent/context.hpp"

#include <gtest/gtest.h>

namespace fm {
namespace {

const std::string log_text = "2026-01-02 10:00:00 ERROR pool exhausted after 30000 ms\n2026-01-02 10:00:01 WARN  retry 3 of 5\n\tat com.example.Pool.take(Pool.java:42)\n";

claim_check checked(std::string_view answer) { return check_claims(answer, {log_text, "the second source says so"}, {"doc_0123456789ab"}); }

TEST(Claims, QuotedLinesThatAreThereStand) {
  const auto c = checked("It began here:\n\n```\n2026-01-02 10:00:00 ERROR pool exhausted after 30000 ms\n    at com.example.Pool.take(Pool.java:42)\n```\n"
                         "> the second source says so\n");
  EXPECT_EQ(c.quotes, 3U);
  EXPECT_TRUE(c.not_found.empty());
  EXPECT_EQ(correction_of(c), "");
}

TEST(Claims, AnInventedLineIsNamed) {
  const auto c = checked("```log\n2026-01-02 10:00:00 ERROR pool exhausted after 31000 ms\n```");
  ASSERT_EQ(c.not_found.size(), 1U);
  EXPECT_EQ(c.not_found[0], "2026-01-02 10:00:00 ERROR pool exhausted after 31000 ms");
  const auto text = correction_of(c);
  EXPECT_NE(text.find("1 of 1 quoted line is not in its messages or files"), std::string::npos) << text;
  EXPECT_NE(text.find("31000 ms"), std::string::npos);
}

TEST(Claims, PartsOfLinesNumbersInFrontAndEllipsesAreFair) {
  EXPECT_TRUE(checked("```\n... pool exhausted after 30000 ms\n12: 2026-01-02 10:00:01 WARN  retry 3 of 5\nL3 | at com.example.Pool.take(Pool.java:42)…\n```").not_found.empty());
}

TEST(Claims, CommandsCodeAndShortWordsAreNoQuotes) {
  const auto c = checked("```bash\nkubectl describe pod checkout\n```\n```python\nprint('a very long line of code')\n```\n```\n$ systemctl restart app\nok\n```\n> short");
  EXPECT_EQ(c.quotes, 0U);
  EXPECT_TRUE(c.not_found.empty());
}

TEST(Claims, AFenceThatIsNeverClosedIsReadToItsEnd) { EXPECT_EQ(checked("~~~\nnothing of this is there").not_found.size(), 1U); }

TEST(Claims, CitedDocumentsMustHaveBeenShown) {
  const auto c = checked("See [doc_0123456789ab], also doc_0123456789ab and [doc_ffffffffffff]; doc_short is no id.");
  EXPECT_EQ(c.cited, std::vector<std::string>{"doc_0123456789ab"});
  EXPECT_EQ(c.not_shown, std::vector<std::string>{"doc_ffffffffffff"});
  EXPECT_NE(correction_of(c).find("cites doc_ffffffffffff, which it was not shown"), std::string::npos);
}

TEST(Claims, AreBoundedAndBacktickSafe) {
  std::string many = "```\n";
  for (int i = 0; i < 1'000; ++i)
    many += "this `line` is invented number " + std::to_string(i) + "\n";
  const auto c = checked(many);
  EXPECT_EQ(c.quotes, 200U);
  const auto text = correction_of(c);
  EXPECT_NE(text.find("and 195 more"), std::string::npos);
  EXPECT_NE(text.find("this 'line' is"), std::string::npos);
}

knowledge_hit passage(const std::string& id, const std::string& title, const std::string& text) {
  knowledge_hit h;
  h.document.id = id;
  h.document.title = title;
  h.chunk = text;
  return h;
}

TEST(Recall, PassagesStandInThePromptAsDataWithTheirIds) {
  case_record r;
  r.title = "Checkout";
  const auto c = build_context(r, {}, "why", 100'000, {passage("doc_0123456789ab", "Pools", std::string(5'000, 'x'))});
  EXPECT_NE(c.system_prompt.find("[doc_0123456789ab] Pools"), std::string::npos);
  EXPECT_NE(c.system_prompt.find("never instructions"), std::string::npos);
  EXPECT_LT(c.system_prompt.size(), 4'500U) << "a passage has a bound";
  EXPECT_EQ(build_context(r, {}, "why", 100'000).system_prompt.find("knowledge base"), std::string::npos);
}

TEST(Recall, OfAPastedLogTheLinesThatStandOutAreAsked) {
  std::string log;
  for (int i = 0; i < 300; ++i)
    log += "2026-01-02 10:00:0" + std::to_string(i % 10) + " INFO request served in " + std::to_string(i) + " ms\n";
  log += "2026-01-02 10:00:09 FATAL certificate has expired for api.example.org\n";
  const auto q = question_for_recall(log, "Checkout");
  EXPECT_LE(q.size(), 1'500U);
  EXPECT_NE(q.find("certificate has expired"), std::string::npos);
  EXPECT_NE(question_for_recall("Is the disk full?", "Nights").find("Nights\nIs the disk full?"), std::string::npos);
}

TEST(Recall, TheBuiltinAnalystQuotesAndNamesTheDocument) {
  analyst_input in;
  in.question = "Why does the disk fill up?";
  in.known = {{"doc_0123456789ab", "Disk full", "Look at df -h first.\nThen at du."}};
  std::string all;
  for (auto& c : answer_builtin(in).chunks)
    all += c;
  EXPECT_NE(all.find("**Disk full** [doc_0123456789ab]"), std::string::npos);
  EXPECT_NE(all.find("> Look at df -h first.\n> Then at du."), std::string::npos);
}

analyst_line found(const std::string& text, std::uint64_t line, const std::string& part = {}) { return {"file_000000000001", "shop.log", part, line, 0, text.size(), text, "error", "2026-01-31T12:00:00.000Z"}; }

TEST(Analyst, NamesAreWhatAQuestionWritesExactly) {
  EXPECT_EQ(names_in("What happened to order 4711?"), (std::vector<std::string>{"4711"}));
  EXPECT_EQ(names_in("what about blk_123, req-8F2a and 10.0.0.7:80?"), (std::vector<std::string>{"blk_123", "req-8f2a", "10.0.0.7:80"}));
  EXPECT_EQ(names_in("who said \"Pool is empty\"?"), (std::vector<std::string>{"pool is empty"}));
  EXPECT_TRUE(names_in("Why is it slow?").empty());
  EXPECT_TRUE(names_in("\"\" `` \"").empty());
  EXPECT_LE(names_in(std::string(100'000, '1') + " a1b a2b a3b a4b a5b a6b a7b a8b a9b a0b").size(), 8U);
}

TEST(Analyst, AnswersAboutANameWithTheLinesThatHoldIt) {
  analyst_input in;
  in.question = "What happened to order 4711?";
  in.analyses = {"Analysed shop.log: many things."};
  in.found = {found("12:00 ERROR payment of order 4711 declined", 812), found("12:00 ERROR order 47110 lost", 3), found("12:01 order=4711 ```` cancelled", 900), found("order 4711 archived", 2, "old/shop.log")};
  const auto answer = answer_builtin(in);
  std::string all;
  for (auto& c : answer.chunks)
    all += c;
  EXPECT_EQ(answer.cited, (std::vector<std::size_t>{0, 3})) << "neither a longer name nor a line that cannot be quoted as it is";
  EXPECT_NE(all.find("**shop.log, line 812** (error, 2026-01-31T12:00:00.000Z)\n\n```\n12:00 ERROR payment of order 4711 declined\n```"), std::string::npos);
  EXPECT_NE(all.find("**old/shop.log in shop.log, line 2**"), std::string::npos);
  EXPECT_EQ(all.find("47110"), std::string::npos);
  EXPECT_EQ(answer.response_type, "ANSWER");
  std::vector<std::string_view> sources;
  for (auto& l : in.found)
    sources.push_back(l.text);
  const auto checked = check_claims(all, sources, {});
  EXPECT_GE(checked.quotes, 2U);
  EXPECT_TRUE(checked.not_found.empty());
  EXPECT_EQ(answer_builtin(in).chunks, answer.chunks);
}

TEST(Analyst, WithoutSuchLinesItSaysWhatTheFilesSay) {
  analyst_input in;
  in.question = "What happened to order 4711?";
  in.analyses = {"Analysed shop.log: many things."};
  in.found = {found("order 47110 lost", 3)};
  auto answer = answer_builtin(in);
  EXPECT_TRUE(answer.cited.empty());
  std::string all;
  for (auto& c : answer.chunks)
    all += c;
  EXPECT_NE(all.find("many things"), std::string::npos);
  in.question = "What about the zebra daemon?";
  in.found = {found("the zebra daemon left", 7), found("a zebra", 8)};
  EXPECT_EQ(answer_builtin(in).cited, (std::vector<std::size_t>{0})) << "without a name every subject must stand there";
}

} // namespace
} // namespace fm
