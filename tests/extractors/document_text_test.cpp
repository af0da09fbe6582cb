// PDF, DOCX and HTML as text: structure kept, bounds kept, hostile files refused in time.
#include "actors/evidence/opening/document_text.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace fm::opening {
namespace {
using testing::HasSubstr;
using testing::Not;

std::string zipped(const std::vector<std::pair<std::string, std::string>>& files) {
  struct archive* a = archive_write_new();
  archive_write_set_format_zip(a);
  archive_write_set_bytes_in_last_block(a, 1);
  std::string out(64U << 20, '\0');
  std::size_t used = 0;
  archive_write_open_memory(a, out.data(), out.size(), &used);
  for (auto& [path, bytes] : files) {
    struct archive_entry* h = archive_entry_new();
    archive_entry_set_pathname(h, path.c_str());
    archive_entry_set_filetype(h, AE_IFREG);
    archive_entry_set_perm(h, 0644);
    archive_entry_set_size(h, static_cast<la_int64_t>(bytes.size()));
    archive_write_header(a, h);
    archive_write_data(a, bytes.data(), bytes.size());
    archive_entry_free(h);
  }
  archive_write_close(a);
  archive_write_free(a);
  out.resize(used);
  return out;
}
std::string paragraph(const std::string& text, const std::string& look = {}) {
  return "<w:p>" + (look.empty() ? "" : "<w:pPr>" + look + "</w:pPr>") + "<w:r><w:t xml:space=\"preserve\">" + text + "</w:t></w:r></w:p>";
}
std::string docx(const std::string& body) {
  return zipped({{"[Content_Types].xml", "<Types/>"},
                 {"word/styles.xml", R"(<w:styles xmlns:w="w"><w:style w:styleId="berschrift1"><w:name w:val="heading 1"/></w:style><w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style></w:styles>)"},
                 {"word/document.xml", R"(<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="w"><w:body>)" + body + "</w:body></w:document>"}});
}
/// A PDF of one line a page, with a right cross-reference table.
std::string pdf(const std::vector<std::string>& pages) {
  std::string out = "%PDF-1.4\n";
  std::vector<std::size_t> at;
  const auto object = [&](const std::string& body) {
    at.push_back(out.size());
    out += std::to_string(at.size()) + " 0 obj\n" + body + "\nendobj\n";
  };
  std::string kids;
  for (std::size_t i = 0; i < pages.size(); ++i)
    kids += std::to_string(4 + 2 * i) + " 0 R ";
  object("<</Type/Catalog/Pages 2 0 R>>");
  object("<</Type/Pages/Count " + std::to_string(pages.size()) + "/Kids[" + kids + "]>>");
  object("<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>");
  for (std::size_t i = 0; i < pages.size(); ++i) {
    object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Resources<</Font<</F1 3 0 R>>>>/Contents " + std::to_string(5 + 2 * i) + " 0 R>>");
    const auto content = "BT /F1 12 Tf 72 700 Td (" + pages[i] + ") Tj ET";
    object("<</Length " + std::to_string(content.size()) + ">>\nstream\n" + content + "\nendstream");
  }
  const auto table = out.size();
  out += "xref\n0 " + std::to_string(at.size() + 1) + "\n0000000000 65535 f \n";
  for (const auto offset : at) {
    auto digits = std::to_string(offset);
    out += std::string(10 - digits.size(), '0') + digits + " 00000 n \n";
  }
  return out + "trailer<</Size " + std::to_string(at.size() + 1) + "/Root 1 0 R>>\nstartxref\n" + std::to_string(table) + "\n%%EOF\n";
}
std::string read(std::string_view format, std::string_view bytes, const document_limits& limits = {}) {
  auto t = document_text(format, bytes, limits);
  EXPECT_TRUE(t) << (t ? "" : t.error().detail);
  return t ? *t : std::string{};
}

TEST(DocumentText, HtmlKeepsHeadingsListsTablesAndWhatIsLaidOut) {
  EXPECT_EQ(read("html", "<title>T</title><h1>Disk &amp; full</h1><p>One\n  two<br>three</p><ul><li>a</li><li>b</li></ul>"
                         "<pre>x  =  1\ny</pre><table><tr><th>k</th><td>v</td></tr></table><style>p{}</style>"),
            "# Disk & full\n\nOne two\nthree\n\n- a\n- b\n\n```\nx  =  1\ny\n```\n\nk | v |\n");
}

TEST(DocumentText, HtmlInOtherEncodingsAndBrokenOneIsRead) {
  EXPECT_THAT(read("html", "<p>caf\xe9"), HasSubstr("caf\xc3\xa9"));
  EXPECT_THAT(read("html", "<p><b>open <i>never closed</p><td>"), HasSubstr("open never closed"));
}

TEST(DocumentText, DocxKeepsHeadingsOfAnyLanguageListsAndTables) {
  const auto text = read("docx", docx(paragraph("Ausfall", R"(<w:pStyle w:val="berschrift1"/>)") + paragraph("Die Pumpe ") +
                                      paragraph("erstens", "<w:numPr/>") + paragraph("zweitens", "<w:numPr/>") + paragraph("Ursache", R"(<w:pStyle w:val="berschrift2"/>)") +
                                      "<w:tbl><w:tr><w:tc>" + paragraph("k") + "</w:tc><w:tc>" + paragraph("v") + "</w:tc></w:tr></w:tbl>" +
                                      "<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del><w:r><w:t>a</w:t><w:br/><w:t>b</w:t></w:r></w:p>"));
  EXPECT_EQ(text, "# Ausfall\n\nDie Pumpe\n- erstens\n- zweitens\n\n## Ursache\n\nk | v |\n\na\nb\n");
}

TEST(DocumentText, PdfGivesItsPagesInOrder) {
  const auto text = read("pdf", pdf({"First page about pumps", "Second page about valves"}));
  EXPECT_LT(text.find("First page about pumps"), text.find("Second page about valves"));
}

TEST(DocumentText, WhatIsNotOfItsFormatIsInvalid) {
  for (const char* format : {"pdf", "docx"})
    EXPECT_EQ(document_text(format, "plain words").error().code, errc::invalid) << format;
  EXPECT_EQ(document_text("docx", zipped({{"a.txt", "x"}})).error().code, errc::invalid);
  EXPECT_EQ(document_text("docx", docx("<w:p><w:unclosed>")).error().code, errc::invalid);
  EXPECT_EQ(document_text("html", "<script>x</script>").error().code, errc::invalid);
  EXPECT_EQ(document_text("odt", "x").error().code, errc::unsupported_media_type);
}

TEST(DocumentText, BoundsAreRefusalsNeverSilentCuts) {
  document_limits small;
  small.text_bytes_max = 100;
  EXPECT_EQ(document_text("html", "<p>" + std::string(200, 'x'), small).error().code, errc::too_large);
  EXPECT_EQ(document_text("docx", docx(paragraph(std::string(200, 'x'))), small).error().code, errc::too_large);
  document_limits pages;
  pages.pages_max = 2;
  EXPECT_EQ(document_text("pdf", pdf({"a page", "b page", "c page"}), pages).error().code, errc::too_large);
  document_limits bytes;
  bytes.file_bytes_max = 10;
  EXPECT_EQ(document_text("html", "<p>eleven bytes", bytes).error().code, errc::too_large);
}

TEST(DocumentText, DeepAndExplodingFilesEndInTime) {
  const auto begin = std::chrono::steady_clock::now();
  document_limits quick;
  quick.child.cpu_seconds = 2;
  std::string deep;
  for (int i = 0; i < 200'000; ++i)
    deep += "<div>";
  const auto html = document_text("html", deep + "x", quick);
  ASSERT_FALSE(html);
  EXPECT_THAT(html.error().code, testing::AnyOf(errc::too_large, errc::timed_out));
  std::string nested, end;
  for (int i = 0; i < 5'000; ++i) {
    nested += "<w:sdt>";
    end += "</w:sdt>";
  }
  EXPECT_EQ(document_text("docx", docx(nested + end)).error().code, errc::too_large);
  EXPECT_EQ(document_text("docx", docx(paragraph(std::string(20U << 20, ' ')))).error().code, errc::too_large) << "a bomb by its ratio";
  const auto entities = document_text("docx", zipped({{"word/document.xml", R"(<!DOCTYPE d [<!ENTITY a "boom">]><w:document><w:body><w:p><w:r><w:t>&a;&a;</w:t></w:r></w:p></w:body></w:document>)"}}));
  ASSERT_TRUE(entities);
  EXPECT_THAT(*entities, Not(HasSubstr("boom"))) << "entities are not expanded";
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{60});
}
} // namespace
} // namespace fm::opening
