// The log, the graph, and searching.
#include "storage/hnsw/collection.hpp"

#include "protocol/base/logging.hpp"
#include "storage/codec/crc32.hpp"
#include "storage/codec/vectors.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

// The library's hand-vectorised code reads one link past a list to prefetch it; ours is vectorised below instead.
#define NO_MANUAL_VECTORIZATION
#include <hnswlib/hnswlib.h>

namespace fm::hnsw {
namespace {
/// 1 - a·b of unit vectors, in lanes so that the compiler vectorises it, for the processor it runs on.
__attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3"))) float cosine_distance(const void* a, const void* b, const void* dimension) {
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
enum class record : std::uint8_t { head = 1, upsert = 2, removal = 3 };

failure trouble(const std::string& what, const std::string& path) {
  return make_unavailable("The vector store could not " + what + " " + path + ": " + std::strerror(errno) + ".");
}
failure damaged(const std::string& path) {
  return make_unavailable("The vector log " + path + " is damaged in the middle; restore it from a backup, or remove it and have the "
                                                     "documents embedded again.");
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
} // namespace

struct vector_collection::graph_parts {
  std::unique_ptr<cosine_space> space;
  std::unique_ptr<hnswlib::HierarchicalNSW<float>> graph;
};

vector_collection::vector_collection(std::string path, const vector_options& options)
    : path_(std::move(path)), options_(options), parts_(std::make_unique<graph_parts>()) {}

vector_collection::~vector_collection() {
  if (fd_ >= 0) {
    if (changes_ > 0)
      write_graph();
    ::close(fd_);
  }
}

outcome<std::unique_ptr<vector_collection>> vector_collection::make(const std::string& path, std::string name, std::uint32_t dimension,
                                                      const vector_metadata& metadata, const vector_options& options) {
  std::unique_ptr<vector_collection> c{new vector_collection{path, options}};
  c->name_ = std::move(name);
  c->dimension_ = dimension;
  c->metadata_ = metadata;
  c->fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (c->fd_ < 0)
    return trouble("make", path);
  writer w;
  w.number(record::head);
  w.text(c->name_);
  w.number(dimension);
  w.metadata(metadata);
  auto stored = c->append(w.out);
  if (stored && options.flush) {
    const auto parent = std::filesystem::path{path}.parent_path().string();
    const int folder = ::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0 || ::fsync(folder) != 0)
      stored = trouble("flush", parent);
    if (folder >= 0)
      ::close(folder);
  }
  if (!stored) {
    c->remove_files();
    return stored.error();
  }
  if (auto built = c->build_graph(); !built)
    return built.error();
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
    return std::unique_ptr<vector_collection>{}; // the crash came before its first record: it was never acknowledged
  if (auto built = c->build_graph(); !built)
    return built.error();
  return c;
}

outcome<done_t> vector_collection::append(std::string_view payload) {
  writer w;
  w.number(static_cast<std::uint32_t>(payload.size()));
  w.number(crc32(payload));
  w.out.append(payload);
  std::size_t done_bytes = 0;
  while (done_bytes < w.out.size()) {
    const auto n = ::pwrite(fd_, w.out.data() + done_bytes, w.out.size() - done_bytes, static_cast<off_t>(size_ + done_bytes));
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      break;
    done_bytes += static_cast<std::size_t>(n);
  }
  if (done_bytes < w.out.size() || (options_.flush && ::fdatasync(fd_) != 0)) {
    const auto f = trouble("write", path_);
    if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0) // else the next record would follow a torn one
      log::error("hnsw", "a torn record of " + path_ + " could not be cut off");
    return f;
  }
  size_ += w.out.size();
  return done;
}

