// libarchive with exactly the filters and formats that are built in: "all" would start programs for the exotic ones.
#include "actors/evidence/opening/archive.hpp"

#include "actors/evidence/extractors/extract.hpp"
#include "protocol/base/text.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

namespace fm::opening {
namespace {

constexpr std::uint64_t ratio_free_bytes = 1U << 20;
constexpr std::size_t skipped_max = 200;

struct closer {
  void operator()(struct archive* a) const { archive_read_free(a); }
};
using handle = std::unique_ptr<struct archive, closer>;

std::string safe_path(std::string_view raw) {
  std::string out;
  for (std::size_t at = 0; at <= raw.size();) {
    const auto end = std::min(raw.find_first_of("/\\", at), raw.size());
    const auto part = raw.substr(at, end - at);
    if (!part.empty() && part != "." && part != "..") {
      out += out.empty() ? "" : "/";
      for (char c : part)
        out += static_cast<unsigned char>(c) < 0x20 ? '_' : c;
    }
    at = end + 1;
  }
  out = to_valid_utf8(out.substr(0, 1'000));
  return out.empty() ? "unnamed" : out;
}

/// The archive's bytes for the library: pieces, and seeking for the index at a ZIP's end.
class feed {
public:
  explicit feed(const byte_source& source) : source_(source) {}
  feed(const feed&) = delete;
  feed& operator=(const feed&) = delete;

  int open(struct archive* a) {
    archive_read_set_read_callback(a, [](struct archive* self, void* f, const void** block) { return static_cast<feed*>(f)->read(self, block); });
    archive_read_set_seek_callback(a, [](struct archive*, void* f, la_int64_t offset, int whence) { return static_cast<feed*>(f)->seek(offset, whence); });
    archive_read_set_skip_callback(a, [](struct archive*, void* f, la_int64_t n) { return static_cast<feed*>(f)->skip(n); });
    archive_read_set_callback_data(a, this);
    return archive_read_open1(a);
  }

private:
  static constexpr std::uint64_t piece = 256U << 10;
  la_ssize_t read(struct archive* a, const void** block) {
    auto bytes = source_.read(at_, piece);
    if (!bytes) {
      archive_set_error(a, EIO, "%s", bytes.error().detail.c_str());
      return ARCHIVE_FATAL;
    }
    held_ = std::move(*bytes);
    at_ += held_.size();
    *block = held_.data();
    return static_cast<la_ssize_t>(held_.size());
  }
  la_int64_t seek(la_int64_t offset, int whence) {
    const auto from = whence == SEEK_SET ? 0 : static_cast<la_int64_t>(whence == SEEK_CUR ? at_ : source_.size());
    if (offset < -from || offset > static_cast<la_int64_t>(source_.size()) - from)
      return ARCHIVE_FATAL;
    at_ = static_cast<std::uint64_t>(from + offset);
    return from + offset;
  }
  la_int64_t skip(la_int64_t n) {
    const auto there = std::min<std::uint64_t>(static_cast<std::uint64_t>(std::max<la_int64_t>(n, 0)), source_.size() - std::min(at_, source_.size()));
    at_ += there;
    return static_cast<la_int64_t>(there);
  }

  const byte_source& source_;
  std::uint64_t at_ = 0;
  std::string held_;
};

struct archive* reader() {
  auto* a = archive_read_new();
  if (a == nullptr)
    return nullptr;
  archive_read_support_filter_none(a);
  archive_read_support_filter_gzip(a);
  archive_read_support_filter_zstd(a);
  archive_read_support_filter_bzip2(a);
  archive_read_support_filter_xz(a);
  archive_read_support_filter_lz4(a);
  return a;
}

outcome<std::string> beginning_of(const byte_source& source) { return source.read(0, 1'024); }

/// Whether a compressed stream is a tar. Asked here and not of the library, which takes a stream of zeros for an
/// empty one.
bool holds_tar(const byte_source& source) {
  handle a{reader()};
  if (!a)
    return false;
  archive_read_support_format_raw(a.get());
  struct archive_entry* entry = nullptr;
  char head[512] = {};
  feed in{source};
  return in.open(a.get()) == ARCHIVE_OK && archive_read_next_header(a.get(), &entry) == ARCHIVE_OK &&
         archive_read_data(a.get(), head, sizeof head) == static_cast<la_ssize_t>(sizeof head) && std::string_view{head + 257, 5} == "ustar";
}

/// Opened, at its first header. The feed must outlive it.
int begin(struct archive* a, const byte_source& source, feed& in, std::string_view kind) {
  if (kind == "zip")
    archive_read_support_format_zip(a);
  else if (kind == "tar" || holds_tar(source))
    archive_read_support_format_tar(a);
  else
    archive_read_support_format_raw(a);
  return in.open(a);
}

failure bomb(std::string detail) {
  auto f = make_failure(errc::too_large, std::move(detail) + " It is refused.");
  f.reason = "ARCHIVE_BOMB";
  return f;
}

/// What one reader gave against what it took; `total` is counted over all of an archive's.
class gauge {
public:
  gauge(const archive_limits& limits, std::uint64_t packed_bytes, std::uint64_t& total) : limits_(limits), packed_(std::max<std::uint64_t>(packed_bytes, 1)), total_(total) {}

  /// `end` is where the block ends in its entry: a sparse hole counts as if it were there.
  outcome<void> count(struct archive* a, std::uint64_t end, std::size_t size) {
    total_ += size;
    here_ += size;
    if (end > limits_.total_bytes_max || total_ > limits_.total_bytes_max)
      return bomb("The archive unpacks to more than " + std::to_string(limits_.total_bytes_max >> 20) + " MiB.");
    const auto consumed = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::max<la_int64_t>(archive_filter_bytes(a, -1), 0)), 1, packed_);
    if (here_ > ratio_free_bytes && static_cast<double>(here_) > limits_.ratio_max * static_cast<double>(consumed))
      return bomb("The archive unpacks to more than " + std::to_string(static_cast<int>(limits_.ratio_max)) + " times its size.");
    return {};
  }

private:
  const archive_limits& limits_;
  std::uint64_t packed_, here_ = 0;
  std::uint64_t& total_;
};

class unpacker {
public:
  unpacker(const archive_limits& limits, const std::function<bool(opened_file&&)>& take) : limits_(limits), take_(take) {}

  outcome<void> open(const std::string& path, const byte_source& source, std::size_t depth) {
    const auto head = beginning_of(source);
    if (!head)
      return head.error();
    handle a{reader()};
    if (!a)
      return make_failure(errc::internal, "The archive reader could not be made.");
    feed in{source};
    if (begin(a.get(), source, in, archive_kind(*head)) != ARCHIVE_OK)
      return broken(a.get(), path);
    gauge bounds{limits_, source.size(), out.unpacked_bytes};
    std::size_t entries = 0;
    struct archive_entry* entry = nullptr;
    while (!ended_) {
      const int r = archive_read_next_header(a.get(), &entry);
      if (r == ARCHIVE_EOF)
        break;
      if (r != ARCHIVE_OK && r != ARCHIVE_WARN) {
        if (entries > 0) { // what came before the damage is kept
          skip({path, "the archive is damaged after " + std::to_string(entries) + " entries"});
          return {};
        }
        return broken(a.get(), path);
      }
      ++entries;
      if (++seen_ > limits_.entries_max)
        return bomb("The archive has more than " + std::to_string(limits_.entries_max) + " entries.");
      const bool raw = archive_format(a.get()) == ARCHIVE_FORMAT_RAW;
      const char* stored = archive_entry_pathname(entry);
      const auto inner = raw ? name_unpacked(path) : path + "/" + safe_path(stored == nullptr ? "" : stored);
      if (!raw && archive_entry_filetype(entry) != AE_IFREG)
        continue; // directories hold nothing, links and devices are not followed
      if (archive_entry_is_data_encrypted(entry) == 1) {
        ++encrypted_;
        skip({inner, "it is encrypted"});
        continue;
      }
      if (archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0 && static_cast<std::uint64_t>(archive_entry_size(entry)) > limits_.total_bytes_max)
        return bomb("An entry says to hold " + std::to_string(archive_entry_size(entry)) + " bytes.");
      std::string content;
      std::uint64_t size = 0;
      auto read = fill(a.get(), bounds, content, size);
      if (!read)
        return read.error();
      if (*read == ending::too_large) {
        skip({inner, "it is larger than " + std::to_string(limits_.entry_bytes_max >> 20) + " MiB", depth == 0 ? entries : 0, size});
        continue;
      }
      if (*read == ending::damaged) {
        if (content.empty()) {
          skip({inner, "it is damaged"});
          continue;
        }
        skip({inner, "it is damaged after " + std::to_string(content.size()) + " bytes; what came before is kept"});
      }
      if (!archive_kind(content).empty() && !(raw && content.size() == source.size())) {
        if (depth + 1 >= limits_.depth_max) {
          skip({inner, "archives are nested deeper than " + std::to_string(limits_.depth_max) + " levels"});
          continue;
        }
        if (auto nested = open(inner, memory_source{content}, depth + 1); !nested) {
          if (nested.error().reason == "ARCHIVE_BOMB")
            return nested.error();
          skip({inner, nested.error().detail});
        }
        continue;
      }
      ++out.files;
      ended_ = !take_({inner, std::move(content)});
    }
    return {};
  }

  opened_summary out;
  std::size_t encrypted() const { return encrypted_; }

private:
  enum class ending { complete, too_large, damaged };

  outcome<ending> fill(struct archive* a, gauge& bounds, std::string& content, std::uint64_t& all) {
    bool large = false;
    for (;;) {
      const void* block = nullptr;
      std::size_t size = 0;
      la_int64_t offset = 0;
      const int r = archive_read_data_block(a, &block, &size, &offset);
      if (r == ARCHIVE_EOF)
        return large ? ending::too_large : ending::complete;
      if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
        return large ? ending::too_large : ending::damaged;
      const auto end = static_cast<std::uint64_t>(std::max<la_int64_t>(offset, 0)) + size;
      if (auto counted = bounds.count(a, end, size); !counted)
        return counted.error();
      all = end;
      if (large || end > limits_.entry_bytes_max) {
        large = true;
        content.clear();
        content.shrink_to_fit();
        continue;
      }
      if (content.size() < static_cast<std::uint64_t>(offset))
        content.resize(static_cast<std::size_t>(offset), '\0');
      content.append(static_cast<const char*>(block), size);
    }
  }

  static failure broken(struct archive* a, const std::string& path) {
    const char* why = archive_error_string(a);
    return make_failure(errc::invalid, "'" + path + "' is damaged or no archive" + (why == nullptr ? "." : ": " + to_valid_utf8(why).substr(0, 200) + "."));
  }
  void skip(left_out what) {
    if (out.skipped.size() < skipped_max)
      out.skipped.push_back(std::move(what));
  }

  const archive_limits& limits_;
  const std::function<bool(opened_file&&)>& take_;
  std::size_t seen_ = 0, encrypted_ = 0;
  bool ended_ = false;
};

} // namespace

std::string_view archive_kind(std::string_view bytes) noexcept {
  const auto magic = extractors::magic_of(bytes);
  for (const std::string_view kind : {"gzip", "zstd", "zip", "tar", "bzip2", "xz", "lz4", "7z", "rar"})
    if (magic == kind)
      return kind;
  return {};
}

std::string name_unpacked(std::string_view name) {
  const auto lower = ascii_lower(name);
  for (const std::string_view suffix : {".gz", ".zst", ".bz2", ".xz", ".lz4", ".z"})
    if (lower.size() > suffix.size() && lower.ends_with(suffix))
      return std::string{name.substr(0, name.size() - suffix.size())};
  if (lower.ends_with(".tgz"))
    return std::string{name.substr(0, name.size() - 4)} + ".tar";
  return std::string{name};
}

bool is_single_stream(const byte_source& archive) {
  const auto head = beginning_of(archive);
  if (!head)
    return false;
  const auto kind = archive_kind(*head);
  return !kind.empty() && kind != "zip" && kind != "tar" && kind != "7z" && kind != "rar" && !holds_tar(archive);
}

outcome<opened_summary> open_archive(std::string_view name, const byte_source& archive, const archive_limits& limits, const std::function<bool(opened_file&&)>& take) {
  const auto head = beginning_of(archive);
  if (!head)
    return head.error();
  const auto kind = archive_kind(*head);
  if (kind.empty())
    return make_failure(errc::unsupported_media_type, "The content is no archive.");
  if (kind == "7z" || kind == "rar")
    return make_failure(errc::unsupported_media_type, "Archives of the kind " + std::string{kind} + " are not opened; zip, tar, gzip, zstd, bzip2, xz and lz4 are.");
  unpacker u{limits, take};
  if (auto r = u.open(safe_path(name), archive, 0); !r)
    return r.error();
  if (u.out.files == 0 && u.encrypted() > 0)
    return make_failure(errc::unsupported_media_type, "Every file in the archive is encrypted.");
  return std::move(u.out);
}

outcome<opened> open_archive(std::string_view name, std::string_view bytes, const archive_limits& limits) {
  opened out;
  auto all = open_archive(name, memory_source{bytes}, limits, [&](opened_file&& f) {
    out.files.push_back(std::move(f));
    return true;
  });
  if (!all)
    return all.error();
  out.skipped = std::move(all->skipped);
  out.unpacked_bytes = all->unpacked_bytes;
  return out;
}

struct entry_reader::state {
  state(const byte_source& source, std::size_t entry, const archive_limits& bounds) : archive(source), left(entry), limits(bounds), in(source), allowed(limits, source.size(), total) {}
  const byte_source& archive;
  std::size_t left; ///< entries up to and with ours
  archive_limits limits;
  feed in;
  std::uint64_t total = 0;
  gauge allowed;
  handle a;
  std::uint64_t at = 0, holes = 0;
  std::string_view block; ///< what comes after the holes
  std::string zeros;

  failure damaged() {
    const char* why = archive_error_string(a.get());
    return make_failure(errc::invalid, "The archive is damaged after " + std::to_string(total) + " unpacked bytes" + (why == nullptr ? "." : ": " + to_valid_utf8(why).substr(0, 200) + "."));
  }
  outcome<void> seek() {
    const auto head = beginning_of(archive);
    if (!head)
      return head.error();
    a.reset(reader());
    if (!a)
      return make_failure(errc::internal, "The archive reader could not be made.");
    if (begin(a.get(), archive, in, archive_kind(*head)) != ARCHIVE_OK)
      return damaged();
    struct archive_entry* entry = nullptr;
    for (; left > 0; --left)
      if (const int r = archive_read_next_header(a.get(), &entry); r != ARCHIVE_OK && r != ARCHIVE_WARN)
        return damaged();
    return {};
  }
};

entry_reader::entry_reader(const byte_source& archive, std::size_t entry, const archive_limits& limits) : state_(std::make_unique<state>(archive, entry, limits)) {}
entry_reader::~entry_reader() = default;

std::uint64_t entry_reader::packed_bytes() const { return state_->a ? static_cast<std::uint64_t>(std::max<la_int64_t>(archive_filter_bytes(state_->a.get(), -1), 0)) : 0; }

outcome<std::string_view> entry_reader::next() {
  auto& s = *state_;
  if (!s.a)
    if (auto found = s.seek(); !found)
      return found.error();
  for (;;) {
    if (s.holes > 0) {
      s.zeros.assign(std::min<std::uint64_t>(s.holes, 64U << 10), '\0');
      s.holes -= s.zeros.size();
      return std::string_view{s.zeros};
    }
    if (!s.block.empty())
      return std::exchange(s.block, {});
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    const int r = archive_read_data_block(s.a.get(), &block, &size, &offset);
    if (r == ARCHIVE_EOF)
      return std::string_view{};
    if (r != ARCHIVE_OK && r != ARCHIVE_WARN)
      return s.damaged();
    const auto begin = static_cast<std::uint64_t>(std::max<la_int64_t>(offset, 0));
    if (auto counted = s.allowed.count(s.a.get(), begin + size, size); !counted)
      return counted.error();
    s.holes = begin - std::min(begin, s.at);
    s.at = std::max(s.at, begin + size);
    s.block = {static_cast<const char*>(block), size};
  }
}

} // namespace fm::opening
