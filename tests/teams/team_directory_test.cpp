// Teams: who may do what, on every blob store, and that a restart keeps it.
#include "actors/teams/team_directory.hpp"
#include "http/client/curl_client.hpp"
#include "storage/ports/blob_io.hpp"
#include "tests/contract/backends.hpp"

#include <gtest/gtest.h>

namespace fm {
namespace {
principal person(const std::string& name, user_role role = user_role::user) { return {user_id{"user_" + name}, name, {role}}; }

struct teams_test : testing::TestWithParam<const char*> {
  void SetUp() override {
    if (std::string{"s3"} == GetParam() && std::getenv("FM_TEST_S3") == nullptr)
      GTEST_SKIP() << "no server for s3";
    auto s = all_in_memory();
    s.blobs = GetParam();
    s.users = "sqlite";
    s.data_directory = dir.path + "/data";
    s.http = make_curl_client({});
    s.clock = clock;
    if (s.blobs == "s3") {
      s.s3.endpoint = std::getenv("FM_TEST_S3");
      s.s3.access_key = std::getenv("FM_TEST_S3_ACCESS_KEY");
      s.s3.secret_key = std::getenv("FM_TEST_S3_SECRET");
      s.s3.bucket = std::getenv("FM_TEST_S3_BUCKET");
      s.s3.prefix = dir.path.substr(1) + "/";
    }
    auto opened = open_storage(s);
    ASSERT_TRUE(opened) << opened.error().detail;
    storage = std::move(*opened);
    for (const char* name : {"ada", "ben", "cleo", "dan"}) {
      user_record r;
      r.person.id = user_id{std::string{"user_"} + name};
      r.person.username = name;
      ASSERT_TRUE(storage.users->create(r));
    }
    restart();
  }
  /// A new directory over the same stores.
  void restart() {
    book = std::make_unique<team_directory>(team_limits{3, 2, 3}, team_directory_deps{storage.blobs, storage.users, clock, random});
    auto n = book->load();
    ASSERT_TRUE(n) << n.error().detail;
  }
  team_id founded(const principal& who, const std::string& name = "Night watch") {
    auto t = book->create(who, {name, "Who is awake."});
    EXPECT_TRUE(t) << (t ? "" : t.error().detail);
    return t ? t->id : team_id{};
  }
  contract::scratch_directory dir;
  std::shared_ptr<contract::turned_clock> clock = std::make_shared<contract::turned_clock>();
  random_ptr random = seeded_random(3);
  opened_storage storage;
  std::unique_ptr<team_directory> book;
  const principal ada = person("ada"), ben = person("ben"), cleo = person("cleo"), root = person("root", user_role::admin);
};
INSTANTIATE_TEST_SUITE_P(blobs, teams_test, testing::Values("inmemory", "filesystem", "s3"));

TEST_P(teams_test, ATeamIsReadBackWholeAfterARestart) {
  const auto id = founded(ada);
  ASSERT_TRUE(book->add_member(ada, id, "ben", team_role::admin));
  ASSERT_TRUE(book->add_member(ben, id, "user_cleo", team_role::member)) << "an admin adds members, by id as well";
  const auto before = book->read(ada, id).value();
  restart();
  EXPECT_TRUE(book->whole());
  EXPECT_EQ(book->read(ada, id).value(), before);
  EXPECT_EQ(before.version, 3U);
  EXPECT_EQ(before.role_of(ben.user), team_role::admin);
  EXPECT_EQ(book->teams_of(cleo.user), std::vector{id});
  EXPECT_TRUE(book->teams_of(root.user).empty());
}

TEST_P(teams_test, OutsidersLearnNothing) {
  const auto id = founded(ada);
  for (const auto& f : {book->read(ben, id).error(), book->change(ben, id, {"x", {}}, {}).error(), book->remove(ben, id).error(),
                        book->add_member(ben, id, "cleo", team_role::member).error(), book->change_member(ben, id, ada.user, team_role::member).error(),
                        book->remove_member(ben, id, ada.user).error(), book->read(ben, team_id{"team_000000000000"}).error()}) {
    EXPECT_EQ(f.code, errc::not_found);
    EXPECT_EQ(f.detail, no_such_team().detail) << "the same for a team that is not there";
  }
  EXPECT_EQ(book->list(ben, false, 10, 0)->total, 0U);
  EXPECT_EQ(book->list(ben, true, 10, 0).error().code, errc::forbidden);
  EXPECT_EQ(book->list(root, true, 10, 0)->total, 1U);
  EXPECT_TRUE(book->read(root, id)) << "administrators may";
}

TEST_P(teams_test, MembersReadAndOwnersAndAdminsManage) {
  const auto id = founded(ada);
  ASSERT_TRUE(book->add_member(ada, id, "ben", team_role::member));
  EXPECT_TRUE(book->read(ben, id));
  EXPECT_EQ(book->change(ben, id, {"x", {}}, {}).error().code, errc::forbidden);
  EXPECT_EQ(book->add_member(ben, id, "cleo", team_role::member).error().code, errc::forbidden);
  EXPECT_EQ(book->remove(ben, id).error().code, errc::forbidden);
  EXPECT_EQ(book->remove_member(ben, id, ada.user).error().code, errc::forbidden);
  ASSERT_TRUE(book->change_member(ada, id, ben.user, team_role::admin));
  EXPECT_EQ(book->change(ben, id, {"Day watch", {}}, {})->name, "Day watch");
  EXPECT_EQ(book->add_member(ben, id, "cleo", team_role::admin).error().code, errc::forbidden) << "admins make no admins";
  ASSERT_TRUE(book->add_member(ben, id, "cleo", team_role::member));
  EXPECT_EQ(book->change_member(ben, id, cleo.user, team_role::admin).error().code, errc::forbidden);
  EXPECT_EQ(book->remove(ben, id).error().code, errc::forbidden);
  EXPECT_TRUE(book->remove_member(cleo, id, cleo.user)) << "everybody may leave";
  EXPECT_EQ(book->read(cleo, id).error().code, errc::not_found);
}

TEST_P(teams_test, ATeamHasExactlyOneOwner) {
  const auto id = founded(ada);
  ASSERT_TRUE(book->add_member(ada, id, "ben", team_role::member));
  EXPECT_EQ(book->remove_member(ada, id, ada.user).error().reason, "INVALID_TRANSITION");
  EXPECT_EQ(book->change_member(ada, id, ada.user, team_role::member).error().reason, "INVALID_TRANSITION");
  EXPECT_EQ(book->add_member(ada, id, "cleo", team_role::owner).error().code, errc::invalid);
  const auto handed = book->change_member(ada, id, ben.user, team_role::owner).value();
  EXPECT_EQ(handed.role_of(ada.user), team_role::admin);
  EXPECT_EQ(handed.role_of(ben.user), team_role::owner);
  EXPECT_EQ(book->remove(ada, id).error().code, errc::forbidden);
  EXPECT_TRUE(book->remove(ben, id));
  EXPECT_EQ(book->read(ben, id).error().code, errc::not_found);
  restart();
  EXPECT_FALSE(book->exists(id));
}

TEST_P(teams_test, WhatIsWrongOrTooMuchIsRefusedAndChangesNothing) {
  EXPECT_EQ(book->create(ada, {" ", {}}).error().facts.at("field"), "name");
  EXPECT_EQ(book->create(ada, {std::string(101, 'x'), {}}).error().code, errc::invalid);
  EXPECT_EQ(book->create(ada, {"ok", std::string(2'001, 'x')}).error().facts.at("field"), "description");
  const auto id = founded(ada);
  EXPECT_EQ(book->change(ada, id, {"", {}}, {}).error().code, errc::invalid);
  const auto stale = book->change(ada, id, {"y", {}}, 7).error();
  EXPECT_EQ(stale.reason, "CASE_VERSION_CONFLICT");
  EXPECT_EQ(stale.facts.at("actual_version"), "1");
  EXPECT_EQ(book->add_member(ada, id, "nobody", team_role::member).error().code, errc::not_found);
  EXPECT_EQ(book->add_member(ada, id, "ada", team_role::member).error().reason, "ALREADY_EXISTS");
  EXPECT_EQ(book->change_member(ada, id, ben.user, team_role::admin).error().code, errc::not_found);
  EXPECT_EQ(book->read(ada, id)->version, 1U);
  ASSERT_TRUE(book->add_member(ada, id, "ben", team_role::member));
  ASSERT_TRUE(book->add_member(ada, id, "cleo", team_role::member));
  EXPECT_EQ(book->add_member(ada, id, "dan", team_role::member).error().code, errc::too_large) << "three members";
  founded(ada);
  EXPECT_EQ(book->create(ada, {"third", {}}).error().code, errc::too_large) << "two teams a person";
  founded(ben);
  EXPECT_EQ(book->create(cleo, {"fourth", {}}).error().code, errc::too_large) << "three teams in all";
}

TEST_P(teams_test, AStrangeRecordIsLeftOutAndSaid) {
  const auto id = founded(ada);
  ASSERT_TRUE(write_blob(*storage.blobs, "teams/team_ffffffffffff/record.json", "application/json", R"({"v":2})"));
  restart();
  EXPECT_TRUE(book->exists(id));
  EXPECT_FALSE(book->whole()) << "what is missing may be there all the same";
}
} // namespace
} // namespace fm
