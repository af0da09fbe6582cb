// One row a user; the keys that must be unique are columns, the rest is the stored record.
#include "storage/postgres/user_store.hpp"

#include "protocol/base/text.hpp"
#include "storage/codec/codec.hpp"
#include "storage/postgres/migrations.hpp"
#include "storage/postgres/pool.hpp"

#include <algorithm>

namespace fm::postgres {
namespace {
class postgres_user_store final : public user_store {
public:
  explicit postgres_user_store(const options& o) : pool_(o, o.host, true, std::max<std::size_t>(o.connections / 2, 1)) {
    auto c = pool_.borrow();
    migrate_up(*c, o.schema, migrations().back().number);
  }

  outcome<done_t> create(const user_record& record) override {
    return write(record, "INSERT INTO users (user_id, username_key, email_key, created_at, record) "
                         "VALUES ($1::text, $2::text, $3::text, $4::timestamptz, $5::text::jsonb)");
  }
  outcome<done_t> update(const user_record& record) override {
    return write(record, "UPDATE users SET username_key = $2::text, email_key = $3::text, created_at = $4::timestamptz, "
                         "record = $5::text::jsonb WHERE user_id = $1::text");
  }

  outcome<user_record> get(const user_id& id) const override {
    return guarded([&]() -> outcome<user_record> {
      return pool_.repeatable([&](connection& c) {
        return one(c.run_one("SELECT record::text FROM users WHERE user_id = $1::text", values{}.text(without_nul(id.value))));
      });
    });
  }

  outcome<user_record> find(std::string_view name) const override {
    const auto key = without_nul(ascii_lower(name));
    if (key.empty())
      return no_such_user();
    return guarded([&]() -> outcome<user_record> {
      return pool_.repeatable([&](connection& c) {
        return one(c.run_one("SELECT record::text FROM users WHERE username_key = $1::text OR email_key = $1::text "
                             "ORDER BY username_key = $1::text DESC LIMIT 1",
                             values{}.text(key)));
      });
    });
  }

  outcome<user_page> list(std::size_t offset, std::size_t limit) const override {
    return guarded([&]() -> outcome<user_page> {
      return pool_.repeatable([&](connection& c) -> outcome<user_page> {
        const std::vector<statement> both{
            {"SELECT count(*) FROM users", {}},
            {"SELECT record::text FROM users ORDER BY created_at, user_id LIMIT $1::int8 OFFSET $2::int8",
             values{}
                 .integer(static_cast<std::int64_t>(std::min<std::size_t>(limit, 1'000)))
                 .integer(static_cast<std::int64_t>(std::min<std::size_t>(offset, 1U << 30)))}};
        const auto answers = c.run(both);
        user_page page;
        page.total = static_cast<std::uint64_t>(answers[0].integer(0, 0));
        for (int i = 0; i < answers[1].size(); ++i) {
          auto u = stored::decode_user(answers[1].text(i, 0));
          if (!u)
            return u.error();
          page.users.push_back(std::move(u->person));
        }
        return page;
      });
    });
  }

private:
  static failure no_such_user() { return make_failure(errc::not_found, "There is no such user."); }
  static outcome<user_record> one(const rows& r) {
    if (r.empty())
      return no_such_user();
    return stored::decode_user(r.text(0, 0));
  }

  /// A connection that dies under a write is not tried again: who repeats a creation would be told the name is taken.
  outcome<done_t> write(const user_record& record, std::string_view sql) {
    const auto& p = record.person;
    values v;
    v.text(without_nul(p.id.value)).text(without_nul(ascii_lower(p.username)));
    p.email.empty() ? v.null() : v.text(without_nul(ascii_lower(p.email)));
    v.time(p.created_at).text(json_without_nul(stored::encode(record)));
    try {
      auto c = pool_.borrow();
      if (c->run_one(sql, std::move(v)).touched() == 0)
        return no_such_user();
      return done;
    } catch (const error& e) {
      if (!is_unique_violation(e))
        return to_failure(e);
      const char* field = e.message.find("username") != std::string::npos ? "username" : e.message.find("email") != std::string::npos ? "email" : "id";
      auto f = make_conflict("ALREADY_EXISTS", std::string{"This "} + field + " is taken.");
      f.with_fact("field", field);
      return f;
    }
  }

  template <class F>
  static auto guarded(F f) -> decltype(f()) {
    try {
      return f();
    } catch (const error& e) {
      return to_failure(e);
    }
  }

  mutable pool pool_;
};
} // namespace

outcome<user_store_ptr> open_user_store(const options& o) {
  try {
    return std::make_shared<postgres_user_store>(o);
  } catch (const error& e) {
    auto f = to_failure(e);
    f.code = errc::unavailable;
    f.detail = "PostgreSQL at " + o.host + ": " + f.detail;
    return f;
  }
}

} // namespace fm::postgres
