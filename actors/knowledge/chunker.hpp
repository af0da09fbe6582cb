// A document into pieces that can be found and cited: along headings and paragraphs, 512 tokens with an overlap of
// 50 above 2,000 characters, one piece below (decisions.md, "KB chunks"). Every piece knows its bytes and its headings.
// Tables are cut between rows, and each piece knows the row of names; JSON is cut between members, and each piece knows the
// path to its first one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fm {

struct chunk_settings {
  std::size_t tokens_max = 512;
  std::size_t overlap_tokens = 50;
  std::size_t whole_characters_max = 2'000; ///< documents up to here stay in one piece
  std::size_t chunks_max = 10'000;          ///< of one document; the rest is dropped and `cut` says so
};
struct text_chunk {
  std::uint64_t begin = 0; ///< byte range in the document
  std::uint64_t end = 0;
  std::string heading;     ///< "Title > Section > Sub-section"; empty when there is none
  std::string text;        ///< the bytes of the range
  std::string context;     ///< what the piece says only together with this: a table's row of names; not in the range
};
struct chunked_text {
  std::vector<text_chunk> chunks;
  bool cut = false;
};
/// `format` as of a document: "csv" and "json" are cut as such, everything else as Markdown.
chunked_text chunks_of(std::string_view document, const chunk_settings& settings = {}, std::string_view format = {});

} // namespace fm
