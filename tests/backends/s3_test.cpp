// S3 at its worst, by script: what goes up in parts, what may be repeated and what may not, answers lost and crooked.
#include "http/client/curl_client.hpp"
#include "protocol/base/http_call.hpp"
#include "protocol/base/sha256.hpp"
#include "storage/s3/blob_store.hpp"
#include "tests/support/scripted_http_server.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace {
using namespace fm;
using namespace std::chrono_literals;
using testing_support::scripted_http_server;
using testing_support::stub_step;

struct still_clock final : clock_source {
  timestamp now() const override { return timestamp{1'700'000'000'000ms}; }
};
constexpr const char* stored_ms = "1700000000000";
const std::string nothing = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
const std::string begun = "<InitiateMultipartUploadResult><UploadId>up/1</UploadId></InitiateMultipartUploadResult>";

struct s3_store : testing::Test {
  scripted_http_server server;
  s3::options o;
  blob_store_ptr store;
  void open() {
    o.endpoint = o.endpoint.empty() ? server.url() : o.endpoint;
    o.bucket = "b";
    o.access_key = "A";
    o.secret_key = "S";
    o.prefix = "p/";
    server.reply(200, nothing);
    auto s = s3::open_blob_store(o, make_curl_client({}), std::make_shared<still_clock>());
    ASSERT_TRUE(s) << s.error().detail;
    store = *s;
  }
  outcome<blob_info> put(const std::string& bytes) {
    auto w = store->put("k", "text/plain");
    if (!w)
      return w.error();
    if (auto r = (*w)->write(bytes); !r)
      return r.error();
    return (*w)->finish();
  }
  /// Method and target of what came after opening.
  std::vector<std::string> asked() const {
    std::vector<std::string> out;
    for (auto& r : server.requests())
      if (r.number > 1)
        out.push_back(r.method + " " + r.target);
    return out;
  }
};

