// Which long work waits, runs and has ended, for everybody who starts some. In memory: what a job made is durable by
// itself, and work that a restart cut off was never acknowledged. Thread-safe; never blocks for long.
#pragma once

#include "protocol/base/failure.hpp"
#include "protocol/base/random.hpp"
#include "protocol/base/work_control.hpp"
#include "protocol/model/jobs.hpp"
#include "protocol/model/user.hpp"

#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <string>

namespace fm {

struct job_settings {
  std::size_t remembered_max = 1'000; ///< the oldest finished one is forgotten first
  std::size_t unfinished_per_user_max = 100;
  std::chrono::milliseconds tell_every{250}; ///< progress of one job is told at most this often
};

class job_book {
public:
  job_book(job_settings settings, clock_ptr clock, random_ptr random) : settings_(settings), clock_(std::move(clock)), random_(std::move(random)) {}

  /// Told of every change of status, and of progress now and then; called outside the lock, from the thread that made
  /// the change. Set before the first job.
  void watch(std::function<void(const job&)> watcher) { watcher_ = std::move(watcher); }

  /// Takes kind, subject, case, owner and total; gives it its id. overloaded when there are too many.
  outcome<job> begin(job what);
  /// Queued → running; gives the work its control. Nothing when it was cancelled meanwhile.
  std::optional<work_control> start(const std::string& id);
  /// Running → queued: the next part of its work waits again, and may be cancelled while it does.
  void wait(const std::string& id);
  void progress(const std::string& id, std::uint64_t done, std::uint64_t failed, std::uint64_t total);
  /// The end: "completed", "failed", "cancelled". Of a job whose stop was asked for, a failure is a cancellation.
  void finish(const std::string& id, std::string status, std::string error = {}, std::string result = {});

  /// One's own jobs; administrators also have those of the server itself.
  outcome<job> find(const principal& who, const std::string& id) const;
  job_page list(const principal& who, const job_query& query) const;
  outcome<job> drop(const principal& who, const std::string& id);
  /// Tells all work to stop, at shutdown.
  void stop_all();

private:
  struct entry {
    job what;
    std::stop_source stop{std::nostopstate};
    timestamp told{};
  };
  entry* lookup(const std::string& id);
  void tell(const job& what) const;

  job_settings settings_;
  clock_ptr clock_;
  random_ptr random_;
  std::function<void(const job&)> watcher_;
  mutable std::mutex mutex_;
  std::list<entry> entries_; ///< newest first
};
using job_book_ptr = std::shared_ptr<job_book>;

} // namespace fm
