// Small blobs in one call, over the blob store's port.
#pragma once

#include "storage/ports/blob_store.hpp"

#include <string>
#include <string_view>

namespace fm {

/// The whole blob; too_large above `bytes_max`.
inline outcome<std::string> read_blob(const blob_store& blobs, std::string_view key, std::uint64_t bytes_max) {
  auto info = blobs.stat(key);
  if (!info)
    return info.error();
  if (info->size > bytes_max)
    return make_failure(errc::too_large, "What is stored under " + std::string{key} + " is larger than it may be.");
  return blobs.read(key, 0, info->size);
}

/// Durable and visible when it is answered; on a failure what stood there before stays.
inline outcome<done_t> write_blob(blob_store& blobs, std::string_view key, std::string_view type, std::string_view bytes) {
  auto writer = blobs.put(key, type);
  if (!writer)
    return writer.error();
  constexpr std::size_t piece = 1U << 20;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    if (auto w = (*writer)->write(bytes.substr(at, piece)); !w)
      return w.error();
  if (auto f = (*writer)->finish(); !f)
    return f.error();
  return done;
}

/// Calls f(info) for every blob under `prefix`, in order of the key, until it returns a failure.
template <class F>
outcome<done_t> each_blob(const blob_store& blobs, std::string_view prefix, F f) {
  std::string after;
  for (;;) {
    auto page = blobs.list(prefix, after, 1'000);
    if (!page)
      return page.error();
    for (auto& blob : page->blobs) {
      after = blob.key;
      if (outcome<done_t> r = f(blob); !r)
        return r.error();
    }
    if (!page->more)
      return done;
  }
}

} // namespace fm
