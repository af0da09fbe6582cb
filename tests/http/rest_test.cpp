// The REST surface over the real thing: server, handlers, actors and the in-memory stores in one process,
// spoken to over loopback. What is checked here is the contract of rest.md, answer by answer.
#include "tests/http/rest_fixture.hpp"

namespace fm::http {
namespace {

// ---- signing in
// -----------------------------------------------------------------------------------------------

TEST_F(rest_test, RegisteringGivesTokensAndAProfile) {
  const auto a = call(
      "POST", "/api/v1/auth/register",
      R"({"username":"cleo","email":"cleo@example.org","password":"correct horse battery","display_name":"Cleo"})",
      {}, "");
  ASSERT_EQ(a.status, 201) << a.body;
  const auto body = a.parsed();
  for (const auto* name : {"access_token", "refresh_token", "session_id"})
    EXPECT_FALSE(body[name].text().empty()) << name;
  EXPECT_EQ(body["token_type"].text(), "bearer");
  EXPECT_GT(body["expires_in"].whole(), 0U);
  EXPECT_EQ(body["user"]["username"].text(), "cleo");
  EXPECT_EQ(body["user"]["roles"].at(0).text(), "user");
  EXPECT_EQ(a.header("cache-control"), "no-store");
  const auto me = call("GET", "/api/v1/auth/me", {}, {}, body["access_token"].text());
  EXPECT_EQ(me.parsed()["email"].text(), "cleo@example.org");

  const auto login =
      call("POST", "/api/v1/auth/login", R"({"username":"cleo","password":"correct horse battery"})", {}, "");
  EXPECT_EQ(login.status, 200);
  const auto wrong =
      call("POST", "/api/v1/auth/login", R"({"username":"cleo","password":"wrong horse battery"})", {}, "");
  EXPECT_EQ(wrong.status, 401);
  const auto again =
      call("POST", "/api/v1/auth/register",
           R"({"username":"CLEO","email":"c2@example.org","password":"correct horse battery"})", {}, "");
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.header("x-error-code"), "ALREADY_EXISTS");
}

TEST_F(rest_test, RefreshTokenIsGoodOnceAndLogoutEndsTheToken) {
  const auto first = call("POST", "/api/v1/auth/dev-login", R"({"username":"dora"})", {}, "").parsed();
  const auto refresh = R"({"refresh_token":)" + json_quoted(first["refresh_token"].text()) + "}";
  const auto second = call("POST", "/api/v1/auth/refresh", refresh, {}, "");
  ASSERT_EQ(second.status, 200) << second.body;
  EXPECT_EQ(call("POST", "/api/v1/auth/refresh", refresh, {}, "").status, 401);
  const auto token = second.parsed()["access_token"].text();
  EXPECT_EQ(call("POST", "/api/v1/auth/logout", "", {}, token).status, 200);
  EXPECT_EQ(call("GET", "/api/v1/auth/me", {}, {}, token).status, 401);
}

TEST_F(rest_test, AuthConfigTellsWhatThereIs) {
  const auto body = call("GET", "/api/v1/auth/config", {}, {}, "").parsed();
  EXPECT_TRUE(body["dev_login"].truth());
  EXPECT_TRUE(body["registration"].truth());
}

// ---- sessions
// -------------------------------------------------------------------------------------------------

TEST_F(rest_test, SameClientResumesItsSession) {
  const auto first =
      post("/api/v1/sessions", R"({"client_id":"laptop","timeout_minutes":60,"metadata":{"os":"linux"}})");
  ASSERT_EQ(first.status, 201) << first.body;
  EXPECT_FALSE(first.parsed()["session_resumed"].truth());
  const auto id = first.parsed()["session_id"].text();
  EXPECT_EQ(first.header("location"), "/api/v1/sessions/" + id);
  const auto second = post("/api/v1/sessions", R"({"client_id":"laptop"})");
  EXPECT_TRUE(second.parsed()["session_resumed"].truth());
  EXPECT_EQ(second.parsed()["session_id"].text(), id);
  EXPECT_EQ(get("/api/v1/sessions/" + id).parsed()["metadata"]["os"].text(), "linux");
  EXPECT_EQ(post("/api/v1/sessions/" + id + "/heartbeat", "").status, 200);
  EXPECT_EQ(get("/api/v1/sessions/" + id + "/stats").parsed()["session_id"].text(), id);
  EXPECT_EQ(get("/api/v1/sessions/" + id + "/cases").parsed()["total_count"].whole(), 0U);
  EXPECT_GE(get("/api/v1/sessions").parsed()["sessions"].size(), 1U);
  EXPECT_EQ(call("GET", "/api/v1/sessions/" + id, {}, {}, ben).status, 404);
  EXPECT_EQ(call("DELETE", "/api/v1/sessions/" + id, {}, {}, ben).status, 404);
  EXPECT_EQ(call("DELETE", "/api/v1/sessions/" + id).status, 204);
  EXPECT_EQ(get("/api/v1/sessions/" + id).status, 404);
}

TEST_F(rest_test, SessionTimeoutOutsideItsBoundsIsRefused) {
  for (const auto* minutes : {"59", "481", "\"sixty\"", "60.5"}) {
    const auto a = post("/api/v1/sessions", std::string{R"({"timeout_minutes":)"} + minutes + "}");
    EXPECT_EQ(a.status, 422) << minutes;
    EXPECT_EQ(a.parsed()["errors"].at(0)["loc"].at(1).text(), "timeout_minutes");
  }
}

// ---- cases
// ----------------------------------------------------------------------------------------------------

TEST_F(rest_test, CreatedCaseAnswersWithItsSummaryTwice) {
  const auto a = post(
      "/api/v1/cases",
      R"({"title":"Disk full","priority":"high","tags":["db","disk"],"metadata":{"category":"infra"},"unknown":[1,{}]})");
  ASSERT_EQ(a.status, 201) << a.body;
  const auto body = a.parsed();
  for (const auto* where : {&body, &body["case"]}) {
    EXPECT_THAT((*where)["case_id"].text(), StartsWith("case_"));
    EXPECT_EQ((*where)["title"].text(), "Disk full");
    EXPECT_EQ((*where)["status"].text(), "consulting");
    EXPECT_EQ((*where)["priority"].text(), "high");
    EXPECT_EQ((*where)["category"].text(), "infra");
    EXPECT_EQ((*where)["tags"].at(1).text(), "disk");
    EXPECT_EQ((*where)["participant_count"].whole(), 1U);
    EXPECT_EQ((*where)["message_count"].whole(), 0U);
    EXPECT_EQ((*where)["current_turn"].whole(), 0U);
    EXPECT_EQ((*where)["owner_id"].text(), (*where)["user_id"].text());
    for (const auto* time : {"created_at", "updated_at", "last_activity_at"})
      EXPECT_THAT((*where)[time].text(), ::testing::EndsWith("Z"));
  }
  EXPECT_EQ(a.header("location"), at(body["case_id"].text()));
  EXPECT_FALSE(a.header("etag").empty());
}

TEST_F(rest_test, WrongTypesAre422WithTheField) {
  for (const auto& [body, field] : {std::pair{R"({"title":7})", "title"},
                                    {R"({"tags":"db"})", "tags"},
                                    {R"({"priority":"huge"})", "priority"},
                                    {R"({"initial_message":{}})", "initial_message"}}) {
    const auto a = post("/api/v1/cases", body);
    EXPECT_EQ(a.status, 422) << body;
    EXPECT_EQ(a.parsed()["error"]["code"].text(), "invalid");
    EXPECT_EQ(a.parsed()["errors"].at(0)["loc"].at(1).text(), field) << a.body;
    EXPECT_FALSE(a.parsed()["errors"].at(0)["msg"].text().empty());
    EXPECT_FALSE(a.parsed()["errors"].at(0)["type"].text().empty());
  }
  for (const auto* body : {"{", "[]", "7", "{\"title\":\"\xff\"}", "{\"title\":1e999}"})
    EXPECT_EQ(post("/api/v1/cases", body).status, 422) << body;
  EXPECT_EQ(post("/api/v1/cases", "<a/>", {{"Content-Type", "application/xml"}}).status, 415);
}

TEST_F(rest_test, ListFiltersPagesAndLinks) {
  for (int i = 0; i < 5; ++i)
    new_case(R"({"title":"Case )" + std::to_string(i) + R"(","priority":")" + (i % 2 ? "low" : "high") +
             R"("})");
  const auto page = get("/api/v1/cases?limit=2");
  const auto body = page.parsed();
  EXPECT_EQ(body["cases"].size(), 2U);
  EXPECT_EQ(body["total_count"].whole(), 5U);
  EXPECT_EQ(body["limit"].whole(), 2U);
  EXPECT_EQ(body["offset"].whole(), 0U);
  EXPECT_TRUE(body["has_more"].truth());
  EXPECT_EQ(page.header("x-total-count"), "5");
  EXPECT_THAT(page.header("link"), HasSubstr("rel=\"next\""));
  std::set<std::string> seen;
  for (std::string cursor, target = "/api/v1/cases?limit=2";;) {
    const auto next = get(target).parsed();
    for (auto& c : next["cases"].items())
      EXPECT_TRUE(seen.insert(c["case_id"].text()).second);
    cursor = next["next_cursor"].text();
    if (cursor.empty()) {
      EXPECT_FALSE(next["has_more"].truth());
      break;
    }
    target = "/api/v1/cases?limit=2&cursor=" + cursor;
  }
  EXPECT_EQ(seen.size(), 5U);
  EXPECT_THAT(get("/api/v1/cases?limit=1&q=Case%20%26&priority=low&offset=0").header("link") +
                  get("/api/v1/cases?limit=1&priority=low&tag=").header("link"),
              HasSubstr("priority=low&tag=&limit=1&"));
  EXPECT_EQ(get("/api/v1/cases?priority=low").parsed()["total_count"].whole(), 2U);
  EXPECT_EQ(get("/api/v1/cases?q=Case%203").parsed()["total_count"].whole(), 1U);
  EXPECT_EQ(call("GET", "/api/v1/cases", {}, {}, ben).parsed()["total_count"].whole(), 0U);
  const auto last = get("/api/v1/cases?limit=2&offset=4").parsed();
  EXPECT_EQ(last["cases"].size(), 1U);
  EXPECT_FALSE(last["has_more"].truth());
  for (const auto* bad : {"limit=0", "limit=101", "limit=x", "offset=-1", "status=sleeping", "priority=huge",
                          "sort=colour", "cursor=nonsense"})
    EXPECT_EQ(get(std::string{"/api/v1/cases?"} + bad).status, 422) << bad;
}

