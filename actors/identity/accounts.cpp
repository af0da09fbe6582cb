// Check, hash, store.
#include "actors/identity/accounts.hpp"

#include "actors/identity/passwords.hpp"
#include "actors/identity/rules.hpp"
#include "protocol/base/text.hpp"

namespace fm::identity {

outcome<user> add_account(user_store& users, const new_account& account, password_cost cost,
                          const clock_source& clock, random_source& random) {
  const auto email = ascii_lower(trimmed(account.email));
  for (auto checked :
       {check_username(account.username), check_email(email), check_display_name(account.display_name)})
    if (!checked)
      return checked.error();
  user_record record;
  if (account.password_needed) {
    if (auto checked = check_password(account.password, account.username, email); !checked)
      return checked.error();
    auto hash = hash_password(account.password, cost);
    if (!hash)
      return hash.error();
    record.password_hash = std::move(*hash);
  }
  auto& person = record.person;
  person.id = user_id{random_id(random, "user_")};
  person.username = account.username;
  person.email = email;
  person.display_name = account.display_name.empty() ? account.username : account.display_name;
  person.roles = account.roles;
  person.created_at = person.updated_at = clock.now();
  if (auto stored = users.create(record); !stored)
    return stored.error();
  return person;
}

outcome<user> change_password(user_store& users, std::string_view username_or_email,
                              std::string_view password, password_cost cost, const clock_source& clock) {
  auto record = users.find(username_or_email);
  if (!record)
    return record.error();
  if (auto checked = check_password(password, record->person.username, record->person.email); !checked)
    return checked.error();
  auto hash = hash_password(password, cost);
  if (!hash)
    return hash.error();
  record->password_hash = std::move(*hash);
  record->person.updated_at = clock.now();
  record->person.last_password_change_at = record->person.updated_at;
  if (auto stored = users.update(*record); !stored)
    return stored.error();
  return record->person;
}

outcome<std::vector<user>> list_accounts(const user_store& users, std::size_t most) {
  constexpr std::size_t page_size = 200;
  std::vector<user> all;
  while (all.size() < most) {
    auto page = users.list(all.size(), std::min(page_size, most - all.size()));
    if (!page)
      return page.error();
    if (page->users.empty())
      break;
    for (auto& person : page->users)
      all.push_back(std::move(person));
  }
  return all;
}

} // namespace fm::identity
