// The house plan as a test: reads every #include of the tree against the layer table of architecture.md ("Which
// way dependencies point"), and holds every source file to the few rules that a reader relies on.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t lines_max = 1'000;

/// What the files below `area` may include of ours: these folders, and themselves.
struct layer {
  std::string_view area;
  std::vector<std::string_view> may_see;
  std::string_view rule;
};

/// The longest area that fits a file's path counts. A file that fits none is a mistake by itself.
const std::vector<layer>& table() {
  static const std::vector<layer> layers{
      {"protocol/base", {}, "base depends on nothing of ours"},
      {"protocol/model", {"protocol/base"}, "the model stands on base alone"},
      {"protocol/messages", {"protocol/base", "protocol/model"}, "messages never touch the wire"},
      {"protocol/wire", {"protocol/base", "protocol/model"}, "the wire never touches actor messages"},

      {"storage/ports", {"protocol/base", "protocol/model"}, "storage stands on the model and has never heard of actors"},
      {"storage/codec", {"protocol/base", "protocol/model", "storage/ports"}, "storage stands on the model and has never heard of actors"},
      {"storage/factory", {"protocol/base", "protocol/model", "storage"}, "storage stands on the model and has never heard of actors"},
      {"storage/filesystem", {"protocol/base", "protocol/model", "storage/ports", "storage/codec", "storage/sqlite"}, "the file store keeps keys and small blobs in a table"},
      {"storage", {"protocol/base", "protocol/model", "storage/ports", "storage/codec"}, "a backend sees ports and codec, no other backend and no actor"},

      {"actors/preprocessing", {"protocol/base", "protocol/model", "protocol/messages", "storage/ports", "actors/support", "actors/evidence"},
       "preprocessing schedules the evidence functions"},
      {"actors/files", {"protocol/base", "protocol/model", "protocol/messages", "storage/ports", "actors/support", "actors/evidence"},
       "files schedules the evidence functions"},
      {"actors/case_search", {"protocol/base", "protocol/model", "protocol/messages", "storage/ports", "actors/support", "actors/search", "actors/evidence"},
       "case search schedules the search and evidence functions"},
      {"actors/search", {"protocol/base", "protocol/model", "storage/ports"}, "search is words, ranks and vectors: it knows no document, no file and no actor"},
      {"actors/knowledge", {"protocol/base", "protocol/model", "protocol/messages", "storage/ports", "actors/support", "actors/search"},
       "knowledge schedules the search functions"},
      {"actors/likeness", {"protocol/base", "protocol/model", "protocol/messages", "storage/ports", "actors/support", "actors/evidence"},
       "likeness schedules the evidence functions"},
      {"actors/evidence", {"protocol/base", "protocol/model"}, "evidence is pure: values in, values out"},
      {"actors/support", {"protocol/base", "protocol/model", "protocol/messages", "storage/ports"}, "support serves all areas and knows none"},
      {"actors/llm", {"protocol/base", "protocol/model", "protocol/messages", "storage/ports", "actors/support"}, "actors see messages and storage ports; areas talk by message"},
      {"actors/agent", {"protocol/base", "protocol/model", "protocol/messages", "storage/ports", "actors/support", "actors/llm", "actors/evidence", "actors/cases"},
       "the agent uses the provider port, the evidence functions and the pure case rules"},
      {"actors/cases", {"protocol/base", "protocol/model", "protocol/messages", "storage/ports", "actors/support", "actors/agent"},
       "a case spawns its turn runner; everything else by message"},
      {"actors", {"protocol/base", "protocol/model", "protocol/messages", "storage/ports", "actors/support"},
       "actors see messages and storage ports; areas talk by message"},

      {"http/client", {"protocol/base"}, "the outgoing client knows nothing but its port"},
      {"http/core", {"protocol/base", "protocol/model", "protocol/messages", "protocol/wire"}, "http has never heard of storage or of an actor's implementation"},
      {"http/bridge", {"protocol/base", "protocol/model", "protocol/messages", "protocol/wire", "http/core"}, "http has never heard of storage or of an actor's implementation"},
      {"http/rest", {"protocol/base", "protocol/model", "protocol/messages", "protocol/wire", "http/core", "http/bridge"}, "http has never heard of storage or of an actor's implementation"},
      {"http/live", {"protocol/base", "protocol/model", "protocol/messages", "protocol/wire", "http/core", "http/bridge"}, "http has never heard of storage or of an actor's implementation"},
      {"http/server", {"protocol/base", "protocol/model", "protocol/messages", "protocol/wire", "http/core", "http/bridge", "http/rest", "http/live"},
       "http has never heard of storage or of an actor's implementation"},

      {"config/settings", {"protocol/base"}, "settings are plain values"},
      {"config/cmake/precompiled", {"protocol", "config/cmake/precompiled"}, "what is compiled once is what all layers above share"},
      {"config/cmake", {}, "build helpers stand alone"},
      {"config/app", {"protocol", "storage", "actors", "http", "config"}, "the roof: doors to every room, but not to the tests"},
      {"tests", {"protocol", "storage", "actors", "http", "config"}, "tests see everything but the benches"},
      {"bench", {"protocol", "storage", "actors", "http", "config", "tests/support", "tests/evidence"}, "benches see everything, of the tests only the support"},
  };
  return layers;
}

