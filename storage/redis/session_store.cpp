// A small pool of connections, and the port over it.
#include "storage/redis/session_store.hpp"

#include "protocol/base/logging.hpp"
#include "storage/codec/keys.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace fm::redis {
namespace {
constexpr std::size_t stamp_bytes = 20;
constexpr std::int64_t grace_ms = 60'000;
constexpr std::size_t scan_step = 1'000;

// ARGV: now, then per script. A value lives when its stamp is 0 or later than now.
constexpr const char* lives = "local function lives(v) if not v or #v < 20 then return false end "
                              "local e = tonumber(string.sub(v, 1, 20)); return e == 0 or e > tonumber(ARGV[1]) end ";
constexpr const char* absent_script = "if lives(redis.call('GET', KEYS[1])) then return 0 end "
                                      "if ARGV[3] == '' then redis.call('SET', KEYS[1], ARGV[2]) else redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3]) end return 1";
constexpr const char* remove_script = "local v = redis.call('GET', KEYS[1]) redis.call('DEL', KEYS[1]) if lives(v) then return 1 end return 0";
constexpr const char* expire_script = "local v = redis.call('GET', KEYS[1]) if not lives(v) then return 0 end v = ARGV[2] .. string.sub(v, 21) "
                                      "if ARGV[3] == '' then redis.call('SET', KEYS[1], v) else redis.call('SET', KEYS[1], v, 'PX', ARGV[3]) end return 1";
constexpr const char* sweep_script = "local v = redis.call('GET', KEYS[1]) if v and not lives(v) then redis.call('DEL', KEYS[1]) return 1 end return 0";

class pool {
public:
  explicit pool(options o) : options_(std::move(o)) {}

  /// Runs the commands on some connection; tries once more on a fresh one when an idle one had died.
  outcome<std::vector<answer>> run(const std::vector<std::vector<std::string>>& commands, bool repeatable) {
    for (int attempt = 0;; ++attempt) {
      auto c = take();
      if (!c)
        return c.error();
      const bool fresh = c->second;
      auto answers = c->first->run(commands);
      give(std::move(c->first));
      if (answers || fresh || !repeatable || attempt > 0)
        return answers;
    }
  }

private:
  using held = std::pair<std::unique_ptr<connection>, bool>; ///< second: just opened
  outcome<held> take() {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_for(lock, options_.timeout, [&] { return !idle_.empty() || open_ < options_.connections; }))
      return make_unavailable("All connections to Redis are busy; please try again.");
    if (!idle_.empty()) {
      auto c = std::move(idle_.back());
      idle_.pop_back();
      return held{std::move(c), false};
    }
    ++open_;
    lock.unlock();
    auto c = dial();
    if (!c) {
      lock.lock();
      --open_;
      changed_.notify_one();
      return c.error();
    }
    return held{std::move(*c), true};
  }
  void give(std::unique_ptr<connection> c) {
    std::lock_guard lock{mutex_};
    if (c->broken()) {
      open_ -= 1 + idle_.size(); // the idle ones are most likely dead as well
      idle_.clear();
    } else {
      idle_.push_back(std::move(c));
    }
    changed_.notify_one();
  }
  outcome<std::unique_ptr<connection>> dial() {
    if (options_.sentinels.empty())
      return connection::open(options_, options_.host, options_.port, true);
    failure last = make_unavailable("No Sentinel of Redis answers.");
    for (auto& address : options_.sentinels) {
      const auto colon = address.rfind(':');
      auto plain = options_;
      plain.tls = false;
      auto sentinel = connection::open(plain, address.substr(0, colon),
                                       colon == std::string::npos ? 26'379 : static_cast<std::uint16_t>(std::strtoul(address.c_str() + colon + 1, nullptr, 10)), false);
      if (!sentinel) {
        last = sentinel.error();
        continue;
      }
      auto a = (*sentinel)->run_one({"SENTINEL", "get-master-addr-by-name", options_.sentinel_master});
      if (!a || a->list.size() != 2) {
        last = a ? make_unavailable("The Sentinel at " + address + " knows no master named " + options_.sentinel_master + ".") : a.error();
        continue;
      }
      return connection::open(options_, a->list[0].text, static_cast<std::uint16_t>(std::strtoul(a->list[1].text.c_str(), nullptr, 10)), true);
    }
    return last;
  }

  options options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<connection>> idle_;
  std::size_t open_ = 0;
};

class redis_session_store final : public session_store {
public:
  redis_session_store(const options& o, clock_ptr clock) : prefix_(o.prefix), clock_(std::move(clock)), pool_(o) {}

  outcome<done_t> ping() {
    auto a = pool_.run({{"PING"}}, true);
    if (!a)
      return a.error();
    return a->front().what == answer::kind::error ? outcome<done_t>{make_unavailable("Redis refuses us: " + a->front().text + ".")} : outcome<done_t>{done};
  }

