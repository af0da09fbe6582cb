// Personal data and secrets: found where they are, not where they only seem to be, and gone from the copy.
#include "actors/evidence/extractors/redaction.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>

namespace {
using namespace fm::extractors;

std::vector<std::pair<sensitive, std::string>> found(std::string_view text, redaction_options o = {}) {
  std::vector<std::pair<sensitive, std::string>> out;
  for (auto& r : find_sensitive(text, o).ranges)
    out.emplace_back(r.kind, std::string{text.substr(r.begin, r.size)});
  return out;
}
using list = std::vector<std::pair<sensitive, std::string>>;

TEST(Redaction, FindsPersonalData) {
  EXPECT_EQ(found("mail jane.doe+x@mail.example.org now"), (list{{sensitive::email, "jane.doe+x@mail.example.org"}}));
  EXPECT_EQ(found("call +49 30 1234567."), (list{{sensitive::phone, "+49 30 1234567"}}));
  EXPECT_EQ(found("call (555) 010-1234 or 555-010-9999"), (list{{sensitive::phone, "(555) 010-1234"}, {sensitive::phone, "555-010-9999"}}));
  EXPECT_EQ(found("ssn 123-45-6789"), (list{{sensitive::national_id, "123-45-6789"}}));
}

TEST(Redaction, CardsAndIbansNeedTheirChecksum) {
  EXPECT_EQ(found("card 4111 1111 1111 1111 ok"), (list{{sensitive::credit_card, "4111 1111 1111 1111"}}));
  EXPECT_EQ(found("card 378282246310005"), (list{{sensitive::credit_card, "378282246310005"}}));
  EXPECT_TRUE(found("card 4111 1111 1111 1112").empty());
  EXPECT_EQ(found("to DE89 3704 0044 0532 0130 00 please"), (list{{sensitive::iban, "DE89 3704 0044 0532 0130 00"}}));
  EXPECT_EQ(found("GB82WEST12345698765432"), (list{{sensitive::iban, "GB82WEST12345698765432"}}));
  EXPECT_TRUE(found("to DE89 3704 0044 0532 0130 01 please").empty());
  EXPECT_TRUE(iban_valid("GB82WEST12345698765432"));
  EXPECT_FALSE(iban_valid("GB82WEST1234569876543"));
  EXPECT_TRUE(luhn_valid("79927398713"));
  EXPECT_FALSE(luhn_valid("79927398710"));
}

TEST(Redaction, FindsSecretsByTheirShape) {
  const std::string hex36(36, 'a');
  EXPECT_EQ(found("key AKIAIOSFODNN7EXAMPLE."), (list{{sensitive::aws_key, "AKIAIOSFODNN7EXAMPLE"}}));
  EXPECT_EQ(found("ghp_" + hex36).at(0).first, sensitive::github_token);
  EXPECT_EQ(found("xoxb-123456789012-abcdefghij").at(0).first, sensitive::slack_token);
  EXPECT_EQ(found("AIzaSyA1234567890abcdefghijklmnopqrstuv").at(0).first, sensitive::google_key);
  EXPECT_EQ(found("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ").at(0).first, sensitive::jwt);
  EXPECT_EQ(found("postgres://app:s3cr3t@db.internal:5432/x"), (list{{sensitive::url_password, "s3cr3t"}}));
  EXPECT_EQ(found("Authorization: Bearer abcdef123456789"), (list{{sensitive::bearer_token, "abcdef123456789"}}));
  EXPECT_EQ(found("-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nrest").at(0).second, "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----");
}

TEST(Redaction, FindsSecretsByTheNameBeforeThem) {
  EXPECT_EQ(found("password=hunter2 user=bob"), (list{{sensitive::password, "hunter2"}}));
  EXPECT_EQ(found("{\"clientSecret\": \"abc def\", \"n\": 1}"), (list{{sensitive::password, "abc def"}}));
  EXPECT_EQ(found("  db_password: two words here # note"), (list{{sensitive::password, "two words here"}}));
  EXPECT_EQ(found("run --token abcdefg --port 1"), (list{{sensitive::password, "abcdefg"}}));
  EXPECT_EQ(found("Server=db;User=a;Password=p4ss;Timeout=5"), (list{{sensitive::password, "p4ss"}}));
  EXPECT_EQ(found("<password>hunter2</password>"), (list{{sensitive::password, "hunter2"}}));
  EXPECT_EQ(found("- name: DB_PASSWORD\n  value: hunter2\n"), (list{{sensitive::password, "hunter2"}}));
  EXPECT_EQ(found("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").at(0).second, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
}

TEST(Redaction, LeavesAloneWhatOnlyLooksAlike) {
  for (const std::string_view text : {"tokens: 4096", "max_tokens=512", "password=${DB_PASSWORD}", "password: {{ vault }}", "password=****", "secretName: my-secret", "passwordReset: done-now", "user@host", "a@b", "12:30:45.123",
                                      "2026-01-31T12:00:00+0100", "id 1700000000000", "v1.2.3-4567", "sk-some-long-hyphenated-word", "bearer of bad news", "took 123-456 ms", "http://host:8080/path@x", "password:", "uuid 123e4567-e89b-12d3-a456-426614174000"})
    EXPECT_TRUE(found(text).empty()) << text << " -> " << found(text)[0].second;
}

TEST(Redaction, AddressesOnlyOnRequest) {
  EXPECT_TRUE(found("from 10.0.0.17 port 22").empty());
  redaction_options o;
  o.ip_addresses = true;
  EXPECT_EQ(found("from 10.0.0.17 port 22", o), (list{{sensitive::ip_address, "10.0.0.17"}}));
  EXPECT_FALSE(find_sensitive("from 10.0.0.17 port 22", o).pii_detected());
  EXPECT_TRUE(found("version 1.2.3.4.5", o).empty());
  EXPECT_TRUE(found("300.1.1.1", o).empty());
}

TEST(Redaction, TheCopyKeepsItsLinesAndHasNothingLeft) {
  const std::string text = "a: 1\npassword: hunter2\n-----BEGIN PRIVATE KEY-----\nxx\nyy\n-----END PRIVATE KEY-----\nmail a.b@c.org\n";
  const auto clean = sanitized(text, find_sensitive(text));
  EXPECT_EQ(std::count(clean.begin(), clean.end(), '\n'), std::count(text.begin(), text.end(), '\n'));
  EXPECT_EQ(clean.find("hunter2"), std::string::npos);
  EXPECT_EQ(clean.find("xx"), std::string::npos);
  EXPECT_NE(clean.find("password: [redacted:password]"), std::string::npos);
  EXPECT_NE(clean.find("mail [redacted:email]"), std::string::npos);
  EXPECT_TRUE(find_sensitive(clean).ranges.empty());
}

TEST(Redaction, RangesAreSortedAndDisjointOnNoise) {
  std::mt19937 random{11};
  const std::vector<std::string> parts{"password=", "token: ", "://", "a:b@c ", "@x.com", "4111111111111111", "-----BEGIN PRIVATE KEY-----", "-----END ", "+4930123456789", "eyJ", ".", "\"", "{", "\n", " ", "AKIA", "GB82WEST12345698765432", "name: ", "value: "};
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 60; ++i)
      text += parts[random() % parts.size()];
    std::uint64_t last = 0;
    for (auto& r : find_sensitive(text).ranges) {
      EXPECT_GE(r.begin, last);
      EXPECT_GT(r.size, 0U);
      last = r.end();
    }
    EXPECT_LE(last, text.size());
  }
}

