// Blocks first (headings, paragraphs, fenced code kept whole where it fits), then pieces of at most so many tokens.
#include "actors/knowledge/chunker.hpp"

#include "actors/search/words.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm {
namespace {
struct block {
  std::size_t begin = 0, end = 0;
  std::size_t tokens = 0;
  int level = 0; ///< > 0: a heading
};

int heading_level(std::string_view line) {
  std::size_t n = 0;
  while (n < line.size() && line[n] == '#')
    ++n;
  return n > 0 && n <= 6 && n < line.size() && line[n] == ' ' ? static_cast<int>(n) : 0;
}

/// Splits a range that is too large at line ends, then at spaces, then anywhere between code points.
void add_split(std::vector<block>& out, std::string_view text, std::size_t begin, std::size_t end, std::size_t tokens_max) {
  const auto bytes_max = tokens_max * 8; // a token is rarely longer: bounds the work for text without spaces
  while (begin < end) {
    auto piece = std::min(end - begin, bytes_max);
    while (piece > 1 && token_estimate(text.substr(begin, piece)) > tokens_max)
      piece = piece * 3 / 4;
    if (begin + piece < end) {
      const auto part = text.substr(begin, piece);
      auto at = part.rfind('\n');
      if (at == std::string_view::npos || at < piece / 2)
        at = part.rfind(' ');
      if (at != std::string_view::npos && at >= piece / 2)
        piece = at + 1;
      else
        piece = std::max<std::size_t>(1, utf8_floor(text.substr(begin, piece + 4 < end - begin ? piece + 4 : end - begin), piece));
    }
    out.push_back({begin, begin + piece, token_estimate(text.substr(begin, piece)), 0});
    begin += piece;
  }
}

std::vector<block> blocks_of(std::string_view text, std::size_t tokens_max) {
  std::vector<block> out;
  std::size_t begin = 0, at = 0;
  bool fenced = false;
  const auto close = [&](std::size_t end) {
    if (end <= begin)
      return;
    if (trimmed(text.substr(begin, end - begin)).empty() && !out.empty()) {
      out.back().end = end;
    } else {
      const auto tokens = token_estimate(text.substr(begin, end - begin));
      if (tokens > tokens_max)
        add_split(out, text, begin, end, tokens_max);
      else
        out.push_back({begin, end, tokens, 0});
    }
    begin = end;
  };
  while (at < text.size()) {
    const auto newline = text.find('\n', at);
    const auto next = newline == std::string_view::npos ? text.size() : newline + 1;
    const auto line = trimmed(text.substr(at, next - at));
    if (line.starts_with("```") || line.starts_with("~~~")) {
      fenced = !fenced;
    } else if (!fenced) {
      if (const auto level = heading_level(line)) {
        close(at);
        out.push_back({at, next, token_estimate(line), level});
        begin = next;
      } else if (line.empty()) {
        close(next);
      }
    }
    at = next;
  }
  close(text.size());
  return out;
}

std::string joined(const std::vector<std::pair<int, std::string>>& path) {
  std::string out;
  for (auto& [level, name] : path)
    out += (out.empty() ? "" : " > ") + name;
  return out;
}
} // namespace

chunked_text chunks_of(std::string_view text, const chunk_settings& s) {
  chunked_text out;
  if (trimmed(text).empty())
    return out;
  const auto blocks = blocks_of(text, s.tokens_max);
  const bool whole = utf8_length(text) <= s.whole_characters_max && is_valid_utf8(text);
  std::vector<std::pair<int, std::string>> path;
  std::size_t first = 0; ///< blocks [first, i) are the open piece
  std::size_t tokens = 0;
  std::string heading;
  const auto emit = [&](std::size_t upto) {
    if (upto <= first)
      return;
    if (out.chunks.size() >= s.chunks_max) {
      out.cut = true;
      return;
    }
    const auto begin = blocks[first].begin, end = blocks[upto - 1].end;
    if (!trimmed(text.substr(begin, end - begin)).empty())
      out.chunks.push_back({begin, end, heading, std::string{text.substr(begin, end - begin)}});
  };
  for (std::size_t i = 0; i < blocks.size() && !out.cut; ++i) {
    auto& b = blocks[i];
    const auto open_tokens = tokens;
    // A heading ends the piece before it when that one is worth standing alone; a full piece ends anyway.
    const bool section = b.level > 0 && open_tokens * 4 > s.tokens_max;
    if (!whole && i > first && (section || open_tokens + b.tokens > s.tokens_max)) {
      emit(i);
      auto back = i;
      std::size_t overlap = 0;
      while (!section && back > first + 1 && blocks[back - 1].level == 0 && overlap + blocks[back - 1].tokens <= s.overlap_tokens)
        overlap += blocks[--back].tokens;
      first = back;
      tokens = overlap;
      heading = joined(path);
    }
    if (b.level > 0) {
      while (!path.empty() && path.back().first >= b.level)
        path.pop_back();
      auto line = trimmed(text.substr(b.begin, b.end - b.begin));
      line.remove_prefix(std::min(line.size(), static_cast<std::size_t>(b.level)));
      path.emplace_back(b.level, std::string{trimmed(line)});
      if (i == first || (whole && heading.empty()))
        heading = joined(path);
    }
    tokens += b.tokens;
  }
  emit(blocks.size());
  return out;
}

} // namespace fm
