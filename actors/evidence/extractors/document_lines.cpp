// The formats that are read line by line or token by token: INI, Java properties, env files, systemd units, nginx;
// and XML by pugixml (which never expands entities of its own and keeps offsets).
#include "actors/evidence/extractors/document.hpp"

#include "actors/evidence/extractors/lines.hpp"
#include "protocol/base/text.hpp"

#include <pugixml.hpp>

#include <algorithm>

namespace fm::extractors {
namespace {

constexpr std::size_t xml_bytes_max = 4U << 20;

node_kind scalar_kind(std::string_view v) {
  if (iequals(v, "true") || iequals(v, "false"))
    return node_kind::boolean;
  return to_number(v) ? node_kind::number : node_kind::string;
}

std::string_view unquoted(std::string_view v) {
  if (v.size() >= 2 && (v.front() == '"' || v.front() == '\'') && v.back() == v.front())
    return v.substr(1, v.size() - 2);
  return v;
}

/// Common to the line formats: bounds, one map at the top, places.
struct line_document {
  line_document(std::string_view text, const document_limits& bounds) : all(text), bounds(bounds) {
    if (text.size() > bounds.bytes_max) {
      doc.refused = "The file is larger than " + std::to_string(bounds.bytes_max >> 20) + " MiB.";
      return;
    }
    doc_node root;
    root.kind = node_kind::map;
    root.line = 1;
    root.end = text.size();
    top = doc.add(0, std::move(root));
  }
  bool full() {
    if (doc.nodes.size() >= bounds.nodes_max)
      doc.refused = "The file has more than " + std::to_string(bounds.nodes_max) + " entries.";
    return doc.refused.has_value();
  }
  std::uint32_t put(std::uint32_t parent, std::string key, std::string text, node_kind kind, std::size_t first, std::size_t last) {
    const auto c = all.cite_lines(first, last);
    doc_node n;
    n.kind = kind;
    n.key = std::move(key);
    n.text = std::move(text);
    n.line = c.first_line;
    n.begin = c.begin;
    n.end = c.end;
    if (parent != top)
      doc.nodes[parent].end = std::max(doc.nodes[parent].end, c.end);
    return doc.add(parent, std::move(n));
  }
  void fail(std::string message, std::size_t line, std::size_t column = 0) {
    if (!doc.error)
      doc.error = parse_error{std::move(message), static_cast<std::uint32_t>(line + 1), static_cast<std::uint32_t>(column + 1), all.begin_of(line) + column};
  }
  lines all;
  const document_limits& bounds;
  document doc;
  std::uint32_t top = 0;
};

document sections(std::string_view text, const document_limits& bounds, bool systemd) {
  line_document d{text, bounds};
  if (d.doc.refused)
    return std::move(d.doc);
  auto section = d.top;
  std::size_t keys = 0;
  for (std::size_t i = 0; i < d.all.size() && !d.full(); ++i) {
    const auto first = i;
    auto line = trimmed(d.all[i]);
    if (i == 0 && line.substr(0, 3) == "\xEF\xBB\xBF")
      line = trimmed(line.substr(3));
    if (line.empty() || line[0] == '#' || line[0] == ';')
      continue;
    if (line[0] == '[') {
      const auto close = line.find(']');
      if (close == std::string_view::npos) {
        d.fail("the section header has no ']'", i);
        continue;
      }
      section = d.put(d.top, std::string{trimmed(line.substr(1, close - 1))}, {}, node_kind::map, i, i);
      continue;
    }
    std::string whole{line};
    if (systemd)
      while (!whole.empty() && whole.back() == '\\' && i + 1 < d.all.size()) {
        whole.pop_back();
        whole += ' ';
        whole += trimmed(d.all[++i]);
      }
    auto split = whole.find('=');
    if (!systemd) {
      const auto colon = whole.find(':');
      if (colon != std::string::npos && (split == std::string::npos || colon < split) && colon + 1 < whole.size() && whole[colon + 1] == ' ')
        split = colon;
    }
    if (split == std::string::npos) {
      // my.cnf has bare words as switches; anything with blanks in it is no key.
      if (systemd || whole.find_first_of(" \t") != std::string::npos || section == d.top) {
        d.fail("neither a section, nor a comment, nor key=value", first);
        continue;
      }
      d.put(section, whole, "true", node_kind::boolean, first, i);
      ++keys;
      continue;
    }
    if (split == 0) {
      d.fail("a value without a key", first);
      continue;
    }
    const auto value = unquoted(trimmed(std::string_view{whole}.substr(split + 1)));
    d.put(section, std::string{trimmed(std::string_view{whole}.substr(0, split))}, std::string{value}, scalar_kind(value), first, i);
    ++keys;
  }
  if (keys == 0 && !d.doc.error && !d.doc.refused)
    d.fail("no key=value in the file", 0);
  return std::move(d.doc);
}

} // namespace

document parse_ini(std::string_view text, const document_limits& bounds) { return sections(text, bounds, false); }
document parse_systemd(std::string_view text, const document_limits& bounds) { return sections(text, bounds, true); }

document parse_properties(std::string_view text, const document_limits& bounds) {
  line_document d{text, bounds};
  for (std::size_t i = 0; !d.doc.refused && i < d.all.size() && !d.full(); ++i) {
    const auto first = i;
    const auto line = trimmed(d.all[i]);
    if (line.empty() || line[0] == '#' || line[0] == '!')
      continue;
    std::string whole{line};
    while (!whole.empty() && whole.back() == '\\' && i + 1 < d.all.size()) {
      const auto slashes = whole.size() - 1 - std::min(whole.find_last_not_of('\\'), whole.size() - 1);
      if (slashes % 2 == 0)
        break;
      whole.pop_back();
      whole += trimmed(d.all[++i]);
    }
    std::size_t split = 0;
    while (split < whole.size() && whole[split] != '=' && whole[split] != ':' && whole[split] != ' ' && whole[split] != '\t')
      split += whole[split] == '\\' ? 2 : 1;
    split = std::min(split, whole.size());
    if (split == 0) {
      d.fail("a value without a key", first);
      continue;
    }
    auto value = trimmed(std::string_view{whole}.substr(split));
    if (!value.empty() && (value[0] == '=' || value[0] == ':'))
      value = trimmed(value.substr(1));
    d.put(d.top, whole.substr(0, split), std::string{value}, scalar_kind(value), first, i);
  }
  return std::move(d.doc);
}

document parse_env(std::string_view text, const document_limits& bounds) {
  line_document d{text, bounds};
  for (std::size_t i = 0; !d.doc.refused && i < d.all.size() && !d.full(); ++i) {
    const auto first = i;
    auto line = trimmed(d.all[i]);
    if (line.empty() || line[0] == '#')
      continue;
    if (line.substr(0, 7) == "export ")
      line = trimmed(line.substr(7));
    const auto split = line.find('=');
    if (split == std::string_view::npos || split == 0) {
      d.fail("expected NAME=value", i);
      continue;
    }
    const auto name = line.substr(0, split);
    if (is_digit(name[0]) || !std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == '.' || c == '-'; })) {
      d.fail("'" + std::string{name.substr(0, 60)} + "' is no variable name", i);
      continue;
    }
    std::string value{trimmed(line.substr(split + 1))};
    if (!value.empty() && (value[0] == '"' || value[0] == '\'')) {
      const char q = value[0];
      while ((value.size() == 1 || value.find(q, 1) == std::string::npos) && i + 1 < d.all.size() && i - first < 200) {
        value += '\n';
        value += d.all[++i];
      }
      const auto close = value.find(q, 1);
      if (close == std::string::npos)
        d.fail("the quoted value does not end", first, 0);
      else
        value = value.substr(1, close - 1);
    } else if (const auto comment = value.find(" #"); comment != std::string::npos) {
      value = std::string{trimmed(value.substr(0, comment))};
    }
    const auto kind = scalar_kind(value);
    d.put(d.top, std::string{name}, std::move(value), kind, first, i);
  }
  return std::move(d.doc);
}