/// A library that only some folders may name.
struct fence {
  std::vector<std::string_view> headers;  ///< prefixes of <…> or "…"
  std::vector<std::string_view> allowed;  ///< path prefixes; tests and bench are always allowed
  std::string_view rule;
};

const std::vector<fence>& fences() {
  static const std::vector<fence> list{
      {{"caf/"},
       {"protocol/messages", "actors/support", "actors/stores", "actors/cases", "actors/agent", "actors/llm", "actors/identity",
        "actors/files", "actors/knowledge", "actors/teams", "actors/case_search", "actors/likeness", "actors/preprocessing", "actors/reports", "actors/retention", "http/bridge", "http/rest", "http/live", "config/app", "config/cmake/precompiled"},
       "CAF lives in messages, in actors (evidence excepted) and where a request meets an actor"},
      {{"simdjson.h", "boost/json"},
       {"protocol/base", "protocol/wire", "storage/codec", "storage/chroma", "actors/llm", "actors/knowledge", "actors/search", "actors/case_search", "actors/teams", "actors/files", "actors/likeness", "actors/evidence", "http", "config/app"},
       "JSON lives on the wire, in the stored form and in what providers speak, never in the model or the actors"},
      {{"sqlite3.h"}, {"storage/sqlite"}, "only the SQLite backend knows SQLite"},
      {{"libpq-fe.h", "pqxx/"}, {"storage/postgres"}, "only the PostgreSQL backend knows PostgreSQL"},
      {{"hiredis/"}, {"storage/redis"}, "only the Redis backend knows Redis"},
      {{"hnswlib/"}, {"storage/hnsw"}, "only the HNSW backend knows the nearest-neighbour index"},
      {{"boost/beast", "boost/asio"}, {"http"}, "sockets live at the edge"},
      {{"curl/"}, {"http/client"}, "one outgoing HTTP client, behind its port"},
      {{"spdlog/"}, {"protocol/base"}, "logging goes through protocol/base/logging.hpp"},
      {{"prometheus/"}, {"protocol/base"}, "metrics go through protocol/base/metrics.hpp"},
      {{"CLI/"}, {"config/app"}, "the command line is read in one place"},
      {{"gtest/", "gmock/", "benchmark/"}, {}, "no test library in the product"},
  };
  return list;
}

bool below(std::string_view path, std::string_view folder) {
  return path.size() > folder.size() && path.substr(0, folder.size()) == folder && path[folder.size()] == '/';
}

struct include {
  std::string path;
  bool ours = false; ///< "…" rather than <…>
  std::size_t line = 0;
};

std::vector<include> includes_of(std::string_view text) {
  std::vector<include> found;
  std::size_t number = 0;
  std::istringstream lines{std::string{text}};
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto hash = line.find_first_not_of(" \t");
    if (hash == std::string::npos || line[hash] != '#')
      continue;
    const auto word = line.find_first_not_of(" \t", hash + 1);
    if (word == std::string::npos || line.compare(word, 7, "include") != 0)
      continue;
    const auto open = line.find_first_of("<\"", word + 7);
    if (open == std::string::npos)
      continue;
    const auto close = line.find(line[open] == '<' ? '>' : '"', open + 1);
    if (close != std::string::npos)
      found.push_back({line.substr(open + 1, close - open - 1), line[open] == '"', number});
  }
  return found;
}

