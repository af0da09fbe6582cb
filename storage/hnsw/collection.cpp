// The log, the graph, and searching.
#include "storage/hnsw/collection.hpp"

#include "protocol/base/logging.hpp"
#include "storage/codec/crc32.hpp"
#include "storage/codec/vectors.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <random>
#include <set>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

// The library's hand-vectorised code reads one link past a list to prefetch it; ours is vectorised below instead.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h>

namespace fm::hnsw {
namespace {
#ifdef __SANITIZE_THREAD__ // its runtime is not ready yet when the loader picks a clone
#define FM_FOR_EACH_PROCESSOR optimize("O3")
#else
#define FM_FOR_EACH_PROCESSOR target_clones("avx512f", "avx2", "default"), optimize("O3")
#endif
/// 1 - a·b of unit vectors, in lanes so that the compiler vectorises it, for the processor it runs on.
__attribute__((FM_FOR_EACH_PROCESSOR)) float cosine_distance(const void* a, const void* b, const void* dimension) {
  constexpr std::size_t lanes = 16;
  const auto* x = static_cast<const float*>(a);
  const auto* y = static_cast<const float*>(b);
  const auto n = *static_cast<const std::size_t*>(dimension);
  float sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes)
    for (std::size_t k = 0; k < lanes; ++k)
      sums[k] += x[i + k] * y[i + k];
  float sum = 0;
  for (; i < n; ++i)
    sum += x[i] * y[i];
  for (const auto s : sums)
    sum += s;
  return 1.0F - sum;
}
class cosine_space final : public hnswlib::SpaceInterface<float> {
public:
  explicit cosine_space(std::size_t dimension) : dimension_(dimension) {}
  size_t get_data_size() override { return dimension_ * sizeof(float); }
  hnswlib::DISTFUNC<float> get_dist_func() override { return cosine_distance; }
  void* get_dist_func_param() override { return &dimension_; }

private:
  std::size_t dimension_;
};

constexpr std::uint32_t record_bytes_max = 256U << 20;
constexpr std::size_t frame_bytes = 12;          ///< length, CRC of the payload, CRC of these two
constexpr std::size_t slice = 64;                ///< vectors that enter the graph while queries wait
constexpr std::size_t cheap_to_replay = 500;     ///< changes for which no snapshot is written at the end
constexpr std::size_t threads_max = 4;
constexpr std::size_t scan_numbers_each = 8U << 20; ///< below, a second thread is not worth its start
constexpr std::size_t ties_to_spare = 32;
enum class record : std::uint8_t { head = 1, upsert = 2, removal = 3 };

failure trouble(const std::string& what, const std::string& path) {
  return make_unavailable("The vector store could not " + what + " " + path + ": " + std::strerror(errno) + ".");
}
failure damaged(const std::string& path) {
  return make_unavailable("The vector log " + path + " is damaged in the middle; restore it from a backup, or remove it and have the "
                                                     "documents embedded again.");
}
bool read_exactly(int fd, void* into, std::size_t bytes, std::uint64_t at) {
  auto* to = static_cast<char*>(into);
  while (bytes > 0) {
    const auto n = ::pread(fd, to, bytes, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    to += n;
    at += static_cast<std::uint64_t>(n);
    bytes -= static_cast<std::size_t>(n);
  }
  return true;
}
bool flush_path(const std::string& path, int how) {
  const int fd = ::open(path.c_str(), how | O_CLOEXEC);
  const bool good = fd >= 0 && ::fsync(fd) == 0;
  if (fd >= 0)
    ::close(fd);
  return good;
}
bool flush_folder_of(const std::string& path) {
  return flush_path(std::filesystem::path{path}.parent_path().string(), O_RDONLY | O_DIRECTORY);
}

using stored::crc32;

// Little-endian pieces, written and read in one order.
struct writer {
  std::string out;
  template <class T> void number(T v) {
    char bytes[sizeof v];
    std::memcpy(bytes, &v, sizeof v);
    out.append(bytes, sizeof v);
  }
  void text(std::string_view t) {
    number(static_cast<std::uint32_t>(t.size()));
    out.append(t);
  }
  void numbers(std::span<const float> v) { out.append(reinterpret_cast<const char*>(v.data()), v.size_bytes()); }
  void metadata(const vector_metadata& m) {
    number(static_cast<std::uint32_t>(m.size()));
    for (auto& [name, value] : m) {
      text(name);
      number(static_cast<std::uint8_t>(value.index()));
      std::visit(
          [&](auto& v) {
            if constexpr (std::is_same_v<std::decay_t<decltype(v)>, std::string>)
              text(v);
            else
              number(v);
          },
          value);
    }
  }
};
struct reader {
  std::string_view in;
  std::size_t at = 0;
  bool good = true;
  template <class T> T number() {
    T v{};
    if (at + sizeof v > in.size()) {
      good = false;
      return v;
    }
    std::memcpy(&v, in.data() + at, sizeof v);
    at += sizeof v;
    return v;
  }
  std::string text() {
    const auto n = number<std::uint32_t>();
    if (!good || at + n > in.size()) {
      good = false;
      return {};
    }
    at += n;
    return std::string{in.substr(at - n, n)};
  }
  vector_metadata metadata() {
    vector_metadata m;
    const auto n = number<std::uint32_t>();
    for (std::uint32_t i = 0; good && i < n; ++i) {
      auto name = text();
      switch (number<std::uint8_t>()) {
      case 0: m[std::move(name)] = number<bool>(); break;
      case 1: m[std::move(name)] = number<std::int64_t>(); break;
      case 2: m[std::move(name)] = number<double>(); break;
      case 3: m[std::move(name)] = text(); break;
      default: good = false;
      }
    }
    return m;
  }
};

/// What a record begins with.
struct frame {
  std::uint32_t bytes = 0, payload_crc = 0, own_crc = 0;
  std::uint32_t expected_crc() const { return crc32({reinterpret_cast<const char*>(this), 8}); }
  bool good() const { return bytes > 0 && bytes <= record_bytes_max && own_crc == expected_crc(); }
};
static_assert(sizeof(frame) == frame_bytes);

/// Runs the same work on this and n - 1 more threads, numbered from 0; what one of them throws is thrown here.
template <class F> void together(std::size_t n, F work) {
  std::exception_ptr met;
  std::mutex meeting;
  const auto guarded = [&](std::size_t i) {
    try {
      work(i);
    } catch (...) {
      std::lock_guard lock{meeting};
      met = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < n; ++i)
      threads.emplace_back([&guarded, i] { guarded(i); });
    guarded(0);
  }
  if (met)
    std::rethrow_exception(met);
}

/// Of a file's bytes, fast: it guards what can be built again, and that is large. Nothing when it cannot be read.
std::optional<std::uint64_t> fingerprint(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return std::nullopt;
  std::vector<std::uint64_t> words(1U << 17);
  std::uint64_t h = 0x9E3779B97F4A7C15U, at = 0;
  for (;;) {
    std::size_t got = 0;
    ssize_t n = 0;
    while (got < words.size() * 8 && (n = ::pread(fd, reinterpret_cast<char*>(words.data()) + got, words.size() * 8 - got, static_cast<off_t>(at + got))) > 0)
      got += static_cast<std::size_t>(n);
    if (n < 0)
      break;
    std::memset(reinterpret_cast<char*>(words.data()) + got, 0, (8 - got % 8) % 8);
    for (std::size_t i = 0; i < (got + 7) / 8; ++i) {
      h = (h ^ words[i]) * 0xD6E8FEB86659FD93U;
      h ^= h >> 32U;
    }
    at += got;
    if (got < words.size() * 8) {
      ::close(fd);
      return h ^ at;
    }
  }
  ::close(fd);
  return std::nullopt;
}

/// The files that stand beside a log: its snapshots, and what a crash left half written.
std::vector<std::string> beside(const std::string& path) {
  std::vector<std::string> found;
  std::error_code ec;
  const std::filesystem::path log{path};
  const auto start = log.filename().string() + ".";
  for (auto& entry : std::filesystem::directory_iterator{log.parent_path(), ec})
    if (entry.path().filename().string().starts_with(start))
      found.push_back(entry.path().string());
  return found;
}
} // namespace

struct vector_collection::graph_parts {
  std::unique_ptr<cosine_space> space;
  std::unique_ptr<hnswlib::HierarchicalNSW<float>> graph;
};

vector_collection::vector_collection(std::string path, const vector_options& options)
    : path_(std::move(path)), options_(options), parts_(std::make_unique<graph_parts>()) {}

vector_collection::~vector_collection() {
  if (fd_ < 0)
    return;
  if (changes_ > cheap_to_replay && !removed_ && !broken_)
    write_snapshot();
  ::close(fd_);
}

outcome<std::unique_ptr<vector_collection>> vector_collection::make(const std::string& path, std::string name, std::uint32_t dimension,
                                                                    const vector_metadata& metadata, const vector_options& options) {
  std::unique_ptr<vector_collection> c{new vector_collection{path, options}};
  c->name_ = std::move(name);
  c->dimension_ = dimension;
  c->metadata_ = metadata;
  std::random_device random;
  c->generation_ = (std::uint64_t{random()} << 32U) | random();
  c->fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (c->fd_ < 0)
    return trouble("make", path);
  writer w;
  w.number(record::head);
  w.number(c->generation_);
  w.text(c->name_);
  w.number(dimension);
  w.metadata(metadata);
  auto stored = c->append(w.out);
  if (stored && options.flush && !flush_folder_of(path))
    stored = trouble("flush the folder of", path);
  if (stored)
    stored = c->build_graph();
  if (!stored) {
    c->remove_files();
    return stored.error();
  }
  return c;
}

outcome<std::unique_ptr<vector_collection>> vector_collection::open(const std::string& path, const vector_options& options) {
  std::unique_ptr<vector_collection> c{new vector_collection{path, options}};
  c->fd_ = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (c->fd_ < 0)
    return trouble("open", path);
  if (auto r = c->replay(); !r)
    return r.error();
  if (c->dimension_ == 0)
    return std::unique_ptr<vector_collection>{};
  if (auto built = c->build_graph(); !built)
    return built.error();
  return c;
}

std::shared_lock<std::shared_mutex> vector_collection::reading() const {
  { std::lock_guard after_whoever_waits{gate_}; }
  return std::shared_lock{mutex_};
}
std::unique_lock<std::shared_mutex> vector_collection::writing() {
  std::lock_guard next_in_line{gate_};
  return std::unique_lock{mutex_};
}

collection_info vector_collection::info() const {
  const auto lock = reading();
  return {name_, dimension_, items_.size(), metadata_};
}

// ---- the log ----

outcome<done_t> vector_collection::append(std::string_view payload) {
  if (payload.size() > record_bytes_max)
    return make_failure(errc::too_large, "A change of the vector store has at most " + std::to_string(record_bytes_max >> 20U) + " MiB.");
  frame f{static_cast<std::uint32_t>(payload.size()), crc32(payload), 0};
  f.own_crc = f.expected_crc();
  std::string bytes(reinterpret_cast<const char*>(&f), sizeof f);
  bytes.append(payload);
  std::size_t written = 0;
  while (written < bytes.size()) {
    const auto n = ::pwrite(fd_, bytes.data() + written, bytes.size() - written, static_cast<off_t>(size_ + written));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      break;
    written += static_cast<std::size_t>(n);
  }
  if (written < bytes.size() || (options_.flush && ::fdatasync(fd_) != 0)) {
    const auto why = trouble("write", path_);
    if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0) // else the next record would follow a torn one
      log::error("hnsw", "a torn record of " + path_ + " could not be cut off");
    return why;
  }
  size_ += bytes.size();
  return done;
}

