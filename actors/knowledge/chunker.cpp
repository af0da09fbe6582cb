// Blocks first (headings, paragraphs, fenced code kept whole where it fits), then pieces of at most so many tokens.
#include "actors/knowledge/chunker.hpp"

#include "actors/search/words.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>
#include <utility>

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

/// Where a row of a table ends, behind its newline; newlines inside quotes belong to the row.
std::size_t row_end(std::string_view text, std::size_t at) {
  bool quoted = false;
  for (; at < text.size(); ++at) {
    if (text[at] == '"')
      quoted = !quoted;
    else if (text[at] == '\n' && !quoted)
      return at + 1;
  }
  return at;
}

/// Ranges put together until one more would be too large; a range that is too large by itself is split.
class gathering {
public:
  gathering(chunked_text& out, std::string_view text, const chunk_settings& s) : out_(out), text_(text), s_(s) {}

  void add(std::size_t begin, std::size_t end, const std::string& heading, const std::string& context) {
    const auto tokens = token_estimate(text_.substr(begin, end - begin));
    const auto room = std::max<std::size_t>(s_.tokens_max / 4, s_.tokens_max - std::min(s_.tokens_max, token_estimate(context)));
    if (open_ && tokens_ + tokens > room)
      close();
    if (tokens > room) {
      std::vector<block> parts;
      add_split(parts, text_, begin, end, room);
      for (auto& p : parts)
        put(p.begin, p.end, heading, context);
      return;
    }
    if (!open_) {
      open_ = true;
      begin_ = begin;
      heading_ = heading;
      context_ = context;
      tokens_ = 0;
    }
    end_ = end;
    tokens_ += tokens;
  }
  void close() {
    if (open_)
      put(begin_, end_, heading_, context_);
    open_ = false;
  }

private:
  void put(std::size_t begin, std::size_t end, const std::string& heading, const std::string& context) {
    if (out_.chunks.size() >= s_.chunks_max)
      out_.cut = true;
    else if (!trimmed(text_.substr(begin, end - begin)).empty())
      out_.chunks.push_back({begin, end, heading, std::string{text_.substr(begin, end - begin)}, context});
  }
  chunked_text& out_;
  std::string_view text_;
  const chunk_settings& s_;
  bool open_ = false;
  std::size_t begin_ = 0, end_ = 0, tokens_ = 0;
  std::string heading_, context_;
};

chunked_text rows_of(std::string_view text, const chunk_settings& s) {
  constexpr std::size_t names_bytes_max = 1'000;
  chunked_text out;
  const auto first = row_end(text, 0);
  std::string names{trimmed(text.substr(0, first))};
  names.resize(utf8_floor(names, std::min(names.size(), names_bytes_max)));
  gathering rows{out, text, s};
  for (std::size_t at = 0; at < text.size() && !out.cut;) {
    const auto end = row_end(text, at);
    rows.add(at, end, at == 0 ? std::string{} : names, at == 0 ? std::string{} : names);
    at = end;
  }
  rows.close();
  return out;
}

/// "$.servers[3].disk": where in a document a member stands.
struct json_path {
  struct level {
    bool array = false;
    std::size_t index = 0;
    std::string key;
  };
  std::vector<level> levels;
  std::string text() const {
    constexpr std::size_t bytes_max = 200;
    std::string out = "$";
    for (auto& l : levels) {
      if (l.array)
        out += "[" + std::to_string(l.index) + "]";
      else if (!l.key.empty())
        out += "." + l.key;
      if (out.size() > bytes_max) {
        out.resize(utf8_floor(out, bytes_max));
        return out + "\u2026";
      }
    }
    return out;
  }
};

chunked_text members_of(std::string_view text, const chunk_settings& s) {
  constexpr std::size_t depth_max = 64, key_bytes_max = 80;
  chunked_text out;
  gathering members{out, text, s};
  json_path path;
  std::string last_key;
  std::size_t begin = 0, depth = 0;
  std::string where = "$";
  bool named = false;
  const auto cut_at = [&](std::size_t end) {
    members.add(begin, end, where, {});
    begin = end;
    where = path.text();
    named = false;
  };
  for (std::size_t i = 0; i < text.size() && !out.cut; ++i) {
    const char c = text[i];
    if (c == '"') {
      const auto from = ++i;
      while (i < text.size() && text[i] != '"')
        i += text[i] == '\\' ? 2 : 1;
      i = std::min(i, text.size());
      last_key.assign(text.substr(from, std::min(i - from, key_bytes_max)));
      last_key.resize(utf8_floor(last_key, last_key.size()));
    } else if (c == ':' && !path.levels.empty() && !path.levels.back().array) {
      path.levels.back().key = last_key;
      if (!std::exchange(named, true))
        where = path.text(); // the first member of the piece
    } else if (c == '{' || c == '[') {
      ++depth;
      if (path.levels.size() < depth_max)
        path.levels.push_back({c == '[', 0, {}});
    } else if (c == '}' || c == ']') {
      if (depth == path.levels.size() && depth > 0)
        path.levels.pop_back();
      depth -= depth > 0 ? 1 : 0;
    } else if (c == ',' && depth == path.levels.size() && !path.levels.empty()) {
      auto& l = path.levels.back();
      l.array ? static_cast<void>(++l.index) : l.key.clear();
      cut_at(i + 1);
    }
  }
  if (begin < text.size())
    members.add(begin, text.size(), where, {});
  members.close();
  return out;
}
} // namespace

chunked_text chunks_of(std::string_view text, const chunk_settings& s, std::string_view format) {
  chunked_text out;
  if (trimmed(text).empty())
    return out;
  if (format == "csv" || format == "json") {
    if (utf8_length(text) <= s.whole_characters_max && is_valid_utf8(text)) {
      out.chunks.push_back({0, text.size(), {}, std::string{text}, {}});
      return out;
    }
    return format == "csv" ? rows_of(text, s) : members_of(text, s);
  }
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
      out.chunks.push_back({begin, end, heading, std::string{text.substr(begin, end - begin)}, {}});
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
