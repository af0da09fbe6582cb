// The agent when no model is configured: it reads the evidence, says what stands out with lines that are really
// there, and what it needs next. Pure and deterministic; it says plainly what it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fm {

/// A passage of the knowledge base.
struct analyst_passage {
  std::string document_id, title, text;
};
struct analyst_input {
  std::string question;
  std::vector<std::string> earlier; ///< what people wrote before in this case, oldest first
  std::vector<std::string> analyses; ///< what the analysis of the case's files said, oldest first
  std::string case_title;
  std::string case_status;
  std::uint32_t turn_number = 1;
  std::vector<analyst_passage> known; ///< best first
};
struct analyst_answer {
  std::vector<std::string> chunks; ///< Markdown in pieces; never cut inside a code point
  std::string response_type;       ///< ANSWER when there was evidence, NEEDS_MORE_DATA otherwise
  double confidence = 0;
};

analyst_answer answer_builtin(const analyst_input& input);

} // namespace fm
