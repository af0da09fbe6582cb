// Source code, texts of people and traces: structure, what hurts, and what is said, each at its line.
#include "actors/evidence/extractors/chat.hpp"
#include "actors/evidence/extractors/extract.hpp"
#include "actors/evidence/extractors/source_code.hpp"
#include "actors/evidence/extractors/text_document.hpp"
#include "actors/evidence/extractors/traces.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace {
using namespace fm::extractors;

const finding* find(const extraction& x, std::string_view kind) {
  const auto it = std::find_if(x.findings.begin(), x.findings.end(), [&](auto& f) { return f.kind == kind; });
  return it == x.findings.end() ? nullptr : &*it;
}

constexpr std::string_view python = "import requests\n"
                                    "\n"
                                    "class Client:\n"
                                    "    def __init__(self, url):\n"
                                    "        self.url = url\n"
                                    "\n"
                                    "    def load(self):\n"
                                    "        try:\n"
                                    "            return requests.get(self.url)\n"
                                    "        except Exception:\n"
                                    "            pass\n"
                                    "\n"
                                    "def main():\n"
                                    "    return Client('a').load()\n";

TEST(SourceLanguage, IsKnownWithoutAName) {
  EXPECT_EQ(language_of("", python).lang, language::python);
  EXPECT_EQ(language_of("", "package com.example;\n\nimport java.util.List;\n\npublic class A {\n  private final String a;\n\n  @Override\n  public String toString() { return a; }\n}\n").lang, language::java);
  EXPECT_EQ(language_of("", "package main\n\nimport (\n\t\"fmt\"\n)\n\nfunc main() {\n\tif err != nil {\n\t}\n\tx := 1\n}\n").lang, language::go);
  EXPECT_EQ(language_of("", "use std::fs;\n\npub fn a() -> Result<u8, E> {\n  let mut x = fs::read(1).unwrap();\n  match x { _ => 1 }\n}\nimpl A {}\n").lang, language::rust);
  EXPECT_EQ(language_of("", "#include <vector>\nnamespace a {\nclass b {\npublic:\n  std::vector<int> c;\n};\n}\n").lang, language::cpp);
  EXPECT_EQ(language_of("", "SELECT a FROM b JOIN c ON 1 WHERE d;\nCREATE TABLE e (f int);\nINSERT INTO e VALUES (1);\n").lang, language::sql);
  EXPECT_EQ(language_of("", "#!/bin/bash\nset -e\nif [ -f a ]; then\n  echo $(cat a)\nfi\n").lang, language::shell);
  EXPECT_EQ(language_of("a.ts", "export const a = (b: string): number => {\n  return 1;\n};\ninterface C { d: number }\n").lang, language::typescript);
  EXPECT_EQ(language_of("", "nothing of the kind here").lang, language::unknown);
}

TEST(SourceStructure, FunctionsAndTypesWithTheirLines) {
  const auto units = structure_of(language::python, lines{python});
  ASSERT_EQ(units.size(), 4U);
  EXPECT_EQ(units[0].name, "Client");
  EXPECT_EQ(units[0].last, 10U);
  EXPECT_EQ(units[2].name, "load");
  EXPECT_EQ(units[2].first, 6U);
  EXPECT_EQ(units[2].last, 10U);
  const std::string_view java = "public class A {\n  int f(int x) {\n    if (x > 0) {\n      return \"}\".length();\n    }\n    return 0;\n  }\n\n  void g() {\n  }\n}\n";
  const auto java_units = structure_of(language::java, lines{java});
  ASSERT_EQ(java_units.size(), 3U);
  EXPECT_EQ(java_units[1].name, "f");
  EXPECT_EQ(java_units[1].last, 6U);
  EXPECT_EQ(java_units[0].last, 10U);
}

