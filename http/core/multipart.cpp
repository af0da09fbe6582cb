// A machine of five places; what may be the beginning of a boundary is counted, not kept: its bytes are known.
#include "http/core/multipart.hpp"

#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm::http {
namespace {
constexpr std::size_t parts_max = 32;
constexpr std::size_t head_bytes_max = 8U << 10;
constexpr std::size_t padding_bytes_max = 256; ///< blanks between a boundary and its line's end

failure crooked(const char* what) {
  auto f = make_failure(errc::invalid, std::string{"The form cannot be read: "} + what + ".");
  f.with_fact("field", "body");
  return f;
}

/// The value of a parameter of a header ("boundary", "name"); quotes and backslashes undone.
std::string parameter(std::string_view header, std::string_view name) {
  std::size_t at = 0;
  while ((at = header.find(';', at)) != std::string_view::npos) {
    ++at;
    while (at < header.size() && (header[at] == ' ' || header[at] == '\t'))
      ++at;
    const auto equals = header.find('=', at);
    if (equals == std::string_view::npos)
      return {};
    const auto found = ascii_lower(trimmed(header.substr(at, equals - at))) == name;
    at = equals + 1;
    std::string value;
    if (at < header.size() && header[at] == '"') {
      for (++at; at < header.size() && header[at] != '"'; ++at) {
        if (header[at] == '\\' && at + 1 < header.size() && (header[at + 1] == '"' || header[at + 1] == '\\'))
          ++at;
        value += header[at];
      }
    } else {
      const auto end = std::min(header.find(';', at), header.size());
      value = std::string{trimmed(header.substr(at, end - at))};
      at = end;
    }
    if (found)
      return value;
  }
  return {};
}

outcome<form_part_head> head_of(std::string_view text) {
  form_part_head part;
  bool disposed = false;
  while (!text.empty()) {
    const auto end = std::min(text.find("\r\n"), text.size());
    const auto field = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 2));
    const auto colon = field.find(':');
    if (colon == std::string_view::npos)
      return crooked("a header of a part has no colon");
    const auto name = ascii_lower(trimmed(field.substr(0, colon)));
    const auto value = trimmed(field.substr(colon + 1));
    if (name == "content-disposition") {
      disposed = ascii_lower(value.substr(0, 9)) == "form-data";
      part.name = parameter(value, "name");
      part.file_name = parameter(value, "filename");
      part.is_file = value.find("filename") != std::string_view::npos;
    } else if (name == "content-type") {
      part.content_type = std::string{value};
    }
  }
  if (!disposed || part.name.empty())
    return crooked("a part does not say which field it is");
  return part;
}

/// Parts of a body that stays: the pieces of a part lie side by side in it.
struct parts_of_whole final : form_sink {
  std::vector<form_part> parts;

  outcome<done_t> begin(form_part_head head) override {
    parts.emplace_back();
    static_cast<form_part_head&>(parts.back()) = std::move(head);
    return done;
  }
  outcome<done_t> bytes(std::string_view piece) override {
    auto& all = parts.back().bytes;
    all = all.empty() ? piece : std::string_view{all.data(), all.size() + piece.size()};
    return done;
  }
  outcome<done_t> end() override { return done; }
};
} // namespace

outcome<form_parser> form_parser::of(std::string_view content_type) {
  if (!ascii_lower(content_type.substr(0, 19)).starts_with("multipart/form-data"))
    return make_failure(errc::unsupported_media_type, "The body must be multipart/form-data.");
  const auto boundary = parameter(content_type, "boundary");
  if (boundary.empty() || boundary.size() > 70 || boundary.find_first_of("\r\n") != std::string::npos)
    return crooked("its content type names no boundary of 1 to 70 characters");
  return form_parser{"\r\n--" + boundary};
}

outcome<done_t> form_parser::feed(std::string_view piece, form_sink& to) {
  while (!broken_ && !piece.empty() && at_ != place::epilogue)
    if (auto r = step(piece, to); !r)
      broken_ = r.error();
  return broken_ ? outcome<done_t>{*broken_} : outcome<done_t>{done};
}

outcome<done_t> form_parser::finish() const {
  if (broken_)
    return *broken_;
  switch (at_) {
  case place::preamble:
    return crooked("no boundary occurs in it");
  case place::mark:
    return crooked("a boundary is followed by something else than a line end");
  case place::head:
    return crooked("the head of a part does not end");
  case place::content:
    return crooked("the last boundary is missing; was the upload cut off?");
  case place::epilogue:
    break;
  }
  return done;
}

