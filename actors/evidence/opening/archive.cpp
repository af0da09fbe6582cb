// libarchive with exactly the filters and formats that are built in: "all" would start programs for the exotic ones.
#include "actors/evidence/opening/archive.hpp"

#include "actors/evidence/extractors/extract.hpp"
#include "protocol/base/text.hpp"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>

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

std::string without_suffix(std::string_view name) {
  const auto lower = ascii_lower(name);
  for (const std::string_view suffix : {".gz", ".zst", ".bz2", ".xz", ".lz4", ".z"})
    if (lower.size() > suffix.size() && lower.ends_with(suffix))
      return std::string{name.substr(0, name.size() - suffix.size())};
  if (lower.ends_with(".tgz"))
    return std::string{name.substr(0, name.size() - 4)} + ".tar";
  return std::string{name};
}

class unpacker {
public:
  explicit unpacker(const archive_limits& limits) : limits_(limits) {}

  outcome<void> open(const std::string& path, std::string_view bytes, std::size_t depth) {
    const auto kind = archive_kind(bytes);
    handle a{reader()};
    if (!a)
      return make_failure(errc::internal, "The archive reader could not be made.");
    if (kind == "zip")
      archive_read_support_format_zip(a.get());
    else if (kind == "tar" || holds_tar(bytes))
      archive_read_support_format_tar(a.get());
    else
      archive_read_support_format_raw(a.get());
    if (archive_read_open_memory(a.get(), bytes.data(), bytes.size()) != ARCHIVE_OK)
      return broken(a.get(), path);
    std::size_t entries = 0;
    struct archive_entry* entry = nullptr;
    for (;;) {
      const int r = archive_read_next_header(a.get(), &entry);
      if (r == ARCHIVE_EOF)
        break;
      if (r != ARCHIVE_OK && r != ARCHIVE_WARN) {
        if (entries > 0) { // what came before the damage is kept
          skip(path, "the archive is damaged after " + std::to_string(entries) + " entries");
          return {};
        }
        return broken(a.get(), path);
      }
      ++entries;
      if (++seen_ > limits_.entries_max)
        return bomb("The archive has more than " + std::to_string(limits_.entries_max) + " entries.");
      const bool raw = archive_format(a.get()) == ARCHIVE_FORMAT_RAW;
      const char* stored = archive_entry_pathname(entry);
      const auto inner = raw ? without_suffix(path) : path + "/" + safe_path(stored == nullptr ? "" : stored);
      if (!raw && archive_entry_filetype(entry) != AE_IFREG)
        continue; // directories hold nothing, links and devices are not followed
      if (archive_entry_is_data_encrypted(entry) == 1) {
        ++encrypted_;
        skip(inner, "it is encrypted");
        continue;
      }
      if (archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0 && static_cast<std::uint64_t>(archive_entry_size(entry)) > limits_.total_bytes_max)
        return bomb("An entry says to hold " + std::to_string(archive_entry_size(entry)) + " bytes.");
      std::string content;
      auto read = fill(a.get(), bytes.size(), content);
      if (!read)
        return read.error();
      if (*read == ending::too_large) {
        skip(inner, "it is larger than " + std::to_string(limits_.entry_bytes_max >> 20) + " MiB");
        continue;
      }
      if (*read == ending::damaged) {
        if (content.empty()) {
          skip(inner, "it is damaged");
          continue;
        }
        skip(inner, "it is damaged after " + std::to_string(content.size()) + " bytes; what came before is kept");
      }
      if (!archive_kind(content).empty() && !(raw && content.size() == bytes.size())) {
        if (depth + 1 >= limits_.depth_max) {
          skip(inner, "archives are nested deeper than " + std::to_string(limits_.depth_max) + " levels");
          continue;
        }
        if (auto nested = open(inner, content, depth + 1); !nested) {
          if (nested.error().reason == "ARCHIVE_BOMB")
            return nested.error();
          skip(inner, nested.error().detail);
        }
        continue;
      }
      out.files.push_back({inner, std::move(content)});
    }
    return {};
  }

