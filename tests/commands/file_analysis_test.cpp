// What the server makes of an upload: nothing sensitive in anything that is said of it, a copy with the same lines,
// and a stop that is heard.
#include "config/app/lib/file_analysis.hpp"

#include <algorithm>
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
} // namespace
} // namespace fm::app