TEST_F(rest_test, SearchTakesTheFiltersInTheBody) {
  new_case(R"({"title":"Kafka lag"})");
  new_case(R"({"title":"Disk full"})");
  const auto body = post("/api/v1/cases/search", R"({"query":"kafka","limit":10})").parsed();
  EXPECT_EQ(body["total_count"].whole(), 1U);
  EXPECT_EQ(body["cases"].at(0)["title"].text(), "Kafka lag");
}

TEST_F(rest_test, CasesOfAUserAreForOneself) {
  new_case();
  const auto me = get("/api/v1/auth/me").parsed()["user_id"].text();
  EXPECT_EQ(get("/api/v1/cases/user/" + me).parsed()["total_count"].whole(), 1U);
  EXPECT_EQ(call("GET", "/api/v1/cases/user/" + me, {}, {}, ben).status, 404);
}

TEST_F(rest_test, UpdatesGuardTheVersion) {
  const auto id = new_case();
  const auto etag = get(at(id)).header("etag");
  const auto changed = call("PATCH", at(id), R"({"title":"New","category":"infra"})", {{"If-Match", etag}});
  ASSERT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.parsed()["title"].text(), "New");
  const auto stale = call("PUT", at(id), R"({"title":"Stale"})", {{"If-Match", etag}});
  EXPECT_EQ(stale.status, 409);
  EXPECT_EQ(stale.header("x-error-code"), "CASE_VERSION_CONFLICT");
  EXPECT_EQ("\"" + stale.header("x-expected-version") + "\"", etag);
  EXPECT_EQ("\"" + stale.header("x-actual-version") + "\"", changed.header("etag"));
  EXPECT_EQ(call("PATCH", at(id), R"({"title":"Stale","expected_version":1})").status, 409);
  EXPECT_EQ(call("PATCH", at(id), R"({"title":"X"})", {{"If-Match", "\"something else\""}}).status, 409);
  EXPECT_EQ(get(at(id)).parsed()["title"].text(), "New");
}