TEST(SourceSmells, SwallowedErrorsOfEveryLanguage) {
  EXPECT_NE(find(extract_source("a.py", python), "swallowed_error"), nullptr);
  EXPECT_NE(find(extract_source("a.py", python), "no_timeout"), nullptr);
  EXPECT_EQ(find(extract_source("a.py", python), "swallowed_error")->quote, "        except Exception:\n            pass");
  EXPECT_EQ(find(extract_source("a.py", python), "swallowed_error")->at.first_line, 10U);
  EXPECT_EQ(find(extract_source("a.py", python), "swallowed_error")->where, "load");
  EXPECT_NE(find(extract_source("A.java", "public class A {\n  void f() {\n    try { g(); }\n    catch (Exception e) {\n    }\n  }\n}\n"), "swallowed_error"), nullptr);
  EXPECT_NE(find(extract_source("a.go", "package a\n\nfunc f() error {\n\tif err != nil {\n\t\treturn nil\n\t}\n\treturn err\n}\n"), "swallowed_error"), nullptr);
  EXPECT_NE(find(extract_source("a.js", "const a = require('a');\nfetch(x).catch(() => {});\n"), "swallowed_error"), nullptr);
  EXPECT_NE(find(extract_source("a.sql", "DELETE FROM users;\nSELECT 1 FROM a WHERE b;\n"), "no_where"), nullptr);
  EXPECT_EQ(find(extract_source("a.sql", "DELETE FROM users\nWHERE id = 1;\nSELECT 1 FROM a WHERE b;\n"), "no_where"), nullptr);
  EXPECT_NE(find(extract_source("a.sh", "#!/bin/sh\nrm -rf $DIR/x\n"), "dangerous_delete"), nullptr);
}

TEST(SourceTraces, LinesThatTracesNameComeFirst) {
  const auto frames = frames_in("Traceback (most recent call last):\n  File \"/srv/app/client.py\", line 9, in load\nat com.example.Foo.bar(Foo.java:42)\n\tmain.go:17 +0x1d\n    at run (/app/index.js:3:15)\n#1 0x0 in f /src/a.cpp:99\n12:30:45 nothing\n");
  ASSERT_EQ(frames.size(), 5U);
  EXPECT_EQ(frames[0].file, "/srv/app/client.py");
  EXPECT_EQ(frames[1].line, 42U);
  EXPECT_TRUE(same_file("/srv/app/client.py", "client.py"));
  EXPECT_TRUE(same_file("/srv/app/client.py", "src/app/client.py"));
  EXPECT_FALSE(same_file("/srv/app/client.py", "other/client.py"));
  const auto x = extract_source("client.py", python, frames);
  ASSERT_FALSE(x.findings.empty());
  EXPECT_EQ(x.findings[0].kind, "named_by_trace");
  EXPECT_EQ(x.findings[0].at.first_line, 9U);
  EXPECT_EQ(x.findings[0].where, "load");
  EXPECT_NE(x.full.find("> 9 "), std::string::npos);
}

constexpr std::string_view report = "# Outage of the checkout\n"
                                    "\n"
                                    "On 2026-01-31 at 14:05 UTC customers could not pay for forty minutes. The root cause was a full disk on the primary database.\n"
                                    "The disk was full because the nightly cleanup had been switched off in December.\n"
                                    "\n"
                                    "## Decisions\n"
                                    "- We decided to keep the replica as the new primary.\n"
                                    "\n"
                                    "## Action items\n"
                                    "- [ ] Switch the cleanup on again (Ann)\n"
                                    "- [ ] Alert at 80 % disk usage\n"
                                    "\n"
                                    "## Open points\n"
                                    "Who switched the cleanup off?\n";

TEST(Text, SectionsDatesDecisionsActionsAndCause) {
  const auto x = extract_text("report.md", report);
  EXPECT_EQ(x.format, "markdown");
  const auto count = [&](std::string_view kind) { return std::count_if(x.findings.begin(), x.findings.end(), [&](auto& f) { return f.kind == kind; }); };
  EXPECT_EQ(count("stated_cause"), 1);
  EXPECT_EQ(count("decision"), 1);
  EXPECT_EQ(count("action"), 2);
  EXPECT_EQ(count("open_question"), 1);
  EXPECT_EQ(find(x, "stated_cause")->quote, "The root cause was a full disk on the primary database.");
  EXPECT_EQ(find(x, "decision")->where, "Decisions");
  ASSERT_EQ(x.moments.size(), 1U);
  EXPECT_EQ(time_text(x.moments[0].at_ms), "2026-01-31 14:05:00");
  EXPECT_NE(x.summary.find("root cause was a full disk"), std::string::npos) << x.summary;
  EXPECT_EQ(sections_of(lines{report}).size(), 4U);
}

TEST(Text, EveryQuoteAndSummarySentenceIsTheTextsOwn) {
  const auto x = extract_text("report.md", report);
  for (auto& f : x.findings)
    EXPECT_EQ(f.quote, report.substr(f.at.begin, f.at.end - f.at.begin));
}

