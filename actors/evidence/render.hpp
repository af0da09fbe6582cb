// An analysis as text for people, as JSON for programs, and as template assignments for scoring.
#pragma once

#include "actors/evidence/log_triage.hpp"

namespace fm::evidence {

/// The first screen: what to look at first, at most one line for fifty of the log. `colour` = ANSI colours.
std::string render_text(const analysis& a, bool colour);
/// Templates with their counts over time, the worst first.
std::string render_templates(const analysis& a, std::size_t most);
std::string render_json(const analysis& a);
/// For every line: line_number<TAB>template_id.
std::string render_assignments(const analysis& a);
/// "2026-01-31 12:00:00" in UTC.
std::string render_time(std::int64_t ms);

} // namespace fm::evidence
