// One part after another: a file, an archive's file, a page. Each has its own filter, so that parts begin where they say.
#include "config/app/lib/searchable_text.hpp"

#include "actors/evidence/extractors/encoding.hpp"
#include "actors/evidence/extractors/extract.hpp"
#include "actors/evidence/opening/document_text.hpp"
#include "actors/evidence/opening/visual.hpp"
#include "config/app/lib/pieces.hpp"
#include "protocol/base/text.hpp"

#include <algorithm>

namespace fm::app {
namespace {
namespace ex = extractors;

constexpr std::uint64_t looked_at = 64U << 10;

/// Damage and bombs: the file is so, and what came before is its text. Anything else may be better next time.
bool is_content(const failure& f) { return f.code == errc::invalid || f.code == errc::too_large; }

class text_maker {
public:
  explicit text_maker(const searchable_text_options& with) : with_(with) {}

  bool full() const { return out_.cut; }
  /// Text of a part; the same part again goes on.
  outcome<done_t> add(const std::string& path, const pieces& text) {
    const auto before = out_.text.size();
    if (before > 0 && out_.text.back() != '\n')
      out_.text += '\n';
    const auto begin = out_.text.size();
    ex::sensitive_filter filter{with_.redaction};
    const auto reader = text();
    for (bool more = true; more && !out_.cut;) {
      const auto piece = reader->next();
      if (!piece && is_content(piece.error()))
        break;
      if (!piece)
        return piece.error();
      more = !piece->empty();
      if (!with_.redact)
        out_.text += *piece;
      else
        more ? filter.feed(*piece, out_.text) : void(filter.finish(out_.text));
      if (out_.text.size() > with_.text_bytes_max) {
        out_.text.resize(utf8_floor(out_.text, with_.text_bytes_max));
        out_.cut = true;
      }
    }
    if (out_.text.size() == begin)
      out_.text.resize(before);
    else if (!path.empty())
      out_.parts.push_back({path, begin});
    return done;
  }
  outcome<done_t> add(const std::string& path, std::string_view text) {
    const memory_source bytes{text};
    return add(path, pieces_of(bytes));
  }
  /// A picture, a PDF by its pages, or nothing.
  outcome<done_t> add_visual(const std::string& path, std::string_view bytes) {
    if (visuals_++ >= with_.visuals_max)
      return done;
    const auto read = opening::read_visual(bytes);
    if (!read)
      return done; // refused: it has no text
    const auto& lines = read->lines;
    for (std::size_t i = 0; i < lines.size() && !out_.cut;) {
      const auto page = lines[i].page;
      std::string text;
      for (; i < lines.size() && lines[i].page == page; ++i)
        text += lines[i].text + "\n";
      const auto name = read->format == "pdf" ? "page " + std::to_string(page) : std::string{};
      if (auto added = add(path.empty() || name.empty() ? path + name : path + ", " + name, std::string_view{text}); !added)
        return added;
    }
    return done;
  }
  /// Whatever it is, but for archives.
  outcome<done_t> add_file(const std::string& path, const pieces& content) {
    auto head = read_beginning(content, looked_at);
    if (!head)
      return is_content(head.error()) ? outcome<done_t>{done} : head.error();
    const auto magic = ex::magic_of(head->bytes);
    if (magic == "png" || magic == "jpeg" || magic == "pdf") {
      auto all = read_beginning(content, bytes_read_max(ex::data_type::visual_evidence));
      if (!all)
        return is_content(all.error()) ? outcome<done_t>{done} : all.error();
      return all->cut ? outcome<done_t>{done} : add_visual(path, all->bytes);
    }
    const auto encoding = ex::encoding_of(head->bytes, head->cut);
    if (!magic.empty() || (!ex::is_wide(encoding) && head->bytes.find('\0') != std::string::npos))
      return done;
    return add(path, as_utf8(content, encoding));
  }
  outcome<done_t> add_archive(std::string_view name, const byte_source& bytes) {
    if (opening::is_single_stream(bytes)) {
      const auto content = pieces_of_entry(bytes, 1, with_.archive);
      const auto head = read_beginning(content, 1'024);
      if (!head)
        return done; // damaged from its first byte
      if (opening::archive_kind(head->bytes).empty())
        return add_file({}, content);
    }
    const auto inside = [&](const std::string& path) { return path.starts_with(std::string{name} + "/") ? path.substr(name.size() + 1) : path; };
    std::optional<failure> broken;
    auto all = opening::open_archive(name, bytes, with_.archive, [&](opening::opened_file&& f) {
      const memory_source content{f.bytes};
      // A DOCX in an archive is opened like any archive in it.
      if (auto words = f.path.ends_with("/word/document.xml") ? opening::docx_text(f.bytes, {}) : outcome<std::string>{std::string{}}; words && !words->empty()) {
        if (auto added = add(inside(f.path), std::string_view{*words}); !added)
          broken = added.error();
      } else if (auto added = add_file(inside(f.path), pieces_of(content)); !added) {
        broken = added.error();
      }
      return !broken && !out_.cut;
    });
    if (broken)
      return *broken;
    if (!all)
      return done; // a bomb, damaged, encrypted: what was read before stays
    for (auto& l : all->skipped)
      if (l.entry > 0 && !out_.cut)
        if (auto added = add_file(inside(l.path), pieces_of_entry(bytes, l.entry, with_.archive)); !added)
          return added;
    return done;
  }
  case_search::extracted_text finish() { return std::move(out_); }

private:
  const searchable_text_options& with_;
  case_search::extracted_text out_;
  std::size_t visuals_ = 0;
};

class stored_bytes final : public byte_source {
public:
  stored_bytes(blob_store_ptr blobs, std::string key, std::uint64_t size) : blobs_(std::move(blobs)), key_(std::move(key)), size_(size) {}
  std::uint64_t size() const override { return size_; }
  outcome<std::string> read(std::uint64_t offset, std::uint64_t length) const override { return offset >= size_ ? outcome<std::string>{std::string{}} : blobs_->read(key_, offset, std::min(length, size_ - offset)); }

private:
  blob_store_ptr blobs_;
  std::string key_;
  std::uint64_t size_;
};
} // namespace

outcome<case_search::extracted_text> searchable_text(std::string_view name, const byte_source& bytes, const searchable_text_options& options) {
  text_maker maker{options};
  const auto head = bytes.read(0, 1'024);
  if (!head)
    return head.error();
  auto added = outcome<done_t>{done};
  if (auto docx = opening::docx_in(bytes))
    added = maker.add({}, std::string_view{*docx});
  else
    added = opening::archive_kind(*head).empty() ? maker.add_file({}, pieces_of(bytes)) : maker.add_archive(name, bytes);
  if (!added)
    return added.error();
  return maker.finish();
}

case_search::text_extractor text_extractor_of(blob_store_ptr blobs, const searchable_text_options& options) {
  return [blobs = std::move(blobs), options](const case_file& f) { return searchable_text(f.name, stored_bytes{blobs, case_search::bytes_key(f, false), f.bytes}, options); };
}

} // namespace fm::app