outcome<done_t> vector_collection::replay() {
  struct stat s {};
  if (::fstat(fd_, &s) != 0)
    return trouble("read", path_);
  const auto end = static_cast<std::uint64_t>(s.st_size);
  std::string payload;
  while (size_ < end) {
    frame f;
    bool good = end - size_ >= sizeof f;
    if (good && !read_exactly(fd_, &f, sizeof f, size_))
      return trouble("read", path_);
    good = good && f.good() && end - size_ - sizeof f >= f.bytes;
    if (good) {
      payload.resize(f.bytes);
      if (!read_exactly(fd_, payload.data(), payload.size(), size_ + sizeof f))
        return trouble("read", path_);
      good = crc32(payload) == f.payload_crc;
    }
    if (!good) {
      // Only the last record can be torn. A whole one behind it was acknowledged: then this is damage.
      if (whole_record_after(size_ + 1, end))
        return damaged(path_);
      log::warn("hnsw", "the last record of " + path_ + " was torn by a crash and is cut off; it was never acknowledged");
      if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0 || (options_.flush && ::fsync(fd_) != 0))
        return trouble("repair", path_);
      return done;
    }
    if (!apply(payload, size_ + sizeof f))
      return damaged(path_);
    size_ += sizeof f + f.bytes;
  }
  return done;
}

