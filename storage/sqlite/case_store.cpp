// The store over its connections: one writer under a mutex, readers from the pool, and one place where SQLite's
// complaints become failures.
#include "storage/sqlite/case_store.hpp"

#include "storage/codec/codec.hpp"
#include "storage/codec/log_walk.hpp"
#include "storage/codec/projection.hpp"
#include "storage/sqlite/case_list.hpp"
#include "storage/sqlite/case_search.hpp"
#include "storage/sqlite/checkpointer.hpp"
#include "storage/sqlite/commit_writer.hpp"
#include "storage/sqlite/migrations.hpp"
#include "storage/sqlite/reader_pool.hpp"
#include "storage/sqlite/rows.hpp"

#include <algorithm>
#include <mutex>

namespace fm::sqlite {
namespace {

constexpr std::size_t events_a_page_max = 10'000;
constexpr std::size_t items_a_page_max = 1'000;
constexpr std::size_t offset_max = 1U << 30;

class sqlite_case_store final : public case_store {
public:
  explicit sqlite_case_store(const store_options& options)
      : writer_(options.file), pool_(options.file, options.readers, register_case_set) {
    migrate(writer_, case_migrations());
    checkpointer_.emplace(writer_, options.file);
  }

  std::vector<outcome<sequence>> commit(std::span<const case_commit> items) override {
    std::lock_guard lock{writer_mutex_};
    try {
      return write_all(items);
    } catch (const error& e) {
      if ((e.code & 0xff) != SQLITE_CONSTRAINT)
        return fault_of(items, e);
    }
    // Some item repeats a turn that is stored. Rare enough to write the batch again, each item on its own feet.
    try {
      return write_each(items);
    } catch (const error& e) {
      return fault_of(items, e);
    }
  }

  outcome<std::uint64_t> compact(const case_id& id, sequence upto) override {
    std::lock_guard lock{writer_mutex_};
    try {
      transaction t{writer_};
      std::int64_t num = 0;
      sequence from = 0;
      {
        auto s = writer_.prepare("SELECT num, compacted, seq FROM case_heads WHERE case_id = ?");
        if (!s.bind(1, id.value).step())
          return std::uint64_t{0};
        num = s.integer(0);
        from = static_cast<sequence>(s.integer(1));
        upto = std::min(upto, static_cast<sequence>(s.integer(2)));
      }
      if (upto <= from)
        return std::uint64_t{0};
      stored::compaction walk;
      std::vector<sequence> droppable;
      {
        auto s = writer_.prepare("SELECT id, kind, data, version FROM case_events WHERE id > ? AND id <= ? AND data IS "
                                 "NOT NULL AND kind IN ('turn_delta','turn_completed','turn_cancelled','turn_failed') "
                                 "ORDER BY id");
        s.bind(1, event_key(num, from)).bind(2, event_key(num, upto));
        while (s.step()) {
          const auto data = stored::decode_event(s.text(1), s.text(2), static_cast<int>(s.integer(3)));
          if (!data)
            return data.error();
          walk.feed(seq_of(s.integer(0)), *data, [&](sequence seq) { droppable.push_back(seq); });
        }
      }
      for (auto seq : droppable)
        writer_.prepare("UPDATE case_events SET data = NULL WHERE id = ?").bind(1, event_key(num, seq)).run();
      writer_.prepare("UPDATE case_heads SET compacted = ? WHERE num = ?")
          .bind(1, static_cast<std::int64_t>(walk.settled(upto)))
          .bind(2, num)
          .run();
      t.commit();
      return static_cast<std::uint64_t>(droppable.size());
    } catch (const error& e) {
      return to_failure(e);
    }
  }