outcome<done_t> vector_collection::replay() {
  struct stat s {};
  if (::fstat(fd_, &s) != 0)
    return trouble("read", path_);
  const auto end = static_cast<std::uint64_t>(s.st_size);
  std::string payload;
  while (size_ < end) {
    std::uint32_t head[2];
    const bool whole_head = end - size_ >= sizeof head && ::pread(fd_, head, sizeof head, static_cast<off_t>(size_)) == sizeof head;
    bool good = whole_head && head[0] > 0 && head[0] <= record_bytes_max && end - size_ - sizeof head >= head[0];
    if (good) {
      payload.resize(head[0]);
      std::size_t got = 0;
      while (got < payload.size()) {
        const auto n = ::pread(fd_, payload.data() + got, payload.size() - got, static_cast<off_t>(size_ + sizeof head + got));
        if (n <= 0)
          return trouble("read", path_);
        got += static_cast<std::size_t>(n);
      }
      good = crc32(payload) == head[1];
      if (!good && size_ + sizeof head + head[0] < end)
        return damaged(path_);
    } else if (whole_head && head[0] > record_bytes_max) {
      return damaged(path_);
    }
    if (!good) {
      log::warn("hnsw", "the last record of " + path_ + " was torn by a crash and is cut off; it was never acknowledged");
      if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0)
        return trouble("repair", path_);
      return done;
    }
    if (!apply(payload, size_ + sizeof head))
      return damaged(path_);
    size_ += sizeof head + head[0];
  }
  return done;
}

bool vector_collection::apply(std::string_view payload, std::uint64_t at) {
  reader r{payload};
  switch (r.number<record>()) {
  case record::head:
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
      h.label = by_label_.size();
      const auto [place, fresh] = items_.try_emplace(std::move(id));
      if (!fresh) {
        by_label_[place->second.label] = nullptr;
        ++dead_;
      }
      place->second = std::move(h);
      by_label_.push_back(&place->first);
    }
    return r.good;
  }
  case record::removal: {
    const auto n = r.number<std::uint32_t>();
    for (std::uint32_t i = 0; r.good && i < n; ++i)
      if (const auto found = items_.find(r.text()); found != items_.end()) {
        by_label_[found->second.label] = nullptr;
        ++dead_;
        items_.erase(found);
      }
    return r.good;
  }
  }
  return false;
}

outcome<std::vector<float>> vector_collection::read_vector(const held& h) const {
  std::vector<float> v(dimension_);
  const auto bytes = v.size() * sizeof(float);
  if (::pread(fd_, v.data(), bytes, static_cast<off_t>(h.vector_at)) != static_cast<ssize_t>(bytes))
    return trouble("read", path_);
  return v;
}

void vector_collection::add_to_graph(std::size_t label, std::span<const float> vector) {
  if (label >= parts_->graph->max_elements_)
    parts_->graph->resizeIndex(std::max<std::size_t>(label + 1, parts_->graph->max_elements_ * 2));
  parts_->graph->addPoint(stored::unit(vector).data(), label);
}

