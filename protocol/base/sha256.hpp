// SHA-256 by OpenSSL, in the two shapes we use: raw for the hash chain, hex for fingerprints.
#pragma once

#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace fm {

using digest = std::array<unsigned char, 32>;

digest sha256(std::string_view bytes);
/// Hash of several pieces, each preceded by its 64-bit length, so that no two lists of pieces collide.
digest sha256_framed(std::initializer_list<std::string_view> pieces);
std::string to_hex(const digest& d);
inline std::string sha256_hex(std::string_view bytes) { return to_hex(sha256(bytes)); }

} // namespace fm