  outcome<done_t> set(std::string_view key, std::string_view value, ttl life) override {
    if (auto f = stored::refusal_of(key, value))
      return *f;
    const auto [stamp, px] = end_of(life);
    std::vector<std::string> command{"SET", name(key), stamp + std::string{value}};
    if (!px.empty()) {
      command.emplace_back("PX");
      command.push_back(px);
    }
    auto a = one(std::move(command), true);
    if (!a)
      return a.error();
    return done;
  }
  outcome<bool> set_if_absent(std::string_view key, std::string_view value, ttl life) override {
    if (auto f = stored::refusal_of(key, value))
      return *f;
    const auto [stamp, px] = end_of(life);
    return script(absent_script, key, {stamp + std::string{value}, px}, false);
  }
  outcome<std::optional<std::string>> get(std::string_view key) const override {
    auto a = one({"GET", name(key)}, true);
    if (!a)
      return a.error();
    if (a->what != answer::kind::text || !alive(a->text))
      return std::optional<std::string>{};
    return std::optional{a->text.substr(stamp_bytes)};
  }
  outcome<std::optional<ttl>> time_left(std::string_view key) const override {
    auto a = one({"GETRANGE", name(key), "0", "19"}, true);
    if (!a)
      return a.error();
    if (a->what != answer::kind::text || !alive(a->text))
      return std::optional<ttl>{};
    const auto end = std::strtoll(a->text.c_str(), nullptr, 10);
    return std::optional{stored::time_left(clock_->now(), end == 0 ? std::nullopt : std::optional<std::int64_t>{end})};
  }
  outcome<bool> remove(std::string_view key) override { return script(remove_script, key, {}, false); }
  outcome<bool> exists(std::string_view key) const override {
    auto a = one({"GETRANGE", name(key), "0", "19"}, true);
    if (!a)
      return a.error();
    return a->what == answer::kind::text && alive(a->text);
  }
  outcome<bool> expire(std::string_view key, ttl life) override {
    const auto [stamp, px] = end_of(life);
    return script(expire_script, key, {stamp, px}, true);
  }
  outcome<std::vector<std::string>> keys(std::string_view pattern, std::size_t limit) const override {
    auto found = scan(pattern);
    if (!found)
      return found.error();
    std::vector<std::string> out;
    for (std::size_t at = 0; at < found->size() && out.size() < limit; at += scan_step) {
      std::vector<std::vector<std::string>> ask;
      for (auto i = at; i < std::min(found->size(), at + scan_step); ++i)
        ask.push_back({"GETRANGE", prefix_ + (*found)[i], "0", "19"});
      auto a = pool_.run(ask, true);
      if (!a)
        return a.error();
      for (std::size_t i = 0; i < a->size() && out.size() < limit; ++i)
        if (alive((*a)[i].text))
          out.push_back((*found)[at + i]);
    }
    return out;
  }
  outcome<std::uint64_t> sweep() override {
    auto found = scan("*");
    if (!found)
      return found.error();
    std::uint64_t gone = 0;
    for (auto& key : *found) {
      auto r = script(sweep_script, key, {}, true);
      if (!r)
        return r.error();
      gone += *r;
    }
    return gone;
  }

private:
  std::string name(std::string_view key) const { return prefix_ + std::string{key}; }
  std::int64_t now() const { return clock_->now().time_since_epoch().count(); }
  bool alive(std::string_view value) const {
    if (value.size() < stamp_bytes)
      return false;
    const auto end = std::strtoll(std::string{value.substr(0, stamp_bytes)}.c_str(), nullptr, 10);
    return end == 0 || end > now();
  }
  /// The stamp, and how long Redis keeps it ("" = for ever).
  std::pair<std::string, std::string> end_of(ttl life) const {
    const auto end = stored::end_of_life(clock_->now(), life);
    const auto ms = end ? std::min<std::int64_t>(std::max<std::int64_t>(*end, 1), 9'000'000'000'000'000) : 0; // exact in Lua's numbers
    char stamp[32];
    std::snprintf(stamp, sizeof stamp, "%020lld", static_cast<long long>(ms));
    const auto left = ms - now();
    return {stamp, ms == 0 ? std::string{} : std::to_string(std::clamp<std::int64_t>(left, 0, 4'000'000'000'000) + grace_ms)};
  }
  outcome<answer> one(std::vector<std::string> command, bool repeatable) const {
    auto all = pool_.run({std::move(command)}, repeatable);
    if (!all)
      return all.error();
    if (all->front().what == answer::kind::error)
      return make_unavailable("Redis refused a command: " + all->front().text + ".");
    return std::move(all->front());
  }
  outcome<bool> script(const char* text, std::string_view key, std::vector<std::string> more, bool repeatable) const {
    std::vector<std::string> command{"EVAL", std::string{lives} + text, "1", name(key), std::to_string(now())};
    command.insert(command.end(), more.begin(), more.end());
    auto a = one(std::move(command), repeatable);
    if (!a)
      return a.error();
    return a->number == 1;
  }
  /// Keys that match, without the prefix, in order; living or not.
  outcome<std::vector<std::string>> scan(std::string_view pattern) const {
    std::string match;
    for (const char c : prefix_ + std::string{pattern}) {
      if (c == '?' || c == '[' || c == ']' || c == '\\')
        match += '\\';
      match += c;
    }
    std::vector<std::string> out;
    std::string cursor = "0";
    do {
      auto a = one({"SCAN", cursor, "MATCH", match, "COUNT", std::to_string(scan_step)}, true);
      if (!a)
        return a.error();
      if (a->list.size() != 2)
        return make_unavailable("Redis does not speak its protocol.");
      cursor = a->list[0].text;
      for (auto& k : a->list[1].list)
        out.push_back(k.text.substr(prefix_.size()));
    } while (cursor != "0");
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

  std::string prefix_;
  clock_ptr clock_;
  mutable pool pool_;
};
} // namespace

outcome<session_store_ptr> open_session_store(const options& o, clock_ptr clock) {
  auto store = std::make_shared<redis_session_store>(o, std::move(clock));
  if (auto p = store->ping(); !p)
    return p.error();
  return session_store_ptr{std::move(store)};
}

} // namespace fm::redis
