// Files that are made to hurt: the same ones through the extractors, the command line and the server. All made here,
// none is kept; each says what a clear result about it must say.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fm::testing_support {

struct hostile_file {
  std::string name, bytes;
  std::string says;   ///< in the result: its summary, text, error, or JSON
  bool analysed = true; ///< false: it is refused with a reason
};

/// Each below the bound of an upload.
/// Each below the bound of an upload.
std::vector<hostile_file> hostile_files();

/// An entry of a ZIP, as it is stored (method 0) or deflated (method 8).
struct zip_entry {
  std::string path, packed;
  std::uint16_t method = 0;
  std::uint32_t crc = 0;
  std::uint32_t unpacked = 0;
};
zip_entry stored(std::string path, std::string bytes);
zip_entry deflated(std::string path, const std::string& bytes);
std::string zip_of(const std::vector<zip_entry>& entries);
std::string gzip_of(const std::string& bytes);
/// A PDF whose every page says `words` and, below, "second line of it".
std::string pdf_of(std::size_t pages, const std::string& words);

} // namespace fm::testing_support
