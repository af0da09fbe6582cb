// A map, and the order in which its entries came.
#include "storage/inmemory/embedding_cache.hpp"

#include <deque>
#include <mutex>
#include <unordered_map>

namespace fm::inmemory {
namespace {
class memory_cache final : public embedding_cache {
public:
  explicit memory_cache(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  outcome<std::vector<std::vector<float>>> get(std::span<const std::string> keys) override {
    std::vector<std::vector<float>> out(keys.size());
    std::lock_guard lock{mutex_};
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (const auto found = vectors_.find(keys[i]); found != vectors_.end())
        out[i] = found->second;
    return out;
  }

  outcome<done_t> put(std::span<const cached_embedding> entries) override {
    std::lock_guard lock{mutex_};
    for (auto& e : entries) {
      if (!vectors_.emplace(e.key, e.vector).second)
        continue;
      order_.push_back(e.key);
      bytes_ += e.vector.size() * sizeof(float);
    }
    while (bytes_ > bytes_max_ && !order_.empty()) {
      const auto oldest = vectors_.find(order_.front());
      bytes_ -= oldest->second.size() * sizeof(float);
      vectors_.erase(oldest);
      order_.pop_front();
    }
    return done;
  }

  outcome<std::uint64_t> size() override {
    std::lock_guard lock{mutex_};
    return vectors_.size();
  }

private:
  std::uint64_t bytes_max_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<float>> vectors_;
  std::deque<std::string> order_;
  std::uint64_t bytes_ = 0;
};
} // namespace

embedding_cache_ptr make_embedding_cache(std::uint64_t bytes_max) { return std::make_shared<memory_cache>(bytes_max); }

} // namespace fm::inmemory
