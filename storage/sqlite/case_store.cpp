// Commits: every event becomes a row of the log, sealed into the chain, and is projected into the tables that
// lists and reads use, in the same transaction.
#include "storage/sqlite/case_store.hpp"

#include "protocol/base/text.hpp"
#include "storage/codec/codec.hpp"
#include "storage/sqlite/migrations.hpp"
#include "storage/sqlite/reader_pool.hpp"

#include <algorithm>
#include <cstring>
#include <mutex>

namespace fm::sqlite {
namespace {

constexpr std::int64_t event_key(std::int64_t num, sequence seq) { return num << 32 | static_cast<std::int64_t>(seq); }
constexpr std::int64_t item_key(std::int64_t num, std::int64_t ordinal) { return num << 24 | ordinal; }
std::int64_t ms(timestamp t) { return t.time_since_epoch().count(); }
timestamp from_ms(std::int64_t n) { return timestamp{std::chrono::milliseconds{n}}; }

digest digest_of(std::string_view bytes) {
  digest d{};
  std::memcpy(d.data(), bytes.data(), std::min(bytes.size(), d.size()));
  return d;
}

failure no_such_case() { return make_failure(errc::not_found, "There is no such case, or you have no access to it."); }

/// What a commit knows of its case while it writes.
struct head {
  std::int64_t num = 0;
  sequence seq = 0;
  digest hash{};
  std::int64_t next_message = 1;
};

/// The place of a case among others in time, written with each commit.
class writer {
public:
  explicit writer(connection& c) : c_(c) {}

