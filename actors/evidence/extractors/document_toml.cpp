// TOML by toml++, which locates its errors. Dotted keys nest without brackets, and the library frees tables by
// recursion, so runs of dots are bounded before it sees them.
#include "actors/evidence/extractors/document.hpp"

#include "actors/evidence/extractors/lines.hpp"

// The library asserts (and in release builds assumes) what hostile text can break; with both off it takes the branch
// that reports an error.
#undef NDEBUG
#define TOML_ASSERT(condition) static_cast<void>(0)
#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

#include <algorithm>
#include <sstream>

namespace fm::extractors {
namespace {

constexpr std::size_t toml_bytes_max = 512U << 10; ///< the library looks tables up one by one: quadratic in their number
constexpr std::size_t dots_max = 48;

struct screened {
  bool too_dotted = false; ///< a key of more than dots_max parts may be in here
  std::optional<std::size_t> wrong_at;
  std::string_view wrong;
};

/// What must not reach the library: long dotted keys (see above), and characters outside strings and comments that are
/// not ASCII, which are errors in TOML and undefined behaviour in its tables of blanks.
screened screen(std::string_view s) {
  screened out;
  const auto wrong = [&](std::size_t at, std::string_view why) {
    out.wrong_at = at;
    out.wrong = why;
    return out;
  };
  const auto high = [&](std::size_t i) { return i < s.size() && static_cast<unsigned char>(s[i]) >= 0x80; };
  std::size_t dots = 0;
  for (std::size_t i = s.substr(0, 3) == "\xEF\xBB\xBF" ? 3 : 0; i < s.size(); ++i) {
    const char c = s[i];
    if (c == '"' || c == '\'') {
      const auto begin = i;
      const bool multi = i + 2 < s.size() && s[i + 1] == c && s[i + 2] == c;
      i += multi ? 3 : 1;
      bool closed = false;
      for (; i < s.size(); ++i) {
        if (s[i] == '\\' && c == '"') {
          if (high(i + 1))
            return wrong(i, "unknown escape in a string");
          ++i;
        } else if (!multi && (s[i] == '\n' || s[i] == '\r')) {
          break;
        } else if (s[i] == c && (!multi || (i + 2 < s.size() && s[i + 1] == c && s[i + 2] == c))) {
          closed = true;
          i += multi ? 2 : 0;
          break;
        }
      }
      if (!closed)
        return wrong(begin, multi ? "the string does not end" : "the string does not end on its line");
      continue;
    }
    if (c == '#') {
      while (i < s.size() && s[i] != '\n')
        ++i;
      dots = 0;
      continue;
    }
    if (high(i))
      return wrong(i, "a character outside of strings and comments is not ASCII");
    if (c == '.') {
      if (++dots > dots_max) {
        out.too_dotted = true;
        return out;
      }
    } else if (!is_word(c) && c != '-' && c != ' ' && c != '\t') {
      dots = 0;
    }
  }
  return out;
}

struct place_finder {
  explicit place_finder(std::string_view text) : text(text) {
    starts.push_back(0);
    for (std::size_t at = 0; (at = text.find('\n', at)) != std::string_view::npos;)
      starts.push_back(++at);
  }
  std::uint64_t line_begin(std::uint32_t line) const { return starts[std::clamp<std::size_t>(line, 1, starts.size()) - 1]; }
  std::uint64_t line_end(std::uint32_t line) const {
    const auto i = std::clamp<std::size_t>(line, 1, starts.size());
    auto end = i < starts.size() ? starts[i] - 1 : text.size();
    while (end > starts[i - 1] && text[end - 1] == '\r')
      --end;
    return std::max<std::uint64_t>(end, starts[i - 1]);
  }
  std::string_view text;
  std::vector<std::size_t> starts;
};

} // namespace

document parse_toml(std::string_view text, const document_limits& bounds) {
  document doc;
  const auto most = std::min(bounds.bytes_max, toml_bytes_max);
  if (text.size() > most) {
    doc.refused = "The TOML is larger than " + std::to_string(most >> 10) + " KiB.";
    return doc;
  }
  const auto seen = screen(text);
  if (seen.too_dotted) {
    doc.refused = "A key has more than " + std::to_string(dots_max) + " parts.";
    return doc;
  }
  if (seen.wrong_at) {
    const lines all{text};
    const auto line = all.index_at(*seen.wrong_at);
    doc.error = parse_error{std::string{seen.wrong}, static_cast<std::uint32_t>(line + 1), static_cast<std::uint32_t>(*seen.wrong_at - all.begin_of(line) + 1), *seen.wrong_at};
    return doc;
  }
  const place_finder places{text};
  try {
    const auto table = toml::parse(text);
    struct todo {
      const toml::node* node;
      std::uint32_t parent;
      std::string key;
      std::size_t depth;
    };
    // Depth first with the children of one container in their order of place.
    std::vector<todo> stack{{&table, 0, {}, 0}};
    while (!stack.empty()) {
      auto t = std::move(stack.back());
      stack.pop_back();
      if (doc.nodes.size() >= bounds.nodes_max) {
        doc.refused = "The document has more than " + std::to_string(bounds.nodes_max) + " values.";
        break;
      }
      if (t.depth > bounds.depth_max) {
        doc.refused = "The document nests deeper than " + std::to_string(bounds.depth_max) + " levels.";
        break;
      }
      const auto& from = t.node->source().begin;
      const auto& to = t.node->source().end;
      doc_node n;
      n.key = std::move(t.key);
      n.line = from.line;
      n.begin = places.line_begin(from.line);
      n.end = places.line_end(std::max(from.line, to.column <= 1 && to.line > from.line ? to.line - 1 : to.line));
      std::vector<todo> children;
      if (auto* map = t.node->as_table()) {
        n.kind = node_kind::map;
        const auto me = doc.add(t.parent, std::move(n));
        for (auto&& [k, v] : *map)
          children.push_back({&v, me, std::string{k.str()}, t.depth + 1});
        std::stable_sort(children.begin(), children.end(), [](const todo& a, const todo& b) {
          const auto &x = a.node->source().begin, &y = b.node->source().begin;
          return x.line != y.line ? x.line < y.line : x.column < y.column;
        });
      } else if (auto* list = t.node->as_array()) {
        n.kind = node_kind::list;
        const auto me = doc.add(t.parent, std::move(n));
        for (auto& v : *list)
          children.push_back({&v, me, {}, t.depth + 1});
      } else {
        n.kind = t.node->is_boolean() ? node_kind::boolean : t.node->is_number() ? node_kind::number : node_kind::string;
        if (auto* s = t.node->as_string()) {
          n.text = s->get();
        } else {
          std::ostringstream out;
          t.node->visit([&](auto&& v) {
            if constexpr (toml::is_value<decltype(v)>)
              out << v;
          });
          n.text = std::move(out).str();
        }
        doc.add(t.parent, std::move(n));
      }
      for (auto it = children.rbegin(); it != children.rend(); ++it)
        stack.push_back(std::move(*it));
    }
  } catch (const toml::parse_error& e) {
    const auto& at = e.source().begin;
    doc.error = parse_error{std::string{e.description()}.substr(0, 200), at.line, at.column, std::min<std::uint64_t>(places.line_begin(at.line) + (at.column == 0 ? 0 : at.column - 1), text.size())};
  } catch (const std::exception& e) {
    doc.error = parse_error{std::string{e.what()}.substr(0, 200), 1, 1, 0};
  }
  return doc;
}

} // namespace fm::extractors
