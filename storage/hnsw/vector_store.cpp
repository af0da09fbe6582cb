// Collections by name.
#include "storage/hnsw/vector_store.hpp"

#include "storage/codec/vectors.hpp"
#include "storage/hnsw/collection.hpp"

#include <filesystem>
#include <mutex>

namespace fm::hnsw {
namespace {
class file_vector_store final : public vector_store {
  using shelf_ptr = std::shared_ptr<vector_collection>;

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
      const auto name = (*opened)->info().name;
      shelves_[name] = std::move(*opened);
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
      if (found->second->dimension() == dimension)
        return done;
      return make_conflict("ALREADY_EXISTS", "The collection " + std::string{name} + " is there with dimension " +
                                                 std::to_string(found->second->dimension()) + ".");
    }
    auto made = vector_collection::make(root_ + "/" + std::string{name} + ".log", std::string{name}, dimension, metadata, options_);
    if (!made)
      return made.error();
    shelves_.emplace(name, std::move(*made));
    return done;
  }
  outcome<bool> drop_collection(std::string_view name) override {
    std::lock_guard lock{mutex_};
    const auto found = shelves_.find(name);
    if (found == shelves_.end())
      return false;
    const auto s = found->second;
    shelves_.erase(found);
    s->remove_files();
    return true;
  }
  outcome<std::vector<collection_info>> collections() const override {
    std::vector<collection_info> out;
    std::lock_guard lock{mutex_};
    for (auto& [name, s] : shelves_)
      out.push_back(s->info());
    return out;
  }
  outcome<collection_info> collection(std::string_view name) const override {
    return with<collection_info>(name, [](auto& c) { return outcome<collection_info>{c.info()}; });
  }

  outcome<done_t> upsert(std::string_view name, std::span<const vector_item> items) override {
    return with<done_t>(name, [&](auto& c) -> outcome<done_t> {
      if (auto f = stored::refusal_of_items(name, c.dimension(), items))
        return *f;
      return c.upsert(items);
    });
  }
  outcome<std::vector<vector_hit>> query(std::string_view name, std::span<const float> embedding, std::size_t k,
                                         const metadata_filter& filter) const override {
    return with<std::vector<vector_hit>>(name, [&](auto& c) -> outcome<std::vector<vector_hit>> {
      if (auto f = stored::refusal_of_query(name, c.dimension(), embedding, k))
        return *f;
      return c.query(embedding, k, filter);
    });
  }
  outcome<std::vector<vector_item>> get(std::string_view name, std::span<const std::string> ids) const override {
    return with<std::vector<vector_item>>(name, [&](auto& c) { return c.get(ids); });
  }
  outcome<std::vector<vector_item>> find(std::string_view name, const metadata_filter& filter, std::string_view after,
                                         std::size_t limit) const override {
    return with<std::vector<vector_item>>(name, [&](auto& c) { return c.find(filter, after, limit); });
  }
  outcome<std::uint64_t> remove(std::string_view name, std::span<const std::string> ids) override {
    return with<std::uint64_t>(name, [&](auto& c) { return c.remove(ids); });
  }
  outcome<std::uint64_t> remove_matching(std::string_view name, const metadata_filter& filter) override {
    return with<std::uint64_t>(name, [&](auto& c) { return c.remove_matching(filter); });
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
  template <class T, class F> outcome<T> with(std::string_view name, F f) const {
    const auto c = shelf_of(name);
    if (!c)
      return stored::no_collection(name);
    return f(*c);
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