TEST_F(rest_test, StatusFollowsTheMachineAndUiNeverLacksANestedObject) {
  const auto id = new_case();
  auto ui = get(at(id, "/ui")).parsed();
  EXPECT_EQ(ui["status"].text(), "consulting");
  EXPECT_TRUE(ui["consulting"].is_object());
  EXPECT_TRUE(ui["consulting"].has("proposed_problem_statement"));

  const auto early = post(at(id, "/resolve"), "{}");
  EXPECT_EQ(early.status, 409);
  EXPECT_EQ(early.header("x-error-code"), "INVALID_TRANSITION");
  EXPECT_EQ(
      call(
          "PATCH", at(id),
          R"({"description":"db-1 refuses writes","proposed_problem_statement":"The disk is full","problem_statement_confirmed":true})")
          .status,
      200);
  EXPECT_EQ(post(at(id, "/status"), R"({"status":"investigating","reason":"let us look"})").status, 200);
  ui = get(at(id, "/ui")).parsed();
  EXPECT_EQ(ui["status"].text(), "investigating");
  for (const auto* name : {"progress", "investigation_strategy", "problem_verification"})
    EXPECT_TRUE(ui[name].is_object()) << name;
  for (const auto* name : {"latest_evidence", "active_hypotheses"})
    EXPECT_TRUE(ui[name].is_array()) << name;
  EXPECT_TRUE(ui.has("working_conclusion"));
  for (const auto* name : {"milestones_completed", "total_milestones", "current_stage"})
    EXPECT_TRUE(ui["progress"].has(name)) << name;

  const auto resolved = post(at(id, "/resolve"), R"({"solution_summary":"A larger disk","reason":"done"})");
  ASSERT_EQ(resolved.status, 200) << resolved.body;
  EXPECT_EQ(resolved.parsed()["status"].text(), "resolved");
  EXPECT_EQ(resolved.parsed()["closure_reason"].text(), "resolved");
  EXPECT_EQ(resolved.parsed()["solution_summary"].text(), "A larger disk");
  ui = get(at(id, "/ui")).parsed();
  for (const auto* name : {"root_cause", "solution_applied", "verification_status", "resolution_summary"})
    EXPECT_TRUE(ui[name].is_object()) << name;
  EXPECT_TRUE(ui["reports_available"].is_array());
  EXPECT_FALSE(ui["resolved_at"].text().empty());
  for (const auto* name : {"total_duration_minutes", "milestones_completed", "evidence_collected"})
    EXPECT_TRUE(ui["resolution_summary"].has(name)) << name;
  const auto over = post(at(id, "/queries"), R"({"query":"and now?"})");
  EXPECT_EQ(over.status, 409);
  EXPECT_EQ(over.header("x-error-code"), "TERMINAL_CASE");
}

