// What is asked of a case's files and messages, and the lines that answer.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/ids.hpp"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fm {

struct case_search_query {
  std::string text; ///< 1–1,000 bytes
  std::string file_id, data_type; ///< empty = any; either leaves messages out
  std::string level;  ///< least severity of a line: debug, info, warning, error, fatal; leaves messages out
  std::string source; ///< file, message; empty = both
  std::optional<timestamp> from, to; ///< by a line's own stamp or the one before it, or when a message was said
  std::uint64_t line_from = 1, line_to = std::numeric_limits<std::uint64_t>::max();
  std::size_t limit = 20, offset = 0;
};

struct case_search_hit {
  std::string source; ///< file, message
  std::string file_id, file_name, data_type;
  std::string message_id, message_role;
  std::uint64_t line = 0, begin = 0, end = 0; ///< the line and its bytes, in the form named by `sanitized` (of a message: in its text)
  std::string text;                           ///< of the line, 2,000 bytes at most
  std::vector<std::pair<std::uint64_t, std::uint64_t>> highlights; ///< bytes in the same form
  std::uint64_t line_first = 0, line_last = 0, snippet_begin = 0, snippet_end = 0; ///< with the lines around it
  std::string snippet;
  bool sanitized = false; ///< the bytes are those of the copy without personal data and secrets
  bool extracted = false; ///< lines and bytes are those of the text that was taken out of the file (picture, PDF, archive)
  std::string part;            ///< of that text: a path in an archive, a page; may be empty
  std::uint64_t part_line = 0; ///< counted from the part's begin
  std::string level;      ///< of the line, when it has one
  std::optional<timestamp> at; ///< of the line's own stamp, or when the message was said
  double score = 0;       ///< fused rank, best first
  double similarity = 0;  ///< cosine to the question, 0 to 1; 0 when it was found by words alone
  std::vector<std::string> reasons;
};

struct case_search_page {
  std::vector<case_search_hit> hits;
  bool more = false;
  std::uint64_t files_searched = 0;
  std::uint64_t files_waiting = 0; ///< their index is being made: ask again
  bool by_words_only = false;      ///< the embedder was not there
};

} // namespace fm
