// Text written by people: incident reports, runbooks, chats, minutes. Sections, dates, decisions, actions and an
// extractive summary: sentences of the text itself, never new ones. Markdown, plain text and HTML.
#pragma once

#include "actors/evidence/extractors/extraction.hpp"
#include "actors/evidence/extractors/lines.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace fm::extractors {

struct section {
  std::string title;
  int level = 1;
  citation heading;
  citation body;
};
std::vector<section> sections_of(const lines& text);

constexpr char paragraph_end = '\x1e'; ///< in a blanked text: where a tag or a message ended a paragraph

/// `text` with HTML tags, scripts and styles blanked out: same length, same lines, so that citations hold.
std::string html_blanked(std::string_view text);

extraction extract_text(std::string_view name, std::string_view text);

} // namespace fm::extractors
