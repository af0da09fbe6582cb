// Trees are walked with a stack of our own: what is nested deeply costs memory that is counted, never the call stack.
#include "actors/evidence/opening/document_text.hpp"

#include "actors/evidence/extractors/extract.hpp"
#include "actors/evidence/opening/archive.hpp"
#include "actors/evidence/opening/visual.hpp"
#include "protocol/base/text.hpp"

#include <gumbo.h>
#include <pugixml.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <map>
#include <vector>

namespace fm::opening {
namespace {

/// Thrown by the readers below; the first byte of what the child gives says which it was.
struct refusal {
  char kind; ///< I invalid, L too large
  std::string why;
};
[[noreturn]] void too_large(std::string why) { throw refusal{'L', std::move(why)}; }

/// Text with Markdown's blocks; white space is collapsed outside of what was laid out by hand.
class text_sink {
public:
  explicit text_sink(std::size_t most) : most_(most) {}

  void text(std::string_view t) {
    for (const char c : t) {
      const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
      if (literal_ > 0 && c != '\r') {
        put(c);
      } else if (blank) {
        blank_ = true;
      } else {
        if (blank_ && !out_.empty() && out_.back() != '\n' && out_.back() != ' ')
          put(' ');
        blank_ = false;
        put(c);
      }
    }
  }
  /// As it is, without collapsing.
  void mark(std::string_view t) {
    if (blank_ && !out_.empty() && out_.back() != '\n' && out_.back() != ' ')
      put(' ');
    blank_ = false;
    for (const char c : t)
      put(c);
  }
  void line() {
    blank_ = false;
    while (!out_.empty() && out_.back() == ' ')
      out_.pop_back();
    if (!out_.empty() && out_.back() != '\n')
      put('\n');
  }
  void block() {
    line();
    if (out_.size() >= 2 && out_[out_.size() - 2] != '\n')
      put('\n');
  }
  void end_literal() {
    --literal_;
    line();
    mark("```");
    block();
  }
  void begin_literal() {
    block();
    mark("```\n");
    ++literal_;
  }
  std::string take() {
    line();
    const auto from = out_.find_first_not_of('\n');
    return from == std::string::npos ? std::string{} : out_.substr(from, out_.find_last_not_of('\n') + 2 - from);
  }

private:
  void put(char c) {
    if (out_.size() >= most_)
      too_large("The document has more than " + std::to_string(most_) + " bytes of text.");
    out_ += c;
  }
  std::string out_;
  std::size_t most_;
  int literal_ = 0;
  bool blank_ = false;
};

// ---- HTML ----------------------------------------------------------------------------------------------------

bool never_text(GumboTag t) {
  switch (t) {
  case GUMBO_TAG_SCRIPT:
  case GUMBO_TAG_STYLE:
  case GUMBO_TAG_NOSCRIPT:
  case GUMBO_TAG_TEMPLATE:
  case GUMBO_TAG_HEAD:
  case GUMBO_TAG_SVG:
  case GUMBO_TAG_IFRAME:
  case GUMBO_TAG_OBJECT:
  case GUMBO_TAG_SELECT: return true;
  default: return false;
  }
}
bool is_block(GumboTag t) {
  switch (t) {
  case GUMBO_TAG_P:
  case GUMBO_TAG_DIV:
  case GUMBO_TAG_SECTION:
  case GUMBO_TAG_ARTICLE:
  case GUMBO_TAG_HEADER:
  case GUMBO_TAG_FOOTER:
  case GUMBO_TAG_MAIN:
  case GUMBO_TAG_ASIDE:
  case GUMBO_TAG_NAV:
  case GUMBO_TAG_BLOCKQUOTE:
  case GUMBO_TAG_UL:
  case GUMBO_TAG_OL:
  case GUMBO_TAG_DL:
  case GUMBO_TAG_TABLE:
  case GUMBO_TAG_FORM:
  case GUMBO_TAG_FIELDSET:
  case GUMBO_TAG_FIGURE:
  case GUMBO_TAG_DETAILS:
  case GUMBO_TAG_HR: return true;
  default: return false;
  }
}
int heading(GumboTag t) { return t >= GUMBO_TAG_H1 && t <= GUMBO_TAG_H6 ? static_cast<int>(t) - static_cast<int>(GUMBO_TAG_H1) + 1 : 0; }

struct html_writer {
  text_sink& sink;
  bool top_heading = false;

