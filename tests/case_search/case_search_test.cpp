// Searching in a case: identifiers as typed, words and likeness, filters, exact ranges of the form one may read, damage.
#include "actors/case_search/case_searcher.hpp"
#include "actors/search/lexical_embedder.hpp"
#include "protocol/base/random.hpp"
#include "storage/factory/factory.hpp"
#include "storage/ports/blob_io.hpp"
#include "tests/contract/backends.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace fm {
namespace {
namespace cs = case_search;

/// Reading through to a store, counting; a gate for bounds.
struct counting_blobs final : blob_store {
  blob_store_ptr inner;
  mutable std::uint64_t largest_read = 0, reads = 0;
  explicit counting_blobs(blob_store_ptr i) : inner(std::move(i)) {}
  outcome<std::unique_ptr<blob_writer>> put(std::string_view k, std::string_view t) override { return inner->put(k, t); }
  outcome<std::string> read(std::string_view k, std::uint64_t o, std::uint64_t n) const override {
    auto r = inner->read(k, o, n);
    ++reads;
    if (r)
      largest_read = std::max<std::uint64_t>(largest_read, r->size());
    return r;
  }
  outcome<blob_info> stat(std::string_view k) const override { return inner->stat(k); }
  outcome<bool> remove(std::string_view k) override { return inner->remove(k); }
  outcome<blob_page> list(std::string_view p, std::string_view a, std::size_t l) const override { return inner->list(p, a, l); }
  outcome<done_t> set_lifecycle(std::string_view p, std::optional<std::chrono::days> a) override { return inner->set_lifecycle(p, a); }
  outcome<std::uint64_t> sweep() override { return inner->sweep(); }
  outcome<done_t> ping() const override { return inner->ping(); }
};

/// An embedder that can go away, or be another one.
struct moody_embedder final : embedder {
  embedder_ptr inner = make_lexical_embedder(256);
  bool away = false;
  std::string called = "moody-1/256";
  std::string name() const override { return called; }
  std::uint32_t dimension() const override { return 256; }
  outcome<std::vector<std::vector<float>>> embed(std::span<const std::string> texts) override {
    if (away)
      return make_unavailable("The model is away.");
    return inner->embed(texts);
  }
};

struct case_search_test : testing::Test {
  opened_storage storage = *open_storage(all_in_memory());
  std::shared_ptr<counting_blobs> blobs = std::make_shared<counting_blobs>(storage.blobs);
  std::shared_ptr<moody_embedder> model = std::make_shared<moody_embedder>();
  std::vector<case_file> files;
  case_search_settings settings;
  cs::text_extractor extract;
  std::unique_ptr<case_searcher> searcher;
  const case_id id{"case_0123456789ab"};