/// Everything wrong with one file; `path` is relative to the root. `exists` tells whether one of ours is there.
template <class Exists>
std::vector<std::string> faults_of(const std::string& path, std::string_view text, Exists exists) {
  std::vector<std::string> faults;
  const layer* home = nullptr;
  for (auto& l : table())
    if (below(path, l.area) && (home == nullptr || l.area.size() > home->area.size()))
      home = &l;
  if (home == nullptr) {
    faults.push_back(path + " lies in no layer; add its folder to the table of tests/tidy/layers_test.cpp");
    return faults;
  }
  const bool is_test = below(path, "tests") || below(path, "bench");
  // A backend may see itself, but "storage" as an area must not let backends see one another.
  const auto folder = path.substr(0, path.rfind('/'));
  for (auto& i : includes_of(text)) {
    const auto where = path + ":" + std::to_string(i.line) + " includes " + (i.ours ? "\"" + i.path + "\"" : "<" + i.path + ">");
    if (i.ours) {
      const bool self = below(i.path, folder) || i.path.substr(0, i.path.rfind('/')) == folder ||
                        (home->area != "storage" && home->area != "actors" && below(i.path, home->area));
      const bool seen = std::any_of(home->may_see.begin(), home->may_see.end(), [&](auto f) { return below(i.path, f); });
      if (!self && !seen)
        faults.push_back(where + ": " + std::string{home->rule});
      if (!exists(i.path))
        faults.push_back(where + ": includes are relative to the root, and there is no such file");
    }
    for (auto& f : fences()) {
      const bool named = std::any_of(f.headers.begin(), f.headers.end(), [&](auto h) { return i.path.substr(0, h.size()) == h; });
      const bool allowed = is_test || std::any_of(f.allowed.begin(), f.allowed.end(), [&](auto a) { return below(path, a); });
      if (named && !allowed)
        faults.push_back(where + ": " + std::string{f.rule});
    }
  }
  if (text.substr(0, 2) != "//")
    faults.push_back(path + " does not open with a comment that says what it is");
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  if (lines > lines_max)
    faults.push_back(path + " has " + std::to_string(lines) + " lines; more than " + std::to_string(lines_max) + " is more than one story");
  if (path.ends_with(".hpp") && text.find("#pragma once") == std::string_view::npos)
    faults.push_back(path + " lacks #pragma once");
  return faults;
}

std::vector<std::string> faults_of(const std::string& path, std::string_view text) {
  return faults_of(path, text, [](const std::string&) { return true; });
}

std::map<std::string, std::string> all_sources() {
  const std::filesystem::path root{FM_SOURCE_DIR};
  std::map<std::string, std::string> files;
  for (const auto* top : {"protocol", "storage", "actors", "http", "config", "tests", "bench"})
    for (auto it = std::filesystem::recursive_directory_iterator{root / top}; it != std::filesystem::recursive_directory_iterator{}; ++it) {
      if (it->is_directory() && it->path().filename() == "node_modules") {
        it.disable_recursion_pending();
        continue;
      }
      const auto extension = it->path().extension();
      if (!it->is_regular_file() || (extension != ".cpp" && extension != ".hpp"))
        continue;
      std::ifstream in{it->path(), std::ios::binary};
      std::ostringstream text;
      text << in.rdbuf();
      files.emplace(std::filesystem::relative(it->path(), root).generic_string(), std::move(text).str());
    }
  return files;
}

bool mentions(const std::vector<std::string>& faults, std::string_view part) {
  return std::any_of(faults.begin(), faults.end(), [&](auto& f) { return f.find(part) != std::string::npos; });
}

constexpr std::string_view opening = "// A planted file.\n#pragma once\n";
std::string planted(std::string_view include_line) { return std::string{opening} + std::string{include_line} + "\n"; }

// ---- the tree ----

