// Guessed from the beginning, converted unit by unit.
#include "actors/evidence/extractors/encoding.hpp"

#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm::extractors {
namespace {
constexpr std::size_t zeros_looked_at = 4'096;
constexpr std::uint32_t unknown = 0xFFFD;

/// Without a character at the very end that was cut.
std::string_view whole_characters(std::string_view b) {
  std::size_t back = 1;
  while (back <= std::min<std::size_t>(3, b.size()) && (static_cast<unsigned char>(b[b.size() - back]) & 0xC0) == 0x80)
    ++back;
  if (back > b.size())
    return b;
  const auto lead = static_cast<unsigned char>(b[b.size() - back]);
  const std::size_t needs = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC2 ? 2 : 1;
  return needs > back ? b.substr(0, b.size() - back) : b;
}
} // namespace

void append_utf8(std::uint32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xC0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xE0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (c & 0x3F));
  }
}

text_encoding encoding_of(std::string_view b, bool cut) noexcept {
  if (b.substr(0, 2) == "\xFF\xFE")
    return text_encoding::utf16_little;
  if (b.substr(0, 2) == "\xFE\xFF")
    return text_encoding::utf16_big;
  // Without a mark: Western text has a zero in every second byte, and nothing else has.
  const auto head = b.substr(0, std::min(b.size(), zeros_looked_at) / 2 * 2);
  std::size_t even = 0, odd = 0;
  for (std::size_t i = 0; i < head.size(); i += 2) {
    even += head[i] == '\0' ? 1 : 0;
    odd += head[i + 1] == '\0' ? 1 : 0;
  }
  const auto units = head.size() / 2;
  if (units >= 16 && odd * 10 >= units * 9 && even * 50 <= units)
    return text_encoding::utf16_little;
  if (units >= 16 && even * 10 >= units * 9 && odd * 50 <= units)
    return text_encoding::utf16_big;
  if (is_valid_utf8(cut ? whole_characters(b) : b))
    return text_encoding::utf8;
  // Few wrong bytes among many right ones are damage; otherwise it is Latin-1.
  std::size_t high = 0, lead = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const auto c = static_cast<unsigned char>(b[i]);
    high += c >= 0x80 ? 1 : 0;
    lead += c >= 0xC2 && i + 1 < b.size() && (static_cast<unsigned char>(b[i + 1]) & 0xC0) == 0x80 ? 2 : 0;
  }
  return lead * 2 > high ? text_encoding::utf8 : text_encoding::latin1;
}

void utf8_converter::unit(std::uint32_t u, std::string& out) {
  if (!begun_) {
    begun_ = true;
    if (u == 0xFEFF)
      return;
  }
  if (high_) {
    const auto first = *high_;
    high_.reset();
    if (u >= 0xDC00 && u < 0xE000)
      return append_utf8(0x10000 + ((first - 0xD800) << 10) + (u - 0xDC00), out);
    append_utf8(unknown, out);
  }
  if (u >= 0xD800 && u < 0xDC00)
    high_ = u;
  else
    append_utf8(u >= 0xDC00 && u < 0xE000 ? unknown : u, out);
}

void utf8_converter::feed(std::string_view piece, std::string& out) {
  if (from_ == text_encoding::utf8) {
    out += piece;
    return;
  }
  if (from_ == text_encoding::latin1) {
    for (char c : piece)
      append_utf8(static_cast<unsigned char>(c), out);
    return;
  }
  for (char c : piece) {
    const auto now = static_cast<unsigned char>(c);
    if (!byte_) {
      byte_ = now;
      continue;
    }
    const auto before = *byte_;
    byte_.reset();
    unit(from_ == text_encoding::utf16_little ? before | (static_cast<std::uint32_t>(now) << 8) : (static_cast<std::uint32_t>(before) << 8) | now, out);
  }
}

void utf8_converter::finish(std::string& out) {
  if (high_)
    append_utf8(unknown, out);
  high_.reset();
  byte_.reset();
}

std::optional<std::string> as_utf8(std::string_view bytes) {
  const auto from = encoding_of(bytes);
  if (from == text_encoding::utf8)
    return std::nullopt;
  std::string out;
  out.reserve(bytes.size());
  utf8_converter converter{from};
  converter.feed(bytes, out);
  converter.finish(out);
  return out;
}

} // namespace fm::extractors
