// One ordered map, so that a key's literal beginning bounds a glob.
#include "storage/inmemory/session_store.hpp"

#include "storage/codec/keys.hpp"

#include <map>
#include <mutex>

namespace fm::inmemory {
namespace {
class memory_session_store final : public session_store {
public:
  explicit memory_session_store(clock_ptr clock) : clock_(std::move(clock)) {}

  outcome<done_t> set(std::string_view key, std::string_view value, ttl life) override {
    if (auto f = stored::refusal_of(key, value))
      return *f;
    std::lock_guard lock{mutex_};
    put(key, value, life);
    return done;
  }
  outcome<bool> set_if_absent(std::string_view key, std::string_view value, ttl life) override {
    if (auto f = stored::refusal_of(key, value))
      return *f;
    std::lock_guard lock{mutex_};
    if (live(key))
      return false;
    put(key, value, life);
    return true;
  }
  outcome<std::optional<std::string>> get(std::string_view key) const override {
    std::lock_guard lock{mutex_};
    const auto* e = live(key);
    return e ? std::optional{e->value} : std::nullopt;
  }
  outcome<std::optional<ttl>> time_left(std::string_view key) const override {
    std::lock_guard lock{mutex_};
    const auto* e = live(key);
    if (!e)
      return std::optional<ttl>{};
    return std::optional{stored::time_left(clock_->now(), e->end)};
  }
  outcome<bool> remove(std::string_view key) override {
    std::lock_guard lock{mutex_};
    const bool there = live(key) != nullptr;
    if (const auto found = entries_.find(key); found != entries_.end())
      entries_.erase(found);
    return there;
  }
  outcome<bool> exists(std::string_view key) const override {
    std::lock_guard lock{mutex_};
    return live(key) != nullptr;
  }
  outcome<bool> expire(std::string_view key, ttl life) override {
    std::lock_guard lock{mutex_};
    if (!live(key))
      return false;
    entries_.find(key)->second.end = stored::end_of_life(clock_->now(), life);
    return true;
  }
  outcome<std::vector<std::string>> keys(std::string_view pattern, std::size_t limit) const override {
    const auto prefix = pattern.substr(0, pattern.find('*'));
    std::vector<std::string> found;
    std::lock_guard lock{mutex_};
    for (auto at = entries_.lower_bound(prefix);
         at != entries_.end() && found.size() < limit && std::string_view{at->first}.starts_with(prefix); ++at)
      if (is_live(at->second) && stored::glob_matches(pattern, at->first))
        found.push_back(at->first);
    return found;
  }
  outcome<std::uint64_t> sweep() override {
    std::lock_guard lock{mutex_};
    return static_cast<std::uint64_t>(std::erase_if(entries_, [&](auto& e) { return !is_live(e.second); }));
  }

private:
  struct entry {
    std::string value;
    std::optional<std::int64_t> end;
  };
  bool is_live(const entry& e) const { return !e.end || *e.end > clock_->now().time_since_epoch().count(); }
  const entry* live(std::string_view key) const {
    const auto found = entries_.find(key);
    return found != entries_.end() && is_live(found->second) ? &found->second : nullptr;
  }
  void put(std::string_view key, std::string_view value, ttl life) {
    entries_.insert_or_assign(std::string{key},
                              entry{std::string{value}, stored::end_of_life(clock_->now(), life)});
  }

  mutable std::mutex mutex_;
  std::map<std::string, entry, std::less<>> entries_;
  clock_ptr clock_;
};
} // namespace

session_store_ptr make_session_store(clock_ptr clock) { return std::make_shared<memory_session_store>(std::move(clock)); }

} // namespace fm::inmemory
