// Everything from one set of stores to another: users, cases with their logs, sessions, vectors, files. What is there
// already and the same is passed over, so that a copy that was cut short goes on where it stopped.
#pragma once

#include "storage/factory/factory.hpp"

#include <functional>
#include <string>
#include <vector>

namespace fm {

/// One data type's part of a copy.
struct copied_type {
  std::string name;          ///< users, cases, sessions, vectors, files
  std::uint64_t found = 0;   ///< at the source
  std::uint64_t written = 0; ///< now; the rest was there
  std::uint64_t differ = 0;  ///< there, but not what the source has: left alone
  std::string first_difference;
  /// The checksum over everything of the type, the same for the same content whatever the order: 64 hex digits.
  std::string source_sum, target_sum;
  bool same() const { return differ == 0 && source_sum == target_sum; }
};

struct copy_choice {
  bool users = true, cases = true, sessions = true, vectors = true, files = true;
};

/// Called now and then with a type and how much of it is done; false = stop (what was written stays).
using copy_progress = std::function<bool(const std::string& type, std::uint64_t done, std::uint64_t total)>;

/// The source must rest: a case that grows meanwhile shows as a difference. Fails at the first fault of a store; another
/// run goes on from there.
outcome<std::vector<copied_type>> copy_storage(const opened_storage& from, const opened_storage& to, const copy_choice& what,
                                               const copy_progress& progress);

} // namespace fm
