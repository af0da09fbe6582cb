// The tree itself, and the JSON parser: hand-written because errors must be located and every value must know its
// bytes; iterative because hostile files nest.
#include "actors/evidence/extractors/document.hpp"

#include "actors/evidence/extractors/encoding.hpp"
#include "actors/evidence/extractors/lines.hpp"

#include <algorithm>

namespace fm::extractors {

std::uint32_t document::child(std::uint32_t of, std::string_view key) const {
  if (nodes[of].kind != node_kind::map)
    return 0;
  for (auto c = nodes[of].first_child; c != 0; c = nodes[c].next)
    if (nodes[c].key == key)
      return c;
  return 0;
}

std::uint32_t document::add(std::uint32_t parent, doc_node n) {
  const auto index = static_cast<std::uint32_t>(nodes.size());
  n.parent = parent;
  nodes.push_back(std::move(n));
  auto& p = nodes[parent];
  if (p.first_child == 0)
    p.first_child = index;
  else
    nodes[p.last_child].next = index;
  p.last_child = index;
  return index;
}

std::string document::path(std::uint32_t node) const {
  std::vector<std::string> parts;
  for (auto n = node; n != 0; n = nodes[n].parent) {
    const auto parent = nodes[n].parent;
    if (nodes[parent].kind == node_kind::map) {
      parts.push_back(nodes[n].key);
      continue;
    }
    std::size_t index = 0;
    for (auto c = nodes[parent].first_child; c != 0 && c != n; c = nodes[c].next)
      ++index;
    if (parent != 0)
      parts.push_back("[" + std::to_string(index) + "]");
    else if (index > 0)
      parts.push_back("doc" + std::to_string(index + 1) + ":");
  }
  std::string out;
  for (auto it = parts.rbegin(); it != parts.rend(); ++it) {
    if (!out.empty() && out.back() != ':' && (it->empty() || it->front() != '['))
      out += '.';
    out += *it;
  }
  return out;
}

std::size_t document::scalars() const {
  return static_cast<std::size_t>(std::count_if(nodes.begin() + 1, nodes.end(), [](const doc_node& n) { return n.kind != node_kind::map && n.kind != node_kind::list; }));
}

namespace {

class json_reader {
public:
  json_reader(std::string_view text, const document_limits& bounds, bool several) : s_(text), bounds_(bounds), several_(several) {}