outcome<done_t> vector_collection::build_graph() {
  try {
    parts_->space = std::make_unique<cosine_space>(dimension_);
    std::size_t known = 0;
    const auto snapshot = path_ + ".graph";
    std::error_code ec;
    if (std::filesystem::exists(snapshot, ec)) {
      // The name of the last label it holds stands beside it; labels are given in the order of the log.
      std::ifstream note{path_ + ".note"};
      std::size_t labels = 0;
      std::uint64_t upto = 0;
      if (note >> labels >> upto && labels <= by_label_.size() && upto <= size_) {
        try {
          parts_->graph = std::make_unique<hnswlib::HierarchicalNSW<float>>(parts_->space.get(), snapshot, false, std::max<std::size_t>(by_label_.size() * 2, 1'024));
          known = labels;
          if (parts_->graph->cur_element_count != labels) {
            parts_->graph.reset();
            known = 0;
          }
        } catch (const std::exception& e) {
          log::warn("hnsw", "the graph of " + path_ + " is built again: " + e.what());
          parts_->graph.reset();
        }
      }
    }
    if (!parts_->graph)
      parts_->graph = std::make_unique<hnswlib::HierarchicalNSW<float>>(parts_->space.get(), std::max<std::size_t>(by_label_.size() * 2, 1'024), options_.m,
                                                                 options_.ef_construction, 100);
    parts_->graph->setEf(options_.ef);
    for (auto label = known; label < by_label_.size(); ++label) {
      std::vector<float> nothing(dimension_, 0.0F); // keeps labels and places equal for what is gone already
      nothing[0] = 1.0F;
      if (by_label_[label] == nullptr) {
        add_to_graph(label, nothing);
        continue;
      }
      auto v = read_vector(items_.find(*by_label_[label])->second);
      if (!v)
        return v.error();
      add_to_graph(label, *v);
    }
    for (std::size_t label = 0; label < by_label_.size(); ++label)
      if (by_label_[label] == nullptr && !parts_->graph->isMarkedDeleted(parts_->graph->label_lookup_.at(label)))
        parts_->graph->markDelete(label);
    changes_ = by_label_.size() - known;
    if (changes_ >= options_.snapshot_every)
      write_graph();
  } catch (const std::exception& e) {
    return make_unavailable("The vector graph of " + path_ + " cannot be built: " + e.what() + ".");
  }
  return done;
}

void vector_collection::write_graph() {
  // A note of another graph must never stand beside this one: it goes first and comes last.
  try {
    const auto graph = path_ + ".graph", note = path_ + ".note";
    ::unlink(note.c_str());
    parts_->graph->saveIndex(graph + ".new");
    std::filesystem::rename(graph + ".new", graph);
    std::ofstream out{note + ".new", std::ios::trunc};
    out << by_label_.size() << " " << size_ << "\n";
    out.close();
    if (out)
      std::filesystem::rename(note + ".new", note);
    changes_ = 0;
  } catch (const std::exception& e) {
    log::warn("hnsw", "the graph of " + path_ + " was not written and will be built again at the next start: " + e.what());
  }
}

outcome<done_t> vector_collection::upsert(std::span<const vector_item> items) {
  if (items.empty())
    return done;
  writer w;
  w.number(record::upsert);
  w.number(static_cast<std::uint32_t>(items.size()));
  for (auto& item : items) {
    w.text(item.id);
    w.text(item.document);
    w.metadata(item.metadata);
    for (const auto x : item.embedding)
      w.number(x);
  }
  const auto at = size_ + 2 * sizeof(std::uint32_t);
  if (auto stored = append(w.out); !stored)
    return stored;
  const auto first = by_label_.size();
  std::vector<std::size_t> replaced;
  for (auto& item : items)
    if (const auto old = items_.find(item.id); old != items_.end())
      replaced.push_back(old->second.label);
  apply(w.out, at);
  try {
    for (const auto label : replaced)
      parts_->graph->markDelete(label);
    for (std::size_t i = 0; i < items.size(); ++i)
      add_to_graph(first + i, items[i].embedding);
    for (std::size_t i = 0; i < items.size(); ++i)
      if (by_label_[first + i] == nullptr) // the same id twice in one batch: the last one counts
        parts_->graph->markDelete(first + i);
  } catch (const std::exception& e) {
    return make_unavailable("The vectors are stored, but not searchable before the next start: " + std::string{e.what()} + ".");
  }
  changes_ += items.size();
  if (changes_ >= options_.snapshot_every)
    write_graph();
  return compact_if_due();
}

outcome<std::uint64_t> vector_collection::remove(std::span<const std::string> ids) {
  std::vector<std::string> there;
  for (auto& id : ids)
    if (items_.contains(id) && std::find(there.begin(), there.end(), id) == there.end())
      there.push_back(id);
  if (there.empty())
    return std::uint64_t{0};
  writer w;
  w.number(record::removal);
  w.number(static_cast<std::uint32_t>(there.size()));
  for (auto& id : there)
    w.text(id);
  const auto at = size_ + 2 * sizeof(std::uint32_t);
  if (auto stored = append(w.out); !stored)
    return stored.error();
  for (auto& id : there)
    parts_->graph->markDelete(items_.find(id)->second.label);
  apply(w.out, at);
  ++changes_;
  if (auto compacted = compact_if_due(); !compacted)
    return compacted.error();
  return static_cast<std::uint64_t>(there.size());
}

/// Writes the log anew when most of it is dead: a new file beside it, then a rename.
outcome<done_t> vector_collection::compact_if_due() {
  if (dead_ < 10'000 || dead_ < 2 * items_.size())
    return done;
  const auto beside = path_ + ".new";
  ::unlink(beside.c_str());
  auto fresh = make(beside, name_, dimension_, metadata_, options_);
  if (!fresh)
    return fresh.error();
  std::vector<vector_item> batch;
  const auto give = [&]() -> outcome<done_t> {
    auto r = (*fresh)->upsert(batch);
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
  ::unlink((path_ + ".note").c_str()); // the old graph does not fit the new log
  if (::rename(beside.c_str(), path_.c_str()) != 0)
    return trouble("rename", path_);
  ::unlink((beside + ".graph").c_str());
  ::unlink((beside + ".note").c_str());
  std::swap(fd_, (*fresh)->fd_);
  size_ = (*fresh)->size_;
  items_ = std::move((*fresh)->items_);
  by_label_ = std::move((*fresh)->by_label_);
  parts_ = std::move((*fresh)->parts_);
  dead_ = (*fresh)->dead_;
  (*fresh)->changes_ = 0; // its destructor closes the old file and writes nothing
  changes_ = by_label_.size();
  return done;
}

double vector_collection::similarity(std::span<const float> unit, const held& h) const {
  const auto place = parts_->graph->label_lookup_.at(h.label);
  const auto* data = reinterpret_cast<const float*>(parts_->graph->getDataByInternalId(place));
  double dot = 0;
  for (std::size_t i = 0; i < unit.size(); ++i)
    dot += static_cast<double>(unit[i]) * static_cast<double>(data[i]);
  return dot;
}

outcome<std::vector<vector_hit>> vector_collection::query(std::span<const float> embedding, std::size_t k, const metadata_filter& filter) const {
  const auto unit = stored::unit(embedding);
  std::vector<std::pair<double, const std::string*>> scored;
  const auto exactly = [&] {
    scored.clear();
    for (auto& [id, h] : items_)
      if (stored::matches(h.metadata, filter))
        scored.emplace_back(similarity(unit, h), &id);
  };
  if (items_.size() <= options_.exact_max) {
    exactly();
  } else {
    // With a filter more are fetched; when too few of them fit, the filter is selective and looking at all is right.
    const auto wanted = filter.empty() ? k : std::min<std::size_t>(items_.size(), k * 10 + 50);
    parts_->graph->setEf(std::max(options_.ef, wanted + wanted / 2));
    auto found = parts_->graph->searchKnn(unit.data(), wanted);
    for (; !found.empty(); found.pop()) {
      const auto* id = by_label_[found.top().second];
      if (id == nullptr)
        continue;
      const auto& h = items_.find(*id)->second;
      if (stored::matches(h.metadata, filter))
        scored.emplace_back(similarity(unit, h), id);
    }
    if (scored.size() < std::min(k, items_.size()))
      exactly();
  }
  const auto kept = std::min(k, scored.size());
  std::partial_sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(kept), scored.end(),
                    [](auto& a, auto& b) { return a.first != b.first ? a.first > b.first : *a.second < *b.second; });
  std::vector<vector_hit> out;
  for (std::size_t i = 0; i < kept; ++i) {
    const auto& h = items_.find(*scored[i].second)->second;
    out.push_back({*scored[i].second, scored[i].first, h.document, h.metadata});
  }
  return out;
}

outcome<vector_item> vector_collection::whole(const std::string& id, const held& h) const {
  auto v = read_vector(h);
  if (!v)
    return v.error();
  return vector_item{id, std::move(*v), h.document, h.metadata};
}

outcome<std::vector<vector_item>> vector_collection::get(std::span<const std::string> ids) const {
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

std::vector<std::string> vector_collection::matching(const metadata_filter& filter) const {
  std::vector<std::string> out;
  for (auto& [id, h] : items_)
    if (stored::matches(h.metadata, filter))
      out.push_back(id);
  return out;
}

void vector_collection::remove_files() const {
  for (const char* end : {"", ".graph", ".note"})
    ::unlink((path_ + end).c_str());
}

} // namespace fm::hnsw
