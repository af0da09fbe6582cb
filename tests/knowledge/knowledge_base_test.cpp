// The library over time: versions, restarts, teams, an embedder that is away, wrong, or another one than before.
#include "actors/knowledge/knowledge_base.hpp"
#include "actors/knowledge/knowledge_records.hpp"
#include "actors/knowledge/tools.hpp"
#include "actors/search/cached_embedder.hpp"
#include "actors/search/lexical_embedder.hpp"
#include "storage/factory/factory.hpp"
#include "storage/ports/blob_io.hpp"
#include "tests/contract/backends.hpp"

#include <gtest/gtest.h>

namespace fm {
namespace {
struct moody_embedder final : embedder {
  embedder_ptr inner = make_lexical_embedder(64);
  std::string called = "moody-1/64";
  std::optional<failure> trouble;
  std::size_t asked = 0; ///< texts
  std::string name() const override { return called; }
  std::uint32_t dimension() const override { return inner->dimension(); }
  outcome<std::vector<std::vector<float>>> embed(std::span<const std::string> texts) override {
    if (trouble)
      return *trouble;
    asked += texts.size();
    return inner->embed(texts);
  }
};

struct knowledge_base_test : testing::Test {
  std::shared_ptr<contract::turned_clock> clock = std::make_shared<contract::turned_clock>();
  random_ptr random = seeded_random(3);
  opened_storage storage = *open_storage(all_in_memory());
  std::shared_ptr<moody_embedder> model = std::make_shared<moody_embedder>();
  embedder_ptr used = model;
  knowledge_settings settings;
  std::map<user_id, std::vector<team_id>> teams;
  std::set<team_id> gone;
  std::unique_ptr<knowledge_base> base;
  const user_id ada{"user_ada"}, ben{"user_ben"};
  const team_id watch{"team_0123456789ab"};

