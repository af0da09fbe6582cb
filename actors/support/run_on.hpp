// One request on the bounded executor: its answer is given on every path.
#pragma once

#include "actors/support/offload.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/reply.hpp"

#include <exception>
#include <string>

namespace fm {

inline failure too_much_waits() {
  auto f = make_failure(errc::overloaded, "Too much work waits; please try again.");
  f.retry_after = std::chrono::seconds{1};
  return f;
}

/// Runs `f` there and answers with what it returns; overloaded when the queue is full, internal when it throws.
template <class T, class F>
void run_on(const offload_ptr& work, const char* area, const reply<T>& answer, F f) {
  const bool taken = work->submit([answer, area, f = std::move(f)]() mutable {
    try {
      answer(f());
    } catch (const std::exception& e) {
      log::error(area, std::string{"a request failed: "} + e.what());
      answer(make_failure(errc::internal, "The server could not do this; its log says why."));
    }
  });
  if (!taken)
    answer(too_much_waits());
}

} // namespace fm
