// What long work is handed: whether to stop, and where to say how far it is. Cheap to ask, safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

namespace fm {

struct work_control {
  std::stop_token stop;
  std::function<void(std::uint64_t done, std::uint64_t total)> progress; ///< may be empty

  bool stopped() const { return stop.stop_requested(); }
  void tell(std::uint64_t done, std::uint64_t total) const {
    if (progress)
      progress(done, total);
  }
};

} // namespace fm
