// Searching: 20,000 pieces of knowledge and a log of 64 MiB, beside a plain scan of the same text in the same run. Sizes:
// FM_BENCH_CHUNKS (20,000), FM_BENCH_LOG_MIB (64). Guards: knowledge p99 <= 50 ms; a rare identifier in a log is found in
// a tenth of the scan's time or less.
#include "actors/case_search/case_searcher.hpp"
#include "actors/knowledge/knowledge_base.hpp"
#include "actors/search/lexical_embedder.hpp"
#include "storage/factory/factory.hpp"
#include "storage/ports/blob_io.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <unistd.h>

namespace {
using namespace fm;
using steady = std::chrono::steady_clock;

double ms_since(steady::time_point from) { return std::chrono::duration<double, std::milli>(steady::now() - from).count(); }
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
} // namespace

int main() {
  const auto chunks = number_from("FM_BENCH_CHUNKS", 20'000), log_mib = number_from("FM_BENCH_LOG_MIB", 64);
  const auto folder = std::filesystem::temp_directory_path() / ("fm_bench_search_" + std::to_string(::getpid()));
  auto s = all_in_memory();
  s.blobs = "filesystem";
  s.vectors = "hnsw";
  s.synchronous_full = false;
  s.data_directory = folder.string();
  auto storage = open_storage(s);
  if (!storage)
    give_up(storage.error());
  writer_of_texts texts;
  bool held = true;
  {
    knowledge_base base{{}, {storage->blobs, storage->vectors, make_lexical_embedder(), system_clock_source(), seeded_random(1), {}, {}, {}}};
    std::string all;
    const auto began = steady::now();
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
    for (int i = 0; i < 200; ++i) {
      knowledge_query q;
      q.text = texts.word() + " " + texts.word() + " " + texts.word() + " " + texts.word();
      auto t = steady::now();
      auto hits = base.search(q);
      mine.push_back(ms_since(t));
      if (!hits)
        give_up(hits.error());
      const auto word = q.text.substr(0, q.text.find(' '));
      t = steady::now();
      std::size_t n = 0;
      for (auto p = all.find(word); p != std::string::npos; p = all.find(word, p + word.size()))
        ++n;
      scan.push_back(ms_since(t));
    }
    held = held && at(mine, 0.99) <= 50;
    std::printf("  search of four words (words and likeness)   p50 %8.2f ms   p99 %8.2f ms\n  plain scan for one word of them             p50 %8.2f ms   p99 %8.2f ms\n", at(mine, 0.5),
                at(mine, 0.99), at(scan, 0.5), at(scan, 0.99));
  }
  {
    case_file f;
    f.id = "file_000000000001";
    f.in_case = case_id{"case_000000000001"};
    f.name = "big.log";
    f.redaction = "same";
    std::string log;
    log.reserve((log_mib << 20U) + 500);
    std::uint64_t lines = 0;
    while (log.size() < (log_mib << 20U)) {
      log += "2026-01-31T12:00:00.000Z INFO worker-" + std::to_string(lines % 97) + " handled req-" + std::to_string(1'000'000 + lines * 7) + " of " + texts.word() + " in " + std::to_string(lines % 1'000) + " ms\n";
      ++lines;
    }
    f.bytes = log.size();
    if (auto w = write_blob(*storage->blobs, case_search::bytes_key(f, false), "text/plain", log); !w)
      give_up(w.error());
    case_searcher searcher{{}, {storage->blobs, storage->cases, make_lexical_embedder(), system_clock_source(), [&](const case_id&) { return outcome<std::vector<case_file>>{{f}}; }}};
    const auto began = steady::now();
    if (auto made = searcher.index(f.in_case); !made)
      give_up(made.error());
    const auto built = ms_since(began);
    const auto index = storage->blobs->stat(case_search::index_key(f));
    std::printf("case: %zu MiB, %llu lines, index built in %.1f s (%.1f MiB/s), %.2f of the text\n", log_mib, static_cast<unsigned long long>(lines), built / 1e3,
                static_cast<double>(log_mib) / built * 1e3, index ? static_cast<double>(index->size) / static_cast<double>(f.bytes) : 0);
    std::vector<double> rare, common, scan;
    for (std::uint64_t i = 0; i < 100; ++i) {
      case_search_query q;
      q.source = "file";
      q.text = "req-" + std::to_string(1'000'000 + (i * 7'919) % lines * 7);
      auto t = steady::now();
      auto page = searcher.search(f.in_case, q, [](const case_file&) { return true; });
      rare.push_back(ms_since(t));
      if (!page || page->hits.empty() || page->hits[0].text.find(q.text) == std::string::npos) {
        std::fprintf(stderr, "%s was not found\n", q.text.c_str());
        return 1;
      }
      t = steady::now();
      auto bytes = storage->blobs->read(case_search::bytes_key(f, false), 0, f.bytes); // what a scan has to read as well
      if (!bytes || bytes->find(q.text) == std::string::npos)
        return 1;
      scan.push_back(ms_since(t));
      q.text = "worker handled " + texts.word();
      t = steady::now();
      (void)searcher.search(f.in_case, q, [](const case_file&) { return true; });
      common.push_back(ms_since(t));
    }
    held = held && at(rare, 0.5) <= at(scan, 0.5) / 10;
    std::printf("  a request's id                              p50 %8.2f ms   p99 %8.2f ms\n  two words of every line and one other       p50 %8.2f ms   p99 %8.2f ms\n"
                "  plain scan for the id                       p50 %8.2f ms   p99 %8.2f ms\n",
                at(rare, 0.5), at(rare, 0.99), at(common, 0.5), at(common, 0.99), at(scan, 0.5), at(scan, 0.99));
  }
  *storage = {};
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  std::printf("%s\n", held ? "all guards hold" : "A GUARD DOES NOT HOLD");
  return held ? 0 : 1;
}