document parse_nginx(std::string_view text, const document_limits& bounds) {
  line_document d{text, bounds};
  if (d.doc.refused)
    return std::move(d.doc);
  std::vector<std::uint32_t> open{d.top};
  std::vector<std::string> words;
  std::size_t begin = 0; // of the directive being read
  const auto put = [&](std::string key, std::string value, node_kind kind, std::size_t end) {
    const auto c = d.all.cite(begin, end);
    doc_node n;
    n.kind = kind;
    n.key = std::move(key);
    n.text = std::move(value);
    n.line = c.first_line;
    n.begin = begin;
    n.end = end;
    return d.doc.add(open.back(), std::move(n));
  };
  const auto joined = [&](std::size_t from) {
    std::string out;
    for (auto i = from; i < words.size(); ++i)
      out += (i > from ? " " : "") + words[i];
    return out;
  };
  const auto fail_at = [&](std::string message, std::size_t at) {
    const auto line = d.all.index_at(std::min(at, text.size() == 0 ? 0 : text.size() - 1));
    d.fail(std::move(message), line, at - std::min(at, d.all.begin_of(line)));
  };
  std::size_t at = 0;
  while (at < text.size() && !d.full()) {
    const char c = text[at];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      ++at;
      continue;
    }
    if (c == '#') {
      const auto end = text.find('\n', at);
      at = end == std::string_view::npos ? text.size() : end;
      continue;
    }
    if (words.empty())
      begin = at;
    if (c == ';') {
      ++at;
      if (words.empty()) {
        fail_at("a ';' without a directive", at - 1);
        continue;
      }
      put(words[0], joined(1), node_kind::string, at);
      words.clear();
      continue;
    }
    if (c == '{') {
      ++at;
      if (words.empty()) {
        fail_at("a block without a name", at - 1);
        break;
      }
      if (open.size() > bounds.depth_max) {
        d.doc.refused = "The blocks nest deeper than " + std::to_string(bounds.depth_max) + " levels.";
        break;
      }
      const bool lua = words[0].size() > 9 && words[0].ends_with("lua_block");
      const auto n = put(joined(0), {}, node_kind::map, at);
      words.clear();
      if (lua) { // not nginx's grammar inside: only the braces count
        std::size_t depth = 1;
        while (at < text.size() && depth > 0) {
          depth += text[at] == '{' ? 1 : 0;
          depth -= text[at] == '}' ? 1 : 0;
          ++at;
        }
        d.doc.nodes[n].end = at;
        continue;
      }
      open.push_back(n);
      continue;
    }
    if (c == '}') {
      ++at;
      if (!words.empty()) {
        fail_at("'" + words[0].substr(0, 60) + "' lacks its ';'", begin);
        put(words[0], joined(1), node_kind::string, at - 1);
        words.clear();
      }
      if (open.size() == 1) {
        fail_at("a '}' that closes nothing", at - 1);
        continue;
      }
      d.doc.nodes[open.back()].end = at;
      open.pop_back();
      continue;
    }
    std::string word;
    if (c == '"' || c == '\'') {
      auto end = at + 1;
      while (end < text.size() && text[end] != c) {
        if (text[end] == '\\' && end + 1 < text.size())
          ++end;
        word += text[end++];
      }
      if (end >= text.size()) {
        fail_at("the quoted word does not end", at);
        break;
      }
      at = end + 1;
    } else {
      auto end = at;
      while (end < text.size() && std::string_view{" \t\r\n;"}.find(text[end]) == std::string_view::npos) {
        if ((text[end] == '{' && end > at && text[end - 1] == '$')) { // ${name}
          while (end < text.size() && text[end] != '}' && text[end] != '\n')
            word += text[end++];
          if (end < text.size() && text[end] == '}')
            word += text[end++];
          continue;
        }
        if (text[end] == '{' || text[end] == '}') {
          if (end > at && (words.empty() || text[at] != '~') && (end + 1 >= text.size() || !is_digit(text[end + 1]) || text[end] == '}') &&
              (text[end] != '}' || word.find('{') == std::string::npos))
            break;
          if (end == at)
            break;
        }
        word += text[end] == '\\' && end + 1 < text.size() && text[end + 1] != '\n' ? std::string{text[end], text[end + 1]} : std::string{text[end]};
        end += text[end] == '\\' && end + 1 < text.size() && text[end + 1] != '\n' ? 2 : 1;
      }
      at = std::max(end, at + 1);
    }
    if (words.size() >= 10'000) {
      fail_at("a directive without an end", begin);
      break;
    }
    words.push_back(std::move(word));
  }
  if (!d.doc.refused) {
    if (!words.empty())
      fail_at("'" + words[0].substr(0, 60) + "' lacks its ';'", begin);
    if (open.size() > 1)
      fail_at("the block '" + d.doc.nodes[open.back()].key.substr(0, 60) + "' is not closed", d.doc.nodes[open.back()].begin);
  }
  return std::move(d.doc);
}