TEST_F(rest_test, ClosingNeedsAKnownReason) {
  const auto id = new_case();
  EXPECT_EQ(post(at(id, "/close"), R"({"closure_reason":"boredom"})").status, 422);
  const auto closed = post(at(id, "/close"), R"({"closure_reason":"duplicate"})");
  EXPECT_EQ(closed.parsed()["status"].text(), "closed");
  EXPECT_EQ(closed.parsed()["closure_reason"].text(), "duplicate");
}

TEST_F(rest_test, DeletedCaseIsGoneUntilItsOwnerRestoresIt) {
  const auto id = new_case();
  EXPECT_EQ(call("DELETE", at(id)).status, 204);
  EXPECT_EQ(get(at(id)).status, 404);
  EXPECT_EQ(get("/api/v1/cases").parsed()["total_count"].whole(), 0U);
  EXPECT_EQ(call("POST", at(id, "/restore"), "", {}, ben).status, 404);
  EXPECT_EQ(post(at(id, "/restore"), "").status, 200);
  EXPECT_EQ(get(at(id)).status, 200);
  EXPECT_EQ(get("/api/v1/cases").parsed()["total_count"].whole(), 1U);
}

TEST_F(rest_test, TitleComesFromWhatTheCaseIsAbout) {
  const auto id = new_case("{}");
  EXPECT_EQ(post(at(id, "/title"), "").status, 422);
  post(at(id, "/queries"), R"({"query":"The database refuses writes since noon"})");
  const auto a = post(at(id, "/title"), "");
  ASSERT_EQ(a.status, 200) << a.body;
  EXPECT_THAT(a.parsed()["title"].text(), HasSubstr("database"));
  EXPECT_FALSE(a.header("x-title-source").empty());
  EXPECT_FALSE(a.parsed()["schema_version"].text().empty());
}