  outcome<done_t> purge(const case_id& id) override {
    std::lock_guard lock{writer_mutex_};
    try {
      transaction t{writer_};
      const auto num = number_of(writer_, id);
      if (num == 0)
        return stored::no_such_case();
      {
        auto s = writer_.prepare("SELECT id, content FROM case_messages WHERE id >= ? AND id < ?");
        s.bind(1, item_key(num, 0)).bind(2, item_key(num + 1, 0));
        while (s.step())
          unindex_message(writer_, s.integer(0), s.text(1));
      }
      {
        auto s = writer_.prepare("SELECT title, description FROM cases WHERE num = ?");
        if (s.bind(1, num).step())
          unindex_case(writer_, num, s.text(0), s.text(1));
      }
      for (auto* sql : {"DELETE FROM case_messages WHERE id >= ? AND id < ?", "DELETE FROM case_turns WHERE id >= ? AND id < ?"})
        writer_.prepare(sql).bind(1, item_key(num, 0)).bind(2, item_key(num + 1, 0)).run();
      writer_.prepare("DELETE FROM case_events WHERE id > ? AND id <= ?")
          .bind(1, event_key(num, 0))
          .bind(2, last_event_key(num))
          .run();
      for (auto* sql : {"DELETE FROM cases WHERE num = ?", "DELETE FROM case_heads WHERE num = ?",
                        "DELETE FROM case_tags WHERE num = ?", "DELETE FROM case_participants WHERE num = ?",
                        "DELETE FROM case_status_transitions WHERE num = ?"})
        writer_.prepare(sql).bind(1, num).run();
      t.commit();
      return done;
    } catch (const error& e) {
      return to_failure(e);
    }
  }

  outcome<loaded_case> load(const case_id& id) const override {
    return pool_.read([&](connection& c) -> outcome<loaded_case> {
      // One snapshot for the record, the head and the turns.
      read_transaction snapshot{c};
      loaded_case l;
      std::int64_t num = 0;
      {
        auto s = c.prepare("SELECT h.num, h.seq, c.record FROM case_heads h JOIN cases c USING (num) WHERE h.case_id = ?");
        if (!s.bind(1, id.value).step())
          return stored::no_such_case();
        num = s.integer(0);
        l.seq = static_cast<sequence>(s.integer(1));
        auto record = stored::decode_record(s.text(2));
        if (!record)
          return record.error();
        l.record = std::move(*record);
      }
      auto s = c.prepare_dynamic(
          turns_where("t.num = ? AND t.status IN ('queued','running','interrupted') ORDER BY t.id"));
      s.bind(1, num);
      while (s.step()) {
        auto t = turn_from(s, id);
        if (t.status != turn_status::queued) {
          auto text = partial_text(c, s);
          if (!text)
            return text.error();
          t.partial = std::move(*text);
        }
        l.unfinished.push_back(std::move(t));
      }
      return l;
    });
  }

  outcome<case_record> get(const case_id& id) const override {
    return pool_.read([&](connection& c) -> outcome<case_record> {
      auto s = c.prepare("SELECT record FROM cases WHERE case_id = ?");
      if (!s.bind(1, id.value).step())
        return stored::no_such_case();
      return stored::decode_record(s.text(0));
    });
  }

  outcome<case_page> list(const case_query& q) const override {
    return pool_.read([&](connection& c) { return list_cases(c, q); });
  }

