// Reading what clients send: tolerant of what is unknown, exact about what is known, and never surprised.
#include "protocol/wire/json_body.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace fm::wire {
namespace {

json_body parsed_body(std::string_view text) {
  auto body = json_body::parse(text);
  EXPECT_TRUE(body) << text;
  return *body;
}

TEST(JsonBody, ReadsMembersByNameAndType) {
  const auto b = parsed_body(
      R"({"a":"text \u00e4 \ud83d\ude00","n":-7,"t":true,"l":["x","y"],"m":{"k":"v","n":1.5,"b":false},"z":null,"unknown":[{}]})");
  EXPECT_EQ(b.text("a"), "text \xC3\xA4 \xF0\x9F\x98\x80");
  EXPECT_EQ(b.integer("n"), -7);
  EXPECT_EQ(b.boolean("t"), true);
  EXPECT_EQ(b.texts("l"), (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(b.text_map("m"), (std::map<std::string, std::string>{{"k", "v"}, {"n", "1.5"}, {"b", "false"}}));
  EXPECT_EQ(b.object("m")->text("k"), "v");
  EXPECT_FALSE(b.wrong());
}

TEST(JsonBody, AbsentAndNullAreTheSame) {
  const auto b = parsed_body(R"({"z":null})");
  EXPECT_FALSE(b.has("z"));
  EXPECT_FALSE(b.text("z"));
  EXPECT_FALSE(b.text("none"));
  EXPECT_FALSE(b.wrong());
}

TEST(JsonBody, EmptyTextIsAnEmptyObject) {
  for (const auto* text : {"", " \r\n\t", "{}"})
    EXPECT_FALSE(parsed_body(text).has("a")) << text;
}

TEST(JsonBody, WrongTypeIsRememberedWithItsField) {
  const auto b = parsed_body(R"({"a":1,"n":"1","f":1.5,"t":"yes","l":["x",2],"m":[]})");
  EXPECT_FALSE(b.text("a"));
  ASSERT_TRUE(b.wrong());
  EXPECT_EQ(b.wrong()->code, errc::invalid);
  EXPECT_EQ(b.wrong()->facts.at("field"), "a");
  for (const auto& [name, read] : {std::pair<const char*, std::function<bool(const json_body&)>>{
                                       "n", [](auto& j) { return j.integer("n").has_value(); }},
                                   {"f", [](auto& j) { return j.integer("f").has_value(); }},
                                   {"t", [](auto& j) { return j.boolean("t").has_value(); }},
                                   {"l", [](auto& j) { return j.texts("l").has_value(); }},
                                   {"m", [](auto& j) { return j.object("m").has_value(); }}}) {
    const auto fresh = parsed_body(R"({"a":1,"n":"1","f":1.5,"t":"yes","l":["x",2],"m":[]})");
    EXPECT_FALSE(read(fresh)) << name;
    ASSERT_TRUE(fresh.wrong()) << name;
    EXPECT_EQ(fresh.wrong()->facts.at("field"), name);
  }
}

TEST(JsonBody, WrongTypeInsideAnObjectIsSeenOutside) {
  const auto b = parsed_body(R"({"m":{"k":7}})");
  EXPECT_FALSE(b.object("m")->text("k"));
  EXPECT_TRUE(b.wrong());
}

TEST(JsonBody, WhatIsNoObjectIsRefused) {
  for (const auto* text : {"{", "[]", "7", "\"x\"", "null", "{\"a\":}", "{\"a\":1}x", "{\"a\":\"\xff\"}",
                           "{\"a\":1e999}", "{\"a\":\"\\ud800\"}", "{'a':1}"}) {
    const auto b = json_body::parse(text);
    ASSERT_FALSE(b) << text;
    EXPECT_EQ(b.error().code, errc::invalid);
  }
}

TEST(JsonBody, DepthIsBounded) {
  const std::string deep = "{\"a\":" + std::string(5'000, '[') + std::string(5'000, ']') + "}";
  EXPECT_FALSE(json_body::parse(deep));
}

TEST(JsonBody, RawGivesBackWhatWasWritten) {
  const auto b = parsed_body(R"({"id":7,"name":"a\"b"})");
  EXPECT_EQ(b.raw("id"), "7");
  EXPECT_EQ(b.raw("name"), R"("a\"b")");
  EXPECT_EQ(b.raw("none"), "");
}

} // namespace
} // namespace fm::wire
