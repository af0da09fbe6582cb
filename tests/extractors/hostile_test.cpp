// The same hostile inputs for every extractor: bounded time, valid output, a clear word where nothing can be said.
#include "actors/evidence/extractors/configuration.hpp"
#include "actors/evidence/extractors/extract.hpp"
#include "actors/evidence/extractors/metrics.hpp"
#include "actors/evidence/extractors/text_document.hpp"
#include "actors/evidence/extractors/traces.hpp"
#include "protocol/base/text.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>

namespace {
using namespace fm;
using namespace fm::extractors;
using steady = std::chrono::steady_clock;

std::string repeated(std::string_view piece, std::size_t bytes) {
  std::string s;
  s.reserve(bytes + piece.size());
  while (s.size() < bytes)
    s += piece;
  return s;
}

struct hostile {
  std::string name, bytes;
};

std::vector<hostile> inputs(std::size_t bytes) {
  std::mt19937 random{3};
  std::string noise(bytes / 4, '\0');
  for (auto& c : noise)
    c = static_cast<char>(random());
  return {{"one line of letters", std::string(bytes, 'a')},
          {"one line of numbers", repeated("1,", bytes)},
          {"NUL bytes", std::string(bytes, '\0')},
          {"invalid UTF-8", repeated("\xC3\x28 \xFF\xFE abc\n", bytes)},
          {"mixed endings", repeated("a: b\r\nc: d\re: f\n", bytes)},
          {"ANSI colours", repeated("\x1b[31mERROR\x1b[0m x\n", bytes)},
          {"open brackets", std::string(bytes, '[')},
          {"open braces", repeated("{\"a\":", bytes)},
          {"quotes", std::string(bytes, '"')},
          {"tags", repeated("<a><b", bytes)},
          {"scripts without end", repeated("<script ", bytes)},
          {"dashes", repeated("- ", bytes)},
          {"question marks", repeated("? ", bytes)},
          {"anchors", repeated("&a ", bytes)},
          {"colons", repeated("a:", bytes)},
          {"equals", repeated("a=", bytes)},
          {"headings", repeated("# a\n", bytes)},
          {"dots", repeated("a. ", bytes)},
          {"dates", repeated("2026-01-31 ", bytes)},
          {"semicolons", repeated("a;b 1\n", bytes)},
          {"functions", repeated("def f():\n ", bytes)},
          {"catches", repeated("try {} catch (E e) {}\n", bytes)},
          {"scrape", repeated("a{b=\"c\"} 1\n", bytes)},
          {"backslashes", std::string(bytes, '\\')},
          {"blanks", std::string(bytes, ' ')},
          {"noise", noise}};
}

void expect_whole(const extraction& x, const std::string& what) {
  EXPECT_FALSE(x.summary.empty()) << what;
  EXPECT_LE(x.full.size(), full_bytes_max) << what;
  EXPECT_TRUE(is_valid_utf8(render_json(x))) << what;
  EXPECT_TRUE(x.refused || x.insights.size() >= 3) << what;
}

TEST(Hostile, EveryExtractorEndsSoonWithAWholeResult) {
  const auto list = inputs(256U << 10);
  const std::vector<std::pair<std::string, extraction (*)(std::string_view)>> all{
    {"metrics", [](std::string_view t) { return extract_metrics("a", t); }},
    {"config", [](std::string_view t) { return extract_config("a", t); }},
    {"yaml", [](std::string_view t) { return extract_config("a.yaml", t); }},
    {"source", [](std::string_view t) { return extract_source("a.py", t); }},
    {"java", [](std::string_view t) { return extract_source("a.java", t); }},
    {"text", [](std::string_view t) { return extract_text("a.txt", t); }},
    {"html", [](std::string_view t) { return extract_text("a.html", t); }},
    {"traces", [](std::string_view t) { return extract_traces("a", t); }},
    {"front door", [](std::string_view t) { return extract(classify("a", "", t), "a", t); }}};
  for (auto& in : list)
    for (auto& [name, run] : all) {
      const auto from = steady::now();
      expect_whole(run(in.bytes), name + " on " + in.name);
      EXPECT_LT(steady::now() - from, std::chrono::seconds{10}) << name << " on " << in.name; // unoptimised builds included
    }
}

TEST(Hostile, EveryConfigurationFormatEndsSoonOnEveryInput) {
  using enum config_format;
  for (auto& in : inputs(256U << 10))
    for (auto f : {json, yaml, toml, ini, properties, env, nginx, systemd, xml}) {
      const auto from = steady::now();
      (void)parse_config(f, in.bytes);
      EXPECT_LT(steady::now() - from, std::chrono::seconds{10}) << to_string(f) << " on " << in.name;
    }
}

TEST(Hostile, TenMebibytesOnOneLine) {
  const std::string line(10U << 20, 'x');
  const auto from = steady::now();
  expect_whole(extract(classify("a", "", line), "a", line), "one line");
  EXPECT_LT(steady::now() - from, std::chrono::seconds{20});
}

} // namespace
