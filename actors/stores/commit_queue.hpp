// What waits for the writer of the case store. Commits that come while one transaction is being written become the next one
// (group commit): a busy server pays one flush of the disk for many cases, and an idle one waits for nobody.
#pragma once

#include "protocol/messages/case_store_actor.hpp"

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

namespace fm {

struct store_settings {
  std::size_t batch_max = 512;            ///< commits in one transaction
  std::size_t batch_bytes_max = 4U << 20; ///< text in one transaction, about
  std::size_t queue_max = 10'000;         ///< waiting commits; above: overloaded
};

/// Thread-safe: actors put in, one writer takes out.
class commit_queue {
public:
  struct batch {
    std::vector<case_commit> commits; ///< with an answer for each
    std::vector<reply<sequence>> answers;
    std::optional<compact_case> compaction; ///< alone, when no commit waits
  };
  enum class admission : std::uint8_t {
    refused,     ///< full; the argument is untouched
    taken,       ///< somebody is writing and will come to it
    wants_writer ///< taken, and nobody writes: the caller starts a writer, which calls next() until there is nothing
  };

  explicit commit_queue(store_settings settings) : settings_(settings) {}

  admission push(commit_events& what);
  admission push(compact_case& what);
  /// For the writer: what is to be written next; nothing when nobody waits, and from then on the queue wants another writer.
  std::optional<batch> next();
  /// Every commit that waits, when no writer could be started.
  std::vector<commit_events> abandon();

private:
  admission admitted(); ///< the mutex is held

  const store_settings settings_;
  std::mutex mutex_;
  std::deque<commit_events> waiting_;
  std::deque<compact_case> compactions_;
  bool writing_ = false;
};

} // namespace fm