bool vector_collection::whole_record_after(std::uint64_t at, std::uint64_t end) const {
  std::string window;
  constexpr std::size_t window_bytes = 1U << 20;
  for (; at + frame_bytes < end; at += window_bytes) {
    window.resize(std::min<std::uint64_t>(window_bytes + frame_bytes, end - at));
    if (!read_exactly(fd_, window.data(), window.size(), at))
      return false;
    for (std::size_t i = 0; i + frame_bytes <= window.size() && i < window_bytes; ++i) {
      frame f;
      std::memcpy(&f, window.data() + i, sizeof f);
      if (f.bytes == 0 || f.bytes > end - at - i - sizeof f || !f.good())
        continue;
      std::string payload(f.bytes, '\0');
      if (read_exactly(fd_, payload.data(), payload.size(), at + i + sizeof f) && crc32(payload) == f.payload_crc)
        return true;
    }
  }
  return false;
}

std::size_t vector_collection::put(std::string id, held h) {
  h.label = by_label_.size();
  const auto label = h.label;
  const auto [place, fresh] = items_.try_emplace(std::move(id));
  if (!fresh) {
    by_label_[place->second.label] = nullptr;
    ++dead_;
  }
  place->second = std::move(h);
  by_label_.push_back(&*place);
  return label;
}

