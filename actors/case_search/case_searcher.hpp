// Finds lines in a case: its files by their indexes, its messages in memory, by words and by likeness, fused by rank.
// What a search reads and holds is bounded, whatever the case's size. Thread-safe; blocks.
#pragma once

#include "actors/case_search/case_index.hpp"
#include "actors/search/watched_embedder.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/model/case.hpp"
#include "protocol/model/case_search.hpp"
#include "storage/ports/case_store.hpp"

#include <array>
#include <functional>
#include <list>
#include <memory>
#include <mutex>

namespace fm {

struct case_search_settings {
  std::size_t messages_max = 2'000;             ///< newest messages of a case
  std::size_t messages_bytes_max = 8U << 20;    ///< of their text
  std::size_t message_vectors_max = 256;        ///< of the newest of them
  std::size_t cases_kept_max = 32;              ///< whose messages are kept in memory
  std::uint64_t indexed_at_once_bytes = 16U << 20; ///< a search makes missing indexes of up to so many bytes itself
  double similarity_min = 0.12;                 ///< what is less like the question is no answer to it
  case_search::index_settings index;
};

struct case_search_deps {
  blob_store_ptr blobs;
  case_store_ptr cases;
  embedder_ptr model; ///< null = by words alone
  clock_ptr clock;
  std::function<outcome<std::vector<case_file>>(const case_id&)> files;
  case_search::text_extractor extract; ///< null = only files whose bytes are text are searched
};

class case_searcher {
public:
  case_searcher(case_search_settings settings, case_search_deps deps);
  ~case_searcher();
  case_searcher(const case_searcher&) = delete;
  case_searcher& operator=(const case_searcher&) = delete;

  /// `raw` says of which files the reader may see the own bytes. invalid when the query names no word.
  outcome<case_search_page> search(const case_id& id, const case_search_query& query, const std::function<bool(const case_file&)>& raw);
  /// Makes what is missing of a case's indexes; returns how many files were done.
  outcome<std::uint64_t> index(const case_id& id);

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace fm
