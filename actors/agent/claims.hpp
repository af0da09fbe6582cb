// What an answer says about evidence, held against the evidence: quoted lines must be there byte for byte, cited
// documents must be among those that were shown. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fm {

struct claim_check {
  std::size_t quotes = 0;              ///< lines the answer quotes
  std::vector<std::string> not_found;  ///< those that no source holds, as quoted
  std::vector<std::string> cited;      ///< ids of shown documents that the answer cites, each once
  std::vector<std::string> not_shown;  ///< ids it cites that nobody showed it
};

/// A quoted line is a line of a fenced block that names no language, or `log`, `text`, `console` as its language, and a
/// line behind '>'. Lines of fewer than eight characters, an ellipsis alone and a shell prompt's command are no quotes.
/// Leading and trailing blanks do not count, nor do an ellipsis at either end and a line number in front ("12: ").
/// At most `quotes_max` lines are looked at.
claim_check check_claims(std::string_view answer, const std::vector<std::string_view>& sources,
                         const std::vector<std::string>& shown_documents, std::size_t quotes_max = 200);

/// What is said below an answer whose claims do not hold; empty when they do.
std::string correction_of(const claim_check& check);

} // namespace fm
