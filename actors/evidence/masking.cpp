// By a table of kinds of bytes: a piece is a run of letters, digits and what holds names together, and what its bytes
// are decides whether it varies.
#include "actors/evidence/masking.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace fm::evidence {
namespace {
constexpr std::size_t words_max = 96; ///< of one message; the rest is one variable
constexpr std::size_t key_bytes_max = 16;
constexpr std::string_view variable = "<*>";

enum kind : std::uint8_t {
  other = 0,
  hex = 1,     ///< a to f
  letter = 2,  ///< other letters
  digit = 4,
  joint = 8,   ///< holds a name, a number or a path together
  slash = 16,  ///< the same, / and backslash
  at_sign = 32, ///< the same
  blank = 64,
  dot = 128,   ///< a joint that may end a sentence: . ! ?
};
constexpr std::uint8_t in_piece = hex | letter | digit | joint | slash | at_sign | dot;
constexpr std::array<std::uint8_t, 256> make_kinds() {
  std::array<std::uint8_t, 256> k{};
  for (int c = 'a'; c <= 'z'; ++c)
    k[static_cast<std::size_t>(c)] = k[static_cast<std::size_t>(c - 32)] = c <= 'f' ? hex : letter;
  for (int c = '0'; c <= '9'; ++c)
    k[static_cast<std::size_t>(c)] = digit;
  for (int c = 0x80; c < 0x100; ++c)
    k[static_cast<std::size_t>(c)] = letter;
  for (const char c : {'_', '-', '+', '%', '$', '~', '*', '&', '^', '#', '`'})
    k[static_cast<unsigned char>(c)] = joint;
  k[static_cast<unsigned char>('/')] = k[static_cast<unsigned char>('\\')] = slash;
  k[static_cast<unsigned char>('@')] = at_sign;
  k[static_cast<unsigned char>('.')] = k[static_cast<unsigned char>('!')] = k[static_cast<unsigned char>('?')] = dot;
  k[static_cast<unsigned char>(' ')] = k[static_cast<unsigned char>('\t')] = blank;
  return k;
}
constexpr auto kinds = make_kinds();
std::uint8_t kind_of(char c) { return kinds[static_cast<unsigned char>(c)]; }

/// Whether a piece without digits varies from line to line; `held` = the kinds of its bytes.
bool varies(std::string_view piece, std::uint8_t held) {
  if ((held & (slash | at_sign)) != 0) {
    if (piece.size() >= 2 && (piece.front() == '/' || piece.front() == '\\'))
      return true; // a path
    if (std::count_if(piece.begin(), piece.end(), [](char c) { return kind_of(c) == slash; }) >= 2)
      return true;
    const auto at = piece.find('@');
    if (at != std::string_view::npos && at > 0 && at + 1 < piece.size())
      return true;
  }
  if (held == hex && piece.size() >= 8)
    return true;
  return (piece.front() == '~' && piece.size() >= 2) || piece == "true" || piece == "false";
}

bool is_month(const char* p) {
  static constexpr std::string_view names = "JanFebMarAprMayJunJulAugSepOctNovDec";
  for (std::size_t i = 0; i < names.size(); i += 3)
    if (std::memcmp(p, names.data() + i, 3) == 0)
      return true;
  return false;
}
bool is_weekday(const char* p) {
  static constexpr std::string_view names = "MonTueWedThuFriSatSun";
  for (std::size_t i = 0; i < names.size(); i += 3)
    if (std::memcmp(p, names.data() + i, 3) == 0)
      return true;
  return false;
}
/// "Sat" of "Sat Jun 18", "Jun" of "Jun 18", "PM" behind a number: how many bytes of a date or time begin here without a digit.
std::size_t date_word(const char* p, const char* end, std::string_view before) {
  if (*p < 'A' || *p > 'W' || end - p < 2)
    return 0;
  if ((*p == 'A' || *p == 'P') && p[1] == 'M' && (p + 2 == end || kind_of(p[2]) == blank) && before.ends_with(variable))
    return 2;
  if (end - p < 5)
    return 0;
  const char* q = p + 3;
  q += *q == ',' ? 1 : 0;
  if (kind_of(*q) != blank)
    return 0;
  while (q < end && kind_of(*q) == blank)
    ++q;
  if (q == end)
    return 0;
  if (is_month(p))
    return kind_of(*q) == digit ? 3 : 0;
  return is_weekday(p) && (kind_of(*q) == digit || (end - q >= 3 && is_month(q))) ? 3 : 0;
}

/// "KB" behind a number: 900 B and 1.2 MB are values of one kind.
bool is_byte_unit(std::string_view piece) {
  if (piece.empty() || piece.size() > 3 || piece.back() != 'B')
    return false;
  constexpr std::string_view prefixes = "kKMGT";
  return piece.size() == 1 || (prefixes.find(piece[0]) != std::string_view::npos && (piece.size() == 2 || piece[1] == 'i'));
}

/// "Yes," after a key: a value that stands for a bit.
bool is_bit(std::string_view word) {
  while (!word.empty() && (word.back() == ',' || word.back() == ';'))
    word.remove_suffix(1);
  for (std::string_view bit : {"yes", "no", "on", "off", "true", "false"})
    if (bit.size() == word.size() && std::equal(word.begin(), word.end(), bit.begin(), [](char a, char b) { return (a | 0x20) == b; }))
      return true;
  return false;
}
} // namespace

