// The agent's tools over knowledge: what each may look into, and which passages it brings. A search shows the best there is;
// a tool brings only what helps.
#pragma once

#include "actors/knowledge/knowledge_base.hpp"

#include <array>

namespace fm {

/// A tool is named after the scope of what it finds: see tool_of().
struct knowledge_tool {
  const char* name;
  knowledge_view view;
};
inline const std::array<knowledge_tool, 3>& knowledge_tools() {
  static const std::array<knowledge_tool, 3> tools{{{"answer_from_user_kb", {false, true, false, {}}},
                                                    {"answer_from_team_kb", {false, false, true, {}}},
                                                    {"answer_from_global_kb", {true, false, false, {}}}}};
  return tools;
}

/// With the embedded embedder questions about anything else reach 0.11 and the right runbook 0.36 and more (tests/knowledge);
/// 0.30 lies between.
inline bool is_relevant(const knowledge_hit& hit, double similarity_min) { return hit.similarity >= similarity_min; }

/// The five best passages of the tool's scope that are about the question, best first.
inline outcome<std::vector<knowledge_hit>> answer_from(const knowledge_base& base, const knowledge_tool& tool, const user_id& viewer, const std::string& question,
                                                       double similarity_min, const std::string& document_type = {}) {
  knowledge_query q;
  q.viewer = viewer;
  q.view = tool.view;
  q.text = question;
  q.document_type = document_type;
  q.limit = 5;
  auto hits = base.search(q);
  if (hits)
    std::erase_if(*hits, [&](const knowledge_hit& h) { return !is_relevant(h, similarity_min); });
  return hits;
}

} // namespace fm