TEST(Text, HtmlIsReadWithoutItsTagsAndKeepsItsPlaces) {
  const std::string_view html = "<html><head><style>b{}</style><script>alert('decided')</script></head>\n<body><h1>A</h1>\n<p>We decided to &lt;wait&gt; until Monday.</p>\n</body></html>";
  EXPECT_EQ(html_blanked(html).size(), html.size());
  const auto x = extract_text("a.html", html);
  ASSERT_NE(find(x, "decision"), nullptr);
  EXPECT_EQ(find(x, "decision")->at.first_line, 3U);
  EXPECT_EQ(find(x, "decision")->title, "We decided to <wait> until Monday.");
  EXPECT_EQ(x.full.find("alert"), std::string::npos);
}

TEST(Text, AnythingGivesThreeInsightsAndASummary) {
  for (const std::string_view text : {"", "a", "\n\n\n", "....", "word", "# \n", "no end of this sentence", "?!?!", "\xFF\xFE\x80", "<", "<script", "&&&&;", "1. a\n2. b\n"}) {
    const auto x = extract_text("a.txt", text);
    EXPECT_GE(x.insights.size(), 3U) << text;
    EXPECT_LE(x.insights.size(), 10U);
    EXPECT_FALSE(x.summary.empty()) << text;
  }
}

struct conversation {
  std::string_view name, text;
};
constexpr conversation conversations[] = {
    {"plain", "[10:32] anna: checkout is slow again, can you look?\n[10:33] ben: yes, I see p99 at 4 s\n[10:35] anna: root cause: the pool of shop-db is too small\n[10:36] ben: we decided to raise it to 50\n[10:37] anna: thanks\n"},
    {"whatsapp", "31.01.2026, 10:32 - Anna Smith: checkout is slow again, can you look?\n31.01.2026, 10:33 - Ben: yes, I see p99 at 4 s\n31.01.2026, 10:35 - Anna Smith: root cause: the pool of shop-db is too small\n"
                 "31.01.2026, 10:36 - Ben: we decided to raise it to 50\n31.01.2026, 10:37 - Anna Smith: thanks\n"},
    {"slack", "anna  10:32 AM\ncheckout is slow again, can you look?\nben  10:33 AM\nyes, I see p99 at 4 s\nanna  10:35 AM\nroot cause: the pool of shop-db is too small\nben  10:36 AM\nwe decided to raise it to 50\nanna  10:37 AM\nthanks\n"},
    {"teams", "[10:32] Anna Smith\ncheckout is slow again, can you look?\n\n[10:33] Ben Jones\nyes, I see p99 at 4 s\n\n[10:35] Anna Smith\nroot cause: the pool of shop-db is too small\n\n[10:36] Ben Jones\nwe decided to raise it to 50\n\n[10:37] Anna Smith\nthanks\n"},
    {"irc", "10:32:01 <anna> checkout is slow again, can you look?\n10:33:10 <ben> yes, I see p99 at 4 s\n10:35:00 <anna> root cause: the pool of shop-db is too small\n10:36:00 <ben> we decided to raise it to 50\n10:37:00 <anna> thanks\n"},
};

TEST(Chat, EveryExportIsATextWithItsMessages) {
  for (auto& [name, text] : conversations) {
    const auto messages = chat_of(lines{text});
    ASSERT_EQ(messages.size(), 5U) << name;
    EXPECT_EQ(messages[0].begin, 0U) << name;
    EXPECT_EQ(messages.back().end, text.size()) << name;
    EXPECT_TRUE(messages[1].who.starts_with("ben") || messages[1].who.starts_with("Ben")) << name;
    EXPECT_TRUE(text.substr(messages[2].text, 20).find("root cause") < 2) << name;
    const auto what = classify("export", {}, text);
    EXPECT_EQ(what.type, data_type::unstructured_text) << name;
    EXPECT_EQ(what.format, "chat") << name;
    const auto x = extract_text("export", text);
    EXPECT_EQ(x.format, "chat") << name;
    EXPECT_TRUE(x.summary.starts_with("A conversation of 5 messages")) << x.summary;
    const auto* cause = find(x, "stated_cause");
    ASSERT_NE(cause, nullptr) << name;
    EXPECT_EQ(cause->title, "root cause: the pool of shop-db is too small") << "without the head of its message";
    EXPECT_TRUE(cause->where.find("nna") != std::string::npos && cause->where.find("10:35") != std::string::npos) << cause->where;
    EXPECT_EQ(text.substr(cause->at.begin, cause->at.end - cause->at.begin).substr(0, 10), "root cause") << name;
    const auto* decision = find(x, "decision");
    ASSERT_NE(decision, nullptr) << name;
    EXPECT_EQ(decision->title, "we decided to raise it to 50") << name;
  }
  EXPECT_FALSE(extract_text("export", conversations[1].text).moments.empty()) << "dates of heads are times of the case";
}