TEST(Tidy, EveryFileOfTheTreeKeepsToTheHousePlan) {
  const auto files = all_sources();
  ASSERT_GT(files.size(), 50U) << "the walk found too little to mean anything";
  for (auto& [path, text] : files)
    for (auto& fault : faults_of(path, text, [&](const std::string& other) {
           return files.contains(other) || std::filesystem::exists(std::filesystem::path{FM_SOURCE_DIR} / other);
         }))
      ADD_FAILURE() << fault;
}

TEST(Tidy, NoLayersIncludeEachOtherInACircle) {
  // By folder: who includes whom, tests and benches aside. The agent and the cases share the pure case rules and
  // may know each other; that pair is named here so that no other grows unseen.
  const std::set<std::pair<std::string, std::string>> agreed{{"actors/agent", "actors/cases"}, {"actors/cases", "actors/agent"}};
  std::map<std::string, std::set<std::string>> sees;
  const auto folder = [](const std::string& path) { return path.substr(0, path.rfind('/')); };
  for (auto& [path, text] : all_sources()) {
    if (below(path, "tests") || below(path, "bench"))
      continue;
    for (auto& i : includes_of(text))
      if (i.ours && folder(i.path) != folder(path) && !agreed.contains({folder(path), folder(i.path)}))
        sees[folder(path)].insert(folder(i.path));
  }
  // Take away folders that see nobody left, again and again; what stays is a circle.
  for (bool changed = true; changed;) {
    changed = false;
    for (auto it = sees.begin(); it != sees.end();) {
      std::erase_if(it->second, [&](auto& f) { return !sees.contains(f); });
      if (it->second.empty()) {
        it = sees.erase(it);
        changed = true;
      } else {
        ++it;
      }
    }
  }
  for (auto& [from, others] : sees)
    for (auto& to : others)
      ADD_FAILURE() << from << " sees " << to << ", which leads back to it";
}

// ---- the test's own tests: every rule catches what it is for ----