TEST_F(rest_test, CasesAreResumedFromSessions) {
  const auto id = new_case();
  EXPECT_EQ(post("/api/v1/cases/resume", R"({"session_id":"s","case_id":)" + json_quoted(id) + "}")
                .parsed()["case_id"]
                .text(),
            id);
  EXPECT_EQ(post("/api/v1/cases/sessions/s/resume/" + id, "").status, 200);
  EXPECT_EQ(post("/api/v1/cases/sessions/s/case", R"({"title":"From a session"})").status, 201);
  EXPECT_EQ(post("/api/v1/cases/resume", "{}").status, 422);
  EXPECT_EQ(call("POST", "/api/v1/cases/sessions/s/resume/" + id, "", {}, ben).status, 404);
}

// ---- the conversation
// -----------------------------------------------------------------------------------------

TEST_F(rest_test, QueryIsAnsweredWithBothShapesInOneObject) {
  const auto id = new_case();
  const auto a = post(at(id, "/queries"), R"({"query":"Why does db-1 refuse writes?","session_id":"s-1"})");
  ASSERT_EQ(a.status, 201) << a.body;
  const auto body = a.parsed();
  EXPECT_EQ(body["schema_version"].text(), "3.1.0");
  EXPECT_EQ(body["content"].text(), "The disk of db-1 is full.");
  EXPECT_EQ(body["agent_response"].text(), body["content"].text());
  EXPECT_EQ(body["case_id"].text(), id);
  EXPECT_EQ(body["session_id"].text(), "s-1");
  EXPECT_EQ(body["turn_number"].whole(), 1U);
  EXPECT_EQ(body["case_status"].text(), "consulting");
  EXPECT_FALSE(body["turn_id"].text().empty());
  for (const auto* name :
       {"response_type", "confidence_score", "progress_made", "is_stuck", "next_action_hint"})
    EXPECT_TRUE(body.has(name)) << name;
  for (const auto* name : {"sources", "evidence_requests", "suggested_actions", "milestones_completed"})
    EXPECT_TRUE(body[name].is_array()) << name;
  EXPECT_TRUE(body["view_state"].is_object());
  EXPECT_EQ(a.header("location"), at(id, "/queries/" + body["turn_id"].text()));

  const auto messages = get(at(id, "/messages"));
  EXPECT_EQ(messages.header("x-message-count"), "2");
  EXPECT_EQ(messages.header("x-retrieved-count"), "2");
  EXPECT_FALSE(messages.header("x-storage-status").empty());
  const auto list = messages.parsed();
  EXPECT_EQ(list["total_count"].whole(), 2U);
  EXPECT_EQ(list["retrieved_count"].whole(), 2U);
  EXPECT_FALSE(list["has_more"].truth());
  EXPECT_EQ(list["messages"].at(0)["role"].text(), "user");
  EXPECT_EQ(list["messages"].at(0)["author_name"].text(), "ada");
  EXPECT_EQ(list["messages"].at(1)["role"].text(), "assistant");
  EXPECT_EQ(get(at(id)).parsed()["message_count"].whole(), 2U);
}

