// Containers by hand, so that they can be wrong in the ways that matter.
#include "tests/support/hostile_files.hpp"

#include <array>
#include <random>
#include <string_view>
#include <zlib.h>

namespace fm::testing_support {
namespace {
constexpr std::size_t mebibyte = 1U << 20;

std::string little(std::uint64_t v, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i)
    out += static_cast<char>(v >> (8 * i));
  return out;
}
std::string big(std::uint64_t v, int bytes) {
  std::string out;
  for (int i = bytes; i-- > 0;)
    out += static_cast<char>(v >> (8 * i));
  return out;
}
std::string repeated(std::string_view piece, std::size_t bytes) {
  std::string s;
  s.reserve(bytes + piece.size());
  while (s.size() < bytes)
    s += piece;
  return s;
}
std::string times(std::string_view piece, std::size_t n) { return repeated(piece, piece.size() * n); }
std::uint32_t crc_of(std::string_view s) { return static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(s.data()), static_cast<uInt>(s.size()))); }

std::string deflate_with(const std::string& bytes, int window) {
  z_stream z{};
  deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, bytes.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string local_header(const zip_entry& e) {
  return "PK\x03\x04" + little(20, 2) + little(0, 2) + little(e.method, 2) + little(0, 4) + little(e.crc, 4) + little(e.packed.size(), 4) + little(e.unpacked, 4) + little(e.path.size(), 2) + little(0, 2) + e.path;
}
std::string index_entry(const zip_entry& e, std::size_t at) {
  return "PK\x01\x02" + little(20, 2) + little(20, 2) + little(0, 2) + little(e.method, 2) + little(0, 4) + little(e.crc, 4) + little(e.packed.size(), 4) + little(e.unpacked, 4) + little(e.path.size(), 2) + little(0, 2) +
         little(0, 2) + little(0, 2) + little(0, 2) + little(0, 4) + little(at, 4) + e.path;
}
std::string end_of_index(std::size_t entries, std::size_t bytes, std::size_t at) {
  return "PK\x05\x06" + little(0, 4) + little(entries, 2) + little(entries, 2) + little(bytes, 4) + little(at, 4) + little(0, 2);
}

/// One kernel of zeros that every entry of the index points at: quadratic in what it unpacks to.
std::string overlapping_zip(std::size_t entries) {
  auto e = deflated("0.log", std::string(4 * mebibyte, '\0'));
  std::string out = local_header(e) + e.packed;
  const auto at = out.size();
  for (std::size_t i = 0; i < entries; ++i) {
    e.path = std::to_string(i) + ".log";
    out += index_entry(e, 0);
  }
  return out + end_of_index(entries, out.size() - at, at);
}
/// Archives of archives of archives, sixteen in each, zeros at the bottom.
std::string nested_zip() {
  auto bottom = zip_of({deflated("0.dll", std::string(16 * mebibyte, '\0'))});
  for (int level = 0; level < 4; ++level) {
    std::vector<zip_entry> all;
    for (int i = 0; i < 16; ++i)
      all.push_back(deflated("lib " + std::to_string(i) + ".zip", bottom));
    bottom = zip_of(all);
  }
  return bottom;
}
/// Zstandard: blocks that say "this byte, 128 KiB of it".
std::string zstd_bomb(std::size_t bytes) {
  std::string out = "\x28\xb5\x2f\xfd" + std::string{"\x00\x58", 2}; // no checksum, a window of 2 MiB
  const std::size_t blocks = bytes / (128U << 10);
  for (std::size_t i = 0; i < blocks; ++i)
    out += little(((128U << 10) << 3) | (1U << 1) | (i + 1 == blocks ? 1U : 0U), 3) + "a";
  return out;
}

/// A whole PNG of one colour: 30,000 x 30,000 pixels in a megabyte.
std::string huge_png(std::uint32_t side) {
  const auto chunk = [](const std::string& type, const std::string& data) { return big(data.size(), 4) + type + data + big(crc_of(type + data), 4); };
  std::string row(1 + side / 8, '\0'); // one bit a pixel
  z_stream z{};
  deflateInit(&z, 9);
  std::string packed, out(1U << 16, '\0');
  for (std::uint32_t y = 0; y < side; ++y) {
    z.next_in = reinterpret_cast<Bytef*>(row.data());
    z.avail_in = static_cast<uInt>(row.size());
    do {
      z.next_out = reinterpret_cast<Bytef*>(out.data());
      z.avail_out = static_cast<uInt>(out.size());
      deflate(&z, y + 1 == side ? Z_FINISH : Z_NO_FLUSH);
      packed.append(out, 0, out.size() - z.avail_out);
    } while (z.avail_out == 0);
  }
  deflateEnd(&z);
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", big(side, 4) + big(side, 4) + std::string{"\x01\x00\x00\x00\x00", 5}) + chunk("IDAT", packed) + chunk("IEND", "");
}

std::string alias_bomb() {
  std::string out = "a: &a [\"lol\",\"lol\",\"lol\",\"lol\",\"lol\",\"lol\",\"lol\",\"lol\",\"lol\"]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    const std::string before = "*" + std::string(1, static_cast<char>(c - 1));
    out += std::string(1, c) + ": &" + std::string(1, c) + " [" + before;
    for (int i = 0; i < 8; ++i)
      out += "," + before;
    out += "]\n";
  }
  return out;
}
std::string entities() {
  std::string out = "<?xml version=\"1.0\"?>\n<!DOCTYPE lolz [\n <!ENTITY lol \"lol\">\n";
  for (int i = 1; i <= 9; ++i) {
    out += " <!ENTITY lol" + std::to_string(i) + " \"";
    for (int n = 0; n < 10; ++n)
      out += i == 1 ? "&lol;" : "&lol" + std::to_string(i - 1) + ";";
    out += "\">\n";
  }
  return out + "]>\n";
}
std::string wide_csv(std::size_t columns) {
  std::string out = "time";
  for (std::size_t i = 1; i < columns; ++i)
    out += ",c" + std::to_string(i);
  for (int row = 0; row < 3; ++row) {
    out += "\n2026-01-31T12:00:0" + std::to_string(row) + "Z";
    out += times(",1", columns - 1);
  }
  return out + "\n";
}
} // namespace