  document run() {
    if (s_.size() > bounds_.bytes_max) {
      doc_.refused = "The document is larger than " + std::to_string(bounds_.bytes_max >> 20) + " MiB.";
      return std::move(doc_);
    }
    if (s_.substr(0, 3) == "\xEF\xBB\xBF")
      at_ = 3;
    blank();
    if (at_ == s_.size()) {
      fail("the document is empty");
      return std::move(doc_);
    }
    while (at_ < s_.size() && !stopped()) {
      value_tree();
      blank();
      if (!several_ && at_ < s_.size() && !stopped())
        fail("something follows the end of the value");
    }
    for (auto& n : doc_.nodes) // what an error left open ends where it was met
      n.end = std::min<std::uint64_t>(std::max({n.begin, n.end, n.end == 0 ? std::uint64_t{at_} : n.end}), s_.size());
    return std::move(doc_);
  }

private:
  bool stopped() const { return doc_.error || doc_.refused; }
  void fail(std::string message) {
    if (stopped())
      return;
    const auto line_begin = at_ == 0 ? std::string_view::npos : s_.rfind('\n', at_ - 1);
    const auto begin = line_begin == std::string_view::npos ? 0 : line_begin + 1;
    doc_.error = parse_error{std::move(message), line_, static_cast<std::uint32_t>(at_ - begin + 1), at_};
  }
  void blank() {
    for (; at_ < s_.size(); ++at_) {
      const char c = s_[at_];
      if (c == '\n')
        ++line_;
      else if (c == '/' && at_ + 1 < s_.size() && (s_[at_ + 1] == '/' || s_[at_ + 1] == '*'))
        comment();
      else if (c != ' ' && c != '\t' && c != '\r')
        return;
    }
  }
  /// To its last byte.
  void comment() {
    if (doc_.comment_line == 0)
      doc_.comment_line = line_;
    const bool block = s_[at_ + 1] == '*';
    const auto end = block ? s_.find("*/", at_ + 2) : s_.find('\n', at_);
    const auto stop = end == std::string_view::npos ? s_.size() : block ? end + 2 : end;
    line_ += static_cast<std::uint32_t>(std::count(s_.begin() + static_cast<std::ptrdiff_t>(at_), s_.begin() + static_cast<std::ptrdiff_t>(stop), '\n'));
    at_ = stop - 1;
  }
  /// Reads one value with everything in it, keeping the open containers on a stack of our own.
  void value_tree() {
    std::vector<std::uint32_t> open{0};
    std::string key;
    while (!stopped()) {
      blank();
      if (at_ >= s_.size())
        return fail("the text ends inside a value");
      const char c = s_[at_];
      if (c == '{' || c == '[') {
        if (open.size() > bounds_.depth_max) {
          doc_.refused = "The document nests deeper than " + std::to_string(bounds_.depth_max) + " levels.";
          return;
        }
        const auto n = put(open.back(), c == '{' ? node_kind::map : node_kind::list, key, at_);
        ++at_;
        open.push_back(n);
        blank();
        if (at_ < s_.size() && s_[at_] == (c == '{' ? '}' : ']')) {
          ++at_;
          close(open);
          if (!after_value(open, key))
            return;
          continue;
        }
        if (c == '{' && !read_key(key))
          return;
        continue;
      }
      scalar(open.back(), key);
      if (stopped() || !after_value(open, key))
        return;
    }
  }
  void close(std::vector<std::uint32_t>& open) {
    doc_.nodes[open.back()].end = at_;
    open.pop_back();
  }
  /// Commas and closing brackets after a value; false when the outermost value ended or an error came.
  bool after_value(std::vector<std::uint32_t>& open, std::string& key) {
    while (open.size() > 1) {
      blank();
      const bool map = doc_.nodes[open.back()].kind == node_kind::map;
      if (at_ >= s_.size()) {
        fail(map ? "the text ends inside an object" : "the text ends inside an array");
        return false;
      }
      if (s_[at_] == ',') {
        ++at_;
        blank();
        key.clear();
        if (at_ < s_.size() && (s_[at_] == '}' || s_[at_] == ']')) {
          if (doc_.comment_line != 0) // who takes comments takes this too
            continue;
          fail("a comma stands before the closing bracket");
          return false;
        }
        return !map || read_key(key);
      }
      if (s_[at_] != (map ? '}' : ']')) {
        fail(map ? "expected ',' or '}'" : "expected ',' or ']'");
        return false;
      }
      ++at_;
      close(open);
    }
    return false;
  }
  bool read_key(std::string& key) {
    blank();
    if (at_ >= s_.size() || s_[at_] != '"') {
      fail("expected a key in double quotes");
      return false;
    }
    key.clear();
    if (!read_string(key))
      return false;
    blank();
    if (at_ >= s_.size() || s_[at_] != ':') {
      fail("expected ':' after the key");
      return false;
    }
    ++at_;
    return true;
  }
  std::uint32_t put(std::uint32_t parent, node_kind kind, std::string& key, std::size_t begin) {
    if (doc_.nodes.size() >= bounds_.nodes_max) {
      doc_.refused = "The document has more than " + std::to_string(bounds_.nodes_max) + " values.";
      return parent;
    }
    doc_node n;
    n.kind = kind;
    n.line = line_;
    n.begin = begin;
    n.key = std::move(key);
    key.clear();
    return doc_.add(parent, std::move(n));
  }
  void scalar(std::uint32_t parent, std::string& key) {
    const auto begin = at_;
    const char c = s_[at_];
    std::string text;
    node_kind kind = node_kind::string;
    const auto line = line_;
    if (c == '"') {
      if (!read_string(text))
        return;
    } else {
      auto end = at_;
      while (end < s_.size() && (is_alnum(s_[end]) || s_[end] == '-' || s_[end] == '+' || s_[end] == '.'))
        ++end;
      text.assign(s_.substr(at_, end - at_));
      if (text == "true" || text == "false")
        kind = node_kind::boolean;
      else if (text == "null")
        kind = node_kind::null;
      else if (const bool sign = !text.empty() && text[0] == '-'; text.size() > (sign ? 1U : 0U) && is_digit(text[sign ? 1 : 0]) && (to_number(text) || huge(text)))
        kind = node_kind::number;
      else
        return fail(text.empty() ? "expected a value" : "'" + text.substr(0, 40) + "' is no JSON value");
      at_ = end;
    }
    const auto n = put(parent, kind, key, begin);
    if (stopped())
      return;
    doc_.nodes[n].text = std::move(text);
    doc_.nodes[n].line = line;
    doc_.nodes[n].end = at_;
  }
  /// Out of double's range, but a number all the same.
  static bool huge(std::string_view t) {
    return t.find_first_not_of("0123456789+-.eE") == std::string_view::npos && is_digit(t.back());
  }
  bool read_string(std::string& out) {
    ++at_;
    for (;;) {
      auto end = at_;
      while (end < s_.size() && s_[end] != '"' && s_[end] != '\\' && s_[end] != '\n')
        ++end;
      out.append(s_.substr(at_, end - at_));
      at_ = end;
      if (at_ >= s_.size() || s_[at_] == '\n') {
        fail("the string does not end on its line");
        return false;
      }
      if (s_[at_] == '"') {
        ++at_;
        return true;
      }
      if (at_ + 1 >= s_.size()) {
        fail("the string does not end");
        return false;
      }
      const char e = s_[at_ + 1];
      at_ += 2;
      switch (e) {
      case 'n': out += '\n'; break;
      case 't': out += '\t'; break;
      case 'r': out += '\r'; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case '"':
      case '\\':
      case '/': out += e; break;
      case 'u': {
        const auto unit = hex4();
        if (!unit) {
          fail("\\u needs four hexadecimal digits");
          return false;
        }
        std::uint32_t code = *unit;
        if (code >= 0xD800 && code < 0xDC00 && s_.substr(std::min(at_, s_.size()), 2) == "\\u") {
          at_ += 2;
          const auto low = hex4();
          code = low && *low >= 0xDC00 && *low < 0xE000 ? 0x10000 + ((code - 0xD800) << 10) + (*low - 0xDC00) : 0xFFFD;
        } else if (code >= 0xD800 && code < 0xE000) {
          code = 0xFFFD;
        }
        append_utf8(code, out);
        break;
      }
      default:
        at_ -= 1;
        fail("unknown escape in a string");
        return false;
      }
    }
  }
  std::optional<std::uint32_t> hex4() {
    if (at_ + 4 > s_.size())
      return std::nullopt;
    std::uint32_t v = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = s_[at_ + static_cast<std::size_t>(i)];
      const int d = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (d < 0)
        return std::nullopt;
      v = v * 16 + static_cast<std::uint32_t>(d);
    }
    at_ += 4;
    return v;
  }

  std::string_view s_;
  document_limits bounds_;
  bool several_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  document doc_;
};

} // namespace

document parse_json(std::string_view text, const document_limits& bounds, bool several) {
  return json_reader{text, bounds, several}.run();
}

} // namespace fm::extractors
