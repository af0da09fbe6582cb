// Lending out, and the short memory of a failure.
#include "storage/postgres/pool.hpp"

#include <algorithm>

namespace fm::postgres {
namespace {
using std::chrono::steady_clock;
/// How long everybody is told the same after a failed attempt; short, so that service is back soon after the server.
constexpr std::chrono::milliseconds memory{200};
/// The longest attempt once the server is known to be away.
constexpr std::chrono::milliseconds short_attempt{1'000};
} // namespace

pool::pool(options o, std::string host, bool writable, std::size_t size)
    : options_(std::move(o)), host_(std::move(host)), writable_(writable), size_(std::max<std::size_t>(size, 1)) {}

pool::lease pool::borrow() {
  std::unique_lock lock{mutex_};
  const auto until = steady_clock::now() + options_.statement_timeout;
  while (true) {
    while (!idle_.empty()) {
      auto c = std::move(idle_.back());
      idle_.pop_back();
      if (c->opened_at() <= fault_at_ || !c->still_there())
        continue;
      ++lent_;
      return {*this, std::move(c)};
    }
    if (lent_ < size_)
      break;
    if (freed_.wait_until(lock, until) == std::cv_status::timeout && idle_.empty() && lent_ >= size_)
      throw error{"", "all " + std::to_string(size_) + " connections to it are busy", true};
  }
  if (steady_clock::now() < away_until_)
    throw error{"", away_why_, true};
  const bool known_away = !away_why_.empty();
  ++lent_;
  lock.unlock();
  try {
    auto c = connection::open(options_, host_, writable_, known_away ? std::min(options_.connect_timeout, short_attempt) : options_.connect_timeout);
    lock.lock();
    away_why_.clear();
    lock.unlock();
    return {*this, std::move(c)};
  } catch (const error& e) {
    lock.lock();
    --lent_;
    away_until_ = steady_clock::now() + memory;
    away_why_ = e.message;
    freed_.notify_one();
    throw error{e.state, e.message, true};
  }
}

void pool::give_back(std::unique_ptr<connection> c) {
  std::lock_guard lock{mutex_};
  --lent_;
  if (c->broken()) {
    // Whatever cut this one has probably cut its neighbours.
    fault_at_ = steady_clock::now();
    idle_.clear();
  } else if (!c->in_transaction() && c->opened_at() > fault_at_) {
    idle_.push_back(std::move(c));
  }
  freed_.notify_one();
}

} // namespace fm::postgres
