// Searching and what it costs to be able to: 20,000 pieces of knowledge beside a plain scan of their text, the index of a log
// beside the analysis of the same log, and a log of 64 MiB beside a plain scan of its bytes; each pair in the same run, in
// processor time of the thread, so that neighbours on the machine do not count. Sizes: FM_BENCH_CHUNKS (20,000), FM_BENCH_LOG_MIB
// (64); 0 leaves a part out. Guards: see below.
#include "actors/case_search/case_searcher.hpp"
#include "actors/knowledge/knowledge_base.hpp"
#include "actors/search/lexical_embedder.hpp"
#include "config/app/lib/file_analysis.hpp"
#include "storage/factory/factory.hpp"
#include "storage/ports/blob_io.hpp"
#include "tests/evidence/labelled_logs.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <random>
#include <unistd.h>

namespace {
using namespace fm;

/// Milliseconds of processor time that this thread had.
double thread_ms() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}
double ms_since(double from) { return thread_ms() - from; }
std::size_t number_from(const char* name, std::size_t otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? std::strtoull(value, nullptr, 10) : otherwise;
}
[[noreturn]] void give_up(const failure& f) {
  std::fprintf(stderr, "%s\n", f.detail.c_str());
  std::exit(1);
}
double at(std::vector<double> ms, double q) {
  std::sort(ms.begin(), ms.end());
  return ms.empty() ? 0 : ms[std::min(ms.size() - 1, static_cast<std::size_t>(q * static_cast<double>(ms.size())))];
}

/// Text with the frequencies of words that texts have (Zipf).
struct writer_of_texts {
  std::mt19937 dice{20'261'128};
  std::string word() {
    std::uniform_real_distribution<double> u{0, 1};
    const auto rank = static_cast<unsigned>(std::exp(u(dice) * 10.0)); // 1 to 22,026
    std::string out;
    for (auto n = rank * 2'654'435'761U; out.size() < 4 + rank % 5; n = n * 1'664'525U + 1'013'904'223U)
      out.push_back(static_cast<char>('a' + (n >> 20U) % 26));
    return out;
  }
  std::string text(std::size_t words) {
    std::string out;
    for (std::size_t i = 0; i < words; ++i)
      out += word() + (i % 12 == 11 ? ".\n\n" : " ");
    return out;
  }
};

bool guard(const char* what, double is, double most) {
  std::printf("  %-60s %8.3f  (at most %.3g)%s\n", what, is, most, is <= most ? "" : "  DOES NOT HOLD");
  return is <= most;
}
void row(const char* what, const std::vector<double>& ms) { std::printf("  %-60s p50 %8.2f ms   p99 %8.2f ms\n", what, at(ms, 0.5), at(ms, 0.99)); }

