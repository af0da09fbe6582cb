// What the server makes of an upload: nothing sensitive in anything that is said of it, a copy with the same lines,
// and a stop that is heard.
#include "actors/evidence/opening/isolated.hpp"
#include "config/app/lib/file_analysis.hpp"
#include "tests/support/hostile_files.hpp"

#include <algorithm>
#include <cstdio>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fm::app {
namespace {
using testing::HasSubstr;
using testing::Not;

std::string secret_log() {
  std::string out;
  for (int i = 0; i < 20; ++i)
    out += "2026-01-31T12:00:" + std::to_string(10 + i) + "Z INFO request served\n";
  out += "2026-01-31T12:01:00Z ERROR login of anna@example.org failed: password=hunter2secret was refused\n";
  out += "2026-01-31T12:01:01Z ERROR key dump\n-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAfailedfatalerrorpanic0123456789\n-----END RSA PRIVATE KEY-----\n";
  return out;
}
struct looked : file_analysis {
  std::string sanitized; ///< what the sink was given
};
looked analyse_uploaded_file(const std::string& name, const std::string& type, std::string_view bytes, const file_analysis_options& options = {}, const work_control& control = {}) {
  looked out;
  const auto take = [&](std::string_view piece) -> outcome<done_t> {
    out.sanitized += piece;
    return done;
  };
  static_cast<file_analysis&>(out) = app::analyse_uploaded_file({name, type, {}, memory_source{bytes}, {}, take, control}, options);
  EXPECT_EQ(out.sanitized_bytes, out.sanitized.size());
  return out;
}
std::string everything(const file_analysis& a) {
  auto all = a.summary + a.text + a.json;
  for (auto& i : a.insights)
    all += i;
  for (auto& m : a.moments)
    all += m.text;
  for (auto& l : a.marks.lines)
    all += l.text;
  return all;
}

TEST(FileAnalysis, NothingSensitiveIsQuotedAndTheCopyKeepsItsLines) {
  const auto log = secret_log();
  const auto a = analyse_uploaded_file("a.log", "text/plain", log);
  EXPECT_EQ(a.data_type, "logs_and_errors");
  EXPECT_EQ(a.redaction, "copy");
  EXPECT_TRUE(a.personal_data);
  EXPECT_TRUE(a.secrets);
  for (const char* secret : {"anna@example.org", "hunter2secret", "MIIEpAIBAAKCAQEA"}) {
    EXPECT_THAT(log, HasSubstr(secret));
    EXPECT_THAT(everything(a), Not(HasSubstr(secret)));
    EXPECT_THAT(a.sanitized, Not(HasSubstr(secret)));
  }
  EXPECT_THAT(a.text, HasSubstr("[redacted:")) << "the line itself is still quoted";
  EXPECT_EQ(std::count(a.sanitized.begin(), a.sanitized.end(), '\n'), std::count(log.begin(), log.end(), '\n'));
}

TEST(FileAnalysis, SwitchedOffThereIsNoCopyButStillNoQuote) {
  file_analysis_options off;
  off.redact = false;
  const auto a = analyse_uploaded_file("a.log", "text/plain", secret_log(), off);
  EXPECT_TRUE(a.redaction.empty());
  EXPECT_TRUE(a.sanitized.empty());
  EXPECT_THAT(everything(a), Not(HasSubstr("hunter2secret")));
}

TEST(FileAnalysis, OnlySecretsLeavesPeopleIn) {
  file_analysis_options only;
  only.redaction.personal = false;
  const auto a = analyse_uploaded_file("a.log", "text/plain", secret_log(), only);
  EXPECT_THAT(a.sanitized, HasSubstr("anna@example.org"));
  EXPECT_THAT(a.sanitized, Not(HasSubstr("hunter2secret")));
  EXPECT_FALSE(a.personal_data);
}

TEST(FileAnalysis, OtherTextsHaveACopyTooAndCleanOnesNone) {
  const auto config = analyse_uploaded_file("app.env", "", "HOST=db1\nPASSWORD=correcthorse9battery\n");
  EXPECT_EQ(config.redaction, "copy");
  EXPECT_THAT(config.sanitized, Not(HasSubstr("correcthorse9battery")));
  EXPECT_THAT(everything(config), Not(HasSubstr("correcthorse9battery")));
  const auto clean = analyse_uploaded_file("app.env", "", "HOST=db1\nPORT=5432\n");
  EXPECT_EQ(clean.redaction, "same");
  EXPECT_TRUE(clean.sanitized.empty());
  EXPECT_EQ(analyse_uploaded_file("x.bin", "", std::string{"\0\1\2\3\4\5\6\7", 8}).redaction, "opaque");
}

TEST(FileAnalysis, AStopIsHeardBetweenPieces) {
  std::stop_source source;
  work_control control;
  control.stop = source.get_token();
  std::size_t told = 0;
  control.progress = [&](std::uint64_t, std::uint64_t) {
    ++told;
    source.request_stop();
  };
  std::string log;
  while (log.size() < (3U << 20))
    log += secret_log();
  const auto a = analyse_uploaded_file("a.log", "text/plain", log, {}, control);
  EXPECT_EQ(told, 1U) << "one piece was looked at";
  EXPECT_TRUE(a.json.empty());
}

TEST(FileAnalysis, TheSameBytesGiveTheSame) {
  const auto one = analyse_uploaded_file("a.log", "text/plain", secret_log()), two = analyse_uploaded_file("a.log", "text/plain", secret_log());
  EXPECT_EQ(one.json, two.json);
  EXPECT_EQ(one.moments, two.moments);
  EXPECT_EQ(one.marks, two.marks);
}
// ---- in pieces ----

/// Counts what is asked for at once.
class watched_source final : public byte_source {
public:
  explicit watched_source(std::string_view bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  outcome<std::string> read(std::uint64_t offset, std::uint64_t length) const override {
    largest = std::max(largest, length);
    total += offset < bytes_.size() ? std::min<std::uint64_t>(length, bytes_.size() - offset) : 0;
    if (fails_at && offset >= *fails_at)
      return make_failure(errc::unavailable, "The disk is gone.");
    return std::string{bytes_.substr(std::min<std::uint64_t>(offset, bytes_.size()), length)};
  }
  mutable std::uint64_t largest = 0, total = 0;
  std::optional<std::uint64_t> fails_at;

private:
  std::string_view bytes_;
};

std::string long_log(std::size_t bytes) {
  std::string out;
  for (int i = 0; out.size() < bytes; ++i) {
    char at[40];
    std::snprintf(at, sizeof at, "2026-01-31T12:%02d:%02d.%03dZ ", i / 6'000 % 60, i / 100 % 60, i % 1'000);
    out += at;
    out += i % 500 == 499 ? "ERROR charge of anna" + std::to_string(i) + "@example.org failed\n" : "INFO request " + std::to_string(i) + " served\n";
    if (i % 7'000 == 6'999)
      out += "java.lang.IllegalStateException: broken\n\tat com.example.Pool.take(Pool.java:88)\n\tat com.example.Orders.place(Orders.java:41)\n";
    if (i == 3'000)
      out += secret_log();
  }
  return out;
}

TEST(FileAnalysis, ALogIsReadInPiecesAndItsCopyIsTheWholeOne) {
  const auto log = long_log(6U << 20);
  watched_source source{log};
  std::string copy;
  const auto a = app::analyse_uploaded_file({"a.log", "", {}, source, {}, [&](std::string_view piece) -> outcome<done_t> {
                                               EXPECT_LT(piece.size(), 1U << 20);
                                               copy += piece;
                                               return done;
                                             }, {}}, {});
  EXPECT_LE(source.largest, 256U << 10);
  EXPECT_LT(source.total, 4 * log.size()) << "twice for the analysis, and once for what the copy has before the first secret";
  EXPECT_TRUE(copy == extractors::sanitized(log, extractors::find_sensitive(log)));
  EXPECT_EQ(a.sanitized_bytes, copy.size());
  EXPECT_THAT(everything(a), Not(HasSubstr("@example.org")));
  EXPECT_THAT(everything(a), Not(HasSubstr("hunter2secret")));
  EXPECT_FALSE(a.moments.empty());
  EXPECT_THAT(a.stack_text, HasSubstr("com.example.Pool.take(Pool.java:88)"));
  EXPECT_LE(a.stack_text.size(), 16U << 10);
  for (auto& m : a.moments) // what they cite is there, in the copy as in the log
    EXPECT_LE(m.line_last, static_cast<std::uint64_t>(std::count(log.begin(), log.end(), '\n')));
}

TEST(FileAnalysis, WhatCannotBeReadOrStoredIsSaid) {
  const auto log = long_log(2U << 20);
  watched_source source{log};
  source.fails_at = 1U << 20;
  EXPECT_EQ(app::analyse_uploaded_file({"a.log", "", {}, source, {}, {}, {}}).error, "The disk is gone.");
  const auto full = [](std::string_view) -> outcome<done_t> { return make_unavailable("No room for the copy."); };
  EXPECT_EQ(app::analyse_uploaded_file({"a.log", "", {}, memory_source{log}, {}, full, {}}).error, "No room for the copy.");
  EXPECT_EQ(app::analyse_uploaded_file({"a.env", "", {}, memory_source{"PASSWORD=correcthorse9battery\nA=b\nC=d\n"}, {}, full, {}}).error, "No room for the copy.");
}

TEST(FileAnalysis, MemoryDoesNotGrowWithALog) {
  // In a process with 64 MiB to add: 160 MiB of log, of which the source makes each piece when it is asked for.
  class endless final : public byte_source {
  public:
    endless() : block_(long_log(1U << 20)) {}
    std::uint64_t size() const override { return 160ULL << 20; }
    outcome<std::string> read(std::uint64_t offset, std::uint64_t length) const override {
      std::string out;
      length = offset >= size() ? 0 : std::min(length, size() - offset);
      for (auto at = offset % block_.size(); out.size() < length; at = 0)
        out += block_.substr(at, length - out.size());
      return out;
    }

  private:
    std::string block_;
  };
  opening::isolation bounds;
  bounds.memory_bytes = 64U << 20;
  bounds.cpu_seconds = 600;
  bounds.wall = std::chrono::minutes{20};
  const auto said = opening::run_isolated([]() -> std::string { return app::analyse_uploaded_file({"a.log", "", {}, endless{}, {}, {}, {}}).summary; }, bounds);
  ASSERT_TRUE(said) << said.error().detail;
  EXPECT_THAT(*said, HasSubstr("error"));
}

std::string utf16(std::string_view text) {
  std::string wide = "\xFF\xFE";
  for (const char c : text) {
    wide += c;
    wide += '\0';
  }
  return wide;
}

TEST(FileAnalysis, AUtf16LogSaysWhatItSaysInUtf8) {
  const auto log = long_log(700U << 10);
  const auto narrow = analyse_uploaded_file("a.log", "", log), wide = analyse_uploaded_file("a.log", "", utf16(log));
  EXPECT_EQ(narrow.json, wide.json);
  EXPECT_EQ(narrow.moments, wide.moments);
  EXPECT_EQ(narrow.sanitized, wide.sanitized);
  EXPECT_THAT(wide.summary, HasSubstr("UTF-16"));
}

TEST(FileAnalysis, AnEarlierVersionIsComparedAndNamed) {
  const std::string before = "pool:\n  size: 50\n  timeout: 30s\n", after = "pool:\n  size: 5\n  timeout: 30s\n";
  const file_context context{"app.yaml (uploaded 2026-01-30)", before, {}};
  const auto a = app::analyse_uploaded_file({"app.yaml", "", {}, memory_source{after}, context, {}, {}});
  EXPECT_THAT(a.json, HasSubstr("changed from 50 to 5"));
  EXPECT_THAT(a.summary, HasSubstr("since the earlier version app.yaml (uploaded 2026-01-30)"));
  const auto same = app::analyse_uploaded_file({"app.yaml", "", {}, memory_source{before}, context, {}, {}});
  EXPECT_THAT(same.summary, HasSubstr("Nothing changed in meaning"));
}

TEST(FileAnalysis, TracesOfALogLeadToTheLinesOfASource) {
  const auto log = app::analyse_uploaded_file({"app.log", "", {}, memory_source{"2026-01-31T12:00:00Z INFO up\n2026-01-31T12:00:01Z ERROR job failed\n"
                                                                              "Traceback (most recent call last):\n  File \"/app/worker.py\", line 6, in run\n    self.execute()\nValueError: no job\n"}, {}, {}, {}});
  ASSERT_THAT(log.stack_text, HasSubstr("worker.py\", line 6"));
  const std::string source = "import os\n\nclass Worker:\n    def run(self):\n        try:\n            self.execute()\n        except Exception:\n            pass\n";
  const auto with = app::analyse_uploaded_file({"worker.py", "", {}, memory_source{source}, {"", "", log.stack_text}, {}, {}});
  EXPECT_THAT(with.json, HasSubstr("stands in a stack trace")) << with.json;
  EXPECT_EQ(app::analyse_uploaded_file({"worker.py", "", {}, memory_source{source}, {}, {}, {}}).json.find("stands in a stack trace"), std::string::npos);
}

TEST(FileAnalysis, APersonsChoiceStandsAndAWrongOneSaysSo) {
  const auto text = analyse_uploaded_file("a.log", "", "2026-01-31T12:00:00Z ERROR a\n2026-01-31T12:00:01Z ERROR b\n");
  EXPECT_EQ(text.data_type, "logs_and_errors");
  const auto chosen = app::analyse_uploaded_file({"a.log", "", "unstructured_text", memory_source{"2026-01-31T12:00:00Z ERROR a\n2026-01-31T12:00:01Z ERROR b\n"}, {}, {}, {}});
  EXPECT_EQ(chosen.data_type, "unstructured_text");
  const auto wrong = app::analyse_uploaded_file({"a.txt", "", "visual_evidence", memory_source{"only words"}, {}, {}, {}});
  EXPECT_EQ(wrong.data_type, "visual_evidence");
  EXPECT_FALSE(wrong.error.empty());
  EXPECT_EQ(app::analyse_uploaded_file({"a.txt", "", "nonsense", memory_source{"only a few words that somebody wrote down here"}, {}, {}, {}}).data_type, "unstructured_text");
}

TEST(FileAnalysis, EveryTypeHasABoundThatItSays) {
  std::string csv = "time,cpu\n";
  for (std::uint64_t t = 1'769'860'800; csv.size() < (33U << 20); ++t)
    csv += std::to_string(t) + ",12.5\n";
  EXPECT_THAT(analyse_uploaded_file("a.csv", "", csv).json, HasSubstr("\"shortened\":\"")) << "metrics";
  std::string words;
  while (words.size() < (5U << 20))
    words += "We saw the first alert on Monday evening and called the database team again.\n";
  EXPECT_THAT(analyse_uploaded_file("a.txt", "", words).json, HasSubstr("only the first 4 MiB are read"));
  std::string yaml = "all:\n";
  for (int i = 0; yaml.size() < (9U << 20); ++i)
    yaml += "  key" + std::to_string(i) + ": value\n";
  EXPECT_THAT(analyse_uploaded_file("a.yaml", "", yaml).error, HasSubstr("larger than"));
  EXPECT_THAT(analyse_uploaded_file("a.png", "", "\x89PNG\r\n\x1a\n" + std::string(65U << 20, 'x')).error, HasSubstr("64 MiB"));
}

// ---- archives ----

using testing_support::deflated;
using testing_support::gzip_of;
using testing_support::zip_of;

TEST(FileAnalysis, ACompressedLogIsThatLogHoweverLarge) {
  const auto log = long_log(18U << 20); // larger than what may be held of an archive
  const auto plain = analyse_uploaded_file("a.log", "", log);
  const auto packed = gzip_of(log);
  watched_source source{packed};
  const auto a = app::analyse_uploaded_file({"a.log.gz", "application/gzip", {}, source, {}, {}, {}});
  EXPECT_EQ(a.json, plain.json);
  EXPECT_EQ(a.moments, plain.moments);
  EXPECT_EQ(a.redaction, "opaque");
  EXPECT_LE(source.largest, 256U << 10);
  const auto zipped = zip_of({deflated("a.log", log)});
  EXPECT_EQ(app::analyse_uploaded_file({"logs.zip", "", {}, memory_source{zipped}, {}, {}, {}}).json, plain.json) << "the only file of an archive, streamed out of it";
}

TEST(FileAnalysis, AnArchiveTellsEachFileAndListsTheOthers) {
  std::vector<testing_support::zip_entry> all{deflated("app.log", secret_log()), deflated("app.yaml", "pool:\n  size: 5\n"), deflated("large.log", long_log(17U << 20))};
  for (int i = 0; i < 30; ++i)
    all.push_back(deflated("pods/pod-" + std::to_string(i) + ".log", "2026-01-31T12:00:00Z ERROR pod " + std::to_string(i) + " failed\n2026-01-31T12:00:01Z INFO up\n"));
  const auto zip = zip_of(all);
  const auto x = examine_file({"bundle.zip", "", {}, memory_source{zip}, {}, {}, {}});
  ASSERT_EQ(x.members.size(), all.size());
  EXPECT_TRUE(x.error.empty()) << x.error;
  EXPECT_EQ(x.redaction, "opaque");
  EXPECT_TRUE(x.secrets);
  EXPECT_THAT(x.json, HasSubstr("\"path\":\"bundle.zip/large.log\""));
  EXPECT_THAT(x.json, Not(HasSubstr("hunter2secret")));
  EXPECT_THAT(x.members.back().path, HasSubstr("large.log")) << "what is streamed comes last";
  EXPECT_EQ(x.data_type, "logs_and_errors");
  for (auto& m : x.members)
    EXPECT_FALSE(m.data_type.empty()) << m.path;
}

TEST(FileAnalysis, RotatedLogsInABundleAreNoBomb) {
  // Each is compressed well; together they are more than any ratio of the last one alone.
  std::vector<testing_support::zip_entry> all;
  const auto log = gzip_of(long_log(3U << 20));
  for (int i = 0; i < 12; ++i)
    all.push_back(testing_support::stored("app.log." + std::to_string(i) + ".gz", log));
  const auto zip = zip_of(all);
  const auto a = analyse_uploaded_file("bundle.zip", "", zip);
  EXPECT_TRUE(a.error.empty()) << a.error;
  EXPECT_THAT(a.summary, HasSubstr("12 files"));
}
} // namespace
} // namespace fm::app
