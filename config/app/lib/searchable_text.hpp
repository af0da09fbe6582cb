// The text of a file whose bytes are none, for searching: what stands in pictures, PDF and DOCX, in a compressed file, in
// the files of an archive, and UTF-16 as UTF-8. Bounded; what is beyond a bound is left out and said in `cut`.
#pragma once

#include "actors/case_search/case_index.hpp"
#include "config/app/lib/file_analysis.hpp"
#include "protocol/base/byte_source.hpp"

#include <cstdint>
#include <string>

namespace fm::app {

struct searchable_text_options {
  std::uint64_t text_bytes_max = 16U << 20; ///< of one file
  std::size_t visuals_max = 20;             ///< pictures and documents of an archive that are read
  bool redact = true;                       ///< without personal data and secrets, as everybody may see it
  extractors::redaction_options redaction;
  opening::archive_limits archive = uploaded_archive_limits;
};

/// Empty where there is no text. A failure when the bytes cannot be read; what is damaged or refused has no text.
outcome<case_search::extracted_text> searchable_text(std::string_view name, const byte_source& bytes, const searchable_text_options& options = {});
/// The same of a case's file in the blob store.
case_search::text_extractor text_extractor_of(blob_store_ptr blobs, const searchable_text_options& options);

} // namespace fm::app
