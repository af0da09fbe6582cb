// What each extractor costs a MiB, beside one RE2 search for severity words over the same bytes: classification,
// redaction, metrics, configuration and its difference, source, text, traces. Inputs are made here with a fixed seed.
#include "actors/evidence/extractors/configuration.hpp"
#include "actors/evidence/extractors/extract.hpp"
#include "actors/evidence/extractors/metrics.hpp"
#include "actors/evidence/extractors/redaction.hpp"
#include "actors/evidence/extractors/text_document.hpp"
#include "actors/evidence/extractors/traces.hpp"
#include "actors/evidence/opening/archive.hpp"

#include <benchmark/benchmark.h>
#include <re2/re2.h>

#include <cmath>
#include <random>

namespace {
using namespace fm::extractors;

std::string metrics_text() {
  std::mt19937 random{1};
  std::string s = "time,cpu_percent,mem_used,latency_ms,errors,queue\n";
  for (int i = 0; s.size() < (10U << 20); ++i)
    s += std::to_string(1'769'860'800 + i * 10) + "," + std::to_string(50 + 20 * std::sin(i / 100.0) + random() % 5) + "," + std::to_string(1'000'000 + random() % 1'000) + "," + std::to_string(20 + random() % 7) + "," + std::to_string(random() % 3) + "," + std::to_string(random() % 50) + "\n";
  return s;
}
std::string config_text(int change) {
  std::string s;
  for (int i = 0; s.size() < (1U << 20); ++i)
    s += "service" + std::to_string(i) + ":\n  image: shop/app:" + std::to_string(i % 7) + "\n  replicas: " + std::to_string(i % 50 == change ? 9 : 3) + "\n  limits: {memory: 512Mi, cpu: 500m}\n  env:\n    - {name: LEVEL, value: info}\n";
  return s;
}
std::string source_text() {
  std::string s;
  for (int i = 0; s.size() < (1U << 20); ++i)
    s += "def load" + std::to_string(i) + "(path):\n    try:\n        return open(path).read()\n    except OSError as error:\n        log.warning('no %s', error)\n        return None\n\n";
  return s;
}
std::string prose_text() {
  std::mt19937 random{2};
  const std::vector<std::string> words{"the", "database", "failed", "because", "disk", "of", "primary", "was", "full", "and", "customers", "could", "not", "pay", "we", "decided", "to", "restart", "cleanup", "again"};
  std::string s;
  while (s.size() < (1U << 20)) {
    for (int i = 0; i < 14; ++i)
      s += words[random() % words.size()] + " ";
    s += random() % 9 == 0 ? "here.\n\n" : "here. ";
  }
  return s;
}
std::string log_text() {
  std::mt19937 random{3};
  std::string s;
  while (s.size() < (10U << 20))
    s += "2026-01-31 12:00:00,123 INFO [http-" + std::to_string(random() % 20) + "] c.e.Api - request " + std::to_string(random()) + " user=u" + std::to_string(random() % 999) + "@example.org took " + std::to_string(random() % 900) + " ms\n";
  return s;
}
std::string folded_text() {
  std::mt19937 random{4};
  std::string s;
  while (s.size() < (4U << 20)) {
    s += "main";
    for (int i = 0; i < 12; ++i)
      s += ";function" + std::to_string(random() % 400);
    s += " " + std::to_string(1 + random() % 90) + "\n";
  }
  return s;
}

template <class F>
void over(benchmark::State& state, const std::string& text, F f) {
  for (auto _ : state)
    benchmark::DoNotOptimize(f(text));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}

void re2_severity_words(benchmark::State& state) {
  static const RE2 words{"(?i)error|warn|fatal|fail|exception|critical"};
  over(state, log_text(), [](const std::string& t) {
    std::size_t hits = 0;
    for (std::size_t at = 0; at < t.size();) {
      const auto end = std::min(t.find('\n', at), t.size());
      hits += RE2::PartialMatch(re2::StringPiece(t.data() + at, end - at), words) ? 1 : 0;
      at = end + 1;
    }
    return hits;
  });
}
void classify_log(benchmark::State& s) { over(s, log_text(), [](const std::string& t) { return classify("a", "", t).type; }); }
void redact_log(benchmark::State& s) { over(s, log_text(), [](const std::string& t) { return find_sensitive(t).ranges.size(); }); }
void redact_and_copy(benchmark::State& s) { over(s, log_text(), [](const std::string& t) { return sanitized(t, find_sensitive(t)).size(); }); }
void metrics_csv(benchmark::State& s) { over(s, metrics_text(), [](const std::string& t) { return extract_metrics("a.csv", t).findings.size(); }); }
void config_yaml(benchmark::State& s) { over(s, config_text(0), [](const std::string& t) { return extract_config("a.yaml", t).findings.size(); }); }
void config_yaml_diff(benchmark::State& s) {
  over(s, config_text(0), [before = config_text(1)](const std::string& t) { return extract_config("a.yaml", t, before).findings.size(); });
}
void source_python(benchmark::State& s) { over(s, source_text(), [](const std::string& t) { return extract_source("a.py", t).findings.size(); }); }
void text_prose(benchmark::State& s) { over(s, prose_text(), [](const std::string& t) { return extract_text("a.txt", t).findings.size(); }); }
void traces_folded(benchmark::State& s) { over(s, folded_text(), [](const std::string& t) { return extract_traces("a", t).findings.size(); }); }

BENCHMARK(re2_severity_words)->Unit(benchmark::kMillisecond);
BENCHMARK(classify_log)->Unit(benchmark::kMillisecond);
BENCHMARK(redact_log)->Unit(benchmark::kMillisecond);
BENCHMARK(redact_and_copy)->Unit(benchmark::kMillisecond);
BENCHMARK(metrics_csv)->Unit(benchmark::kMillisecond);
BENCHMARK(config_yaml)->Unit(benchmark::kMillisecond);
BENCHMARK(config_yaml_diff)->Unit(benchmark::kMillisecond);
BENCHMARK(source_python)->Unit(benchmark::kMillisecond);
BENCHMARK(text_prose)->Unit(benchmark::kMillisecond);
BENCHMARK(traces_folded)->Unit(benchmark::kMillisecond);

} // namespace
BENCHMARK_MAIN();
