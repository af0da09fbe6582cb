// Likeness as people see it: messages of the case, at its start and when evidence came, never the same twice, and
// never about what a reader may not see.
#include "tests/http/rest_fixture.hpp"

namespace fm::http {
namespace {
struct likeness_test : rest_test {
  likeness_test() {
    likeness_deps deps{storage.cases, storage.blobs, offloaded, registry, [this](const case_id& id) { return shelf->marks(id); },
                       [](const user_id&, const std::string& question) {
                         std::vector<knowledge_hit> hits;
                         if (question.find("pool") != std::string::npos) {
                           knowledge_hit h;
                           h.document.id = "doc_0123456789ab";
                           h.document.title = "Connection limit reached";
                           h.reasons = {"words: pool"};
                           hits.push_back(h);
                         }
                         return hits;
                       }};
    std::lock_guard lock{likeness_mutex};
    likeness = spawn_likeness(system, settings, std::move(deps));
  }
  http_answer ask(const std::string& id, const std::string& question) { return post(at(id, "/queries"), R"({"query":)" + json_quoted(question) + "}"); }
  http_answer upload(const std::string& id, const std::string& name, const std::string& bytes) {
    return call("POST", at(id, "/data"), "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\n\r\n" + bytes + "\r\n--XX--\r\n",
                {{"Content-Type", "multipart/form-data; boundary=XX"}});
  }
  std::vector<json> notes(const std::string& id) {
    std::vector<json> out;
    const auto said = get(at(id, "/messages?limit=100")).parsed();
    for (auto& m : said["messages"].items())
      if (m["metadata"]["kind"].text() == "likeness")
        out.push_back(m);
    return out;
  }
  /// Waits until there are so many, or for long enough to know that there will be none.
  std::vector<json> notes(const std::string& id, std::size_t wanted) {
    for (int i = 0; i < 1'000 && notes(id).size() < wanted; ++i)
      std::this_thread::sleep_for(2ms);
    return notes(id);
  }
  static std::string log(int ms) {
    std::string out = "2026-01-31T12:00:00Z INFO up\n";
    for (int i = 0; i < 3; ++i)
      out += "2026-01-31T12:00:0" + std::to_string(i) + "Z ERROR could not take a connection out of the pool after " + std::to_string(ms + i) + " ms\n";
    return out;
  }
  likeness_settings settings;
};

TEST_F(likeness_test, TheFirstMessageBringsEarlierCasesWithTheirReason) {
  const auto old = new_case(R"({"title":"Sessions vanish from redis"})");
  ASSERT_EQ(ask(old, "Redis evicts keys since maxmemory was lowered and sessions vanish").status, 201);
  const auto fresh = new_case(R"({"title":"Logged out again"})");
  ASSERT_EQ(ask(fresh, "Why do sessions vanish? redis maxmemory evicts keys").status, 201);
  const auto told = notes(fresh, 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["type"].text(), "system_event");
  EXPECT_EQ(told[0]["role"].text(), "system");
  EXPECT_EQ(told[0]["metadata"]["similar_cases"].text(), old);
  EXPECT_THAT(told[0]["content"].text(), HasSubstr("Sessions vanish from redis"));
  EXPECT_THAT(told[0]["content"].text(), HasSubstr("maxmemory"));
  ASSERT_EQ(ask(fresh, "And redis maxmemory evicts keys, sessions vanish?").status, 201);
  EXPECT_TRUE(notes(old).empty()) << "the earlier one is told nothing of the later one";
}

TEST_F(likeness_test, EvidenceBringsMoreAndNothingIsToldTwice) {
  const auto old = new_case(R"({"title":"Pool"})");
  ASSERT_EQ(upload(old, "old.log", log(10)).status, 201);
  ASSERT_EQ(notes(old, 1).size(), 1U) << "a runbook fits";
  const auto fresh = new_case(R"({"title":"Shop is slow"})");
  ASSERT_EQ(upload(fresh, "new.log", log(700)).status, 201);
  auto told = notes(fresh, 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["metadata"]["similar_cases"].text(), old);
  EXPECT_EQ(told[0]["metadata"]["runbooks"].text(), "doc_0123456789ab");
  EXPECT_THAT(told[0]["content"].text(), HasSubstr("the same kinds of lines"));
  EXPECT_THAT(told[0]["content"].text(), HasSubstr("Connection limit reached"));
  ASSERT_EQ(upload(fresh, "more.log", log(5)).status, 201);
  // Another case is looked at after this one: when it was told, this one was looked at again.
  const auto last = new_case(R"({"title":"One more"})");
  ASSERT_EQ(upload(last, "last.log", log(70)).status, 201);
  ASSERT_EQ(notes(last, 1).size(), 1U);
  EXPECT_EQ(notes(fresh).size(), 1U);
}

TEST_F(likeness_test, OthersCasesAreNeverNamed) {
  const auto bens = call("POST", "/api/v1/cases", R"({"title":"Secret of ben"})", {}, ben).parsed()["case_id"].text();
  ASSERT_EQ(call("POST", at(bens, "/queries"), R"({"query":"Redis evicts keys since maxmemory was lowered and sessions vanish"})", {}, ben).status, 201);
  const auto mine = new_case(R"({"title":"Logged out again"})");
  ASSERT_EQ(ask(mine, "Why do sessions vanish? redis maxmemory evicts keys").status, 201);
  const auto second = new_case(R"({"title":"And again"})");
  ASSERT_EQ(ask(second, "Sessions vanish again, redis evicts keys at maxmemory").status, 201);
  const auto told = notes(second, 1);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0]["metadata"]["similar_cases"].text(), mine);
  EXPECT_TRUE(notes(mine).empty());
}

TEST_F(likeness_test, UnlikeCasesAreToldNothing) {
  const auto old = new_case(R"({"title":"Printer"})");
  ASSERT_EQ(ask(old, "The printer on the second floor is out of paper").status, 201);
  const auto fresh = new_case(R"({"title":"Certificates"})");
  ASSERT_EQ(ask(fresh, "Which authority signed the expired intermediate certificate?").status, 201);
  likeness_finder finder{settings, {storage.cases, storage.blobs, offloaded, registry, [this](const case_id& id) { return shelf->marks(id); }, {}}};
  const auto found = finder.look(case_id{fresh});
  ASSERT_TRUE(found);
  EXPECT_FALSE(*found);
  EXPECT_TRUE(notes(fresh).empty());
}

TEST_F(likeness_test, ADamagedProfileIsMadeAnew) {
  const auto old = new_case(R"({"title":"Sessions"})");
  ASSERT_EQ(ask(old, "Redis evicts keys since maxmemory was lowered and sessions vanish").status, 201);
  auto w = storage.blobs->put("cases/" + old + "/profile.json", "application/json");
  ASSERT_TRUE(w);
  ASSERT_TRUE((*w)->write("{\"v\":1,"));
  ASSERT_TRUE((*w)->finish());
  const auto fresh = new_case(R"({"title":"Logged out"})");
  ASSERT_EQ(ask(fresh, "Why do sessions vanish? redis maxmemory evicts keys").status, 201);
  EXPECT_EQ(notes(fresh, 1).size(), 1U);
}
} // namespace
} // namespace fm::http
