// The keys of blobs, and the bytes of small ones, in a database file of their own: a row instead of a file or two, and one
// flush instead of four. The file store (storage/filesystem) keeps large blobs beside it.
//
// Threading: callable from any thread; changes come one after the other, reads do not wait for them.
// Success: what put() and remove() changed survives a power cut when `flush` was on, and a crash of the process otherwise.
// Failure: unavailable, and nothing changed.
#pragma once

#include "storage/ports/blob_store.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fm::sqlite {

class blob_table {
public:
  virtual ~blob_table() = default;
  /// Shows every key once, in no order; `inside`: its bytes are here.
  virtual outcome<done_t> each(const std::function<void(blob_info&& info, bool inside)>& show) const = 0;
  /// Sets what stands under `info.key`; `bytes`: of a blob that is kept here, nothing for one that is not.
  virtual outcome<done_t> put(const blob_info& info, std::optional<std::string_view> bytes) = 0;
  /// Adds those that are not there yet, all or none: blobs that are not kept here.
  virtual outcome<done_t> add_missing(std::span<const blob_info> infos) = 0;
  virtual outcome<done_t> remove(std::string_view key) = 0;
  /// The whole bytes of a blob that is kept here; not_found otherwise.
  virtual outcome<std::string> read(std::string_view key) const = 0;
};
using blob_table_ptr = std::unique_ptr<blob_table>;

/// Opens or makes the file.
outcome<blob_table_ptr> open_blob_table(const std::string& path, bool flush);

} // namespace fm::sqlite
