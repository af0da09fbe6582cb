// Documents that are no plain text (PDF, DOCX, HTML) as text with Markdown headings, lists and tables, so that they
// can be cut, found and cited like any other. The libraries read hostile bytes, so all of it runs in a bounded child.
#pragma once

#include "actors/evidence/opening/isolated.hpp"
#include "protocol/base/byte_source.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fm::opening {

struct document_limits {
  std::uint64_t file_bytes_max = 10U << 20;
  std::size_t text_bytes_max = 2U << 20; ///< of the result
  std::size_t depth_max = 512;           ///< elements in elements
  std::size_t pages_max = 500;           ///< of a PDF
  std::uint64_t unpacked_bytes_max = 64U << 20; ///< of a DOCX
  isolation child;
};

/// `format` is pdf, docx or html. Failures: invalid (damaged, not of that format, no text), too_large (a bound: nothing
/// is cut silently), timed_out, unsupported_media_type (another format).
outcome<std::string> document_text(std::string_view format, std::string_view bytes, const document_limits& limits = {});

/// What document_text does in its child, in this process, for DOCX and HTML: for callers that are bounded themselves.
outcome<std::string> document_text_here(std::string_view format, std::string_view bytes, const document_limits& limits = {});
/// The text of a DOCX by its parts word/document.xml and word/styles.xml (may be empty), in this process.
outcome<std::string> docx_text(std::string_view document_xml, std::string_view styles_xml, const document_limits& limits = {});
/// The text of a file that is a DOCX by its content, whatever it is called; nothing when it is none, or is refused.
std::optional<std::string> docx_in(const byte_source& file, const document_limits& limits = {});

} // namespace fm::opening
