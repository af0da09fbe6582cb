// Asks the cache, then the model for the rest.
#include "actors/search/cached_embedder.hpp"

#include "protocol/base/logging.hpp"
#include "protocol/base/sha256.hpp"

namespace fm {
namespace {
class cached final : public embedder {
public:
  cached(embedder_ptr inner, embedding_cache_ptr cache) : inner_(std::move(inner)), cache_(std::move(cache)) {}
  std::string name() const override { return inner_->name(); }
  std::uint32_t dimension() const override { return inner_->dimension(); }

  outcome<std::vector<std::vector<float>>> embed(std::span<const std::string> texts) override {
    if (texts.size() > batch_max)
      return make_failure(errc::too_large, "At most " + std::to_string(batch_max) + " texts are embedded at once.");
    std::vector<std::string> keys, missing;
    std::vector<std::size_t> places;
    for (auto& t : texts)
      keys.push_back(key_of(t));
    auto out = known(keys);
    for (std::size_t i = 0; i < texts.size(); ++i)
      if (out[i].empty()) {
        missing.push_back(texts[i]);
        places.push_back(i);
      }
    if (missing.empty())
      return out;
    auto made = inner_->embed(missing);
    if (!made)
      return made.error();
    std::vector<cached_embedding> entries;
    for (std::size_t i = 0; i < made->size(); ++i) {
      entries.push_back({keys[places[i]], (*made)[i]});
      out[places[i]] = std::move((*made)[i]);
    }
    keep(entries);
    return out;
  }

  outcome<std::vector<float>> embed_query(const std::string& text) override {
    const std::vector<std::string> keys{key_of(text)};
    if (auto found = known(keys); !found[0].empty())
      return std::move(found[0]);
    auto made = inner_->embed_query(text);
    if (made) {
      const std::vector<cached_embedding> one{{keys[0], *made}};
      keep(one);
    }
    return made;
  }

private:
  std::string key_of(const std::string& text) const { return to_hex(sha256_framed({inner_->name(), text})); }
  std::vector<std::vector<float>> known(std::span<const std::string> keys) {
    auto found = cache_->get(keys);
    if (!found) {
      log::warn("search", "the cache of embeddings cannot be read: " + found.error().detail);
      return std::vector<std::vector<float>>(keys.size());
    }
    for (auto& v : *found)
      if (v.size() != dimension())
        v.clear();
    return std::move(*found);
  }
  void keep(std::span<const cached_embedding> entries) {
    if (auto kept = cache_->put(entries); !kept)
      log::warn("search", "the cache of embeddings cannot be written: " + kept.error().detail);
  }

  embedder_ptr inner_;
  embedding_cache_ptr cache_;
};
} // namespace

embedder_ptr make_cached_embedder(embedder_ptr inner, embedding_cache_ptr cache) { return std::make_shared<cached>(std::move(inner), std::move(cache)); }

} // namespace fm
