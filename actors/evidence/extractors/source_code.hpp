// Source code: which language, what is in it, where errors are swallowed, and what stands at the lines that stack
// traces of the case name. By tokens and indentation, not by compilers: no build is needed and nothing is executed.
#pragma once

#include "actors/evidence/extractors/extraction.hpp"
#include "actors/evidence/extractors/lines.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace fm::extractors {

enum class language : std::uint8_t { unknown, python, javascript, typescript, java, kotlin, csharp, go, rust, c, cpp, ruby, php, shell, sql, scala, swift };
std::string_view to_string(language l) noexcept;

struct language_guess {
  language lang = language::unknown;
  double confidence = 0;
};
/// By words and punctuation; the name's extension counts as much as a handful of words.
language_guess language_of(std::string_view name, std::string_view text);

struct code_unit {
  std::string kind; ///< function, class
  std::string name;
  std::size_t first = 0, last = 0; ///< line indices from 0
};
std::vector<code_unit> structure_of(language lang, const lines& text);

/// A frame of a stack trace: the file as the trace names it, and the line.
struct trace_line {
  std::string file;
  std::uint32_t line = 0;
};
/// Frames named in a log or message, in order, without repetition (at most `most`).
std::vector<trace_line> frames_in(std::string_view trace_text, std::size_t most = 200);
/// Whether a frame's file can be this file: the last path parts agree.
bool same_file(std::string_view frame_file, std::string_view name);

extraction extract_source(std::string_view name, std::string_view text, const std::vector<trace_line>& frames = {});

} // namespace fm::extractors
