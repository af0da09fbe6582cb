// One EVP context a thread: creating one costs more than hashing a short event.
#include "protocol/base/sha256.hpp"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <openssl/evp.h>

namespace fm {
namespace {
struct free_context {
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
};
EVP_MD_CTX* begin() {
  thread_local std::unique_ptr<EVP_MD_CTX, free_context> context{EVP_MD_CTX_new()};
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  EVP_DigestInit_ex(context.get(), algorithm, nullptr);
  return context.get();
}
digest finish(EVP_MD_CTX* context) {
  digest d{};
  unsigned int n = 0;
  EVP_DigestFinal_ex(context, d.data(), &n);
  return d;
}
} // namespace

digest sha256(std::string_view bytes) {
  auto* context = begin();
  EVP_DigestUpdate(context, bytes.data(), bytes.size());
  return finish(context);
}

digest sha256_framed(std::initializer_list<std::string_view> pieces) {
  auto* context = begin();
  for (auto piece : pieces) {
    unsigned char length[8];
    for (int i = 0; i < 8; ++i)
      length[i] = static_cast<unsigned char>(std::uint64_t{piece.size()} >> (8 * i));
    EVP_DigestUpdate(context, length, sizeof length);
    EVP_DigestUpdate(context, piece.data(), piece.size());
  }
  return finish(context);
}

std::string to_hex(const digest& d) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(64);
  for (auto b : d) {
    text += digits[b >> 4];
    text += digits[b & 15];
  }
  return text;
}

} // namespace fm