TEST(Chat, LogsWithNamesInFrontAreNone) {
  for (const std::string_view log : {"[10:32:01] worker: started job 12\n[10:32:02] worker: ended job 12\n[10:32:03] master: started job 13\n[10:32:04] worker: failed job 13\n",
                                     "10:32:01 - INFO: can you hear me\n10:32:02 - ERROR: no\n10:32:03 - ERROR: no\n",
                                     "[10:32:01] app: ERROR can not reach you\n[10:32:02] db: WARN ok?\n[10:32:03] app: INFO thanks\n[10:32:04] db: ERROR no\n",
                                     "Jan 31 10:32:01 host sshd[1]: can you\nJan 31 10:32:02 host sshd[1]: no\nJan 31 10:32:03 host cron[2]: yes\n"}) {
    EXPECT_TRUE(chat_of(lines{log}).empty()) << log;
    EXPECT_EQ(classify("x", {}, log).type, data_type::logs_and_errors) << log;
  }
  EXPECT_TRUE(chat_of(lines{""}).empty());
  EXPECT_TRUE(chat_of(lines{"[10:32] anna: hi?\n[10:33] anna: you there?\n[10:34] anna: ok"}).empty()) << "one alone speaks to nobody";
}

TEST(Traces, OtlpFailuresAndOwnTime) {
  const std::string_view text = R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[
{"traceId":"t","spanId":"1","name":"GET /pay","startTimeUnixNano":"1769860800000000000","endTimeUnixNano":"1769860801000000000"},
{"traceId":"t","spanId":"2","parentSpanId":"1","name":"SELECT","startTimeUnixNano":"1769860800050000000","endTimeUnixNano":"1769860800950000000","status":{"code":2,"message":"deadlock"}}
]}]}]})";
  EXPECT_EQ(trace_format_of(text), trace_format::otlp);
  const auto x = extract_traces("t", text);
  const auto* f = find(x, "failed_spans");
  ASSERT_NE(f, nullptr);
  EXPECT_NE(f->title.find("deadlock"), std::string::npos);
  EXPECT_EQ(f->at.first_line, 3U);
  const auto* d = find(x, "dominant");
  ASSERT_NE(d, nullptr);
  EXPECT_EQ(d->where, "shop: SELECT");
}

TEST(Traces, JaegerAndLoops) {
  std::string text = R"({"data":[{"traceID":"t","processes":{"p1":{"serviceName":"api"}},"spans":[{"traceID":"t","spanID":"r","operationName":"list","startTime":1769860800000000,"duration":900000,"processID":"p1","references":[],"tags":[]})";
  for (int i = 0; i < 40; ++i)
    text += R"(,{"traceID":"t","spanID":")" + std::to_string(i) + R"(","operationName":"query","startTime":1769860800000000,"duration":20000,"processID":"p1","references":[{"refType":"CHILD_OF","traceID":"t","spanID":"r"}],"tags":[{"key":"error","value":)" + (i == 3 ? "true" : "false") + "}]}";
  text += "]}]}";
  const auto x = extract_traces("t", text);
  EXPECT_EQ(x.format, "jaeger");
  EXPECT_NE(find(x, "repeated_calls"), nullptr);
  EXPECT_NE(find(x, "failed_spans"), nullptr);
}

TEST(Traces, FoldedStacks) {
  const auto x = extract_traces("p", "main;work;parse 70\nmain;work;parse;alloc 20\nmain;idle 10\n");
  EXPECT_EQ(x.format, "folded");
  ASSERT_NE(find(x, "hot_function"), nullptr);
  EXPECT_EQ(find(x, "hot_function")->where, "parse");
  EXPECT_EQ(find(x, "hot_function")->at.first_line, 1U);
}

