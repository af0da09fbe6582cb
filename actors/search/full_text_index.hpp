// Full text in memory: BM25 over stems and concepts (Robertson & Zaragoza 2009), with titles counted more. Pieces
// come and go; the index keeps no text, only terms. Not thread-safe: its owner locks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fm {

class full_text_index {
public:
  struct hit {
    std::string id;
    double score = 0;
  };
  /// Adds a piece or replaces the one of that id.
  void add(const std::string& id, std::string_view title, std::string_view text);
  bool remove(const std::string& id);
  std::size_t size() const { return known_.size(); }
  /// The best `limit` pieces that hold a word of the query and pass `wanted`; best first, ties by id.
  std::vector<hit> search(std::string_view query, std::size_t limit,
                          const std::function<bool(const std::string& id)>& wanted = {}) const;

private:
  struct posting {
    std::uint32_t piece;
    float weight;
  };
  struct piece {
    std::string id;
    float length = 0;
    bool dead = false;
  };
  void rebuild();

  std::unordered_map<std::string, std::vector<posting>> postings_;
  std::vector<piece> pieces_;
  std::unordered_map<std::string, std::uint32_t> known_;
  double total_length_ = 0;
  std::size_t dead_ = 0;
};

/// Where a text answers a query best: a window of about `bytes`, and the exact ranges of the query's words in it
/// (offsets into the whole text).
struct text_snippet {
  std::uint64_t begin = 0, end = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> highlights;
};
text_snippet snippet_of(std::string_view text, std::string_view query, std::size_t bytes = 240);

/// Reciprocal rank fusion (Cormack et al. 2009, k = 60): lists of ids, best first, each with a weight, to one order.
std::vector<std::pair<std::string, double>> fuse_ranks(const std::vector<std::pair<double, std::vector<std::string>>>& lists,
                                                       double k = 60);

} // namespace fm
