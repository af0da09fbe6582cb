// getrandom(2) for the real thing, splitmix64 behind a mutex for tests.
#include "protocol/base/random.hpp"

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <sys/random.h>
#include <vector>

namespace fm {
namespace {
struct os_random final : random_source {
  void fill(std::span<std::byte> out) override {
    while (!out.empty()) {
      const auto n = ::getrandom(out.data(), out.size(), 0);
      if (n < 0) {
        if (errno == EINTR)
          continue;
        std::abort(); // without randomness no secret may be made
      }
      out = out.subspan(static_cast<std::size_t>(n));
    }
  }
};

struct splitmix final : random_source {
  explicit splitmix(std::uint64_t seed) : state(seed) {}
  void fill(std::span<std::byte> out) override {
    std::lock_guard lock{mutex};
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i % 8 == 0) {
        state += 0x9e3779b97f4a7c15ULL;
        word = state;
        word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9ULL;
        word = (word ^ (word >> 27)) * 0x94d049bb133111ebULL;
        word ^= word >> 31;
      }
      out[i] = static_cast<std::byte>(word >> (8 * (i % 8)));
    }
  }
  std::mutex mutex;
  std::uint64_t state;
};

constexpr char hex_digits[] = "0123456789abcdef";
} // namespace

random_ptr system_random() {
  static const auto instance = std::make_shared<os_random>();
  return instance;
}
random_ptr seeded_random(std::uint64_t seed) { return std::make_shared<splitmix>(seed); }

std::uint64_t random_u64(random_source& source) {
  std::uint64_t value = 0;
  source.fill(std::as_writable_bytes(std::span{&value, 1}));
  return value;
}

std::string random_hex(random_source& source, std::size_t bytes) {
  std::vector<std::byte> raw(bytes);
  source.fill(raw);
  std::string text;
  text.reserve(bytes * 2);
  for (auto b : raw) {
    text += hex_digits[std::to_integer<unsigned>(b) >> 4];
    text += hex_digits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

std::string random_uuid(random_source& source) {
  auto text = random_hex(source, 16);
  text[12] = '4';
  text[16] = "89ab"[(text[16] >= 'a' ? text[16] - 'a' + 10 : text[16] - '0') & 3];
  for (std::size_t at : {20U, 16U, 12U, 8U})
    text.insert(at, 1, '-');
  return text;
}

std::string random_id(random_source& source, const char* prefix) { return prefix + random_hex(source, 6); }

} // namespace fm
