// Archives, images and PDF: opened within bounds, bombs refused for what they are, text with its place.
#include "actors/evidence/extractors/extract.hpp"
#include "actors/evidence/opening/archive.hpp"
#include "actors/evidence/opening/isolated.hpp"
#include "actors/evidence/opening/visual.hpp"
#include "tests/support/hostile_files.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <leptonica/allheaders.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stop_token>
#include <thread>

namespace {
using namespace fm;
using namespace fm::opening;

struct entry {
  std::string path, bytes;
};

/// zip, or tar with the filter named ("gzip", "zstd", "xz", "none"), or "raw" for one compressed stream.
std::string packed(std::string_view format, std::string_view filter, const std::vector<entry>& entries) {
  struct archive* a = archive_write_new();
  if (filter == "gzip")
    archive_write_add_filter_gzip(a);
  if (filter == "zstd")
    archive_write_add_filter_zstd(a);
  if (filter == "xz")
    archive_write_add_filter_xz(a);
  if (format == "zip")
    archive_write_set_format_zip(a);
  else if (format == "tar")
    archive_write_set_format_ustar(a);
  else
    archive_write_set_format_raw(a);
  archive_write_set_bytes_in_last_block(a, 1);
  std::string out(256U << 20, '\0');
  std::size_t used = 0;
  archive_write_open_memory(a, out.data(), out.size(), &used);
  for (auto& e : entries) {
    struct archive_entry* h = archive_entry_new();
    archive_entry_set_pathname(h, e.path.c_str());
    archive_entry_set_filetype(h, AE_IFREG);
    archive_entry_set_perm(h, 0644);
    archive_entry_set_size(h, static_cast<la_int64_t>(e.bytes.size()));
    archive_write_header(a, h);
    archive_write_data(a, e.bytes.data(), e.bytes.size());
    archive_entry_free(h);
  }
  archive_write_close(a);
  archive_write_free(a);
  out.resize(used);
  return out;
}

TEST(Isolated, AStopKillsTheChildAtOnce) {
  isolation bounds;
  std::stop_source source;
  bounds.stop = source.get_token();
  std::thread asker{[&] {
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
    source.request_stop();
  }};
  const auto begin = std::chrono::steady_clock::now();
  const auto r = run_isolated(
      []() -> std::string {
        for (;;)
          std::this_thread::sleep_for(std::chrono::seconds{1});
      },
      bounds);
  asker.join();
  ASSERT_FALSE(r);
  EXPECT_EQ(r.error().reason, "CANCELLED");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{5});
}

TEST(Isolated, AFileThatCannotBeWrittenIsAFailureInTheChildAndNotItsEnd) {
  // fontconfig writes its cache when fonts have changed since; a PDF must be read all the same.
  const auto r = run_isolated([]() -> std::string {
    std::FILE* file = std::tmpfile();
    if (file == nullptr)
      return "no file";
    const bool written = std::fputs("cache", file) >= 0 && std::fflush(file) == 0;
    return written ? "written" : "went on";
  });
  ASSERT_TRUE(r) << r.error().detail;
  EXPECT_EQ(*r, "went on");
}

TEST(Archive, EveryKindIsOpenedInOrder) {
  const std::vector<entry> files{{"logs/a.log", "first\n"}, {"logs/b.log", "second\n"}};
  for (const auto& [format, filter] : std::vector<std::pair<std::string, std::string>>{{"zip", "none"}, {"tar", "none"}, {"tar", "gzip"}, {"tar", "zstd"}, {"tar", "xz"}}) {
    const auto r = open_archive("x", packed(format, filter, files));
    ASSERT_TRUE(r.has_value()) << format << filter << r.error().detail;
    ASSERT_EQ(r->files.size(), 2U) << format << filter;
    EXPECT_TRUE(r->files[0].path.ends_with("/logs/a.log")) << r->files[0].path;
    EXPECT_EQ(r->files[1].bytes, "second\n");
  }
  for (const std::string_view filter : {"gzip", "zstd"}) {
    const auto r = open_archive("app.log.gz", packed("raw", filter, {{"x", "only\n"}}));
    ASSERT_TRUE(r.has_value()) << r.error().detail;
    ASSERT_EQ(r->files.size(), 1U);
    EXPECT_EQ(r->files[0].path, "app.log");
    EXPECT_EQ(r->files[0].bytes, "only\n");
  }
}

