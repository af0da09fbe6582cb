// One collection: its log on disk, its items and graph in memory. Not thread-safe: the store locks.
#pragma once

#include "storage/hnsw/vector_store.hpp"

#include <memory>
#include <string>
#include <vector>

namespace fm::hnsw {

class vector_collection {
public:
  /// Makes a new one; its first record is durable.
  static outcome<std::unique_ptr<vector_collection>> make(const std::string& path, std::string name, std::uint32_t dimension,
                                                   const vector_metadata& metadata, const vector_options& options);
  static outcome<std::unique_ptr<vector_collection>> open(const std::string& path, const vector_options& options);
  ~vector_collection();
  vector_collection(const vector_collection&) = delete;
  vector_collection& operator=(const vector_collection&) = delete;

  collection_info info() const { return {name_, dimension_, items_.size(), metadata_}; }
  std::uint32_t dimension() const { return dimension_; }

  outcome<done_t> upsert(std::span<const vector_item> items);
  outcome<std::uint64_t> remove(std::span<const std::string> ids);
  outcome<std::vector<vector_hit>> query(std::span<const float> embedding, std::size_t k, const metadata_filter& filter) const;
  outcome<std::vector<vector_item>> get(std::span<const std::string> ids) const;
  outcome<std::vector<vector_item>> find(const metadata_filter& filter, std::string_view after, std::size_t limit) const;
  std::vector<std::string> matching(const metadata_filter& filter) const;
  void remove_files() const;

private:
  struct held {
    std::size_t label = 0;
    std::uint64_t vector_at = 0; ///< where its numbers stand in the log
    std::string document;
    vector_metadata metadata;
  };
  vector_collection(std::string path, const vector_options& options);

  outcome<done_t> append(std::string_view payload);
  outcome<done_t> replay();
  /// One record's effect on the items; graph work is left to build_graph().
  bool apply(std::string_view payload, std::uint64_t at);
  outcome<done_t> build_graph();
  void add_to_graph(std::size_t label, std::span<const float> vector);
  void write_graph();
  outcome<done_t> compact_if_due();
  outcome<std::vector<float>> read_vector(const held& h) const;
  outcome<vector_item> whole(const std::string& id, const held& h) const;
  double similarity(std::span<const float> unit, const held& h) const;

  std::string path_;
  vector_options options_;
  std::string name_;
  std::uint32_t dimension_ = 0;
  vector_metadata metadata_;
  int fd_ = -1;
  std::uint64_t size_ = 0; ///< of the log
  std::map<std::string, held, std::less<>> items_;
  std::vector<const std::string*> by_label_; ///< the id of a label; null = replaced or removed
  std::uint64_t dead_ = 0;                   ///< labels nobody has any more
  std::size_t changes_ = 0;                  ///< since the graph was written
  struct graph_parts;                        ///< hnswlib's headers hold definitions: one source includes them
  std::unique_ptr<graph_parts> parts_;
};

} // namespace fm::hnsw
