// A few connections write, the others read. A commit is two round trips: what it touches is read and locked, then
// everything is written and committed in one pipeline. A large batch is shared out by case and written at once.
//
// A connection that dies between COMMIT and its answer leaves the outcome open. The transaction's number, had from the
// first round trip, settles it: pg_xact_status says on a new connection whether it was committed.
#include "storage/postgres/case_store.hpp"

#include "protocol/base/logging.hpp"
#include "storage/codec/codec.hpp"
#include "storage/codec/log_walk.hpp"
#include "storage/codec/projection.hpp"
#include "storage/postgres/case_list.hpp"
#include "storage/postgres/commit_batch.hpp"
#include "storage/postgres/migrations.hpp"
#include "storage/postgres/pool.hpp"

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace fm::postgres {
namespace {

constexpr std::size_t events_a_page_max = 10'000;
constexpr std::size_t items_a_page_max = 1'000;
constexpr std::size_t offset_max = 1U << 30;
constexpr std::int64_t rows_a_walk = 5'000; ///< of the log in one answer
constexpr std::size_t items_a_writer_min = 16; ///< less is not worth a second transaction
constexpr std::size_t words_wait_max = 16'000;         ///< commits whose words wait, about
constexpr std::chrono::milliseconds words_wait_time{500}; ///< of quiet, before that
constexpr int repeats_max = 3;              ///< of a batch that met a deadlock

const char* snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

constexpr const char* turn_columns =
    "t.turn_number, t.turn_id, t.client_turn_id, t.status, t.attempt, t.author_id, t.author_name, t.body_digest, t.question, t.answer, "
    "t.created_at, t.started_at, t.finished_at, coalesce(m.content, '') AS content, "
    "CASE WHEN t.status IN ('running','interrupted') THEN (SELECT array_to_string(array_agg(e.data ORDER BY e.seq), E'\\n') "
    "FROM case_events e WHERE e.case_num = t.case_num AND e.seq > t.started_seq AND e.kind = 'turn_delta') END AS partial";
constexpr const char* turn_question = "LEFT JOIN case_messages m ON m.case_num = t.case_num AND m.place = t.question_place ";

std::string turns_where(const char* condition) {
  return std::string{"SELECT "} + turn_columns + " FROM case_turns t JOIN case_heads h ON h.case_num = t.case_num " + turn_question + "WHERE " + condition;
}

/// `with_partial`: the durable text of a running attempt. Stored JSON has no line breaks, so one joins the pieces.
outcome<turn> turn_from(const rows& r, int i, const case_id& id, bool with_partial) {
  turn t;
  t.in_case = id;
  t.number = static_cast<std::uint32_t>(r.integer(i, 0));
  t.id.value = r.string(i, 1);
  t.client_id.value = r.string(i, 2);
  t.status = enum_from<turn_status>(r.text(i, 3)).value_or(turn_status::failed);
  t.attempt = static_cast<std::uint32_t>(r.integer(i, 4));
  t.author.value = r.string(i, 5);
  t.author_name = r.string(i, 6);
  t.body_digest = r.string(i, 7);
  t.question.value = r.string(i, 8);
  t.answer.value = r.string(i, 9);
  t.created_at = r.time(i, 10);
  if (!r.is_null(i, 11))
    t.started_at = r.time(i, 11);
  if (!r.is_null(i, 12))
    t.finished_at = r.time(i, 12);
  t.content = r.string(i, 13);
  if (!with_partial || r.is_null(i, 14))
    return t;
  for (auto rest = r.text(i, 14); !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto e = stored::decode_event("turn_delta", rest.substr(0, end));
    if (!e)
      return e.error();
    t.partial += std::get<turn_delta>(*e).text;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return t;
}

message message_from(const rows& r, int i, const case_id& id) {
  message m;
  m.in_case = id;
  m.id.value = r.string(i, 0);
  m.turn_number = static_cast<std::uint32_t>(r.integer(i, 1));
  m.type = enum_from<message_type>(r.text(i, 2)).value_or(message_type::system_event);
  m.role = enum_from<message_role>(r.text(i, 3)).value_or(message_role::system);
  m.author.value = r.string(i, 4);
  m.author_name = r.string(i, 5);
  m.content = r.string(i, 6);
  if (auto metadata = stored::decode_metadata(r.text(i, 7)))
    m.metadata = std::move(*metadata);
  m.created_at = r.time(i, 8);
  return m;
}

/// A few threads that do one job in parts, the caller's among them.
class crew {
public:
  explicit crew(std::size_t helpers) {
    for (std::size_t i = 0; i < helpers; ++i)
      threads_.emplace_back([this] { work(); });
  }
  ~crew() {
    {
      std::lock_guard lock{mutex_};
      closing_ = true;
    }
    woken_.notify_all();
    for (auto& t : threads_)
      t.join();
  }
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;

  /// Calls part(0) … part(n - 1), which must not throw; returns when all are done. One job at a time.
  void run(std::size_t n, const std::function<void(std::size_t)>& part) {
    {
      std::lock_guard lock{mutex_};
      part_ = &part;
      next_ = 1;
      end_ = n;
      open_ = n - 1;
    }
    woken_.notify_all();
    part(0);
    std::unique_lock lock{mutex_};
    while (next_ < end_) { // nobody has taken it yet
      const auto mine = next_++;
      lock.unlock();
      part(mine);
      lock.lock();
      --open_;
    }
    finished_.wait(lock, [&] { return open_ == 0; });
  }

private:
  void work() {
    std::unique_lock lock{mutex_};
    while (true) {
      woken_.wait(lock, [&] { return closing_ || next_ < end_; });
      if (closing_)
        return;
      const auto mine = next_++;
      const auto* part = part_;
      lock.unlock();
      (*part)(mine);
      lock.lock();
      if (--open_ == 0)
        finished_.notify_one();
    }
  }

  std::mutex mutex_;
  std::condition_variable woken_, finished_;
  const std::function<void(std::size_t)>* part_ = nullptr;
  std::size_t next_ = 0, end_ = 0, open_ = 0;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

class postgres_case_store final : public case_store {
public:
  explicit postgres_case_store(const options& o)
      : options_(o), writer_(o, o.host, true, std::max<std::size_t>(o.writers, 1)),
        readers_(o, o.host, false, std::max<std::size_t>(o.connections, o.writers + 1) - o.writers), crew_(std::max<std::size_t>(o.writers, 1) - 1) {
    if (!o.replica_host.empty())
      replica_ = std::make_unique<pool>(o, o.replica_host, false, std::max<std::size_t>(o.connections, 2) / 2);
    auto c = writer_.borrow();
    migrate_up(*c, o.schema, migrations().back().number);
    janitor_ = std::thread{[this] { keep_words_short(); }};
  }
  ~postgres_case_store() override {
    {
      std::lock_guard lock{janitor_mutex_};
      closing_ = true;
    }
    janitor_woken_.notify_one();
    janitor_.join();
  }

  std::vector<outcome<sequence>> commit(std::span<const case_commit> items) override {
    if (items.empty())
      return {};
    std::lock_guard lock{writer_mutex_};
    const auto shares = std::min(options_.writers, items.size() / items_a_writer_min);
    if (shares < 2)
      return commit_share(items);
    // All items of a case go to the same writer, in order.
    struct share {
      std::vector<case_commit> items;
      std::vector<std::size_t> places;
      std::vector<outcome<sequence>> results;
    };
    std::vector<share> all(shares);
    for (std::size_t i = 0; i < items.size(); ++i) {
      auto& to = all[std::hash<case_id>{}(items[i].id) % shares];
      to.items.push_back(items[i]);
      to.places.push_back(i);
    }
    crew_.run(shares, [&](std::size_t n) { all[n].results = commit_share(all[n].items); });
    std::vector<outcome<sequence>> results(items.size(), outcome<sequence>{sequence{0}});
    for (auto& s : all)
      for (std::size_t i = 0; i < s.places.size(); ++i)
        results[s.places[i]] = std::move(s.results[i]);
    return results;
  }

  outcome<std::uint64_t> compact(const case_id& id, sequence upto) override {
    std::lock_guard lock{writer_mutex_};
    return guarded([&]() -> outcome<std::uint64_t> {
      return writer_.repeatable([&](connection& c) -> outcome<std::uint64_t> {
        rollback_guard guard{c};
        const std::vector<statement> start{{"BEGIN", {}},
                                           {"SELECT case_num, compacted, seq FROM case_heads WHERE case_id = $1::text FOR UPDATE",
                                            values{}.text(without_nul(id.value))}};
        const auto head = c.run(start)[1];
        if (head.empty())
          return std::uint64_t{0};
        const auto num = head.integer(0, 0);
        const auto from = static_cast<sequence>(head.integer(0, 1));
        upto = std::min(upto, static_cast<sequence>(head.integer(0, 2)));
        if (upto <= from)
          return std::uint64_t{0};
        stored::compaction walk;
        array droppable;
        for (auto at = static_cast<std::int64_t>(from);;) {
          const auto page = c.run_one("SELECT seq, kind, data, version FROM case_events WHERE case_num = $1::int8 AND seq > $2::int8 AND "
                                      "seq <= $3::int8 AND data IS NOT NULL AND kind IN "
                                      "('turn_delta','turn_completed','turn_cancelled','turn_failed') ORDER BY seq LIMIT $4::int8",
                                      values{}.integer(num).integer(at).integer(static_cast<std::int64_t>(upto)).integer(rows_a_walk));
          for (int i = 0; i < page.size(); ++i) {
            const auto data = stored::decode_event(page.text(i, 1), page.text(i, 2), static_cast<int>(page.integer(i, 3)));
            if (!data)
              return data.error();
            at = page.integer(i, 0);
            walk.feed(static_cast<sequence>(at), *data, [&](sequence seq) { droppable.integer(static_cast<std::int64_t>(seq)); });
          }
          if (page.size() < rows_a_walk)
            break;
        }
        const std::vector<statement> end{
            {"UPDATE case_events SET data = NULL WHERE case_num = $1::int8 AND seq = ANY($2::int8[])", values{}.integer(num).integers(droppable)},
            {"UPDATE case_heads SET compacted = $2::int8 WHERE case_num = $1::int8",
             values{}.integer(num).integer(static_cast<std::int64_t>(walk.settled(upto)))},
            {"COMMIT", {}}};
        c.run(end);
        return static_cast<std::uint64_t>(droppable.size());
      });
    });
  }

  outcome<done_t> purge(const case_id& id) override {
    std::lock_guard lock{writer_mutex_};
    return guarded([&]() -> outcome<done_t> {
      return writer_.repeatable([&](connection& c) -> outcome<done_t> {
        // All but the log hangs on the head (ON DELETE CASCADE).
        const auto name = without_nul(id.value);
        const std::vector<statement> both{
            {"DELETE FROM case_events e USING case_heads h WHERE h.case_id = $1::text AND e.case_num = h.case_num", values{}.text(name)},
            {"DELETE FROM case_heads WHERE case_id = $1::text", values{}.text(name)}};
        if (c.run(both)[1].touched() == 0)
          return stored::no_such_case();
        return done;
      });
    });
  }

  outcome<loaded_case> load(const case_id& id) const override {
    return read([&](connection& c) -> outcome<loaded_case> {
      // One statement is one snapshot: the head and the record stand before each unfinished turn.
      static const std::string sql =
          std::string{"SELECT u.*, h.seq, c.record::text FROM case_heads h JOIN cases c ON c.case_num = h.case_num LEFT JOIN LATERAL (SELECT "} +
          turn_columns + " FROM case_turns t " + turn_question +
          "WHERE t.case_num = h.case_num AND t.status IN ('queued','running','interrupted') ORDER BY t.turn_number) u ON true WHERE h.case_id = $1::text";
      const auto r = c.run_one(sql, values{}.text(without_nul(id.value)));
      if (r.empty())
        return stored::no_such_case();
      loaded_case l;
      l.seq = static_cast<sequence>(r.integer(0, 15));
      auto record = stored::decode_record(r.text(0, 16));
      if (!record)
        return record.error();
      l.record = std::move(*record);
      for (int i = 0; i < r.size() && !r.is_null(i, 0); ++i) {
        auto t = turn_from(r, i, id, true);
        if (!t)
          return t.error();
        l.unfinished.push_back(std::move(*t));
      }
      return l;
    });
  }

  outcome<case_record> get(const case_id& id) const override {
    return read([&](connection& c) -> outcome<case_record> {
      const auto r = c.run_one("SELECT record::text FROM cases WHERE case_id = $1::text", values{}.text(without_nul(id.value)));
      if (r.empty())
        return stored::no_such_case();
      return stored::decode_record(r.text(0, 0));
    });
  }

  outcome<case_page> list(const case_query& q) const override {
    if (replica_) {
      // A replica that is away is no reason to show nothing.
      try {
        return replica_->repeatable([&](connection& c) { return list_cases(c, q); });
      } catch (const error& e) {
        log::warn("storage", "the replica cannot answer, the list comes from the primary: " + e.message);
      }
    }
    return read([&](connection& c) { return list_cases(c, q); });
  }

  outcome<event_page> events(const case_id& id, sequence after, std::size_t limit, std::size_t bytes) const override {
    return read([&](connection& c) -> outcome<event_page> {
      limit = std::clamp<std::size_t>(limit, 1, events_a_page_max);
      const auto name = without_nul(id.value);
      // The bound in bytes is kept by the server, so that no page is read that will not be shown.
      const std::vector<statement> all{
          {snapshot, {}},
          {"SELECT seq FROM case_heads WHERE case_id = $1::text", values{}.text(name)},
          {"SELECT seq, kind, at, actor_id, actor_name, data, version, used FROM (SELECT e.*, sum(octet_length(e.data) + 128) OVER (ORDER BY "
           "e.seq) AS used FROM (SELECT x.seq, x.kind, x.at, x.actor_id, x.actor_name, x.data, x.version FROM case_events x JOIN case_heads h "
           "ON h.case_num = x.case_num WHERE h.case_id = $1::text AND x.seq > $2::int8 AND x.data IS NOT NULL ORDER BY x.seq LIMIT $3::int8) "
           "e) p WHERE used - 128 <= $4::int8 OR used = octet_length(data) + 128 ORDER BY seq",
           values{}
               .text(name)
               .integer(static_cast<std::int64_t>(std::min<sequence>(after, INT64_MAX)))
               .integer(static_cast<std::int64_t>(limit))
               .integer(static_cast<std::int64_t>(std::min<std::size_t>(bytes, INT64_MAX)))},
          {"SELECT count(*) FROM (SELECT 1 FROM case_events x JOIN case_heads h ON h.case_num = x.case_num WHERE h.case_id = $1::text AND "
           "x.seq > $2::int8 AND x.data IS NOT NULL ORDER BY x.seq LIMIT $3::int8) e",
           values{}
               .text(name)
               .integer(static_cast<std::int64_t>(std::min<sequence>(after, INT64_MAX)))
               .integer(static_cast<std::int64_t>(limit))},
          {"COMMIT", {}}};
      rollback_guard guard{c};
      const auto answers = c.run(all);
      if (answers[1].empty())
        return stored::no_such_case();
      event_page page;
      page.head = static_cast<sequence>(answers[1].integer(0, 0));
      page.covered = std::min(after, page.head);
      const auto& r = answers[2];
      for (int i = 0; i < r.size(); ++i) {
        auto data = stored::decode_event(r.text(i, 1), r.text(i, 5), static_cast<int>(r.integer(i, 6)));
        if (!data)
          return data.error();
        page.covered = static_cast<sequence>(r.integer(i, 0));
        page.events.push_back(std::make_shared<const case_event>(
            case_event{id, page.covered, r.time(i, 2), {user_id{r.string(i, 3)}, r.string(i, 4)}, std::move(*data)}));
      }
      // The end of the log was reached: whatever is missing behind the last event was compacted away.
      const auto there = answers[3].integer(0, 0);
      if (r.size() == there && static_cast<std::size_t>(there) < limit)
        page.covered = page.head;
      return page;
    });
  }

  outcome<message_page> messages(const case_id& id, std::size_t offset, std::size_t limit, bool newest) const override {
    return read([&](connection& c) -> outcome<message_page> {
      const auto name = without_nul(id.value);
      const auto page_values = [&] {
        return values{}
            .text(name)
            .integer(static_cast<std::int64_t>(std::min(limit, items_a_page_max)))
            .integer(static_cast<std::int64_t>(std::min(offset, offset_max)));
      };
      const std::vector<statement> all{
          {snapshot, {}},
          {"SELECT (SELECT count(*) FROM case_messages m WHERE m.case_num = h.case_num) FROM case_heads h WHERE h.case_id = $1::text",
           values{}.text(name)},
          {newest ? "SELECT m.message_id, m.turn_number, m.message_type, m.role, m.author_id, m.author_name, m.content, m.metadata::text, "
                    "m.created_at FROM case_heads h JOIN case_messages m ON m.case_num = h.case_num WHERE h.case_id = $1::text "
                    "ORDER BY m.place DESC LIMIT $2::int8 OFFSET $3::int8"
                  : "SELECT m.message_id, m.turn_number, m.message_type, m.role, m.author_id, m.author_name, m.content, m.metadata::text, "
                    "m.created_at FROM case_heads h JOIN case_messages m ON m.case_num = h.case_num WHERE h.case_id = $1::text "
                    "ORDER BY m.place LIMIT $2::int8 OFFSET $3::int8",
           page_values()},
          {"COMMIT", {}}};
      rollback_guard guard{c};
      const auto answers = c.run(all);
      if (answers[1].empty())
        return stored::no_such_case();
      message_page page;
      page.total = static_cast<std::uint64_t>(answers[1].integer(0, 0));
      for (int i = 0; i < answers[2].size(); ++i)
        page.messages.push_back(message_from(answers[2], i, id));
      if (newest)
        std::reverse(page.messages.begin(), page.messages.end());
      return page;
    });
  }

  outcome<turn_page> turns(const case_id& id, std::size_t offset, std::size_t limit) const override {
    return read([&](connection& c) -> outcome<turn_page> {
      static const std::string paged = turns_where("h.case_id = $1::text ORDER BY t.turn_number LIMIT $2::int8 OFFSET $3::int8");
      const auto name = without_nul(id.value);
      const std::vector<statement> all{
          {snapshot, {}},
          {"SELECT (SELECT count(*) FROM case_turns t WHERE t.case_num = h.case_num) FROM case_heads h WHERE h.case_id = $1::text", values{}.text(name)},
          {paged, values{}
                      .text(name)
                      .integer(static_cast<std::int64_t>(std::min(limit, items_a_page_max)))
                      .integer(static_cast<std::int64_t>(std::min(offset, offset_max)))},
          {"COMMIT", {}}};
      rollback_guard guard{c};
      const auto answers = c.run(all);
      if (answers[1].empty())
        return stored::no_such_case();
      turn_page page;
      page.total = static_cast<std::uint64_t>(answers[1].integer(0, 0));
      for (int i = 0; i < answers[2].size(); ++i) {
        auto t = turn_from(answers[2], i, id, false);
        if (!t)
          return t.error();
        page.turns.push_back(std::move(*t));
      }
      return page;
    });
  }

  outcome<turn> find_turn(const case_id& id, const turn_id& wanted) const override {
    static const std::string sql = turns_where("h.case_id = $1::text AND t.turn_id = $2::text");
    return find_turn_by(sql, id, wanted.value);
  }
  outcome<turn> find_turn(const case_id& id, const client_turn_id& wanted) const override {
    static const std::string sql = turns_where("h.case_id = $1::text AND t.client_turn_id = $2::text");
    return find_turn_by(sql, id, wanted.value);
  }

  outcome<std::vector<case_id>> with_unfinished_turns(std::size_t limit) const override {
    return read([&](connection& c) -> outcome<std::vector<case_id>> {
      const auto r = c.run_one("SELECT h.case_id FROM case_heads h WHERE h.case_num IN (SELECT case_num FROM case_turns WHERE status IN "
                               "('queued','running','interrupted')) ORDER BY h.case_num LIMIT $1::int8",
                               values{}.integer(static_cast<std::int64_t>(std::min(limit, offset_max))));
      std::vector<case_id> ids;
      for (int i = 0; i < r.size(); ++i)
        ids.emplace_back(r.string(i, 0));
      return ids;
    });
  }

  outcome<std::uint64_t> open_cases_of(const user_id& owner) const override {
    return read([&](connection& c) -> outcome<std::uint64_t> {
      return static_cast<std::uint64_t>(
          c.run_one("SELECT count(*) FROM cases WHERE user_id = $1::text AND status IN ('consulting','investigating') AND NOT deleted",
                    values{}.text(without_nul(owner.value)))
              .integer(0, 0));
    });
  }

  outcome<std::vector<log_head>> heads(std::int64_t after, std::size_t limit) const override {
    return read([&](connection& c) -> outcome<std::vector<log_head>> {
      const auto r = c.run_one("SELECT case_num, case_id, seq, hash FROM case_heads WHERE case_num > $1::int8 ORDER BY case_num LIMIT $2::int8",
                               values{}.integer(after).integer(static_cast<std::int64_t>(std::clamp<std::size_t>(limit, 1, events_a_page_max))));
      std::vector<log_head> all;
      for (int i = 0; i < r.size(); ++i)
        all.push_back({r.integer(i, 0), case_id{r.string(i, 1)}, static_cast<sequence>(r.integer(i, 2)), r.hash(i, 3)});
      return all;
    });
  }

  outcome<std::vector<stored_event>> stored_events(const case_id& id, sequence after, std::size_t limit, std::size_t bytes) const override {
    return read([&](connection& c) -> outcome<std::vector<stored_event>> {
      const auto name = without_nul(id.value);
      const std::vector<statement> all{
          {"SELECT 1 FROM case_heads WHERE case_id = $1::text", values{}.text(name)},
          {"SELECT seq, kind, at, actor_id, actor_name, data, data_hash, hash, version FROM (SELECT e.*, sum(coalesce(octet_length(e.data), 0) + "
           "128) OVER (ORDER BY e.seq) AS used FROM (SELECT x.* FROM case_events x JOIN case_heads h ON h.case_num = x.case_num WHERE h.case_id "
           "= $1::text AND x.seq > $2::int8 ORDER BY x.seq LIMIT $3::int8) e) p WHERE used <= $4::int8 OR used = coalesce(octet_length(data), 0) "
           "+ 128 ORDER BY seq",
           values{}
               .text(name)
               .integer(static_cast<std::int64_t>(std::min<sequence>(after, INT64_MAX)))
               .integer(static_cast<std::int64_t>(std::clamp<std::size_t>(limit, 1, events_a_page_max)))
               .integer(static_cast<std::int64_t>(std::min<std::size_t>(bytes, INT64_MAX)))}};
      const auto answers = c.run(all);
      if (answers[0].empty())
        return stored::no_such_case();
      const auto& r = answers[1];
      std::vector<stored_event> rows;
      for (int i = 0; i < r.size(); ++i) {
        stored_event row{static_cast<sequence>(r.integer(i, 0)), r.string(i, 1), r.time(i, 2), {user_id{r.string(i, 3)}, r.string(i, 4)},
                         static_cast<int>(r.integer(i, 8)), {}, r.hash(i, 6), r.hash(i, 7)};
        if (!r.is_null(i, 5))
          row.data = r.string(i, 5);
        rows.push_back(std::move(row));
      }
      return rows;
    });
  }

  outcome<std::uint64_t> verify(const std::optional<case_id>& only, const std::function<void(const log_check&)>& report) const override {
    return guarded([&]() -> outcome<std::uint64_t> {
      std::uint64_t walked = 0;
      std::int64_t after = 0;
      while (true) {
        const auto page = readers_.repeatable([&](connection& c) {
          return only ? c.run_one("SELECT case_num, case_id FROM case_heads WHERE case_id = $1::text AND case_num > $2::int8",
                                  values{}.text(without_nul(only->value)).integer(after))
                      : c.run_one("SELECT case_num, case_id FROM case_heads WHERE case_num > $1::int8 ORDER BY case_num LIMIT $2::int8",
                                  values{}.integer(after).integer(rows_a_walk));
        });
        if (page.empty())
          return walked;
        for (int i = 0; i < page.size(); ++i, ++walked) {
          after = page.integer(i, 0);
          const case_id id{page.string(i, 1)};
          report(readers_.repeatable([&](connection& c) { return check_log(c, after, id); }));
        }
      }
    });
  }

  outcome<done_t> ping() const override {
    return read([&](connection& c) -> outcome<done_t> {
      c.run_one("SELECT count(*) FROM schema_migrations");
      return done;
    });
  }

private:
  // ---- writing --------------------------------------------------------------------------------------------------
  std::vector<outcome<sequence>> commit_share(std::span<const case_commit> items) {
    if (items.empty())
      return {};
    try {
      return write_all(items);
    } catch (const error& e) {
      if (e.lost || (!e.state.starts_with("22") && !e.state.starts_with("23")))
        return fault_of(items, e);
    }
    // Some item repeats a turn that is stored, or holds what no table takes. Rare enough to write the batch again,
    // each item on its own feet.
    try {
      return write_each(items);
    } catch (const error& e) {
      return fault_of(items, e);
    }
  }

  std::vector<outcome<sequence>> write_all(std::span<const case_commit> items) {
    for (int attempt = 1;; ++attempt) {
      std::string transaction; // known once something may have been written
      std::vector<outcome<sequence>> results;
      try {
        write_once(items, transaction, results);
        return results;
      } catch (const error& e) {
        if (e.lost && !transaction.empty()) {
          if (was_committed(transaction, e))
            return results;
          throw;
        }
        // Nothing was written: the connection had died since the last batch, or two writers met.
        if (!(is_worth_repeating(e) && attempt < repeats_max) && !(e.lost && attempt == 1))
          throw;
      }
    }
  }

  void write_once(std::span<const case_commit> items, std::string& transaction, std::vector<outcome<sequence>>& results) {
    auto c = writer_.borrow();
    rollback_guard guard{*c};
    auto questions = commit_batch::questions(items);
    questions.insert(questions.begin(), statement{"BEGIN", {}});
    auto answers = c->run(questions);
    answers.erase(answers.begin());
    const commit_batch batch{items, answers};
    results = batch.results();
    auto writes = batch.writes();
    if (writes.empty())
      return;
    writes.push_back({"COMMIT", {}});
    transaction = answers.at(0).string(0, 0);
    c->run(writes);
    note_words(items.size());
  }

  // ---- words ----------------------------------------------------------------------------------------------------
  // Sorting new words into the index costs as much as all the rest of a message. PostgreSQL lets them wait in a list;
  // this empties the list on a connection of its own, beside the commits, and long before searches feel its length.
  void note_words(std::size_t commits) {
    {
      std::lock_guard lock{janitor_mutex_};
      words_waiting_ += commits;
      if (words_waiting_ < words_wait_max)
        return;
    }
    janitor_woken_.notify_one();
  }
  void keep_words_short() {
    pool own{options_, options_.host, true, 1};
    std::unique_lock lock{janitor_mutex_};
    for (std::size_t seen = 0; !closing_;) {
      janitor_woken_.wait_for(lock, words_wait_time, [&] { return closing_ || words_waiting_ >= words_wait_max; });
      // While commits come the list may grow: the longer it is, the cheaper each word of it.
      if (closing_ || words_waiting_ == 0 || (words_waiting_ < words_wait_max && words_waiting_ != std::exchange(seen, words_waiting_)))
        continue;
      seen = 0;
      words_waiting_ = 0;
      lock.unlock();
      try {
        own.borrow()->run_one("SELECT gin_clean_pending_list('idx_messages_words'::regclass)");
      } catch (const error&) {
        // PostgreSQL does it by itself when the list is full, and autovacuum does.
      }
      lock.lock();
    }
  }

  /// Asks until the server has made up its mind, for as long as a statement may take. Throws when it cannot be asked:
  /// the callers are told it failed, and whoever repeats the turn meets it by its client's id should it stand.
  bool was_committed(const std::string& transaction, const error& cause) {
    const auto until = std::chrono::steady_clock::now() + options_.statement_timeout;
    std::chrono::milliseconds pause{5};
    while (true) {
      try {
        auto c = writer_.borrow();
        const auto status = c->run_one("SELECT coalesce(pg_xact_status($1::text::xid8), 'unknown')", values{}.text(transaction)).string(0, 0);
        if (status == "committed")
          log::info("storage", "a commit whose answer was lost stands: transaction " + transaction);
        if (status != "in progress")
          return status == "committed";
      } catch (const error& e) {
        if (!e.lost)
          throw cause;
      }
      if (std::chrono::steady_clock::now() + pause > until)
        throw cause;
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, std::chrono::milliseconds{200});
    }
  }

  std::vector<outcome<sequence>> write_each(std::span<const case_commit> items) {
    std::string transaction;
    std::vector<outcome<sequence>> results;
    try {
      write_each_once(items, transaction, results);
    } catch (const error& e) {
      if (!e.lost || transaction.empty() || !was_committed(transaction, e))
        throw;
    }
    return results;
  }

  void write_each_once(std::span<const case_commit> items, std::string& transaction, std::vector<outcome<sequence>>& results) {
    auto c = writer_.borrow();
    rollback_guard guard{*c};
    results.reserve(items.size());
    c->script("BEGIN");
    const auto number = c->run_one("SELECT pg_current_xact_id()::text").string(0, 0);
    for (auto& item : items) {
      c->script("SAVEPOINT item");
      try {
        const auto one = std::span{&item, 1};
        const commit_batch batch{one, c->run(commit_batch::questions(one))};
        const auto writes = batch.writes();
        if (!writes.empty())
          c->run(writes);
        results.push_back(batch.results()[0]);
      } catch (const error& e) {
        if (e.lost || (!e.state.starts_with("22") && !e.state.starts_with("23")))
          throw;
        c->script("ROLLBACK TO item");
        results.emplace_back(is_unique_violation(e) ? stored::stored_before() : to_failure(e));
      }
      c->script("RELEASE item");
    }
    transaction = number;
    c->script("COMMIT");
  }

  static std::vector<outcome<sequence>> fault_of(std::span<const case_commit> items, const error& e) {
    auto f = to_failure(e);
    f.code = errc::unavailable;
    f.retry_after = f.retry_after.value_or(std::chrono::seconds{1});
    return std::vector<outcome<sequence>>(items.size(), outcome<sequence>{f});
  }

  // ---- reading --------------------------------------------------------------------------------------------------
  template <class F>
  static auto guarded(F f) -> decltype(f()) {
    try {
      return f();
    } catch (const error& e) {
      return to_failure(e);
    }
  }
  template <class F>
  auto read(F f) const -> decltype(f(std::declval<connection&>())) {
    return guarded([&] { return readers_.repeatable(f); });
  }

  outcome<turn> find_turn_by(const std::string& sql, const case_id& id, const std::string& wanted) const {
    return read([&](connection& c) -> outcome<turn> {
      const auto r = c.run_one(sql, values{}.text(without_nul(id.value)).text(without_nul(wanted)));
      if (r.empty())
        return stored::no_such_turn();
      return turn_from(r, 0, id, true);
    });
  }

  /// In one snapshot, page by page.
  static log_check check_log(connection& c, std::int64_t num, const case_id& id) {
    rollback_guard guard{c};
    const std::vector<statement> start{{snapshot, {}}, {"SELECT seq, hash FROM case_heads WHERE case_num = $1::int8", values{}.integer(num)}};
    const auto head = c.run(start)[1];
    stored::log_walk walk{id};
    for (std::int64_t after = 0;;) {
      const auto page = c.run_one("SELECT seq, kind, at, actor_id, actor_name, data, data_hash, hash, version FROM case_events WHERE case_num = "
                                  "$1::int8 AND seq > $2::int8 ORDER BY seq LIMIT $3::int8",
                                  values{}.integer(num).integer(after).integer(rows_a_walk));
      bool whole = true;
      for (int i = 0; whole && i < page.size(); ++i) {
        after = page.integer(i, 0);
        stored::log_row row{static_cast<sequence>(after), page.text(i, 1),  page.time(i, 2).time_since_epoch().count(), page.text(i, 3), page.text(i, 4),
                            static_cast<int>(page.integer(i, 8)), {}, page.hash(i, 6), page.hash(i, 7)};
        if (!page.is_null(i, 5))
          row.data = page.text(i, 5);
        whole = walk.feed(row);
      }
      if (!whole || page.size() < rows_a_walk)
        break;
    }
    if (head.empty())
      return walk.finish(0, {});
    return walk.finish(static_cast<sequence>(head.integer(0, 0)), head.hash(0, 1));
  }

  options options_;
  std::mutex janitor_mutex_;
  std::condition_variable janitor_woken_;
  std::size_t words_waiting_ = 0; ///< commits since the list was emptied, about
  bool closing_ = false;
  std::thread janitor_;

  std::mutex writer_mutex_; ///< of a whole batch
  pool writer_;
  mutable pool readers_;
  crew crew_;
  std::unique_ptr<pool> replica_;
};

} // namespace

outcome<case_store_ptr> open_case_store(const options& o) {
  try {
    return std::make_shared<postgres_case_store>(o);
  } catch (const error& e) {
    auto f = to_failure(e);
    f.code = errc::unavailable;
    f.detail = "PostgreSQL at " + o.host + ": " + f.detail;
    return f;
  }
}

} // namespace fm::postgres