  outcome<event_page> events(const case_id& id, sequence after, std::size_t limit, std::size_t bytes) const override {
    return pool_.read([&](connection& c) -> outcome<event_page> {
      read_transaction snapshot{c};
      event_page page;
      limit = std::clamp<std::size_t>(limit, 1, events_a_page_max);
      std::int64_t num = 0;
      {
        auto s = c.prepare("SELECT num, seq FROM case_heads WHERE case_id = ?");
        if (!s.bind(1, id.value).step())
          return stored::no_such_case();
        num = s.integer(0);
        page.head = static_cast<sequence>(s.integer(1));
      }
      page.covered = std::min(after, page.head);
      if (after >= page.head)
        return page;
      auto s = c.prepare("SELECT id, kind, at, actor_id, actor_name, data, version FROM case_events WHERE id > ? AND "
                         "id <= ? AND data IS NOT NULL ORDER BY id LIMIT ?");
      s.bind(1, event_key(num, after))
          .bind(2, event_key(num, page.head))
          .bind(3, static_cast<std::int64_t>(limit));
      std::size_t used = 0, n = 0;
      bool cut = false;
      while (s.step()) {
        if (n > 0 && used + s.text(5).size() > bytes) {
          cut = true;
          break;
        }
        used += s.text(5).size() + 128;
        auto e = event_from(s, id);
        if (!e)
          return e.error();
        page.covered = (*e)->seq;
        page.events.push_back(std::move(*e));
        ++n;
      }
      // The end of the log was reached: whatever is missing behind the last event was compacted away.
      if (!cut && n < limit)
        page.covered = page.head;
      return page;
    });
  }

  outcome<message_page> messages(const case_id& id, std::size_t offset, std::size_t limit, bool newest) const override {
    return pool_.read([&](connection& c) -> outcome<message_page> {
      read_transaction snapshot{c};
      const auto num = number_of(c, id);
      if (num == 0)
        return stored::no_such_case();
      message_page page;
      {
        auto s = c.prepare("SELECT count(*) FROM case_messages WHERE id >= ? AND id < ?");
        s.bind(1, item_key(num, 0)).bind(2, item_key(num + 1, 0)).step();
        page.total = static_cast<std::uint64_t>(s.integer(0));
      }
      auto s = newest ? c.prepare("SELECT message_id, turn_number, message_type, role, author_id, author_name, content, "
                                  "metadata, created_at FROM case_messages WHERE id >= ? AND id < ? ORDER BY id DESC "
                                  "LIMIT ? OFFSET ?")
                      : c.prepare("SELECT message_id, turn_number, message_type, role, author_id, author_name, content, "
                                  "metadata, created_at FROM case_messages WHERE id >= ? AND id < ? ORDER BY id "
                                  "LIMIT ? OFFSET ?");
      s.bind(1, item_key(num, 0))
          .bind(2, item_key(num + 1, 0))
          .bind(3, static_cast<std::int64_t>(std::min(limit, items_a_page_max)))
          .bind(4, static_cast<std::int64_t>(std::min(offset, offset_max)));
      while (s.step())
        page.messages.push_back(message_from(s, id));
      if (newest)
        std::reverse(page.messages.begin(), page.messages.end());
      return page;
    });
  }

  outcome<turn_page> turns(const case_id& id, std::size_t offset, std::size_t limit) const override {
    return pool_.read([&](connection& c) -> outcome<turn_page> {
      read_transaction snapshot{c};
      const auto num = number_of(c, id);
      if (num == 0)
        return stored::no_such_case();
      turn_page page;
      {
        auto s = c.prepare("SELECT count(*) FROM case_turns WHERE id >= ? AND id < ?");
        s.bind(1, item_key(num, 0)).bind(2, item_key(num + 1, 0)).step();
        page.total = static_cast<std::uint64_t>(s.integer(0));
      }
      auto s = c.prepare_dynamic(turns_where("t.id >= ? AND t.id < ? ORDER BY t.id LIMIT ? OFFSET ?"));
      s.bind(1, item_key(num, 0))
          .bind(2, item_key(num + 1, 0))
          .bind(3, static_cast<std::int64_t>(std::min(limit, items_a_page_max)))
          .bind(4, static_cast<std::int64_t>(std::min(offset, offset_max)));
      while (s.step())
        page.turns.push_back(turn_from(s, id));
      return page;
    });
  }

  outcome<turn> find_turn(const case_id& id, const turn_id& wanted) const override {
    return find_turn_where(id, "t.num = ? AND t.turn_id = ?", wanted.value);
  }
  outcome<turn> find_turn(const case_id& id, const client_turn_id& wanted) const override {
    return find_turn_where(id, "t.num = ? AND t.client_turn_id = ?", wanted.value);
  }

