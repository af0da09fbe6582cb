// Teams over a real server: routes, refusals in the one shape, and what outsiders see.
#include "tests/http/rest_fixture.hpp"

namespace fm::http {
namespace {
using teams_test = rest_test;

TEST_F(teams_test, ATeamIsMadeChangedLeftAndRemoved) {
  const auto made = post("/api/v1/teams", R"({"name":"Night watch","description":"Who is awake."})");
  ASSERT_EQ(made.status, 201) << made.body;
  const auto id = made.parsed()["team_id"].text();
  const auto path = "/api/v1/teams/" + id;
  EXPECT_EQ(made.header("location"), path);
  EXPECT_EQ(made.header("etag"), "\"1\"");
  EXPECT_EQ(made.parsed()["role"].text(), "owner");
  for (const char* method : {"GET", "PATCH", "DELETE"})
    EXPECT_EQ(call(method, path, "{}", {}, ben).status, 404) << method;
  EXPECT_EQ(call("GET", path + "/members", {}, {}, ben).status, 404);
  EXPECT_EQ(call("POST", path + "/members", R"({"username":"ada"})", {}, ben).status, 404);
  const auto added = post(path + "/members", R"({"username":"ben"})");
  ASSERT_EQ(added.status, 201) << added.body;
  EXPECT_EQ(post(path + "/members", R"({"username":"ben"})").header("x-error-code"), "ALREADY_EXISTS");
  EXPECT_EQ(post(path + "/members", R"({"username":"nobody"})").status, 404);
  EXPECT_EQ(post(path + "/members", R"({})").status, 422);
  EXPECT_EQ(post(path + "/members", R"({"username":"ben","role":"king"})").status, 422);
  EXPECT_EQ(call("GET", path, {}, {}, ben).parsed()["role"].text(), "member");
  EXPECT_EQ(call("PATCH", path, R"({"name":"x"})", {}, ben).status, 403);
  const auto members = get(path + "/members?limit=1").parsed();
  EXPECT_EQ(members["total_count"].whole(), 2U);
  ASSERT_EQ(members["members"].items().size(), 1U);
  EXPECT_EQ(members["members"].items()[0]["username"].text(), "ada");
  EXPECT_EQ(call("PATCH", path, R"({"name":"Day watch","expected_version":1})").status, 409);
  EXPECT_EQ(call("PATCH", path, R"({"name":"Day watch"})", {{"If-Match", "\"2\""}}).parsed()["name"].text(), "Day watch");
  EXPECT_EQ(get("/api/v1/teams").parsed()["teams"].items()[0]["name"].text(), "Day watch");
  const auto bens = added.parsed()["members"].items()[1]["user_id"].text();
  EXPECT_EQ(call("PATCH", path + "/members/" + bens, R"({"role":"admin"})").status, 200);
  EXPECT_EQ(call("PATCH", path + "/members/" + bens, R"({})").status, 422);
  EXPECT_EQ(call("DELETE", path + "/members/" + bens, {}, {}, ben).status, 204);
  EXPECT_EQ(call("GET", path, {}, {}, ben).status, 404) << "gone at once";
  EXPECT_EQ(call("DELETE", path).status, 204);
  EXPECT_EQ(get(path).status, 404);
  EXPECT_EQ(get("/api/v1/teams").parsed()["total_count"].whole(), 0U);
}

TEST_F(teams_test, AdministratorsSeeEveryTeamAndOthersMayNotAsk) {
  ASSERT_EQ(post("/api/v1/teams", R"({"name":"A"})").status, 201);
  const auto root = sign_in_as("root", user_role::admin);
  EXPECT_EQ(call("GET", "/api/v1/teams?all=true", {}, {}, root).parsed()["total_count"].whole(), 1U);
  EXPECT_EQ(call("GET", "/api/v1/teams", {}, {}, root).parsed()["total_count"].whole(), 0U) << "in none herself";
  EXPECT_EQ(get("/api/v1/teams?all=true").status, 403);
  EXPECT_EQ(post("/api/v1/teams", R"({"name":""})").status, 422);
  EXPECT_EQ(post("/api/v1/teams", R"({"name":1})").status, 422);
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(post("/api/v1/teams", R"({"name":"B"})").status, 201);
  EXPECT_EQ(post("/api/v1/teams", R"({"name":"C"})").status, 413) << "three teams a person";
}
} // namespace
} // namespace fm::http
