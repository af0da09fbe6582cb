// Readers are small and hold one piece.
#include "config/app/lib/pieces.hpp"

#include "actors/evidence/line_splitter.hpp"

#include <utility>

namespace fm::app {
namespace {
constexpr std::uint64_t piece_bytes = 256U << 10;

class source_reader final : public piece_reader {
public:
  explicit source_reader(const byte_source& source) : source_(source) {}
  outcome<std::string_view> next() override {
    auto read = source_.read(at_, piece_bytes);
    if (!read)
      return read.error();
    held_ = std::move(*read);
    at_ += held_.size();
    return std::string_view{held_};
  }
  std::uint64_t done() const override { return at_; }
  std::uint64_t total() const override { return source_.size(); }

private:
  const byte_source& source_;
  std::uint64_t at_ = 0;
  std::string held_;
};

class archived_reader final : public piece_reader {
public:
  archived_reader(const byte_source& archive, std::size_t entry, const opening::archive_limits& limits) : size_(archive.size()), entry_(archive, entry, limits) {}
  outcome<std::string_view> next() override {
    if (!note_.empty())
      return std::string_view{};
    auto piece = entry_.next();
    if (!piece && piece.error().code == errc::invalid && any_) {
      note_ = piece.error().detail + " What came before is analysed.";
      return std::string_view{};
    }
    any_ |= piece && !piece->empty();
    return piece;
  }
  std::uint64_t done() const override { return std::min(entry_.packed_bytes(), size_); }
  std::uint64_t total() const override { return size_; }
  std::string note() const override { return note_; }

private:
  std::uint64_t size_;
  opening::entry_reader entry_;
  bool any_ = false;
  std::string note_;
};

class converting_reader final : public piece_reader {
public:
  converting_reader(std::unique_ptr<piece_reader> inner, extractors::text_encoding from) : inner_(std::move(inner)), converter_(from) {}
  outcome<std::string_view> next() override {
    held_.clear();
    while (held_.empty() && !ended_) {
      auto piece = inner_->next();
      if (!piece)
        return piece;
      ended_ = piece->empty();
      ended_ ? converter_.finish(held_) : converter_.feed(*piece, held_);
    }
    return std::string_view{held_};
  }
  std::uint64_t done() const override { return inner_->done(); }
  std::uint64_t total() const override { return inner_->total(); }
  std::string note() const override { return inner_->note(); }

private:
  std::unique_ptr<piece_reader> inner_;
  extractors::utf8_converter converter_;
  std::string held_;
  bool ended_ = false;
};

class feeding_reader final : public piece_reader {
public:
  explicit feeding_reader(std::unique_ptr<piece_reader> inner) : inner_(std::move(inner)) {}
  outcome<std::string_view> next() override {
    auto piece = inner_->next();
    if (!piece)
      return piece;
    held_ = *piece;
    evidence::returns_to_feeds(held_);
    return std::string_view{held_};
  }
  std::uint64_t done() const override { return inner_->done(); }
  std::uint64_t total() const override { return inner_->total(); }
  std::string note() const override { return inner_->note(); }

private:
  std::unique_ptr<piece_reader> inner_;
  std::string held_;
};
} // namespace

pieces pieces_of(const byte_source& source) {
  return [&source] { return std::make_unique<source_reader>(source); };
}

pieces pieces_of_entry(const byte_source& archive, std::size_t entry, const opening::archive_limits& limits) {
  return [&archive, entry, limits] { return std::make_unique<archived_reader>(archive, entry, limits); };
}

pieces as_utf8(pieces inner, extractors::text_encoding from) {
  if (from == extractors::text_encoding::utf8)
    return inner;
  return [inner = std::move(inner), from] { return std::make_unique<converting_reader>(inner(), from); };
}

pieces with_line_feeds(pieces inner) {
  return [inner = std::move(inner)] { return std::make_unique<feeding_reader>(inner()); };
}

outcome<beginning> read_beginning(const pieces& from, std::uint64_t bytes_max) {
  const auto reader = from();
  beginning out;
  for (;;) {
    auto piece = reader->next();
    if (!piece)
      return piece.error();
    if (piece->empty())
      break;
    const auto room = bytes_max - out.bytes.size();
    out.bytes += piece->substr(0, room);
    if (piece->size() > room) {
      out.cut = true;
      break;
    }
  }
  out.note = reader->note();
  return out;
}

} // namespace fm::app