  void SetUp() override { restart(); }
  void restart() {
    knowledge_deps d;
    d.blobs = storage.blobs;
    d.vectors = storage.vectors;
    d.model = used;
    d.clock = clock;
    d.random = random;
    d.teams_of = [this](const user_id& who) { return teams[who]; };
    d.team_gone = [this](const team_id& t) { return gone.contains(t); };
    base = std::make_unique<knowledge_base>(settings, std::move(d));
    auto n = base->load();
    ASSERT_TRUE(n) << n.error().detail;
  }
  std::string add(const std::string& title, const std::string& text, knowledge_scope scope = {}, const std::string& format = {}) {
    knowledge_draft d;
    d.scope = scope;
    d.title = title;
    d.content = text;
    d.format = format;
    auto added = base->add(ada, d);
    EXPECT_TRUE(added) << (added ? "" : added.error().detail);
    return added ? added->id : "";
  }
  std::vector<knowledge_hit> find(const std::string& text, const user_id& who) {
    knowledge_query q;
    q.viewer = who;
    q.text = text;
    auto hits = base->search(q);
    EXPECT_TRUE(hits) << (hits ? "" : hits.error().detail);
    return hits ? *hits : std::vector<knowledge_hit>{};
  }
  outcome<done_t> embed_all(bool all = false) {
    for (auto& id : base->to_embed(all))
      if (auto r = base->embed_again(id); !r)
        return r;
    return done;
  }
  std::size_t blobs_under(const std::string& prefix) { return storage.blobs->list(prefix, {}, 1'000)->blobs.size(); }
};

TEST_F(knowledge_base_test, EarlierVersionsStayReadableUpToABound) {
  settings.versions_kept = 2;
  restart();
  const auto id = add("One", "text 1");
  for (int i = 2; i <= 6; ++i) {
    knowledge_patch p;
    p.title = "Title " + std::to_string(i);
    if (i != 4) // the fourth keeps the text of the third
      p.content = "text " + std::to_string(i);
    ASSERT_TRUE(base->change(ada, id, p, {}));
  }
  const auto all = base->versions(ada, id).value();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].version, 4U);
  EXPECT_EQ(all[2].version, 6U);
  EXPECT_EQ(base->read_version(ada, id, 4)->second, "text 3") << "its text came with the third";
  EXPECT_EQ(base->read_version(ada, id, 5)->second, "text 5");
  EXPECT_EQ(base->read_version(ada, id, 6)->second, "text 6");
  EXPECT_EQ(base->read_version(ada, id, 3).error().code, errc::not_found);
  EXPECT_EQ(blobs_under("knowledge/global/" + id + "/text"), 3U) << "texts that no version has are gone";
  restart();
  EXPECT_EQ(base->read_version(ada, id, 4)->first.title, "Title 4");
  knowledge_patch back;
  back.restore_version = 4;
  const auto restored = base->change(ada, id, back, 6).value();
  EXPECT_EQ(restored.version, 7U);
  EXPECT_EQ(restored.title, "Title 4");
  EXPECT_EQ(base->read(ada, id)->second, "text 3");
  back.restore_version = 1;
  EXPECT_EQ(base->change(ada, id, back, {}).error().code, errc::not_found);
  ASSERT_TRUE(base->remove(ada, id));
  EXPECT_EQ(blobs_under("knowledge/"), 0U);
}

TEST_F(knowledge_base_test, RecordsOfBeforeVersionsAreReadAndEmbeddedOnce) {
  const std::string text = "Old but gold.";
  ASSERT_TRUE(write_blob(*storage.blobs, "knowledge/user_ada/doc_000000000001/text", "text/plain", text));
  ASSERT_TRUE(write_blob(*storage.blobs, "knowledge/user_ada/doc_000000000001/record.json", "application/json",
                         R"({"v":1,"id":"doc_000000000001","owner":"user_ada","title":"Old","document_type":"note","category":"","format":"markdown","tags":[],"bytes":13,"sha256":"","version":1,"chunks":1,"indexed":true,"created_by":"user_ada","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"})"));
  restart();
  EXPECT_EQ(base->read(ada, "doc_000000000001")->second, text);
  EXPECT_EQ(base->to_embed(false).size(), 1U);
  ASSERT_TRUE(embed_all());
  restart();
  EXPECT_TRUE(base->to_embed(false).empty());
  EXPECT_GT(find("gold", ada).at(0).similarity, 0);
  EXPECT_TRUE(find("gold", ben).empty());
}

TEST_F(knowledge_base_test, WithAnEmbedderThatIsAwayDocumentsAreFoundByWordsAndEmbeddedLater) {
  model->trouble = make_failure(errc::invalid, "The embedding model gives vectors of 768 numbers, but knowledge.embedding_dimension is 64.");
  const auto id = add("Valves", "Open the bypass valve.");
  EXPECT_FALSE(base->read(ada, id)->first.indexed);
  const auto hits = find("bypass", ada);
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(hits[0].similarity, 0);
  auto state = base->model_state();
  EXPECT_FALSE(state.working);
  EXPECT_NE(state.detail.find("768 numbers"), std::string::npos);
  EXPECT_EQ(state.not_indexed, 1U);
  EXPECT_EQ(embed_all().error().code, errc::invalid);
  model->trouble.reset();
  EXPECT_FALSE(embed_all()) << "it is left alone for a while";
  clock->ms += 3'600'000;
  ASSERT_TRUE(embed_all());
  EXPECT_TRUE(base->model_state().working);
  EXPECT_EQ(base->model_state().not_indexed, 0U);
  EXPECT_GT(find("bypass", ada).at(0).similarity, 0);
}

TEST_F(knowledge_base_test, AnotherEmbedderNeverMeetsTheVectorsOfTheOneBefore) {
  for (int i = 0; i < 5; ++i)
    add("Doc " + std::to_string(i), "Text about valves " + std::to_string(i));
  model->called = "moody-2/32";
  model->inner = make_lexical_embedder(32);
  restart();
  EXPECT_EQ(base->to_embed(false).size(), 5U);
  EXPECT_EQ(find("valves", ada).size(), 5U) << "words go on meanwhile";
  for (auto& h : find("valves", ada))
    EXPECT_EQ(h.similarity, 0);
  ASSERT_TRUE(base->embed_again(base->to_embed(false)[0]));
  ASSERT_TRUE(base->embed_again(base->to_embed(false)[0]));
  restart(); // cut off in the middle
  EXPECT_EQ(base->to_embed(false).size(), 3U) << "it goes on where it was";
  ASSERT_TRUE(embed_all());
  const auto info = storage.vectors->collection("global_kb").value();
  EXPECT_EQ(info.dimension, 32U);
  EXPECT_EQ(info.count, 5U);
  EXPECT_EQ(std::get<std::string>(info.metadata.at("embedder")), "moody-2/32");
  for (auto& h : find("valves", ada))
    EXPECT_GT(h.similarity, 0);
}

TEST_F(knowledge_base_test, VectorsThatWereLostAreMadeAgainFromTheCacheForNothing) {
  used = make_cached_embedder(model, [] {
    auto s = all_in_memory();
    s.embedding_cache_bytes = 1U << 20;
    return open_storage(s)->embeddings;
  }());
  restart();
  add("Doc", "Text about valves");
  add("Other", "Text about pumps");
  const auto asked = model->asked;
  ASSERT_TRUE(storage.vectors->drop_collection("global_kb"));
  restart();
  EXPECT_EQ(base->to_embed(false).size(), 2U);
  ASSERT_TRUE(embed_all());
  EXPECT_EQ(model->asked, asked);
  EXPECT_EQ(storage.vectors->collection("global_kb")->count, 2U);
}

TEST_F(knowledge_base_test, StrayVectorsDoNotMakeEveryStartEmbedAnew) {
  add("Doc", "Text about valves");
  const std::vector<vector_item> stray{{"doc_ffffffffffff#0", std::vector<float>(64, 0.125F), {}, {}}};
  ASSERT_TRUE(storage.vectors->upsert("global_kb", stray));
  restart();
  EXPECT_EQ(base->to_embed(false).size(), 1U);
  ASSERT_TRUE(embed_all());
  restart();
  EXPECT_TRUE(base->to_embed(false).empty());
}

TEST_F(knowledge_base_test, ATeamsDocumentsAreForItsMembersAndGoWithIt) {
  teams[ada] = {watch};
  const auto id = add("Rota", "The zanzibar pager", {{}, watch});
  EXPECT_EQ(find("zanzibar", ada).size(), 1U);
  EXPECT_TRUE(find("zanzibar", ben).empty());
  EXPECT_EQ(base->read(ben, id).error().code, errc::not_found);
  EXPECT_EQ(base->remove(ben, id).error().code, errc::not_found);
  EXPECT_TRUE(find("zanzibar", {}).empty()) << "nobody in particular";
  restart();
  EXPECT_EQ(base->read(ada, id)->first.scope.team, watch);
  const auto hits = answer_from(*base, knowledge_tools()[1], ada, "zanzibar pager", 0.01).value();
  ASSERT_EQ(hits.size(), 1U);
  EXPECT_EQ(std::string{knowledge_tools()[1].name}, "answer_from_" + std::string{hits[0].document.scope.name()} + "_kb");
  EXPECT_TRUE(answer_from(*base, knowledge_tools()[0], ada, "zanzibar pager", 0.01)->empty());
  EXPECT_TRUE(answer_from(*base, knowledge_tools()[2], ada, "zanzibar pager", 0.01)->empty());
  EXPECT_EQ(base->forget(watch).value(), 1U);
  EXPECT_TRUE(find("zanzibar", ada).empty());
  EXPECT_EQ(blobs_under("knowledge/"), 0U);
  add("Rota", "The zanzibar pager", {{}, watch});
  gone.insert(watch); // the server stopped between the two
  restart();
  EXPECT_TRUE(find("zanzibar", ada).empty());
  EXPECT_EQ(blobs_under("knowledge/"), 0U);
}

TEST_F(knowledge_base_test, WhatIsInNoTeamCannotBeWrittenThere) {
  knowledge_draft d;
  d.scope.team = watch;
  d.title = "x";
  d.content = "y";
  EXPECT_EQ(base->add(ada, d).error().code, errc::not_found);
}

TEST_F(knowledge_base_test, TooManyPiecesAreRefusedNotCut) {
  settings.chunking.chunks_max = 3;
  restart();
  std::string text;
  for (int i = 0; i < 4'000; ++i)
    text += "word" + std::to_string(i) + " ";
  knowledge_draft d;
  d.title = "Long";
  d.content = text;
  EXPECT_EQ(base->add(ada, d).error().code, errc::too_large);
  EXPECT_EQ(blobs_under("knowledge/"), 0U);
}

TEST_F(knowledge_base_test, ChangesAtOnceAreOneAfterTheOther) {
  const auto id = add("One", "text");
  knowledge_patch p;
  p.title = "Two";
  ASSERT_TRUE(base->change(ada, id, p, 1));
  EXPECT_EQ(base->change(ada, id, p, 1).error().reason, "CASE_VERSION_CONFLICT");
  EXPECT_EQ(base->read(ada, id)->first.version, 2U);
}

TEST(chunker, TablesAreCutBetweenRowsAndEveryPieceKnowsItsNames) {
  std::string csv = "host,metric,\"what, really\"\n";
  for (int i = 0; i < 800; ++i)
    csv += "db-" + std::to_string(i) + ",cpu,\"line one\nline two " + std::to_string(i) + "\"\n";
  const auto c = chunks_of(csv, {}, "csv");
  ASSERT_GT(c.chunks.size(), 3U);
  std::uint64_t at = 0;
  for (std::size_t i = 0; i < c.chunks.size(); ++i) {
    EXPECT_EQ(c.chunks[i].begin, at) << "without gap";
    at = c.chunks[i].end;
    EXPECT_EQ(csv.substr(c.chunks[i].begin, c.chunks[i].end - c.chunks[i].begin), c.chunks[i].text);
    EXPECT_EQ(std::count(c.chunks[i].text.begin(), c.chunks[i].text.end(), '"') % 2, 0) << "no row is torn";
    EXPECT_EQ(c.chunks[i].context, i == 0 ? "" : "host,metric,\"what, really\"");
  }
  EXPECT_EQ(at, csv.size());
}

TEST(chunker, JsonIsCutBetweenMembersAndEveryPieceKnowsItsPath) {
  std::string json = R"({"service":"billing","limits":[)";
  for (int i = 0; i < 900; ++i)
    json += (i ? "," : "") + std::string{R"({"name":"limit )"} + std::to_string(i) + R"(, \"hard\"","value":)" + std::to_string(i) + "}";
  json += R"(],"owner":{"team":"night watch"}})";
  const auto c = chunks_of(json, {}, "json");
  ASSERT_GT(c.chunks.size(), 3U);
  std::uint64_t at = 0;
  for (auto& k : c.chunks) {
    EXPECT_EQ(k.begin, at);
    at = k.end;
    EXPECT_EQ(json.substr(k.begin, k.end - k.begin), k.text);
  }
  EXPECT_EQ(at, json.size());
  EXPECT_EQ(c.chunks[0].heading, "$.service");
  EXPECT_TRUE(c.chunks[1].heading.starts_with("$.limits[")) << c.chunks[1].heading;
}

TEST(chunker, CrookedTablesAndJsonAreCutAllTheSame) {
  chunk_settings s;
  s.chunks_max = 20'000;
  for (const char* format : {"csv", "json"})
    for (const auto& text : {std::string(50'000, '['), std::string(50'000, '"'), std::string(50'000, '\n'), std::string(9'000, '{') + std::string(9'000, ','), "\"" + std::string(50'000, 'x'),
                                   std::string{"{\"a\":\"\\"}, std::string(30'000, ':')}) {
      const auto c = chunks_of(text, s, format);
      for (auto& k : c.chunks)
        EXPECT_EQ(text.substr(k.begin, k.end - k.begin), k.text);
    }
}
} // namespace
} // namespace fm
