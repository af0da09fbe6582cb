// Vectors in files, searched with a navigable small-world graph (Malkov & Yashunin 2016, hnswlib).
//
//   ROOT/<collection>.log               every change, in order, each record with length and CRC-32: the truth
//   ROOT/<collection>.log.graph-G-L-S-F a snapshot of the graph of log G at label L and byte S with fingerprint F; it
//                                       may be missing or damaged, then the graph is built from the log
//
// A change is acknowledged once its record is flushed. A torn last record (crash while writing) is cut off at the
// start; damage before it is a clear failure. Small collections and selective filters are searched exactly, and so is
// every query for which a narrow and a wide walk of the graph disagree: there the graph is a poor guide.
// Needs the folder for itself (the data directory's lock sees to it).
#pragma once

#include "storage/ports/vector_store.hpp"

namespace fm::hnsw {

struct vector_options {
  std::size_t m = 16;                  ///< links of a node
  std::size_t ef_construction = 100;   ///< breadth of the search while building
  std::size_t ef = 64;                 ///< breadth of a narrow walk; a wide one has four times as much
  std::size_t exact_max = 2'000;       ///< up to here every vector is looked at
  std::size_t snapshot_every = 10'000; ///< changes (or a fifth of the collection) after which a snapshot is written
  std::size_t compact_after = 10'000; ///< dead vectors, when they are also two thirds of all, after which the log is written anew
  std::size_t build_threads = 0;       ///< that put vectors into the graph, or look at all; 0 = one a core, at most 4
  bool flush = true;                   ///< off: survives a crash of the process only
};

outcome<vector_store_ptr> open_vector_store(const std::string& root, const vector_options& options = {});

} // namespace fm::hnsw