  void enter(const GumboNode& n) {
    const auto tag = n.v.element.tag;
    if (const auto level = heading(tag)) {
      top_heading |= level == 1;
      sink.block();
      sink.mark(std::string(static_cast<std::size_t>(level), '#') + " ");
    } else if (tag == GUMBO_TAG_PRE) {
      sink.begin_literal();
    } else if (tag == GUMBO_TAG_LI || tag == GUMBO_TAG_DT) {
      sink.line();
      sink.mark("- ");
    } else if (tag == GUMBO_TAG_TR || tag == GUMBO_TAG_BR || tag == GUMBO_TAG_DD || tag == GUMBO_TAG_OPTION) {
      sink.line();
    } else if (tag == GUMBO_TAG_IMG) {
      if (const auto* alt = gumbo_get_attribute(&n.v.element.attributes, "alt"))
        sink.text(alt->value);
    } else if (is_block(tag)) {
      sink.block();
    }
  }
  void leave(const GumboNode& n) {
    const auto tag = n.v.element.tag;
    if (tag == GUMBO_TAG_PRE)
      sink.end_literal();
    else if (heading(tag) != 0 || is_block(tag))
      sink.block();
    else if (tag == GUMBO_TAG_TD || tag == GUMBO_TAG_TH)
      sink.mark(" | ");
    else if (tag == GUMBO_TAG_LI || tag == GUMBO_TAG_TR || tag == GUMBO_TAG_DD || tag == GUMBO_TAG_DT)
      sink.line();
  }
};

struct place {
  const GumboNode* node;
  unsigned next;
};

/// Calls enter, leave and text for what is below `root`; `root` itself included.
template <class Enter, class Leave, class Text>
void walk(const GumboNode* root, std::size_t depth_max, Enter enter, Leave leave, Text text) {
  std::vector<place> stack;
  const auto visit = [&](const GumboNode* n) {
    if (n->type == GUMBO_NODE_TEXT || n->type == GUMBO_NODE_WHITESPACE || n->type == GUMBO_NODE_CDATA)
      return text(n->v.text.text);
    if (n->type != GUMBO_NODE_ELEMENT || !enter(*n))
      return;
    if (stack.size() >= depth_max)
      too_large("The document's elements are nested deeper than " + std::to_string(depth_max) + ".");
    stack.push_back({n, 0});
  };
  visit(root);
  while (!stack.empty()) {
    auto& top = stack.back();
    const auto& children = top.node->v.element.children;
    if (top.next < children.length) {
      visit(static_cast<const GumboNode*>(children.data[top.next++]));
    } else {
      leave(*top.node);
      stack.pop_back();
    }
  }
}

/// The memory of one tree, freed as a whole: the library would free it by recursion, as deep as the document is.
class tree_memory {
public:
  tree_memory() { head_.next = head_.previous = &head_; }
  ~tree_memory() {
    while (head_.next != &head_)
      give_back(this, head_.next + 1);
  }
  tree_memory(const tree_memory&) = delete;
  tree_memory& operator=(const tree_memory&) = delete;
  static void* take(void* self, std::size_t bytes) {
    auto* b = static_cast<block*>(std::malloc(sizeof(block) + bytes));
    if (b == nullptr)
      std::abort(); // in the child: the library does not look at what it is given
    auto& head = static_cast<tree_memory*>(self)->head_;
    b->previous = &head;
    b->next = head.next;
    head.next->previous = b;
    head.next = b;
    return b + 1;
  }
  static void give_back(void*, void* bytes) {
    if (bytes == nullptr)
      return;
    auto* b = static_cast<block*>(bytes) - 1;
    b->previous->next = b->next;
    b->next->previous = b->previous;
    std::free(b);
  }

private:
  struct alignas(std::max_align_t) block {
    block *next, *previous;
  };
  block head_;
};

std::string text_of_html(std::string_view bytes, const document_limits& limits) {
  const auto converted = extractors::as_utf8(bytes);
  const std::string_view html = converted ? std::string_view{*converted} : bytes;
  tree_memory memory;
  auto options = kGumboDefaultOptions;
  options.allocator = tree_memory::take;
  options.deallocator = tree_memory::give_back;
  options.userdata = &memory;
  const auto* output = gumbo_parse_with_options(&options, html.data(), html.size());
  if (output == nullptr)
    throw refusal{'I', "The HTML could not be read."};
  text_sink sink{limits.text_bytes_max};
  html_writer w{sink};
  std::string title;
  walk(
      output->root, limits.depth_max,
      [&](const GumboNode& n) {
        if (n.v.element.tag == GUMBO_TAG_HEAD) {
          bool in_title = false;
          walk(
              &n, limits.depth_max,
              [&](const GumboNode& inner) {
                in_title |= inner.v.element.tag == GUMBO_TAG_TITLE;
                return true;
              },
              [&](const GumboNode& inner) { in_title &= inner.v.element.tag != GUMBO_TAG_TITLE; },
              [&](std::string_view t) {
                if (in_title)
                  title += t;
              });
        }
        if (never_text(n.v.element.tag))
          return false;
        w.enter(n);
        return true;
      },
      [&](const GumboNode& n) { w.leave(n); }, [&](std::string_view t) { sink.text(t); });
  auto text = sink.take();
  text_sink head{limits.text_bytes_max};
  head.text(title);
  if (auto line = head.take(); !w.top_heading && !line.empty())
    text = "# " + line + "\n" + text;
  return text;
}

// ---- DOCX ----------------------------------------------------------------------------------------------------

/// Names come with whatever prefix the file chose; what counts is behind the colon.
std::string_view local(const char* name) {
  const std::string_view n{name};
  const auto colon = n.rfind(':');
  return colon == std::string_view::npos ? n : n.substr(colon + 1);
}
std::string_view attribute(const pugi::xml_node& n, std::string_view name) {
  for (auto a : n.attributes())
    if (local(a.name()) == name)
      return a.value();
  return {};
}
pugi::xml_node child_named(const pugi::xml_node& n, std::string_view name) {
  for (auto c : n.children())
    if (local(c.name()) == name)
      return c;
  return {};
}

/// Style id to heading level: by the style's own name, which is English in every language of Word.
std::map<std::string, int, std::less<>> heading_styles(const pugi::xml_document& styles) {
  std::map<std::string, int, std::less<>> out;
  for (auto s : styles.document_element().children()) {
    if (local(s.name()) != "style")
      continue;
    const auto name = ascii_lower(attribute(child_named(s, "name"), "val"));
    int level = name == "title" ? 1 : 0;
    if (name.starts_with("heading ") && name.size() == 9 && name[8] >= '1' && name[8] <= '9')
      level = std::min(6, name[8] - '0');
    if (level > 0)
      out.emplace(attribute(s, "styleId"), level);
  }
  return out;
}

std::string text_of_word(std::string_view document_xml, std::string_view styles_xml, const document_limits& limits);

std::string text_of_docx(std::string_view bytes, const document_limits& limits) {
  if (archive_kind(bytes) != "zip")
    throw refusal{'I', "The file is no DOCX: it is no ZIP archive. (A DOCX with a password is none either.)"};
  archive_limits zip;
  zip.entries_max = 2'000;
  zip.total_bytes_max = limits.unpacked_bytes_max;
  zip.entry_bytes_max = limits.unpacked_bytes_max;
  zip.depth_max = 1;
  auto opened = open_archive("docx", bytes, zip);
  if (!opened)
    throw refusal{opened.error().code == errc::too_large ? 'L' : 'I', opened.error().detail};
  const auto part = [&](std::string_view path) -> std::string_view {
    for (auto& f : opened->files)
      if (f.path == path)
        return f.bytes;
    return {};
  };
  return text_of_word(part("docx/word/document.xml"), part("docx/word/styles.xml"), limits);
}

std::string text_of_word(std::string_view document_xml, std::string_view styles_xml, const document_limits& limits) {
  pugi::xml_document body, styles;
  const auto load = [](std::string_view xml, pugi::xml_document& into) {
    return !xml.empty() && into.load_buffer(xml.data(), xml.size(), pugi::parse_default | pugi::parse_ws_pcdata).status == pugi::status_ok;
  };
  if (!load(document_xml, body))
    throw refusal{'I', "The file is no DOCX: its word/document.xml is missing or damaged."};
  const auto levels = load(styles_xml, styles) ? heading_styles(styles) : std::map<std::string, int, std::less<>>{};

  text_sink sink{limits.text_bytes_max};
  const auto enter = [&](const pugi::xml_node& n) {
    const auto name = local(n.name());
    if (name == "Fallback" || name == "del" || name == "moveFrom" || name == "instrText" || name == "pPr" || name == "rPr" || name == "sectPr")
      return false;
    if (name == "p") {
      const auto look = child_named(n, "pPr");
      const auto style = attribute(child_named(look, "pStyle"), "val");
      const auto level = levels.find(style);
      if (level != levels.end()) {
        sink.block();
        sink.mark(std::string(static_cast<std::size_t>(level->second), '#') + " ");
      } else if (child_named(look, "numPr")) {
        sink.line();
        sink.mark("- ");
      } else if (local(n.parent().name()) != "tc") {
        sink.block();
      }
    } else if (name == "t") {
      sink.mark(n.text().get());
    } else if (name == "tab") {
      sink.mark(" ");
    } else if (name == "br" || name == "cr") {
      sink.line();
    } else if (name == "tbl") {
      sink.block();
    }
    return true;
  };
  const auto leave = [&](const pugi::xml_node& n) {
    const auto name = local(n.name());
    if (name == "p") {
      if (local(n.parent().name()) == "tc")
        sink.mark(" ");
      else
        sink.line();
    } else if (name == "tc") {
      sink.mark("| ");
    } else if (name == "tr") {
      sink.line();
    } else if (name == "tbl") {
      sink.block();
    }
  };
  std::size_t depth = 0;
  for (auto n = body.document_element(); n;) {
    if (enter(n) && n.first_child()) {
      if (++depth > limits.depth_max)
        too_large("The document's elements are nested deeper than " + std::to_string(limits.depth_max) + ".");
      n = n.first_child();
      continue;
    }
    leave(n);
    while (n && !n.next_sibling()) {
      n = n.parent();
      if (n.type() == pugi::node_document)
        n = {};
      else if (n)
        leave(n);
      depth -= depth > 0 ? 1 : 0;
    }
    n = n.next_sibling();
  }
  return sink.take();
}

outcome<std::string> text_of_pdf(std::string_view bytes, const document_limits& limits) {
  visual_limits visual;
  visual.pages_max = limits.pages_max;
  visual.text_bytes_max = limits.text_bytes_max;
  visual.words_max = limits.text_bytes_max; // eight words for each: the bytes end first
  visual.child = limits.child;
  if (extractors::magic_of(bytes) != "pdf")
    return make_failure(errc::invalid, "The file is no PDF.");
  auto reading = read_visual(bytes, visual);
  if (!reading)
    return reading.error();
  if (reading->shortened)
    return make_failure(errc::too_large, "The PDF has more than " + std::to_string(limits.pages_max) + " pages, more than " + std::to_string(limits.text_bytes_max) +
                                             " bytes of text, or more than " + std::to_string(visual.pages_recognised_max) + " pages that are pictures.");
  std::string out;
  if (!trimmed(reading->title).empty())
    out += "# " + std::string{trimmed(reading->title)} + "\n";
  std::uint32_t page = 0;
  std::int32_t bottom = 0;
  for (auto& l : reading->lines) {
    // A new page or a gap of more than a line begins a paragraph.
    if (l.page != page || l.y - bottom > l.height)
      out += '\n';
    page = l.page;
    bottom = l.y + l.height;
    out += l.text + "\n";
  }
  return out;
}

/// What `read` gives or refuses, as one string for the way out of the child.
std::string said(const std::function<std::string()>& read) {
  try {
    return "T" + read();
  } catch (const refusal& r) {
    return r.kind + r.why;
  }
}
outcome<std::string> as_outcome(std::string_view said) {
  if (said.empty())
    return make_failure(errc::invalid, "The document could not be read.");
  if (said.front() != 'T')
    return make_failure(said.front() == 'L' ? errc::too_large : errc::invalid, std::string{said.substr(1)});
  auto text = to_valid_utf8(said.substr(1));
  if (trimmed(text).empty())
    return make_failure(errc::invalid, "There is no text in this document.");
  return text;
}

} // namespace

outcome<std::string> document_text_here(std::string_view format, std::string_view bytes, const document_limits& limits) {
  return as_outcome(said([&] { return format == "docx" ? text_of_docx(bytes, limits) : text_of_html(bytes, limits); }));
}

outcome<std::string> docx_text(std::string_view document_xml, std::string_view styles_xml, const document_limits& limits) {
  return as_outcome(said([&] { return text_of_word(document_xml, styles_xml, limits); }));
}

outcome<std::string> document_text(std::string_view format, std::string_view bytes, const document_limits& limits) {
  if (format != "pdf" && format != "docx" && format != "html")
    return make_failure(errc::unsupported_media_type, "Documents of the format " + to_valid_utf8(format) + " are not read.");
  if (bytes.size() > limits.file_bytes_max)
    return make_failure(errc::too_large, "A document's file may have " + std::to_string(limits.file_bytes_max) + " bytes.");
  if (format == "pdf") {
    auto read = text_of_pdf(bytes, limits);
    return read ? as_outcome("T" + *read) : read;
  }
  auto bounds = limits.child;
  bounds.result_bytes_max = limits.text_bytes_max + 4'096;
  auto read = run_isolated([&] { return said([&] { return format == "docx" ? text_of_docx(bytes, limits) : text_of_html(bytes, limits); }); }, bounds);
  return read ? as_outcome(*read) : read;
}

std::optional<std::string> docx_in(const byte_source& file, const document_limits& limits) {
  if (file.size() > limits.file_bytes_max)
    return std::nullopt;
  const auto head = file.read(0, 4);
  if (!head || *head != "PK\x03\x04")
    return std::nullopt;
  const auto bytes = file.read(0, file.size());
  if (!bytes || bytes->find("word/document.xml") == std::string::npos) // names are not packed
    return std::nullopt;
  auto text = document_text("docx", *bytes, limits);
  return text ? std::optional{std::move(*text)} : std::nullopt;
}

} // namespace fm::opening
