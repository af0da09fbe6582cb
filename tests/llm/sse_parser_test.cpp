// Server-sent events: the same events whatever the line ends and wherever the stream is cut.
#include "actors/llm/sse_parser.hpp"

#include <gtest/gtest.h>

namespace fm {
namespace {
std::vector<std::string> events_of(std::string_view stream, std::size_t piece, std::size_t limit = 1U << 20) {
  sse_parser parser{limit};
  std::vector<std::string> out;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    auto fed = parser.feed(stream.substr(at, piece), [&](const sse_event& e) {
      out.push_back(e.name + "|" + e.data + "|" + e.id);
      return true;
    });
    if (!fed)
      out.push_back("failure:" + std::string{to_string(fed.error().code)});
  }
  return out;
}

TEST(sse_parser, ReadsFieldsCommentsAndManyLinesCutAnywhereWithAnyLineEnd) {
  const std::string base = "\xEF\xBB\xBF: hello\ndata: one\n\nevent: ping\nid: 7\ndata:two\ndata:  three\n\n"
                           ":\nunknown: x\ndata\n\nretry: 5\n\ndata: \xC3\xA9\xF0\x9F\x98\x80\n\nevent: no "
                           "data\n\ndata: unfinished";
  const std::vector<std::string> wanted{"|one|", "ping|two\n three|7", "||7", "|\xC3\xA9\xF0\x9F\x98\x80|7"};
  for (const std::string end : {"\n", "\r", "\r\n"}) {
    std::string stream;
    for (char c : base)
      stream += c == '\n' ? end : std::string(1, c);
    for (std::size_t piece = 1; piece <= stream.size(); ++piece)
      EXPECT_EQ(events_of(stream, piece), wanted) << "pieces of " << piece << ", line end of " << end.size();
  }
}

TEST(sse_parser, ABomOnlyCountsAtTheVeryStart) {
  EXPECT_TRUE(events_of("\n\xEF\xBB\xBF"
                        "data: x\n\n",
                        100)
                  .empty());
}

TEST(sse_parser, ALineAndAnEventHaveALimit) {
  EXPECT_EQ(events_of("data: " + std::string(200, 'x'), 50, 100).front(), "failure:too_large");
  std::string many;
  for (int i = 0; i < 50; ++i)
    many += "data: xxxxxxxx\n";
  EXPECT_EQ(events_of(many, 7, 200).front(), "failure:too_large");
  EXPECT_EQ(events_of("data: ok\n\n", 3, 100).size(), 1U);
}

TEST(sse_parser, StopsWhenTheTakerHasEnough) {
  sse_parser parser;
  int taken = 0;
  EXPECT_TRUE(
      parser.feed("data: 1\n\ndata: 2\n\ndata: 3\n\n", [&](const sse_event&) { return ++taken < 2; }));
  EXPECT_EQ(taken, 2);
}
} // namespace
} // namespace fm
