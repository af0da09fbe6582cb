// Forms, whole and in pieces: what comes out does not depend on where the pieces end.
#include "http/core/multipart.hpp"

#include <gtest/gtest.h>

#include <random>

namespace fm::http {
namespace {
const std::string type = "multipart/form-data; boundary=XX";

std::string form(const std::string& name, const std::string& bytes, const std::string& more = {}) {
  return "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" + name + "\"\r\nContent-Type: text/plain\r\n\r\n" + bytes + "\r\n" + more + "--XX--\r\n";
}

/// Writes down what it hears, and that begin, bytes and end come in order.
struct written_down final : form_sink {
  std::vector<std::pair<form_part_head, std::string>> parts;
  bool inside = false;
  std::optional<failure> refuse_bytes;

  outcome<done_t> begin(form_part_head head) override {
    EXPECT_FALSE(std::exchange(inside, true));
    parts.emplace_back(std::move(head), std::string{});
    return done;
  }
  outcome<done_t> bytes(std::string_view piece) override {
    EXPECT_TRUE(inside);
    EXPECT_FALSE(piece.empty());
    if (refuse_bytes)
      return *refuse_bytes;
    parts.back().second += piece;
    return done;
  }
  outcome<done_t> end() override {
    EXPECT_TRUE(std::exchange(inside, false));
    return done;
  }
};

/// In pieces as long as `next` says; the failure's sentence, or nothing.
template <class Next> std::string in_pieces(const std::string& body, written_down& to, Next next) {
  auto parser = form_parser::of(type);
  EXPECT_TRUE(parser);
  for (std::string_view rest = body; !rest.empty();) {
    const std::size_t n = std::min<std::size_t>(rest.size(), next());
    if (auto r = parser->feed(rest.substr(0, n), to); !r)
      return r.error().detail;
    rest.remove_prefix(n);
  }
  const auto ended = parser->finish();
  return ended ? std::string{} : ended.error().detail;
}
TEST(multipart, PartsFieldsAndNamesAreRead) {
  const auto body = form("a \\\"b\\\".log", "line 1\r\nline 2", "--XX\r\nContent-Disposition: form-data; name=description\r\n\r\nmine\r\n");
  auto parts = parse_multipart("multipart/form-data; boundary=\"XX\"", body);
  ASSERT_TRUE(parts) << parts.error().detail;
  ASSERT_EQ(parts->size(), 2U);
  EXPECT_EQ((*parts)[0].file_name, "a \"b\".log");
  EXPECT_EQ((*parts)[0].bytes, "line 1\r\nline 2");
  EXPECT_EQ((*parts)[0].content_type, "text/plain");
  EXPECT_EQ((*parts)[1].name, "description");
  EXPECT_EQ((*parts)[1].bytes, "mine");
}

TEST(multipart, CrookedBodiesAreRefusedWithASentence) {
  for (const std::string body : {"", "--XX", "--XX\r\n", "--XX\r\nno colon\r\n\r\nx\r\n--XX--", "--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\ncut off",
                                 "--XX\r\nContent-Disposition: attachment\r\n\r\nx\r\n--XX--", "--YY--", "--XXjunk\r\n\r\n"})
    EXPECT_EQ(parse_multipart(type, body).error().code, errc::invalid) << body;
  EXPECT_EQ(parse_multipart("application/json", "{}").error().code, errc::unsupported_media_type);
  EXPECT_EQ(parse_multipart("multipart/form-data", "x").error().code, errc::invalid);
  std::string many;
  for (int i = 0; i < 40; ++i)
    many += "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n";
  EXPECT_EQ(parse_multipart(type, many + "--XX--").error().code, errc::invalid);
}


const std::vector<std::string>& bodies() {
  static const std::vector<std::string> all{
      form("a.log", "line 1\r\nline 2", "--XX\r\nContent-Disposition: form-data; name=description\r\n\r\nmine\r\n"),
      form("empty", ""),
      form("almost.bin", "\r\n--X\r\r\n\r\n--\r\n--XY--XX\r\r\n-"),
      "words before\r\n" + form("b", "\r\n"),
      "--XX  \t\r\nContent-Disposition: form-data; name=a\r\n\r\nblanks after the boundary\r\n--XX--words after",
      "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--XX\r\nContent-Disposition: form-data; name=b\r\n\r\n\r\n--XX--",
      "--XX\r\n\r\nno head\r\n--XX--",
      "--XX\r\nno colon\r\n\r\nx\r\n--XX--",
      "--XXjunk\r\n\r\n",
      "--XX-",
      "no boundary at all",
      "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\ncut off\r\n--X",
      "",
  };
  return all;
}

TEST(multipart, PiecesOfAnyLengthGiveWhatTheWholeGives) {
  std::mt19937 random{3};
  for (const auto& body : bodies()) {
    const auto whole = parse_multipart(type, body);
    for (std::size_t length = 1; length <= 40; ++length) {
      written_down to;
      const auto said = in_pieces(body, to, [&] { return length == 40 ? 1 + random() % 9 : length; });
      EXPECT_EQ(said, whole ? std::string{} : whole.error().detail) << body << " in pieces of " << length;
      if (!whole)
        continue;
      ASSERT_EQ(to.parts.size(), whole->size());
      for (std::size_t i = 0; i < to.parts.size(); ++i) {
        EXPECT_EQ(to.parts[i].first.name, (*whole)[i].name);
        EXPECT_EQ(to.parts[i].first.file_name, (*whole)[i].file_name);
        EXPECT_EQ(to.parts[i].second, (*whole)[i].bytes);
      }
    }
  }
}

TEST(multipart, WhatLooksLikeABoundaryStaysInThePart) {
  const auto parts = parse_multipart(type, bodies()[2]);
  ASSERT_TRUE(parts) << parts.error().detail;
  EXPECT_EQ(parts->front().bytes, "\r\n--X\r\r\n\r\n--\r\n--XY--XX\r\r\n-");
}

TEST(multipart, HeadsAndPaddingAreBoundedHoweverTheyCome) {
  for (const std::size_t length : {1UL, 7UL, 100'000UL}) {
    written_down to;
    EXPECT_NE(in_pieces("--XX\r\nX-Long: " + std::string(9'000, 'x'), to, [&] { return length; }).find("head of a part does not end"), std::string::npos);
    EXPECT_NE(in_pieces("--XX" + std::string(300, ' ') + "\r\n", to, [&] { return length; }).find("something else than a line end"), std::string::npos);
  }
}

TEST(multipart, ARefusalOfTheReaderEndsTheReading) {
  auto parser = form_parser::of(type);
  ASSERT_TRUE(parser);
  written_down to;
  to.refuse_bytes = make_failure(errc::too_large, "Enough.");
  const auto first = parser->feed(form("a", "bytes"), to);
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().detail, "Enough.");
  to.refuse_bytes.reset();
  EXPECT_EQ(parser->feed("more", to).error().detail, "Enough.");
  EXPECT_EQ(parser->finish().error().detail, "Enough.");
}

} // namespace
} // namespace fm::http
