// The port of likeness: vectors with their texts and metadata, in collections of one dimension each.
//
// Threading: callable from any thread; calls may block (network, disk), so callers are on the bounded executor.
// Success: what upsert() or remove() acknowledged survives a restart (not in memory) and is seen by every later
//   query. Failure: nothing of a refused batch is stored. A vector of another dimension than the collection's is
//   invalid, and the sentence names both; a collection that is not there is not_found; faults are unavailable.
// Likeness is the cosine, 1 = same direction; a vector of zeros is invalid. Exact ties come in order of the id.
// Bounds: batches <= 1,000 items, documents <= 64 KiB, ids 1 to 256 bytes, dimension 1 to 4,096, k <= 1,000.
#pragma once

#include "protocol/base/reply.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fm {

using metadata_value = std::variant<bool, std::int64_t, double, std::string>;
using vector_metadata = std::map<std::string, metadata_value, std::less<>>;

struct vector_item {
  std::string id;
  std::vector<float> embedding;
  std::string document;
  vector_metadata metadata;
};

/// One condition on one metadata member; an item without that member does not match (but for `not_equal`).
struct metadata_condition {
  enum class relation : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal, one_of };
  std::string member;
  relation is = relation::equal;
  std::vector<metadata_value> values; ///< one, or for one_of at least one
};
/// All of them hold; empty = everything.
using metadata_filter = std::vector<metadata_condition>;

struct vector_hit {
  std::string id;
  double similarity = 0; ///< cosine, -1 to 1
  std::string document;
  vector_metadata metadata;
};

struct collection_info {
  std::string name;
  std::uint32_t dimension = 0;
  std::uint64_t count = 0;
  vector_metadata metadata; ///< given when it was made: the embedder's name and version
};

class vector_store {
public:
  virtual ~vector_store() = default;
  /// Made when missing; conflict ALREADY_EXISTS when it is there with another dimension. Names are 3 to 128 of
  /// [a-z0-9_-], starting and ending with a letter or digit.
  virtual outcome<done_t> create_collection(std::string_view name, std::uint32_t dimension,
                                            const vector_metadata& metadata) = 0;
  /// Whether there was one.
  virtual outcome<bool> drop_collection(std::string_view name) = 0;
  virtual outcome<std::vector<collection_info>> collections() const = 0;
  virtual outcome<collection_info> collection(std::string_view name) const = 0;

  /// Adds new ids and replaces known ones, all or nothing.
  virtual outcome<done_t> upsert(std::string_view collection, std::span<const vector_item> items) = 0;
  /// The k most alike that match, best first.
  virtual outcome<std::vector<vector_hit>> query(std::string_view collection, std::span<const float> embedding,
                                                 std::size_t k, const metadata_filter& filter) const = 0;
  /// Those of `ids` that are there, in order of the id.
  virtual outcome<std::vector<vector_item>> get(std::string_view collection,
                                                std::span<const std::string> ids) const = 0;
  /// Matching items in order of the id, a page of them.
  virtual outcome<std::vector<vector_item>> find(std::string_view collection, const metadata_filter& filter,
                                                 std::string_view after, std::size_t limit) const = 0;
  /// How many went.
  virtual outcome<std::uint64_t> remove(std::string_view collection, std::span<const std::string> ids) = 0;
  virtual outcome<std::uint64_t> remove_matching(std::string_view collection, const metadata_filter& filter) = 0;
  /// A cheap round trip that tells whether the backend works.
  virtual outcome<done_t> ping() const = 0;
};
using vector_store_ptr = std::shared_ptr<vector_store>;

} // namespace fm