struct place {
  opened_storage storage;
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("fm_bench_search_" + std::to_string(::getpid()));
  place() {
    auto s = all_in_memory();
    s.blobs = "filesystem";
    s.vectors = "hnsw";
    s.synchronous_full = false;
    s.data_directory = folder.string();
    auto opened = open_storage(s);
    if (!opened)
      give_up(opened.error());
    storage = std::move(*opened);
  }
  ~place() {
    storage = {};
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
};
case_file stored(place& where, const std::string& log) {
  case_file f;
  f.id = "file_000000000001";
  f.in_case = case_id{"case_000000000001"};
  f.name = "big.log";
  f.redaction = "same";
  f.bytes = log.size();
  if (auto w = write_blob(*where.storage.blobs, case_search::bytes_key(f, false), "text/plain", log); !w)
    give_up(w.error());
  return f;
}

/// Knowledge: p50 and p99 beside a scan of all its text for one of the words.
bool search_knowledge(std::size_t chunks) {
  place where;
  writer_of_texts texts;
  knowledge_base base{{}, {where.storage.blobs, where.storage.vectors, make_lexical_embedder(), system_clock_source(), seeded_random(1), {}, {}, {}}};
  std::string all;
  const auto began = thread_ms();
  std::uint64_t pieces = 0;
  for (std::size_t i = 0; pieces < chunks; ++i) {
    knowledge_draft d;
    d.title = "Document " + std::to_string(i) + " " + texts.word();
    d.content = texts.text(6'000);
    all += d.content;
    auto added = base.add({}, d);
    if (!added)
      give_up(added.error());
    pieces += added->chunks;
  }
  std::printf("knowledge: %llu pieces, %.1f MiB of text, built in %.1f s\n", static_cast<unsigned long long>(pieces), static_cast<double>(all.size()) / (1 << 20), ms_since(began) / 1e3);
  std::vector<double> mine, scan;
  std::uint64_t seen = 0;
  for (int i = 0; i < 200; ++i) {
    knowledge_query q;
    q.text = texts.word() + " " + texts.word() + " " + texts.word() + " " + texts.word();
    auto t = thread_ms();
    auto hits = base.search(q);
    mine.push_back(ms_since(t));
    if (!hits)
      give_up(hits.error());
    const auto word = q.text.substr(0, q.text.find(' '));
    t = thread_ms();
    for (auto p = all.find(word); p != std::string::npos; p = all.find(word, p + word.size()))
      ++seen;
    scan.push_back(ms_since(t));
  }
  row("search of four words (words and likeness)", mine);
  row("plain scan for one word of them", scan);
  std::printf("  (the scans saw %llu places)\n", static_cast<unsigned long long>(seen));
  const bool half = guard("p50 of the search, in scans", at(mine, 0.5) / at(scan, 0.5), 2);
  return guard("p99 of the search, in scans", at(mine, 0.99) / at(scan, 0.5), 4) && half;
}

/// The index of 10 MiB of logs of many kinds beside what their analysis takes when they are uploaded.
bool build_index() {
  place where;
  std::string log;
  testing_support::log_writer writer{1};
  while (log.size() < (10U << 20))
    for (auto& kind : testing_support::log_kinds())
      log += writer.write(kind, 500).text;
  const auto f = stored(where, log);
  const auto mib = static_cast<double>(log.size()) / (1 << 20);
  std::vector<double> analysis, words, vectors;
  std::uint64_t seen = 0;
  const auto embedder = make_lexical_embedder();
  for (int i = 0; i < 5; ++i) {
    auto t = thread_ms();
    const memory_source bytes{log};
    seen += app::analyse_uploaded_file({f.name, {}, {}, bytes, {}, {}, {}}, app::file_analysis_options{}).text.size();
    analysis.push_back(ms_since(t) / mib);
    t = thread_ms();
    if (auto made = case_search::build_index(*where.storage.blobs, f, nullptr); !made)
      give_up(made.error());
    words.push_back(ms_since(t) / mib);
    t = thread_ms();
    if (auto made = case_search::build_vectors(*where.storage.blobs, f, *embedder); !made)
      give_up(made.error());
    vectors.push_back(ms_since(t)); // of the file: they are bounded
  }
  std::printf("index: %.1f MiB of logs of %zu kinds, %llu bytes said of them\n", mib, testing_support::log_kinds().size(), static_cast<unsigned long long>(seen / 5));
  std::printf("  analysis %.1f ms/MiB, index %.1f ms/MiB, vectors %.0f ms a file\n", at(analysis, 0.5), at(words, 0.5), at(vectors, 0.5));
  return guard("words and vectors, in analyses", (at(words, 0.5) * mib + at(vectors, 0.5)) / (at(analysis, 0.5) * mib), 1);
}

/// Search in a log by its index beside a scan of its bytes.
bool search_log(std::size_t log_mib) {
  place where;
  writer_of_texts texts;
  std::string log;
  log.reserve((log_mib << 20U) + 500);
  std::uint64_t lines = 0;
  while (log.size() < (log_mib << 20U)) {
    log += "2026-01-31T12:00:00.000Z INFO worker-" + std::to_string(lines % 97) + " handled req-" + std::to_string(1'000'000 + lines * 7) + " of " + texts.word() + " in " + std::to_string(lines % 1'000) + " ms\n";
    ++lines;
  }
  const auto f = stored(where, log);
  auto& blobs = *where.storage.blobs;
  case_searcher searcher{{}, {where.storage.blobs, where.storage.cases, make_lexical_embedder(), system_clock_source(), [&](const case_id&) { return outcome<std::vector<case_file>>{{f}}; }}};
  if (auto made = searcher.index(f.in_case); !made)
    give_up(made.error());
  const auto index = blobs.stat(case_search::index_key(f));
  std::printf("case: %zu MiB, %llu lines, the index has %.2f of the text's bytes\n", log_mib, static_cast<unsigned long long>(lines), index ? static_cast<double>(index->size) / static_cast<double>(f.bytes) : 0);
  const auto mine = [](const case_file&) { return true; };
  std::vector<double> rare, common, scan;
  for (std::uint64_t i = 0; i < 100; ++i) {
    case_search_query q;
    q.source = "file";
    q.text = "req-" + std::to_string(1'000'000 + (i * 7'919) % lines * 7);
    auto t = thread_ms();
    auto page = searcher.search(f.in_case, q, mine);
    rare.push_back(ms_since(t));
    if (!page || page->hits.empty() || page->hits[0].text.find(q.text) == std::string::npos) {
      std::fprintf(stderr, "%s was not found\n", q.text.c_str());
      return false;
    }
    t = thread_ms();
    auto bytes = blobs.read(case_search::bytes_key(f, false), 0, f.bytes); // what a scan has to read as well
    std::size_t seen = 0;
    for (auto p = bytes ? bytes->find(q.text) : std::string::npos; p != std::string::npos; p = bytes->find(q.text, p + 1)) // it does not know that there is one
      ++seen;
    if (seen == 0)
      return false;
    scan.push_back(ms_since(t));
    q.text = "worker handled " + texts.word();
    t = thread_ms();
    (void)searcher.search(f.in_case, q, mine);
    common.push_back(ms_since(t));
  }
  row("a request's id", rare);
  row("two words of every line and one other", common);
  row("plain scan for the id", scan);
  const bool half = guard("p50 of the id, in scans", at(rare, 0.5) / at(scan, 0.5), 0.5);
  return guard("p99 of common words, in scans", at(common, 0.99) / at(scan, 0.5), 2) && half;
}
} // namespace


int main() {
  const auto chunks = number_from("FM_BENCH_CHUNKS", 20'000), log_mib = number_from("FM_BENCH_LOG_MIB", 64);
  bool held = build_index();
  held = (log_mib == 0 || search_log(log_mib)) && held;
  held = (chunks == 0 || search_knowledge(chunks)) && held;
  std::printf("%s\n", held ? "all guards hold" : "A GUARD DOES NOT HOLD");
  return held ? 0 : 1;
}