  outcome<sequence> write(const case_commit& commit) {
    head h;
    {
      auto s = c_.prepare("SELECT num, seq, hash, next_message FROM case_heads WHERE case_id = ?");
      if (s.bind(1, commit.id.value).step())
        h = {s.integer(0), static_cast<sequence>(s.integer(1)), digest_of(s.blob(2)), s.integer(3)};
    }
    if (h.seq != commit.expected_seq || (commit.expected_seq == 0 && h.num != 0)) {
      auto f = make_conflict("CASE_VERSION_CONFLICT", "Another writer has changed this case in the meantime.");
      f.with_fact("expected_seq", std::to_string(commit.expected_seq));
      f.with_fact("actual_seq", std::to_string(h.seq));
      return f;
    }
    for (std::size_t i = 0; i < commit.events.size(); ++i)
      if (commit.events[i]->seq != commit.expected_seq + 1 + i)
        return make_failure(errc::internal, "The events of a commit are not numbered without gap.");
    if (commit.events.empty())
      return h.seq;
    const bool fresh = h.num == 0;
    if (fresh) {
      c_.prepare("INSERT INTO case_heads (case_id, seq, hash) VALUES (?, 0, x'')").bind(1, commit.id.value).run();
      h.num = sqlite3_last_insert_rowid(c_.raw());
    }
    for (auto& e : commit.events)
      write_event(h, *e);
    if (commit.record)
      write_record(h.num, *commit.record, fresh);
    c_.prepare("UPDATE case_heads SET seq = ?, hash = ?, next_message = ? WHERE num = ?")
        .bind(1, static_cast<std::int64_t>(h.seq))
        .bind_blob(2, h.hash.data(), h.hash.size())
        .bind(3, h.next_message)
        .bind(4, h.num)
        .run();
    return h.seq;
  }

private:
  void write_event(head& h, const case_event& e) {
    const auto data = stored::encode(e.data);
    const auto seal = stored::seal_event(h.hash, e, data);
    c_.prepare("INSERT INTO case_events (id, kind, at, actor_id, actor_name, version, data, data_hash, hash) "
               "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(1, event_key(h.num, e.seq))
        .bind(2, kind_of(e.data))
        .bind(3, ms(e.at))
        .bind(4, e.by.user.value)
        .bind(5, e.by.name)
        .bind(6, std::int64_t{stored::event_version})
        .bind(7, data)
        .bind_blob(8, seal.data_hash.data(), seal.data_hash.size())
        .bind_blob(9, seal.link.data(), seal.link.size())
        .run();
    h.hash = seal.link;
    h.seq = e.seq;
    std::visit([&](const auto& d) { project(h, e, d); }, e.data);
  }

  std::int64_t add_message(head& h, const std::string& id, std::uint32_t turn, message_type type, message_role role,
                           const std::string& author, const std::string& author_name, const std::string& content,
                           const std::string& metadata, timestamp at) {
    const auto key = item_key(h.num, h.next_message++);
    c_.prepare("INSERT INTO case_messages (id, message_id, turn_number, message_type, role, author_id, author_name, "
               "content, metadata, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .bind(1, key)
        .bind(2, id)
        .bind(3, std::int64_t{turn})
        .bind(4, name_of(type))
        .bind(5, name_of(role))
        .bind(6, author)
        .bind(7, author_name)
        .bind(8, content)
        .bind(9, metadata)
        .bind(10, ms(at))
        .run();
    index_message(key, content);
    return key;
  }
  void index_message(std::int64_t key, std::string_view content) {
    c_.prepare("INSERT INTO message_search (rowid, content) VALUES (?, ?)").bind(1, key).bind(2, content).run();
  }
  void unindex_message(std::int64_t key, std::string_view content) {
    c_.prepare("INSERT INTO message_search (message_search, rowid, content) VALUES ('delete', ?, ?)")
        .bind(1, key)
        .bind(2, content)
        .run();
  }
  std::string content_of(std::int64_t key) {
    auto s = c_.prepare("SELECT content FROM case_messages WHERE id = ?");
    return s.bind(1, key).step() ? s.string(0) : std::string{};
  }

  // ---- one projection for each kind -----------------------------------------------------------------------
  template <class D>
  void project(head&, const case_event&, const D&) {} // created, updated, deleted, restored, delta: record and log

  void project(head& h, const case_event& e, const status_changed& d) {
    c_.prepare("INSERT INTO case_status_transitions VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind(1, h.num)
        .bind(2, static_cast<std::int64_t>(e.seq))
        .bind(3, name_of(d.from))
        .bind(4, name_of(d.to))
        .bind(5, ms(e.at))
        .bind(6, e.by.user.empty() ? std::string_view{"system"} : std::string_view{e.by.user.value})
        .bind(7, d.reason)
        .run();
  }
  void project(head& h, const case_event&, const message_added& d) {
    const auto& m = d.added;
    add_message(h, m.id.value, m.turn_number, m.type, m.role, m.author.value, m.author_name, m.content,
                stored::encode(m.metadata), m.created_at);
  }
  void project(head& h, const case_event& e, const turn_queued& d) {
    const auto key = add_message(h, d.message.value, d.turn_number, message_type::user_query, message_role::user,
                                 d.author_id, d.author_name, d.content, "{}", e.at);
    c_.prepare("INSERT INTO case_turns (id, num, turn_id, client_turn_id, status, author_id, author_name, "
               "body_digest, question, question_key, created_at) VALUES (?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)")
        .bind(1, item_key(h.num, d.turn_number))
        .bind(2, h.num)
        .bind(3, d.turn.value)
        .bind(4, d.client_id.value)
        .bind(5, d.author_id)
        .bind(6, d.author_name)
        .bind(7, d.body_digest)
        .bind(8, d.message.value)
        .bind(9, key)
        .bind(10, ms(e.at))
        .run();
  }
  std::int64_t question_key(const turn_id& id) {
    auto s = c_.prepare("SELECT question_key FROM case_turns WHERE turn_id = ?");
    return s.bind(1, id.value).step() ? s.integer(0) : 0;
  }
  void project(head&, const case_event&, const turn_edited& d) {
    const auto key = question_key(d.turn);
    unindex_message(key, content_of(key));
    c_.prepare("UPDATE case_messages SET content = ? WHERE id = ?").bind(1, d.content).bind(2, key).run();
    index_message(key, d.content);
  }
  void project(head&, const case_event& e, const turn_withdrawn& d) {
    const auto key = question_key(d.turn);
    unindex_message(key, content_of(key));
    c_.prepare("DELETE FROM case_messages WHERE id = ?").bind(1, key).run();
    c_.prepare("UPDATE case_turns SET status = 'withdrawn', finished_at = ? WHERE turn_id = ?")
        .bind(1, ms(e.at))
        .bind(2, d.turn.value)
        .run();
  }
  void run_turn(const turn_id& id, std::uint32_t attempt, const case_event& e) {
    c_.prepare("UPDATE case_turns SET status = 'running', attempt = ?, started_seq = ?, "
               "started_at = coalesce(started_at, ?), finished_at = NULL WHERE turn_id = ?")
        .bind(1, std::int64_t{attempt})
        .bind(2, static_cast<std::int64_t>(e.seq))
        .bind(3, ms(e.at))
        .bind(4, id.value)
        .run();
  }
  void project(head&, const case_event& e, const turn_started& d) { run_turn(d.turn, d.attempt, e); }
  void project(head&, const case_event& e, const turn_restarted& d) { run_turn(d.turn, d.attempt, e); }
  void project(head&, const case_event&, const turn_interrupted& d) {
    c_.prepare("UPDATE case_turns SET status = 'interrupted' WHERE turn_id = ?").bind(1, d.turn.value).run();
  }
  void project(head& h, const case_event& e, const turn_completed& d) {
    auto metadata = d.metadata;
    if (!d.response_type.empty())
      metadata["response_type"] = d.response_type;
    if (d.confidence > 0)
      metadata["confidence"] = std::to_string(d.confidence);
    finish_turn(h, e, d, "completed", std::move(metadata));
  }
  void project(head& h, const case_event& e, const turn_cancelled& d) {
    auto metadata = d.metadata;
    metadata["cancelled"] = "true";
    finish_turn(h, e, d, "cancelled", std::move(metadata));
  }
  void project(head& h, const case_event& e, const turn_failed& d) { finish_turn(h, e, d, "failed", d.metadata); }

  template <class D>
  void finish_turn(head& h, const case_event& e, const D& d, const char* status,
                   std::map<std::string, std::string> metadata) {
    std::int64_t earlier = 0;
    {
      auto s = c_.prepare("SELECT answer_key FROM case_turns WHERE turn_id = ?");
      if (s.bind(1, d.turn.value).step() && !s.is_null(0))
        earlier = s.integer(0);
    }
    metadata["attempt"] = std::to_string(d.attempt);
    const auto encoded = stored::encode(metadata);
    std::int64_t key = earlier;
    if (earlier != 0) {
      // A regenerated answer takes the place of the earlier one in the conversation; the log keeps both.
      unindex_message(earlier, content_of(earlier));
      c_.prepare("UPDATE case_messages SET message_id = ?, content = ?, metadata = ?, created_at = ? WHERE id = ?")
          .bind(1, d.message.value)
          .bind(2, d.content)
          .bind(3, encoded)
          .bind(4, ms(e.at))
          .bind(5, earlier)
          .run();
      index_message(earlier, d.content);
    } else {
      key = add_message(h, d.message.value, d.turn_number, message_type::agent_response, message_role::assistant, {},
                        "FaultMaven", d.content, encoded, e.at);
    }
    c_.prepare("UPDATE case_turns SET status = ?, attempt = ?, answer = ?, answer_key = ?, finished_at = ? "
               "WHERE turn_id = ?")
        .bind(1, status)
        .bind(2, std::int64_t{d.attempt})
        .bind(3, d.message.value)
        .bind(4, key)
        .bind(5, ms(e.at))
        .bind(6, d.turn.value)
        .run();
  }

  void write_record(std::int64_t num, const case_record& r, bool fresh) {
    std::string old_title, old_description;
    bool had = false;
    if (!fresh) {
      auto s = c_.prepare("SELECT title, description FROM cases WHERE num = ?");
      if (s.bind(1, num).step()) {
        had = true;
        old_title = s.string(0);
        old_description = s.string(1);
      }
    }
    const auto encoded = stored::encode(r);
    const auto bind = [&](statement& s) {
      s.bind(1, num)
          .bind(2, r.id.value)
          .bind(3, r.owner.value)
          .bind(4, name_of(r.status))
          .bind(5, static_cast<std::int64_t>(r.priority))
          .bind(6, r.category)
          .bind(7, r.title)
          .bind(8, r.description)
          .bind(9, std::int64_t{r.deleted_at ? 2 : r.archived_at ? 1 : 0})
          .bind(10, ms(r.created_at))
          .bind(11, ms(r.updated_at))
          .bind(12, ms(r.last_activity_at))
          .bind(13, encoded);
    };
    if (had) {
      auto s = c_.prepare("UPDATE cases SET case_id = ?2, user_id = ?3, status = ?4, priority = ?5, category = ?6, "
                          "title = ?7, description = ?8, hidden = ?9, created_at = ?10, updated_at = ?11, "
                          "last_activity_at = ?12, record = ?13 WHERE num = ?1");
      bind(s);
      s.run();
    } else {
      auto s = c_.prepare("INSERT INTO cases (num, case_id, user_id, status, priority, category, title, description, "
                          "hidden, created_at, updated_at, last_activity_at, record) "
                          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)");
      bind(s);
      s.run();
    }
    if (!had || old_title != r.title || old_description != r.description) {
      if (had)
        c_.prepare("INSERT INTO case_search (case_search, rowid, title, description) VALUES ('delete', ?, ?, ?)")
            .bind(1, num)
            .bind(2, old_title)
            .bind(3, old_description)
            .run();
      c_.prepare("INSERT INTO case_search (rowid, title, description) VALUES (?, ?, ?)")
          .bind(1, num)
          .bind(2, r.title)
          .bind(3, r.description)
          .run();
    }
    if (had || !r.tags.empty()) {
      c_.prepare("DELETE FROM case_tags WHERE num = ?").bind(1, num).run();
      for (auto& tag : r.tags)
        c_.prepare("INSERT OR IGNORE INTO case_tags VALUES (?, ?)").bind(1, num).bind(2, tag).run();
    }
    if (had || !r.participants.empty()) {
      c_.prepare("DELETE FROM case_participants WHERE num = ?").bind(1, num).run();
      for (auto& p : r.participants)
        c_.prepare("INSERT OR REPLACE INTO case_participants VALUES (?, ?, ?, ?)")
            .bind(1, p.user.value)
            .bind(2, num)
            .bind(3, name_of(p.role))
            .bind(4, ms(p.joined_at))
            .run();
    }
  }

  connection& c_;
};

// ---- reading rows -----------------------------------------------------------------------------------------
std::int64_t number_of(connection& c, const case_id& id) {
  auto s = c.prepare("SELECT num FROM case_heads WHERE case_id = ?");
  return s.bind(1, id.value).step() ? s.integer(0) : 0;
}

constexpr const char* turn_columns = "SELECT t.id, t.turn_id, t.client_turn_id, t.status, t.attempt, t.author_id, "
                                     "t.author_name, t.body_digest, t.question, t.answer, t.created_at, "
                                     "t.started_at, t.finished_at, m.content, t.started_seq, t.num "
                                     "FROM case_turns t LEFT JOIN case_messages m ON m.id = t.question_key ";

turn turn_from(statement& s, const case_id& id) {
  turn t;
  t.in_case = id;
  t.number = static_cast<std::uint32_t>(s.integer(0) & 0xffffff);
  t.id.value = s.string(1);
  t.client_id.value = s.string(2);
  t.status = enum_from<turn_status>(s.text(3)).value_or(turn_status::failed);
  t.attempt = static_cast<std::uint32_t>(s.integer(4));
  t.author.value = s.string(5);
  t.author_name = s.string(6);
  t.body_digest = s.string(7);
  t.question.value = s.string(8);
  t.answer.value = s.string(9);
  t.created_at = from_ms(s.integer(10));
  if (!s.is_null(11))
    t.started_at = from_ms(s.integer(11));
  if (!s.is_null(12))
    t.finished_at = from_ms(s.integer(12));
  t.content = s.string(13);
  return t;
}

/// The durable text of the attempt that runs.
outcome<std::string> partial_text(connection& c, std::int64_t num, sequence started) {
  std::string text;
  auto s = c.prepare("SELECT data FROM case_events WHERE id > ? AND id <= ? AND kind = 'turn_delta' ORDER BY id");
  s.bind(1, event_key(num, started)).bind(2, event_key(num, 0xffffffff));
  while (s.step()) {
    auto e = stored::decode_event("turn_delta", s.text(0));
    if (!e)
      return e.error();
    text += std::get<turn_delta>(*e).text;
  }
  return text;
}

outcome<case_event_ptr> event_from(statement& s, const case_id& id) {
  auto data = stored::decode_event(s.text(1), s.text(5));
  if (!data)
    return data.error();
  return std::make_shared<const case_event>(case_event{id, static_cast<sequence>(s.integer(0) & 0xffffffff),
                                                       from_ms(s.integer(2)),
                                                       {user_id{s.string(3)}, s.string(4)},
                                                       std::move(*data)});
}

message message_from(statement& s, const case_id& id) {
  message m;
  m.in_case = id;
  m.id.value = s.string(0);
  m.turn_number = static_cast<std::uint32_t>(s.integer(1));
  m.type = enum_from<message_type>(s.text(2)).value_or(message_type::system_event);
  m.role = enum_from<message_role>(s.text(3)).value_or(message_role::system);
  m.author.value = s.string(4);
  m.author_name = s.string(5);
  m.content = s.string(6);
  if (auto metadata = stored::decode_metadata(s.text(7)))
    m.metadata = std::move(*metadata);
  m.created_at = from_ms(s.integer(8));
  return m;
}

/// The words of a query as full-text terms: letters, digits and everything beyond ASCII; the last one is a prefix.
std::vector<std::string> terms_of(std::string_view text) {
  std::vector<std::string> terms;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty() && terms.size() < 16)
      terms.push_back("\"" + word + "\"");
    word.clear();
  };
  for (char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u >= 0x80 || (u >= '0' && u <= '9') || ((u | 0x20U) >= 'a' && (u | 0x20U) <= 'z'))
      word += c;
    else
      end_word();
  }
  end_word();
  if (!terms.empty())
    terms.back() += "*";
  return terms;
}

struct sort_key {
  const char* column;
  bool text;
};
std::optional<sort_key> sort_of(std::string_view name) {
  if (name == "last_activity_at" || name == "created_at" || name == "updated_at" || name == "priority")
    return sort_key{name == "last_activity_at" ? "last_activity_at"
                    : name == "created_at"     ? "created_at"
                    : name == "updated_at"     ? "updated_at"
                                               : "priority",
                    false};
  if (name == "title")
    return sort_key{"title", true};
  return std::nullopt;
}

class sqlite_case_store final : public case_store {
public:
  explicit sqlite_case_store(const store_options& options)
      : writer_(options.file), pool_(options.file, options.readers, writer_, writer_mutex_) {
    migrate(writer_, case_migrations());
  }

