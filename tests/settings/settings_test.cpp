// Settings: the table, the file's format, precedence, and what a person is told about a mistake.
#include "config/settings/load.hpp"

#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <set>
#include <sstream>

namespace fm {
namespace {
std::string complaint(std::string_view text) {
  auto r = load_settings_text(text, "test.conf");
  return r ? std::string{} : r.error().detail;
}
outcome<settings> from_environment(std::vector<std::pair<std::string, std::string>> env) {
  settings_sources from;
  from.environment = std::move(env);
  return load_settings(from);
}
std::string read_all(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

TEST(settings, EveryRowIsCompleteAndUnique) {
  std::set<std::string> names;
  for (auto& info : settings_table()) {
    EXPECT_TRUE(names.insert(info.key).second) << info.key;
    EXPECT_TRUE(names.insert(info.environment).second) << info.environment;
    for (auto& alias : info.aliases)
      EXPECT_TRUE(names.insert(alias).second) << alias;
    EXPECT_TRUE(info.environment.starts_with("FAULTMAVEN_")) << info.key;
    EXPECT_TRUE(info.description.ends_with('.')) << info.key;
    EXPECT_NE(info.key.find('.'), std::string::npos) << info.key;
  }
}

TEST(settings, EveryDefaultReadsBackAsItself) {
  for (auto& info : settings_table()) {
    settings s;
    auto wrong = info.parse(s, info.default_text);
    EXPECT_FALSE(wrong) << info.key << " " << wrong.value_or("");
    EXPECT_EQ(info.print(s), info.default_text) << info.key;
  }
}

TEST(settings, TheShippedFileIsTheGeneratedOneAndChangesNothing) {
  const auto shipped = read_all(FM_SOURCE_DIR "/config/faultmaven.conf");
  EXPECT_EQ(shipped, default_settings_file())
      << "write it anew: faultmaven config print --default > config/faultmaven.conf";
  auto loaded = load_settings_text(shipped, "faultmaven.conf");
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->origins.empty());
}

TEST(settings, TheShippedFileUncommentedIsAccepted) {
  std::istringstream in{default_settings_file()};
  std::string text;
  for (std::string line; std::getline(in, line);)
    text += line.size() > 1 && line[0] == '#' && line[1] != ' ' ? line.substr(1) + "\n" : line + "\n";
  auto loaded = load_settings_text(text, "all.conf");
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_EQ(loaded->origins.size(), settings_table().size());
}

TEST(settings, ProfilesLoad) {
  for (const char* name : {"dev", "single-node"}) {
    settings_sources from;
    from.file = std::string{FM_SOURCE_DIR "/config/profiles/"} + name + ".conf";
    auto loaded = load_settings(from);
    EXPECT_TRUE(loaded) << (loaded ? "" : loaded.error().detail);
  }
}

TEST(settings, TheProductionProfileAsksForItsSecretsAndThenLoads) {
  settings_sources from;
  from.file = FM_SOURCE_DIR "/config/profiles/production.conf";
  auto without = load_settings(from);
  ASSERT_FALSE(without);
  EXPECT_NE(without.error().detail.find("S3_ACCESS_KEY"), std::string::npos);
  from.environment = {{"S3_ACCESS_KEY", "a"}, {"S3_SECRET_KEY", "b"}};
  EXPECT_TRUE(load_settings(from));
}

TEST(settings, ReadsSectionsDottedKeysCommentsAndUnits) {
  auto s = load_settings_text(
      "\xEF\xBB\xBF# a comment\r\n[http]\r\nport = 9000 # inline\r\nbody_bytes_max = 2 MiB\n"
      "allowed_origins = https://a.example, chrome-extension://*\n"
      "live.heartbeat_seconds = 10\n[cases]\nidle_minutes = 2 h\ndelta_window_ms=40\n"
      "[llm]\nmodel = \"a # b \"\nbase_url = http://h/v1\ntemperature = 0.75\n[auth]\nregistration = off\n",
      "test.conf");
  ASSERT_TRUE(s) << s.error().detail;
  EXPECT_EQ(s->http.port, 9'000);
  EXPECT_EQ(s->http.body_bytes_max, 2U << 20);
  EXPECT_EQ(s->http.allowed_origins, (std::vector<std::string>{"https://a.example", "chrome-extension://*"}));
  EXPECT_EQ(s->live.heartbeat_seconds.count(), 10);
  EXPECT_EQ(s->cases.idle_minutes.count(), 120);
  EXPECT_EQ(s->cases.delta_window_ms.count(), 40);
  EXPECT_EQ(s->llm.model, "a # b ");
  EXPECT_DOUBLE_EQ(s->llm.temperature, 0.75);
  EXPECT_FALSE(s->auth.registration);
  EXPECT_EQ(s->origins.at("http.port"), "test.conf:3");
}

TEST(settings, AMistypedKeyIsToldWithItsPlaceAndTheNearestOne) {
  EXPECT_EQ(complaint("[http]\n\nprot = 80\n"),
            "test.conf:3: there is no setting \"http.prot\"; did you mean http.port?");
  EXPECT_NE(complaint("port = 80\n").find("did you mean http.port?"), std::string::npos);
  EXPECT_NE(complaint("[cases]\nopen_per_users = 3\n").find("did you mean cases.open_per_user?"),
            std::string::npos);
  EXPECT_EQ(complaint("[zzz]\nqqqqqqqqqqqqqqqqqq = 1\n"),
            "test.conf:2: there is no setting \"zzz.qqqqqqqqqqqqqqqqqq\".");
}

TEST(settings, ABadValueIsToldWithWhatWouldBeRight) {
  EXPECT_EQ(complaint("[http]\nport = 65536\n"),
            "test.conf:2: http.port must be a whole number from 0 to 65535 (it is \"65536\").");
  for (const char* bad :
       {"[http]\nport = 8o\n", "[http]\nport = -1\n", "[http]\nport =\n", "[http]\nport = 1 2\n",
        "[http]\nbody_bytes_max = 1 TiB\n", "[http]\nbody_bytes_max = 99999999999999999999\n",
        "[http]\nbody_bytes_max = 9223372036854775807 GiB\n", "[auth]\ntoken_hours = 90 min\n",
        "[auth]\nregistration = maybe\n", "[auth]\ndev_login = sometimes\n", "[llm]\ntemperature = nan\n",
        "[llm]\ntemperature = 3\n", "[llm]\nbase_url = ftp://x\n", "[log]\nlevel = loud\n",
        "[storage]\ncases = mongodb\n", "[storage]\ndata =\n", "[cases]\nidle_minutes = 0\n"})
    EXPECT_FALSE(load_settings_text(bad, "test.conf")) << bad;
}

TEST(settings, BrokenLinesAreToldAndAllProblemsAreCounted) {
  EXPECT_EQ(complaint("[http\n"), "test.conf:1: a section is written [name].");
  EXPECT_EQ(complaint("hello\n"), "test.conf:1: a setting is written key = value.");
  EXPECT_EQ(complaint("[http]\nport = 1\nport = 2\n"), "test.conf:3: http.port is set twice in this file.");
  auto r = load_settings_text("a = 1\nb = 2\nc = 3\n", "test.conf");
  ASSERT_FALSE(r);
  EXPECT_NE(r.error().detail.find("(and 2 more problems)"), std::string::npos);
  EXPECT_EQ(r.error().facts.size(), 3U);
}

TEST(settings, CommandLineBeatsEnvironmentBeatsFileBeatsBuiltIn) {
  const auto path = testing::TempDir() + "fm_settings_test.conf";
  std::ofstream{path} << "[http]\nport = 1001\nhost = 0.0.0.0\nio_threads = 2\n";
  settings_sources from;
  from.file = path;
  from.environment = {{"FAULTMAVEN_HTTP_PORT", "1002"}, {"FAULTMAVEN_HTTP_IO_THREADS", "3"}, {"HOME", "/x"}};
  from.command_line = {{"http.port", "1003"}};
  auto s = load_settings(from);
  ASSERT_TRUE(s) << s.error().detail;
  EXPECT_EQ(s->http.port, 1'003);
  EXPECT_EQ(s->http.io_threads, 3U);
  EXPECT_EQ(s->http.host, "0.0.0.0");
  EXPECT_EQ(s->live.cases_open_max, 64U);
  EXPECT_EQ(s->origins.at("http.port"), "command line");
  EXPECT_EQ(s->origins.at("http.io_threads"), "environment FAULTMAVEN_HTTP_IO_THREADS");
  EXPECT_EQ(s->origins.at("http.host"), path + ":3");
}

TEST(settings, DocumentedEnvironmentNamesWorkAndOurOwnWins) {
  auto s = from_environment({{"CASE_STORAGE_TYPE", "inmemory"},
                             {"USER_STORAGE_TYPE", "postgres"},
                             {"USERS_DB_HOST", "db"},
                             {"SESSION_STORAGE_TYPE", "redis"},
                             {"FAULTMAVEN_STORAGE_SESSIONS", "sqlite"},
                             {"FAULTMAVEN_DATA", "/srv/fm"},
                             {"ENABLE_CASE_AGENT_INTEGRATION", "false"},
                             {"FEATURE_REPORT_PERSISTENCE", "true"}});
  ASSERT_TRUE(s) << s.error().detail;
  EXPECT_EQ(s->storage.cases, "inmemory");
  EXPECT_EQ(s->storage.users, "postgres");
  EXPECT_EQ(s->users_postgres.host, "db");
  EXPECT_EQ(s->storage.sessions, "sqlite");
  EXPECT_EQ(s->storage.data, "/srv/fm");
  EXPECT_FALSE(s->features.case_agent);
  EXPECT_TRUE(s->features.reports);
  EXPECT_TRUE(s->warnings.empty());
}

TEST(settings, AStrangeVariableIsAWarningNotAnError) {
  auto s =
      from_environment({{"FAULTMAVEN_SERVICE_HOST", "10.0.0.1"}, {"PATH", "/bin"}});
  ASSERT_TRUE(s);
  EXPECT_EQ(s->warnings.size(), 1U);
  EXPECT_EQ(
      from_environment({{"FAULTMAVEN_HTTP_PORT", "x"}}).error().detail,
      "environment FAULTMAVEN_HTTP_PORT: http.port must be a whole number from 0 to 65535 (it is \"x\").");
}

TEST(settings, AHalfConfiguredBackendStopsTheStartWithWhatIsMissing) {
  EXPECT_NE(from_environment({{"CASE_STORAGE_TYPE", "postgres"}}).error().detail.find("needs postgres.host (CASES_DB_HOST)"), std::string::npos);
  EXPECT_NE(from_environment({{"USER_STORAGE_TYPE", "postgres"}}).error().detail.find("USERS_DB_HOST"), std::string::npos);
  EXPECT_NE(from_environment({{"BLOB_STORAGE_TYPE", "s3"}, {"S3_ENDPOINT", "http://h"}}).error().detail.find("s3.bucket"), std::string::npos);
  EXPECT_NE(from_environment({{"VECTOR_STORAGE_TYPE", "pinecone"}}).error().detail.find("must be one of inmemory, hnsw, chroma"), std::string::npos);
}

TEST(settings, NamesOfTheStorageDocumentsWorkAsTheyStand) {
  auto s = from_environment({{"CASE_STORAGE_TYPE", "postgres"}, {"CASES_DB_HOST", "db"}, {"CASES_DB_PORT", "30432"}, {"CASES_DB_NAME", "cases_db"},
                             {"CASES_DB_USER", "case_service"}, {"CASES_DB_PASSWORD", "p"}, {"USER_STORAGE_TYPE", "postgres"},
                             {"AUTH_DB_HOST", "users"}, {"SESSION_STORAGE_TYPE", "redis"}, {"REDIS_HOST", "cache"}, {"REDIS_PORT", "6380"},
                             {"REDIS_DB", "2"}, {"VECTOR_STORAGE_TYPE", "chromadb"}, {"CHROMADB_URL", "http://c:8000"}, {"CHROMADB_API_KEY", "t"}});
  ASSERT_TRUE(s) << s.error().detail;
  EXPECT_EQ(s->postgres.host, "db");
  EXPECT_EQ(s->postgres.port, 30'432);
  EXPECT_EQ(s->postgres.database, "cases_db");
  EXPECT_EQ(s->users_postgres.host, "users");
  EXPECT_EQ(s->redis.host, "cache");
  EXPECT_EQ(s->redis.port, 6'380);
  EXPECT_EQ(s->redis.database, 2U);
  EXPECT_EQ(s->storage.vectors, "chroma");
  EXPECT_EQ(s->chroma.token, "t");
  const auto shown = print_settings(*s);
  EXPECT_EQ(shown.find("password = p"), std::string::npos);
}

TEST(settings, AMissingFileIsAnError) {
  settings_sources from;
  from.file = "/nowhere/faultmaven.conf";
  auto s = load_settings(from);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().detail, "/nowhere/faultmaven.conf: the configuration file cannot be read.");
  from.file = "/";
  EXPECT_FALSE(load_settings(from)) << "a directory";
}

TEST(settings, SecretsAreNeverShown) {
  auto s =
      load_settings_text("[llm]\napi_key = sk-very-secret\nbase_url = http://h/v1\nmodel = m\n", "test.conf");
  ASSERT_TRUE(s);
  const auto shown = print_settings(*s);
  EXPECT_EQ(shown.find("sk-very-secret"), std::string::npos);
  EXPECT_NE(shown.find("api_key = ********"), std::string::npos);
  EXPECT_EQ(complaint("[llm]\napi_key = " + std::string(5'000, 'k') + "\n").find("kkk"), std::string::npos);
}

TEST(settings, WhatIsPrintedCanBeReadAgain) {
  auto s = load_settings_text("[http]\nport = 81\nallowed_origins = a, b\n[llm]\nmodel = \" m # "
                              "1\"\nbase_url = http://h\n[live]\nheartbeat_seconds = 7\n",
                              "test.conf");
  ASSERT_TRUE(s);
  auto again = load_settings_text(print_settings(*s), "printed.conf");
  ASSERT_TRUE(again) << again.error().detail;
  for (auto& info : settings_table())
    EXPECT_EQ(info.print(*s), info.print(*again)) << info.key;
}

TEST(settings, SettingsThatDisagreeAreRefused) {
  EXPECT_NE(complaint("[live]\nheartbeat_seconds = 50\n").find("pong_timeout"), std::string::npos);
  EXPECT_NE(complaint("[llm]\nbase_url = http://h/v1\n").find("belong together"), std::string::npos);
}

TEST(settings, DevLoginFollowsTheAddressUnlessTold) {
  settings s;
  for (const char* here : {"127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"}) {
    s.http.host = here;
    EXPECT_TRUE(s.dev_login_enabled()) << here;
  }
  for (const char* outside :
       {"0.0.0.0", "::", "10.0.0.1", "example.org", "localhost.example.org", "1270.0.0.1", ""}) {
    s.http.host = outside;
    EXPECT_FALSE(s.dev_login_enabled()) << outside;
  }
  s.auth.dev_login = dev_login_mode::on;
  EXPECT_TRUE(s.dev_login_enabled());
  s.http.host = "127.0.0.1";
  s.auth.dev_login = dev_login_mode::off;
  EXPECT_FALSE(s.dev_login_enabled());
}

TEST(settings, NoInputMakesTheReaderFall) {
  std::uint64_t seed = 42;
  const std::string alphabet = "[]=#;\"\n\r .httpor0123456789\xC3\xA9\xFF\0-";
  for (int round = 0; round < 3'000; ++round) {
    std::string text;
    for (int i = 0; i < 60; ++i) {
      seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
      text += alphabet[(seed >> 33) % alphabet.size()];
    }
    auto r = load_settings_text(text, "fuzz");
    if (!r) {
      EXPECT_FALSE(r.error().detail.empty());
    }
  }
}
} // namespace
} // namespace fm
