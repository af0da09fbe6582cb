// Does the embedded search find the right runbook for what people really type? The questions share no word with the
// titles. Two sets: the engine was tuned with the first in sight; the second was written and measured before it was
// tuned again. The same test is ready for a real embedding endpoint (FM_TEST_EMBEDDING_URL = its base URL).
#include "actors/knowledge/chunker.hpp"
#include "actors/search/full_text_index.hpp"
#include "actors/search/lexical_embedder.hpp"
#include "actors/search/openai_embedder.hpp"
#include "actors/search/words.hpp"
#include "http/client/curl_client.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

namespace {
using namespace fm;

struct runbook {
  std::string slug, title, text;
};
std::vector<runbook> runbooks() {
  std::vector<runbook> out;
  for (auto& file : std::filesystem::directory_iterator{FM_SOURCE_DIR "/config/runbooks"}) {
    if (file.path().extension() != ".md")
      continue;
    std::ifstream in{file.path()};
    std::stringstream s;
    s << in.rdbuf();
    runbook r{file.path().stem(), {}, s.str()};
    const auto at = r.text.find("title: ");
    r.title = r.text.substr(at + 7, r.text.find('\n', at) - at - 7);
    out.push_back(std::move(r));
  }
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.slug < b.slug; });
  return out;
}
constexpr const char* sets[] = {"questions.tsv", "held_out_questions.tsv"};
std::vector<std::pair<std::string, std::string>> questions(const std::string& set) {
  std::vector<std::pair<std::string, std::string>> out;
  std::ifstream in{FM_SOURCE_DIR "/tests/knowledge/" + set};
  for (std::string line; std::getline(in, line);)
    if (const auto tab = line.find('\t'); tab != std::string::npos)
      out.emplace_back(line.substr(0, tab), line.substr(tab + 1));
  return out;
}
double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double s = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    s += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return s;
}

/// The embedded one, or a real endpoint: FM_TEST_EMBEDDING_URL, _MODEL, _DIMENSION, _KEY.
embedder_ptr chosen_embedder() {
  const auto given = [](const char* name, const char* otherwise) {
    const char* value = std::getenv(name);
    return std::string{value ? value : otherwise};
  };
  if (given("FM_TEST_EMBEDDING_URL", "").empty())
    return make_lexical_embedder();
  openai_embedder_settings s;
  s.base_url = given("FM_TEST_EMBEDDING_URL", "");
  s.model = given("FM_TEST_EMBEDDING_MODEL", "bge-m3");
  s.dimension = static_cast<std::uint32_t>(std::stoul(given("FM_TEST_EMBEDDING_DIMENSION", "1024")));
  s.api_key = given("FM_TEST_EMBEDDING_KEY", "");
  return make_openai_embedder(s, make_curl_client({}));
}

struct library {
  std::vector<runbook> books = runbooks();
  full_text_index index;
  std::vector<std::pair<std::string, std::vector<float>>> vectors; ///< slug of the chunk's book
  embedder_ptr model = chosen_embedder();
  std::map<std::string, std::string> book_of;

