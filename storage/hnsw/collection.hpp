// One collection: its log on disk, its items and graph in memory. Thread-safe: one writer at a time, whose flushes
// and snapshots hold up no query; queries wait only while a handful of vectors enters the graph.
#pragma once

#include "storage/hnsw/vector_store.hpp"

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

namespace fm::hnsw {

class vector_collection {
public:
  /// Makes a new one; its first record is durable.
  static outcome<std::unique_ptr<vector_collection>> make(const std::string& path, std::string name, std::uint32_t dimension,
                                                          const vector_metadata& metadata, const vector_options& options);
  /// Null when a crash came before its first record was whole: it was never acknowledged.
  static outcome<std::unique_ptr<vector_collection>> open(const std::string& path, const vector_options& options);
  ~vector_collection();
  vector_collection(const vector_collection&) = delete;
  vector_collection& operator=(const vector_collection&) = delete;

  collection_info info() const;
  std::uint32_t dimension() const { return dimension_; }

  outcome<done_t> upsert(std::span<const vector_item> items);
  outcome<std::uint64_t> remove(std::span<const std::string> ids);
  outcome<std::uint64_t> remove_matching(const metadata_filter& filter);
  outcome<std::vector<vector_hit>> query(std::span<const float> embedding, std::size_t k, const metadata_filter& filter) const;
  outcome<std::vector<vector_item>> get(std::span<const std::string> ids) const;
  outcome<std::vector<vector_item>> find(const metadata_filter& filter, std::string_view after, std::size_t limit) const;
  /// Its files go now; what is open stays usable until the object goes.
  void remove_files();

private:
  static constexpr int trust_most = 16;
  struct held {
    std::size_t label = 0;       ///< its node in the graph
    std::uint64_t vector_at = 0; ///< where its numbers stand in the log
    std::string document;
    vector_metadata metadata;
  };
  struct addition {
    std::size_t label = 0;
    std::vector<float> unit;
  };
  vector_collection(std::string path, const vector_options& options);
  std::shared_lock<std::shared_mutex> reading() const;
  std::unique_lock<std::shared_mutex> writing();

  outcome<done_t> append(std::string_view payload);
  outcome<done_t> replay();
  bool whole_record_after(std::uint64_t at, std::uint64_t end) const;
  /// One record's effect on the items; graph work is left to build_graph().
  bool apply(std::string_view payload, std::uint64_t at);
  std::size_t put(std::string id, held h);
  void forget(std::string_view id);
  outcome<done_t> build_graph();
  std::size_t load_snapshot();
  void add_to_graph(std::span<const addition> all);
  outcome<done_t> add_in_slices(std::span<const vector_item> items, std::span<const std::uint64_t> places);
  void write_snapshot();
  void write_snapshot_if_due();
  outcome<std::uint64_t> remove_these(std::vector<std::string> there);
  outcome<done_t> compact_if_due();
  outcome<std::vector<float>> read_vector(const held& h) const;
  outcome<vector_item> whole(const std::string& id, const held& h) const;
  struct near_one;
  std::vector<near_one> scan(std::span<const float> unit, const metadata_filter& filter, std::size_t most) const;
  std::optional<std::vector<near_one>> walk(std::span<const float> unit, const metadata_filter& filter, std::size_t k) const;
  bool walking_is_worth_it() const;
  std::size_t helpers_for(std::size_t work, std::size_t least_each) const;

  std::string path_;
  vector_options options_;
  std::string name_;
  std::uint32_t dimension_ = 0;
  vector_metadata metadata_;

  std::mutex writers_;              ///< taken before mutex_; the log's end, changes_ and removed_ belong to it
  mutable std::mutex gate_;         ///< passed by all on their way to mutex_: queries without end starve no writer
  mutable std::shared_mutex mutex_; ///< guards what queries read, below
  int fd_ = -1;
  std::uint64_t size_ = 0;       ///< of the log
  std::uint64_t generation_ = 0; ///< drawn for each log: a snapshot of another one never fits
  std::size_t changes_ = 0;      ///< since the snapshot
  bool removed_ = false;
  using shelf = std::map<std::string, held, std::less<>>;
  shelf items_;
  std::vector<const shelf::value_type*> by_label_; ///< null = replaced or removed
  std::uint64_t dead_ = 0;                   ///< labels nobody has any more
  std::optional<failure> broken_;            ///< memory ran out half way: only a restart helps
  mutable std::atomic<int> trust_{trust_most}; ///< in the graph; grows with each agreement of two walks, else shrinks
  mutable std::atomic<std::uint32_t> asked_{0};
  struct graph_parts;                        ///< hnswlib's headers hold definitions: one source includes them
  std::unique_ptr<graph_parts> parts_;
};

} // namespace fm::hnsw
