// An analysis as text for people, as JSON for programs, and as template assignments for scoring.
#pragma once

#include "actors/evidence/log_triage.hpp"

namespace fm::evidence {

/// What to look at first on top. `colour` = ANSI colours.
std::string render_text(const analysis& a, bool colour);
std::string render_json(const analysis& a);
/// For every line: line_number<TAB>template_id; "-" for blank lines and lines inside stack traces.
std::string render_assignments(const analysis& a);
/// "2026-01-31 12:00:00" in UTC.
std::string render_time(std::int64_t ms);

} // namespace fm::evidence
