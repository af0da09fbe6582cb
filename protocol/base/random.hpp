// Randomness that a test can seed: ids, tokens, jitter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace fm {

/// A source of random bytes. Thread-safe.
struct random_source {
  virtual ~random_source() = default;
  virtual void fill(std::span<std::byte> out) = 0;
};
using random_ptr = std::shared_ptr<random_source>;

/// The operating system's generator (getrandom): fit for secrets.
random_ptr system_random();
/// Reproducible (xoshiro-like, seeded): for tests and simulation only, never for secrets.
random_ptr seeded_random(std::uint64_t seed);

std::uint64_t random_u64(random_source& source);
/// `bytes` random bytes as lower-case hex (2 × bytes characters).
std::string random_hex(random_source& source, std::size_t bytes);
/// A version 4 UUID.
std::string random_uuid(random_source& source);
/// prefix + 12 hex characters, as the documents write ids ("case_0123456789ab").
std::string random_id(random_source& source, const char* prefix);

} // namespace fm
