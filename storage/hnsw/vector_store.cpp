// Collections by name; one writer or many readers a collection.
#include "storage/hnsw/vector_store.hpp"

#include "storage/codec/vectors.hpp"
#include "storage/hnsw/collection.hpp"

#include <filesystem>
#include <mutex>
#include <shared_mutex>

namespace fm::hnsw {
namespace {
class file_vector_store final : public vector_store {
  struct shelf {
    mutable std::shared_mutex mutex;
    mutable std::mutex searching; ///< the graph's search breadth is set for each query
    std::unique_ptr<vector_collection> held;
  };
  using shelf_ptr = std::shared_ptr<shelf>;

public:
  file_vector_store(std::string root, const vector_options& options) : root_(std::move(root)), options_(options) {}

  outcome<done_t> load() {
    std::error_code ec;
    std::filesystem::create_directories(root_, ec);
    if (ec)
      return make_unavailable("The folder " + root_ + " cannot be made: " + ec.message() + ".");
    for (auto& file : std::filesystem::directory_iterator{root_, ec}) {
      if (file.path().extension() != ".log")
        continue;
      auto opened = vector_collection::open(file.path().string(), options_);
      if (!opened)
        return opened.error();
      if (!*opened) {
        std::filesystem::remove(file.path(), ec);
        continue;
      }
      auto s = std::make_shared<shelf>();
      const auto name = (*opened)->info().name;
      s->held = std::move(*opened);
      shelves_[name] = std::move(s);
    }
    if (ec)
      return make_unavailable("The folder " + root_ + " cannot be read: " + ec.message() + ".");
    return done;
  }

  outcome<done_t> create_collection(std::string_view name, std::uint32_t dimension, const vector_metadata& metadata) override {
    if (auto f = stored::refusal_of_collection(name, dimension))
      return *f;
    std::lock_guard lock{mutex_};
    if (const auto found = shelves_.find(name); found != shelves_.end()) {
      std::shared_lock reading{found->second->mutex};
      if (found->second->held->dimension() == dimension)
        return done;
      return make_conflict("ALREADY_EXISTS", "The collection " + std::string{name} + " is there with dimension " +
                                                 std::to_string(found->second->held->dimension()) + ".");
    }
    auto made = vector_collection::make(root_ + "/" + std::string{name} + ".log", std::string{name}, dimension, metadata, options_);
    if (!made)
      return made.error();
    auto s = std::make_shared<shelf>();
    s->held = std::move(*made);
    shelves_.emplace(name, std::move(s));
    return done;
  }
  outcome<bool> drop_collection(std::string_view name) override {
    std::lock_guard lock{mutex_};
    const auto found = shelves_.find(name);
    if (found == shelves_.end())
      return false;
    const auto s = found->second;
    shelves_.erase(found);
    std::unique_lock writing{s->mutex};
    s->held->remove_files();
    return true;
  }
  outcome<std::vector<collection_info>> collections() const override {
    std::vector<collection_info> out;
    std::lock_guard lock{mutex_};
    for (auto& [name, s] : shelves_) {
      std::shared_lock reading{s->mutex};
      out.push_back(s->held->info());
    }
    return out;
  }
  outcome<collection_info> collection(std::string_view name) const override {
    return reading<collection_info>(name, [](auto& c) { return outcome<collection_info>{c.info()}; });
  }

  outcome<done_t> upsert(std::string_view name, std::span<const vector_item> items) override {
    return writing<done_t>(name, [&](auto& c) -> outcome<done_t> {
      if (auto f = stored::refusal_of_items(name, c.dimension(), items))
        return *f;
      return c.upsert(items);
    });
  }
  outcome<std::vector<vector_hit>> query(std::string_view name, std::span<const float> embedding, std::size_t k,
                                         const metadata_filter& filter) const override {
    const auto s = shelf_of(name);
    if (!s)
      return stored::no_collection(name);
    std::shared_lock lock{s->mutex};
    std::lock_guard one{s->searching};
    if (auto f = stored::refusal_of_query(name, s->held->dimension(), embedding, k))
      return *f;
    return s->held->query(embedding, k, filter);
  }
  outcome<std::vector<vector_item>> get(std::string_view name, std::span<const std::string> ids) const override {
    return reading<std::vector<vector_item>>(name, [&](auto& c) { return c.get(ids); });
  }
  outcome<std::vector<vector_item>> find(std::string_view name, const metadata_filter& filter, std::string_view after,
                                         std::size_t limit) const override {
    return reading<std::vector<vector_item>>(name, [&](auto& c) { return c.find(filter, after, limit); });
  }
  outcome<std::uint64_t> remove(std::string_view name, std::span<const std::string> ids) override {
    return writing<std::uint64_t>(name, [&](auto& c) { return c.remove(ids); });
  }
  outcome<std::uint64_t> remove_matching(std::string_view name, const metadata_filter& filter) override {
    return writing<std::uint64_t>(name, [&](auto& c) { return c.remove(c.matching(filter)); });
  }
  outcome<done_t> ping() const override {
    std::error_code ec;
    if (!std::filesystem::is_directory(root_, ec))
      return make_unavailable("The folder " + root_ + " of the vector store is gone.");
    return done;
  }

private:
  shelf_ptr shelf_of(std::string_view name) const {
    std::lock_guard lock{mutex_};
    const auto found = shelves_.find(name);
    return found == shelves_.end() ? nullptr : found->second;
  }
  template <class T, class F> outcome<T> reading(std::string_view name, F f) const {
    const auto s = shelf_of(name);
    if (!s)
      return stored::no_collection(name);
    std::shared_lock lock{s->mutex};
    return f(std::as_const(*s->held));
  }
  template <class T, class F> outcome<T> writing(std::string_view name, F f) {
    const auto s = shelf_of(name);
    if (!s)
      return stored::no_collection(name);
    std::unique_lock lock{s->mutex};
    return f(*s->held);
  }

  std::string root_;
  vector_options options_;
  mutable std::mutex mutex_;
  std::map<std::string, shelf_ptr, std::less<>> shelves_;
};
} // namespace

outcome<vector_store_ptr> open_vector_store(const std::string& root, const vector_options& options) {
  auto store = std::make_shared<file_vector_store>(root, options);
  if (auto loaded = store->load(); !loaded)
    return loaded.error();
  return vector_store_ptr{std::move(store)};
}

} // namespace fm::hnsw
