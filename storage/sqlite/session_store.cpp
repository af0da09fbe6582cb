// A key, a value, a time to die.
#include "storage/sqlite/session_store.hpp"

#include "storage/codec/keys.hpp"
#include "storage/sqlite/migrations.hpp"

#include <algorithm>
#include <mutex>

namespace fm::sqlite {
namespace {
class sqlite_session_store final : public session_store {
public:
  sqlite_session_store(const open_options& options, clock_ptr clock) : c_(options), clock_(std::move(clock)) {
    migrate(c_, session_migrations());
  }

  outcome<done_t> set(std::string_view key, std::string_view value, ttl life) override {
    return guarded([&]() -> outcome<done_t> {
      if (auto f = stored::refusal_of(key, value))
        return *f;
      auto s = c_.prepare("INSERT INTO kv (key, value, expires_at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET "
                          "value = excluded.value, expires_at = excluded.expires_at");
      s.bind(1, key).bind_blob(2, value.empty() ? "" : value.data(), value.size());
      bind_expiry(s, 3, life);
      s.run();
      return done;
    });
  }

  outcome<bool> set_if_absent(std::string_view key, std::string_view value, ttl life) override {
    return guarded([&]() -> outcome<bool> {
      if (auto f = stored::refusal_of(key, value))
        return *f;
      auto s = c_.prepare("INSERT INTO kv (key, value, expires_at) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET "
                          "value = excluded.value, expires_at = excluded.expires_at WHERE kv.expires_at <= ?4");
      s.bind(1, key).bind_blob(2, value.empty() ? "" : value.data(), value.size());
      bind_expiry(s, 3, life);
      s.bind(4, now()).run();
      return c_.changes() > 0;
    });
  }

  outcome<std::optional<std::string>> get(std::string_view key) const override {
    return guarded([&]() -> outcome<std::optional<std::string>> {
      auto s = c_.prepare("SELECT value FROM kv WHERE key = ? AND (expires_at IS NULL OR expires_at > ?)");
      if (!s.bind(1, key).bind(2, now()).step())
        return std::optional<std::string>{};
      return std::optional{std::string{s.blob(0)}};
    });
  }

  outcome<std::optional<ttl>> time_left(std::string_view key) const override {
    return guarded([&]() -> outcome<std::optional<ttl>> {
      auto s = c_.prepare("SELECT expires_at FROM kv WHERE key = ? AND (expires_at IS NULL OR expires_at > ?)");
      if (!s.bind(1, key).bind(2, now()).step())
        return std::optional<ttl>{};
      return std::optional{stored::time_left(clock_->now(), s.is_null(0) ? std::nullopt : std::optional{s.integer(0)})};
    });
  }

  outcome<bool> remove(std::string_view key) override {
    return guarded([&]() -> outcome<bool> {
      c_.prepare("DELETE FROM kv WHERE key = ? AND expires_at <= ?").bind(1, key).bind(2, now()).run();
      c_.prepare("DELETE FROM kv WHERE key = ?").bind(1, key).run();
      return c_.changes() > 0;
    });
  }

  outcome<bool> exists(std::string_view key) const override {
    return guarded([&]() -> outcome<bool> {
      auto s = c_.prepare("SELECT 1 FROM kv WHERE key = ? AND (expires_at IS NULL OR expires_at > ?)");
      return s.bind(1, key).bind(2, now()).step();
    });
  }

  outcome<bool> expire(std::string_view key, ttl life) override {
    return guarded([&]() -> outcome<bool> {
      auto s = c_.prepare("UPDATE kv SET expires_at = ?2 WHERE key = ?1 AND (expires_at IS NULL OR expires_at > ?3)");
      s.bind(1, key);
      bind_expiry(s, 2, life);
      s.bind(3, now()).run();
      return c_.changes() > 0;
    });
  }

  outcome<std::vector<std::string>> keys(std::string_view pattern, std::size_t limit) const override {
    return guarded([&]() -> outcome<std::vector<std::string>> {
      // SQLite's GLOB knows ? and [ as well; here only '*' is special.
      std::string glob;
      for (char c : pattern) {
        if (c == '?' || c == '[')
          (glob += '[') += c, glob += ']';
        else
          glob += c;
      }
      // The literal beginning bounds the search on the primary key.
      const std::string prefix{pattern.substr(0, pattern.find('*'))};
      const auto upper = prefix + "\xff";
      std::vector<std::string> found;
      auto s = c_.prepare("SELECT key FROM kv WHERE key >= ?1 AND key < ?2 AND key GLOB ?3 AND "
                          "(expires_at IS NULL OR expires_at > ?4) ORDER BY key LIMIT ?5");
      s.bind(1, prefix).bind(2, upper).bind(3, glob).bind(4, now()).bind(5, static_cast<std::int64_t>(std::min<std::size_t>(limit, 1U << 30)));
      while (s.step())
        found.push_back(s.string(0));
      return found;
    });
  }

  outcome<std::uint64_t> sweep() override {
    return guarded([&]() -> outcome<std::uint64_t> {
      c_.prepare("DELETE FROM kv WHERE expires_at <= ?").bind(1, now()).run();
      return static_cast<std::uint64_t>(c_.changes());
    });
  }

private:
  std::int64_t now() const { return clock_->now().time_since_epoch().count(); }
  void bind_expiry(statement& s, int at, ttl life) const {
    const auto end = stored::end_of_life(clock_->now(), life);
    end ? s.bind(at, *end) : s.bind_null(at);
  }
  template <class F>
  auto guarded(F f) const -> decltype(f()) {
    std::lock_guard lock{mutex_};
    try {
      return f();
    } catch (const error& e) {
      return to_failure(e);
    }
  }

  mutable std::mutex mutex_;
  mutable connection c_;
  clock_ptr clock_;
};
} // namespace

outcome<session_store_ptr> open_session_store(const open_options& options, clock_ptr clock) {
  try {
    return std::make_shared<sqlite_session_store>(options, std::move(clock));
  } catch (const error& e) {
    return cannot_open(options, e);
  }
}

} // namespace fm::sqlite