void vector_collection::forget(std::string_view id) {
  const auto found = items_.find(id);
  if (found == items_.end())
    return;
  by_label_[found->second.label] = nullptr;
  ++dead_;
  items_.erase(found);
}

bool vector_collection::apply(std::string_view payload, std::uint64_t at) {
  reader r{payload};
  switch (r.number<record>()) {
  case record::head:
    generation_ = r.number<std::uint64_t>();
    name_ = r.text();
    dimension_ = r.number<std::uint32_t>();
    metadata_ = r.metadata();
    return r.good && dimension_ > 0;
  case record::upsert: {
    const auto n = r.number<std::uint32_t>();
    for (std::uint32_t i = 0; r.good && i < n; ++i) {
      auto id = r.text();
      held h;
      h.document = r.text();
      h.metadata = r.metadata();
      h.vector_at = at + r.at;
      r.at += std::size_t{dimension_} * sizeof(float);
      if (!r.good || r.at > payload.size())
        return false;
      put(std::move(id), std::move(h));
    }
    return r.good;
  }
  case record::removal: {
    const auto n = r.number<std::uint32_t>();
    for (std::uint32_t i = 0; r.good && i < n; ++i)
      forget(r.text());
    return r.good;
  }
  }
  return false;
}

outcome<std::vector<float>> vector_collection::read_vector(const held& h) const {
  std::vector<float> v(dimension_);
  if (!read_exactly(fd_, v.data(), v.size() * sizeof(float), h.vector_at))
    return trouble("read", path_);
  return v;
}

// ---- the graph ----

