// Files of a case and knowledge beyond cases, over a real server.
#include "tests/http/rest_fixture.hpp"

#include <future>
#include <set>
#include <thread>

namespace fm::http {
namespace {
using testing::HasSubstr;
using testing::Not;

std::string form(const std::string& name, const std::string& bytes, const std::string& more = {}) {
  return "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\nContent-Type: text/plain\r\n\r\n" + bytes + "\r\n" + more + "--XX--\r\n";
}
const header_list as_form{{"Content-Type", "multipart/form-data; boundary=XX"}};

struct files_test : rest_test {
  /// Within some seconds.
  template <class Is> static bool soon(Is is) {
    for (int i = 0; i < 2'000; ++i) {
      if (is())
        return true;
      std::this_thread::sleep_for(2ms);
    }
    return false;
  }
  /// An upload of which only the beginning is sent.
  http_connection half_sent(const std::string& id, const std::string& name, std::size_t announced, std::size_t sent) {
    http_connection c{{"127.0.0.1", server_->port()}};
    const auto whole = form(name, std::string(announced, 'x'));
    EXPECT_TRUE(c.send_raw("POST " + at(id, "/data") + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + ada + "\r\nContent-Type: multipart/form-data; boundary=XX\r\nContent-Length: " +
                               std::to_string(whole.size()) + "\r\n\r\n" + whole.substr(0, sent),
                           5s));
    return c;
  }
  std::size_t blobs_of(const std::string& id) {
    const auto blobs = storage.blobs->list("cases/" + id + "/", {}, 100);
    return blobs ? blobs->blobs.size() : 99;
  }
  bool nothing_under(const std::string& prefix) {
    const auto blobs = storage.blobs->list(prefix, {}, 1);
    return blobs && blobs->blobs.empty();
  }
  http_answer upload(const std::string& id, const std::string& name, const std::string& bytes) { return call("POST", at(id, "/data"), form(name, bytes), as_form); }
};
using knowledge_test = rest_test;

TEST_F(files_test, AnUploadIsAnalysedToldToTheCaseAndReadBack) {
  const auto id = new_case();
  const auto a = upload(id, "../etc/app.log", "first line\nsecond line\n");
  ASSERT_EQ(a.status, 201) << a.body;
  const auto body = a.parsed();
  EXPECT_EQ(body["filename"].text(), "app.log") << "no paths";
  EXPECT_EQ(body["processing_status"].text(), "completed");
  EXPECT_EQ(body["classification"]["data_type"].text(), "logs_and_errors");
  EXPECT_THAT(body["agent_response"]["content"].text(), HasSubstr("first line"));
  const auto file = body["file_id"].text();
  EXPECT_EQ(a.header("location"), at(id, "/data/" + file));
  const auto messages = get(at(id, "/messages")).parsed()["messages"];
  ASSERT_EQ(messages.items().size(), 2U);
  EXPECT_EQ(messages.items()[0]["type"].text(), "data_upload");
  EXPECT_EQ(messages.items()[1]["type"].text(), "system_event");
  EXPECT_EQ(messages.items()[1]["metadata"]["file_id"].text(), file);
  EXPECT_EQ(get(at(id, "/data/" + file)).parsed()["analysis"]["schema"].whole(), 1U);
  EXPECT_EQ(get(at(id, "/uploaded-files/" + file)).status, 200);
  EXPECT_EQ(get(at(id, "/uploaded-files")).parsed()["files"].items().size(), 1U);
  EXPECT_EQ(get(at(id, "/data/" + file + "/content")).body, "first line\nsecond line\n");
}

TEST_F(files_test, RangesGiveTheBytesThatWereAsked) {
  const auto id = new_case();
  const auto file = upload(id, "a.log", "0123456789").parsed()["file_id"].text();
  const auto path = at(id, "/data/" + file + "/content");
  const auto part = get(path, {{"Range", "bytes=2-4"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "234");
  EXPECT_EQ(part.header("content-range"), "bytes 2-4/10");
  EXPECT_EQ(get(path, {{"Range", "bytes=-3"}}).body, "789");
  EXPECT_EQ(get(path, {{"Range", "bytes=7-"}}).body, "789");
  EXPECT_EQ(get(path, {{"Range", "bytes=10-"}}).status, 416);
  EXPECT_EQ(get(path, {{"Range", "bytes=0-1,3-4"}}).status, 200) << "several ranges: the whole";
}

TEST_F(files_test, SameBytesTwiceAreOneFileAndLimitsAreKept) {
  const auto id = new_case();
  const auto first = upload(id, "a.log", "same").parsed()["file_id"].text();
  const auto again = upload(id, "b.log", "same");
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.parsed()["duplicate_of"].text(), first);
  EXPECT_EQ(get(at(id, "/messages")).parsed()["total_count"].whole(), 2U) << "nothing new to tell";
  EXPECT_EQ(upload(id, "big.log", std::string(100'001, 'x')).status, 413);
  EXPECT_EQ(upload(id, "empty.log", "").status, 422);
  EXPECT_EQ(upload(id, "c.log", "two").status, 201);
  EXPECT_EQ(upload(id, "d.log", "three").status, 201);
  EXPECT_EQ(upload(id, "e.log", "four").status, 413) << "three files a case";
  EXPECT_EQ(call("POST", at(id, "/data"), "x", {{"Content-Type", "text/plain"}}).status, 415);
  EXPECT_EQ(call("POST", at(id, "/data"), "--XX\r\nContent-Disposition: form-data; name=other\r\n\r\nx\r\n--XX--", as_form).status, 422);
}

TEST_F(files_test, WhatCannotBeProcessedStaysWithItsReason) {
  const auto id = new_case();
  const auto a = upload(id, "x.bad", "bytes");
  ASSERT_EQ(a.status, 201);
  EXPECT_EQ(a.parsed()["processing_status"].text(), "failed");
  EXPECT_EQ(a.parsed()["data_type"].text(), "unanalyzable");
  EXPECT_EQ(a.parsed()["error"].text(), "It cannot be read.");
}

TEST_F(files_test, AnotherUsersFilesDoNotExistAndRemovedOnesAreGone) {
  const auto id = new_case();
  const auto file = upload(id, "a.log", "text here").parsed()["file_id"].text();
  for (const auto& path : {at(id, "/data"), at(id, "/data/" + file), at(id, "/data/" + file + "/content"), at(id, "/uploaded-files")})
    EXPECT_EQ(call("GET", path, {}, {}, ben).status, 404) << path;
  EXPECT_EQ(call("POST", at(id, "/data"), form("b.log", "x"), as_form, ben).status, 404);
  EXPECT_EQ(call("DELETE", at(id, "/data/" + file), {}, {}, ben).status, 404);
  EXPECT_EQ(call("DELETE", at(id, "/data/" + file)).status, 204);
  EXPECT_EQ(get(at(id, "/data/" + file)).status, 404);
  EXPECT_EQ(get(at(id, "/data/../../x")).status, 404);
  EXPECT_EQ(call("DELETE", at(id, "/data/" + file)).status, 404);
}

TEST_F(files_test, SearchFindsLinesOfFilesAndMessagesAndTheirBytes) {
  const auto id = new_case();
  const std::string text = "alpha beta\nBeta failed\nfailed ALPHA beta\n";
  ASSERT_EQ(upload(id, "a.log", text).status, 201);
  const auto found = post(at(id, "/evidence/search"), R"({"query":"beta alpha failed","filters":{"source":"file"}})").parsed();
  ASSERT_GE(found["total_results"].whole(), 1U);
  EXPECT_EQ(found["files_searched"].whole(), 1U);
  const auto hit = found["results"].items()[0];
  EXPECT_EQ(hit["source"].text(), "file");
  EXPECT_EQ(hit["line"].whole(), 3U);
  EXPECT_EQ(text.substr(hit["begin"].whole(), hit["end"].whole() - hit["begin"].whole()), "failed ALPHA beta");
  EXPECT_EQ(hit["text"].text(), "failed ALPHA beta");
  EXPECT_EQ(hit["highlights"].items().size(), 3U);
  EXPECT_EQ(hit["snippet"]["line_first"].whole(), 2U);
  EXPECT_EQ(hit["form"].text(), "raw");
  ASSERT_EQ(post(at(id, "/queries"), R"({"query":"why does the zebra daemon fail?"})").status, 201);
  const auto said = post(at(id, "/evidence/search"), R"({"query":"zebra"})").parsed();
  ASSERT_GE(said["total_results"].whole(), 1U);
  EXPECT_EQ(said["results"].items()[0]["source"].text(), "message");
  EXPECT_EQ(said["results"].items()[0]["text"].text(), "why does the zebra daemon fail?");
  EXPECT_EQ(call("POST", at(id, "/evidence/search"), R"({"query":"zebra"})", {}, ben).status, 404);
  for (const char* wrong : {R"({"query":" "})", R"({"query":"x","limit":0})", R"({"query":"x","limit":101})", R"({"query":"x","offset":999})", R"({"query":"--"})",
                            R"({"query":"x","filters":{"level":"loud"}})", R"({"query":"x","filters":{"source":"dream"}})", R"({"query":"x","filters":{"from":"noon"}})",
                            R"({"query":"x","filters":{"line_from":5,"line_to":4}})", R"({"query":1})", R"({"query":"x","filters":{"level":1}})"})
    EXPECT_EQ(post(at(id, "/evidence/search"), wrong).status, 422) << wrong;
}

TEST_F(files_test, TheTimelineMergesFilesAndMessagesAndGoesOnByCursor) {
  const auto id = new_case();
  ASSERT_EQ(upload(id, "a.log", "2026-01-31T12:00:00.250+02:00 INFO started\n2026-01-31T12:00:05.000+02:00 ERROR disk full\n").status, 201);
  ASSERT_EQ(upload(id, "b.log", "2026-01-31 10:00:02,500 INFO begun\n2026-01-31 10:00:03,000 ERROR queue stuck\n").status, 201);
  const auto all = get(at(id, "/timeline")).parsed();
  ASSERT_EQ(all["total_count"].whole(), 8U) << "four lines, and two messages for each file";
  const auto entries = all["entries"].items();
  EXPECT_EQ(entries[0]["at"].text(), "2026-01-31T10:00:00.250Z") << "in UTC";
  EXPECT_EQ(entries[0]["uncertainty_ms"].whole(), 0U);
  EXPECT_EQ(entries[1]["file_name"].text(), "b.log");
  EXPECT_EQ(entries[1]["uncertainty_ms"].whole(), 14U * 3'600'000U) << "no zone";
  EXPECT_EQ(entries[3]["text"].text(), "disk full");
  EXPECT_EQ(entries[3]["level"].text(), "error");
  EXPECT_EQ(entries[3]["line_first"].whole(), 2U);
  EXPECT_EQ(entries[4]["source"].text(), "event");
  EXPECT_EQ(entries[4]["kind"].text(), "file_uploaded");
  std::vector<std::string> paged;
  std::string cursor;
  do {
    const auto page = get(at(id, "/timeline?limit=3&cursor=" + cursor)).parsed();
    for (auto& e : page["entries"].items())
      paged.push_back(e["at"].text() + e["text"].text());
    cursor = page["next_cursor"].text();
  } while (!cursor.empty() && paged.size() < 20);
  ASSERT_EQ(paged.size(), entries.size());
  for (std::size_t i = 0; i < paged.size(); ++i)
    EXPECT_EQ(paged[i], entries[i]["at"].text() + entries[i]["text"].text());
  const auto window = get(at(id, "/timeline?from=2026-01-31T10:00:01Z&to=2026-01-31T10:00:04Z")).parsed();
  EXPECT_EQ(window["total_count"].whole(), 2U);
  for (const auto& wrong : {"?cursor=zz", "?from=yesterday", "?limit=0", "?limit=501", "?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z"})
    EXPECT_EQ(get(at(id, std::string{"/timeline"} + wrong)).status, 422) << wrong;
}

TEST_F(files_test, AnUploadIsAJobThatTellsWhatItMade) {
  const auto id = new_case();
  ASSERT_EQ(upload(id, "a.log", "text here").status, 201);
  const auto list = get("/api/v1/jobs").parsed();
  ASSERT_EQ(list["total_count"].whole(), 1U);
  const auto one = list["jobs"].items()[0];
  EXPECT_EQ(one["kind"].text(), "file_analysis");
  EXPECT_EQ(one["status"].text(), "completed");
  EXPECT_EQ(one["progress_percentage"].whole(), 100U);
  EXPECT_EQ(one["subject"].text(), "a.log");
  EXPECT_EQ(get(one["result"]["href"].text()).status, 200);
  EXPECT_EQ(call("GET", "/api/v1/jobs", {}, {}, ben).parsed()["total_count"].whole(), 0U);
  EXPECT_EQ(call("GET", "/api/v1/jobs/" + one["job_id"].text(), {}, {}, ben).status, 404);
  EXPECT_EQ(call("DELETE", "/api/v1/jobs/" + one["job_id"].text(), {}, {}, ben).status, 404);
  EXPECT_EQ(call("DELETE", "/api/v1/jobs/" + one["job_id"].text()).status, 204) << "a finished one is forgotten";
  EXPECT_EQ(get("/api/v1/jobs/" + one["job_id"].text()).status, 404);
  EXPECT_EQ(get("/api/v1/jobs?status=odd").status, 422);
}

TEST_F(files_test, ACancelledUploadStopsAndLeavesNothing) {
  const auto id = new_case();
  const header_list later{{"Content-Type", "multipart/form-data; boundary=XX"}, {"Prefer", "respond-async"}};
  const auto first = call("POST", at(id, "/data"), form("a.slow", "never ends"), later);
  ASSERT_EQ(first.status, 202) << first.body;
  const auto waiting = call("POST", at(id, "/data"), form("b.slow", "nor this"), later);
  ASSERT_EQ(waiting.status, 202);
  const auto where = first.header("location");
  const auto until = [&](const std::string& path, const std::string& status) {
    for (int i = 0; i < 2'000; ++i) {
      if (get(path).parsed()["status"].text() == status)
        return true;
      std::this_thread::sleep_for(2ms);
    }
    return false;
  };
  ASSERT_TRUE(until(where, "running"));
  EXPECT_EQ(get(where).header("retry-after"), "1");
  const auto second = call("DELETE", waiting.header("location"));
  EXPECT_EQ(second.status, 202);
  EXPECT_EQ(second.parsed()["status"].text(), "cancelled") << "it had not begun";
  const auto asked = call("DELETE", where);
  EXPECT_EQ(asked.status, 202);
  EXPECT_TRUE(asked.parsed()["cancel_requested"].truth());
  EXPECT_TRUE(until(where, "cancelled")) << get(where).body;
  EXPECT_EQ(get(at(id, "/data")).parsed()["total_count"].whole(), 0U);
  EXPECT_EQ(get(at(id, "/messages")).parsed()["total_count"].whole(), 0U) << "the case was told nothing";
  const auto blobs = storage.blobs->list("cases/" + id + "/", {}, 10);
  ASSERT_TRUE(blobs);
  EXPECT_TRUE(blobs->blobs.empty()) << "no bytes stay behind";
  EXPECT_EQ(upload(id, "c.log", "and others go on").status, 201);
}

TEST_F(files_test, UploadsThatWaitAreBounded) {
  const auto id = new_case();
  const header_list later{{"Content-Type", "multipart/form-data; boundary=XX"}, {"Prefer", "respond-async"}};
  std::vector<std::string> jobs;
  for (int i = 0; i < 3; ++i)
    jobs.push_back(call("POST", at(id, "/data"), form("a.slow", std::to_string(i)), later).header("location"));
  const auto other = new_case();
  for (int i = 0; i < 3; ++i)
    jobs.push_back(call("POST", at(other, "/data"), form("a.slow", std::to_string(i)), later).header("location"));
  for (const auto& third = new_case(); jobs.size() < 12;)
    jobs.push_back(call("POST", at(jobs.size() < 9 ? third : new_case(), "/data"), form("a.slow", std::to_string(jobs.size())), later).header("location"));
  const auto refused = call("POST", at(new_case(), "/data"), form("b.log", "b"), as_form);
  EXPECT_EQ(refused.status, 503) << refused.body;
  EXPECT_EQ(refused.parsed()["error"]["code"].text(), "overloaded");
  EXPECT_FALSE(refused.header("retry-after").empty());
  for (auto& j : jobs)
    ASSERT_EQ(call("DELETE", j).status, 202) << j;
  EXPECT_TRUE(soon([&] { return upload(other, "b.log", "b").status == 201; })) << "there is room again";
}

TEST_F(files_test, ProgressIsShownToThoseWhoHaveTheCaseOpen) {
  struct listener : subscriber {
    std::mutex mutex;
    std::vector<job> seen;
    void on_event(const shared_event_ptr&) noexcept override {}
    void on_presence(const case_id&, const presence_list&) noexcept override {}
    void on_removed(const case_id&) noexcept override {}
    void on_lost(const case_id&) noexcept override {}
    void on_job(const case_id&, const std::shared_ptr<const job>& j) noexcept override {
      std::lock_guard lock{mutex};
      seen.push_back(*j);
    }
  };
  const auto id = new_case();
  const auto me = user_id{get("/api/v1/auth/me").parsed()["user_id"].text()};
  auto sink = std::make_shared<listener>();
  std::promise<bool> attached;
  caf::anon_send(registry, to_case{case_id{id}, case_command{attach{principal{me, "ada", {}}, sink, reply<case_view>{[&](outcome<case_view> v) { attached.set_value(v.has_value()); }}}}});
  ASSERT_TRUE(attached.get_future().get());
  ASSERT_EQ(upload(id, "a.log", "text").status, 201);
  std::vector<std::string> statuses;
  for (int i = 0; i < 1'000 && (statuses.empty() || statuses.back() != "completed"); ++i) {
    std::this_thread::sleep_for(2ms);
    std::lock_guard lock{sink->mutex};
    statuses.clear();
    for (auto& j : sink->seen)
      statuses.push_back(j.status);
  }
  ASSERT_FALSE(statuses.empty());
  EXPECT_EQ(statuses.front(), "queued");
  EXPECT_EQ(statuses.back(), "completed");
  EXPECT_THAT(statuses, Contains("running"));
}

TEST_F(files_test, FieldsMayFollowTheFile) {
  const auto id = new_case();
  const auto field = [](const std::string& name, const std::string& value) { return "--XX\r\nContent-Disposition: form-data; name=" + name + "\r\n\r\n" + value + "\r\n"; };
  const auto a = call("POST", at(id, "/data"),
                      form("a.log", "text", field("description", "of db-1") + field("data_type", "metrics_and_performance") + field("session_id", "s-1") + field("source_metadata", R"({"host":"db-1"})")), as_form);
  ASSERT_EQ(a.status, 201) << a.body;
  const auto kept = get(at(id, "/data/" + a.parsed()["file_id"].text())).parsed();
  EXPECT_EQ(kept["description"].text(), "of db-1");
  EXPECT_EQ(kept["data_type"].text(), "metrics_and_performance");
  EXPECT_EQ(kept["session_id"].text(), "s-1");
  EXPECT_EQ(kept["source_metadata"]["host"].text(), "db-1");
  EXPECT_EQ(call("POST", at(id, "/data"), form("b.log", "x", field("source_metadata", "[1]")), as_form).status, 422);
  EXPECT_EQ(call("POST", at(id, "/data"), form("b.log", "x", field("description", std::string(70'000, 'x'))), as_form).status, 413);
  EXPECT_TRUE(soon([&] { return nothing_under("incoming/"); }));
  EXPECT_EQ(get(at(id, "/data")).parsed()["total_count"].whole(), 1U);
}

TEST_F(files_test, AnUploadThatIsTooLargeIsRefusedBeforeItsBytesCome) {
  const auto id = new_case();
  auto c = half_sent(id, "big.log", 400'000, 0);
  const auto a = c.read_raw(5s);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->status, 413);
  EXPECT_EQ(a->parsed()["error"]["code"].text(), "too_large");
  auto barely = half_sent(id, "big.log", 100'001, 100'300); // the form has room, the file has not
  const auto b = barely.read_raw(5s);
  ASSERT_TRUE(b);
  EXPECT_EQ(b->status, 413);
  EXPECT_TRUE(soon([&] { return blobs_of(id) == 0; }));
}

TEST_F(files_test, NothingIsReadForThoseWhoMayNotAddToTheCase) {
  const auto id = new_case();
  const auto ask_first = [&](const std::string& token) {
    return call("POST", at(id, "/data"), {}, {{"Content-Type", "multipart/form-data; boundary=XX"}, {"Expect", "100-continue"}}, token);
  };
  EXPECT_EQ(ask_first(ben).status, 404);
  EXPECT_EQ(ask_first(sign_in_as("eve", user_role::analyst)).status, 403) << "sees it, but may not write";
  ASSERT_EQ(post(at(id, "/status"), R"({"status":"closed","closure_reason":"other"})").status / 100, 2);
  const auto over = upload(id, "a.log", "text");
  EXPECT_EQ(over.status, 409) << over.body;
  EXPECT_EQ(over.header("x-error-code"), "TERMINAL_CASE");
  EXPECT_EQ(blobs_of(id), 0U);
}

TEST_F(files_test, AClientThatGoesAwayInTheMiddleLeavesNothing) {
  const auto id = new_case();
  auto c = half_sent(id, "a.log", 90'000, 50'000);
  ASSERT_TRUE(soon([&] { return get("/api/v1/jobs").parsed()["jobs"].at(0)["done"].whole() > 0; })) << "what came is progress";
  c.cut();
  EXPECT_TRUE(soon([&] { return get("/api/v1/jobs").parsed()["jobs"].at(0)["status"].text() == "failed"; }));
  EXPECT_EQ(blobs_of(id), 0U);
  EXPECT_EQ(get(at(id, "/messages")).parsed()["total_count"].whole(), 0U);
}

TEST_F(files_test, AnUploadIsCancelledWhileItsBytesCome) {
  const auto id = new_case();
  auto c = half_sent(id, "a.log", 90'000, 50'000);
  std::string job;
  ASSERT_TRUE(soon([&] { return !(job = get("/api/v1/jobs").parsed()["jobs"].at(0)["job_id"].text()).empty(); }));
  EXPECT_EQ(call("DELETE", "/api/v1/jobs/" + job).status, 202);
  const auto a = c.read_raw(5s);
  ASSERT_TRUE(a) << a.error().detail;
  EXPECT_EQ(a->status, 409);
  EXPECT_EQ(a->header("x-error-code"), "CANCELLED");
  EXPECT_TRUE(soon([&] { return get("/api/v1/jobs/" + job).parsed()["status"].text() == "cancelled"; }));
  EXPECT_EQ(blobs_of(id), 0U);
}

TEST_F(files_test, TheSameBytesAtOnceAreOneFile) {
  const auto id = new_case();
  std::vector<std::future<http_answer>> all;
  for (int i = 0; i < 6; ++i)
    all.push_back(std::async(std::launch::async, [&, i] { return upload(id, std::to_string(i) + ".log", "the same text"); }));
  std::set<std::string> ids;
  int firsts = 0;
  for (auto& f : all) {
    const auto a = f.get();
    if (a.status == 413) // three files a case, those on their way included
      continue;
    ASSERT_EQ(a.status, 201) << a.body;
    ids.insert(a.parsed()["file_id"].text());
    firsts += a.parsed()["duplicate_of"].text().empty();
  }
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_EQ(firsts, 1);
  EXPECT_TRUE(soon([&] { return nothing_under("incoming/"); }));
  EXPECT_EQ(blobs_of(id), 4U) << "content, analysis, timeline, record of one";
}

TEST_F(files_test, ACasesRoomIsSharedByThoseOnTheirWay) {
  const auto id = new_case();
  auto one = half_sent(id, "a.log", 99'000, 98'000), two = half_sent(id, "b.log", 99'000, 98'000);
  ASSERT_TRUE(soon([&] { return get("/api/v1/jobs?status=running").parsed()["total_count"].whole() == 2; }));
  ASSERT_TRUE(soon([&] { return get("/api/v1/jobs").parsed()["jobs"].at(0)["done"].whole() > 40'000 && get("/api/v1/jobs").parsed()["jobs"].at(1)["done"].whole() > 40'000; }));
  EXPECT_EQ(upload(id, "c.log", std::string(80'000, 'c')).status, 413) << "250,000 bytes a case";
  EXPECT_EQ(upload(id, "d.log", std::string(20'000, 'd')).status, 201);
  one.cut();
  EXPECT_TRUE(soon([&] { return upload(id, "c.log", std::string(80'000, 'c')).status == 201; })) << "its room is given back";
}

TEST_F(files_test, AKeyRepeatsTheAnswerOfAnUploadAndTellsAnotherFileApart) {
  const auto id = new_case();
  auto keyed = as_form;
  keyed.emplace_back("Idempotency-Key", "upload-key-1");
  const auto first = call("POST", at(id, "/data"), form("a.log", "text"), keyed);
  ASSERT_EQ(first.status, 201);
  const auto again = call("POST", at(id, "/data"), form("a.log", "text"), keyed);
  EXPECT_EQ(again.header("x-idempotency-replayed"), "true");
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(call("POST", at(id, "/data"), form("a.log", "other"), keyed).header("x-error-code"), "IDEMPOTENCY_KEY_REUSE");
  EXPECT_EQ(get(at(id, "/data")).parsed()["total_count"].whole(), 1U);
}

// ---- uploads in several requests ----

struct uploads_test : files_test {
  static header_list tus(header_list more = {}) {
    more.emplace_back("Tus-Resumable", "1.0.0");
    return more;
  }
  http_answer add(const std::string& path, std::size_t offset, const std::string& bytes, header_list more = {}, std::optional<std::string> token = {}) {
    more.emplace_back("Upload-Offset", std::to_string(offset));
    more.emplace_back("Content-Type", "application/offset+octet-stream");
    return call("PATCH", path, bytes, tus(std::move(more)), token);
  }
  static std::string numbered(std::size_t n) {
    std::string text;
    for (std::size_t i = 0; text.size() < n; ++i)
      text += "line " + std::to_string(i) + "\n";
    return text.substr(0, n);
  }
};

TEST_F(uploads_test, AFileInManyPiecesBecomesOneAsIfItHadComeAtOnce) {
  const auto id = new_case();
  const auto text = numbered(5'432);
  auto made = call("POST", at(id, "/uploads"), {}, tus({{"Upload-Length", "5432"}, {"Upload-Metadata", "filename YS5sb2c=,description bWluZQ==,own"}}));
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("tus-resumable"), "1.0.0");
  const auto path = made.header("location");
  std::size_t offset = 0;
  for (const std::size_t n : {1U, 999U, 1'500U, 1U, 0U, 2'930U}) { // parts have 1,000 bytes here
    auto a = add(path, offset, text.substr(offset, n));
    ASSERT_EQ(a.status, 204) << a.body;
    offset += n;
    EXPECT_EQ(a.header("upload-offset"), std::to_string(offset));
    EXPECT_FALSE(a.header("upload-expires").empty());
    const auto head = call("HEAD", path, {}, tus());
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("upload-offset"), std::to_string(offset));
    EXPECT_EQ(head.header("upload-length"), "5432");
    EXPECT_EQ(head.header("upload-metadata"), "filename YS5sb2c=,description bWluZQ==,own");
    EXPECT_EQ(head.header("cache-control"), "no-store");
  }
  EXPECT_EQ(get(at(id, "/data")).parsed()["total_count"].whole(), 0U);
  const auto last = add(path, offset, text.substr(offset));
  ASSERT_EQ(last.status, 204) << last.body;
  EXPECT_EQ(last.header("upload-offset"), "5432");
  const auto file = last.header("x-file-id");
  ASSERT_FALSE(file.empty());
  EXPECT_EQ(get("/api/v1/jobs/" + last.header("x-job-id")).parsed()["status"].text(), "completed");
  EXPECT_EQ(get(at(id, "/data/" + file + "/content")).body, text);
  const auto kept = get(at(id, "/data/" + file)).parsed();
  EXPECT_EQ(kept["filename"].text(), "a.log");
  EXPECT_EQ(kept["description"].text(), "mine");
  EXPECT_EQ(get(at(id, "/messages")).parsed()["total_count"].whole(), 2U) << "the case was told";
  const auto after = call("HEAD", path, {}, tus());
  EXPECT_EQ(after.header("upload-offset"), "5432") << "whoever lost the answer finds it complete";
  EXPECT_EQ(after.header("x-file-id"), file);
  EXPECT_TRUE(nothing_under("uploads/") && nothing_under("parts/") && nothing_under("incoming/"));
}

TEST_F(uploads_test, WhatTheProtocolForbidsIsRefused) {
  const auto id = new_case();
  const auto path = call("POST", at(id, "/uploads"), {}, tus({{"Upload-Length", "10"}})).header("location");
  ASSERT_FALSE(path.empty());
  EXPECT_EQ(call("HEAD", path).status, 412);
  EXPECT_EQ(call("POST", at(id, "/uploads"), {}, {{"Upload-Length", "10"}, {"Tus-Resumable", "0.2.2"}}).header("tus-version"), "1.0.0");
  const auto conflict = add(path, 5, "x");
  EXPECT_EQ(conflict.status, 409);
  EXPECT_EQ(conflict.header("x-error-code"), "UPLOAD_OFFSET");
  EXPECT_EQ(add(path, 0, "12345678901").status, 413) << "more than was announced";
  EXPECT_EQ(call("PATCH", path, "x", tus({{"Upload-Offset", "0"}, {"Content-Type", "text/plain"}})).status, 415);
  EXPECT_EQ(call("PATCH", path, "x", tus({{"Content-Type", "application/offset+octet-stream"}})).status, 422);
  EXPECT_EQ(add(path, 0, "x", {}, ben).status, 404);
  EXPECT_EQ(add(path, 0, "x", {}, sign_in_as("root", user_role::admin)).status, 404) << "an upload is its owner's alone";
  EXPECT_EQ(add(at(id, "/uploads/file_000000000000"), 0, "x").status, 404);
  EXPECT_EQ(add(at(id, "/uploads/..%2Fx"), 0, "x").status, 404);
  EXPECT_EQ(call("HEAD", path, {}, tus()).header("upload-offset"), "0") << "nothing of all that was kept";
  for (const auto& [name, value] : header_list{{"Upload-Length", "0"}, {"Upload-Length", "-1"}, {"Upload-Length", ""}, {"Upload-Defer-Length", "1"}})
    EXPECT_EQ(call("POST", at(id, "/uploads"), {}, tus({{name, value}})).status, 422) << name << value;
  EXPECT_EQ(call("POST", at(id, "/uploads"), {}, tus({{"Upload-Length", "10"}, {"Upload-Metadata", "filename ***"}})).status, 422);
  EXPECT_EQ(call("POST", at(id, "/uploads"), {}, tus({{"Upload-Length", "100001"}})).status, 413);
  EXPECT_EQ(call("POST", at(id, "/uploads"), {}, tus({{"Upload-Length", "10"}}), ben).status, 404);
  EXPECT_EQ(call("POST", at(id, "/uploads"), {}, tus({{"Upload-Length", "10"}})).status, 201);
  const auto third = call("POST", at(id, "/uploads"), {}, tus({{"Upload-Length", "10"}}));
  EXPECT_EQ(third.status, 503) << "two open ones a case";
  EXPECT_EQ(third.header("tus-resumable"), "1.0.0");
  EXPECT_EQ(call("DELETE", path, {}, tus()).status, 204);
  EXPECT_EQ(call("HEAD", path, {}, tus()).status, 404);
  EXPECT_EQ(call("DELETE", path, {}, tus()).status, 404);
  EXPECT_EQ(call("POST", at(id, "/uploads"), {}, tus({{"Upload-Length", "10"}})).status, 201);
  const auto options = call("OPTIONS", path, {}, {{"Origin", "http://127.0.0.1"}, {"Access-Control-Request-Method", "PATCH"}});
  EXPECT_EQ(options.header("tus-version"), "1.0.0");
  EXPECT_EQ(options.header("tus-extension"), "creation,expiration,termination");
  EXPECT_EQ(options.header("tus-max-size"), "100000");
  EXPECT_THAT(options.header("access-control-allow-headers"), HasSubstr("upload-offset"));
  EXPECT_THAT(options.header("access-control-allow-methods"), HasSubstr("PATCH"));
}

TEST_F(uploads_test, WhatCameBeforeAClientWentAwayIsKept) {
  const auto id = new_case();
  const auto text = numbered(50'000);
  const auto path = call("POST", at(id, "/uploads"), {}, tus({{"Upload-Length", "50000"}})).header("location");
  {
    http_connection c{{"127.0.0.1", server_->port()}};
    ASSERT_TRUE(c.send_raw("PATCH " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + ada +
                               "\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\nContent-Length: 50000\r\n\r\n" + text.substr(0, 20'500),
                           5s));
    ASSERT_TRUE(soon([&] { return call("HEAD", path, {}, tus()).header("upload-offset") == "20000"; })) << "whole parts are durable while it goes on";
    EXPECT_EQ(add(path, 20'000, "x").header("x-error-code"), "UPLOAD_BUSY");
    EXPECT_EQ(call("DELETE", path, {}, tus()).status, 409);
    c.close();
  }
  ASSERT_TRUE(soon([&] { return call("HEAD", path, {}, tus()).header("upload-offset") == "20500"; })) << "and the begun one when it ends";
  http_answer last;
  ASSERT_TRUE(soon([&] { return (last = add(path, 20'500, text.substr(20'500), {{"Prefer", "respond-async"}})).status == 204; })) << last.status << last.body;
  EXPECT_TRUE(last.header("x-file-id").empty());
  const auto job = "/api/v1/jobs/" + last.header("x-job-id");
  ASSERT_TRUE(soon([&] { return get(job).parsed()["status"].text() == "completed"; }));
  EXPECT_EQ(get(at(id, "/data/" + get(job).parsed()["result"]["file_id"].text() + "/content")).body, text);
}

TEST_F(uploads_test, TheSameBytesAgainAreTheFileThatIsThereAndRoomCounts) {
  const auto id = new_case();
  const auto text = numbered(3'000);
  const auto first = upload(id, "a.log", text).parsed()["file_id"].text();
  const auto path = call("POST", at(id, "/uploads"), {}, tus({{"Upload-Length", "3000"}})).header("location");
  const auto last = add(path, 0, text);
  EXPECT_EQ(last.header("x-file-id"), first);
  EXPECT_EQ(blobs_of(id), 4U);
  ASSERT_EQ(call("POST", at(id, "/uploads"), {}, tus({{"Upload-Length", "100000"}})).status, 201);
  ASSERT_EQ(call("POST", at(id, "/uploads"), {}, tus({{"Upload-Length", "100000"}})).status, 201);
  EXPECT_EQ(upload(id, "b.log", std::string(60'000, 'b')).status, 413) << "announced bytes are taken";
}

TEST_F(files_test, OthersReadTheSanitizedCopyAndOnlyOwnerAndAdministratorTheBytes) {
  const auto id = new_case();
  const std::string text = "start\nlogin of anna@example.org with password=hunter2secret failed\nend\n";
  const auto uploaded = upload(id, "a.log", text).parsed();
  EXPECT_EQ(uploaded["redaction"].text(), "copy");
  EXPECT_TRUE(uploaded["pii_detected"].truth());
  EXPECT_TRUE(uploaded["secrets_detected"].truth());
  const auto path = at(id, "/data/" + uploaded["file_id"].text() + "/content");
  const auto analyst = sign_in_as("eve", user_role::analyst), admin = sign_in_as("root", user_role::admin);
  EXPECT_EQ(get(path).body, text);
  EXPECT_EQ(get(path).header("x-content-form"), "raw");
  EXPECT_EQ(call("GET", path, {}, {}, admin).body, text);
  const auto shown = call("GET", path, {}, {}, analyst);
  EXPECT_EQ(shown.status, 200);
  EXPECT_EQ(shown.header("x-content-form"), "sanitized");
  EXPECT_EQ(shown.body.find("anna@example.org"), std::string::npos);
  EXPECT_EQ(shown.body.find("hunter2secret"), std::string::npos);
  EXPECT_EQ(std::count(shown.body.begin(), shown.body.end(), '\n'), 3) << "lines keep their numbers";
  EXPECT_EQ(get(path + "?form=sanitized").body, shown.body) << "the owner may see what others see";
  EXPECT_NE(shown.header("etag"), get(path).header("etag"));
  EXPECT_EQ(call("GET", path + "?form=raw", {}, {}, analyst).status, 403);
  EXPECT_EQ(call("GET", path, {}, {{"Range", "bytes=0-4"}}, analyst).body, "start");
  EXPECT_EQ(get(path + "?form=odd").status, 422);
  EXPECT_EQ(call("GET", path, {}, {}, ben).status, 404);
  // Searching must not tell what reading does not.
  const auto search = [&](const std::string& word, const std::string& token) {
    std::string all;
    const auto found = call("POST", at(id, "/evidence/search"), R"({"query":")" + word + R"(","filters":{"source":"file"}})", {}, token).parsed();
    for (auto& hit : found["results"].items())
      all += hit["form"].text() + ":" + hit["text"].text() + hit["snippet"]["text"].text() + "\n";
    return all;
  };
  EXPECT_EQ(search("hunter2secret", ada), "") << "what was taken out is in no index, whoever asks";
  EXPECT_EQ(search("hunter2secret", analyst), "");
  EXPECT_THAT(search("login", ada), HasSubstr("raw:login of anna@example.org"));
  EXPECT_THAT(search("login", analyst), HasSubstr("sanitized:login of"));
  EXPECT_THAT(search("login", analyst), Not(HasSubstr("hunter2secret")));
  EXPECT_THAT(search("login", analyst), Not(HasSubstr("anna@")));
}

TEST_F(files_test, FilesThatCannotBeSanitizedAreForTheirOwnerAndCleanOnesForAll) {
  const auto id = new_case();
  const auto analyst = sign_in_as("eve", user_role::analyst);
  const auto content = [&](const std::string& name, const std::string& bytes) { return at(id, "/data/" + upload(id, name, bytes).parsed()["file_id"].text() + "/content"); };
  const auto opaque = content("a.png", "pixels");
  EXPECT_EQ(call("GET", opaque, {}, {}, analyst).status, 403);
  EXPECT_EQ(get(opaque).body, "pixels");
  EXPECT_EQ(get(opaque + "?form=sanitized").status, 404);
  const auto clean = content("b.log", "nothing to hide");
  EXPECT_EQ(call("GET", clean, {}, {}, analyst).body, "nothing to hide");
  EXPECT_EQ(call("GET", clean + "?form=sanitized", {}, {}, analyst).body, "nothing to hide");
  const auto off = content("c.off", "password=hunter2secret");
  EXPECT_EQ(call("GET", off, {}, {}, analyst).body, "password=hunter2secret") << "redaction was off when it came";
}

TEST_F(knowledge_test, OnesOwnDocumentsAreAddedFoundChangedAndRemoved) {
  const auto me = get("/api/v1/auth/me").parsed()["user_id"].text();
  const auto own = "/api/v1/users/" + me + "/kb";
  const auto added = post(own + "/documents", R"({"title":"Redis out of memory","content":"Keys vanish when maxmemory is reached.","tags":["redis"],"document_type":"note"})");
  ASSERT_EQ(added.status, 201) << added.body;
  const auto id = added.parsed()["document_id"].text();
  EXPECT_TRUE(added.parsed()["indexed"].truth());
  const auto found = post(own + "/search", R"({"query":"our cache evicts entries, no RAM","limit":3})").parsed();
  ASSERT_GE(found["total_results"].whole(), 1U);
  EXPECT_EQ(found["results"].items()[0]["document_id"].text(), id);
  EXPECT_EQ(get(own + "/documents").parsed()["total_count"].whole(), 1U);
  EXPECT_EQ(get(own + "/documents?tag=nothing").parsed()["total_count"].whole(), 0U);
  EXPECT_THAT(get("/api/v1/knowledge/documents/" + id).parsed()["content"].text(), HasSubstr("vanish"));
  const auto changed = call("PUT", "/api/v1/knowledge/documents/" + id, R"({"content":"Now about printers.","expected_version":1})");
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.parsed()["version"].whole(), 2U);
  EXPECT_EQ(call("PUT", "/api/v1/knowledge/documents/" + id, R"({"title":"x"})", {{"If-Match", "\"1\""}}).status, 409);
  EXPECT_EQ(get(own + "/stats").parsed()["total_documents"].whole(), 1U);
  EXPECT_EQ(call("GET", "/api/v1/knowledge/documents/" + id, {}, {}, ben).status, 404);
  EXPECT_EQ(call("GET", own + "/stats", {}, {}, ben).status, 404);
  EXPECT_EQ(call("DELETE", own + "/documents/" + id).status, 204);
  EXPECT_EQ(get("/api/v1/knowledge/documents/" + id).status, 404);
}

TEST_F(knowledge_test, VersionsAreReadAndBroughtBack) {
  const auto me = get("/api/v1/auth/me").parsed()["user_id"].text();
  const auto id = post("/api/v1/users/" + me + "/kb/documents", R"({"title":"One","content":"First text.","tags":["a"]})").parsed()["document_id"].text();
  const auto path = "/api/v1/knowledge/documents/" + id;
  ASSERT_EQ(call("PUT", path, R"({"title":"Two","content":"Second text."})").status, 200);
  const auto list = get(path + "/versions").parsed();
  ASSERT_EQ(list["total_count"].whole(), 2U);
  EXPECT_EQ(list["versions"].items()[0]["version"].whole(), 2U);
  EXPECT_TRUE(list["versions"].items()[0]["current"].truth());
  EXPECT_EQ(list["versions"].items()[1]["title"].text(), "One");
  EXPECT_EQ(get(path + "/versions/1").parsed()["content"].text(), "First text.");
  EXPECT_EQ(get(path + "/versions/2").parsed()["content"].text(), "Second text.");
  for (const char* wrong : {"/versions/3", "/versions/0", "/versions/x"})
    EXPECT_EQ(get(path + wrong).status, 404) << wrong;
  EXPECT_EQ(call("GET", path + "/versions", {}, {}, ben).status, 404);
  EXPECT_EQ(call("GET", path + "/versions/1", {}, {}, ben).status, 404);
  const auto back = call("PUT", path, R"({"restore_version":1})");
  ASSERT_EQ(back.status, 200) << back.body;
  EXPECT_EQ(back.parsed()["version"].whole(), 3U);
  EXPECT_EQ(back.parsed()["title"].text(), "One");
  EXPECT_EQ(get(path).parsed()["content"].text(), "First text.");
  EXPECT_EQ(call("PUT", path, R"({"restore_version":9})").status, 404);
  EXPECT_EQ(call("PUT", path, R"({"restore_version":0})").status, 422);
}

TEST_F(knowledge_test, ATeamsDocumentsAreItsMembersAlone) {
  const auto team = post("/api/v1/teams", R"({"name":"Night watch"})").parsed()["team_id"].text();
  const auto kb = "/api/v1/teams/" + team + "/kb";
  const auto as_ben = [&](const char* method, const std::string& path, const char* body = "") { return call(method, path, body, {}, ben); };
  const auto added = post(kb + "/documents", R"({"title":"Pager rota","content":"The zanzibar pager rings thrice."})");
  ASSERT_EQ(added.status, 201) << added.body;
  EXPECT_EQ(added.parsed()["scope"].text(), "team");
  EXPECT_EQ(added.parsed()["team_id"].text(), team);
  const auto id = added.parsed()["document_id"].text();
  const auto bens = as_ben("GET", "/api/v1/auth/me").parsed()["user_id"].text();
  const auto root = sign_in_as("root", user_role::admin);
  for (const auto& token : {ben, root})
    for (const auto& [method, path, body] : std::vector<std::tuple<const char*, std::string, const char*>>{{"GET", kb + "/documents", ""},
                                                                                                        {"GET", kb + "/stats", ""},
                                                                                                        {"POST", kb + "/search", R"({"query":"zanzibar"})"},
                                                                                                        {"POST", kb + "/documents", R"({"title":"x","content":"y"})"},
                                                                                                        {"POST", kb + "/starter-pack", ""},
                                                                                                        {"DELETE", kb + "/documents/" + id, ""},
                                                                                                        {"GET", "/api/v1/knowledge/documents/" + id, ""},
                                                                                                        {"PUT", "/api/v1/knowledge/documents/" + id, R"({"title":"x"})"}})
      EXPECT_EQ(call(method, path, body, {}, token).status, 404) << method << " " << path;
  EXPECT_EQ(as_ben("POST", "/api/v1/knowledge/search", R"({"query":"zanzibar"})").parsed()["total_results"].whole(), 0U);
  ASSERT_EQ(post("/api/v1/teams/" + team + "/members", R"({"username":"ben"})").status, 201);
  EXPECT_EQ(as_ben("POST", kb + "/search", R"({"query":"zanzibar"})").parsed()["total_results"].whole(), 1U);
  EXPECT_EQ(as_ben("POST", "/api/v1/users/" + bens + "/kb/search", R"({"query":"zanzibar"})").parsed()["total_results"].whole(), 1U) << "one's own search knows one's teams";
  EXPECT_EQ(as_ben("POST", "/api/v1/knowledge/search", R"({"query":"zanzibar","filters":{"scopes":["user","global"]}})").parsed()["total_results"].whole(), 0U);
  EXPECT_EQ(as_ben("POST", "/api/v1/knowledge/search", R"({"query":"zanzibar","filters":{"scopes":["mars"]}})").status, 422);
  EXPECT_EQ(as_ben("PUT", "/api/v1/knowledge/documents/" + id, R"({"title":"Rota"})").parsed()["updated_by"].text(), bens) << "members write";
  EXPECT_EQ(as_ben("GET", kb + "/documents").parsed()["total_count"].whole(), 1U);
  EXPECT_EQ(as_ben("GET", "/api/v1/users/" + bens + "/kb/documents").parsed()["total_count"].whole(), 0U);
  EXPECT_EQ(get(kb + "/stats").parsed()["total_documents"].whole(), 1U);
  ASSERT_EQ(as_ben("DELETE", "/api/v1/teams/" + team + "/members/" + bens).status, 204);
  EXPECT_EQ(as_ben("GET", "/api/v1/knowledge/documents/" + id).status, 404) << "at once";
  ASSERT_EQ(call("DELETE", "/api/v1/teams/" + team).status, 204);
  EXPECT_EQ(get("/api/v1/knowledge/documents/" + id).status, 404);
  bool left = true;
  for (int i = 0; i < 1'000 && left; ++i) { // the removal runs behind the answer
    left = !storage.blobs->list("knowledge/" + team + "/", {}, 10)->blobs.empty();
    std::this_thread::sleep_for(2ms);
  }
  EXPECT_FALSE(left);
}

TEST_F(knowledge_test, AdministratorsHaveEverythingEmbeddedAnew) {
  EXPECT_EQ(post("/api/v1/knowledge/reindex", "").status, 403);
  const auto root = sign_in_as("root", user_role::admin);
  ASSERT_EQ(call("POST", "/api/v1/knowledge/documents", R"({"title":"t","content":"c"})", {}, root).status, 201);
  const auto job = call("POST", "/api/v1/knowledge/reindex", R"({"all":true})", {}, root);
  ASSERT_EQ(job.status, 202) << job.body;
  const auto path = "/api/v1/jobs/" + job.parsed()["job_id"].text();
  const auto done_job = call("GET", path, {}, {}, root).parsed();
  EXPECT_EQ(done_job["kind"].text(), "reindex");
  EXPECT_EQ(done_job["status"].text(), "completed");
  EXPECT_EQ(done_job["done"].whole(), 1U);
  EXPECT_EQ(get(path).status, 404) << "for administrators";
  EXPECT_EQ(call("POST", "/api/v1/knowledge/reindex", R"({"all":"yes"})", {}, root).status, 422);
  EXPECT_EQ(get("/api/v1/knowledge/stats").parsed()["embedder_status"].text(), "healthy");
  EXPECT_EQ(get("/health/dependencies").parsed()["dependencies"]["embedder"]["status"].text(), "healthy");
}

TEST_F(knowledge_test, WhatEverybodySharesIsForAdministratorsToChange) {
  EXPECT_EQ(post("/api/v1/knowledge/documents", R"({"title":"t","content":"c"})").status, 403);
  EXPECT_EQ(post("/api/v1/knowledge/starter-pack", "").status, 403);
  EXPECT_EQ(get("/api/v1/knowledge/documents").status, 200);
  EXPECT_EQ(get("/api/v1/knowledge/stats").parsed()["total_documents"].whole(), 0U);
}

TEST_F(knowledge_test, WrongInputNamesItsField) {
  const auto me = get("/api/v1/auth/me").parsed()["user_id"].text();
  const auto own = "/api/v1/users/" + me + "/kb";
  for (const char* body : {R"({"content":"c"})", R"({"title":"t"})", R"({"title":"t","content":"c","format":"exe"})", R"({"title":1})"})
    EXPECT_EQ(post(own + "/documents", body).status, 422) << body;
  EXPECT_EQ(post(own + "/documents", R"({"title":"t","content":"x","format":"pdf"})").status, 422) << "no PDF";
  EXPECT_EQ(post(own + "/search", R"({"query":""})").status, 422);
  EXPECT_EQ(post(own + "/search", R"({"query":"x","limit":99})").status, 422);
  EXPECT_EQ(post("/api/v1/knowledge/documents/bulk-delete", R"({"document_ids":[]})").status, 422);
}

TEST_F(knowledge_test, FilesAreTakenAsFormsAndFoundByTheirText) {
  const auto me = get("/api/v1/auth/me").parsed()["user_id"].text();
  const auto own = "/api/v1/users/" + me + "/kb";
  const auto send = [&](const std::string& name, const std::string& bytes, const std::string& more = {}) {
    return call("POST", own + "/documents", form(name, bytes, more), as_form);
  };
  const auto added = send("Pump manual.HTML", "<html><head><title>Pump manual</title></head><body><h2>Overheating</h2><p>Open the <b>bypass</b> valve.</p><script>alert(1)</script></body></html>",
                          "--XX\r\nContent-Disposition: form-data; name=tags\r\n\r\npump, valve\r\n");
  ASSERT_EQ(added.status, 201) << added.body;
  EXPECT_EQ(added.parsed()["title"].text(), "Pump manual");
  EXPECT_EQ(added.parsed()["format"].text(), "html");
  EXPECT_EQ(added.parsed()["tags"].items().size(), 2U);
  const auto id = added.parsed()["document_id"].text();
  EXPECT_EQ(get("/api/v1/knowledge/documents/" + id).parsed()["content"].text(), "# Pump manual\n\n## Overheating\n\nOpen the bypass valve.\n");
  const auto found = post(own + "/search", R"({"query":"bypass valve"})").parsed();
  ASSERT_GE(found["total_results"].whole(), 1U);
  EXPECT_EQ(found["results"].items()[0]["document_id"].text(), id);
  EXPECT_EQ(send("a.docx", "no zip").status, 422);
  EXPECT_EQ(send("a.exe", "MZ").status, 415);
  EXPECT_EQ(send("a.html", std::string(60'000, 'x')).status, 413);
  EXPECT_EQ(send("a.html", "<script>only()</script>").status, 422) << "no text";
  EXPECT_EQ(call("POST", own + "/documents", "--XX\r\nContent-Disposition: form-data; name=title\r\n\r\nx\r\n--XX--", as_form).status, 422);
}

TEST_F(knowledge_test, TheStarterPackIsInstalledOnceAndBulkWorkIsAJob) {
  const auto me = get("/api/v1/auth/me").parsed()["user_id"].text();
  const auto own = "/api/v1/users/" + me + "/kb";
  const auto job = post(own + "/starter-pack", "");
  ASSERT_EQ(job.status, 202) << job.body;
  const auto done_job = get("/api/v1/knowledge/jobs/" + job.parsed()["job_id"].text()).parsed();
  EXPECT_EQ(done_job["status"].text(), "completed");
  EXPECT_EQ(done_job["done"].whole(), 2U);
  ASSERT_EQ(post(own + "/starter-pack", "").status, 202);
  const auto list = get(own + "/documents").parsed();
  ASSERT_EQ(list["total_count"].whole(), 2U) << "not twice";
  const auto ids = R"({"document_ids":[")" + list["documents"].items()[0]["document_id"].text() + R"(","doc_unknown"],"updates":{"tags":["seen"]}})";
  const auto bulk = post("/api/v1/knowledge/documents/bulk-update", ids).parsed();
  const auto after = get("/api/v1/knowledge/jobs/" + bulk["job_id"].text()).parsed();
  EXPECT_EQ(after["done"].whole(), 1U);
  EXPECT_EQ(after["failed"].whole(), 1U);
  EXPECT_EQ(after["status"].text(), "failed");
  EXPECT_EQ(get(own + "/documents?tag=seen").parsed()["total_count"].whole(), 1U);
  EXPECT_EQ(call("GET", "/api/v1/knowledge/jobs/" + bulk["job_id"].text(), {}, {}, ben).status, 404);
  EXPECT_EQ(get("/api/v1/jobs?kind=starter_pack").parsed()["total_count"].whole(), 2U) << "the same jobs by the other door";
  EXPECT_EQ(get("/api/v1/jobs/" + bulk["job_id"].text()).parsed()["kind"].text(), "bulk_update");
}
} // namespace
} // namespace fm::http
