// The tokenizer, the chunker and the index: exact ranges, bounds, and what goes in comes out.
#include "actors/knowledge/chunker.hpp"
#include "actors/search/concepts.hpp"
#include "actors/search/full_text_index.hpp"
#include "actors/search/lexical_embedder.hpp"
#include "actors/search/words.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace {
using namespace fm;

std::vector<std::string> stems(std::string_view text) {
  std::vector<std::string> out;
  for (auto& t : terms_of(text))
    out.push_back(t.stem);
  return out;
}

TEST(words, IdentifiersGiveThemselvesAndTheirParts) {
  EXPECT_EQ(stems("CrashLoopBackOff"), (std::vector<std::string>{"crashloopbackoff", "crash", "loop", "back"}));
  EXPECT_EQ(stems("max_connections"), (std::vector<std::string>{"max_connect", "max", "connect"}));
  EXPECT_EQ(stems("HTTPServer"), (std::vector<std::string>{"httpserver", "http", "server"}));
}

TEST(words, RangesPointAtTheBytesOfTheText) {
  const std::string text = "Der Über-Server läuft: disk FULL!";
  for (auto& t : terms_of(text, 100, false))
    EXPECT_LE(t.end, text.size());
  const auto all = terms_of(text, 100, false);
  EXPECT_EQ(text.substr(all.back().begin, all.back().end - all.back().begin), "FULL");
}

TEST(words, CommonWordsSayNothing) { EXPECT_EQ(stems("what is the matter with this disk"), (std::vector<std::string>{"matter", "disk"})); }