/// The highest label the newest fitting snapshot knows, plus one; 0 = there is none.
std::size_t vector_collection::load_snapshot() {
  std::string best;
  std::size_t best_labels = 0;
  const auto start = path_ + ".graph-";
  for (auto& file : beside(path_)) {
    std::uint64_t numbers[4] = {}; // generation, labels, size of the log, fingerprint
    bool fits = file.starts_with(start);
    const char* at = file.data() + std::min(start.size(), file.size());
    const char* const end = file.data() + file.size();
    for (std::size_t i = 0; fits && i < 4; ++i) {
      const auto r = std::from_chars(at, end, numbers[i]);
      fits = r.ec == std::errc{} && (i == 3 ? r.ptr == end : r.ptr != end && *r.ptr == '-');
      at = r.ptr + 1;
    }
    fits = fits && numbers[0] == generation_ && numbers[1] <= by_label_.size() && numbers[2] <= size_;
    if (fits && fingerprint(file) != numbers[3]) {
      log::warn("hnsw", "the snapshot " + file + " is damaged and left aside");
      fits = false;
    }
    if (!fits || numbers[1] <= best_labels) {
      ::unlink(file.c_str());
      continue;
    }
    if (!best.empty())
      ::unlink(best.c_str());
    best = file;
    best_labels = numbers[1];
  }
  if (best.empty())
    return 0;
  try {
    parts_->graph = std::make_unique<hnswlib::HierarchicalNSW<float>>(parts_->space.get(), best, false,
                                                                      std::max<std::size_t>(by_label_.size() + by_label_.size() / 2, 1'024));
    if (parts_->graph->M_ == options_.m)
      return best_labels;
  } catch (const std::exception& e) {
    log::warn("hnsw", "the snapshot " + best + " cannot be used: " + e.what());
  }
  parts_->graph.reset();
  ::unlink(best.c_str());
  return 0;
}

outcome<done_t> vector_collection::build_graph() {
  try {
    parts_->space = std::make_unique<cosine_space>(dimension_);
    const auto known = load_snapshot();
    if (!parts_->graph)
      parts_->graph = std::make_unique<hnswlib::HierarchicalNSW<float>>(
          parts_->space.get(), std::max<std::size_t>(by_label_.size() + by_label_.size() / 2, 1'024), options_.m, options_.ef_construction, 100);
    parts_->graph->setEf(options_.ef);
    std::vector<addition> some;
    for (auto label = known; label < by_label_.size(); ++label) {
      if (by_label_[label] == nullptr)
        continue;
      auto v = read_vector(by_label_[label]->second);
      if (!v)
        return v.error();
      some.push_back({label, stored::unit(*v)});
      if (some.size() == 1'024) {
        add_to_graph(some);
        some.clear();
      }
    }
    add_to_graph(some);
    for (std::size_t label = 0; label < known; ++label) {
      const bool there = parts_->graph->label_lookup_.contains(label);
      if (by_label_[label] == nullptr && there && !parts_->graph->isMarkedDeleted(parts_->graph->label_lookup_.at(label)))
        parts_->graph->markDelete(label);
      else if (by_label_[label] != nullptr && !there)
        return make_unavailable("The vector graph of " + path_ + " lacks a vector; remove its .graph files and start again.");
    }
    changes_ = by_label_.size() - known;
    write_snapshot_if_due();
  } catch (const std::exception& e) {
    return make_unavailable("The vector graph of " + path_ + " cannot be built: " + e.what() + ".");
  }
  return done;
}

/// May throw. The first node goes in alone: the others need somewhere to begin. The library draws the levels of all
/// threads from one unguarded generator: a number that two of them get is as good as any.
void vector_collection::add_to_graph(std::span<const addition> all) {
  if (all.empty())
    return;
  auto& graph = *parts_->graph;
  if (graph.cur_element_count + all.size() > graph.max_elements_)
    graph.resizeIndex(std::max(graph.cur_element_count + all.size(), graph.max_elements_ + graph.max_elements_ / 2));
  std::size_t from = 0;
  if (graph.cur_element_count == 0) {
    graph.addPoint(all.front().unit.data(), all.front().label);
    from = 1;
  }
  std::atomic<std::size_t> next{from};
  together(helpers_for(all.size() - from, 8), [&](std::size_t) {
    for (auto i = next++; i < all.size(); i = next++)
      graph.addPoint(all[i].unit.data(), all[i].label);
  });
}

std::size_t vector_collection::helpers_for(std::size_t work, std::size_t least_each) const {
  const auto cores = options_.build_threads > 0 ? options_.build_threads : std::max(1U, std::thread::hardware_concurrency());
  return std::clamp<std::size_t>(std::min<std::size_t>(cores, work / least_each), 1, threads_max);
}

/// Called by the one writer (or nobody else is there): the graph does not change meanwhile, and queries go on.
void vector_collection::write_snapshot() {
  try {
    const auto fresh = path_ + ".graph.new";
    parts_->graph->saveIndex(fresh); // says nothing about a full disk
    if (options_.flush && !flush_path(fresh, O_RDWR))
      throw std::runtime_error(std::strerror(errno));
    const auto name = path_ + ".graph-" + std::to_string(generation_) + "-" + std::to_string(by_label_.size()) + "-" + std::to_string(size_) + "-" +
                      std::to_string(fingerprint(fresh).value_or(0));
    if (std::filesystem::file_size(fresh) < parts_->graph->cur_element_count * parts_->graph->size_data_per_element_)
      throw std::runtime_error("the disk is full");
    std::filesystem::rename(fresh, name);
    if (options_.flush)
      flush_folder_of(path_);
    for (auto& file : beside(path_))
      if (file != name && file.starts_with(path_ + ".graph"))
        ::unlink(file.c_str());
    changes_ = 0;
  } catch (const std::exception& e) {
    ::unlink((path_ + ".graph.new").c_str());
    log::warn("hnsw", "no snapshot of " + path_ + " was written: " + e.what());
  }
}

void vector_collection::write_snapshot_if_due() {
  if (changes_ >= std::max(options_.snapshot_every, by_label_.size() / 5))
    write_snapshot();
}

// ---- changes ----

outcome<done_t> vector_collection::upsert(std::span<const vector_item> items) {
  if (items.empty())
    return done;
  std::lock_guard one_writer{writers_};
  if (broken_)
    return *broken_;
  writer w;
  w.number(record::upsert);
  w.number(static_cast<std::uint32_t>(items.size()));
  std::vector<std::uint64_t> places;
  for (auto& item : items) {
    w.text(item.id);
    w.text(item.document);
    w.metadata(item.metadata);
    places.push_back(size_ + frame_bytes + w.out.size());
    w.numbers(item.embedding);
  }
  if (auto stored = append(w.out); !stored)
    return stored;
  if (auto added = add_in_slices(items, places); !added) {
    const auto lock = writing();
    broken_ = added.error();
    return added;
  }
  changes_ += items.size();
  write_snapshot_if_due();
  return compact_if_due();
}

outcome<done_t> vector_collection::add_in_slices(std::span<const vector_item> items, std::span<const std::uint64_t> places) {
  try {
    for (std::size_t from = 0; from < items.size(); from += slice) {
      const auto some = items.subspan(from, std::min(slice, items.size() - from));
      std::vector<addition> additions;
      for (auto& item : some)
        additions.push_back({0, stored::unit(item.embedding)});
      std::vector<std::size_t> replaced;
      const auto lock = writing();
      for (std::size_t i = 0; i < some.size(); ++i) {
        if (const auto old = items_.find(some[i].id); old != items_.end())
          replaced.push_back(old->second.label);
        additions[i].label = put(some[i].id, held{0, places[from + i], some[i].document, some[i].metadata});
      }
      add_to_graph(additions);
      for (const auto label : replaced)
        parts_->graph->markDelete(label);
    }
  } catch (const std::exception& e) {
    return make_unavailable("The vectors are stored, but not searchable before the next start: " + std::string{e.what()} + ".");
  }
  return done;
}

outcome<std::uint64_t> vector_collection::remove(std::span<const std::string> ids) {
  std::lock_guard one_writer{writers_};
  std::set<std::string> there;
  for (auto& id : ids)
    if (items_.contains(id)) // only writers change it, and we are the one
      there.insert(id);
  return remove_these({there.begin(), there.end()});
}

outcome<std::uint64_t> vector_collection::remove_matching(const metadata_filter& filter) {
  std::lock_guard one_writer{writers_};
  std::vector<std::string> there;
  for (auto& [id, h] : items_)
    if (stored::matches(h.metadata, filter))
      there.push_back(id);
  return remove_these(std::move(there));
}

outcome<std::uint64_t> vector_collection::remove_these(std::vector<std::string> there) {
  if (broken_)
    return *broken_;
  if (there.empty())
    return std::uint64_t{0};
  writer w;
  w.number(record::removal);
  w.number(static_cast<std::uint32_t>(there.size()));
  for (auto& id : there)
    w.text(id);
  if (auto stored = append(w.out); !stored)
    return stored.error();
  {
    const auto lock = writing();
    for (auto& id : there) {
      parts_->graph->markDelete(items_.find(id)->second.label);
      forget(id);
    }
  }
  changes_ += 1;
  if (auto compacted = compact_if_due(); !compacted)
    log::warn("hnsw", "the removal is stored, but the log was not made smaller: " + compacted.error().detail);
  return static_cast<std::uint64_t>(there.size());
}

/// Writes the log anew when most of it is dead: a new file beside it, then a rename. Queries go on until the end.
outcome<done_t> vector_collection::compact_if_due() {
  if (dead_ < options_.compact_after || dead_ < 2 * items_.size())
    return done;
  const auto other = path_ + ".new";
  ::unlink(other.c_str());
  auto fresh = make(other, name_, dimension_, metadata_, options_);
  if (!fresh)
    return fresh.error();
  auto& next = **fresh;
  std::vector<vector_item> batch;
  const auto give = [&]() -> outcome<done_t> {
    auto r = next.upsert(batch);
    batch.clear();
    return r;
  };
  for (auto& [id, h] : items_) {
    auto item = whole(id, h);
    if (!item)
      return item.error();
    batch.push_back(std::move(*item));
    if (batch.size() == 500)
      if (auto r = give(); !r)
        return r;
  }
  if (auto r = give(); !r)
    return r;
  if (::rename(other.c_str(), path_.c_str()) != 0)
    return trouble("rename", path_);
  if (options_.flush && !flush_folder_of(path_))
    log::warn("hnsw", "the folder of " + path_ + " could not be flushed");
  {
    const auto lock = writing();
    std::swap(fd_, next.fd_);
    size_ = next.size_;
    generation_ = next.generation_;
    items_.swap(next.items_);
    by_label_.swap(next.by_label_);
    parts_.swap(next.parts_);
    dead_ = next.dead_;
  }
  next.changes_ = 0; // its destructor closes the old file and writes nothing
  for (auto& file : beside(path_)) // of the old log, and of the new one under its first name
    ::unlink(file.c_str());
  write_snapshot();
  return done;
}

void vector_collection::remove_files() {
  std::lock_guard one_writer{writers_};
  removed_ = true;
  ::unlink(path_.c_str());
  for (auto& file : beside(path_))
    ::unlink(file.c_str());
  if (options_.flush)
    flush_folder_of(path_);
}

// ---- questions ----

struct vector_collection::near_one {
  float distance = 0;
  const shelf::value_type* item = nullptr;
  hnswlib::tableint node = 0;
  bool operator<(const near_one& o) const { return distance != o.distance ? distance < o.distance : item->first < o.item->first; }
};

/// The `most` nearest of all that match, in memory order over the nodes.
std::vector<vector_collection::near_one> vector_collection::scan(std::span<const float> unit, const metadata_filter& filter, std::size_t most) const {
  const auto& graph = *parts_->graph;
  const std::size_t nodes = graph.cur_element_count, dimension = dimension_;
  const auto helpers = helpers_for(nodes * dimension, scan_numbers_each);
  std::vector<std::vector<near_one>> parts(helpers);
  together(helpers, [&](std::size_t part) {
    auto& best = parts[part]; // a heap, the farthest on top
    for (auto node = nodes * part / helpers; node < nodes * (part + 1) / helpers; ++node) {
      const auto id = static_cast<hnswlib::tableint>(node);
      const auto* item = by_label_[graph.getExternalLabel(id)];
      if (item == nullptr || !stored::matches(item->second.metadata, filter))
        continue;
      const near_one one{cosine_distance(unit.data(), graph.getDataByInternalId(id), &dimension), item, id};
      if (best.size() == most && !(one < best.front()))
        continue;
      best.push_back(one);
      std::push_heap(best.begin(), best.end());
      if (best.size() > most) {
        std::pop_heap(best.begin(), best.end());
        best.pop_back();
      }
    }
  });
  std::vector<near_one> all;
  for (auto& part : parts)
    all.insert(all.end(), part.begin(), part.end());
  std::sort(all.begin(), all.end());
  return all;
}

/// Where walks kept disagreeing they are tried now and then only: whoever scans anyway saves their time.
bool vector_collection::walking_is_worth_it() const { return trust_ > 0 || asked_++ % 16 == 0; }

/// By the graph; nothing when that is no good: the walks disagree, or too few of what they met match.
std::optional<std::vector<vector_collection::near_one>> vector_collection::walk(std::span<const float> unit, const metadata_filter& filter, std::size_t k) const {
  const auto& graph = *parts_->graph;
  const auto search = [&](std::size_t breadth) {
    std::vector<near_one> met;
    for (auto found = graph.searchKnn(unit.data(), std::min(breadth, items_.size())); !found.empty(); found.pop())
      if (const auto* item = by_label_[found.top().second])
        met.push_back({found.top().first, item, graph.label_lookup_.find(found.top().second)->second});
    std::sort(met.begin(), met.end());
    return met;
  };
  const auto breadth = std::max(options_.ef, k + k / 2 + 8);
  const auto narrow = search(breadth);
  auto wide = search(4 * breadth);
  const auto compared = std::min(k, items_.size());
  if (wide.size() < compared || narrow.size() < compared ||
      !std::equal(wide.begin(), wide.begin() + static_cast<std::ptrdiff_t>(compared), narrow.begin(), [](auto& a, auto& b) { return a.item == b.item; })) {
    trust_ = std::max(trust_ - 1, 0);
    return std::nullopt;
  }
  trust_ = std::min(trust_ + 1, trust_most);
  if (filter.empty())
    return wide;
  // What is far out in the wide walk is no longer sure: those that match must be found in its nearer part.
  std::vector<near_one> fitting;
  for (std::size_t i = 0; i < wide.size() && (i < breadth || fitting.size() >= k); ++i)
    if (stored::matches(wide[i].item->second.metadata, filter))
      fitting.push_back(wide[i]);
  if (fitting.size() < compared)
    return std::nullopt;
  return fitting;
}

outcome<std::vector<vector_hit>> vector_collection::query(std::span<const float> embedding, std::size_t k, const metadata_filter& filter) const {
  const auto unit = stored::unit(embedding);
  const auto spare = k + ties_to_spare;
  const auto lock = reading();
  if (broken_)
    return *broken_;
  std::vector<near_one> found;
  try {
    std::optional<std::vector<near_one>> walked;
    if (items_.size() > options_.exact_max && walking_is_worth_it())
      walked = walk(unit, filter, k);
    found = walked ? std::move(*walked) : scan(unit, filter, spare);
  } catch (const std::exception& e) {
    return make_unavailable("The vectors of " + name_ + " could not be searched: " + std::string{e.what()} + ".");
  }
  // The nearest by single precision, a few to spare, are put in order by double precision.
  if (found.size() > spare)
    found.resize(spare);
  std::vector<std::pair<double, const shelf::value_type*>> scored;
  for (auto& one : found) {
    const auto* data = reinterpret_cast<const float*>(parts_->graph->getDataByInternalId(one.node));
    double dot = 0;
    for (std::size_t n = 0; n < unit.size(); ++n)
      dot += static_cast<double>(unit[n]) * static_cast<double>(data[n]);
    scored.emplace_back(dot, one.item);
  }
  std::sort(scored.begin(), scored.end(), [](auto& a, auto& b) { return a.first != b.first ? a.first > b.first : a.second->first < b.second->first; });
  if (scored.size() > k)
    scored.resize(k);
  std::vector<vector_hit> out;
  for (auto& [similarity, item] : scored)
    out.push_back({item->first, std::clamp(similarity, -1.0, 1.0), item->second.document, item->second.metadata});
  return out;
}

outcome<vector_item> vector_collection::whole(const std::string& id, const held& h) const {
  auto v = read_vector(h);
  if (!v)
    return v.error();
  return vector_item{id, std::move(*v), h.document, h.metadata};
}

outcome<std::vector<vector_item>> vector_collection::get(std::span<const std::string> ids) const {
  const auto lock = reading();
  std::map<std::string_view, const held*> found;
  for (auto& id : ids)
    if (const auto at = items_.find(id); at != items_.end())
      found[at->first] = &at->second;
  std::vector<vector_item> out;
  for (auto& [id, h] : found) {
    auto item = whole(std::string{id}, *h);
    if (!item)
      return item.error();
    out.push_back(std::move(*item));
  }
  return out;
}

outcome<std::vector<vector_item>> vector_collection::find(const metadata_filter& filter, std::string_view after, std::size_t limit) const {
  const auto lock = reading();
  std::vector<vector_item> out;
  for (auto at = items_.upper_bound(after); at != items_.end() && out.size() < limit; ++at)
    if (stored::matches(at->second.metadata, filter)) {
      auto item = whole(at->first, at->second);
      if (!item)
        return item.error();
      out.push_back(std::move(*item));
    }
  return out;
}

} // namespace fm::hnsw
