// What the model is shown: the system prompt, the case in a few lines, and as much of the conversation as fits.
#pragma once

#include "protocol/messages/case_commands.hpp"
#include "protocol/model/case_search.hpp"
#include "protocol/model/knowledge.hpp"

namespace fm {

/// `history` in order of the conversation, without the question; the newest messages are kept when it does not
/// fit into `characters_max`. `known`: passages of the knowledge base, shown with their documents' ids. `found`:
/// lines of the case's files, without personal data and secrets. Deterministic.
turn_context build_context(const case_record& record, const std::vector<message>& history, const std::string& question,
                           std::size_t characters_max, const std::vector<knowledge_hit>& known = {}, const std::vector<case_search_hit>& found = {});

/// What the knowledge base is asked for this question: its words with the case's title, or, for a pasted log, the
/// lines that stand out in it. At most 1,500 bytes.
std::string question_for_recall(const std::string& question, const std::string& title);

} // namespace fm
