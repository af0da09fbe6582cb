// What characters the bytes of a text are, and the text as UTF-8, in one piece or in many.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fm::extractors {

enum class text_encoding : std::uint8_t { utf8, utf16_little, utf16_big, latin1 };
constexpr bool is_wide(text_encoding e) noexcept { return e == text_encoding::utf16_little || e == text_encoding::utf16_big; }
/// UTF-16 by its mark or by its zeros, Latin-1 when the bytes are no UTF-8 at all; damaged UTF-8 stays UTF-8. `cut`:
/// there is more text behind these bytes, so that half a character may stand at their end.
text_encoding encoding_of(std::string_view bytes, bool cut = false) noexcept;

void append_utf8(std::uint32_t code_point, std::string& out);

/// Turns a text into UTF-8 as it comes; a byte order mark is left out, half a character waits for its other half.
class utf8_converter {
public:
  explicit utf8_converter(text_encoding from) : from_(from) {}
  void feed(std::string_view piece, std::string& out);
  /// What is left at the end: half a character of UTF-16 becomes U+FFFD, a single byte is dropped.
  void finish(std::string& out);

private:
  void unit(std::uint32_t u, std::string& out);
  text_encoding from_;
  bool begun_ = false;
  std::optional<unsigned char> byte_;
  std::optional<std::uint32_t> high_; ///< the first half of a pair
};

/// UTF-16 and Latin-1 as UTF-8; NUL bytes and ANSI colours are not touched. Nothing when the text is UTF-8 already.
std::optional<std::string> as_utf8(std::string_view bytes);

} // namespace fm::extractors
