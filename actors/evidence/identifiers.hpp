// Names that run through a log: request ids, hosts, addresses, pods, jobs. Counted in a bounded table, so that the few
// that go along with errors can be followed, within a file and across files.
#pragma once

#include "actors/evidence/masking.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fm::evidence {

struct identifier;

class identifier_table {
public:
  explicit identifier_table(std::size_t most) : most_(most) {}
  /// `pieces` of the message, as the masker noted them.
  void look_at(std::string_view message, const std::vector<masker::piece>& pieces, std::uint64_t line, bool bad);
  /// Those that go along with errors, most suspicious first; 50 at most.
  std::vector<identifier> finish() const;
  /// The same and then others, most frequent first; `most` at most.
  std::vector<identifier> all(std::size_t most) const;

private:
  struct facts {
    const char* kind = "";
    std::uint64_t count = 0, bad = 0, first = 0, last = 0;
  };
  void note(const char* kind, std::string_view value, std::uint64_t line, bool bad);
  std::size_t most_;
  std::unordered_map<std::string, facts> known_;
  std::string key_;
};

} // namespace fm::evidence
