// The log analysis: heads, templates, traces, hostile input, and the same result in one piece or in many.
#include "actors/agent/builtin_analyst.hpp"
#include "actors/evidence/masking.hpp"
#include "actors/evidence/render.hpp"
#include "actors/evidence/template_miner.hpp"
#include "actors/evidence/trouble.hpp"
#include "tests/evidence/labelled_logs.hpp"

#include <gtest/gtest.h>

#include <map>

namespace {
using namespace fm;
using namespace fm::evidence;

std::string message_of(std::string_view line, log_layout layout = {}) {
  const auto h = parse_header(line, layout);
  return std::string{line.substr(std::min(h.message, line.size()))};
}
std::string time_of(std::string_view line) {
  const auto h = parse_header(line);
  return h.time_ms ? render_time(*h.time_ms) : "none";
}

TEST(header, TimesOfManyFormats) {
  EXPECT_EQ(time_of("2026-01-31T12:00:00.250Z x"), "2026-01-31 12:00:00");
  EXPECT_EQ(time_of("2026-01-31T12:00:00+02:00 x"), "2026-01-31 10:00:00");
  EXPECT_EQ(time_of("2026-01-31 12:00:00,250 INFO x"), "2026-01-31 12:00:00");
  EXPECT_EQ(time_of("2026/01/31 12:00:00 [error] 1#1: x"), "2026-01-31 12:00:00");
  EXPECT_EQ(time_of("081109 203615 148 INFO dfs.X: y"), "2008-11-09 20:36:15");
  EXPECT_EQ(time_of("17/06/09 20:10:40 INFO x"), "2017-06-09 20:10:40");
  EXPECT_EQ(time_of("- 1117838570 2005.06.03 R02 2005-06-03-15.42.50.675872 R02 RAS KERNEL INFO x"), "2005-06-03 22:42:50");
  EXPECT_EQ(time_of("[Sun Dec 04 04:47:44 2005] [notice] x"), "2005-12-04 04:47:44");
  EXPECT_EQ(time_of("10.0.0.1 - - [10/Oct/2025:13:55:36 +0000] \"GET / HTTP/1.1\" 200 1"), "2025-10-10 13:55:36");
  EXPECT_EQ(time_of("20171223-22:15:29:606|Step_LSC|30002312|x"), "2017-12-23 22:15:29");
  EXPECT_EQ(time_of("20171224-0:7:4:1|Step_LSC|30002312|x"), "2017-12-24 00:07:04");
  EXPECT_EQ(time_of("[10.30 16:49:06] chrome.exe - x"), "2000-10-30 16:49:06");
  EXPECT_EQ(time_of("Jun  4 15:16:01 combo sshd[1]: x"), "2000-06-04 15:16:01");
  EXPECT_EQ(time_of("E0102 15:04:05.000000 1 a.go:3] x"), "2000-01-02 15:04:05");
  EXPECT_EQ(time_of("02-Jan-2026 15:04:05.123 SEVERE [main] x"), "2026-01-02 15:04:05");
  EXPECT_EQ(time_of("Jan 2, 2026 3:04:05 PM org.x.Y log"), "2026-01-02 15:04:05");
  EXPECT_EQ(time_of("Mon, 02 Jan 2026 15:04:05 GMT x"), "2026-01-02 15:04:05");
  EXPECT_EQ(time_of("1/31/2026 12:04:05 AM,Error,x"), "2026-01-31 00:04:05");
  EXPECT_EQ(time_of("31/01/2026 13:04:05 x"), "2026-01-31 13:04:05");
  EXPECT_EQ(time_of("31.01.2026 13:04:05 x"), "2026-01-31 13:04:05");
  EXPECT_EQ(time_of("2026-01-31 12:00:00 CET x"), "2026-01-31 11:00:00");
  EXPECT_EQ(time_of("1769860800.250 x"), "2026-01-31 12:00:00");
  EXPECT_EQ(time_of("time=\"2026-01-31T12:00:00Z\" level=info msg=x"), "2026-01-31 12:00:00");
  EXPECT_EQ(time_of("{\"level\":\"info\",\"time\":\"2026-01-31T12:00:00Z\",\"msg\":\"x\"}"), "2026-01-31 12:00:00");
  EXPECT_EQ(time_of("{\"level\":30,\"time\":1769860800123,\"msg\":\"x\"}"), "2026-01-31 12:00:00");
  EXPECT_EQ(time_of("<34>1 2026-01-31T12:00:00.003Z host su 7 ID47 - failed"), "2026-01-31 12:00:00");
  EXPECT_EQ(time_of("13:04:05.250 [main] INFO x"), "1970-01-01 13:04:05");
  EXPECT_EQ(time_of("[   61.250000] usb 1-1: new device"), "1970-01-01 00:01:01");
  EXPECT_FALSE(parse_header("13:04:05 x").date_known);
  EXPECT_EQ(time_of("13/13/2026 10:00:00 x"), "none");
  EXPECT_EQ(time_of("the year 2026 began well"), "none");
  EXPECT_EQ(time_of("2026-13-45 99:99:99 x"), "none");
}

TEST(header, LevelsAndWhereTheMessageBegins) {
  EXPECT_EQ(parse_header("2026-01-31 12:00:00 ERROR [main] com.x.Y: boom").level, severity::error);
  EXPECT_EQ(parse_header("{\"ts\":1,\"level\":\"warn\",\"msg\":\"x\"}").level, severity::warning);
  EXPECT_EQ(parse_header("time=2026 level=error msg=x").level, severity::error);
  EXPECT_EQ(parse_header("03-17 16:13:38.811  1702  2395 W ActivityManager: x").level, severity::warning);
  EXPECT_EQ(parse_header("an error occurred somewhere in the text").level, severity::none);
  EXPECT_EQ(message_of("2026-01-31 12:00:00,1 ERROR [main] com.x.Y: boom 1"), "boom 1");
  EXPECT_EQ(message_of("Jun  4 15:16:01 combo sshd(pam_unix)[19939]: check pass; user unknown"), "check pass; user unknown");
  EXPECT_EQ(message_of("- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.675872 R02-M1 RAS KERNEL INFO parity error"), "parity error");
  EXPECT_EQ(message_of("[Sun Dec 04 04:47:44 2005] [error] mod_jk child"), "mod_jk child");
  EXPECT_EQ(message_of("20171223-22:15:29:606|Step_LSC|30002312|onStand 3579"), "onStand 3579");
  EXPECT_EQ(message_of("2026-01-05T10:00:00Z stderr F E0105 10:00:00.1 1 a.go:3] \"Error\""), "\"Error\"");
}

TEST(header, StructuredLinesSayTheirLevelAndMessage) {
  const auto text = [](std::string_view line) {
    const auto h = parse_header(line);
    return std::string{name_of(h.level)} + ": " + std::string{line.substr(h.message, h.message_end - h.message)};
  };
  EXPECT_EQ(text(R"({"ts":1,"level":"warn","msg":"disk \"sda\" slow","nested":{"level":"fatal","msg":"no"}})"), R"(warning: disk \"sda\" slow)");
  EXPECT_EQ(text(R"({"level":50,"message":"boom"})"), "error: boom");
  EXPECT_EQ(text(R"({"msg":"x","severity":"CRITICAL")"), "fatal: x") << "cut off";
  EXPECT_EQ(text(R"({"status":502,"message":"GET /"})"), "error: GET /");
  EXPECT_EQ(text(R"({"log":"2026-01-31 12:00:00 ERROR it broke\n","stream":"stderr","time":"2026-01-31T12:00:00Z"})"), "error: it broke");
  EXPECT_EQ(text("<11>Jan 31 12:00:00 host app[7]: it broke"), "error: it broke");
  EXPECT_EQ(text("<34>1 2026-01-31T12:00:00Z host su 7 ID47 [a b=\"c\"][d] it broke"), "fatal: it broke");
  EXPECT_EQ(text(R"(10.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "GET /a HTTP/1.1" 503 1)"), R"(error: "GET /a HTTP/1.1" 503 1)");
  EXPECT_EQ(text(R"(10.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "GET /a HTTP/1.1" 404 1)"), R"(info: "GET /a HTTP/1.1" 404 1)");
  EXPECT_EQ(text("{"), "none: {");
  EXPECT_EQ(text(R"({"level)"), R"(none: {"level)");
}

TEST(masking, NumbersPathsAddressesAndHexAreVariables) {
  EXPECT_EQ(masked("Received block blk_-123 of size 67108864 from /10.250.1.2"), "Received block <*> of size <*> from <*>");
  EXPECT_EQ(masked("src: /10.0.0.1:54106 dest: /10.0.0.2:50010"), "src: <*> dest: <*>");
  EXPECT_EQ(masked("user=root uid=0 a=b"), "user= root uid= <*> a= b");
  EXPECT_EQ(masked("lifetime <1 sec, done"), "lifetime <*> , done");
  EXPECT_EQ(masked("sizes 1,2,3 (4.5 KB)"), "sizes <*> (<*> <*>)");
  EXPECT_EQ(masked("at Sat Jun 18 02:08:10 2005"), "at <*> <*> <*> <*> <*>");
  EXPECT_EQ(masked("Mon, 02 Jan 2026 at 3:04 PM"), "<*>, <*> <*> <*> at <*> <*>");
  EXPECT_EQ(masked("Sun is down, May I"), "Sun is down, May I") << "no date";
  EXPECT_EQ(masked("opt-in: False, state: No"), "opt-in: <*>, state: <*>");
  EXPECT_EQ(masked("db1.example.org:5432 refused"), "<*> refused");
  EXPECT_EQ(masked("\"GET /a/b HTTP/1.1\" 502 17"), "\"GET <*> <*>\" 5xx <*>");
  EXPECT_EQ(masked("failed."), "failed.");
}

TEST(miner, FewAlternativesAreTemplatesManyAreAVariable) {
  template_miner m;
  std::vector<std::uint32_t> opened, users;
  for (int i = 0; i < 30; ++i) {
    opened.push_back(m.add(i % 2 ? "session opened for user root by sshd" : "session closed for user root by sshd"));
    users.push_back(m.add("password of account name" + std::string(1, static_cast<char>('a' + i % 26)) + "x was changed"));
  }
  const auto g = m.finish();
  EXPECT_NE(g.template_of[opened[0]], g.template_of[opened[1]]);
  for (const auto u : users)
    EXPECT_EQ(g.template_of[u], g.template_of[users[0]]);
  EXPECT_EQ(g.patterns[g.template_of[users[0]]], "password of account <*> was changed");
}

TEST(miner, StatesAndKeysSplitDottedNamesAndRareWordsDoNot) {
  template_miner m;
  std::map<std::string, std::uint32_t> shape;
  const auto add = [&](const std::string& message, int times = 1) {
    for (int i = 0; i < times; ++i)
      shape[message] = m.add(message);
  };
  for (const char* to : {"RUNNING", "FAILED", "KILLED", "LOST", "DONE", "NEW"})
    add(std::string{"task moved on to "} + to, 3);
  add("bufstart= <*> ok");
  add("bufend= <*> ok");
  for (const char* name : {"com.shop.orders.Api", "com.shop.users.Api", "org.other.jobs.Runner"})
    add(std::string{"loaded plugin "} + name, 5);
  add("failed password of root again", 40);
  add("failed password of uucp again");
  const auto of = m.finish().template_of;
  EXPECT_NE(of[shape["task moved on to RUNNING"]], of[shape["task moved on to FAILED"]]);
  EXPECT_NE(of[shape["bufstart= <*> ok"]], of[shape["bufend= <*> ok"]]);
  EXPECT_EQ(of[shape["loaded plugin com.shop.orders.Api"]], of[shape["loaded plugin org.other.jobs.Runner"]]);
  EXPECT_EQ(of[shape["failed password of root again"]], of[shape["failed password of uucp again"]]);
}

TEST(miner, AnAccessLogsServerErrorsAreAKindOfTheirOwn) {
  std::string log;
  for (int i = 0; i < 600; ++i)
    log += "10.0.0." + std::to_string(i % 200) + " - - [10/Oct/2025:13:" + std::to_string(10 + i / 60) + ":" + std::to_string(10 + i % 50) + " +0000] \"GET /api/" + std::to_string(i) +
           " HTTP/1.1\" " + (i % 40 == 0 ? "503" : i % 7 == 0 ? "404" : i % 11 == 0 ? "304" : "200") + " 512\n";
  const auto a = analyze(log);
  ASSERT_FALSE(a.look_first.empty());
  EXPECT_EQ(a.templates[a.look_first.front().template_id].count, 15U) << a.templates[a.look_first.front().template_id].pattern;
  EXPECT_EQ(a.by_severity[static_cast<std::size_t>(severity::error)], 15U);
}

TEST(miner, WhenTheTableIsFullLinesOfALengthShareAShape) {
  template_miner m{8};
  for (int i = 0; i < 100; ++i)
    m.add(std::string(static_cast<std::size_t>(i % 50) + 1, 'a') + " word" + std::string(static_cast<std::size_t>(i % 7) + 1, 'b'));
  EXPECT_LE(m.size(), 9U);
}

TEST(trouble, WordsCountAtTheirBeginningAndNotWhenThereAreNone) {
  EXPECT_EQ(trouble_in("java.net.ConnectException: Connection refused").weight, 2);
  EXPECT_EQ(trouble_in("kernel panic - not syncing").weight, 3);
  EXPECT_EQ(trouble_in("finished with 0 errors").weight, 0);
  EXPECT_EQ(trouble_in("terrorism").weight, 0);
  EXPECT_EQ(trouble_of(severity::info, trouble_in("all is well")), 0);
}

TEST(triage, StackTracesOfFiveLanguagesAreOneThingEach) {
  const auto a = analyze("2026-01-01 10:00:00 ERROR app failed\njava.lang.IllegalStateException: no\n\tat com.x.A.b(A.java:1)\n\tat com.x.C.d(C.java:2)\n"
                         "Caused by: java.io.IOException: disk\n\t... 3 more\n2026-01-01 10:00:01 INFO next\n"
                         "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    g()\nValueError: bad\n2026-01-01 10:00:02 INFO end\n");
  ASSERT_EQ(a.traces.size(), 2U);
  EXPECT_EQ(a.traces[0].root.text, "Caused by: java.io.IOException: disk");
  EXPECT_EQ(a.traces[1].root.text, "ValueError: bad");
}

TEST(triage, QuotesAreLinesOfTheInputByteForByte) {
  const auto log = testing_support::log_writer{3}.write(testing_support::log_kind_of("bgl"), 2'000);
  const auto a = analyze(log.text);
  for (auto& item : a.look_first) {
    const auto& l = a.templates[item.template_id].worst;
    EXPECT_EQ(log.text.substr(l.begin, l.size), l.text);
    EXPECT_EQ(std::count(log.text.begin(), log.text.begin() + static_cast<std::ptrdiff_t>(l.begin), '\n') + 1, static_cast<std::ptrdiff_t>(l.number));
  }
}

TEST(triage, TheSameBytesGiveTheSameResultInOnePieceOrInMany) {
  std::string text;
  testing_support::log_writer w{9};
  for (auto& kind : testing_support::log_kinds())
    text += w.write(kind, 200).text;
  const auto once = render_json(analyze(text));
  EXPECT_EQ(render_json(analyze(text)), once);
  for (const std::size_t n : {1UL, 7UL, 4'096UL, 100'000UL}) {
    log_analyzer pieces;
    for (std::size_t at = 0; at < text.size(); at += n)
      pieces.feed(std::string_view{text}.substr(at, n));
    EXPECT_EQ(render_json(pieces.finish()), once) << n;
  }
}

TEST(triage, HostileInputEndsWithAClearResult) {
  EXPECT_EQ(analyze("").lines, 0U);
  EXPECT_EQ(analyze("\n\n\n").lines, 3U);
  const auto giant = analyze(std::string(10U << 20, 'A'));
  EXPECT_EQ(giant.lines, 1U);
  EXPECT_LE(giant.templates.at(0).first.text.size(), 512U);
  const auto zeros = analyze(std::string(1U << 20, '\0') + "\nERROR after\n");
  EXPECT_EQ(zeros.lines, 2U);
  const auto broken = analyze("\xff\xfe ERROR \x80\x81 timeout\n\x1b[31m2026-01-01 10:00:00 ERROR red\x1b[0m\r\nplain\r\n");
  EXPECT_EQ(broken.lines, 3U);
  EXPECT_EQ(broken.by_severity[static_cast<std::size_t>(severity::error)], 2U);
  std::string regex_hostile;
  for (int i = 0; i < 2'000; ++i)
    regex_hostile += std::string(500, 'a') + "((((((((" + std::string(500, '=') + "\n";
  EXPECT_EQ(analyze(regex_hostile).lines, 2'000U);
  (void)render_text(broken, true);
}

TEST(triage, EveryLineGetsATemplate) {
  evidence::limits l;
  l.assignments = true;
  const auto a = analyze("a 1\n\nb 2\n  at x(y.java:1)\nlast", l);
  ASSERT_EQ(a.assignments.size(), 5U);
  for (const auto id : a.assignments)
    EXPECT_LT(id, a.templates.size());
}

TEST(analyst, SaysThatThereIsNoModelAndQuotesWhatIsThere) {
  const auto log = testing_support::log_writer{5}.write(testing_support::log_kind_of("app"), 300);
  analyst_input in;
  in.question = "what is wrong?\n" + log.text;
  std::string all;
  for (auto& c : answer_builtin(in).chunks)
    all += c;
  EXPECT_NE(all.find("No language model is configured"), std::string::npos);
  std::size_t quotes = 0;
  for (auto at = all.find("```\n"); at != std::string::npos; at = all.find("```\n", at)) {
    const auto end = all.find("\n```", at + 4);
    ASSERT_NE(end, std::string::npos);
    EXPECT_NE(in.question.find(all.substr(at + 4, end - at - 4)), std::string::npos);
    ++quotes;
    at = end + 4;
  }
  EXPECT_GE(quotes, 3U);
  std::string again;
  for (auto& c : answer_builtin(in).chunks)
    again += c;
  EXPECT_EQ(again, all);
}

TEST(analyst, AnswersFromTheFilesOfTheCase) {
  analyst_input in;
  in.question = "what is wrong?";
  in.analyses = {"Analysed a.log: 10 lines.\nline 3 (1 line, error)\n    connection refused by ```db```\n"};
  const auto answer = answer_builtin(in);
  EXPECT_EQ(answer.response_type, "ANSWER");
  std::string all;
  for (auto& c : answer.chunks)
    all += c;
  EXPECT_NE(all.find("connection refused by"), std::string::npos);
  in.analyses.clear();
  EXPECT_EQ(answer_builtin(in).response_type, "NEEDS_MORE_DATA");
}
} // namespace
