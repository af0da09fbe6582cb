// One ordered map of whole blobs, shared so that readers need no lock while they copy.
#include "storage/inmemory/blob_store.hpp"

#include "protocol/base/sha256.hpp"
#include "storage/codec/blobs.hpp"

#include <map>
#include <mutex>

namespace fm::inmemory {
namespace {
struct shelf {
  struct blob {
    blob_info info;
    std::shared_ptr<const std::string> bytes;
  };
  std::mutex mutex;
  std::map<std::string, blob, std::less<>> blobs;
  std::map<std::string, std::chrono::days> rules; ///< prefix to age
  clock_ptr clock;
};

class memory_writer final : public blob_writer {
public:
  memory_writer(std::shared_ptr<shelf> s, std::string key, std::string type) : shelf_(std::move(s)) {
    info_.key = std::move(key);
    info_.content_type = std::move(type);
  }
  outcome<done_t> write(std::string_view bytes) override {
    bytes_.append(bytes);
    return done;
  }
  outcome<blob_info> finish() override {
    info_.size = bytes_.size();
    info_.sha256 = to_hex(sha256(bytes_));
    info_.stored_at = shelf_->clock->now();
    std::lock_guard lock{shelf_->mutex};
    shelf_->blobs.insert_or_assign(info_.key, shelf::blob{info_, std::make_shared<const std::string>(std::move(bytes_))});
    return info_;
  }

private:
  std::shared_ptr<shelf> shelf_;
  blob_info info_;
  std::string bytes_;
};

class memory_blob_store final : public blob_store {
public:
  explicit memory_blob_store(clock_ptr clock) : shelf_(std::make_shared<shelf>()) { shelf_->clock = std::move(clock); }

  outcome<std::unique_ptr<blob_writer>> put(std::string_view key, std::string_view type) override {
    if (auto f = stored::refusal_of_blob_key(key))
      return *f;
    return std::unique_ptr<blob_writer>{
        std::make_unique<memory_writer>(shelf_, std::string{key}, type.empty() ? "application/octet-stream" : std::string{type})};
  }
  outcome<std::string> read(std::string_view key, std::uint64_t offset, std::uint64_t length) const override {
    std::shared_ptr<const std::string> bytes;
    {
      std::lock_guard lock{shelf_->mutex};
      const auto found = shelf_->blobs.find(key);
      if (found == shelf_->blobs.end())
        return stored::no_blob(key);
      bytes = found->second.bytes;
    }
    if (offset > bytes->size())
      return stored::beyond_the_end(key, bytes->size());
    return bytes->substr(offset, length);
  }
  outcome<blob_info> stat(std::string_view key) const override {
    std::lock_guard lock{shelf_->mutex};
    const auto found = shelf_->blobs.find(key);
    if (found == shelf_->blobs.end())
      return stored::no_blob(key);
    return found->second.info;
  }
  outcome<bool> remove(std::string_view key) override {
    std::lock_guard lock{shelf_->mutex};
    const auto found = shelf_->blobs.find(key);
    if (found == shelf_->blobs.end())
      return false;
    shelf_->blobs.erase(found);
    return true;
  }
  outcome<blob_page> list(std::string_view prefix, std::string_view after, std::size_t limit) const override {
    blob_page out;
    std::lock_guard lock{shelf_->mutex};
    for (auto at = after < prefix ? shelf_->blobs.lower_bound(prefix) : shelf_->blobs.upper_bound(after);
         at != shelf_->blobs.end() && at->first.starts_with(prefix); ++at) {
      if (out.blobs.size() >= limit) {
        out.more = true;
        break;
      }
      out.blobs.push_back(at->second.info);
    }
    return out;
  }
  outcome<done_t> set_lifecycle(std::string_view prefix, std::optional<std::chrono::days> age) override {
    std::lock_guard lock{shelf_->mutex};
    if (age)
      shelf_->rules[std::string{prefix}] = *age;
    else
      shelf_->rules.erase(std::string{prefix});
    return done;
  }
  outcome<std::uint64_t> sweep() override {
    std::lock_guard lock{shelf_->mutex};
    const auto now = shelf_->clock->now();
    return std::erase_if(shelf_->blobs, [&](auto& b) {
      for (auto& [prefix, age] : shelf_->rules)
        if (b.first.starts_with(prefix) && now - b.second.info.stored_at > age)
          return true;
      return false;
    });
  }
  outcome<done_t> ping() const override { return done; }

private:
  std::shared_ptr<shelf> shelf_;
};
} // namespace

blob_store_ptr make_blob_store(clock_ptr clock) { return std::make_shared<memory_blob_store>(std::move(clock)); }

} // namespace fm::inmemory
