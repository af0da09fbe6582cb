// Members that are absent stay as they are.
#include "http/core/case_patch.hpp"

namespace fm::http {

outcome<case_patch> read_case_patch(const wire::json_body& body) {
  case_patch p;
  p.title = body.text("title");
  p.description = body.text("description");
  p.proposed_problem_statement = body.text("proposed_problem_statement");
  p.problem_statement_confirmed = body.boolean("problem_statement_confirmed");
  p.category = body.text("category");
  p.tags = body.texts("tags");
  p.solution_summary = body.text("solution_summary");
  auto priority = body.text("priority");
  if (const auto metadata = body.object("metadata")) {
    if (!p.tags)
      p.tags = metadata->texts("tags");
    if (!p.category)
      p.category = metadata->text("category");
    if (!priority)
      priority = metadata->text("priority");
  }
  if (priority) {
    p.priority = enum_from<case_priority>(*priority);
    if (!p.priority) {
      auto f = make_failure(errc::invalid, "priority must be low, medium, high or critical.");
      return f.with_fact("field", "priority");
    }
  }
  if (auto f = body.wrong())
    return *f;
  return p;
}

} // namespace fm::http
