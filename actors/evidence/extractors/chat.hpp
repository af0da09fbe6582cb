// Conversations as chat programs export them: "[10:32] anna: text", "[10:32] Anna Smith" above its text (Teams), "anna  10:32 AM"
// above it (Slack), "31/01/2026, 10:32 - Anna: text" (WhatsApp), "10:32 <anna> text" (IRC). A message reaches to the next head.
#pragma once

#include "actors/evidence/extractors/lines.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace fm::extractors {

struct chat_message {
  std::size_t begin = 0, text = 0, end = 0; ///< bytes: its head, its text, behind it
  std::string_view when, who;
};
/// Empty when these lines are no conversation: a log with names in front is none. At most `messages_max`.
std::vector<chat_message> chat_of(const lines& all, std::size_t messages_max = 50'000);

/// `text` with the heads blanked out, each message a paragraph: same length, same lines.
std::string chat_blanked(std::string_view text, const std::vector<chat_message>& messages);

} // namespace fm::extractors
