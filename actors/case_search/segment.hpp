// A piece of a file's index: some MiB of its text in blocks of lines, and for every word the blocks that hold it. Written
// once, read in ranges: what a search reads of it does not grow with the text. Pure: bytes out, bytes in.
//
// Stored form (little-endian): head · blocks · postings · pages of the dictionary · table of pages. A posting list is pairs of
// varints (distance to the block before, how often). A page holds words in order, each as varints (bytes shared with the
// word before, bytes of its own), the bytes, and varints (blocks, bytes of its list); its first word shares nothing.
#pragma once

#include "actors/case_search/tokens.hpp"
#include "protocol/base/failure.hpp"

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fm::case_search {

constexpr std::int64_t no_time = std::numeric_limits<std::int64_t>::min();

/// Lines that belong together for searching, 4 KiB or one line.
struct block {
  std::uint64_t line_first = 1;
  std::uint32_t lines = 0;
  std::uint64_t clean_begin = 0; ///< in the text that was indexed
  std::uint32_t clean_bytes = 0;
  std::uint64_t raw_begin = 0; ///< in the file's own bytes
  std::uint32_t raw_bytes = 0; ///< 0 = not known: only the indexed text may be shown
  std::uint32_t tokens = 0;
  std::uint8_t levels = 0;     ///< bit n: a line of severity n
  std::int64_t time_first = no_time, time_last = no_time; ///< milliseconds, the least and the greatest stamp
  bool operator==(const block&) const = default;
};

class segment_writer {
public:
  /// One line, or a piece of one, of the block that is open.
  void add_line(std::string_view clean);
  /// Ends a block; its tokens are counted here.
  void end_block(block b);
  std::size_t blocks() const { return blocks_.size(); }
  /// Different ones; what the writer holds grows with them.
  std::size_t words() const { return words_.size(); }
  /// How much a block says that others of the segment do not, by words without digits; larger = more.
  std::vector<double> weights() const;
  /// The segment's bytes; the writer is empty afterwards.
  std::string finish();

private:
  struct word {
    std::uint32_t at, blocks, open; ///< where its letters are; in how many blocks it is; how often in the open one
    std::uint8_t size;
  };
  struct cell {
    std::uint32_t hash = 0, number = 0; ///< of the word, from 1; 0 = free
  };
  struct posting {
    std::uint32_t number, block, count;
  };
  std::string_view text(const word& w) const { return std::string_view{letters_}.substr(w.at, w.size); }
  void count(std::string_view lower, std::uint32_t hash);
  void grow();
  std::vector<block> blocks_;
  std::string letters_; ///< of all words
  std::vector<word> words_;
  std::vector<cell> table_; ///< open addressing, a power of two, at most half full
  std::vector<std::uint32_t> open_;
  std::vector<posting> postings_; ///< in order of the blocks
  std::uint32_t open_tokens_ = 0;
};

/// Bytes of the segment: `length` from `offset`; a failure is handed on.
using segment_bytes = std::function<outcome<std::string>(std::uint64_t offset, std::uint64_t length)>;

struct word_hits {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> blocks; ///< block and how often, in order of the block
};

class segment_reader {
public:
  /// Reads head and table of pages. unavailable when they are damaged.
  static outcome<segment_reader> open(segment_bytes bytes);
  outcome<std::vector<block>> blocks() const;
  std::uint32_t block_count() const { return block_count_; }
  std::uint64_t token_count() const { return tokens_; }
  /// Blocks that hold a word that answers this one; at most `spellings_max` spellings are followed.
  outcome<word_hits> find(const question::word& word, std::size_t spellings_max = 32) const;

private:
  struct page {
    std::uint64_t offset = 0, postings = 0; ///< of the page, and of the first of its lists
    std::uint32_t bytes = 0;
    std::string first;
  };
  segment_bytes bytes_;
  std::uint32_t block_count_ = 0;
  std::uint64_t tokens_ = 0, blocks_offset_ = 0;
  std::vector<page> pages_;
};

} // namespace fm::case_search