TEST_F(rest_test, MessageInsteadOfQueryIs200AndSoIsThePreference) {
  const auto id = new_case();
  EXPECT_EQ(post(at(id, "/queries"), R"({"message":"hello"})").status, 200);
  EXPECT_EQ(post(at(id, "/queries"), R"({"query":"hello"})", {{"Prefer", "status=200"}}).status, 200);
  EXPECT_EQ(post(at(id, "/queries"), "{}").status, 422);
  EXPECT_EQ(post(at(id, "/queries"), R"({"query":"   "})").status, 422);
}

TEST_F(rest_test, AsynchronousQueryIsPolledToItsEnd) {
  const auto id = new_case();
  model->silent = true;
  const auto a = post(at(id, "/queries"), R"({"query":"Why?"})", {{"Prefer", "respond-async"}});
  ASSERT_EQ(a.status, 202) << a.body;
  const auto where = a.header("location");
  EXPECT_EQ(where, at(id, "/queries/" + a.parsed()["turn_id"].text()));
  EXPECT_FALSE(a.header("retry-after").empty());
  auto poll = get(where).parsed();
  EXPECT_THAT((std::vector<std::string>{"pending", "running"}), Contains(poll["status"].text()));
  EXPECT_TRUE(poll["response"].is_null());
  EXPECT_TRUE(poll.has("progress_percentage"));
  model->speak();
  for (int i = 0; i < 500 && poll["status"].text() != "completed"; ++i)
    poll = get(where).parsed();
  EXPECT_EQ(poll["status"].text(), "completed");
  EXPECT_EQ(poll["progress_percentage"].whole(), 100U);
  EXPECT_EQ(poll["response"]["content"].text(), "At last.");
  EXPECT_EQ(poll["result"]["agent_response"].text(), "At last.");
}

TEST_F(rest_test, QueryThatTakesLongerThanItsPatienceIs202) {
  const auto id = new_case();
  model->silent = true;
  const auto a = post(at(id, "/queries"), R"({"query":"Why?"})", {{"Prefer", "wait=0"}});
  EXPECT_EQ(a.status, 202) << a.body;
  EXPECT_EQ(a.header("location"), at(id, "/queries/" + a.parsed()["turn_id"].text()));
}

TEST_F(rest_test, SameClientTurnIdIsOneTurnAndAnotherBodyAConflict) {
  const auto id = new_case();
  const auto first =
      post(at(id, "/queries"), R"({"query":"Why?","client_turn_id":"6f1c1d0e-0000-4000-8000-000000000001"})")
          .parsed();
  const auto again =
      post(at(id, "/queries"), R"({"query":"Why?","client_turn_id":"6f1c1d0e-0000-4000-8000-000000000001"})")
          .parsed();
  EXPECT_EQ(first["turn_id"].text(), again["turn_id"].text());
  EXPECT_EQ(first["content"].text(), again["content"].text());
  EXPECT_EQ(
      post(at(id, "/queries"), R"({"query":"What?","client_turn_id":"6f1c1d0e-0000-4000-8000-000000000001"})")
          .status,
      409);
  const auto list = get(at(id, "/queries")).parsed();
  EXPECT_EQ(list["total_count"].whole(), 1U);
  const auto& row = list["queries"].at(0);
  EXPECT_EQ(row["turn_id"].text(), first["turn_id"].text());
  EXPECT_EQ(row["client_turn_id"].text(), "6f1c1d0e-0000-4000-8000-000000000001");
  EXPECT_EQ(row["status"].text(), "completed");
  EXPECT_FALSE(row["author_id"].text().empty());
}

