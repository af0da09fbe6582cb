// Vector search beside its yardsticks, in one run: the HNSW store against looking at every vector, and the Chroma
// store against a hand-written request to the same server (FM_TEST_CHROMA). Sizes: FM_BENCH_VECTORS (100,000, and a
// tenth of it), FM_BENCH_CHROMA_VECTORS (10,000). Vectors are clustered as those of texts are, from a fixed seed; FM_BENCH_CLUSTERED=0 gives points without any
// order, the worst there is for a graph.
#include "http/client/curl_client.hpp"
#include "protocol/base/http_call.hpp"
#include "storage/chroma/vector_store.hpp"
#include "storage/hnsw/vector_store.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <unistd.h>

namespace {
using namespace fm;
using steady = std::chrono::steady_clock;
constexpr std::size_t dimension = 1'024;
constexpr std::size_t k = 5;
constexpr std::size_t cluster_size = 100;

double ms_since(steady::time_point from) { return std::chrono::duration<double, std::milli>(steady::now() - from).count(); }
std::size_t number_from(const char* name, std::size_t otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? std::strtoull(value, nullptr, 10) : otherwise;
}
[[noreturn]] void give_up(const failure& f) {
  std::fprintf(stderr, "%s\n", f.detail.c_str());
  std::exit(1);
}

struct spread {
  std::vector<double> ms;
  void add(double v) { ms.push_back(v); }
  double at(double q) {
    std::sort(ms.begin(), ms.end());
    return ms.empty() ? 0 : ms[std::min(ms.size() - 1, static_cast<std::size_t>(q * static_cast<double>(ms.size())))];
  }
};

/// Points around centers, all on the unit sphere: near neighbours are clearly nearer than the rest, as with texts.
struct cloud {
  std::mt19937_64 random{20'240'601};
  std::normal_distribution<float> gauss;
  std::vector<std::vector<float>> centers;
  const bool clustered = number_from("FM_BENCH_CLUSTERED", 1) != 0;
  explicit cloud(std::size_t n) {
    centers.resize(std::max<std::size_t>(1, n / cluster_size));
    for (auto& c : centers) {
      c.resize(dimension);
      for (auto& x : c)
        x = gauss(random);
    }
  }
  std::vector<float> point(std::size_t cluster) {
    auto v = clustered ? centers[cluster % centers.size()] : std::vector<float>(dimension);
    double norm = 0;
    for (auto& x : v) {
      x += 0.8F * gauss(random);
      norm += static_cast<double>(x) * static_cast<double>(x);
    }
    for (auto& x : v)
      x = static_cast<float>(static_cast<double>(x) / std::sqrt(norm));
    return v;
  }
};
std::string id_of(std::size_t i) {
  char text[32];
  std::snprintf(text, sizeof text, "v%07zu", i);
  return text;
}

__attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3"))) float dot(const float* a, const float* b) {
  float lanes[16] = {};
  for (std::size_t i = 0; i < dimension; i += 16)
    for (std::size_t l = 0; l < 16; ++l)
      lanes[l] += a[i + l] * b[i + l];
  float sum = 0;
  for (const auto s : lanes)
    sum += s;
  return sum;
}
/// The yardstick: one array, every vector looked at.
std::vector<std::size_t> exact(const std::vector<float>& all, const std::vector<float>& q, std::size_t every = 1) {
  std::vector<std::pair<float, std::size_t>> scored;
  for (std::size_t i = 0; i * dimension < all.size(); i += every)
    scored.emplace_back(-dot(all.data() + i * dimension, q.data()), i);
  std::partial_sort(scored.begin(), scored.begin() + k, scored.end());
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < k; ++i)
    out.push_back(scored[i].second);
  return out;
}

void load(vector_store& store, const std::vector<float>& all) {
  if (auto r = store.create_collection("bench", dimension, {}); !r)
    give_up(r.error());
  std::vector<vector_item> batch;
  const auto n = all.size() / dimension;
  for (std::size_t i = 0; i < n; ++i) {
    const auto* from = all.data() + i * dimension;
    batch.push_back({id_of(i), {from, from + dimension}, "text " + std::to_string(i), {{"half", std::int64_t(i % 2)}, {"hundredth", std::int64_t(i % 100)}}});
    if (batch.size() == 500 || i + 1 == n) {
      if (auto r = store.upsert("bench", batch); !r)
        give_up(r.error());
      batch.clear();
    }
  }
}

struct result {
  spread time;
  double recall = 0;
};
result ask(const vector_store& store, const std::vector<std::vector<float>>& queries, const std::vector<std::vector<std::size_t>>& truth, const metadata_filter& filter) {
  result r;
  std::size_t right = 0;
  for (std::size_t q = 0; q < queries.size(); ++q) {
    const auto began = steady::now();
    auto hits = store.query("bench", queries[q], k, filter);
    r.time.add(ms_since(began));
    if (!hits)
      give_up(hits.error());
    std::set<std::string> want;
    for (const auto i : truth[q])
      want.insert(id_of(i));
    for (auto& h : *hits)
      right += want.count(h.id);
  }
  r.recall = static_cast<double>(right) / static_cast<double>(queries.size() * k);
  return r;
}
void show(const char* name, result& r, double yardstick) {
  std::printf("  %-46s %8.2f ms median %8.2f ms p99   recall@5 %.4f   ratio %.3f\n", name, r.time.at(0.5), r.time.at(0.99), r.recall, r.time.at(0.5) / yardstick);
  std::fflush(stdout);
}

