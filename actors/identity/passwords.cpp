// libsodium in the three lines it needs.
#include "actors/identity/passwords.hpp"

#include <array>
#include <mutex>

#include <sodium.h>

namespace fm::identity {
namespace {
struct limits {
  unsigned long long operations;
  std::size_t memory;
};
limits limits_of(password_cost cost) {
  switch (cost) {
  case password_cost::minimum:
    return {crypto_pwhash_argon2id_OPSLIMIT_MIN, crypto_pwhash_argon2id_MEMLIMIT_MIN};
  case password_cost::moderate:
    return {crypto_pwhash_argon2id_OPSLIMIT_MODERATE, crypto_pwhash_argon2id_MEMLIMIT_MODERATE};
  case password_cost::interactive:
    break;
  }
  return {crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE, crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE};
}
bool ready() {
  static const bool ok = sodium_init() >= 0;
  return ok;
}
} // namespace

outcome<std::string> hash_password(std::string_view password, password_cost cost) {
  std::array<char, crypto_pwhash_STRBYTES> out{};
  const auto [operations, memory] = limits_of(cost);
  if (!ready() || crypto_pwhash_str_alg(out.data(), password.data(), password.size(), operations, memory,
                                        crypto_pwhash_ALG_ARGON2ID13) != 0)
    return make_failure(errc::overloaded,
                        "There is not enough memory to protect the password just now; please try again.");
  return std::string{out.data()};
}

bool verify_password(std::string_view password, const std::string& hash) {
  if (!ready() || hash.empty() || hash.size() >= crypto_pwhash_STRBYTES)
    return false;
  // The library wants the whole fixed-size buffer.
  std::array<char, crypto_pwhash_STRBYTES> buffer{};
  hash.copy(buffer.data(), hash.size());
  return crypto_pwhash_str_verify(buffer.data(), password.data(), password.size()) == 0;
}

const std::string& dummy_hash(password_cost cost) {
  static std::array<std::string, 3> hashes;
  static std::array<std::once_flag, 3> made;
  const auto i = static_cast<std::size_t>(cost);
  std::call_once(made[i], [&] {
    std::array<unsigned char, 32> unknown{};
    randombytes_buf(unknown.data(), unknown.size());
    if (auto hash = hash_password({reinterpret_cast<const char*>(unknown.data()), unknown.size()}, cost))
      hashes[i] = *hash;
  });
  return hashes[i];
}

} // namespace fm::identity