TEST_F(rest_test, IdempotencyKeyMakesARepeatedQueryOneTurn) {
  const auto id = new_case();
  const auto first = post(at(id, "/queries"), R"({"query":"Why?"})", {{"Idempotency-Key", "abcdefgh"}});
  const auto again = post(at(id, "/queries"), R"({"query":"Why?"})", {{"Idempotency-Key", "abcdefgh"}});
  EXPECT_EQ(again.header("x-idempotency-replayed"), "true");
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("location"), first.header("location"));
  EXPECT_EQ(get(at(id, "/queries")).parsed()["total_count"].whole(), 1U);
}

TEST_F(rest_test, RunningTurnIsStoppedByDelete) {
  const auto id = new_case();
  model->silent = true;
  const auto turn = post(at(id, "/queries"), R"({"query":"Why?"})", {{"Prefer", "respond-async"}})
                        .parsed()["turn_id"]
                        .text();
  EXPECT_EQ(call("DELETE", at(id, "/queries/" + turn), {}, {}, ben).status, 404);
  EXPECT_EQ(call("DELETE", at(id, "/queries/" + turn)).status, 200);
  EXPECT_EQ(get(at(id, "/queries/" + turn)).parsed()["status"].text(), "cancelled");
  EXPECT_EQ(get(at(id, "/queries/turn_none")).status, 404);
}

TEST_F(rest_test, InitialMessageStartsTheFirstTurn) {
  const auto a =
      post("/api/v1/cases", R"({"initial_message":"Why does db-1 refuse writes?","client_turn_id":"t-1"})")
          .parsed();
  EXPECT_FALSE(a["turn_id"].text().empty());
  const auto list = get(at(a["case_id"].text(), "/queries")).parsed();
  EXPECT_EQ(list["queries"].at(0)["client_turn_id"].text(), "t-1");
}

TEST_F(rest_test, ContextShowsWhatTheModelIsShown) {
  const auto id = new_case();
  post(at(id, "/queries"), R"({"query":"Why?"})");
  const auto c = get(at(id, "/context"));
  ASSERT_EQ(c.status, 200) << c.body;
  EXPECT_FALSE(c.parsed()["system_prompt"].text().empty());
  EXPECT_EQ(c.parsed()["messages"].size(), 2U);
}

TEST_F(rest_test, LogIsPagedWithoutGap) {
  const auto id = new_case();
  post(at(id, "/queries"), R"({"query":"Why?"})");
  std::uint64_t after = 0, head = 0;
  do {
    const auto page = get(at(id, "/events?limit=2&after_seq=" + std::to_string(after))).parsed();
    for (auto& e : page["events"].items()) {
      EXPECT_EQ(e["seq"].whole(), ++after);
      EXPECT_EQ(e["type"].text(), "event");
      EXPECT_FALSE(e["kind"].text().empty());
      EXPECT_FALSE(e["data"].has("body_digest"));
    }
    head = page["seq"].whole();
    ASSERT_GT(page["events"].size(), 0U);
  } while (after < head);
  EXPECT_GE(head, 4U);
}

TEST_F(rest_test, StreamedQueryEndsWithItsTurn) {
  const auto id = new_case();
  const auto a = post(at(id, "/queries"), R"({"query":"Why?"})", {{"Accept", "text/event-stream"}});
  EXPECT_EQ(a.status, 200);
  EXPECT_EQ(a.header("content-type"), "text/event-stream");
  EXPECT_THAT(a.body, HasSubstr("turn_queued"));
  EXPECT_THAT(a.body, HasSubstr("turn_completed"));
}

// ---- health and the documents
// -----------------------------------------------------------------------------------