void masker::put(std::string_view s) {
  std::memcpy(out_, s.data(), s.size());
  out_ += s.size();
}

/// Masks one word of the message (without blanks), as one or two words; gives its end.
const char* masker::word(const char* p, const char* end) {
  char* joined_from = nullptr; // "<*>:<*>" and "<*>,<*>" are one variable
  const bool behind_value = out_ - buffer_.data() >= 4 && std::memcmp(out_ - 4, "<*> ", 4) == 0;
  const char* const first = p;
  while (p < end) {
    const char* const from = p;
    std::uint8_t held = 0, k = 0;
    while (p < end && ((k = kind_of(*p)) & in_piece) != 0) {
      held |= k;
      ++p;
    }
    if (p > from) {
      std::string_view piece{from, static_cast<std::size_t>(p - from)};
      // Punctuation at the end of a sentence is not part of the name.
      auto core = piece;
      if ((held & dot) != 0)
        while (!core.empty() && kind_of(core.back()) == dot)
          core.remove_suffix(1);
      const char next = p < end ? *p : ' ';
      const bool key = (next == '=' || next == ':' || (next == '"' && p + 1 < end && p[1] == ':')) && piece.size() <= key_bytes_max;
      if ((held & digit) != 0 || key)
        pieces_.push_back({static_cast<std::uint32_t>(from - message_), static_cast<std::uint32_t>(core.size()), key});
      // host.example.org:443
      const bool address = next == ':' && (held & dot) != 0 && p + 1 < end && kind_of(p[1]) == digit && core.find('.') != std::string_view::npos;
      if (!core.empty() && ((held & digit) != 0 || address || (behind_value && from == first && is_byte_unit(core)) || varies(core, held))) {
        if (joined_from != nullptr)
          out_ = joined_from;
        else
          put(variable);
        put(piece.substr(core.size()));
        joined_from = out_;
      } else {
        put(piece);
        joined_from = nullptr;
      }
    }
    // What stands between pieces.
    while (p < end && (kind_of(*p) & in_piece) == 0) {
      const char c = *p;
      if (kind_of(c) == blank)
        return p;
      ++p;
      *out_++ = c;
      if (c == '=' && p < end && kind_of(*p) != blank) {
        *out_++ = ' '; // a key keeps its place, its value gets one of its own
        joined_from = nullptr;
      } else if (c != ':' && c != ',' && c != ';') {
        joined_from = nullptr;
      }
    }
  }
  return p;
}

std::string_view masker::mask(std::string_view message) {
  if (buffer_.size() < 4 * message.size() + 64) // "1 1 1" becomes "<*> <*> <*>", "=a" becomes "= a"
    buffer_.resize(4 * message.size() + 64);
  pieces_.clear();
  message_ = message.data();
  char* const begin = buffer_.data();
  out_ = begin;
  std::size_t words = 0;
  const char* p = message.data();
  const char* const end = p + message.size();
  const char* previous = end; // where the word before this one begins
  for (;;) {
    while (p < end && kind_of(*p) == blank)
      ++p;
    if (p == end)
      break;
    const char* const last = std::exchange(previous, p);
    const char before = out_ > begin ? out_[-1] : ' ';
    const auto date = date_word(p, end, {begin, static_cast<std::size_t>(out_ - begin)});
    if (out_ > begin)
      *out_++ = ' ';
    if (++words > words_max) {
      put(variable);
      break;
    }
    // An access log's status: its class is what happened.
    if (before == '"' && kind_of(*p) == digit && end - p >= 3 && (end - p == 3 || kind_of(p[3]) == blank) && kind_of(p[1]) == digit && kind_of(p[2]) == digit && end - last > 5 &&
        std::memcmp(last, "HTTP/", 5) == 0) {
      *out_++ = *p;
      put("xx");
      p += 3;
      continue;
    }
    if (date != 0) {
      put(variable);
      p += date;
      if (p < end && *p == ',')
        *out_++ = *p++;
      continue;
    }
    // "<1 sec": a bound and its unit are one value.
    if (*p == '<' && p + 1 < end && kind_of(p[1]) == digit) {
      const char* q = p;
      bool closed = false;
      for (; q < end && kind_of(*q) != blank; ++q)
        closed |= *q == '>';
      if (!closed) {
        p = q;
        while (q < end && kind_of(*q) == blank)
          ++q;
        const char* unit = q;
        while (unit < end && (kind_of(*unit) & (hex | letter)) != 0)
          ++unit;
        if (unit > q && unit - q <= 8 && (unit == end || (kind_of(*unit) & in_piece) == 0))
          p = unit;
        put(variable);
        continue;
      }
    }
    if (before == ':' || before == '=') {
      const char* q = p;
      while (q < end && q - p <= 6 && kind_of(*q) != blank)
        ++q;
      const std::string_view word{p, static_cast<std::size_t>(q - p)};
      const bool marked = word.back() == ',' || word.back() == ';';
      if ((q == end || marked) && is_bit(word)) {
        put(variable);
        if (marked)
          *out_++ = word.back();
        p = q;
        continue;
      }
    }
    p = word(p, end);
  }
  return {begin, static_cast<std::size_t>(out_ - begin)};
}

std::string masked(std::string_view message) {
  masker m;
  return std::string{m.mask(message)};
}

} // namespace fm::evidence
