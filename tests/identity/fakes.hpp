// Stores, a clock and an executor for the identity tests: in memory, stricter than the real ones, and able to
// fail.
#pragma once

#include "actors/identity/identity.hpp"
#include "protocol/base/text.hpp"

#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace fm::identity_testing {

struct manual_clock final : clock_source {
  timestamp at{std::chrono::milliseconds{1'800'000'000'000}};
  timestamp now() const override { return at; }
  void advance(std::chrono::milliseconds by) { at += by; }
};

struct memory_users final : user_store {
  std::map<std::string, user_record> by_id;
  bool down = false;

  static failure lost() { return make_unavailable("The user store is down."); }
  outcome<done_t> create(const user_record& r) override {
    if (down)
      return lost();
    for (auto& [id, other] : by_id) {
      const char* field = ascii_lower(other.person.username) == ascii_lower(r.person.username) ? "username"
                          : !r.person.email.empty() && other.person.email == r.person.email    ? "email"
                                                                                               : nullptr;
      if (field) {
        auto f = make_conflict("ALREADY_EXISTS", "That name is taken.");
        f.with_fact("field", field);
        return f;
      }
    }
    by_id[r.person.id.value] = r;
    return done;
  }
  outcome<done_t> update(const user_record& r) override {
    if (down)
      return lost();
    if (!by_id.contains(r.person.id.value))
      return make_failure(errc::not_found, "There is no such user.");
    by_id[r.person.id.value] = r;
    return done;
  }
  outcome<user_record> get(const user_id& id) const override {
    if (down)
      return lost();
    const auto found = by_id.find(id.value);
    if (found == by_id.end())
      return make_failure(errc::not_found, "There is no such user.");
    return found->second;
  }
  outcome<user_record> find(std::string_view name) const override {
    if (down)
      return lost();
    for (auto& [id, r] : by_id)
      if (ascii_lower(r.person.username) == ascii_lower(name) ||
          (!r.person.email.empty() && r.person.email == ascii_lower(name)))
        return r;
    return make_failure(errc::not_found, "There is no such user.");
  }
  outcome<user_page> list(std::size_t offset, std::size_t limit) const override {
    user_page page;
    page.total = by_id.size();
    std::size_t i = 0;
    for (auto& [id, r] : by_id)
      if (i++ >= offset && page.users.size() < limit)
        page.users.push_back(r.person);
    return page;
  }
};

struct memory_sessions final : session_store {
  struct value {
    std::string text;
    std::optional<timestamp> expires;
  };
  explicit memory_sessions(std::shared_ptr<manual_clock> c) : clock(std::move(c)) {}
  std::shared_ptr<manual_clock> clock;
  mutable std::map<std::string, value, std::less<>> values;
  mutable std::size_t reads = 0;
  std::size_t writes = 0;
  std::size_t writes_until_failure = ~std::size_t{0}; ///< the write after that many, and all later ones, fail
  bool down = false;
  mutable std::function<void()> after_get; ///< runs once, between a read and its reader's next step

  static failure lost() { return make_unavailable("The session store is down."); }
  bool write_fails() { return down || writes++ >= writes_until_failure; }
  value* live(std::string_view key) const {
    const auto found = values.find(key);
    if (found == values.end())
      return nullptr;
    if (found->second.expires && *found->second.expires <= clock->now()) {
      values.erase(found);
      return nullptr;
    }
    return &found->second;
  }
  std::optional<timestamp> end_of(ttl life) const {
    return life ? std::optional{clock->now() + *life} : std::nullopt;
  }
  outcome<done_t> set(std::string_view key, std::string_view text, ttl life) override {
    if (write_fails())
      return lost();
    if (key.size() > 512 || text.size() > (1U << 20))
      return make_failure(errc::too_large, "Too large.");
    values[std::string{key}] = {std::string{text}, end_of(life)};
    return done;
  }
  outcome<bool> set_if_absent(std::string_view key, std::string_view text, ttl life) override {
    if (write_fails())
      return lost();
    if (live(key))
      return false;
    values[std::string{key}] = {std::string{text}, end_of(life)};
    return true;
  }
  outcome<std::optional<std::string>> get(std::string_view key) const override {
    ++reads;
    if (down)
      return lost();
    std::optional<std::string> found;
    if (auto* v = live(key))
      found = v->text;
    if (auto hook = std::exchange(after_get, {}))
      hook();
    return found;
  }
  outcome<std::optional<ttl>> time_left(std::string_view key) const override {
    const auto* v = live(key);
    if (!v)
      return std::optional<ttl>{};
    return std::optional<ttl>{v->expires ? ttl{*v->expires - clock->now()} : ttl{}};
  }
  outcome<bool> remove(std::string_view key) override {
    if (write_fails())
      return lost();
    const bool was = live(key) != nullptr;
    if (was)
      values.erase(values.find(key));
    return was;
  }
  outcome<bool> exists(std::string_view key) const override { return live(key) != nullptr; }
  outcome<bool> expire(std::string_view key, ttl life) override {
    auto* v = live(key);
    if (v)
      v->expires = end_of(life);
    return v != nullptr;
  }
  outcome<std::vector<std::string>> keys(std::string_view pattern, std::size_t limit) const override {
    if (down)
      return lost();
    std::vector<std::string> out;
    const auto star = pattern.find('*'); // only "prefix*" is asked for
    std::vector<std::string> all;
    for (auto& [key, v] : values)
      all.push_back(key);
    for (auto& key : all)
      if (key.starts_with(pattern.substr(0, star)) && live(key) && out.size() < limit)
        out.push_back(key);
    return out;
  }
  outcome<std::uint64_t> sweep() override {
    const auto before = values.size();
    std::vector<std::string> all;
    for (auto& [key, v] : values)
      all.push_back(key);
    for (auto& key : all)
      (void)live(key);
    return before - values.size();
  }
};

/// Runs at once, or is full, or keeps the work until told to run it.
struct test_offload final : offload {
  bool full = false, hold = false;
  std::vector<std::function<void()>> held;
  bool submit(std::function<void()> work) override {
    if (full)
      return false;
    if (hold)
      held.push_back(std::move(work));
    else
      work();
    return true;
  }
  void stop() override {}
  void run_held() {
    auto now = std::move(held);
    held.clear();
    for (auto& work : now)
      work();
  }
};

} // namespace fm::identity_testing
