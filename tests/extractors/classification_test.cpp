// Which of the seven types a file is: by its content first, by its name and declared type only where that is unclear.
#include "actors/evidence/extractors/extract.hpp"
#include "tests/support/sample_files.hpp"

#include <gtest/gtest.h>

#include <random>

namespace {
using namespace fm::extractors;

data_type type_of(std::string_view name, std::string_view text, std::string_view mime = {}) { return classify(name, mime, text).type; }

constexpr std::string_view app_log = "2026-01-31 12:00:00,123 INFO  [main] c.e.App - started\n"
                                     "2026-01-31 12:00:01,456 ERROR [pool-1] c.e.Db - connection refused\n"
                                     "java.net.ConnectException: Connection refused\n"
                                     "\tat java.net.Socket.connect(Socket.java:1)\n"
                                     "2026-01-31 12:00:02,000 WARN  [pool-1] c.e.Db - retrying\n";

TEST(Classification, EveryTypeIsKnownByItsContentUnderAMeaninglessName) {
  EXPECT_EQ(type_of("data", app_log), data_type::logs_and_errors);
  EXPECT_EQ(type_of("data", "Jan 31 12:00:00 host sshd[1]: Failed password for root\nJan 31 12:00:01 host sshd[1]: Connection closed\n"), data_type::logs_and_errors);
  EXPECT_EQ(type_of("data", "{\"ts\":1,\"level\":\"error\",\"msg\":\"no route\"}\n{\"ts\":2,\"level\":\"info\",\"msg\":\"up again\"}\n{\"ts\":3,\"level\":\"info\",\"msg\":\"ok then\"}\n"), data_type::logs_and_errors);
  EXPECT_EQ(type_of("data", "time,cpu,mem\n2026-01-31T12:00:00Z,1.5,20\n2026-01-31T12:00:10Z,1.7,21\n2026-01-31T12:00:20Z,1.6,22\n"), data_type::metrics_and_performance);
  EXPECT_EQ(type_of("data", "# HELP up x\n# TYPE up gauge\nup{job=\"a\"} 1\nup{job=\"b\"} 0\n"), data_type::metrics_and_performance);
  EXPECT_EQ(type_of("data", "main;work;parse 12\nmain;work;read 40\nmain;idle 3\n"), data_type::metrics_and_performance);
  EXPECT_EQ(type_of("data", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers: []\n"), data_type::structured_config);
  EXPECT_EQ(type_of("data", "{\n  \"server\": {\n    \"port\": 8080,\n    \"host\": \"a\"\n  }\n}\n"), data_type::structured_config);
  EXPECT_EQ(type_of("data", "[database]\nhost = localhost\nport = 5432\n[pool]\nsize = 10\n"), data_type::structured_config);
  EXPECT_EQ(type_of("data", "server {\n  listen 80;\n  location / {\n    proxy_pass http://a;\n  }\n}\n"), data_type::structured_config);
  EXPECT_EQ(type_of("data", "DB_HOST=localhost\nDB_PORT=5432\nexport API_URL=http://a\n"), data_type::structured_config);
  EXPECT_EQ(type_of("data", "import os\n\ndef load(path):\n    try:\n        return open(path).read()\n    except OSError:\n        return None\n\nclass A:\n    def __init__(self):\n        self.x = 1\n"), data_type::source_code);
  EXPECT_EQ(type_of("data", "package main\n\nimport (\n\t\"fmt\"\n)\n\nfunc main() {\n\tx, err := run()\n\tif err != nil {\n\t\tpanic(err)\n\t}\n\tfmt.Println(x)\n}\n"), data_type::source_code);
  EXPECT_EQ(type_of("data", "We saw the first alert on Monday evening and called the database team.\nThey found that the disk of the primary was full and moved the old backups away.\nAfter that the service came back without any further work of ours.\n"), data_type::unstructured_text);
  EXPECT_EQ(type_of("data", std::string_view{"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16}), data_type::visual_evidence);
  EXPECT_EQ(type_of("data", "%PDF-1.4\n1 0 obj\n"), data_type::visual_evidence);
  EXPECT_EQ(type_of("data", std::string_view{"\x1f\x8b\x08\0\0\0\0\0", 8}), data_type::unanalyzable);
  EXPECT_EQ(type_of("data", ""), data_type::unanalyzable);
  EXPECT_EQ(type_of("data", "\n \n\t\n"), data_type::unanalyzable);
}

TEST(Classification, ContentWinsOverALyingNameAndMime) {
  EXPECT_EQ(type_of("settings.yaml", app_log, "application/yaml"), data_type::logs_and_errors);
  EXPECT_EQ(type_of("picture.png", app_log, "image/png"), data_type::logs_and_errors);
  EXPECT_EQ(type_of("app.log", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\nspec:\n  containers: []\n", "text/x-log"), data_type::structured_config);
}

TEST(Classification, RealisticFilesAreWhatTheyAreWhateverTheyAreCalled) {
  std::size_t right = 0, misled = 0;
  std::string wrong;
  const auto all = fm::testing_support::sample_files();
  for (auto& f : all) {
    const auto c = classify(f.name, f.content_type, f.bytes);
    misled += f.misleading ? 1 : 0;
    if (to_string(c.type) == f.data_type)
      ++right;
    else
      wrong += "  " + f.name + " is " + f.data_type + " and was taken for " + std::string{to_string(c.type)} + " (" + std::to_string(c.confidence) + ")\n";
  }
  RecordProperty("right", static_cast<int>(right));
  EXPECT_GE(all.size(), 60U);
  EXPECT_GE(misled, 20U);
  EXPECT_EQ(right, all.size()) << wrong;
}

TEST(Classification, NoiseIsUnanalyzable) {
  std::mt19937 random{7};
  std::string noise(20'000, '\0');
  for (auto& c : noise)
    c = static_cast<char>(random());
  const auto c = classify("blob.log", "text/plain", noise);
  EXPECT_EQ(c.type, data_type::unanalyzable);
  EXPECT_FALSE(c.reason.empty());
}

TEST(Classification, ConfidenceAndAlternativesAreGivenAndInRange) {
  const auto sure = classify("a", "", "# TYPE up gauge\nup{job=\"a\"} 1\nup{job=\"b\"} 0\nup{job=\"c\"} 0\n");
  const auto unsure = classify("a", "", "one two\nthree: four\n");
  EXPECT_GT(sure.confidence, 0.7);
  EXPECT_LT(unsure.confidence, sure.confidence);
  EXPECT_FALSE(unsure.alternatives.empty());
  for (auto& a : unsure.alternatives) {
    EXPECT_NE(a.type, unsure.type);
    EXPECT_GT(a.confidence, 0);
    EXPECT_LE(a.confidence, 1);
  }
}

TEST(Classification, Utf16IsReadAsText) {
  std::string wide = "\xFF\xFE";
  for (char c : app_log) {
    wide += c;
    wide += '\0';
  }
  EXPECT_EQ(type_of("data", wide), data_type::logs_and_errors);
}

TEST(Extract, GivesEachTypeToItsExtractorAndTellsWhatCannotBeProcessed) {
  extract_options options;
  options.logs = [](std::string_view, std::string_view bytes) {
    extraction x;
    x.type = data_type::logs_and_errors;
    x.summary = "log of " + std::to_string(bytes.size());
    x.confidence = 1;
    return x;
  };
  EXPECT_EQ(extract(classify("a.log", "", app_log), "a.log", app_log, options).summary, "log of " + std::to_string(app_log.size()));
  const auto blob = extract(classify("a", "", std::string_view{"\x7f" "ELF\0\0", 6}), "a", std::string_view{"\x7f" "ELF\0\0", 6}, options);
  EXPECT_TRUE(blob.refused.has_value());
  EXPECT_EQ(blob.type, data_type::unanalyzable);
}

TEST(Extract, APersonsChoiceOfTypeIsFollowed) {
  const std::string_view text = "a,b\n1,2\n3,4\n5,6\n";
  classification chosen;
  chosen.type = data_type::unstructured_text;
  EXPECT_EQ(extract(chosen, "x", text).type, data_type::unstructured_text);
}

TEST(Extract, NoSecretLeavesThroughAnyTextOfTheResult) {
  const std::string secret = "hunter2hunter2";
  const std::string text = "database:\n  password: " + secret + "\n  url: postgres://app:" + secret + "@db/x\n";
  const auto x = extract(classify("a.yaml", "", text), "a.yaml", text);
  EXPECT_TRUE(x.secrets_detected);
  EXPECT_EQ(render_json(x).find(secret), std::string::npos) << render_json(x);
  EXPECT_EQ(render_text(x, false).find(secret), std::string::npos);
}

TEST(Extract, TheSameBytesGiveTheSameJson) {
  const std::string_view text = "time,cpu\n1700000000,1\n1700000010,2\n1700000020,90\n1700000030,2\n";
  const auto c = classify("a.csv", "", text);
  EXPECT_EQ(render_json(extract(c, "a.csv", text)), render_json(extract(classify("a.csv", "", text), "a.csv", text)));
}

TEST(Lines, KnowEveryKindOfEnding) {
  const lines l{"a\nb\r\nc\rd"};
  ASSERT_EQ(l.size(), 4U);
  EXPECT_EQ(l[1], "b");
  EXPECT_EQ(l[2], "c");
  EXPECT_EQ(l.cite(2, 3), (citation{2, 3, 2, 2}));
  EXPECT_EQ(l.cite_lines(0, 3), (citation{0, 8, 1, 4}));
  EXPECT_EQ(lines{"x\n"}.size(), 1U);
  EXPECT_EQ(lines{""}.size(), 1U);
}

TEST(Times, AreReadInTheFormsPeopleWrite) {
  constexpr std::int64_t noon = 1'769'860'800'000; // 2026-01-31 12:00:00 UTC
  for (const std::string_view s : {"2026-01-31T12:00:00Z", "2026-01-31 12:00 UTC", "31.01.2026 12:00:00", "January 31, 2026 12:00", "31 January 2026 at 12:00", "2026/01/31 13:00:00+01:00", "31/Jan/2026:12:00:00 +0000"}) {
    const auto t = parse_time(s);
    ASSERT_TRUE(t.has_value()) << s;
    EXPECT_EQ(t->at_ms, noon) << s;
    EXPECT_EQ(time_text(t->at_ms), "2026-01-31 12:00:00") << s;
  }
  EXPECT_TRUE(parse_time("2026-01-31")->day_only);
  EXPECT_FALSE(parse_time("2026-13-31").has_value());
  EXPECT_FALSE(parse_time("12345").has_value());
  EXPECT_EQ(time_text(-1), "1969-12-31 23:59:59");
}

} // namespace