  opened out;
  std::size_t encrypted() const { return encrypted_; }

private:
  static struct archive* reader() {
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
  /// Whether a compressed stream is a tar. Asked here and not of the library, which takes a stream of zeros for an
  /// empty one.
  static bool holds_tar(std::string_view bytes) {
    handle a{reader()};
    if (!a)
      return false;
    archive_read_support_format_raw(a.get());
    struct archive_entry* entry = nullptr;
    char head[512] = {};
    return archive_read_open_memory(a.get(), bytes.data(), bytes.size()) == ARCHIVE_OK && archive_read_next_header(a.get(), &entry) == ARCHIVE_OK &&
           archive_read_data(a.get(), head, sizeof head) == static_cast<la_ssize_t>(sizeof head) && std::string_view{head + 257, 5} == "ustar";
  }

  enum class ending { complete, too_large, damaged };

  outcome<ending> fill(struct archive* a, std::size_t packed, std::string& content) {
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
      // A sparse hole counts as if it were there.
      const auto end = static_cast<std::uint64_t>(std::max<la_int64_t>(offset, 0)) + size;
      if (end > limits_.total_bytes_max)
        return bomb("The archive unpacks to more than " + std::to_string(limits_.total_bytes_max >> 20) + " MiB.");
      out.unpacked_bytes += size;
      if (out.unpacked_bytes > limits_.total_bytes_max)
        return bomb("The archive unpacks to more than " + std::to_string(limits_.total_bytes_max >> 20) + " MiB.");
      const auto consumed = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(std::max<la_int64_t>(archive_filter_bytes(a, -1), 0)), 1, std::max<std::size_t>(packed, 1));
      if (out.unpacked_bytes > ratio_free_bytes && static_cast<double>(out.unpacked_bytes) > limits_.ratio_max * static_cast<double>(consumed))
        return bomb("The archive unpacks to more than " + std::to_string(static_cast<int>(limits_.ratio_max)) + " times its size.");
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

  static failure bomb(std::string detail) { return make_conflict_like("ARCHIVE_BOMB", std::move(detail)); }
  static failure make_conflict_like(std::string reason, std::string detail) {
    auto f = make_failure(errc::too_large, std::move(detail) + " It is refused.");
    f.reason = std::move(reason);
    return f;
  }
  static failure broken(struct archive* a, const std::string& path) {
    const char* why = archive_error_string(a);
    return make_failure(errc::invalid, "'" + path + "' is damaged or no archive" + (why == nullptr ? "." : ": " + to_valid_utf8(why).substr(0, 200) + "."));
  }
  void skip(std::string path, std::string why) {
    if (out.skipped.size() < skipped_max)
      out.skipped.push_back({std::move(path), std::move(why)});
  }

  const archive_limits& limits_;
  std::size_t seen_ = 0, encrypted_ = 0;
};

} // namespace

std::string_view archive_kind(std::string_view bytes) noexcept {
  const auto magic = extractors::magic_of(bytes);
  for (const std::string_view kind : {"gzip", "zstd", "zip", "tar", "bzip2", "xz", "lz4", "7z", "rar"})
    if (magic == kind)
      return kind;
  return {};
}

outcome<opened> open_archive(std::string_view name, std::string_view bytes, const archive_limits& limits) {
  const auto kind = archive_kind(bytes);
  if (kind.empty())
    return make_failure(errc::unsupported_media_type, "The content is no archive.");
  if (kind == "7z" || kind == "rar")
    return make_failure(errc::unsupported_media_type, "Archives of the kind " + std::string{kind} + " are not opened; zip, tar, gzip, zstd, bzip2, xz and lz4 are.");
  unpacker u{limits};
  if (auto r = u.open(safe_path(name), bytes, 0); !r)
    return r.error();
  if (u.out.files.empty() && u.encrypted() > 0)
    return make_failure(errc::unsupported_media_type, "Every file in the archive is encrypted.");
  return std::move(u.out);
}

} // namespace fm::opening