TEST_F(rest_test, HealthNeedsNoToken) {
  for (const auto* path : {"/health", "/health/live", "/health/ready", "/health/dependencies"}) {
    const auto a = call("GET", path, {}, {}, "");
    EXPECT_EQ(a.status, 200) << path;
    EXPECT_FALSE(a.parsed()["status"].text().empty());
  }
  const auto m = call("GET", "/metrics", {}, {}, "");
  EXPECT_THAT(m.header("content-type"), StartsWith("text/plain; version=0.0.4"));
  EXPECT_THAT(m.body, HasSubstr("faultmaven_http_requests_total"));
}

std::string filled(std::string pattern, const std::string& id) {
  for (std::size_t open = pattern.find('{'); open != std::string::npos; open = pattern.find('{')) {
    const auto close = pattern.find('}', open);
    const bool of_case = pattern.substr(open, close - open) == "{case_id";
    pattern.replace(open, close - open + 1, of_case ? id : "x");
  }
  return pattern;
}

TEST_F(rest_test, OpenApiDocumentAndRoutesSpeakOfTheSame) {
  const auto a = call("GET", "/api/v1/openapi.json", {}, {}, "");
  ASSERT_EQ(a.status, 200);
  const auto document = a.parsed();
  EXPECT_EQ(document["openapi"].text(), "3.1.0");
  EXPECT_EQ(document["info"]["version"].text(), "9.9.9");
  std::set<std::string> documented, served;
  for (auto& [path, operations] : document["paths"].members())
    for (auto& [method, operation] : operations.members()) {
      documented.insert(method + " " + path);
      EXPECT_FALSE(operation["summary"].text().empty()) << method << path;
      EXPECT_GT(operation["responses"].members().size(), 0U);
      EXPECT_TRUE(routes
                      ->find(method == "get"     ? "GET"
                             : method == "post"  ? "POST"
                             : method == "put"   ? "PUT"
                             : method == "patch" ? "PATCH"
                                                 : "DELETE",
                             filled(path, "case_1"))
                      .found)
          << method << " " << path;
    }
  for (auto& r : routes->routes()) {
    std::string method = r.method;
    for (auto& c : method)
      c = static_cast<char>(c | 0x20);
    served.insert(method + " " + r.pattern);
  }
  EXPECT_EQ(documented, served);
}

TEST_F(rest_test, EveryRouteIsClosedToStrangersAndEveryCaseToOthers) {
  const auto id = new_case();
  for (auto& r : routes->routes()) {
    if (r.who == access::open ||
        r.pattern == "/api/v1/auth/logout") // the latter would end the token this loop lives on
      continue;
    const auto target = filled(r.pattern, id);
    const auto stranger = call(r.method, target, r.method == "GET" ? "" : "{}", {}, "");
    EXPECT_EQ(stranger.status, 401) << r.method << " " << target;
    const auto other =
        call(r.method, target, r.method == "GET" ? "" : R"({"query":"x","status":"closed"})", {}, ben);
    EXPECT_NE(other.status, 500) << r.method << " " << target;
    if (r.pattern.find("{case_id}") != std::string::npos) {
      EXPECT_EQ(other.status, 404) << r.method << " " << target;
      EXPECT_EQ(other.parsed()["error"]["code"].text(), "not_found") << r.method << " " << target;
    }
  }
  EXPECT_EQ(get(at(id)).parsed()["title"].text(), "Disk full");
}

TEST_F(rest_test, WhatIsNotThereYetSaysSo) {
  const auto id = new_case();
  std::size_t counted = 0;
  for (auto& r : routes->routes())
    if (r.not_yet) {
      ++counted;
      auto target = filled(r.pattern, id);
      const auto a = call(r.method, target, r.method == "GET" ? "" : "{}");
      if (r.pattern.find("{user_id}") != std::string::npos &&
          r.pattern.find("{case_id}") == std::string::npos)
        continue; // "x" is nobody: 404, as it should be
      EXPECT_EQ(a.status, 501) << r.method << " " << target;
      EXPECT_EQ(a.parsed()["error"]["code"].text(), "not_implemented") << r.method << " " << target;
    }
  EXPECT_GT(counted, 30U);
}

} // namespace
} // namespace fm::http