document parse_xml(std::string_view text, const document_limits& bounds) {
  document doc;
  const auto most = std::min(bounds.bytes_max, xml_bytes_max);
  if (text.size() > most) {
    doc.refused = "The XML is larger than " + std::to_string(most >> 10) + " KiB.";
    return doc;
  }
  pugi::xml_document xml;
  const auto result = xml.load_buffer(text.data(), text.size(), pugi::parse_default & ~pugi::parse_doctype, pugi::encoding_utf8);
  const lines all{text};
  if (!result) {
    const auto at = std::min<std::size_t>(result.offset < 0 ? 0 : static_cast<std::size_t>(result.offset), text.empty() ? 0 : text.size() - 1);
    const auto line = all.index_at(at);
    doc.error = parse_error{result.description(), static_cast<std::uint32_t>(line + 1), static_cast<std::uint32_t>(at - all.begin_of(line) + 1), at};
    return doc;
  }
  const auto place = [&](doc_node& n, const pugi::xml_node& x) {
    const auto offset = x.offset_debug();
    const auto c = all.cite_line(all.index_at(std::min<std::size_t>(offset < 0 ? 0 : static_cast<std::size_t>(offset), text.size())));
    n.line = c.first_line;
    n.begin = c.begin;
    n.end = c.end;
  };
  // Depth first without recursion: the document may be as deep as it is long.
  std::uint32_t parent = 0;
  std::size_t depth = 0;
  for (auto x = xml.document_element(); x;) {
    if (doc.nodes.size() + 16 >= bounds.nodes_max || depth > bounds.depth_max) {
      doc.refused = depth > bounds.depth_max ? "The XML nests deeper than " + std::to_string(bounds.depth_max) + " levels." : "The XML has more than " + std::to_string(bounds.nodes_max) + " values.";
      return doc;
    }
    if (x.type() == pugi::node_element) {
      doc_node n;
      n.key = x.name();
      place(n, x);
      const bool leaf = !x.first_attribute() && (!x.first_child() || (x.first_child() == x.last_child() && x.first_child().type() != pugi::node_element));
      n.kind = leaf ? scalar_kind(x.child_value()) : node_kind::map;
      if (leaf)
        n.text = std::string{trimmed(x.child_value())};
      const auto me = doc.add(parent, std::move(n));
      for (auto a = x.first_attribute(); a && doc.nodes.size() < bounds.nodes_max; a = a.next_attribute()) {
        doc_node attribute;
        attribute.key = std::string{"@"} + a.name();
        attribute.text = a.value();
        attribute.kind = scalar_kind(attribute.text);
        place(attribute, x);
        doc.add(me, std::move(attribute));
      }
      if (!leaf && x.first_child()) {
        parent = me;
        ++depth;
        x = x.first_child();
        continue;
      }
    } else if (const auto value = trimmed(x.value()); !value.empty() && parent != 0) {
      doc_node n;
      n.key = "#text";
      n.text = std::string{value};
      n.kind = scalar_kind(value);
      place(n, x);
      doc.add(parent, std::move(n));
    }
    while (x && !x.next_sibling()) {
      x = x.parent();
      if (depth == 0)
        x = {};
      else {
        --depth;
        parent = doc.nodes[parent].parent;
      }
    }
    if (x)
      x = x.next_sibling();
    if (depth == 0 && parent == 0 && x && x.type() != pugi::node_element)
      break;
  }
  return doc;
}

} // namespace fm::extractors