  outcome<std::vector<case_id>> with_unfinished_turns(std::size_t limit) const override {
    return pool_.read([&](connection& c) -> outcome<std::vector<case_id>> {
      std::vector<case_id> ids;
      auto s = c.prepare("SELECT case_id FROM case_heads WHERE num IN (SELECT num FROM case_turns "
                         "WHERE status IN ('queued','running','interrupted')) ORDER BY num LIMIT ?");
      s.bind(1, static_cast<std::int64_t>(std::min(limit, offset_max)));
      while (s.step())
        ids.emplace_back(s.string(0));
      return ids;
    });
  }

  outcome<std::uint64_t> open_cases_of(const user_id& owner) const override {
    return pool_.read([&](connection& c) -> outcome<std::uint64_t> {
      auto s = c.prepare("SELECT count(*) FROM cases WHERE user_id = ? AND status IN ('consulting','investigating') "
                         "AND deleted = 0");
      s.bind(1, owner.value).step();
      return static_cast<std::uint64_t>(s.integer(0));
    });
  }

  outcome<std::vector<log_head>> heads(std::int64_t after, std::size_t limit) const override {
    return pool_.read([&](connection& c) -> outcome<std::vector<log_head>> {
      std::vector<log_head> all;
      auto s = c.prepare("SELECT num, case_id, seq, hash FROM case_heads WHERE num > ? ORDER BY num LIMIT ?");
      s.bind(1, after).bind(2, static_cast<std::int64_t>(std::clamp<std::size_t>(limit, 1, events_a_page_max)));
      while (s.step())
        all.push_back({s.integer(0), case_id{s.string(1)}, static_cast<sequence>(s.integer(2)), digest_of(s.blob(3))});
      return all;
    });
  }

  outcome<std::vector<stored_event>> stored_events(const case_id& id, sequence after, std::size_t limit, std::size_t bytes) const override {
    return pool_.read([&](connection& c) -> outcome<std::vector<stored_event>> {
      read_transaction snapshot{c};
      const auto num = number_of(c, id);
      if (num == 0)
        return stored::no_such_case();
      std::vector<stored_event> rows;
      auto s = c.prepare("SELECT id, kind, at, actor_id, actor_name, data, data_hash, hash, version FROM case_events WHERE id > ? AND id <= ? "
                         "ORDER BY id LIMIT ?");
      s.bind(1, event_key(num, std::min<sequence>(after, 0xffffffff)))
          .bind(2, last_event_key(num))
          .bind(3, static_cast<std::int64_t>(std::clamp<std::size_t>(limit, 1, events_a_page_max)));
      for (std::size_t used = 0; (rows.empty() || used < bytes) && s.step();) {
        stored_event row{seq_of(s.integer(0)), s.string(1), from_ms(s.integer(2)), {user_id{s.string(3)}, s.string(4)},
                         static_cast<int>(s.integer(8)), {}, digest_of(s.blob(6)), digest_of(s.blob(7))};
        if (!s.is_null(5))
          row.data = s.string(5);
        used += (row.data ? row.data->size() : 0) + 128;
        rows.push_back(std::move(row));
      }
      return rows;
    });
  }

  outcome<std::uint64_t> verify(const std::optional<case_id>& only,
                                const std::function<void(const log_check&)>& report) const override {
    return pool_.read([&](connection& c) -> outcome<std::uint64_t> {
      read_transaction snapshot{c};
      std::vector<std::pair<std::int64_t, case_id>> all;
      {
        auto s = only ? c.prepare("SELECT num, case_id FROM case_heads WHERE case_id = ?")
                      : c.prepare("SELECT num, case_id FROM case_heads ORDER BY num");
        if (only)
          s.bind(1, only->value);
        while (s.step())
          all.emplace_back(s.integer(0), s.string(1));
      }
      for (auto& [num, id] : all)
        report(check_log(c, num, id));
      return static_cast<std::uint64_t>(all.size());
    });
  }