TEST(Archive, PathsCannotLeaveTheArchive) {
  const auto r = open_archive("x.tar", packed("tar", "none", {{"../../etc/passwd", "a"}, {"/abs/b", "b"}}));
  ASSERT_TRUE(r.has_value());
  for (auto& f : r->files)
    EXPECT_EQ(f.path.find(".."), std::string::npos);
  EXPECT_EQ(r->files[0].path, "x.tar/etc/passwd");
}

TEST(Archive, ArchivesInArchivesAreOpenedToTheBound) {
  auto inner = packed("zip", "none", {{"deep.log", "found"}});
  const auto two = open_archive("o.zip", packed("zip", "none", {{"i.zip", inner}}));
  ASSERT_TRUE(two.has_value());
  ASSERT_EQ(two->files.size(), 1U);
  EXPECT_EQ(two->files[0].path, "o.zip/i.zip/deep.log");
  for (int i = 0; i < 6; ++i)
    inner = packed("zip", "none", {{"i.zip", inner}});
  const auto deep = open_archive("o.zip", inner);
  ASSERT_TRUE(deep.has_value());
  EXPECT_TRUE(deep->files.empty());
  ASSERT_EQ(deep->skipped.size(), 1U);
  EXPECT_NE(deep->skipped[0].why.find("nested"), std::string::npos);
}

TEST(Archive, BombsAreRefusedForWhatTheyAre) {
  const std::string zeros(120U << 20, '\0');
  for (const auto& bytes : {packed("raw", "gzip", {{"x", zeros}}), packed("zip", "none", {{"x", zeros}}), packed("tar", "zstd", {{"x", zeros}})}) {
    EXPECT_LT(bytes.size(), 1U << 20);
    const auto from = std::chrono::steady_clock::now();
    const auto r = open_archive("bomb", bytes);
    ASSERT_FALSE(r.has_value()) << bytes.size() << " " << r->files.size() << " " << r->skipped.size() << " " << r->unpacked_bytes;
    EXPECT_EQ(r.error().code, errc::too_large);
    EXPECT_EQ(r.error().reason, "ARCHIVE_BOMB");
    EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::seconds{5});
  }
  std::vector<entry> many(600, entry{"x", "y"});
  const auto r = open_archive("many.zip", packed("zip", "none", many));
  ASSERT_FALSE(r.has_value());
  EXPECT_EQ(r.error().reason, "ARCHIVE_BOMB");
  // The bomb inside an archive is one too.
  const auto nested = open_archive("n.zip", packed("zip", "none", {{"b.gz", packed("raw", "gzip", {{"x", zeros}})}}));
  ASSERT_FALSE(nested.has_value());
  EXPECT_EQ(nested.error().reason, "ARCHIVE_BOMB");
}

TEST(Archive, ALargeEntryIsLeftOutAndTheOthersAreKept) {
  archive_limits limits;
  limits.entry_bytes_max = 1'000;
  std::string large;
  for (int i = 0; i < 500; ++i)
    large += std::to_string(i * 7919) + " ";
  const auto r = open_archive("x.tar", packed("tar", "none", {{"large", large}, {"small", "s"}}), limits);
  ASSERT_TRUE(r.has_value());
  ASSERT_EQ(r->files.size(), 1U);
  EXPECT_EQ(r->files[0].path, "x.tar/small");
  ASSERT_EQ(r->skipped.size(), 1U);
  EXPECT_EQ(r->skipped[0].path, "x.tar/large");
}