outcome<done_t> form_parser::step(std::string_view& piece, form_sink& to) {
  switch (at_) {
  case place::preamble:
  case place::content:
    return search(piece, to);
  case place::mark:
    return after_mark(piece);
  case place::head:
    return read_head(piece, to);
  case place::epilogue:
    break;
  }
  return done;
}

/// Hands on everything before the next boundary, as far as it is certain that it is not one.
outcome<done_t> form_parser::search(std::string_view& piece, form_sink& to) {
  const auto tell = [&](std::string_view bytes) -> outcome<done_t> {
    return at_ == place::content && !bytes.empty() ? to.bytes(bytes) : outcome<done_t>{done};
  };
  bool found = false;
  if (matched_ > 0) { // begun in an earlier piece
    std::size_t n = 0;
    while (n < piece.size() && matched_ + n < delimiter_.size() && piece[n] == delimiter_[matched_ + n])
      ++n;
    const auto before = matched_;
    matched_ += n;
    found = matched_ == delimiter_.size();
    if (found || n == piece.size()) {
      piece.remove_prefix(n);
    } else { // it was none after all: its bytes are the part's, and those of this piece are looked at again
      matched_ = 0;
      return tell(std::string_view{delimiter_}.substr(0, before));
    }
  } else {
    const auto where = piece.find(delimiter_);
    found = where != std::string_view::npos;
    auto certain = std::min(where, piece.size());
    if (!found) {
      const auto tail = piece.size() - std::min(piece.size(), delimiter_.size() - 1);
      const auto cr = piece.find('\r', tail);
      for (auto from = cr; from != std::string_view::npos; from = piece.find('\r', from + 1))
        if (delimiter_.starts_with(piece.substr(from))) {
          certain = from;
          matched_ = piece.size() - from;
          break;
        }
    }
    auto told = tell(piece.substr(0, certain));
    piece.remove_prefix(found ? certain + delimiter_.size() : piece.size());
    if (!told)
      return told;
  }
  if (!found)
    return done;
  matched_ = 0;
  const bool part = at_ == place::content;
  at_ = place::mark;
  return part ? to.end() : outcome<done_t>{done};
}

outcome<done_t> form_parser::after_mark(std::string_view& piece) {
  while (!piece.empty() && held_.size() <= padding_bytes_max) {
    held_ += piece.front();
    piece.remove_prefix(1);
    if (held_ == "--") {
      held_.clear();
      at_ = place::epilogue;
      return done;
    }
    if (!held_.ends_with("\r\n"))
      continue;
    if (!trimmed(held_).empty())
      break;
    held_.clear();
    at_ = place::head;
    return done;
  }
  if (held_.size() > padding_bytes_max || held_.ends_with("\r\n"))
    return crooked("a boundary is followed by something else than a line end");
  return done;
}

outcome<done_t> form_parser::read_head(std::string_view& piece, form_sink& to) {
  constexpr std::string_view ending = "\r\n\r\n";
  const auto before = held_.size();
  const auto room = head_bytes_max + ending.size() - before;
  held_.append(piece.substr(0, room));
  // A head without a line is its ending alone.
  const auto end = held_.starts_with("\r\n") ? 0 : held_.find(ending, before - std::min<std::size_t>(before, 3));
  if (end == std::string::npos) {
    piece.remove_prefix(std::min(piece.size(), room));
    if (held_.size() >= head_bytes_max + ending.size())
      return crooked("the head of a part does not end");
    return done;
  }
  piece.remove_prefix(end + (end == 0 ? 2 : ending.size()) - before);
  auto head = head_of(std::string_view{held_}.substr(0, end));
  held_.clear();
  if (!head)
    return head.error();
  if (++parts_ > parts_max)
    return crooked("it has more than 32 parts");
  at_ = place::content;
  return to.begin(std::move(*head));
}

outcome<std::vector<form_part>> parse_multipart(std::string_view content_type, std::string_view body) {
  auto parser = form_parser::of(content_type);
  if (!parser)
    return parser.error();
  parts_of_whole to;
  if (auto r = parser->feed(body, to); !r)
    return r.error();
  if (auto r = parser->finish(); !r)
    return r.error();
  return std::move(to.parts);
}

} // namespace fm::http
