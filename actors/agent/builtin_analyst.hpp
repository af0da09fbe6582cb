// The agent when no model is configured: it reads the evidence, says what stands out with lines that are really
// there, and what it needs next. Pure and deterministic; it says plainly what it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fm {

/// A passage of the knowledge base.
struct analyst_passage {
  std::string document_id, title, text;
};
/// A line of the case's files that a search found for the question.
struct analyst_line {
  std::string file_id, file_name, part; ///< part: in what the file holds (a path in an archive, a page)
  std::uint64_t line = 0, begin = 0, end = 0; ///< of the part when there is one, else of the file
  std::string text, level, at;
};
struct analyst_input {
  std::string question;
  std::vector<std::string> earlier; ///< what people wrote before in this case, oldest first
  std::vector<std::string> analyses; ///< what the analysis of the case's files said, oldest first
  std::string case_title;
  std::string case_status;
  std::uint32_t turn_number = 1;
  std::vector<analyst_passage> known; ///< best first
  std::vector<analyst_line> found;    ///< best first; those that hold what the question names are quoted
};
struct analyst_answer {
  std::vector<std::string> chunks; ///< Markdown in pieces; never cut inside a code point
  std::string response_type;       ///< ANSWER when there was evidence, NEEDS_MORE_DATA otherwise
  double confidence = 0;
  std::vector<std::size_t> cited;  ///< of `found`, as they are quoted
};

/// What a question names exactly: "4711", "blk_123", "req-8f2a", what stands in quotes; lower case, eight at most.
std::vector<std::string> names_in(std::string_view question);

analyst_answer answer_builtin(const analyst_input& input);

} // namespace fm
