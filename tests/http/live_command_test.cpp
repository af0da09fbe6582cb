// Parsing of live commands: total, exact about what is missing, and never an answer to nobody.
#include "http/live/live_command.hpp"

#include <gtest/gtest.h>

namespace fm::http {
namespace {

TEST(live_command, KnowsEveryCommandOfTheTable) {
  for (auto& row : live_commands()) {
    std::string json = R"({"id":7,"type":")" + std::string{row.type} + "\"";
    for (auto& f : row.fields)
      if (f.required)
        json += ",\"" + std::string{f.name} + "\":\"x\"";
    const auto parsed = parse_live_command(json + "}");
    ASSERT_TRUE(parsed.command) << row.type << ": " << parsed.command.error().detail;
    EXPECT_EQ(parsed.command->verb, row.verb);
    EXPECT_EQ(parsed.reply_to, "7");
    EXPECT_EQ(parsed.command->reply_to, "7");
  }
}

TEST(live_command, NamesTheFieldThatIsMissing) {
  for (auto& row : live_commands())
    for (auto& missing : row.fields) {
      if (!missing.required)
        continue;
      std::string json = R"({"id":"a","type":")" + std::string{row.type} + "\"";
      for (auto& f : row.fields)
        if (f.required && f.name != missing.name)
          json += ",\"" + std::string{f.name} + "\":\"x\"";
      const auto parsed = parse_live_command(json + "}");
      ASSERT_FALSE(parsed.command) << row.type << " without " << missing.name;
      EXPECT_EQ(parsed.command.error().code, errc::invalid);
      EXPECT_EQ(parsed.command.error().facts.at("field"), missing.name);
      EXPECT_EQ(parsed.reply_to, "\"a\"");
    }
}

TEST(live_command, RefusesAFieldOfTheWrongType) {
  for (auto json : {R"({"id":1,"type":"case.open","case_id":5})", R"({"id":1,"type":"case.open","case_id":"c","after_seq":"5"})",
                    R"({"id":1,"type":"case.open","case_id":"c","after_seq":1.5})", R"({"id":1,"type":"typing","case_id":"c","active":"yes"})",
                    R"({"id":1,"type":"case.update","case_id":"c","tags":["a",1]})", R"({"id":1,"type":"turn.submit","case_id":"c","client_turn_id":"t","content":{}})"}) {
    const auto parsed = parse_live_command(json);
    ASSERT_FALSE(parsed.command) << json;
    EXPECT_EQ(parsed.command.error().code, errc::invalid);
    EXPECT_TRUE(parsed.command.error().facts.contains("field")) << json;
    EXPECT_EQ(parsed.reply_to, "1");
  }
}

TEST(live_command, EchoesTheIdAsTheClientWroteIt) {
  for (auto id : {"1", "-5", "\"a\"", "\"\\u00e9\\n\"", "\"\"", "18446744073709551615"}) {
    const auto parsed = parse_live_command(std::string{R"({"type":"ping","id":)"} + id + "}");
    ASSERT_TRUE(parsed.command) << id;
    EXPECT_FALSE(parsed.reply_to.empty());
    EXPECT_TRUE(wire::json_body::parse("{\"x\":" + parsed.reply_to + "}")) << parsed.reply_to;
  }
  EXPECT_EQ(parse_live_command(R"({"type":"ping","id":"A"})").reply_to, "\"A\"");
}

TEST(live_command, AnIdIsATextOrANumber) {
  for (auto id : {"[1]", "{}", "true"}) {
    const auto parsed = parse_live_command(std::string{R"({"type":"ping","id":)"} + id + "}");
    EXPECT_FALSE(parsed.command) << id;
    EXPECT_TRUE(parsed.reply_to.empty()) << id;
  }
  const auto longest = parse_live_command(R"({"type":"ping","id":")" + std::string(reply_to_bytes_max - 2, 'a') + "\"}");
  EXPECT_TRUE(longest.command);
  EXPECT_FALSE(parse_live_command(R"({"type":"ping","id":")" + std::string(reply_to_bytes_max - 1, 'a') + "\"}").command);
}

TEST(live_command, AnAbsentIdIsNoMistake) {
  const auto parsed = parse_live_command(R"({"type":"ping"})");
  ASSERT_TRUE(parsed.command);
  EXPECT_TRUE(parsed.reply_to.empty());
}

TEST(live_command, AnythingElseIsInvalid) {
  for (auto json : {"", "x", "[]", "5", "null", "\"ping\"", "{", R"({"type":})", R"({"type":"ping"} {})", R"({"type":"ping"}x)", R"({})",
                    R"({"id":1})", R"({"type":7})", R"({"type":"no.such"})", "{\"type\":\"\xff\xfe\"}"}) {
    const auto parsed = parse_live_command(json);
    ASSERT_FALSE(parsed.command) << json;
    EXPECT_EQ(parsed.command.error().code, errc::invalid) << json;
    EXPECT_FALSE(parsed.command.error().detail.empty());
  }
}

} // namespace
} // namespace fm::http
