// Takes what is sensitive out of everything an analysis of a log quotes. Lines are cut exactly where the log was found
// to hold something (a key of many lines is known by its first); text that is not the log's own is searched by itself.
#pragma once

#include "actors/evidence/extractors/redaction.hpp"
#include "actors/evidence/log_triage.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace fm::extractors {

class redacted_quotes {
public:
  /// The analysis must outlive it, and is as it was until finish().
  redacted_quotes(evidence::analysis& a, const redaction_options& options);
  /// The log's bytes, in order.
  void see(std::string_view piece);
  /// What was found in them, in order.
  void found(const std::vector<sensitive_range>& ranges);
  void finish();

private:
  struct quote {
    evidence::line_ref* line;
    bool differs = false; ///< from the log's bytes: colours were taken out
    std::vector<sensitive_range> inside;
  };
  std::string clean(std::string_view text) const { return sanitized(text, find_sensitive(text, options_)); }

  evidence::analysis& a_;
  redaction_options options_;
  std::vector<quote> quotes_; ///< by where they begin
  std::size_t passed_ = 0;    ///< these end before `seen_`
  std::uint64_t seen_ = 0;
};

} // namespace fm::extractors
