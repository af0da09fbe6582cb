// What is searched of files whose bytes are no text, and DOCX and CR files as their analysis reads them.
#include "config/app/lib/searchable_text.hpp"
#include "config/app/lib/file_analysis.hpp"
#include "protocol/base/text.hpp"
#include "tests/support/hostile_files.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace fm::app {
namespace {
using testing::HasSubstr;
using testing::Not;
using testing_support::deflated;
using testing_support::gzip_of;
using testing_support::stored;
using testing_support::zip_of;

case_search::extracted_text text_of(const std::string& name, const std::string& bytes, const searchable_text_options& options = {}) {
  auto text = searchable_text(name, memory_source{bytes}, options);
  EXPECT_TRUE(text) << (text ? "" : text.error().detail);
  return text ? *text : case_search::extracted_text{};
}
std::string docx_of(const std::string& words) {
  return zip_of({deflated("[Content_Types].xml", "<Types/>"),
                 deflated("word/document.xml", "<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body><w:p><w:r><w:t>" + words + "</w:t></w:r></w:p></w:body></w:document>")});
}

TEST(SearchableText, OfAnArchiveIsItsFilesEachAPart) {
  const auto inner = gzip_of("packed twice\n");
  const auto t = text_of("bundle.zip", zip_of({deflated("app.log", "one\nmail to kim@example.org refused"), stored("raw.bin", std::string("\0\1\2", 3)), stored("b.log.gz", inner), deflated("notes.docx", docx_of("Restart the quaggatron"))}));
  std::vector<std::string> names;
  for (auto& p : t.parts) {
    names.push_back(p.name);
    EXPECT_TRUE(p.begin == 0 || t.text[p.begin - 1] == '\n') << p.name;
  }
  ASSERT_GE(names.size(), 3U);
  EXPECT_EQ(names[0], "app.log");
  EXPECT_THAT(names, Not(testing::Contains("raw.bin")));
  EXPECT_THAT(t.text, HasSubstr("packed twice\n"));
  EXPECT_THAT(t.text, HasSubstr("Restart the quaggatron"));
  EXPECT_THAT(t.text, Not(HasSubstr("kim@example.org")));
  searchable_text_options open;
  open.redact = false;
  EXPECT_THAT(text_of("bundle.zip", zip_of({deflated("app.log", "mail to kim@example.org refused"), stored("x", "y")}), open).text, HasSubstr("kim@example.org"));
}

TEST(SearchableText, OfACompressedFileIsThatFileAndOfDamageWhatCameBefore) {
  const auto t = text_of("a.log.gz", gzip_of("one\ntwo\n"));
  EXPECT_EQ(t.text, "one\ntwo\n");
  EXPECT_TRUE(t.parts.empty()) << "its lines are its own";
  EXPECT_EQ(text_of("a.bin.gz", gzip_of(std::string("\0\1\2", 3))).text, "");
  EXPECT_EQ(text_of("a.gz", std::string("\x1f\x8b\x08\0\0", 5)).text, "");
  EXPECT_EQ(text_of("x.png", std::string("\x89PNG\r\n\x1a\n\0\0", 10)).text, "") << "a picture that cannot be read has no text";
}

TEST(SearchableText, OfAPdfIsItsPages) {
  const auto t = text_of("manual.pdf", testing_support::pdf_of(3, "restart the quaggatron"));
  ASSERT_EQ(t.parts.size(), 3U);
  EXPECT_EQ(t.parts[1].name, "page 2");
  EXPECT_THAT(t.text.substr(t.parts[1].begin, t.parts[2].begin - t.parts[1].begin), HasSubstr("quaggatron"));
}

TEST(SearchableText, ABombEndsAtItsBoundWithoutAFailure) {
  const auto t = text_of("bomb.gz", gzip_of(std::string(40U << 20, 'x')));
  EXPECT_LE(t.text.size(), searchable_text_options{}.text_bytes_max);
}

TEST(SearchableText, OfUtf16IsUtf8AndABoundIsKept) {
  std::string wide("\xff\xfe", 2);
  for (const char c : std::string{"fault in \xe4 pump\nnext\n"}) {
    wide += c;
    wide += '\0';
  }
  EXPECT_EQ(text_of("w.log", wide).text, "fault in \xc3\xa4 pump\nnext\n");
  searchable_text_options small;
  small.text_bytes_max = 1'000;
  const auto t = text_of("a.log.gz", gzip_of(std::string(600'000, 'x') + "\n"), small);
  EXPECT_EQ(t.text.size(), 1'000U);
  EXPECT_TRUE(t.cut);
}

TEST(FileAnalysis, ADocxIsReadAsTheTextItHolds) {
  const auto bytes = docx_of("The root cause was a full disk on db-1. We decided to add an alert.");
  for (const char* name : {"report.docx", "report", "report.zip"}) {
    const auto a = analyse_uploaded_file({name, {}, {}, memory_source{bytes}, {}, {}, {}});
    EXPECT_EQ(a.data_type, "unstructured_text") << name;
    EXPECT_TRUE(a.error.empty()) << a.error;
    EXPECT_THAT(a.text, HasSubstr("The root cause was a full disk on db-1"));
    EXPECT_THAT(a.text, Not(HasSubstr("document.xml")));
    EXPECT_EQ(a.redaction, "opaque") << "what is packed cannot be taken out";
  }
  const auto other = zip_of({deflated("word/document.xml.log", "2026-01-31T12:00:00Z ERROR disk is full\n"), stored("a.txt", "words of people who write a text")});
  EXPECT_THAT(analyse_uploaded_file({"logs.zip", {}, {}, memory_source{other}, {}, {}, {}}).summary, HasSubstr("An archive of 2 files")) << "a name alone is no document";
}

TEST(FileAnalysis, LinesThatEndWithCarriageReturnsAreCounted) {
  std::string log, feeds;
  for (int i = 0; i < 300; ++i)
    log += "2026-01-31T12:00:" + std::string(i % 60 < 10 ? "0" : "") + std::to_string(i % 60) + "Z INFO served\r";
  log += "2026-01-31T12:05:00Z FATAL kim@example.org: disk is full\r";
  feeds = log;
  std::replace(feeds.begin(), feeds.end(), '\r', '\n');
  std::string copy;
  const byte_sink take = [&](std::string_view piece) -> outcome<done_t> {
    copy += piece;
    return done;
  };
  const auto a = analyse_uploaded_file({"device.log", {}, {}, memory_source{log}, {}, take, {}});
  const auto b = analyse_uploaded_file({"device.log", {}, {}, memory_source{feeds}, {}, {}, {}});
  EXPECT_EQ(a.data_type, "logs_and_errors");
  EXPECT_EQ(a.json, b.json) << "the same lines at the same bytes";
  EXPECT_THAT(a.text, HasSubstr("line 301 "));
  EXPECT_THAT(a.summary, HasSubstr("CR alone"));
  EXPECT_THAT(b.summary, Not(HasSubstr("CR alone")));
  EXPECT_EQ(std::count(copy.begin(), copy.end(), '\n'), 301);
  EXPECT_THAT(copy, Not(HasSubstr("kim@example.org")));
}

} // namespace
} // namespace fm::app