std::string pdf_of(std::size_t pages, const std::string& words) {
  std::string out = "%PDF-1.4\n";
  std::vector<std::size_t> at;
  const auto object = [&](const std::string& body) {
    at.push_back(out.size());
    out += std::to_string(at.size()) + " 0 obj\n" + body + "\nendobj\n";
  };
  object("<< /Type /Catalog /Pages 2 0 R >>");
  std::string kids;
  for (std::size_t i = 0; i < pages; ++i)
    kids += std::to_string(5 + i) + " 0 R ";
  object("<< /Type /Pages /Count " + std::to_string(pages) + " /Kids [" + kids + "] >>");
  object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>");
  const auto stream = "BT /F1 14 Tf 72 700 Td (" + words + ") Tj 0 -40 Td (second line of it) Tj ET";
  object("<< /Length " + std::to_string(stream.size()) + " >>\nstream\n" + stream + "\nendstream");
  for (std::size_t i = 0; i < pages; ++i)
    object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 3 0 R >> >> >>");
  const auto table = out.size();
  out += "xref\n0 " + std::to_string(at.size() + 1) + "\n0000000000 65535 f \n";
  for (auto a : at) {
    auto digits = std::to_string(a);
    out += std::string(10 - digits.size(), '0') + digits + " 00000 n \n";
  }
  return out + "trailer\n<< /Size " + std::to_string(at.size() + 1) + " /Root 1 0 R >>\nstartxref\n" + std::to_string(table) + "\n%%EOF\n";
}

zip_entry stored(std::string path, std::string bytes) {
  const auto crc = crc_of(bytes);
  const auto size = static_cast<std::uint32_t>(bytes.size());
  return {std::move(path), std::move(bytes), 0, crc, size};
}
zip_entry deflated(std::string path, const std::string& bytes) { return {std::move(path), deflate_with(bytes, -15), 8, crc_of(bytes), static_cast<std::uint32_t>(bytes.size())}; }
std::string gzip_of(const std::string& bytes) { return deflate_with(bytes, 15 + 16); }