TEST(Archive, DamageIsSaidAndWhatCameBeforeIsKept) {
  auto bytes = packed("tar", "gzip", {{"a", "first"}, {"b", std::string(100'000, 'x')}});
  bytes.resize(bytes.size() - 20);
  const auto r = open_archive("x.tgz", bytes);
  ASSERT_TRUE(r.has_value()) << r.error().detail;
  EXPECT_EQ(r->files.at(0).bytes, "first");
  EXPECT_FALSE(r->skipped.empty());
  EXPECT_EQ(open_archive("x", "PK\x03\x04garbage").error().code, errc::invalid);
  EXPECT_EQ(open_archive("x", "7z\xBC\xAF\x27\x1C").error().code, errc::unsupported_media_type);
  EXPECT_EQ(open_archive("x", "plain text").error().code, errc::unsupported_media_type);
}

// ---- a process of its own ----

TEST(Isolated, BringsBytesBackAndSurvivesWhatTheChildDoes) {
  EXPECT_EQ(*run_isolated([] { return std::string(3'000'000, 'x'); }), std::string(3'000'000, 'x'));
  EXPECT_EQ(run_isolated([]() -> std::string { std::raise(SIGKILL); return {}; }).error().code, errc::timed_out);
  EXPECT_EQ(run_isolated([]() -> std::string { throw 1; }).error().code, errc::invalid);
  isolation small;
  small.result_bytes_max = 1'000;
  EXPECT_EQ(run_isolated([] { return std::string(1U << 20, 'x'); }, small).error().code, errc::too_large);
  isolation brief;
  brief.cpu_seconds = 1;
  EXPECT_EQ(run_isolated([]() -> std::string { volatile bool on = true; while (on) {} return {}; }, brief).error().code, errc::timed_out);
}

TEST(Isolated, AChildThatOnlyWaitsIsEnded) {
  isolation brief;
  brief.wall = std::chrono::milliseconds{300};
  const auto r = run_isolated([]() -> std::string { pause(); return {}; }, brief);
  ASSERT_FALSE(r.has_value());
  EXPECT_EQ(r.error().code, errc::timed_out);
}

// ---- images ----

std::string image_with(const std::vector<std::string>& rows, bool dark, std::string_view format) {
  L_Bmf* font = bmfCreate(nullptr, 8);
  Pix* p = pixCreate(900, static_cast<l_int32>(60 + 60 * rows.size()), 32);
  pixSetAllArbitrary(p, dark ? 0x10101000 : 0xFFFFFF00);
  l_int32 y = 50, width = 0, overflow = 0;
  for (auto& row : rows) {
    pixSetTextline(p, font, row.c_str(), dark ? 0xF0F0F000 : 0x00000000, 20, y, &width, &overflow);
    y += 60;
  }
  l_uint8* data = nullptr;
  std::size_t size = 0;
  if (format == "png")
    pixWriteMemPng(&data, &size, p, 0);
  else
    pixWriteMemJpeg(&data, &size, p, 90, 0);
  std::string out{reinterpret_cast<const char*>(data), size};
  lept_free(data);
  pixDestroy(&p);
  bmfDestroy(&font);
  return out;
}

std::string png_header(std::uint32_t w, std::uint32_t h) {
  std::string s{"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16};
  for (auto v : {w, h})
    for (int i = 3; i >= 0; --i)
      s += static_cast<char>(v >> (8 * i));
  return s + std::string{"\x08\x02\0\0\0\0\0\0\0", 9} + std::string(64, '\0');
}

TEST(Visual, ADialogIsReadWithItsPlaces) {
  const auto bytes = image_with({"Connection to database failed", "Error code 0x80070005", "Retry", "Cancel"}, false, "png");
  std::string thumbnail;
  const auto x = extract_visual("shot.png", bytes, {}, &thumbnail);
  ASSERT_FALSE(x.refused.has_value()) << *x.refused;
  EXPECT_NE(x.full.find("database failed"), std::string::npos) << extractors::render_text(x, false) << x.full;
  ASSERT_FALSE(x.findings.empty());
  EXPECT_NE(x.findings[0].where.find("page 1"), std::string::npos);
  EXPECT_TRUE(std::any_of(x.facts.begin(), x.facts.end(), [](auto& f) { return f.first == "looks_like" && f.second == "error_dialog"; })) << extractors::render_text(x, false);
  const auto size = image_size_of(thumbnail);
  ASSERT_TRUE(size.has_value());
  EXPECT_LE(size->width, 320U);
  const auto reading = read_visual(bytes);
  ASSERT_TRUE(reading.has_value());
  for (auto& l : reading->lines) {
    EXPECT_GE(l.x, 0);
    EXPECT_LE(l.x + l.width, 905);
    EXPECT_LE(l.y + l.height, static_cast<std::int32_t>(reading->height) + 5);
  }
}

TEST(Visual, LightLettersOnDarkAndJpegAreRead) {
  const auto x = extract_visual("t.jpg", image_with({"panic: runtime error", "service unavailable"}, true, "jpeg"));
  ASSERT_FALSE(x.refused.has_value()) << *x.refused;
  EXPECT_NE(x.full.find("unavailable"), std::string::npos) << x.full;
}

TEST(Visual, TheSameImageGivesTheSameBytes) {
  const auto bytes = image_with({"CPU usage 95 percent", "Memory 80 percent"}, false, "png");
  EXPECT_EQ(extractors::render_json(extract_visual("a", bytes)), extractors::render_json(extract_visual("a", bytes)));
}

TEST(Visual, HugeImagesAreRefusedFromTheirHeader) {
  const auto from = std::chrono::steady_clock::now();
  const auto png = extract_visual("a.png", png_header(30'000, 30'000));
  ASSERT_TRUE(png.refused.has_value());
  EXPECT_NE(png.refused->find("30000 x 30000"), std::string::npos);
  std::string jpeg{"\xFF\xD8\xFF\xE0\x00\x04\x00\x00\xFF\xC0\x00\x11\x08\x75\x30\x75\x30\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01", 27};
  EXPECT_EQ(read_visual(jpeg).error().code, errc::too_large);
  EXPECT_EQ(read_visual(png_header(0, 5)).error().code, errc::invalid);
  EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::milliseconds{500}) << "nothing was decoded";
  EXPECT_EQ(read_visual(png_header(50, 50)).error().code, errc::invalid);
  EXPECT_EQ(read_visual("GIF89a").error().code, errc::unsupported_media_type);
}

// ---- PDF ----

using testing_support::pdf_of;

TEST(Pdf, TextOfEveryPageWithItsPlace) {
  const auto r = read_visual(pdf_of(2, "The request timed out"));
  ASSERT_TRUE(r.has_value()) << r.error().detail;
  EXPECT_EQ(r->pages, 2U);
  ASSERT_EQ(r->lines.size(), 4U);
  EXPECT_EQ(r->lines[0].text, "The request timed out");
  EXPECT_EQ(r->lines[0].x, 72);
  EXPECT_NEAR(r->lines[0].y, 792 - 700 - 14, 8);
  EXPECT_EQ(r->lines[2].page, 2U);
  EXPECT_FALSE(r->recognised);
  EXPECT_TRUE(image_size_of(r->thumbnail_png).has_value());
}

TEST(Pdf, TenThousandPagesCostNoMoreThanTheBound) {
  const auto bytes = pdf_of(10'000, "one page of many");
  const auto from = std::chrono::steady_clock::now();
  const auto x = extract_visual("big.pdf", bytes);
  EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::seconds{30});
  ASSERT_FALSE(x.refused.has_value()) << *x.refused;
  ASSERT_TRUE(x.shortened.has_value());
  EXPECT_NE(x.shortened->find("60 of 10000"), std::string::npos) << *x.shortened;
}

TEST(Pdf, FormsThatCallEachOtherAreEndedByTheBoundOnComputing) {
  // Ten forms, each drawing the next one twenty times: 20^10 drawings.
  std::string out = "%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n<< /Type /Pages /Count 1 /Kids [3 0 R] >>\nendobj\n"
                    "3 0 obj\n<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /XObject << /X 10 0 R >> >> >>\nendobj\n"
                    "4 0 obj\n<< /Length 5 >>\nstream\n/X Do\nendstream\nendobj\n";
  std::string calls;
  for (int i = 0; i < 20; ++i)
    calls += "/X Do ";
  for (int i = 10; i < 20; ++i)
    out += std::to_string(i) + " 0 obj\n<< /Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << /XObject << /X " + std::to_string(i + 1) + " 0 R >> >> /Length " + std::to_string(calls.size()) + " >>\nstream\n" + calls + "\nendstream\nendobj\n";
  out += "20 0 obj\n<< /Type /XObject /Subtype /Form /BBox [0 0 1 1] /Length 1 >>\nstream\nn\nendstream\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n";
  visual_limits limits;
  limits.child.cpu_seconds = 2;
  const auto from = std::chrono::steady_clock::now();
  (void)read_visual(out, limits);
  EXPECT_LT(std::chrono::steady_clock::now() - from, std::chrono::seconds{30});
}

TEST(Pdf, RubbishIsRefusedClearly) {
  const auto x = extract_visual("a.pdf", "%PDF-1.7\nnothing of a PDF");
  ASSERT_TRUE(x.refused.has_value());
  EXPECT_FALSE(x.summary.empty());
}

} // namespace
