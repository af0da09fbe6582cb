// What the real Chroma and S3 servers cannot show: headers that are sent, and answers that are faults.
#include "http/client/curl_client.hpp"
#include "storage/chroma/vector_store.hpp"
#include "storage/s3/blob_store.hpp"
#include "tests/support/scripted_http_server.hpp"

#include <gtest/gtest.h>

namespace {
using namespace fm;
using namespace std::chrono_literals;
using testing_support::scripted_http_server;

TEST(chroma_wire, TheTokenGoesWithEveryRequest) {
  scripted_http_server server;
  server.reply(200, "{}");
  chroma::options o;
  o.url = server.url();
  o.token = "secret-token";
  auto s = chroma::open_vector_store(o, make_curl_client({}));
  ASSERT_TRUE(s) << s.error().detail;
  server.reply(200, "[]");
  ASSERT_TRUE((*s)->collections());
  for (auto& r : server.requests())
    EXPECT_EQ(r.header("x-chroma-token"), "secret-token") << r.target;
}

TEST(chroma_wire, FaultsAreTriedAgainAndThenSaid) {
  scripted_http_server server;
  server.reply(503, "");
  server.reply(200, "{}");
  chroma::options o;
  o.url = server.url();
  auto s = chroma::open_vector_store(o, make_curl_client({}));
  ASSERT_TRUE(s) << s.error().detail;
  for (int i = 0; i < 3; ++i)
    server.reply(500, "{}");
  EXPECT_EQ((*s)->ping().error().code, errc::unavailable);
  server.reply(401, "{}");
  EXPECT_FALSE((*s)->ping());
  server.reply(200, "not json");
  EXPECT_EQ((*s)->collections().error().code, errc::unavailable);
}

s3::options bucket_at(const scripted_http_server& server) {
  s3::options o;
  o.endpoint = server.url();
  o.bucket = "b";
  o.access_key = "A";
  o.secret_key = "S";
  o.prefix = "p/";
  o.timeout = 5s;
  return o;
}
const std::string nothing = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";

TEST(s3_wire, EncryptionChecksumTypeAndSignatureAreSent) {
  scripted_http_server server;
  server.reply(200, nothing);
  auto o = bucket_at(server);
  o.server_side_encryption = "AES256";
  auto s = s3::open_blob_store(o, make_curl_client({}), system_clock_source());
  ASSERT_TRUE(s) << s.error().detail;
  server.reply(200, "");
  auto w = (*s)->put("k", "text/plain");
  ASSERT_TRUE((*w)->write("hello"));
  ASSERT_TRUE((*w)->finish());
  const auto put = server.requests().back();
  EXPECT_EQ(put.method, "PUT");
  EXPECT_EQ(put.target, "/b/p/k");
  EXPECT_EQ(put.body, "hello");
  EXPECT_EQ(put.header("x-amz-server-side-encryption"), "AES256");
  EXPECT_EQ(put.header("content-type"), "text/plain");
  EXPECT_EQ(put.header("x-amz-meta-sha256"), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  EXPECT_EQ(put.header("x-amz-content-sha256"), put.header("x-amz-meta-sha256"));
  EXPECT_EQ(put.header("authorization").substr(0, 16), "AWS4-HMAC-SHA256");
}

TEST(s3_wire, DamageOnTheWayIsFound) {
  scripted_http_server server;
  server.reply(200, nothing);
  auto s = s3::open_blob_store(bucket_at(server), make_curl_client({}), system_clock_source());
  ASSERT_TRUE(s);
  server.reply(206, "hellO", {{"Content-Range", "bytes 0-4/5"}, {"x-amz-meta-sha256", "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}});
  auto b = (*s)->read("k", 0, 100);
  ASSERT_FALSE(b);
  EXPECT_NE(b.error().detail.find("damaged"), std::string::npos);
}

TEST(s3_wire, WhatTheServerDoesNotKnowIsSaidAsSuch) {
  scripted_http_server server;
  server.reply(200, nothing);
  auto s = s3::open_blob_store(bucket_at(server), make_curl_client({}), system_clock_source());
  ASSERT_TRUE(s);
  server.reply(501, "<Error><Code>NotImplemented</Code><Message>no lifecycle here</Message></Error>");
  EXPECT_EQ((*s)->set_lifecycle("x/", std::chrono::days{90}).error().code, errc::not_implemented);
  server.reply(404, "<Error><Code>NoSuchBucket</Code></Error>");
  EXPECT_EQ((*s)->ping().error().code, errc::unavailable);
}
} // namespace