TEST(Traces, PprofTopNamesWhatTakesTimeItselfAndThroughOthers) {
  constexpr std::string_view text = "File: shop\nType: cpu\nTime: Jan 31, 2026 at 12:00pm (UTC)\nDuration: 30s, Total samples = 12.34s (41.13%)\n"
                                    "Showing nodes accounting for 11.20s, 90.76% of 12.34s total\nDropped 120 nodes (cum <= 0.06s)\n"
                                    "      flat  flat%   sum%        cum   cum%\n"
                                    "     4.20s 34.04% 34.04%      4.20s 34.04%  runtime.memmove\n"
                                    "     1.90s 15.40% 49.44%      2.10s 17.02%  encoding/json.(*decodeState).object\n"
                                    "     0.02s  0.16% 49.60%      7.10s 57.54%  main.(*server).checkout\n"
                                    "         0     0% 49.60%     12.20s 98.87%  net/http.(*conn).serve\n";
  const auto what = classify("profile", {}, text);
  EXPECT_EQ(what.type, data_type::metrics_and_performance);
  const auto x = extract_traces("profile", text);
  EXPECT_EQ(x.format, "pprof_top");
  ASSERT_FALSE(x.findings.empty());
  EXPECT_EQ(x.findings[0].where, "runtime.memmove");
  EXPECT_EQ(x.findings[0].at.first_line, 8U);
  EXPECT_EQ(x.findings[0].heavy, weight::danger);
  const auto* path = find(x, "hot_path");
  ASSERT_NE(path, nullptr);
  EXPECT_EQ(path->where, "main.(*server).checkout") << "not the root, under which everything happens";
  EXPECT_NE(x.summary.find("12.34s (41.13%)"), std::string::npos) << x.summary;
  EXPECT_EQ(trace_format_of("flat flat% sum% cum cum%\nnothing else\n"), trace_format::none);
  EXPECT_EQ(trace_format_of("      flat  flat%   sum%        cum   cum%\n  512kB 50.1% 50.1%  512kB 50.1%  a.b\n"), trace_format::pprof_top);
}

TEST(Traces, ZipkinSpansAndTheirErrors) {
  constexpr std::string_view text = R"([{"traceId":"1","id":"a","name":"get /cart","timestamp":1769860800000000,"duration":900000,"localEndpoint":{"serviceName":"web"}},
{"traceId":"1","id":"b","parentId":"a","name":"select","timestamp":1769860800100000,"duration":700000,"localEndpoint":{"serviceName":"db"},"tags":{"error":"deadlock detected"}}])";
  EXPECT_EQ(trace_format_of(text), trace_format::zipkin);
  EXPECT_EQ(classify("t", {}, text).type, data_type::metrics_and_performance);
  const auto x = extract_traces("t", text);
  const auto* failed = find(x, "failed_spans");
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->where, "db: select");
  EXPECT_NE(failed->title.find("deadlock detected"), std::string::npos);
  EXPECT_EQ(failed->at.first_line, 2U);
}

TEST(Traces, BrokenOnesAreRefusedClearly) {
  for (const std::string_view text : {"", "{\"resourceSpans\":[", "{\"resourceSpans\":[]}", "x"}) {
    const auto x = extract_traces("t", text);
    EXPECT_TRUE(x.refused.has_value()) << text;
  }
  const auto cut = extract_traces("t", R"([{"traceId":"1","id":"2","name":"a","localEndpoint":{"serviceName":"s"},"duration":5},{"traceId)");
  EXPECT_FALSE(cut.refused.has_value());
  EXPECT_TRUE(cut.shortened.has_value()) << "what came before the break is used, and the break is said";
}

TEST(Source, AnErrorThatBecomesAnEmptyAnswerIsSaid) {
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
         {"Orders.java", "package a;\npublic class Orders {\n  public Order load(long id) {\n    try {\n      return db.load(id);\n    } catch (TimeoutException e) {\n      return null;\n    }\n  }\n}\n"},
         {"Orders.cs", "using System;\nnamespace Shop\n{\n  public class Orders\n  {\n    public Order Load(int id)\n    {\n      try { return Find(id); }\n      catch (Exception) { return null; }\n    }\n  }\n}\n"}}) {
    const auto x = extract_source(name, text);
    EXPECT_TRUE(std::any_of(x.findings.begin(), x.findings.end(), [](auto& f) { return f.kind == "swallowed_error" && f.title.find("empty answer") != std::string::npos; })) << name;
  }
  const auto fine = extract_source("Orders.java", "package a;\npublic class Orders {\n  public Order load(long id) {\n    try {\n      return db.load(id);\n    } catch (TimeoutException e) {\n      throw new Unavailable(e);\n    }\n  }\n}\n");
  EXPECT_FALSE(std::any_of(fine.findings.begin(), fine.findings.end(), [](auto& f) { return f.kind == "swallowed_error"; }));
}

} // namespace