  library() {
    for (auto& b : books) {
      const auto pieces = chunks_of(b.text);
      std::vector<std::string> texts;
      for (std::size_t i = 0; i < pieces.chunks.size(); ++i) {
        const auto id = b.slug + "#" + std::to_string(i);
        index.add(id, b.title, pieces.chunks[i].text);
        book_of[id] = b.slug;
        texts.push_back(b.title + "\n" + pieces.chunks[i].text);
      }
      const auto embedded = model->embed(texts);
      for (auto& v : *embedded)
        vectors.emplace_back(b.slug, v);
    }
  }
  static std::vector<std::string> books_only(const std::vector<std::string>& ids) {
    std::vector<std::string> out;
    for (auto& id : ids)
      if (std::find(out.begin(), out.end(), id) == out.end())
        out.push_back(id);
    return out;
  }
  std::vector<std::string> by_text(const std::string& q) {
    std::vector<std::string> ids;
    for (auto& h : index.search(q, 30))
      ids.push_back(book_of[h.id]);
    return books_only(ids);
  }
  std::vector<std::string> by_vector(const std::string& q) {
    const std::vector<std::string> texts{q};
    const auto v = model->embed(texts)->front();
    std::vector<std::pair<double, std::string>> scored;
    for (auto& [slug, other] : vectors)
      scored.emplace_back(-dot(v, other), slug);
    std::sort(scored.begin(), scored.end());
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < std::min<std::size_t>(30, scored.size()); ++i)
      ids.push_back(scored[i].second);
    return books_only(ids);
  }
  std::vector<std::string> fused(const std::string& q) {
    std::vector<std::string> out;
    for (auto& [id, score] : fuse_ranks({{1.0, by_text(q)}, {0.7, by_vector(q)}}))
      out.push_back(id);
    return out;
  }
};

TEST(retrieval, RunbooksAreAtLeastFortyAndWholeOnes) {
  const auto books = runbooks();
  EXPECT_GE(books.size(), 40U);
  for (auto& b : books)
    for (const char* part : {"## Symptoms", "## First checks", "## Likely causes", "## Fix", "## Verify", "## Prevent"})
      EXPECT_NE(b.text.find(part), std::string::npos) << b.slug << " lacks " << part;
}

TEST(retrieval, EveryQuestionNamesARunbookThatExists) {
  std::set<std::string> slugs;
  for (auto& b : runbooks())
    slugs.insert(b.slug);
  EXPECT_GE(questions(sets[0]).size(), 120U);
  EXPECT_GE(questions(sets[1]).size(), 60U);
  for (const auto* set : sets)
    for (auto& [slug, q] : questions(set))
      EXPECT_TRUE(slugs.contains(slug)) << slug;
}

/// The share of questions whose runbook is among the first three.
double measured(library& lib, const std::string& set) {
  const auto asked = questions(set);
  std::map<std::string, std::size_t> first3;
  std::size_t first = 0;
  for (auto& [slug, q] : asked) {
    const auto rank = [&](const std::vector<std::string>& ids) {
      return static_cast<std::size_t>(std::find(ids.begin(), ids.end(), slug) - ids.begin());
    };
    const auto f = lib.fused(q);
    first += rank(f) == 0;
    first3["fused"] += rank(f) < 3;
    first3["text"] += rank(lib.by_text(q)) < 3;
    first3["vector"] += rank(lib.by_vector(q)) < 3;
    if (rank(f) >= 3)
      std::cout << "missed: " << q << "  (wanted " << slug << ", got " << f.at(0) << ", " << f.at(1) << ", " << f.at(2) << ")\n";
  }
  const auto share = [&](const std::string& name) { return static_cast<double>(first3[name]) / static_cast<double>(asked.size()); };
  std::cout << set << ": in the first three of " << asked.size() << ": fused " << share("fused") << ", full text " << share("text") << ", vectors "
            << share("vector") << "; first " << static_cast<double>(first) / static_cast<double>(asked.size()) << "\n";
  return share("fused");
}

TEST(retrieval, RightRunbookIsAmongTheFirstThreeForNineOfTenQuestions) {
  library lib;
  for (const auto* set : sets)
    EXPECT_GE(measured(lib, set), 0.90) << set;
}

TEST(retrieval, QuestionsDoNotLeanOnTitles) {
  std::map<std::string, std::set<std::string>> titles;
  for (auto& b : runbooks())
    for (auto& t : terms_of(b.title))
      titles[b.slug].insert(t.stem);
  for (const auto* set : sets)
    for (auto& [slug, q] : questions(set))
      for (auto& word : terms_of(q))
        EXPECT_FALSE(titles[slug].contains(word.stem)) << slug << " has '" << word.stem << "' in its title; asked: " << q;
}
} // namespace
