// Token buckets: so many a second, so many at once. Pure; the caller brings the time.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <unordered_map>

namespace fm::http {

struct token_bucket {
  using time_point = std::chrono::steady_clock::time_point;
  double tokens = 0;
  time_point last{};

  bool take(time_point now, double per_second, double burst) {
    if (last == time_point{})
      tokens = burst;
    else
      tokens = std::min(burst, tokens + std::chrono::duration<double>(now - last).count() * per_second);
    last = now;
    if (tokens < 1)
      return false;
    tokens -= 1;
    return true;
  }
};

/// Buckets by name, at most `max` of them: the ones that are full again are forgotten first.
class rate_limiter {
public:
  rate_limiter(double per_second, double burst, std::size_t max = 100'000)
      : per_second_(per_second), burst_(burst), max_(max) {}
  bool take(const std::string& name, token_bucket::time_point now) {
    if (buckets_.size() >= max_)
      std::erase_if(buckets_, [&](auto& b) {
        return b.second.tokens + std::chrono::duration<double>(now - b.second.last).count() * per_second_ >=
               burst_;
      });
    if (buckets_.size() >= max_ && !buckets_.contains(name))
      return false;
    return buckets_[name].take(now, per_second_, burst_);
  }
  double remaining(const std::string& name) const {
    const auto found = buckets_.find(name);
    return found == buckets_.end() ? burst_ : found->second.tokens;
  }
  double burst() const { return burst_; }

private:
  double per_second_, burst_;
  std::size_t max_;
  std::unordered_map<std::string, token_bucket> buckets_;
};

} // namespace fm::http
