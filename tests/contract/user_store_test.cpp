// The contract of user_store.
#include "tests/contract/backends.hpp"

namespace fm::contract {
namespace {

class user_store_contract : public on_every_backend {
protected:
  user_store& users() { return *b.storage.users; }
  static user_record person(const std::string& name, const std::string& email = {}) {
    user_record r;
    r.person.id = user_id{"user_" + name};
    r.person.username = name;
    r.person.email = email;
    r.person.display_name = "The one called " + name;
    r.person.roles = {user_role::user, user_role::analyst};
    r.person.created_at = r.person.updated_at = at_ms(static_cast<std::int64_t>(name.size()));
    r.password_hash = "$argon2id$" + name;
    return r;
  }
};
INSTANTIATE_TEST_SUITE_P(backends, user_store_contract, ::testing::Values("inmemory", "sqlite", "postgres"), backend_name);

TEST_P(user_store_contract, AUserIsReadBackWhole) {
  auto ada = person("Ada", "ada@example.org");
  ada.person.last_login_at = at_ms(77);
  ada.person.deleted_at = at_ms(78);
  ASSERT_TRUE(users().create(ada));
  if (b.durable())
    b.reopen();
  EXPECT_EQ(users().get(ada.person.id).value(), ada);
  EXPECT_EQ(users().find("ADA").value(), ada);
  EXPECT_EQ(users().find("Ada@Example.org").value(), ada);
  EXPECT_EQ(users().find("bob").error().code, errc::not_found);
  EXPECT_EQ(users().find("").error().code, errc::not_found);
  EXPECT_EQ(users().get(user_id{"user_bob"}).error().code, errc::not_found);
}

TEST_P(user_store_contract, NamesAndAddressesAreTakenWithoutRegardToCase) {
  ASSERT_TRUE(users().create(person("ada", "ada@example.org")));
  auto twin = person("ADA");
  auto f = users().create(twin).error();
  EXPECT_EQ(f.code, errc::conflict);
  EXPECT_EQ(f.reason, "ALREADY_EXISTS");
  EXPECT_EQ(f.facts.at("field"), "username");
  f = users().create(person("bob", "ADA@example.org")).error();
  EXPECT_EQ(f.facts.at("field"), "email");
  EXPECT_EQ(users().list(0, 10)->total, 1U);
  auto same_id = person("carol");
  same_id.person.id = user_id{"user_ada"};
  EXPECT_EQ(users().create(same_id).error().code, errc::conflict);
}

TEST_P(user_store_contract, UsersWithoutAnAddressDoNotCollide) {
  EXPECT_TRUE(users().create(person("ada")));
  EXPECT_TRUE(users().create(person("bob")));
}

TEST_P(user_store_contract, AnUpdateReplacesAndKeepsTheRules) {
  auto ada = person("ada", "ada@example.org"), bob = person("bob", "bob@example.org");
  ASSERT_TRUE(users().create(ada));
  ASSERT_TRUE(users().create(bob));
  bob.person.email = "ada@example.org";
  EXPECT_EQ(users().update(bob).error().facts.at("field"), "email");
  EXPECT_EQ(users().get(bob.person.id)->person.email, "bob@example.org");
  bob.person.email.clear();
  bob.person.username = "Robert";
  ASSERT_TRUE(users().update(bob));
  EXPECT_EQ(users().find("robert").value(), bob);
  EXPECT_EQ(users().find("bob").error().code, errc::not_found);
  EXPECT_EQ(users().find("bob@example.org").error().code, errc::not_found);
  EXPECT_EQ(users().update(person("nobody")).error().code, errc::not_found);
}

TEST_P(user_store_contract, TheListIsInOrderOfCreationAndPaged) {
  for (auto* name : {"dddd", "a", "ccc", "bb"})
    ASSERT_TRUE(users().create(person(name)));
  const auto all = users().list(0, 10).value();
  ASSERT_EQ(all.users.size(), 4U);
  EXPECT_EQ(all.users[0].username, "a");
  EXPECT_EQ(all.users[3].username, "dddd");
  const auto page = users().list(1, 2).value();
  ASSERT_EQ(page.users.size(), 2U);
  EXPECT_EQ(page.total, 4U);
  EXPECT_EQ(page.users[0].username, "bb");
  EXPECT_TRUE(users().list(99, 2)->users.empty());
}

} // namespace
} // namespace fm::contract