TEST(TidyCatches, AModelThatSpeaksToTheWire) {
  EXPECT_TRUE(mentions(faults_of("protocol/model/x.hpp", planted("#include \"protocol/wire/encode.hpp\"")), "the model stands on base alone"));
}
TEST(TidyCatches, APillarThatTouchesTheOther) {
  EXPECT_TRUE(mentions(faults_of("protocol/wire/x.hpp", planted("#include \"protocol/messages/subscriber.hpp\"")), "never touches"));
  EXPECT_TRUE(mentions(faults_of("protocol/messages/x.hpp", planted("#include \"protocol/wire/encode.hpp\"")), "never touch"));
}
TEST(TidyCatches, StorageThatHasHeardOfActors) {
  EXPECT_TRUE(mentions(faults_of("storage/sqlite/x.hpp", planted("#include \"protocol/messages/subscriber.hpp\"")), "no actor"));
  EXPECT_TRUE(mentions(faults_of("storage/sqlite/x.hpp", planted("#include <caf/actor.hpp>")), "CAF lives"));
}
TEST(TidyCatches, ABackendThatKnowsAnother) {
  EXPECT_TRUE(mentions(faults_of("storage/inmemory/x.hpp", planted("#include \"storage/sqlite/connection.hpp\"")), "no other backend"));
  EXPECT_TRUE(faults_of("storage/factory/x.hpp", planted("#include \"storage/sqlite/connection.hpp\"")).empty());
}
TEST(TidyCatches, AnActorThatKnowsADatabaseOrTheWire) {
  EXPECT_TRUE(mentions(faults_of("actors/cases/x.hpp", planted("#include \"storage/sqlite/case_store.hpp\"")), "by message"));
  EXPECT_TRUE(mentions(faults_of("actors/cases/x.hpp", planted("#include \"protocol/wire/encode.hpp\"")), "by message"));
  EXPECT_TRUE(mentions(faults_of("actors/cases/x.hpp", planted("#include <simdjson.h>")), "JSON lives"));
  EXPECT_TRUE(faults_of("actors/cases/x.hpp", planted("#include \"storage/ports/case_store.hpp\"")).empty());
}
TEST(TidyCatches, AnAreaThatReachesIntoItsNeighbour) {
  EXPECT_TRUE(mentions(faults_of("actors/identity/x.hpp", planted("#include \"actors/cases/case_actor.hpp\"")), "areas talk by message"));
  EXPECT_TRUE(mentions(faults_of("actors/llm/x.hpp", planted("#include \"actors/agent/context.hpp\"")), "areas talk by message"));
}
TEST(TidyCatches, EvidenceThatIsNotPure) {
  EXPECT_TRUE(mentions(faults_of("actors/evidence/x.hpp", planted("#include <caf/event_based_actor.hpp>")), "CAF lives"));
  EXPECT_TRUE(mentions(faults_of("actors/evidence/x.hpp", planted("#include \"actors/support/offload.hpp\"")), "pure"));
}
TEST(TidyCatches, AnEdgeThatReadsTheDatabase) {
  EXPECT_TRUE(mentions(faults_of("http/rest/x.hpp", planted("#include \"storage/ports/case_store.hpp\"")), "never heard of storage"));
  EXPECT_TRUE(mentions(faults_of("http/rest/x.hpp", planted("#include \"actors/cases/case_actor.hpp\"")), "never heard of storage"));
  EXPECT_TRUE(faults_of("http/rest/x.hpp", planted("#include \"protocol/messages/case_commands.hpp\"")).empty());
}
TEST(TidyCatches, LibrariesOutsideTheirFence) {
  EXPECT_TRUE(mentions(faults_of("storage/inmemory/x.hpp", planted("#include <sqlite3.h>")), "SQLite"));
  EXPECT_TRUE(mentions(faults_of("actors/llm/x.hpp", planted("#include <boost/beast/core.hpp>")), "sockets live at the edge"));
  EXPECT_TRUE(mentions(faults_of("actors/llm/x.hpp", planted("#include <curl/curl.h>")), "one outgoing HTTP client"));
  EXPECT_TRUE(mentions(faults_of("http/server/x.hpp", planted("#include <gtest/gtest.h>")), "no test library"));
  EXPECT_TRUE(mentions(faults_of("http/core/x.hpp", planted("#include <caf/actor.hpp>")), "CAF lives"));
  EXPECT_TRUE(faults_of("http/bridge/x.hpp", planted("#include <caf/actor.hpp>")).empty());
  EXPECT_TRUE(faults_of("bench/load/x.hpp", planted("#include <boost/beast/core.hpp>")).empty());
}
TEST(TidyCatches, AFileOutsideTheHouse) {
  EXPECT_TRUE(mentions(faults_of("protocol/extra/x.hpp", opening), "no layer"));
}
TEST(TidyCatches, AnIncludeThatIsNotRootRelative) {
  const auto faults = faults_of("http/core/x.hpp", planted("#include \"router.hpp\""), [](const std::string&) { return false; });
  EXPECT_TRUE(mentions(faults, "relative to the root"));
}
TEST(TidyCatches, SpacedAndIndentedIncludes) {
  EXPECT_TRUE(mentions(faults_of("http/core/x.hpp", planted("  #  include   <sqlite3.h>")), "SQLite"));
}
TEST(TidyCatches, ASilentOpening) {
  EXPECT_TRUE(mentions(faults_of("http/core/x.cpp", "#include \"http/core/router.hpp\"\n"), "open with a comment"));
}
TEST(TidyCatches, AHeaderWithoutAGuardAndAnEndlessFile) {
  EXPECT_TRUE(mentions(faults_of("http/core/x.hpp", "// x\n"), "#pragma once"));
  EXPECT_TRUE(mentions(faults_of("http/core/x.cpp", "// x\n" + std::string(1'001, '\n')), "more than one story"));
  EXPECT_TRUE(faults_of("http/core/x.cpp", "// x\n" + std::string(900, '\n')).empty());
}
TEST(TidyCatches, ButNotWhatIsFine) {
  EXPECT_TRUE(faults_of("protocol/wire/x.hpp", planted("#include \"protocol/wire/encode.hpp\"\n#include <simdjson.h>\n#include <string>")).empty());
  EXPECT_TRUE(faults_of("config/app/lib/x.cpp", planted("#include \"storage/factory/factory.hpp\"")).empty());
}

} // namespace
