// Boundaries first, then each part's head.
#include "http/core/multipart.hpp"

#include "protocol/base/text.hpp"

namespace fm::http {
namespace {
constexpr std::size_t parts_max = 32;
constexpr std::size_t head_bytes_max = 8U << 10;

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
} // namespace

outcome<std::vector<form_part>> parse_multipart(std::string_view content_type, std::string_view body) {
  if (!ascii_lower(content_type.substr(0, 19)).starts_with("multipart/form-data"))
    return make_failure(errc::unsupported_media_type, "The body must be multipart/form-data.");
  const auto boundary = parameter(content_type, "boundary");
  if (boundary.empty() || boundary.size() > 70)
    return crooked("its content type names no boundary of 1 to 70 characters");
  const auto mark = "--" + boundary;
  std::vector<form_part> parts;
  auto at = body.starts_with(mark) ? 0 : body.find("\r\n" + mark);
  if (at == std::string_view::npos)
    return crooked("no boundary occurs in it");
  if (at != 0)
    at += 2;
  for (;;) {
    at += mark.size();
    if (body.substr(at, 2) == "--")
      return parts;
    const auto line = body.find("\r\n", at);
    if (line == std::string_view::npos || !trimmed(body.substr(at, line - at)).empty())
      return crooked("a boundary is followed by something else than a line end");
    at = line + 2;
    const auto head_end = body.substr(at, 2) == "\r\n" ? at : body.find("\r\n\r\n", at);
    if (head_end == std::string_view::npos || head_end - at > head_bytes_max)
      return crooked("the head of a part does not end");
    form_part part;
    auto head = body.substr(at, head_end - at);
    bool disposed = false;
    while (!head.empty()) {
      const auto end = std::min(head.find("\r\n"), head.size());
      const auto field = head.substr(0, end);
      head.remove_prefix(std::min(head.size(), end + 2));
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
    const auto begin = head_end == at ? at + 2 : head_end + 4;
    const auto end = body.find("\r\n" + mark, begin);
    if (end == std::string_view::npos)
      return crooked("the last boundary is missing; was the upload cut off?");
    part.bytes = body.substr(begin, end - begin);
    if (parts.size() >= parts_max)
      return crooked("it has more than 32 parts");
    parts.push_back(std::move(part));
    at = end + 2;
  }
}

} // namespace fm::http
