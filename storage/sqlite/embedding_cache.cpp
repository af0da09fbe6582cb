// One row a vector; the row's number is the order in which they came.
#include "storage/sqlite/embedding_cache.hpp"

#include "protocol/base/logging.hpp"

#include <bit>
#include <cstring>
#include <filesystem>
#include <mutex>

namespace fm::sqlite {
namespace {
static_assert(std::endian::native == std::endian::little, "vectors are stored as the machine has them");

class sqlite_cache final : public embedding_cache {
public:
  sqlite_cache(const open_options& options, std::uint64_t bytes_max) : c_(options), bytes_max_(bytes_max) {
    // A cache has no migrations: another shape would be another table, and this one dropped.
    c_.execute("CREATE TABLE IF NOT EXISTS embeddings (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, vector BLOB NOT NULL)");
    auto s = c_.prepare("SELECT coalesce(sum(length(vector)), 0) FROM embeddings");
    s.step();
    bytes_ = static_cast<std::uint64_t>(s.integer(0));
  }

  outcome<std::vector<std::vector<float>>> get(std::span<const std::string> keys) override {
    return guarded([&]() -> outcome<std::vector<std::vector<float>>> {
      std::vector<std::vector<float>> out(keys.size());
      for (std::size_t i = 0; i < keys.size(); ++i) {
        auto s = c_.prepare("SELECT vector FROM embeddings WHERE key = ?");
        if (!s.bind(1, keys[i]).step())
          continue;
        const auto bytes = s.blob(0);
        if (bytes.empty() || bytes.size() % sizeof(float) != 0)
          continue;
        out[i].resize(bytes.size() / sizeof(float));
        std::memcpy(out[i].data(), bytes.data(), bytes.size());
      }
      return out;
    });
  }

  outcome<done_t> put(std::span<const cached_embedding> entries) override {
    return guarded([&]() -> outcome<done_t> {
      auto bytes = bytes_;
      transaction t{c_};
      for (auto& e : entries) {
        const auto size = e.vector.size() * sizeof(float);
        c_.prepare("INSERT OR IGNORE INTO embeddings (key, vector) VALUES (?, ?)").bind(1, e.key).bind_blob(2, e.vector.data(), size).run();
        bytes += c_.changes() > 0 ? size : 0;
      }
      while (bytes > bytes_max_) {
        std::int64_t id = 0;
        {
          auto s = c_.prepare("SELECT id, length(vector) FROM embeddings ORDER BY id LIMIT 1");
          if (!s.step())
            break;
          id = s.integer(0);
          bytes -= std::min(bytes, static_cast<std::uint64_t>(s.integer(1)));
        }
        c_.prepare("DELETE FROM embeddings WHERE id = ?").bind(1, id).run();
      }
      t.commit();
      bytes_ = bytes;
      return done;
    });
  }

  outcome<std::uint64_t> size() override {
    return guarded([&]() -> outcome<std::uint64_t> {
      auto s = c_.prepare("SELECT count(*) FROM embeddings");
      s.step();
      return static_cast<std::uint64_t>(s.integer(0));
    });
  }

private:
  template <class F>
  auto guarded(F f) -> decltype(f()) {
    std::lock_guard lock{mutex_};
    try {
      return f();
    } catch (const error& e) {
      return to_failure(e);
    }
  }

  std::mutex mutex_;
  connection c_;
  std::uint64_t bytes_max_, bytes_ = 0;
};
} // namespace

outcome<embedding_cache_ptr> open_embedding_cache(const open_options& options, std::uint64_t bytes_max) {
  for (bool again = false;; again = true) {
    try {
      return std::make_shared<sqlite_cache>(options, bytes_max);
    } catch (const error& e) {
      if (again)
        return cannot_open(options, e);
      log::warn("sqlite", "the cache of embeddings is begun anew: " + cannot_open(options, e).detail);
      std::error_code ignored;
      for (const char* part : {"", "-wal", "-shm"})
        std::filesystem::remove(options.path + part, ignored);
    }
  }
}

} // namespace fm::sqlite