TEST(words, AnyBytesAreAcceptedAndBounded) {
  std::string bytes;
  for (int i = 0; i < 100'000; ++i)
    bytes.push_back(static_cast<char>((i * 131) % 256));
  EXPECT_LE(terms_of(bytes, 500).size(), 501U);
  EXPECT_EQ(terms_of(std::string(1'000'000, 'a')).at(0).stem.size(), 64U);
}

TEST(concepts, OtherWordsForTheSameThingMeet) {
  const auto has = [](std::string_view text, std::string_view name) {
    const auto found = concepts_of(terms_of(text));
    return std::find(found.begin(), found.end(), name) != found.end();
  };
  EXPECT_TRUE(has("the box ran out of RAM", "§memory_exhausted"));
  EXPECT_TRUE(has("container was OOMKilled", "§memory_exhausted"));
  EXPECT_TRUE(has("sorry, too many clients already", "§connection_limit"));
  EXPECT_FALSE(has("the weather is fine", "§memory_exhausted"));
}

TEST(chunker, AShortDocumentStaysWhole) {
  const auto c = chunks_of("# Title\n\nSome text.\n\n## More\n\nMore text.\n");
  ASSERT_EQ(c.chunks.size(), 1U);
  EXPECT_EQ(c.chunks[0].heading, "Title");
}

TEST(chunker, PiecesCoverTheTextRespectTheBoundAndKnowTheirHeading) {
  std::string text = "# Guide\n\n";
  for (int s = 0; s < 12; ++s) {
    text += "## Section " + std::to_string(s) + "\n\n";
    for (int p = 0; p < 6; ++p)
      text += "Paragraph " + std::to_string(p) + " says that the disk of machine " + std::to_string(s) +
              " was filled by logs that nobody rotated, and what to do about it in plain words.\n\n";
  }
  const auto c = chunks_of(text);
  ASSERT_GT(c.chunks.size(), 3U);
  std::uint64_t covered = 0;
  for (auto& piece : c.chunks) {
    EXPECT_LE(piece.begin, covered) << "nothing may be left out";
    EXPECT_GT(piece.end, covered);
    EXPECT_EQ(piece.text, text.substr(piece.begin, piece.end - piece.begin));
    EXPECT_LE(token_estimate(piece.text), 512U);
    EXPECT_TRUE(piece.heading.starts_with("Guide")) << piece.heading;
    covered = piece.end;
  }
  EXPECT_EQ(covered, text.size());
}

TEST(chunker, ATextWithoutSpacesOrLinesIsCutToo) {
  const auto c = chunks_of(std::string(200'000, 'x'));
  ASSERT_GT(c.chunks.size(), 5U);
  for (auto& piece : c.chunks)
    EXPECT_LE(token_estimate(piece.text), 512U);
  EXPECT_TRUE(chunks_of("  \n \n").chunks.empty());
}

TEST(chunker, TheBoundOnPiecesIsSaid) {
  chunk_settings s;
  s.chunks_max = 3;
  const auto c = chunks_of(std::string(200'000, 'x'), s);
  EXPECT_EQ(c.chunks.size(), 3U);
  EXPECT_TRUE(c.cut);
}

TEST(full_text, FindsReplacesAndForgets) {
  full_text_index index;
  index.add("a", "Disks", "the volume filled up with logs");
  index.add("b", "Names", "the resolver answers slowly");
  ASSERT_EQ(index.search("disk full", 10).size(), 1U);
  EXPECT_EQ(index.search("disk full", 10)[0].id, "a");
  index.add("a", "Names", "coredns was restarted");
  EXPECT_TRUE(index.search("filled", 10).empty());
  EXPECT_TRUE(index.remove("b"));
  EXPECT_FALSE(index.remove("b"));
  EXPECT_TRUE(index.search("resolver answers", 10, [](const std::string& id) { return id == "b"; }).empty());
}

TEST(full_text, ManyRemovalsDoNotLeaveGarbageThatAnswers) {
  full_text_index index;
  for (int round = 0; round < 3; ++round)
    for (int i = 0; i < 1'500; ++i)
      index.add("doc" + std::to_string(i), "", "round" + std::to_string(round) + " word" + std::to_string(i));
  EXPECT_EQ(index.size(), 1'500U);
  EXPECT_TRUE(index.search("round1", 10).empty());
  EXPECT_EQ(index.search("round2", 2'000).size(), 1'500U);
  ASSERT_EQ(index.search("word77", 5).size(), 1U);
  EXPECT_EQ(index.search("word77", 5)[0].id, "doc77");
}

TEST(full_text, SnippetsLightTheWordsThatWereAsked) {
  const std::string text = std::string(2'000, '.') + " the connection pool was exhausted by leaked sessions " + std::string(2'000, '.');
  const auto s = snippet_of(text, "exhausted pools");
  EXPECT_LE(s.end - s.begin, 340U);
  ASSERT_EQ(s.highlights.size(), 2U);
  EXPECT_EQ(text.substr(s.highlights[0].first, s.highlights[0].second - s.highlights[0].first), "pool");
  EXPECT_EQ(text.substr(s.highlights[1].first, s.highlights[1].second - s.highlights[1].first), "exhausted");
}

TEST(lexical_embedder, UnitVectorsTheSameEveryTimeAndBoundedBatches) {
  auto e = make_lexical_embedder(256);
  const std::vector<std::string> texts{"disk full", "", "no space left on device"};
  const auto once = e->embed(texts), twice = e->embed(texts);
  ASSERT_TRUE(once && twice);
  EXPECT_EQ(*once, *twice);
  for (auto& v : *once) {
    double n = 0;
    for (const auto x : v)
      n += static_cast<double>(x) * static_cast<double>(x);
    EXPECT_NEAR(n, 1.0, 1e-5);
  }
  const std::vector<std::string> many(embedder::batch_max + 1, "x");
  EXPECT_EQ(e->embed(many).error().code, errc::too_large);
}

TEST(fusion, WhatBothListsKnowComesFirst) {
  const auto order = fuse_ranks({{1.0, {"a", "b", "c"}}, {1.0, {"d", "b"}}});
  EXPECT_EQ(order[0].first, "b");
}
} // namespace
