// Blobs beside their yardsticks, in one run: the file store against a bare write with fsync, and the S3 store against
// the same signed requests made by hand (FM_TEST_S3 and its keys). Sizes of a thumbnail, a log and a dump.
#include "http/client/curl_client.hpp"
#include "protocol/base/http_call.hpp"
#include "protocol/base/sha256.hpp"
#include "storage/filesystem/blob_store.hpp"
#include "storage/s3/blob_store.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <random>
#include <unistd.h>

namespace {
using namespace fm;
using steady = std::chrono::steady_clock;

double ms_since(steady::time_point from) { return std::chrono::duration<double, std::milli>(steady::now() - from).count(); }
[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}
template <class T> T sure(outcome<T> r) {
  if (!r)
    give_up(r.error().detail);
  return std::move(*r);
}

struct spread {
  std::vector<double> ms;
  double at(double q) {
    std::sort(ms.begin(), ms.end());
    return ms.empty() ? 0 : ms[std::min(ms.size() - 1, static_cast<std::size_t>(q * static_cast<double>(ms.size())))];
  }
};
template <class F> void timed(spread& into, F work) {
  const auto began = steady::now();
  work();
  into.ms.push_back(ms_since(began));
}
void show(const char* name, spread& s, std::size_t bytes, spread* yardstick) {
  const auto ms = s.at(0.5);
  std::printf("  %-40s %9.3f ms median %9.3f ms p95 %8.1f MiB/s", name, ms, s.at(0.95), static_cast<double>(bytes) / (1 << 20) / ms * 1'000);
  if (yardstick)
    std::printf("   ratio %.2f", ms / yardstick->at(0.5));
  std::printf("\n");
}

std::string body(std::size_t bytes, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  std::string out(bytes, '\0');
  for (auto& c : out)
    c = static_cast<char>(random());
  return out;
}
void put(blob_store& store, const std::string& key, const std::string& bytes) {
  auto w = sure(store.put(key, "application/octet-stream"));
  constexpr std::size_t piece = 1U << 20;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    sure(w->write(std::string_view{bytes}.substr(at, piece)));
  sure(w->finish());
}

/// As a careful program would do it by hand: beside, flushed, renamed, the folder flushed. One file, no second for the key.
void bare_put(const std::string& folder, const std::string& name, const std::string& bytes) {
  const auto beside = folder + "/new", place = folder + "/" + name;
  const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  for (std::size_t at = 0; at < bytes.size();) {
    const auto n = ::write(fd, bytes.data() + at, bytes.size() - at);
    if (n <= 0)
      give_up("a bare write failed");
    at += static_cast<std::size_t>(n);
  }
  if (::fsync(fd) != 0 || ::close(fd) != 0 || ::rename(beside.c_str(), place.c_str()) != 0)
    give_up("a bare flush failed");
  const int parent = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ::fsync(parent);
  ::close(parent);
}
std::string bare_get(const std::string& path, std::size_t bytes) {
  std::string out(bytes, '\0');
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::size_t at = 0;
  for (ssize_t n = 1; at < bytes && n > 0; at += static_cast<std::size_t>(n))
    n = ::read(fd, out.data() + at, bytes - at);
  ::close(fd);
  return out;
}

void files(const std::string& dir, std::size_t bytes, int rounds) {
  auto store = sure(filesystem::open_blob_store(dir + "/store"));
  std::filesystem::create_directories(dir + "/bare");
  spread put_ours, put_bare, get_ours, get_bare, get_hashed, range_ours;
  for (int i = 0; i < rounds; ++i) { // turn about: disks change their mood from second to second
    const auto bytes_now = body(bytes, static_cast<std::uint64_t>(i));
    const auto key = "cases/c1/" + std::to_string(i);
    timed(put_bare, [&] { bare_put(dir + "/bare", std::to_string(i), bytes_now); });
    timed(put_ours, [&] { put(*store, key, bytes_now); });
    std::string a, b, c;
    timed(get_bare, [&] { a = bare_get(dir + "/bare/" + std::to_string(i), bytes); });
    timed(get_hashed, [&] {
      c = bare_get(dir + "/bare/" + std::to_string(i), bytes);
      if (sha256_hex(c).empty())
        give_up("no hash");
    });
    timed(get_ours, [&] { b = sure(store->read(key, 0, bytes)); });
    timed(range_ours, [&] { (void)sure(store->read(key, bytes / 2, 4'096)); });
    if (a != bytes_now || b != bytes_now)
      give_up("the bytes differ");
  }
  std::printf("Files of %zu KiB:\n", bytes >> 10U);
  show("bare write, fsync, rename, fsync", put_bare, bytes, nullptr);
  show("the file store's put", put_ours, bytes, &put_bare);
  show("bare read", get_bare, bytes, nullptr);
  show("bare read with SHA-256", get_hashed, bytes, nullptr);
  show("the file store's read, verified", get_ours, bytes, &get_hashed);
  show("the file store's read of 4 KiB of it", range_ours, 4'096, nullptr);
}

void objects(std::size_t bytes, int rounds) {
  const auto from = [](const char* name) {
    const char* v = std::getenv(name);
    return std::string{v ? v : ""};
  };
  s3::options o;
  o.endpoint = from("FM_TEST_S3");
  o.access_key = from("FM_TEST_S3_ACCESS_KEY");
  o.secret_key = from("FM_TEST_S3_SECRET");
  o.bucket = from("FM_TEST_S3_BUCKET");
  o.prefix = "bench/";
  auto client = make_curl_client({});
  auto store = sure(s3::open_blob_store(o, client));
  const auto raw = [&](const char* method, const std::string& key, const std::string& bytes_now) {
    http_request r;
    r.method = method;
    r.url = o.endpoint + "/" + o.bucket + "/bench/raw/" + key;
    r.body = bytes_now;
    r.headers = {{"x-amz-content-sha256", bytes_now.empty() ? sha256_hex("") : "UNSIGNED-PAYLOAD"}};
    r.aws_sigv4 = "aws:amz:us-east-1:s3";
    r.aws_access_key = o.access_key;
    r.aws_secret_key = o.secret_key;
    r.response_bytes_max = 1U << 30;
    auto got = sure(http_call_and_wait(*client, std::move(r)));
    if (got.status / 100 != 2)
      give_up("the raw request failed with " + std::to_string(got.status) + " " + got.body);
    return got.body;
  };
  spread put_ours, put_raw, get_ours, get_raw, range_ours;
  for (int i = 0; i < rounds; ++i) {
    const auto bytes_now = body(bytes, static_cast<std::uint64_t>(i));
    const auto key = std::to_string(i);
    timed(put_raw, [&] { raw("PUT", key, bytes_now); });
    timed(put_ours, [&] { put(*store, key, bytes_now); });
    std::string a, b;
    timed(get_raw, [&] { a = raw("GET", key, ""); });
    timed(get_ours, [&] { b = sure(store->read(key, 0, bytes)); });
    timed(range_ours, [&] { (void)sure(store->read(key, bytes / 2, 4'096)); });
    if (a != bytes_now || b != bytes_now)
      give_up("the bytes differ");
    raw("DELETE", key, "");
    sure(store->remove(key));
  }
  std::printf("Objects of %zu KiB:\n", bytes >> 10U);
  show("a signed PUT by hand, body not hashed", put_raw, bytes, nullptr);
  show("the S3 store's put", put_ours, bytes, &put_raw);
  show("a signed GET by hand", get_raw, bytes, nullptr);
  show("the S3 store's read, verified", get_ours, bytes, &get_raw);
  show("the S3 store's read of 4 KiB of it", range_ours, 4'096, nullptr);
}
} // namespace

int main() {
  const char* where = std::getenv("FM_BENCH_DIR");
  const auto dir = std::string{where ? where : std::filesystem::temp_directory_path().string()} + "/fm_bench_blobs_" + std::to_string(::getpid());
  for (const auto& [bytes, rounds] : {std::pair<std::size_t, int>{16U << 10, 60}, {1U << 20, 40}, {32U << 20, 8}})
    files(dir + "/" + std::to_string(bytes), bytes, rounds);
  std::filesystem::remove_all(dir);
  if (std::getenv("FM_TEST_S3") == nullptr) {
    std::printf("S3: skipped, FM_TEST_S3 is not set\n");
    return 0;
  }
  for (const auto& [bytes, rounds] : {std::pair<std::size_t, int>{16U << 10, 60}, {1U << 20, 30}, {32U << 20, 4}})
    objects(bytes, rounds);
}
