// What the model is shown: the system prompt, the case in a few lines, and as much of the conversation as fits.
#pragma once

#include "protocol/messages/case_commands.hpp"

namespace fm {

/// `history` in order of the conversation, without the question; the newest messages are kept when it does not
/// fit into `characters_max`. Deterministic.
turn_context build_context(const case_record& record, const std::vector<message>& history, const std::string& question,
                           std::size_t characters_max);

} // namespace fm