  outcome<done_t> ping() const override {
    return pool_.read([&](connection& c) -> outcome<done_t> {
      c.prepare("SELECT count(*) FROM schema_migrations").step();
      return done;
    });
  }

private:
  std::vector<outcome<sequence>> write_all(std::span<const case_commit> items) {
    transaction t{writer_};
    std::vector<outcome<sequence>> results;
    results.reserve(items.size());
    commit_writer w{writer_};
    for (auto& item : items)
      results.push_back(w.write(item));
    w.tidy_index();
    t.commit();
    return results;
  }

  std::vector<outcome<sequence>> write_each(std::span<const case_commit> items) {
    transaction t{writer_};
    std::vector<outcome<sequence>> results;
    results.reserve(items.size());
    commit_writer w{writer_};
    for (auto& item : items) {
      writer_.prepare("SAVEPOINT item").run();
      try {
        results.push_back(w.write(item));
      } catch (const error& e) {
        if ((e.code & 0xff) != SQLITE_CONSTRAINT)
          throw;
        writer_.prepare("ROLLBACK TO item").run();
        results.push_back(stored::stored_before());
      }
      writer_.prepare("RELEASE item").run();
    }
    w.tidy_index();
    t.commit();
    return results;
  }

  static std::vector<outcome<sequence>> fault_of(std::span<const case_commit> items, const error& e) {
    auto f = to_failure(e);
    f.code = errc::unavailable;
    f.retry_after = f.retry_after.value_or(std::chrono::seconds{1});
    return std::vector<outcome<sequence>>(items.size(), outcome<sequence>{f});
  }

  outcome<turn> find_turn_where(const case_id& id, const char* condition, const std::string& value) const {
    return pool_.read([&](connection& c) -> outcome<turn> {
      read_transaction snapshot{c};
      const auto num = number_of(c, id);
      auto s = c.prepare_dynamic(turns_where(condition));
      if (num == 0 || !s.bind(1, num).bind(2, value).step())
        return stored::no_such_turn();
      auto t = turn_from(s, id);
      if (t.status == turn_status::running || t.status == turn_status::interrupted) {
        auto text = partial_text(c, s);
        if (!text)
          return text.error();
        t.partial = std::move(*text);
      }
      return t;
    });
  }

  static log_check check_log(connection& c, std::int64_t num, const case_id& id) {
    stored::log_walk walk{id};
    {
      auto s = c.prepare("SELECT id, kind, at, actor_id, actor_name, data, data_hash, hash, version FROM case_events "
                         "WHERE id > ? AND id <= ? ORDER BY id");
      s.bind(1, event_key(num, 0)).bind(2, last_event_key(num));
      while (s.step()) {
        stored::log_row row{seq_of(s.integer(0)), s.text(1), s.integer(2), s.text(3), s.text(4),
                            static_cast<int>(s.integer(8)), {}, digest_of(s.blob(6)), digest_of(s.blob(7))};
        if (!s.is_null(5))
          row.data = s.text(5);
        if (!walk.feed(row))
          break;
      }
    }
    auto s = c.prepare("SELECT seq, hash FROM case_heads WHERE num = ?");
    s.bind(1, num).step();
    return walk.finish(static_cast<sequence>(s.integer(0)), digest_of(s.blob(1)));
  }

  std::mutex writer_mutex_;
  mutable connection writer_;
  mutable reader_pool pool_;
  std::optional<checkpointer> checkpointer_; ///< goes before the writer it watches
};

} // namespace

outcome<case_store_ptr> open_case_store(const store_options& options) {
  try {
    return std::make_shared<sqlite_case_store>(options);
  } catch (const error& e) {
    return cannot_open(options.file, e);
  }
}

} // namespace fm::sqlite