TEST(Redaction, TimeIsLinearOnTextMadeToHurt) {
  for (const std::string_view piece : {"password=", "://a:", "pwd={", "a@", "-----BEGIN PRIVATE KEY-----", "1 ", "GB82 ", "eyJa.", "token=\"", "name: token value", "<token>", "+1 ", "bearer "}) {
    std::string text;
    while (text.size() < (2U << 20))
      text += piece;
    const auto from = std::chrono::steady_clock::now();
    (void)find_sensitive(text);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - from).count();
    EXPECT_LT(ms, 8'000) << piece; // unoptimised and sanitized builds included
  }
}

/// What one long text holds: every kind, keys that end, keys that do not, values as long as they may be, long lines.
std::string long_text(std::mt19937& random) {
  const std::vector<std::string> parts{"password=", "token: ", "://u:p", "a:b@c ", "anna@example.org", "4111111111111111", "4111 1111 1111 1111", "-----BEGIN RSA PRIVATE KEY-----\n", "-----END RSA PRIVATE KEY-----", "-----END ", "+4930123456789",
                                       "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", ".", "\"", "{", "\n", "\r\n", "\r", " ", "AKIAIOSFODNN7EXAMPLE", "GB82WEST12345698765432", "- name: DB_PASSWORD\n  value: ", "hunter2secret", "<password>", "</",
                                       "Authorization: Basic ", "dXNlcjpwYXNz", "bearer ", "https://hooks.slack.com/services/", "(555) 010-1234", "2026-01-31T12:00:00Z INFO request served\n"};
  std::string text;
  const std::size_t size = 20'000 + random() % 120'000;
  while (text.size() < size)
    switch (random() % 12) {
    case 0: text += std::string(random() % 20'000, "aM3+ \n"[random() % 6]); break;
    case 1:
      text += "-----BEGIN PRIVATE KEY-----\n";
      for (auto n = random() % 300; n > 0; --n)
        text += "MIIEpAIBAAKCAQEA0123456789abcdefghijklmnopqrstuvwxyz+/ABCDEFGHIJKL\n";
      break;
    default: text += parts[random() % parts.size()];
    }
  return text;
}

TEST(Redaction, ATextInPiecesGivesWhatItGivesInOne) {
  std::mt19937 random{5};
  std::size_t found = 0;
  for (int round = 0; round < 120; ++round) {
    const auto text = long_text(random);
    redaction_options options;
    options.ip_addresses = round % 2 == 0;
    options.personal = round % 5 != 0;
    const auto whole = find_sensitive(text, options);
    found += whole.ranges.size();
    sensitive_filter filter{options};
    std::string copy;
    std::vector<sensitive_range> ranges;
    const std::size_t most = std::vector<std::size_t>{1, 100, 5'000, 40'000, 1U << 20}[random() % 5];
    for (std::size_t at = 0; at < text.size();) {
      const auto n = 1 + random() % most;
      filter.feed(std::string_view{text}.substr(at, n), copy, &ranges);
      at += n;
    }
    EXPECT_EQ(filter.finish(copy, &ranges).counts, whole.counts) << round;
    ASSERT_EQ(ranges, whole.ranges) << round;
    ASSERT_TRUE(copy == sanitized(text, whole)) << round;
  }
  EXPECT_GT(found, 1'000U);
}

TEST(Redaction, TheFilterHoldsNoMoreForALineThatNeverEnds) {
  // "a@b.cda@b.cd…" is one address after another without an end between them: one range as long as the text.
  for (const std::string_view piece : {"a", "password=", "a@b.cd", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----aaaa", "4111 1111 1111 1111 ", "token=\"x"}) {
    sensitive_filter filter;
    std::string block, copy;
    while (block.size() < (200U << 10))
      block += piece;
    std::vector<sensitive_range> ranges;
    for (int i = 0; i < 40; ++i) {
      copy.clear();
      ranges.clear();
      filter.feed(block, copy, &ranges);
      ASSERT_LT(filter.held_bytes(), 320U << 10) << piece;
    }
  }
}

} // namespace