std::string zip_of(const std::vector<zip_entry>& entries) {
  std::string out, index;
  for (auto& e : entries) {
    index += index_entry(e, out.size());
    out += local_header(e) + e.packed;
  }
  const auto at = out.size();
  return out + index + end_of_index(entries.size(), index.size(), at);
}

std::vector<hostile_file> hostile_files() {
  const std::size_t much = 9 * mebibyte; // below the bound of an upload
  const std::string at = "2026-01-31T12:00:00Z ";
  std::mt19937 random{3};
  std::string noise(mebibyte, '\0');
  for (auto& c : noise)
    c = static_cast<char>(random());
  std::vector<hostile_file> all;
  const auto add = [&](std::string name, std::string bytes, std::string says, bool analysed = true) { all.push_back({std::move(name), std::move(bytes), std::move(says), analysed}); };
  add("nested.zip", nested_zip(), "It is refused", false);
  add("overlapping.zip", overlapping_zip(400), "It is refused", false);
  add("bomb.bin.gz", gzip_of(std::string(300 * mebibyte, '\0')), "not text", false); // its beginning is enough
  add("bomb.log.gz", gzip_of(repeated(at + "INFO ok\n", mebibyte) + std::string(400 * mebibyte, 'a')), "times its size", false);
  add("bomb.log.zst", zstd_bomb(600 * mebibyte), "times its size", false);
  add("cut.log.gz", gzip_of(times(at + "ERROR disk is full\n", 20'000)).substr(0, 900), "damaged");
  add("one line.log", at + "ERROR " + std::string(much, 'x'), "1 lines in 1 patterns");
  add("no end.log", repeated(at + "INFO ok\n", mebibyte) + at + "ERROR " + repeated("a b=", much - mebibyte), "error");
  add("zeros.log", repeated(at + std::string{"ERROR \0\0\0 broken\n", 17}, mebibyte), "broken");
  add("zeros.bin", std::string(much, '\0'), "", false);
  add("noise.log", noise, "", false);
  add("wrong utf8.log", repeated(at + "ERROR \xC3\x28 caf\xFF failed\n", mebibyte), "failed");
  add("endings.log", repeated(at + "ERROR one\r\n" + at + "INFO two\n" + at + "WARN three\r" + at + "INFO four\r\n", mebibyte), "ERROR one");
  add("colours.log", repeated("\x1b[31m" + at + "ERROR\x1b[0m disk \x1b]0;title\x07 is full\n", mebibyte), "disk");
  add("pages.pdf", pdf_of(10'000, "One page of very many"), "60 of 10000");
  add("huge.png", huge_png(30'000), "30000 x 30000", false);
  add("huge.jpg", std::string{"\xFF\xD8\xFF\xE0\x00\x04\x00\x00\xFF\xC0\x00\x11\x08\x75\x30\x75\x30\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01", 27} + std::string(64, '\0'), "30000 x 30000", false);
  add("aliases.yaml", alias_bomb(), "alias bomb", false);
  add("deep.json", times("{\"a\":", 100'000) + "1" + times("}", 100'000), "nests deeper", false);
  add("deep.yaml", times("[", 100'000) + times("]", 100'000), "", false);
  add("backtracking.log", repeated(at + "ERROR " + std::string(2'000, 'a') + "!" + std::string(2'000, '=') + "@@@@....----::::\n", 4 * mebibyte), "error");
  add("numbers.csv", "time,value\n" + times("2026-01-31T12:00:00Z,1e308\n2026-01-31T12:00:01Z,-1e308\n2026-01-31T12:00:02Z," + std::string(400, '9') + "\n" + times("2026-01-31T12:00:03Z,1e-320\n", 3), 200), "samples");
  add("columns.csv", wide_csv(100'000), "series");
  add("bomb.svg", entities() + "<svg xmlns=\"http://www.w3.org/2000/svg\"><text>&lol9;</text></svg>\n", "");
  add("bomb.docx", zip_of({stored("[Content_Types].xml", "<Types/>"), deflated("word/document.xml", entities() + "<w:document><w:body><w:p><w:r><w:t>&lol9;</w:t></w:r></w:p></w:body></w:document>")}), "");
  return all;
}

} // namespace fm::testing_support
