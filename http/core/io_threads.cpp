// See io_threads.hpp.
#include "http/core/io_threads.hpp"

#include "protocol/base/logging.hpp"

#include <chrono>
#include <exception>

namespace fm::http {

io_threads::io_threads(std::size_t threads) {
  for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i)
    lanes_.push_back(std::make_unique<lane>());
}

io_threads::~io_threads() { stop(std::chrono::milliseconds{0}); }

void io_threads::start() {
  for (auto& l : lanes_)
    l->thread = std::thread([lane = l.get()] {
      for (;;)
        try {
          lane->context.run();
          lane->idle = true;
          lane->idle.notify_all();
          return;
        } catch (const std::exception& e) {
          // A handler that throws is a bug of ours; the other connections of this thread go on.
          log::error("http", std::string{"a handler threw: "} + e.what());
        }
    });
}

boost::asio::io_context& io_threads::next() { return lanes_[next_++ % lanes_.size()]->context; }

void io_threads::stop(std::chrono::milliseconds grace) {
  if (stopped_.exchange(true))
    return;
  const auto until = std::chrono::steady_clock::now() + grace;
  for (auto& l : lanes_)
    l->work.reset();
  for (auto& l : lanes_) {
    while (l->thread.joinable() && !l->idle && std::chrono::steady_clock::now() < until)
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    l->context.stop();
    if (l->thread.joinable())
      l->thread.join();
  }
}

} // namespace fm::http
