// An embedder that is left alone for a while after it failed, so that searches do not wait for one that is away. Knows how
// it is.
#pragma once

#include "actors/search/embedder.hpp"
#include "protocol/base/clock.hpp"

#include <chrono>
#include <mutex>

namespace fm {

struct embedder_pause {
  std::chrono::milliseconds first{2'000}; ///< after a failure; doubled with each that follows
  std::chrono::milliseconds most{60'000};
};

/// Thread-safe. While it pauses every call is answered with the failure that made it pause.
class watched_embedder final : public embedder {
public:
  watched_embedder(embedder_ptr inner, clock_ptr clock, embedder_pause pause = {}) : inner_(std::move(inner)), clock_(std::move(clock)), pause_(pause) {}

  std::string name() const override { return inner_->name(); }
  std::uint32_t dimension() const override { return inner_->dimension(); }
  outcome<std::vector<std::vector<float>>> embed(std::span<const std::string> texts) override;
  outcome<std::vector<float>> embed_query(const std::string& text) override;

  /// What was wrong at the last try; nothing when it worked.
  std::optional<failure> trouble() const;

private:
  template <class F>
  auto watched(F call) -> decltype(call());

  embedder_ptr inner_;
  clock_ptr clock_;
  embedder_pause pause_;
  mutable std::mutex mutex_;
  std::optional<failure> trouble_;
  timestamp again_at_{};
  std::chrono::milliseconds next_pause_{0};
};

} // namespace fm
