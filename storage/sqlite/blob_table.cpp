// Keys and bytes in two tables, so that a walk over all keys does not read the bytes.
#include "storage/sqlite/blob_table.hpp"

#include "storage/sqlite/migrations.hpp"
#include "storage/sqlite/reader_pool.hpp"
#include "storage/sqlite/rows.hpp"

#include <mutex>

namespace fm::sqlite {
namespace {
constexpr std::size_t readers_max = 8;

class sqlite_blob_table final : public blob_table {
public:
  explicit sqlite_blob_table(const open_options& file) : c_(file), readers_(file, readers_max, [](connection&) {}) {
    c_.execute("PRAGMA wal_autocheckpoint = 256"); // often and little: who writes here works behind what people wait for
    migrate(c_, blob_migrations());
  }

  outcome<done_t> each(const std::function<void(blob_info&&, bool)>& show) const override {
    return readers_.read([&](connection& c) -> outcome<done_t> {
      auto s = c.prepare("SELECT key, sha256, size, content_type, stored_at, EXISTS (SELECT 1 FROM blob_bytes b WHERE b.id = blobs.id) FROM blobs");
      while (s.step()) {
        blob_info i;
        i.key = s.string(0);
        i.sha256 = s.string(1);
        i.size = static_cast<std::uint64_t>(s.integer(2));
        i.content_type = s.string(3);
        i.stored_at = from_ms(s.integer(4));
        show(std::move(i), s.integer(5) != 0);
      }
      return done;
    });
  }

  outcome<done_t> put(const blob_info& info, std::optional<std::string_view> bytes) override {
    return change([&] {
      run_with(info, "INSERT INTO blobs (key, sha256, size, content_type, stored_at) VALUES (?1, ?2, ?3, ?4, ?5) "
                     "ON CONFLICT (key) DO UPDATE SET sha256 = ?2, size = ?3, content_type = ?4, stored_at = ?5");
      if (bytes)
        c_.prepare("INSERT OR REPLACE INTO blob_bytes (id, bytes) SELECT id, ?2 FROM blobs WHERE key = ?1").bind(1, info.key).bind_blob(2, bytes->data() ? bytes->data() : "", bytes->size()).run();
      else
        drop_bytes(info.key);
    });
  }

  outcome<done_t> add_missing(std::span<const blob_info> infos) override {
    return change([&] {
      for (auto& i : infos)
        run_with(i, "INSERT OR IGNORE INTO blobs (key, sha256, size, content_type, stored_at) VALUES (?, ?, ?, ?, ?)");
    });
  }

  outcome<done_t> remove(std::string_view key) override {
    return change([&] {
      drop_bytes(key);
      c_.prepare("DELETE FROM blobs WHERE key = ?").bind(1, key).run();
    });
  }

  outcome<std::string> read(std::string_view key) const override {
    return readers_.read([&](connection& c) -> outcome<std::string> {
      auto s = c.prepare("SELECT bytes FROM blob_bytes JOIN blobs USING (id) WHERE key = ?");
      if (!s.bind(1, key).step())
        return make_failure(errc::not_found, "There are no bytes under this key.");
      return std::string{s.blob(0)};
    });
  }

private:
  void run_with(const blob_info& i, const char* sql) {
    c_.prepare(sql).bind(1, i.key).bind(2, i.sha256).bind(3, static_cast<std::int64_t>(i.size)).bind(4, i.content_type).bind(5, to_ms(i.stored_at)).run();
  }
  void drop_bytes(std::string_view key) { c_.prepare("DELETE FROM blob_bytes WHERE id = (SELECT id FROM blobs WHERE key = ?)").bind(1, key).run(); }

  template <class F>
  outcome<done_t> change(F f) {
    std::lock_guard lock{mutex_};
    try {
      transaction t{c_};
      f();
      t.commit();
      return done;
    } catch (const error& e) {
      return to_failure(e);
    }
  }

  std::mutex mutex_;
  connection c_;
  mutable reader_pool readers_;
};
} // namespace

outcome<blob_table_ptr> open_blob_table(const std::string& path, bool flush) {
  open_options file;
  file.path = path;
  file.synchronous_full = flush;
  file.cache_kib = 2'048;
  try {
    return blob_table_ptr{std::make_unique<sqlite_blob_table>(file)};
  } catch (const error& e) {
    return cannot_open(file, e);
  }
}

} // namespace fm::sqlite