  std::vector<outcome<sequence>> commit(std::span<const case_commit> items) override {
    std::lock_guard lock{writer_mutex_};
    try {
      transaction t{writer_};
      std::vector<outcome<sequence>> results;
      results.reserve(items.size());
      writer w{writer_};
      for (auto& item : items) {
        // A savepoint costs little and lets one bad item fail alone.
        writer_.prepare("SAVEPOINT item").run();
        try {
          results.push_back(w.write(item));
          if (!results.back())
            writer_.prepare("ROLLBACK TO item").run();
        } catch (const error& e) {
          if ((e.code & 0xff) != SQLITE_CONSTRAINT)
            throw;
          writer_.prepare("ROLLBACK TO item").run();
          results.push_back(make_conflict("ALREADY_EXISTS", "This was stored before."));
        }
        writer_.prepare("RELEASE item").run();
      }
      t.commit();
      return results;
    } catch (const error& e) {
      auto f = to_failure(e);
      f.code = errc::unavailable;
      f.retry_after = f.retry_after.value_or(std::chrono::seconds{1});
      return std::vector<outcome<sequence>>(items.size(), outcome<sequence>{f});
    }
  }

  outcome<std::uint64_t> compact(const case_id& id, sequence upto) override {
    std::lock_guard lock{writer_mutex_};
    try {
      transaction t{writer_};
      const auto num = number_of(writer_, id);
      writer_
          .prepare("UPDATE case_events SET data = NULL WHERE id > ? AND id <= ? AND kind = 'turn_delta' "
                   "AND data IS NOT NULL")
          .bind(1, event_key(num, 0))
          .bind(2, event_key(num, upto))
          .run();
      const auto n = static_cast<std::uint64_t>(writer_.changes());
      t.commit();
      return n;
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
        return no_such_case();
      {
        auto s = writer_.prepare("SELECT id, content FROM case_messages WHERE id >= ? AND id < ?");
        s.bind(1, item_key(num, 0)).bind(2, item_key(num + 1, 0));
        while (s.step())
          writer_.prepare("INSERT INTO message_search (message_search, rowid, content) VALUES ('delete', ?, ?)")
              .bind(1, s.integer(0))
              .bind(2, s.text(1))
              .run();
      }
      {
        auto s = writer_.prepare("SELECT title, description FROM cases WHERE num = ?");
        if (s.bind(1, num).step())
          writer_.prepare("INSERT INTO case_search (case_search, rowid, title, description) VALUES ('delete', ?, ?, ?)")
              .bind(1, num)
              .bind(2, s.text(0))
              .bind(3, s.text(1))
              .run();
      }
      for (auto* sql : {"DELETE FROM case_messages WHERE id >= ? AND id < ?", "DELETE FROM case_turns WHERE id >= ? AND id < ?"})
        writer_.prepare(sql).bind(1, item_key(num, 0)).bind(2, item_key(num + 1, 0)).run();
      writer_.prepare("DELETE FROM case_events WHERE id > ? AND id <= ?")
          .bind(1, event_key(num, 0))
          .bind(2, event_key(num, 0xffffffff))
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
          return no_such_case();
        num = s.integer(0);
        l.seq = static_cast<sequence>(s.integer(1));
        auto record = stored::decode_record(s.text(2));
        if (!record)
          return record.error();
        l.record = std::move(*record);
      }
      auto s = c.prepare_dynamic(std::string{turn_columns} +
                                 "WHERE t.num = ? AND t.status IN ('queued','running','interrupted') ORDER BY t.id");
      s.bind(1, num);
      while (s.step()) {
        auto t = turn_from(s, id);
        if (t.status != turn_status::queued) {
          auto text = partial_text(c, num, static_cast<sequence>(s.integer(14)));
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
        return no_such_case();
      return stored::decode_record(s.text(0));
    });
  }

