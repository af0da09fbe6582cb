// The pause.
#include "actors/search/watched_embedder.hpp"

#include <algorithm>

namespace fm {

template <class F>
auto watched_embedder::watched(F call) -> decltype(call()) {
  {
    std::lock_guard lock{mutex_};
    if (trouble_ && clock_->now() < again_at_)
      return *trouble_;
  }
  auto got = call();
  std::lock_guard lock{mutex_};
  if (got) {
    trouble_.reset();
    next_pause_ = {};
  } else if (got.error().code != errc::too_large) { // that one is the caller's mistake
    trouble_ = got.error();
    next_pause_ = std::clamp(2 * next_pause_, pause_.first, pause_.most);
    again_at_ = clock_->now() + next_pause_;
  }
  return got;
}

outcome<std::vector<std::vector<float>>> watched_embedder::embed(std::span<const std::string> texts) {
  return watched([&] { return inner_->embed(texts); });
}
outcome<std::vector<float>> watched_embedder::embed_query(const std::string& text) {
  return watched([&] { return inner_->embed_query(text); });
}

std::optional<failure> watched_embedder::trouble() const {
  std::lock_guard lock{mutex_};
  return trouble_;
}

} // namespace fm