struct corpus {
  std::vector<float> all;
  std::vector<std::vector<float>> queries;
  std::vector<std::vector<std::size_t>> truth, truth_hundredth, truth_half;
  spread scan;
  corpus(std::size_t n, std::size_t asked) {
    cloud c{n};
    all.reserve(n * dimension);
    for (std::size_t i = 0; i < n; ++i) {
      const auto v = c.point(i * 7'919);
      all.insert(all.end(), v.begin(), v.end());
    }
    for (std::size_t i = 0; i < asked; ++i)
      queries.push_back(c.point(i * 104'729 + 13));
    for (auto& q : queries) {
      const auto began = steady::now();
      truth.push_back(exact(all, q));
      scan.add(ms_since(began));
      truth_half.push_back(exact(all, q, 2));
      truth_hundredth.push_back(exact(all, q, 100));
    }
  }
};

void hnsw_at(const std::string& dir, std::size_t n, std::size_t asked) {
  corpus c{n, asked};
  std::printf("%zu x %zu in HNSW, top %zu, %zu queries:\n", n, dimension, k, asked);
  auto scan = c.scan.at(0.5);
  std::printf("  %-46s %8.2f ms median %8.2f ms p99\n", "every vector looked at, one core", scan, c.scan.at(0.99));
  auto store = hnsw::open_vector_store(dir);
  if (!store)
    give_up(store.error());
  auto began = steady::now();
  load(**store, c.all);
  const auto loaded = ms_since(began);
  std::printf("  %-46s %8.0f vectors/s, %.1f s, durable\n", "upsert in batches of 500", static_cast<double>(n) * 1'000 / loaded, loaded / 1'000);
  auto r = ask(**store, c.queries, c.truth, {});
  show("query", r, scan);
  r = ask(**store, c.queries, c.truth_half, {{"half", metadata_condition::relation::equal, {std::int64_t{0}}}});
  show("query, a filter that half of them match", r, scan);
  r = ask(**store, c.queries, c.truth_hundredth, {{"hundredth", metadata_condition::relation::equal, {std::int64_t{0}}}});
  show("query, a filter that one in 100 matches", r, scan);
  began = steady::now();
  store->reset();
  std::printf("  %-46s %8.0f ms\n", "close, with a snapshot when it is due", ms_since(began));
  began = steady::now();
  store = hnsw::open_vector_store(dir);
  if (!store)
    give_up(store.error());
  std::printf("  %-46s %8.0f ms\n", "open again", ms_since(began));
  r = ask(**store, c.queries, c.truth, {});
  show("query after opening again", r, scan);
}

void chroma_at(std::size_t n, std::size_t asked) {
  const char* url = std::getenv("FM_TEST_CHROMA");
  if (url == nullptr) {
    std::printf("Chroma: skipped, FM_TEST_CHROMA is not set\n");
    return;
  }
  corpus c{n, asked};
  auto client = make_curl_client({});
  chroma::options o;
  o.url = url;
  o.timeout = std::chrono::seconds{60};
  auto store = chroma::open_vector_store(o, client);
  if (!store)
    give_up(store.error());
  if (auto r = (*store)->drop_collection("bench"); !r)
    give_up(r.error());
  std::printf("%zu x %zu in Chroma, top %zu, %zu queries:\n", n, dimension, k, asked);
  auto began = steady::now();
  load(**store, c.all);
  std::printf("  %-46s %8.0f vectors/s\n", "upsert in batches of 500", static_cast<double>(n) * 1'000 / ms_since(began));
  // The yardstick: the same question in a body made beforehand, the answer not even read.
  const auto base = o.url + "/api/v2/tenants/default_tenant/databases/default_database/collections";
  http_request look;
  look.url = base + "/bench";
  auto found = http_call_and_wait(*client, look);
  if (!found)
    give_up(found.error());
  const auto at = found->body.find("\"id\":\"");
  const auto uuid = found->body.substr(at + 6, 36);
  spread raw;
  for (auto& q : c.queries) {
    http_request r;
    r.method = "POST";
    r.url = base + "/" + uuid + "/query";
    r.headers = {{"Content-Type", "application/json"}};
    r.body = "{\"query_embeddings\":[[";
    for (const auto x : q)
      r.body += std::to_string(x) + ",";
    r.body.back() = ']';
    r.body += "],\"n_results\":5,\"include\":[\"documents\",\"metadatas\",\"distances\"]}";
    const auto sent = steady::now();
    auto got = http_call_and_wait(*client, std::move(r));
    raw.add(ms_since(sent));
    if (!got || got->status != 200) {
      std::fprintf(stderr, "the raw request failed\n");
      std::exit(1);
    }
  }
  std::printf("  %-46s %8.2f ms median %8.2f ms p99\n", "a request made by hand", raw.at(0.5), raw.at(0.99));
  auto r = ask(**store, c.queries, c.truth, {});
  show("query", r, raw.at(0.5));
  r = ask(**store, c.queries, c.truth_half, {{"half", metadata_condition::relation::equal, {std::int64_t{0}}}});
  show("query, a filter that half of them match", r, raw.at(0.5));
  if (auto gone = (*store)->drop_collection("bench"); !gone)
    give_up(gone.error());
}
} // namespace

int main() {
  const char* where = std::getenv("FM_BENCH_DIR");
  const auto dir = std::string{where ? where : std::filesystem::temp_directory_path().string()} + "/fm_bench_vectors_" + std::to_string(::getpid());
  const auto most = number_from("FM_BENCH_VECTORS", 100'000);
  for (const auto n : {most / 10, most}) {
    hnsw_at(dir, n, 200);
    std::filesystem::remove_all(dir);
  }
  chroma_at(number_from("FM_BENCH_CHROMA_VECTORS", 10'000), 200);
}
