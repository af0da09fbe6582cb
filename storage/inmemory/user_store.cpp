// One map; uniqueness is looked for, not indexed: this backend holds the users of a development machine.
#include "storage/inmemory/user_store.hpp"

#include "protocol/base/text.hpp"

#include <algorithm>
#include <map>
#include <mutex>

namespace fm::inmemory {
namespace {
failure no_such_user() { return make_failure(errc::not_found, "There is no such user."); }

class memory_user_store final : public user_store {
public:
  outcome<done_t> create(const user_record& record) override {
    std::lock_guard lock{mutex_};
    if (users_.contains(record.person.id))
      return taken("id");
    if (auto f = conflict(record))
      return *f;
    users_.emplace(record.person.id, record);
    return done;
  }
  outcome<done_t> update(const user_record& record) override {
    std::lock_guard lock{mutex_};
    const auto found = users_.find(record.person.id);
    if (found == users_.end())
      return no_such_user();
    if (auto f = conflict(record))
      return *f;
    found->second = record;
    return done;
  }
  outcome<user_record> get(const user_id& id) const override {
    std::lock_guard lock{mutex_};
    const auto found = users_.find(id);
    if (found == users_.end())
      return no_such_user();
    return found->second;
  }
  outcome<user_record> find(std::string_view name) const override {
    const auto key = ascii_lower(name);
    std::lock_guard lock{mutex_};
    const user_record* by_email = nullptr;
    if (!key.empty())
      for (auto& [id, r] : users_) {
        if (ascii_lower(r.person.username) == key)
          return r;
        if (ascii_lower(r.person.email) == key)
          by_email = &r;
      }
    if (by_email)
      return *by_email;
    return no_such_user();
  }
  outcome<user_page> list(std::size_t offset, std::size_t limit) const override {
    std::lock_guard lock{mutex_};
    std::vector<const user*> all;
    for (auto& [id, r] : users_)
      all.push_back(&r.person);
    std::sort(all.begin(), all.end(), [](auto* a, auto* b) {
      return std::tie(a->created_at, a->id) < std::tie(b->created_at, b->id);
    });
    user_page page;
    page.total = all.size();
    limit = std::min<std::size_t>(limit, 1'000);
    for (auto i = std::min(offset, all.size()); i < all.size() && page.users.size() < limit; ++i)
      page.users.push_back(*all[i]);
    return page;
  }

private:
  static failure taken(const char* field) {
    auto f = make_conflict("ALREADY_EXISTS", std::string{"This "} + field + " is taken.");
    f.with_fact("field", field);
    return f;
  }
  std::optional<failure> conflict(const user_record& record) const {
    const auto name = ascii_lower(record.person.username), email = ascii_lower(record.person.email);
    for (auto& [id, r] : users_)
      if (id != record.person.id && ascii_lower(r.person.username) == name)
        return taken("username");
    for (auto& [id, r] : users_)
      if (id != record.person.id && !email.empty() && ascii_lower(r.person.email) == email)
        return taken("email");
    return std::nullopt;
  }

  mutable std::mutex mutex_;
  std::map<user_id, user_record> users_;
};
} // namespace

user_store_ptr make_user_store() { return std::make_shared<memory_user_store>(); }

} // namespace fm::inmemory
