// A message without what varies in it: numbers, addresses, paths, identifiers become "<*>", words are separated by one
// blank. One pass over the bytes into a buffer that is used again; on the way it notes what may be a name to follow.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fm::evidence {

class masker {
public:
  /// The masked form, valid until the next call.
  std::string_view mask(std::string_view message);

  /// A piece of the last message (bytes from its beginning) that holds a digit, or that a '=' or ':' follows.
  struct piece {
    std::uint32_t begin = 0, size = 0;
    bool key = false; ///< a short one, and '=' or ':' follows (perhaps behind a quote)
  };
  const std::vector<piece>& pieces() const { return pieces_; }

private:
  const char* word(const char* p, const char* end);
  void put(std::string_view s);
  std::string buffer_;
  char* out_ = nullptr;
  const char* message_ = nullptr;
  std::vector<piece> pieces_;
};

/// The same for one message, as a string of its own.
std::string masked(std::string_view message);

} // namespace fm::evidence
