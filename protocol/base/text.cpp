// UTF-8 by the table of RFC 3629 (no surrogates, no overlong forms, nothing above U+10FFFF).
#include "protocol/base/text.hpp"

#include <cstdint>
#include <cstring>

namespace fm {
namespace {
/// Length of the valid sequence at `at`, or 0.
std::size_t sequence_at(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned a = byte(at), b = byte(at + 1);
  if (a < 0x80)
    return 1;
  if (a >= 0xC2 && a <= 0xDF)
    return tail(at + 1) ? 2 : 0;
  if (a >= 0xE0 && a <= 0xEF) {
    if (!tail(at + 1) || !tail(at + 2) || (a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F))
      return 0;
    return 3;
  }
  if (a >= 0xF0 && a <= 0xF4) {
    if (!tail(at + 1) || !tail(at + 2) || !tail(at + 3) || (a == 0xF0 && b < 0x90) || (a == 0xF4 && b > 0x8F))
      return 0;
    return 4;
  }
  return 0;
}
} // namespace

bool is_valid_utf8(std::string_view text) noexcept {
  for (std::size_t at = 0; at < text.size();) {
    // Eight ASCII bytes at a time: most of what we see.
    if (at + 8 <= text.size()) {
      std::uint64_t word;
      std::memcpy(&word, text.data() + at, 8);
      if ((word & 0x8080808080808080ULL) == 0) {
        at += 8;
        continue;
      }
    }
    const auto n = sequence_at(text, at);
    if (n == 0)
      return false;
    at += n;
  }
  return true;
}

std::size_t utf8_floor(std::string_view text, std::size_t want) noexcept {
  if (want >= text.size())
    return text.size();
  while (want > 0 && (static_cast<unsigned char>(text[want]) & 0xC0U) == 0x80U)
    --want;
  return want;
}

std::size_t utf8_length(std::string_view text) noexcept {
  std::size_t n = 0;
  for (char c : text)
    n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  return n;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto n = sequence_at(text, at);
    if (n == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
    } else {
      out.append(text, at, n);
      at += n;
    }
  }
  return out;
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view space = " \t\r\n\f\v";
  const auto from = text.find_first_not_of(space);
  if (from == std::string_view::npos)
    return {};
  return text.substr(from, text.find_last_not_of(space) - from + 1);
}

std::string cut_on_word(std::string_view text, std::size_t characters) {
  std::size_t at = 0, count = 0;
  while (at < text.size() && count < characters) {
    ++at;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U)
      ++at;
    ++count;
  }
  if (at >= text.size())
    return std::string{text};
  auto head = text.substr(0, at);
  if (text[at] != ' ')
    if (const auto space = head.find_last_of(" \t\n"); space != std::string_view::npos && space >= at / 2)
      head = head.substr(0, space);
  return std::string{trimmed(head)};
}

std::string ascii_lower(std::string_view text) {
  std::string out{text};
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
  return out;
}

} // namespace fm
