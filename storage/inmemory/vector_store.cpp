// One ordered map a collection; a query looks at every vector.
#include "storage/inmemory/vector_store.hpp"

#include "storage/codec/vectors.hpp"

#include <algorithm>
#include <mutex>
#include <shared_mutex>

namespace fm::inmemory {
namespace {
class memory_vector_store final : public vector_store {
  struct collection_state {
    std::uint32_t dimension = 0;
    vector_metadata metadata;
    std::map<std::string, vector_item, std::less<>> items;
  };

public:
  outcome<done_t> create_collection(std::string_view name, std::uint32_t dimension, const vector_metadata& metadata) override {
    if (auto f = stored::refusal_of_collection(name, dimension))
      return *f;
    std::unique_lock lock{mutex_};
    const auto [at, fresh] = collections_.try_emplace(std::string{name});
    if (!fresh && at->second.dimension != dimension)
      return make_conflict("ALREADY_EXISTS", "The collection " + std::string{name} + " is there with dimension " +
                                                 std::to_string(at->second.dimension) + ".");
    if (fresh)
      at->second = {dimension, metadata, {}};
    return done;
  }
  outcome<bool> drop_collection(std::string_view name) override {
    std::unique_lock lock{mutex_};
    const auto found = collections_.find(name);
    if (found == collections_.end())
      return false;
    collections_.erase(found);
    return true;
  }
  outcome<std::vector<collection_info>> collections() const override {
    std::shared_lock lock{mutex_};
    std::vector<collection_info> out;
    for (auto& [name, c] : collections_)
      out.push_back({name, c.dimension, c.items.size(), c.metadata});
    return out;
  }
  outcome<collection_info> collection(std::string_view name) const override {
    std::shared_lock lock{mutex_};
    const auto* c = find_collection(name);
    if (!c)
      return stored::no_collection(name);
    return collection_info{std::string{name}, c->dimension, c->items.size(), c->metadata};
  }

  outcome<done_t> upsert(std::string_view name, std::span<const vector_item> items) override {
    std::unique_lock lock{mutex_};
    auto* c = find_collection(name);
    if (!c)
      return stored::no_collection(name);
    if (auto f = stored::refusal_of_items(name, c->dimension, items))
      return *f;
    for (auto& item : items)
      c->items[item.id] = item;
    return done;
  }
  outcome<std::vector<vector_hit>> query(std::string_view name, std::span<const float> embedding, std::size_t k,
                                         const metadata_filter& filter) const override {
    std::shared_lock lock{mutex_};
    const auto* c = find_collection(name);
    if (!c)
      return stored::no_collection(name);
    if (auto f = stored::refusal_of_query(name, c->dimension, embedding, k))
      return *f;
    std::vector<std::pair<double, const vector_item*>> scored;
    for (auto& [id, item] : c->items)
      if (stored::matches(item.metadata, filter))
        scored.emplace_back(stored::cosine(embedding, item.embedding), &item);
    const auto kept = std::min(k, scored.size());
    std::partial_sort(scored.begin(), scored.begin() + static_cast<std::ptrdiff_t>(kept), scored.end(),
                      [](auto& a, auto& b) { return a.first != b.first ? a.first > b.first : a.second->id < b.second->id; });
    std::vector<vector_hit> out;
    for (std::size_t i = 0; i < kept; ++i)
      out.push_back({scored[i].second->id, scored[i].first, scored[i].second->document, scored[i].second->metadata});
    return out;
  }
  outcome<std::vector<vector_item>> get(std::string_view name, std::span<const std::string> ids) const override {
    std::shared_lock lock{mutex_};
    const auto* c = find_collection(name);
    if (!c)
      return stored::no_collection(name);
    std::map<std::string_view, const vector_item*> found;
    for (auto& id : ids)
      if (const auto at = c->items.find(id); at != c->items.end())
        found[at->first] = &at->second;
    std::vector<vector_item> out;
    for (auto& [id, item] : found)
      out.push_back(*item);
    return out;
  }
  outcome<std::vector<vector_item>> find(std::string_view name, const metadata_filter& filter, std::string_view after,
                                         std::size_t limit) const override {
    std::shared_lock lock{mutex_};
    const auto* c = find_collection(name);
    if (!c)
      return stored::no_collection(name);
    std::vector<vector_item> out;
    for (auto at = c->items.upper_bound(after); at != c->items.end() && out.size() < limit; ++at)
      if (stored::matches(at->second.metadata, filter))
        out.push_back(at->second);
    return out;
  }
  outcome<std::uint64_t> remove(std::string_view name, std::span<const std::string> ids) override {
    std::unique_lock lock{mutex_};
    auto* c = find_collection(name);
    if (!c)
      return stored::no_collection(name);
    std::uint64_t gone = 0;
    for (auto& id : ids)
      gone += c->items.erase(id);
    return gone;
  }
  outcome<std::uint64_t> remove_matching(std::string_view name, const metadata_filter& filter) override {
    std::unique_lock lock{mutex_};
    auto* c = find_collection(name);
    if (!c)
      return stored::no_collection(name);
    return std::erase_if(c->items, [&](auto& item) { return stored::matches(item.second.metadata, filter); });
  }
  outcome<done_t> ping() const override { return done; }

private:
  const collection_state* find_collection(std::string_view name) const {
    const auto found = collections_.find(name);
    return found == collections_.end() ? nullptr : &found->second;
  }
  collection_state* find_collection(std::string_view name) {
    return const_cast<collection_state*>(std::as_const(*this).find_collection(name));
  }

  mutable std::shared_mutex mutex_;
  std::map<std::string, collection_state, std::less<>> collections_;
};
} // namespace

vector_store_ptr make_vector_store() { return std::make_shared<memory_vector_store>(); }

} // namespace fm::inmemory
