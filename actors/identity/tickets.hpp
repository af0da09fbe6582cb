// What the identity actor keeps in memory: tickets, accepted tokens, and what was revoked a moment ago. Each
// is bounded, knows no actor and is told the time.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/messages/identity_actor.hpp"

#include <algorithm>
#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

namespace fm::identity {

/// One-use tickets by the hash of their text. All live equally long, so the oldest is always the first to go.
class ticket_table {
public:
  ticket_table(std::chrono::milliseconds life, std::size_t most) : life_(life), most_(most) {}

  /// False when `most` are waiting already.
  bool add(std::string hash, authenticated who, timestamp now) {
    drop_expired(now);
    if (by_hash_.size() >= most_)
      return false;
    oldest_first_.push_back({hash, std::move(who), now + life_});
    by_hash_.insert_or_assign(std::move(hash), std::prev(oldest_first_.end()));
    return true;
  }
  /// The ticket's owner; the ticket is gone afterwards.
  std::optional<authenticated> take(const std::string& hash, timestamp now) {
    drop_expired(now);
    const auto found = by_hash_.find(hash);
    if (found == by_hash_.end())
      return std::nullopt;
    auto who = std::move(found->second->who);
    oldest_first_.erase(found->second);
    by_hash_.erase(found);
    return who;
  }
  /// Forgets tickets of revoked tokens or of a person.
  template <class Predicate> void drop_if(Predicate gone) {
    for (auto at = oldest_first_.begin(); at != oldest_first_.end();)
      if (gone(at->who)) {
        by_hash_.erase(at->hash);
        at = oldest_first_.erase(at);
      } else {
        ++at;
      }
  }
  std::size_t size() const noexcept { return by_hash_.size(); }

private:
  struct ticket {
    std::string hash;
    authenticated who;
    timestamp expires{};
  };
  void drop_expired(timestamp now) {
    while (!oldest_first_.empty() && oldest_first_.front().expires <= now) {
      by_hash_.erase(oldest_first_.front().hash);
      oldest_first_.pop_front();
    }
  }
  std::chrono::milliseconds life_;
  std::size_t most_;
  std::list<ticket> oldest_first_;
  std::unordered_map<std::string, std::list<ticket>::iterator> by_hash_;
};

/// Accepted tokens by their hash; the least recently used gives way.
class token_cache {
public:
  struct entry {
    authenticated who;
    timestamp expires{};
    timestamp checked{};         ///< when the stores were asked
    timestamp session_touched{}; ///< when the session was last slid
  };
  token_cache(std::size_t most, std::chrono::milliseconds life) : most_(most), life_(life) {}

  /// Good, and checked recently enough; otherwise the stores must be asked.
  entry* find(const std::string& hash, timestamp now) {
    const auto found = by_hash_.find(hash);
    if (found == by_hash_.end())
      return nullptr;
    auto& kept = found->second->second;
    if (kept.expires <= now || now - kept.checked >= life_) {
      drop(hash);
      return nullptr;
    }
    recent_first_.splice(recent_first_.begin(), recent_first_, found->second);
    return &kept;
  }
  void put(const std::string& hash, entry value) {
    drop(hash);
    recent_first_.emplace_front(hash, std::move(value));
    by_hash_.emplace(hash, recent_first_.begin());
    while (by_hash_.size() > most_) {
      by_hash_.erase(recent_first_.back().first);
      recent_first_.pop_back();
    }
  }
  void drop(const std::string& hash) {
    if (const auto found = by_hash_.find(hash); found != by_hash_.end()) {
      recent_first_.erase(found->second);
      by_hash_.erase(found);
    }
  }
  void drop_user(const user_id& id) {
    for (auto at = recent_first_.begin(); at != recent_first_.end();)
      if (at->second.who.who.user == id) {
        by_hash_.erase(at->first);
        at = recent_first_.erase(at);
      } else {
        ++at;
      }
  }
  std::size_t size() const noexcept { return by_hash_.size(); }

private:
  using list = std::list<std::pair<std::string, entry>>;
  std::size_t most_;
  std::chrono::milliseconds life_;
  list recent_first_;
  std::unordered_map<std::string, list::iterator> by_hash_;
};

/// The last `most` names put in: what a check that is under way must not bring back.
class recent_names {
public:
  explicit recent_names(std::size_t most) : most_(most) {}
  void add(const std::string& name) {
    if (index_.contains(name))
      return;
    order_.push_back(name);
    index_.emplace(name, std::prev(order_.end()));
    if (order_.size() > most_) {
      index_.erase(order_.front());
      order_.pop_front();
    }
  }
  void remove(const std::string& name) {
    if (const auto found = index_.find(name); found != index_.end()) {
      order_.erase(found->second);
      index_.erase(found);
    }
  }
  bool contains(const std::string& name) const { return index_.contains(name); }

private:
  std::size_t most_;
  std::list<std::string> order_;
  std::unordered_map<std::string, std::list<std::string>::iterator> index_;
};

} // namespace fm::identity