TEST_F(s3_store, LargeBlobsGoUpInPartsThatAreSignedAndPutTogether) {
  o.part_bytes = 4;
  o.server_side_encryption = "AES256";
  open();
  server.reply(200, begun);
  for (const char* tag : {"\"t1\"", "\"t2\"", "\"t3\""})
    server.reply(200, "", {{"ETag", tag}});
  server.reply(200, "<CompleteMultipartUploadResult/>");
  const auto i = put("0123456789");
  ASSERT_TRUE(i) << i.error().detail;
  EXPECT_EQ(i->size, 10U);
  EXPECT_EQ(asked(), (std::vector<std::string>{"POST /b/p/k?uploads=", "PUT /b/p/k?partNumber=1&uploadId=up%2F1", "PUT /b/p/k?partNumber=2&uploadId=up%2F1",
                                               "PUT /b/p/k?partNumber=3&uploadId=up%2F1", "POST /b/p/k?uploadId=up%2F1"}));
  const auto all = server.requests();
  EXPECT_EQ(all[1].header("x-amz-meta-sha256"), sha256_hex("0123456789")) << "known before the first byte goes";
  EXPECT_EQ(all[1].header("x-amz-server-side-encryption"), "AES256");
  EXPECT_EQ(all[2].body + all[3].body + all[4].body, "0123456789");
  EXPECT_EQ(all[2].header("x-amz-content-sha256"), sha256_hex("0123"));
  EXPECT_NE(all[5].body.find("<Part><PartNumber>3</PartNumber><ETag>\"t3\"</ETag></Part>"), std::string::npos);
  for (auto& r : all)
    EXPECT_TRUE(r.header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=A/")) << r.target;
}

TEST_F(s3_store, APartThatIsRefusedTakesTheWholeUploadBack) {
  o.part_bytes = 4;
  open();
  server.reply(200, begun);
  server.reply(200, "", {{"ETag", "\"t1\""}});
  server.reply(400, "<Error><Code>EntityTooLarge</Code><Message>no</Message></Error>");
  server.reply(204, "");
  const auto i = put("0123456789");
  ASSERT_FALSE(i);
  EXPECT_EQ(i.error().code, errc::unavailable);
  EXPECT_EQ(i.error().facts.at("s3_code"), "EntityTooLarge");
  EXPECT_EQ(asked().back(), "DELETE /b/p/k?uploadId=up%2F1");
}

TEST_F(s3_store, APartIsRepeatedAfterAFault) {
  o.part_bytes = 4;
  open();
  server.reply(200, begun);
  server.stream({"<"}, stub_step::kind::cut);
  server.reply(500, "");
  server.reply(200, "", {{"ETag", "\"t1\""}});
  server.reply(200, "", {{"ETag", "\"t2\""}});
  server.reply(200, "<CompleteMultipartUploadResult/>");
  ASSERT_TRUE(put("01234567"));
  EXPECT_EQ(asked().size(), 6U);
}

TEST_F(s3_store, WhatBeginsAnUploadIsNotRepeatedWhereTheServerMayHaveActed) {
  o.part_bytes = 4;
  open();
  server.reply(500, "");
  EXPECT_FALSE(put("01234567"));
  EXPECT_EQ(asked().size(), 1U);
  server.reply(503, "<Error><Code>SlowDown</Code></Error>"); // this one says that it has not
  server.reply(200, begun);
  server.reply(200, "", {{"ETag", "\"t1\""}});
  server.reply(200, "", {{"ETag", "\"t2\""}});
  server.reply(200, "<CompleteMultipartUploadResult/>");
  EXPECT_TRUE(put("01234567"));
}

TEST_F(s3_store, ALostAnswerOfTheCompletionIsLookedUp) {
  o.part_bytes = 4;
  open();
  const std::string bytes = "01234567";
  for (const bool made : {true, false}) {
    server.reply(200, begun);
    server.reply(200, "", {{"ETag", "\"t1\""}});
    server.reply(200, "", {{"ETag", "\"t2\""}});
    server.stream({"<"}, stub_step::kind::cut);
    if (made) {
      server.reply(200, bytes, {{"x-amz-meta-sha256", sha256_hex(bytes)}, {"x-amz-meta-stored-ms", stored_ms}});
    } else {
      server.reply(404, "");
      server.reply(204, "");
    }
    EXPECT_EQ(static_cast<bool>(put(bytes)), made);
  }
  EXPECT_EQ(asked().back(), "DELETE /b/p/k?uploadId=up%2F1");
}

TEST_F(s3_store, AnErrorInsideA200IsAFailure) {
  o.part_bytes = 4;
  open();
  server.reply(200, begun);
  server.reply(200, "", {{"ETag", "\"t1\""}});
  server.reply(200, "", {{"ETag", "\"t2\""}});
  server.reply(200, "<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>");
  server.reply(404, "");
  server.reply(204, "");
  EXPECT_EQ(put("01234567").error().code, errc::unavailable);
}

TEST_F(s3_store, AWriterThatIsDroppedHasNeverSpokenToTheServer) {
  o.part_bytes = 4;
  open();
  {
    auto w = store->put("k", "");
    ASSERT_TRUE((*w)->write(std::string(1'000, 'x')));
  }
  EXPECT_TRUE(asked().empty());
}

TEST_F(s3_store, TooLargeIsRefusedBeforeAnythingIsSent) {
  o.blob_bytes_max = 10;
  open();
  EXPECT_EQ(put("more than ten bytes").error().code, errc::too_large);
  EXPECT_TRUE(asked().empty());
}

TEST_F(s3_store, TheBucketStandsInTheHostNameWhenItIsAskedTo) {
  o.path_style = false;
  o.endpoint = "http://localhost:" + std::to_string(server.port());
  open();
  server.reply(200, "");
  ASSERT_TRUE(put("hello"));
  const auto all = server.requests();
  EXPECT_EQ(all[0].target.substr(0, 13), "/?list-type=2");
  EXPECT_EQ(all[1].target, "/p/k");
  EXPECT_EQ(all[1].header("host"), "b.localhost:" + std::to_string(server.port()));
}

TEST_F(s3_store, ASilentServerIsLeftWithinTheDeadline) {
  o.timeout = 400ms;
  open();
  server.never_answer();
  const auto began = std::chrono::steady_clock::now();
  const auto r = store->stat("k");
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, errc::unavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 3s);
}

TEST_F(s3_store, AServerThatWentAwayIsUnavailableAndWorksAgainWhenItIsBack) {
  o.attempts_max = 2;
  open();
  server.reply(503, "");
  server.reply(503, "");
  const auto r = store->read("k", 0, 10);
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().code, errc::unavailable);
  EXPECT_TRUE(r.error().retry_after);
  server.reply(206, "hello", {{"Content-Range", "bytes 0-4/5"}});
  EXPECT_EQ(*store->read("k", 0, 10), "hello");
}

TEST_F(s3_store, ARangeThatIsShorterThanPromisedIsAFailure) {
  open();
  server.reply(206, "hel", {{"Content-Range", "bytes 0-4/9"}});
  EXPECT_EQ(store->read("k", 0, 5).error().code, errc::unavailable);
}

TEST_F(s3_store, AServerThatKnowsNoRangesIsUnderstood) {
  open();
  server.reply(200, "0123456789");
  EXPECT_EQ(*store->read("k", 2, 3), "234");
}

TEST_F(s3_store, ListsLeaveOutWhatWentMeanwhileAndGoOnPageByPage) {
  open();
  server.reply(200, "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>p/a</Key></Contents></ListBucketResult>");
  server.reply(404, "");
  server.reply(404, ""); // looked at once more, with patience
  server.reply(200, "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>p/c</Key></Contents></ListBucketResult>");
  server.reply(200, "", {{"x-amz-meta-sha256", "s"}, {"x-amz-meta-stored-ms", stored_ms}});
  auto page = store->list("", "", 2);
  ASSERT_TRUE(page) << page.error().detail;
  ASSERT_EQ(page->blobs.size(), 1U);
  EXPECT_EQ(page->blobs[0].key, "c");
  EXPECT_FALSE(page->more);
  EXPECT_EQ(asked()[0], "GET /b?list-type=2&max-keys=2&prefix=p%2F");
  EXPECT_EQ(asked()[3], "GET /b?list-type=2&max-keys=2&prefix=p%2F&start-after=p%2Fa");
}

TEST_F(s3_store, LifecycleRulesOfOthersStay) {
  open();
  server.reply(200, R"(<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule><ID>theirs</ID><Filter><Prefix>x/</Prefix></Filter><Status>Enabled</Status></Rule></LifecycleConfiguration>)");
  server.reply(200, "");
  ASSERT_TRUE(store->set_lifecycle("old/", std::chrono::days{90}));
  const auto sent = server.requests().back();
  EXPECT_EQ(sent.method + " " + sent.target, "PUT /b?lifecycle=");
  EXPECT_NE(sent.body.find("<ID>theirs</ID>"), std::string::npos);
  EXPECT_NE(sent.body.find("<Prefix>p/old/</Prefix></Filter><Status>Enabled</Status><Expiration><Days>90</Days>"), std::string::npos) << sent.body;
  EXPECT_FALSE(sent.header("content-md5").empty());
}

TEST(s3_server, RulesReallyStandOnTheServerAndAWrongKeyIsRefusedWithItsStatus) {
  if (std::getenv("FM_TEST_S3") == nullptr)
    GTEST_SKIP() << "no server for s3";
  s3::options real;
  real.endpoint = std::getenv("FM_TEST_S3");
  real.access_key = std::getenv("FM_TEST_S3_ACCESS_KEY");
  real.secret_key = std::getenv("FM_TEST_S3_SECRET");
  real.bucket = std::getenv("FM_TEST_S3_BUCKET");
  auto client = make_curl_client({});
  auto store = s3::open_blob_store(real, client).value();
  const auto rules = [&] {
    http_request r;
    r.url = real.endpoint + "/" + real.bucket + "?lifecycle=";
    r.headers = {{"x-amz-content-sha256", sha256_hex("")}};
    r.aws_sigv4 = "aws:amz:us-east-1:s3";
    r.aws_access_key = real.access_key;
    r.aws_secret_key = real.secret_key;
    return http_call_and_wait(*client, r).value().body;
  };
  ASSERT_TRUE(store->set_lifecycle("ninety/", std::chrono::days{90}));
  EXPECT_NE(rules().find("<Days>90</Days>"), std::string::npos) << rules();
  EXPECT_NE(rules().find("ninety/"), std::string::npos);
  ASSERT_TRUE(store->set_lifecycle("ninety/", std::nullopt));
  EXPECT_EQ(rules().find("ninety/"), std::string::npos);

  for (auto wrong : {&s3::options::secret_key, &s3::options::access_key}) {
    auto bad = real;
    bad.*wrong = "WRONG";
    auto s = s3::open_blob_store(bad, client);
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error().facts.at("status"), "403");
  }
  auto elsewhere = real;
  elsewhere.bucket = "there-is-none";
  auto s = s3::open_blob_store(elsewhere, client);
  ASSERT_FALSE(s);
  EXPECT_NE(s.error().detail.find("no bucket there-is-none"), std::string::npos) << s.error().detail;
}
} // namespace
