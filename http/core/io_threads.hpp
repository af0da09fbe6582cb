// The I/O threads: one io_context each, so that the handlers of a connection never run at the same time and need
// no strand. Connections are dealt out in turn.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

namespace fm::http {

class io_threads {
public:
  explicit io_threads(std::size_t threads);
  ~io_threads();
  io_threads(const io_threads&) = delete;
  io_threads& operator=(const io_threads&) = delete;

  void start();
  /// Thread-safe; round robin.
  boost::asio::io_context& next();
  boost::asio::io_context& at(std::size_t i) { return lanes_[i]->context; }
  std::size_t size() const { return lanes_.size(); }
  bool stopped() const { return stopped_; }
  /// Lets what is under way end (the caller closed every socket before), at most `grace`; then stops and joins.
  /// Not from an I/O thread. Idempotent.
  void stop(std::chrono::milliseconds grace);

private:
  struct lane {
    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{context.get_executor()};
    std::thread thread;
    std::atomic<bool> idle{false};
  };
  std::vector<std::unique_ptr<lane>> lanes_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> stopped_{false};
};

} // namespace fm::http
