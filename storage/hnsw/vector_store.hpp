// Vectors in files, searched with a navigable small-world graph (Malkov & Yashunin 2016, hnswlib).
//
//   ROOT/<collection>.log     every change, in order, each record with length and CRC-32: the truth
//   ROOT/<collection>.graph   a snapshot of the graph; may be missing or old, then the rest is built from the log
//
// A change is acknowledged once its record is flushed. A torn last record (crash while writing) is cut off at the
// start; damage before it is a clear failure. Small collections and selective filters are searched exactly.
// Needs the folder for itself (the data directory's lock sees to it).
#pragma once

#include "storage/ports/vector_store.hpp"

namespace fm::hnsw {

struct vector_options {
  std::size_t m = 16;                   ///< links of a node
  std::size_t ef_construction = 100;    ///< breadth of the search while building
  std::size_t ef = 128;                 ///< least breadth of a query
  std::size_t exact_max = 2'000;        ///< up to here every vector is looked at
  std::size_t snapshot_every = 20'000;  ///< changes after which the graph is written again
  bool flush = true;                    ///< off: survives a crash of the process only
};

outcome<vector_store_ptr> open_vector_store(const std::string& root, const vector_options& options = {});

} // namespace fm::hnsw
