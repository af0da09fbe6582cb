// One row a user; the keys that must be unique are columns, the rest is the stored record.
#include "storage/sqlite/user_store.hpp"

#include "protocol/base/text.hpp"
#include "storage/codec/codec.hpp"
#include "storage/sqlite/migrations.hpp"

#include <algorithm>
#include <mutex>

namespace fm::sqlite {
namespace {
class sqlite_user_store final : public user_store {
public:
  explicit sqlite_user_store(const open_options& options) : c_(options) { migrate(c_, case_migrations()); }

  outcome<done_t> create(const user_record& record) override {
    return guarded([&]() -> outcome<done_t> {
      transaction t{c_};
      if (auto f = taken(record, false))
        return *f;
      auto s = c_.prepare("INSERT INTO users (user_id, username_key, email_key, created_at, record) VALUES (?, ?, ?, ?, ?)");
      const auto encoded = stored::encode(record), name = ascii_lower(record.person.username),
                 email = ascii_lower(record.person.email);
      s.bind(1, record.person.id.value).bind(2, name);
      email.empty() ? s.bind_null(3) : s.bind(3, email);
      s.bind(4, record.person.created_at.time_since_epoch().count()).bind(5, encoded).run();
      t.commit();
      return done;
    });
  }

  outcome<done_t> update(const user_record& record) override {
    return guarded([&]() -> outcome<done_t> {
      transaction t{c_};
      if (auto f = taken(record, true))
        return *f;
      auto s = c_.prepare("UPDATE users SET username_key = ?, email_key = ?, record = ? WHERE user_id = ?");
      const auto encoded = stored::encode(record), name = ascii_lower(record.person.username),
                 email = ascii_lower(record.person.email);
      s.bind(1, name);
      email.empty() ? s.bind_null(2) : s.bind(2, email);
      s.bind(3, encoded).bind(4, record.person.id.value).run();
      if (c_.changes() == 0)
        return no_such_user();
      t.commit();
      return done;
    });
  }

  outcome<user_record> get(const user_id& id) const override {
    return guarded([&]() -> outcome<user_record> {
      auto s = c_.prepare("SELECT record FROM users WHERE user_id = ?");
      if (!s.bind(1, id.value).step())
        return no_such_user();
      return stored::decode_user(s.text(0));
    });
  }

  outcome<user_record> find(std::string_view name) const override {
    return guarded([&]() -> outcome<user_record> {
      const auto key = ascii_lower(name);
      auto s = c_.prepare("SELECT record FROM users WHERE username_key = ?1 OR email_key = ?1 "
                          "ORDER BY username_key = ?1 DESC LIMIT 1");
      if (key.empty() || !s.bind(1, key).step())
        return no_such_user();
      return stored::decode_user(s.text(0));
    });
  }

  outcome<user_page> list(std::size_t offset, std::size_t limit) const override {
    return guarded([&]() -> outcome<user_page> {
      user_page page;
      {
        auto s = c_.prepare("SELECT count(*) FROM users");
        s.step();
        page.total = static_cast<std::uint64_t>(s.integer(0));
      }
      auto s = c_.prepare("SELECT record FROM users ORDER BY created_at, user_id LIMIT ? OFFSET ?");
      s.bind(1, static_cast<std::int64_t>(std::min<std::size_t>(limit, 1'000))).bind(2, static_cast<std::int64_t>(std::min<std::size_t>(offset, 1U << 30)));
      while (s.step()) {
        auto u = stored::decode_user(s.text(0));
        if (!u)
          return u.error();
        page.users.push_back(std::move(u->person));
      }
      return page;
    });
  }

private:
  static failure no_such_user() { return make_failure(errc::not_found, "There is no such user."); }

  std::optional<failure> taken(const user_record& r, bool known) {
    const auto check = [&](const char* sql, const std::string& key, const char* field) -> std::optional<failure> {
      auto s = c_.prepare(sql);
      if (key.empty() || !s.bind(1, key).step() || (known && s.text(0) == r.person.id.value))
        return std::nullopt;
      auto f = make_conflict("ALREADY_EXISTS", std::string{"This "} + field + " is taken.");
      f.with_fact("field", field);
      return f;
    };
    if (auto f = check("SELECT user_id FROM users WHERE username_key = ?", ascii_lower(r.person.username), "username"))
      return f;
    if (!known)
      if (auto f = check("SELECT user_id FROM users WHERE user_id = ?", r.person.id.value, "id"))
        return f;
    return check("SELECT user_id FROM users WHERE email_key = ?", ascii_lower(r.person.email), "email");
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
};
} // namespace

outcome<user_store_ptr> open_user_store(const open_options& options) {
  try {
    return std::make_shared<sqlite_user_store>(options);
  } catch (const error& e) {
    return cannot_open(options, e);
  }
}

} // namespace fm::sqlite