  void SetUp() override {
    contract::case_script script{"0123456789ab"};
    contract::store(*storage.cases, script.creation());
    contract::store(*storage.cases, script.of({script.question(1, "why does the zebra daemon fail?\nIt was fine at noon.")}));
    restart();
  }
  void restart() {
    searcher = std::make_unique<case_searcher>(settings, case_search_deps{blobs, storage.cases, model, system_clock_source(),
                                                                          [this](const case_id&) { return outcome<std::vector<case_file>>{files}; }, extract});
  }
  case_file& add(const std::string& name, const std::string& raw, const std::string& clean = {}, const std::string& type = "logs_and_errors") {
    case_file f;
    f.id = "file_" + std::string(11, '0') + std::to_string(files.size());
    f.in_case = id;
    f.name = name;
    f.data_type = type;
    f.bytes = raw.size();
    f.redaction = clean.empty() ? "same" : "copy";
    f.sanitized_bytes = clean.size();
    f.uploaded_at = timestamp{std::chrono::milliseconds{1'770'000'000'000}};
    EXPECT_TRUE(write_blob(*blobs, cs::bytes_key(f, false), "text/plain", raw));
    if (!clean.empty()) {
      EXPECT_TRUE(write_blob(*blobs, cs::bytes_key(f, true), "text/plain", clean));
    }
    files.push_back(f);
    return files.back();
  }
  case_search_page find(case_search_query q, bool raw = true) {
    auto p = searcher->search(id, q, [raw](const case_file& f) { return raw || f.redaction == "same"; });
    EXPECT_TRUE(p) << (p ? "" : p.error().detail);
    return p ? *p : case_search_page{};
  }
  case_search_page find(const std::string& text, bool raw = true) {
    case_search_query q;
    q.text = text;
    return find(q, raw);
  }
};

TEST(tokens, IdentifiersStayWholeAndGiveTheirParts) {
  std::vector<cs::token> out;
  cs::tokens_of("blk_123 0x7F3a req-8f2 CrashLoopBackOff", out);
  std::vector<std::string> texts;
  for (auto& t : out)
    texts.push_back(t.text);
  EXPECT_EQ(texts, (std::vector<std::string>{"blk_123", "blk", "123", "0x7f3a", "req", "8f2", "crashloopbackoff", "crash", "loop", "back", "off"}));
}

TEST(segment, EveryWordFindsItsBlocksAndNoOthers) {
  std::mt19937 dice{5};
  cs::segment_writer w;
  std::vector<std::set<std::string>> held;
  for (std::uint32_t b = 0; b < 300; ++b) {
    std::set<std::string> words;
    std::string line;
    for (int i = 0; i < 40; ++i) {
      const auto word = "w" + std::to_string(dice() % 5'000) + (dice() % 3 == 0 ? "q" : "");
      words.insert(word);
      line += word + " ";
    }
    w.add_line(line);
    cs::block k;
    k.line_first = b + 1;
    k.lines = 1;
    w.end_block(k);
    held.push_back(words);
  }
  const auto bytes = w.finish();
  auto r = cs::segment_reader::open([&](std::uint64_t o, std::uint64_t n) -> outcome<std::string> { return bytes.substr(o, n); });
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ(r->blocks()->at(299).line_first, 300U);
  for (int i = 0; i < 5'000; i += 7) {
    const auto word = "w" + std::to_string(i);
    const auto found = r->find({word, word}, 1).value(); // one spelling: the word itself, when it is there
    std::set<std::uint32_t> expected, got;
    for (std::uint32_t b = 0; b < held.size(); ++b)
      if (held[b].contains(word))
        expected.insert(b);
    if (expected.empty())
      continue;
    for (auto& [b, n] : found.blocks)
      got.insert(b);
    EXPECT_EQ(got, expected) << word;
  }
}

TEST(segment, DamagedBytesAreAFailureNeverACrash) {
  cs::segment_writer w;
  for (std::uint32_t b = 0; b < 50; ++b) {
    w.add_line("alpha beta gamma " + std::to_string(b * 977));
    w.end_block({});
  }
  const auto good = w.finish();
  std::mt19937 dice{7};
  for (int round = 0; round < 3'000; ++round) {
    auto bytes = good;
    for (int i = 0; i < 3; ++i)
      bytes[dice() % bytes.size()] = static_cast<char>(dice());
    if (round % 5 == 0)
      bytes.resize(dice() % bytes.size());
    auto r = cs::segment_reader::open([&](std::uint64_t o, std::uint64_t n) -> outcome<std::string> {
      if (o > bytes.size() || n > bytes.size() - o)
        return make_unavailable("outside");
      return bytes.substr(o, n);
    });
    if (!r)
      continue;
    (void)r->blocks();
    (void)r->find({"beta", "beta"});
    (void)r->find({"97", "97"});
  }
}

TEST_F(case_search_test, IdentifiersAreFoundAsTheyAreTyped) {
  std::string text;
  for (int i = 0; i < 20'000; ++i)
    text += "2026-01-31T12:00:00Z INFO request req-" + std::to_string(100'000 + i * 7) + " block blk_" + std::to_string(i * 13) + " at 0x" + std::to_string(70'000 + i) + "af done\n";
  add("big.log", text);
  for (const std::string typed : {"req-135000", "blk_65000", "0x75000af"}) {
    const auto page = find(typed);
    ASSERT_FALSE(page.hits.empty()) << typed;
    const auto& h = page.hits[0];
    EXPECT_EQ(h.line, 5'001U) << typed;
    EXPECT_NE(h.text.find(typed), std::string::npos);
    EXPECT_EQ(text.substr(h.begin, h.end - h.begin), h.text);
    ASSERT_FALSE(h.highlights.empty());
    EXPECT_EQ(text.substr(h.highlights[0].first, h.highlights[0].second - h.highlights[0].first), typed);
    EXPECT_EQ(h.line_first, 5'000U);
    EXPECT_EQ(h.line_last, 5'002U);
    EXPECT_EQ(text.substr(h.snippet_begin, h.snippet_end - h.snippet_begin), h.snippet);
  }
  EXPECT_FALSE(find("blk_6500").hits.empty()) << "the beginning of an identifier finds it";
}

TEST_F(case_search_test, OtherFormsOfAWordAndAllWordsInOneLineComeFirst) {
  add("a.log", "alpha beta\nconnection refused by db-1\nBeta failed\nfailed ALPHA beta\nnothing to see\n");
  const auto page = find("beta alpha failed");
  ASSERT_GE(page.hits.size(), 3U);
  EXPECT_EQ(page.hits[0].line, 4U);
  EXPECT_EQ(page.hits[0].highlights.size(), 3U);
  EXPECT_EQ(find("connections").hits.at(0).line, 2U);
}

TEST_F(case_search_test, TheReaderSeesTheBytesOfTheFormItMayRead) {
  const std::string raw = "start\nlogin of anna.karenina@example.org failed with timeout\nlogin again\n";
  const std::string clean = "start\nlogin of [email] failed with timeout\nlogin again\n";
  add("a.log", raw, clean);
  const auto mine = find("timeout", true), theirs = find("timeout", false);
  ASSERT_EQ(mine.hits.size(), theirs.hits.size());
  const auto &h = mine.hits.at(0), &o = theirs.hits.at(0);
  EXPECT_FALSE(h.sanitized);
  EXPECT_TRUE(o.sanitized);
  EXPECT_EQ(raw.substr(h.begin, h.end - h.begin), "login of anna.karenina@example.org failed with timeout");
  EXPECT_EQ(clean.substr(o.begin, o.end - o.begin), "login of [email] failed with timeout");
  EXPECT_EQ(raw.substr(h.highlights[0].first, 7), "timeout");
  EXPECT_EQ(clean.substr(o.highlights[0].first, 7), "timeout");
  EXPECT_EQ(h.line, o.line);
  for (const bool who : {true, false})
    for (auto& hit : find("karenina", who).hits)
      EXPECT_EQ(hit.similarity > 0, true) << "the index does not know what was taken out";
  for (auto& hit : find("anna karenina example", false).hits)
    EXPECT_EQ((hit.text + hit.snippet).find("karenina"), std::string::npos);
  auto index = storage.blobs->read(cs::index_key(files[0]), 0, 1U << 20);
  ASSERT_TRUE(index);
  EXPECT_EQ(index->find("karenina"), std::string::npos);
}

TEST_F(case_search_test, MessagesAreSearchedTooAndNewOnesAtOnce) {
  auto page = find("zebra daemon");
  ASSERT_EQ(page.hits.size(), 1U);
  EXPECT_EQ(page.hits[0].source, "message");
  EXPECT_EQ(page.hits[0].line, 1U);
  EXPECT_EQ(page.hits[0].text, "why does the zebra daemon fail?");
  EXPECT_EQ(page.hits[0].message_role, "user");
  case_search_query q;
  q.text = "zebra";
  q.level = "info";
  EXPECT_TRUE(find(q).hits.empty()) << "messages have no level";
  q.level.clear();
  q.to = timestamp{std::chrono::milliseconds{5}};
  EXPECT_TRUE(find(q).hits.empty());
}

TEST_F(case_search_test, PicturesAndBinaryFilesAreNotSearched) {
  add("a.png", "pixels timeout").redaction = "opaque";
  add("b.bin", std::string("timeout\0timeout", 15));
  const auto page = find("timeout");
  EXPECT_TRUE(page.hits.empty());
  EXPECT_EQ(page.files_searched, 1U);
}

/// What stands in an archive: two files, the second one with a page's name.
cs::extracted_text text_of_two() {
  cs::extracted_text t;
  t.text = "first line of the first\nconnection refused by db-7\n";
  t.parts = {{"app/db.log", 0}, {"manual.pdf, page 2", t.text.size()}};
  t.text += "how to restart the quaggatron\nend\n";
  return t;
}

TEST_F(case_search_test, TextOfPicturesAndArchivesIsFoundBehindTheSearchWithItsPart) {
  add("bundle.zip", std::string("PK\x03\x04 packed", 11)).redaction = "opaque";
  int made = 0;
  extract = [&](const case_file& f) {
    ++made;
    return f.name == "bundle.zip" ? outcome<cs::extracted_text>{text_of_two()} : outcome<cs::extracted_text>{cs::extracted_text{}};
  };
  restart();
  EXPECT_EQ(find("quaggatron").files_waiting, 1U) << "taking text out may take seconds: not while somebody waits";
  EXPECT_EQ(made, 0);
  ASSERT_EQ(searcher->index(id).value(), 1U);
  for (const bool owner : {true, false}) {
    const auto page = find("quaggatron", owner);
    ASSERT_EQ(page.hits.size(), 1U);
    auto& h = page.hits[0];
    EXPECT_TRUE(h.extracted);
    EXPECT_EQ(h.text, "how to restart the quaggatron");
    EXPECT_EQ(h.part, "manual.pdf, page 2");
    EXPECT_EQ(h.line, 3U);
    EXPECT_EQ(h.part_line, 1U);
    EXPECT_EQ(text_of_two().text.substr(h.begin, h.end - h.begin), h.text);
  }
  const auto refused = find("refused").hits;
  ASSERT_FALSE(refused.empty());
  EXPECT_EQ(refused[0].part, "app/db.log");
  EXPECT_EQ(refused[0].part_line, 2U);
  EXPECT_FALSE(find("cannot reach the database").hits.empty()) << "by likeness: its vectors are of the text as well";
  EXPECT_EQ(find("packed").hits.size(), 0U) << "the bytes themselves are nobody's text";
}

TEST_F(case_search_test, APictureWithoutTextHasAnEmptyIndexAndAFailureLeavesItWaiting) {
  add("a.png", std::string("\x89PNG\0", 5), {}, "visual_evidence").redaction = "opaque";
  extract = [](const case_file&) -> outcome<cs::extracted_text> { return make_unavailable("The store is away."); };
  restart();
  EXPECT_FALSE(searcher->index(id));
  EXPECT_EQ(find("timeout").files_waiting, 1U);
  extract = [](const case_file&) { return outcome<cs::extracted_text>{cs::extracted_text{}}; };
  restart();
  EXPECT_TRUE(searcher->index(id));
  const auto page = find("timeout");
  EXPECT_EQ(page.files_waiting, 0U);
  EXPECT_EQ(page.files_searched, 1U);
  EXPECT_TRUE(page.hits.empty());
}

TEST_F(case_search_test, LinesThatEndWithCarriageReturnsAreLinesInBothForms) {
  add("device.log", "boot ok\rlogin of kim@example.org refused\rlink quagga down\r", "boot ok\nlogin of [email] refused\nlink quagga down\n");
  for (const bool raw : {true, false}) {
    const auto page = find("refused", raw);
    ASSERT_EQ(page.hits.size(), 1U);
    EXPECT_EQ(page.hits[0].line, 2U);
    EXPECT_EQ(page.hits[0].text, raw ? "login of kim@example.org refused" : "login of [email] refused");
    EXPECT_EQ(page.hits[0].begin, 8U);
    EXPECT_EQ(find("quagga", raw).hits.at(0).line, 3U);
  }
}

TEST_F(case_search_test, ManyDifferentWordsEndASegmentEarly) {
  std::string log;
  for (int i = 0; i < 3'000; ++i)
    log += "name" + std::to_string(i) + " seen\n";
  add("names.log", log);
  settings.index.segment_words = 500;
  settings.index.block_bytes = 512;
  restart();
  ASSERT_EQ(searcher->index(id).value(), 1U);
  EXPECT_GE(cs::open_index(*blobs, files[0])->segments.size(), 5U);
  for (const int i : {0, 777, 1'500, 2'999})
    EXPECT_EQ(find("name" + std::to_string(i)).hits.at(0).line, static_cast<std::uint64_t>(i) + 1);
}

TEST_F(case_search_test, LikenessFindsWhatIsSaidInOtherWords) {
  std::string text;
  for (int i = 0; i < 400; ++i)
    text += "2026-01-31T12:00:00Z INFO heartbeat number " + std::to_string(i) + " sent to the registry of nodes\n";
  text += "2026-01-31T12:10:00Z ERROR kernel: Out of memory: Killed process 4711 (mysqld)\n";
  add("a.log", text);
  const auto page = find("ran out of RAM");
  ASSERT_FALSE(page.hits.empty());
  EXPECT_TRUE(std::any_of(page.hits.begin(), page.hits.end(), [](auto& h) { return h.similarity > 0 && h.snippet.find("Out of memory") != std::string::npos; }));
}

TEST_F(case_search_test, FiltersKeepOnlyWhatTheySay) {
  add("a.log", "2026-01-31T12:00:00Z INFO disk fine\n2026-01-31T12:05:00Z ERROR disk full\ndisk of the same record\n2026-01-31T12:10:00Z WARN disk slow\n");
  add("b.conf", "disk: /dev/sda\n", {}, "structured_config");
  const auto lines = [&](const case_search_query& q) {
    std::vector<std::string> out;
    for (auto& h : find(q).hits)
      out.push_back(h.file_name + ":" + std::to_string(h.line));
    std::sort(out.begin(), out.end());
    return out;
  };
  case_search_query q;
  q.text = "disk";
  EXPECT_EQ(lines(q).size(), 5U);
  q.level = "error";
  EXPECT_EQ(lines(q), (std::vector<std::string>{"a.log:2"}));
  q.level = "warning";
  EXPECT_EQ(lines(q), (std::vector<std::string>{"a.log:2", "a.log:4"}));
  q.level.clear();
  q.data_type = "structured_config";
  EXPECT_EQ(lines(q), (std::vector<std::string>{"b.conf:1"}));
  q.data_type.clear();
  q.file_id = files[0].id;
  q.line_from = 2;
  q.line_to = 3;
  EXPECT_EQ(lines(q), (std::vector<std::string>{"a.log:2", "a.log:3"}));
  q = {};
  q.text = "disk";
  q.from = from_iso8601("2026-01-31T12:04:00Z");
  q.to = from_iso8601("2026-01-31T12:06:00Z");
  EXPECT_EQ(lines(q), (std::vector<std::string>{"a.log:2", "a.log:3"})) << "a line without a stamp is of the time before it";
  q.source = "message";
  EXPECT_TRUE(lines(q).empty());
}

TEST_F(case_search_test, PagesNeitherRepeatNorSkip) {
  std::string text;
  for (int i = 0; i < 300; ++i)
    text += "needle " + std::to_string(i) + "\n";
  add("a.log", text);
  std::set<std::uint64_t> seen;
  case_search_query q;
  q.text = "needle";
  q.limit = 50;
  for (q.offset = 0; q.offset < 300; q.offset += 50) {
    const auto page = find(q);
    ASSERT_EQ(page.hits.size(), 50U);
    EXPECT_EQ(page.more, q.offset < 250);
    for (auto& h : page.hits)
      EXPECT_TRUE(seen.insert(h.line).second) << h.line;
  }
  EXPECT_EQ(seen.size(), 300U);
}

TEST_F(case_search_test, LongLinesAreFoundPieceByPiece) {
  std::string line(3U << 20, 'x');
  for (std::size_t i = 0; i < line.size(); i += 50)
    line[i] = ' ';
  line.replace(2'000'000, 13, " needle-4711 ");
  const std::string text = "short\n" + line + "\nlast needle-4712\n";
  add("a.log", text);
  const auto page = find("needle-4711");
  ASSERT_FALSE(page.hits.empty());
  EXPECT_EQ(page.hits[0].line, 2U);
  EXPECT_NE(text.substr(page.hits[0].begin, page.hits[0].end - page.hits[0].begin).find("needle-4711"), std::string::npos);
  EXPECT_EQ(find("needle-4712").hits.at(0).line, 3U);
}

TEST_F(case_search_test, WhatASearchReadsDoesNotGrowWithTheFile) {
  settings.index.segment_bytes = 1U << 20;
  restart();
  std::string text;
  for (int i = 0; text.size() < (12U << 20); ++i)
    text += "2026-01-31T12:00:00Z INFO worker " + std::to_string(i % 97) + " handled item-" + std::to_string(i) + " in " + std::to_string(i % 1'000) + " ms\n";
  add("a.log", text);
  ASSERT_TRUE(searcher->index(id));
  blobs->largest_read = blobs->reads = 0;
  const auto page = find("item-77777");
  ASSERT_FALSE(page.hits.empty());
  EXPECT_NE(page.hits[0].text.find("item-77777"), std::string::npos);
  EXPECT_LE(blobs->largest_read, 1U << 20) << "never the file";
}

TEST_F(case_search_test, AMissingOrDamagedIndexIsMadeAnewAndLargeOnesBehind) {
  add("a.log", "one needle\n");
  EXPECT_EQ(find("needle").hits.size(), 1U);
  ASSERT_TRUE(blobs->remove(cs::index_key(files[0])));
  EXPECT_EQ(find("needle").hits.size(), 1U);
  ASSERT_TRUE(write_blob(*blobs, cs::index_key(files[0]), "x", "rubbish that is no index at all"));
  EXPECT_EQ(find("needle").hits.size(), 1U);
  settings.indexed_at_once_bytes = 5;
  restart();
  add("b.log", "another needle\n");
  auto page = find("needle");
  EXPECT_EQ(page.files_waiting, 1U);
  EXPECT_EQ(page.hits.size(), 1U);
  EXPECT_EQ(searcher->index(id).value(), 1U);
  EXPECT_EQ(searcher->index(id).value(), 0U);
  page = find("needle");
  EXPECT_EQ(page.files_waiting, 0U);
  EXPECT_EQ(page.hits.size(), 2U);
}

TEST_F(case_search_test, WithoutAnEmbedderItIsByWordsAndVectorsOfAnotherOneAreNotMixedIn) {
  add("a.log", "one needle\n");
  model->away = true;
  auto page = find("needle");
  EXPECT_TRUE(page.by_words_only);
  EXPECT_EQ(page.hits.size(), 1U);
  model->away = false;
  restart(); // the pause after a failure is over
  ASSERT_TRUE(searcher->index(id));
  page = find("needle");
  EXPECT_FALSE(page.by_words_only);
  EXPECT_GT(page.hits.at(0).similarity, 0);
  model->called = "moody-2/256";
  restart();
  page = find("needle");
  EXPECT_TRUE(page.by_words_only);
  EXPECT_EQ(page.hits.at(0).similarity, 0);
  ASSERT_TRUE(searcher->index(id));
  EXPECT_GT(find("needle").hits.at(0).similarity, 0);
}

TEST_F(case_search_test, AQuestionWithoutAWordIsRefusedAndCommonWordsAloneAreAsked) {
  case_search_query q;
  q.text = " -- ";
  EXPECT_EQ(searcher->search(id, q, {}).error().facts.at("field"), "query");
  add("a.log", "to be or not to be\n");
  EXPECT_EQ(find("to be").hits.size(), 1U);
}

TEST_F(case_search_test, ARemovedFileLeavesNoIndexBehind) {
  const auto f = add("a.log", "one needle\n");
  ASSERT_TRUE(blobs->remove(cs::bytes_key(f, false)));
  (void)searcher->index(id);
  EXPECT_FALSE(blobs->stat(cs::index_key(f)));
  EXPECT_TRUE(find("needle").hits.empty());
}
} // namespace
} // namespace fm