  outcome<case_page> list(const case_query& q) const override {
    return pool_.read([&](connection& c) { return list_in(c, q); });
  }

  outcome<event_page> events(const case_id& id, sequence after, std::size_t limit, std::size_t bytes) const override {
    return pool_.read([&](connection& c) -> outcome<event_page> {
      read_transaction snapshot{c};
      event_page page;
      std::int64_t num = 0;
      {
        auto s = c.prepare("SELECT num, seq FROM case_heads WHERE case_id = ?");
        if (!s.bind(1, id.value).step())
          return no_such_case();
        num = s.integer(0);
        page.head = static_cast<sequence>(s.integer(1));
      }
      page.covered = std::min(after, page.head);
      if (after >= page.head)
        return page;
      auto s = c.prepare("SELECT id, kind, at, actor_id, actor_name, data FROM case_events WHERE id > ? AND id <= ? "
                         "AND data IS NOT NULL ORDER BY id LIMIT ?");
      s.bind(1, event_key(num, after))
          .bind(2, event_key(num, page.head))
          .bind(3, static_cast<std::int64_t>(std::clamp<std::size_t>(limit, 1, 10'000)));
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
      if (!cut && n < std::clamp<std::size_t>(limit, 1, 10'000))
        page.covered = page.head;
      return page;
    });
  }

  outcome<message_page> messages(const case_id& id, std::size_t offset, std::size_t limit, bool newest) const override {
    return pool_.read([&](connection& c) -> outcome<message_page> {
      read_transaction snapshot{c};
      const auto num = number_of(c, id);
      if (num == 0)
        return no_such_case();
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
          .bind(3, static_cast<std::int64_t>(std::min<std::size_t>(limit, 1'000)))
          .bind(4, static_cast<std::int64_t>(std::min<std::size_t>(offset, 1U << 30)));
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
        return no_such_case();
      turn_page page;
      {
        auto s = c.prepare("SELECT count(*) FROM case_turns WHERE id >= ? AND id < ?");
        s.bind(1, item_key(num, 0)).bind(2, item_key(num + 1, 0)).step();
        page.total = static_cast<std::uint64_t>(s.integer(0));
      }
      auto s = c.prepare_dynamic(std::string{turn_columns} + "WHERE t.id >= ? AND t.id < ? ORDER BY t.id LIMIT ? OFFSET ?");
      s.bind(1, item_key(num, 0))
          .bind(2, item_key(num + 1, 0))
          .bind(3, static_cast<std::int64_t>(std::min<std::size_t>(limit, 1'000)))
          .bind(4, static_cast<std::int64_t>(std::min<std::size_t>(offset, 1U << 30)));
      while (s.step())
        page.turns.push_back(turn_from(s, id));
      return page;
    });
  }

  outcome<turn> find_turn(const case_id& id, const turn_id& wanted) const override {
    return find_turn_where(id, "WHERE t.num = ? AND t.turn_id = ?", wanted.value);
  }
  outcome<turn> find_turn(const case_id& id, const client_turn_id& wanted) const override {
    return find_turn_where(id, "WHERE t.num = ? AND t.client_turn_id = ?", wanted.value);
  }

  outcome<std::vector<case_id>> with_unfinished_turns(std::size_t limit) const override {
    return pool_.read([&](connection& c) -> outcome<std::vector<case_id>> {
      std::vector<case_id> ids;
      auto s = c.prepare("SELECT case_id FROM case_heads WHERE num IN (SELECT num FROM case_turns "
                         "WHERE status IN ('queued','running','interrupted')) LIMIT ?");
      s.bind(1, static_cast<std::int64_t>(limit));
      while (s.step())
        ids.emplace_back(s.string(0));
      return ids;
    });
  }

  outcome<std::uint64_t> open_cases_of(const user_id& owner) const override {
    return pool_.read([&](connection& c) -> outcome<std::uint64_t> {
      auto s = c.prepare("SELECT count(*) FROM cases WHERE user_id = ? AND status IN ('consulting','investigating') "
                         "AND hidden < 2");
      s.bind(1, owner.value).step();
      return static_cast<std::uint64_t>(s.integer(0));
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
  outcome<turn> find_turn_where(const case_id& id, const char* where, const std::string& value) const {
    return pool_.read([&](connection& c) -> outcome<turn> {
      const auto num = number_of(c, id);
      auto s = c.prepare_dynamic(std::string{turn_columns} + where);
      if (num == 0 || !s.bind(1, num).bind(2, value).step())
        return make_failure(errc::not_found, "There is no such turn in this case.");
      auto t = turn_from(s, id);
      if (t.status == turn_status::running || t.status == turn_status::interrupted)
        if (auto text = partial_text(c, num, static_cast<sequence>(s.integer(14))))
          t.partial = std::move(*text);
      return t;
    });
  }

  static outcome<case_page> list_in(connection& c, const case_query& q) {
    const bool descending = q.sort.starts_with('-');
    const auto key = sort_of(descending ? std::string_view{q.sort}.substr(1) : std::string_view{q.sort});
    if (!key)
      return make_failure(errc::invalid, "sort must be one of last_activity_at, created_at, updated_at, title, priority, "
                                         "with a leading '-' for descending order.");
    read_transaction snapshot{c};
    std::string where;
    std::vector<std::string> texts;
    std::vector<std::pair<bool, std::int64_t>> order; // (is text, number or index of text)
    const auto add_text = [&](std::string clause, std::string value) {
      where += std::move(clause);
      order.emplace_back(true, static_cast<std::int64_t>(texts.size()));
      texts.push_back(std::move(value));
    };
    const auto add_number = [&](std::string clause, std::int64_t value) {
      where += std::move(clause);
      order.emplace_back(false, value);
    };
    where = q.include_archived ? "hidden < 2" : "hidden = 0";
    const auto takes_part = [&](const user_id& id) {
      auto s = c.prepare("SELECT 1 FROM case_participants WHERE user_id = ? LIMIT 1");
      return s.bind(1, id.value).step();
    };
    const auto belongs_to = [&](const user_id& id) {
      if (!takes_part(id))
        return add_text(" AND user_id = ?", id.value);
      add_text(" AND (user_id = ?", id.value);
      add_text(" OR num IN (SELECT num FROM case_participants WHERE user_id = ?))", id.value);
    };
    if (!q.everything)
      belongs_to(q.viewer);
    if (!q.participant.empty())
      belongs_to(q.participant);
    if (q.status)
      add_text(" AND status = ?", std::string{name_of(*q.status)});
    if (q.priority)
      add_number(" AND priority = ?", static_cast<std::int64_t>(*q.priority));
    if (!q.category.empty())
      add_text(" AND category = ?", q.category);
    if (!q.tag.empty())
      add_text(" AND num IN (SELECT num FROM case_tags WHERE tag = ?)", q.tag);
    if (!trimmed(q.text).empty()) {
      const auto terms = terms_of(q.text);
      if (terms.empty())
        return case_page{};
      for (auto& term : terms) {
        add_text(" AND num IN (SELECT rowid >> 24 FROM message_search WHERE message_search MATCH ?", term);
        add_text(" UNION SELECT rowid FROM case_search WHERE case_search MATCH ?)", term);
      }
    }
    const auto bind_all = [&](statement& s) {
      int at = 1;
      for (auto& [is_text, n] : order)
        is_text ? s.bind(at++, texts[static_cast<std::size_t>(n)]) : s.bind(at++, n);
    };
    case_page page;
    {
      auto s = c.prepare_dynamic("SELECT count(*) FROM cases WHERE " + where);
      bind_all(s);
      s.step();
      page.total = static_cast<std::uint64_t>(s.integer(0));
    }
    const std::string column = key->column;
    std::int64_t offset = static_cast<std::int64_t>(std::min<std::size_t>(q.offset, 1U << 30));
    if (!q.cursor.empty()) {
      // "<num>:<sort value>"
      const auto colon = q.cursor.find(':');
      std::int64_t num = 0, value = 0;
      const auto bad = make_failure(errc::invalid, "The cursor is not one of this list's.");
      if (colon == std::string::npos)
        return bad;
      try {
        num = std::stoll(q.cursor.substr(0, colon));
        if (!key->text)
          value = std::stoll(q.cursor.substr(colon + 1));
      } catch (const std::exception&) {
        return bad;
      }
      const std::string sign = descending ? "<" : ">";
      if (key->text)
        add_text(" AND (" + column + ", num) " + sign + " (?", q.cursor.substr(colon + 1));
      else
        add_number(" AND (" + column + ", num) " + sign + " (?", value);
      add_number(", ?)", num);
      offset = 0;
    }
    const auto limit = static_cast<std::int64_t>(std::clamp<std::size_t>(q.limit, 1, 100));
    const std::string direction = descending ? " DESC" : " ASC";
    auto s = c.prepare_dynamic("SELECT num, record, " + column + " FROM cases WHERE " + where + " ORDER BY " + column +
                               direction + ", num" + direction + " LIMIT " + std::to_string(limit + 1) + " OFFSET " +
                               std::to_string(offset));
    bind_all(s);
    std::string last_cursor;
    while (s.step()) {
      if (static_cast<std::int64_t>(page.cases.size()) == limit) {
        page.next_cursor = last_cursor;
        break;
      }
      auto record = stored::decode_record(s.text(1));
      if (!record)
        return record.error();
      page.cases.push_back(summarize(*record));
      last_cursor = std::to_string(s.integer(0)) + ":" + s.string(2);
    }
    return page;
  }

  static log_check check_log(connection& c, std::int64_t num, const case_id& id) {
    log_check result{id, 0, std::nullopt};
    digest previous{};
    sequence seq = 0;
    std::string streamed; // text of the running attempt, while none of it was compacted
    bool whole = true;
    const auto broken = [&](const std::string& why) {
      result.broken = "event " + std::to_string(seq) + ": " + why;
    };
    {
      auto s = c.prepare("SELECT id, kind, at, actor_id, actor_name, data, data_hash, hash FROM case_events "
                         "WHERE id > ? AND id <= ? ORDER BY id");
      s.bind(1, event_key(num, 0)).bind(2, event_key(num, 0xffffffff));
      while (s.step() && !result.broken) {
        const auto here = static_cast<sequence>(s.integer(0) & 0xffffffff);
        ++seq;
        if (here != seq) {
          broken("missing; the next one stored is " + std::to_string(here));
          break;
        }
        const auto data_hash = digest_of(s.blob(6));
        if (!s.is_null(5) && sha256(s.text(5)) != data_hash)
          broken("its data does not match its hash");
        else if (s.is_null(5) && s.text(1) != "turn_delta")
          broken("its data is missing");
        const auto link = stored::link_of(previous, here, s.text(1), s.integer(2), s.text(3), s.text(4), data_hash);
        if (!result.broken && link != digest_of(s.blob(7)))
          broken("the hash chain does not hold");
        previous = link;
        if (!result.broken)
          follow_text(s, streamed, whole, broken);
        result.events = seq;
      }
    }
    auto s = c.prepare("SELECT seq, hash FROM case_heads WHERE num = ?");
    if (!result.broken && s.bind(1, num).step()) {
      if (static_cast<sequence>(s.integer(0)) != seq)
        broken("the log ends here but the case's head says " + std::to_string(s.integer(0)));
      else if (digest_of(s.blob(1)) != previous)
        broken("the head's hash is another one");
    }
    return result;
  }

  /// The text of an answer is the concatenation of its deltas: offsets and the final content must agree.
  template <class Broken>
  static void follow_text(statement& s, std::string& streamed, bool& whole, const Broken& broken) {
    const auto kind = s.text(1);
    if (s.is_null(5)) {
      whole = false;
      return;
    }
    if (kind == "turn_started" || kind == "turn_restarted") {
      streamed.clear();
      whole = true;
    } else if (kind == "turn_delta") {
      auto e = stored::decode_event(kind, s.text(5));
      if (!e)
        return broken(e.error().detail);
      const auto& delta = std::get<turn_delta>(*e);
      if (whole && delta.offset != streamed.size())
        return broken("its offset is " + std::to_string(delta.offset) + ", the text before it has " +
                      std::to_string(streamed.size()) + " bytes");
      streamed += delta.text;
    } else if (kind == "turn_completed") {
      auto e = stored::decode_event(kind, s.text(5));
      if (!e)
        return broken(e.error().detail);
      if (whole && std::get<turn_completed>(*e).content != streamed)
        broken("the answer is not what was streamed");
    }
  }

  std::mutex writer_mutex_;
  mutable connection writer_;
  mutable reader_pool pool_;
};

} // namespace

outcome<case_store_ptr> open_case_store(const store_options& options) {
  try {
    return std::make_shared<sqlite_case_store>(options);
  } catch (const error& e) {
    auto f = to_failure(e);
    f.detail = options.file.path + ": " + f.detail;
    return f;
  }
}

} // namespace fm::sqlite
