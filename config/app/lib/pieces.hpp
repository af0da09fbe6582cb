// A file's bytes from its beginning, piece by piece and as often as asked: out of a source, out of an archive's entry,
// turned into UTF-8 on the way. Nothing here holds a file.
#pragma once

#include "actors/evidence/extractors/encoding.hpp"
#include "actors/evidence/opening/archive.hpp"
#include "protocol/base/byte_source.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace fm::app {

/// One way through the bytes.
class piece_reader {
public:
  virtual ~piece_reader() = default;
  /// Valid until the next call; empty at the end. After a failure nothing more may be asked.
  virtual outcome<std::string_view> next() = 0;
  /// How much of what is stored was read, of how much.
  virtual std::uint64_t done() const = 0;
  virtual std::uint64_t total() const = 0;
  /// What people should know of how it ended (a damaged archive); empty = nothing.
  virtual std::string note() const { return {}; }
};
/// Begins anew at each call; what it reads must outlive the readers.
using pieces = std::function<std::unique_ptr<piece_reader>()>;

pieces pieces_of(const byte_source& source);
/// What is damaged behind its first byte ends there, with a note.
pieces pieces_of_entry(const byte_source& archive, std::size_t entry, const opening::archive_limits& limits);
pieces as_utf8(pieces inner, extractors::text_encoding from);
/// Lines that end with CR alone as lines that end with LF: as many bytes, the same places.
pieces with_line_feeds(pieces inner);

struct beginning {
  std::string bytes;
  bool cut = false; ///< there is more
  std::string note;
};
outcome<beginning> read_beginning(const pieces& from, std::uint64_t bytes_max);

} // namespace fm::app
