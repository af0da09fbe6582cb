// The index of one file of a case, beside the file: "cases/<case>/<file>/search.index", segments one after the other and a
// directory at the end, and "search.vectors", what its most telling blocks are like. Built over the text without personal
// data and secrets, so that it serves every reader; it knows the bytes of both forms. Blocks; thread-safe.
#pragma once

#include "actors/case_search/segment.hpp"
#include "actors/search/embedder.hpp"
#include "protocol/base/reply.hpp"
#include "protocol/model/files.hpp"
#include "storage/ports/blob_store.hpp"

#include <functional>
#include <string>
#include <vector>

namespace fm::case_search {

struct index_settings {
  std::size_t segment_bytes = 8U << 20; ///< of text; what building holds in memory grows with it
  std::size_t segment_words = 300'000;  ///< different ones: with more, a segment ends earlier
  std::size_t block_bytes = 4'096;
  std::size_t vectors_max = 256;        ///< of one file: its most telling blocks
};

/// The text of a file whose bytes are none (pictures, PDF, DOCX, what is compressed), as everybody may see it.
struct text_part {
  std::string name;        ///< a path in an archive, a page
  std::uint64_t begin = 0; ///< byte of the text, where a line begins
  std::uint64_t line_first = 1; ///< known where it was read from an index
};
struct extracted_text {
  std::string text;
  std::vector<text_part> parts; ///< in order; none when the text is of one piece
  bool cut = false;             ///< a bound was reached
};
/// Blocks. Empty text = there is none.
using text_extractor = std::function<outcome<extracted_text>(const case_file&)>;

/// Whether the text of a file must be taken out of its bytes: that may take seconds.
bool needs_extraction(const case_file& f);
std::string index_key(const case_file& f);
std::string vectors_key(const case_file& f);
/// Where the bytes of a form are.
std::string bytes_key(const case_file& f, bool sanitized);

/// Reads the file and writes its index; memory is bounded by the settings, whatever the file's size. Without an embedder,
/// or when it fails, there are no vectors. The text that `extract` gives where the bytes are none is kept in the index.
outcome<done_t> build_index(blob_store& blobs, const case_file& f, embedder* model, const index_settings& settings = {}, const text_extractor& extract = {});
/// The vectors alone, anew: the embedder is another one, or was not there.
outcome<done_t> build_vectors(blob_store& blobs, const case_file& f, embedder& model, const index_settings& settings = {});

struct index_segment {
  segment_reader words;
  std::size_t number = 0;
};
struct file_index {
  std::vector<index_segment> segments;
  bool extracted = false;           ///< the text that was indexed is at the beginning of the index, not in the file
  bool returns = false;             ///< its lines end with CR alone
  std::vector<text_part> parts;
};
/// not_found when there is none.
outcome<file_index> open_index(const blob_store& blobs, const case_file& f);

/// A block of a file and how like a question it is.
struct like_block {
  std::uint32_t segment = 0, block = 0;
  double similarity = 0;
};
/// All blocks that have vectors, best first; not_found when there are none of this embedder.
outcome<std::vector<like_block>> like_blocks(const blob_store& blobs, const case_file& f, const std::string& embedder_name, const std::vector<float>& question);

} // namespace fm::case_search
