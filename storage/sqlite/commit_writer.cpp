// Statements are literals prepared once a connection; every text is bound without a copy.
#include "storage/sqlite/commit_writer.hpp"

#include "storage/codec/codec.hpp"
#include "storage/codec/projection.hpp"
#include "storage/sqlite/rows.hpp"

#include <tuple>
#include <utility>

namespace fm::sqlite {

outcome<sequence> commit_writer::write(const case_commit& commit) {
  head h;
  {
    auto s = c_.prepare("SELECT num, seq, hash, next_message FROM case_heads WHERE case_id = ?");
    if (s.bind(1, commit.id.value).step())
      h = {s.integer(0), static_cast<sequence>(s.integer(1)), digest_of(s.blob(2)), s.integer(3)};
  }
  const bool fresh = h.num == 0;
  if (auto refused = stored::refusal_of(commit, !fresh, h.seq))
    return *refused;
  if (commit.events.empty() && commit.copied.empty())
    return h.seq;
  const auto sealed = stored::seal_all(h.hash, commit);
  if (!sealed)
    return sealed.error();
  if (fresh) {
    c_.prepare("INSERT INTO case_heads (case_id, seq, hash) VALUES (?, 0, x'')").bind(1, commit.id.value).run();
    h.num = sqlite3_last_insert_rowid(c_.raw());
  }
  for (auto& s : *sealed)
    write_event(h, s);
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

void commit_writer::write_event(head& h, const stored::sealed_event& s) {
  const auto& row = s.row;
  auto insert = c_.prepare("INSERT INTO case_events (id, kind, at, actor_id, actor_name, version, data, data_hash, hash) "
                           "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)");
  insert.bind(1, event_key(h.num, row.seq))
      .bind(2, row.kind)
      .bind(3, to_ms(row.at))
      .bind(4, row.by.user.value)
      .bind(5, row.by.name)
      .bind(6, std::int64_t{row.version});
  row.data ? insert.bind(7, *row.data) : insert.bind_null(7);
  insert.bind_blob(8, row.data_hash.data(), row.data_hash.size()).bind_blob(9, row.link.data(), row.link.size()).run();
  h.hash = row.link;
  h.seq = row.seq;
  if (s.event)
    project(h, *s.event);
}

// ---- what each kind means for the tables ------------------------------------------------------------------------
void commit_writer::project(head& h, const case_event& e) {
  if (std::holds_alternative<turn_delta>(e.data))
    return; // the text of a running turn is read from the log
  if (auto* d = std::get_if<turn_queued>(&e.data))
    return queue_turn(h, e, *d);
  if (auto* d = std::get_if<turn_started>(&e.data))
    return run_turn(h, e, d->turn, d->attempt);
  if (auto* d = std::get_if<turn_restarted>(&e.data))
    return run_turn(h, e, d->turn, d->attempt);
  if (auto* d = std::get_if<message_added>(&e.data)) {
    add_message(h, d->added);
  } else if (auto* d = std::get_if<status_changed>(&e.data)) {
    c_.prepare("INSERT INTO case_status_transitions (num, seq, from_status, to_status, triggered_at, triggered_by, "
               "reason) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind(1, h.num)
        .bind(2, static_cast<std::int64_t>(e.seq))
        .bind(3, name_of(d->from))
        .bind(4, name_of(d->to))
        .bind(5, to_ms(e.at))
        .bind(6, e.by.user.empty() ? std::string_view{"system"} : std::string_view{e.by.user.value})
        .bind(7, d->reason)
        .run();
  } else if (auto* d = std::get_if<turn_edited>(&e.data)) {
    const auto key = question_of(h, d->turn);
    if (key == 0 || !unindex_message(key))
      return; // a question that was withdrawn has no words left to change
    c_.prepare("UPDATE case_messages SET content = ? WHERE id = ?").bind(1, d->content).bind(2, key).run();
    index_message(key, d->content);
  } else if (auto* d = std::get_if<turn_withdrawn>(&e.data)) {
    if (const auto key = question_of(h, d->turn); key != 0) {
      unindex_message(key);
      c_.prepare("DELETE FROM case_messages WHERE id = ?").bind(1, key).run();
    }
    c_.prepare("UPDATE case_turns SET status = 'withdrawn', finished_at = ? WHERE num = ? AND turn_id = ?")
        .bind(1, to_ms(e.at))
        .bind(2, h.num)
        .bind(3, d->turn.value)
        .run();
  } else if (auto* d = std::get_if<turn_interrupted>(&e.data)) {
    c_.prepare("UPDATE case_turns SET status = 'interrupted' WHERE num = ? AND turn_id = ?")
        .bind(1, h.num)
        .bind(2, d->turn.value)
        .run();
  } else {
    finish_turn(h, e); // created, updated, deleted, restored: the record alone
  }
}

void commit_writer::queue_turn(head& h, const case_event& e, const turn_queued& d) {
  message m;
  m.id = d.message;
  m.turn_number = d.turn_number;
  m.author.value = d.author_id;
  m.author_name = d.author_name;
  m.content = d.content;
  m.created_at = e.at;
  const auto key = add_message(h, m);
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
      .bind(10, to_ms(e.at))
      .run();
}

void commit_writer::run_turn(const head& h, const case_event& e, const turn_id& turn, std::uint32_t attempt) {
  c_.prepare("UPDATE case_turns SET status = 'running', attempt = ?, started_seq = ?, "
             "started_at = coalesce(started_at, ?), finished_at = NULL WHERE num = ? AND turn_id = ?")
      .bind(1, std::int64_t{attempt})
      .bind(2, static_cast<std::int64_t>(e.seq))
      .bind(3, to_ms(e.at))
      .bind(4, h.num)
      .bind(5, turn.value)
      .run();
}

void commit_writer::finish_turn(head& h, const case_event& e) {
  auto end = stored::end_of(e.data);
  if (!end)
    return;
  std::int64_t earlier = 0;
  {
    auto s = c_.prepare("SELECT answer_key FROM case_turns WHERE num = ? AND turn_id = ?");
    if (s.bind(1, h.num).bind(2, end->turn->value).step())
      earlier = s.integer(0);
  }
  auto key = earlier;
  if (earlier != 0) {
    // A regenerated answer takes the place of the earlier one in the conversation; the log keeps both.
    unindex_message(earlier);
    const auto metadata = stored::encode(end->metadata);
    c_.prepare("UPDATE case_messages SET message_id = ?, content = ?, metadata = ?, created_at = ? WHERE id = ?")
        .bind(1, end->message->value)
        .bind(2, *end->content)
        .bind(3, metadata)
        .bind(4, to_ms(e.at))
        .bind(5, earlier)
        .run();
    index_message(earlier, *end->content);
  } else {
    message m;
    m.id = *end->message;
    m.turn_number = end->turn_number;
    m.type = message_type::agent_response;
    m.role = message_role::assistant;
    m.author_name = stored::answer_author;
    m.content = *end->content;
    m.metadata = std::move(end->metadata);
    m.created_at = e.at;
    key = add_message(h, m);
  }
  c_.prepare("UPDATE case_turns SET status = ?, attempt = ?, answer = ?, answer_key = ?, finished_at = ? "
             "WHERE num = ? AND turn_id = ?")
      .bind(1, name_of(end->status))
      .bind(2, std::int64_t{end->attempt})
      .bind(3, end->message->value)
      .bind(4, key)
      .bind(5, to_ms(e.at))
      .bind(6, h.num)
      .bind(7, end->turn->value)
      .run();
}

// ---- messages and their words -----------------------------------------------------------------------------------
std::int64_t commit_writer::add_message(head& h, const message& m) {
  const auto key = item_key(h.num, h.next_message++);
  const auto metadata = stored::encode(m.metadata);
  c_.prepare("INSERT INTO case_messages (id, message_id, turn_number, message_type, role, author_id, author_name, "
             "content, metadata, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(1, key)
      .bind(2, m.id.value)
      .bind(3, std::int64_t{m.turn_number})
      .bind(4, name_of(m.type))
      .bind(5, name_of(m.role))
      .bind(6, m.author.value)
      .bind(7, m.author_name)
      .bind(8, m.content)
      .bind(9, metadata)
      .bind(10, to_ms(m.created_at))
      .run();
  index_message(key, m.content);
  return key;
}

void commit_writer::tidy_index() {
  constexpr std::int64_t least_pages = 16, pages_a_page = 8; // each page is written anew about once a level, and levels are few
  constexpr std::size_t page_bytes = 4'096;
  if (indexed_ > 0)
    c_.prepare("INSERT INTO message_search (message_search, rank) VALUES ('merge', ?)")
        .bind(1, least_pages + pages_a_page * static_cast<std::int64_t>(std::exchange(indexed_, 0) / page_bytes))
        .run();
}

void commit_writer::index_message(std::int64_t key, std::string_view content) {
  indexed_ += content.size() + 1;
  c_.prepare("INSERT INTO message_search (rowid, content) VALUES (?, ?)").bind(1, key).bind(2, content).run();
}

bool commit_writer::unindex_message(std::int64_t key) {
  std::string content;
  {
    auto s = c_.prepare("SELECT content FROM case_messages WHERE id = ?");
    if (!s.bind(1, key).step())
      return false;
    content = s.string(0);
  }
  sqlite::unindex_message(c_, key, content);
  return true;
}

std::int64_t commit_writer::question_of(const head& h, const turn_id& turn) {
  auto s = c_.prepare("SELECT question_key FROM case_turns WHERE num = ? AND turn_id = ?");
  return s.bind(1, h.num).bind(2, turn.value).step() ? s.integer(0) : 0;
}

// ---- the record -------------------------------------------------------------------------------------------------
// Most commits move a record's counters and times only: what did not change is not written, and SQLite keeps every
// index whose columns an UPDATE does not name.
void commit_writer::write_record(std::int64_t num, const case_record& r, bool fresh) {
  case_record old;
  if (!fresh) {
    auto s = c_.prepare("SELECT record FROM cases WHERE num = ?");
    if (s.bind(1, num).step())
      if (auto decoded = stored::decode_record(s.text(0)))
        old = std::move(*decoded);
  }
  const bool unreadable = !fresh && old.id != r.id;
  write_search_words(num, r, fresh, unreadable || old.title != r.title || old.description != r.description);
  const auto encoded = stored::encode(r);
  if (!fresh && !unreadable && std::tie(old.owner, old.status, old.priority, old.category, old.title, old.description,
                                        old.deleted_at, old.archived_at, old.created_at) ==
                                   std::tie(r.owner, r.status, r.priority, r.category, r.title, r.description,
                                            r.deleted_at, r.archived_at, r.created_at)) {
    c_.prepare("UPDATE cases SET updated_at = ?2, last_activity_at = ?3, record = ?4 WHERE num = ?1")
        .bind(1, num)
        .bind(2, to_ms(r.updated_at))
        .bind(3, to_ms(r.last_activity_at))
        .bind(4, encoded)
        .run();
  } else {
    auto s = fresh ? c_.prepare("INSERT INTO cases (num, case_id, user_id, status, priority, category, title, "
                                "description, deleted, archived, created_at, updated_at, last_activity_at, record) "
                                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)")
                   : c_.prepare("UPDATE cases SET case_id = ?2, user_id = ?3, status = ?4, priority = ?5, category = ?6, "
                                "title = ?7, description = ?8, deleted = ?9, archived = ?10, created_at = ?11, "
                                "updated_at = ?12, last_activity_at = ?13, record = ?14 WHERE num = ?1");
    s.bind(1, num)
        .bind(2, r.id.value)
        .bind(3, r.owner.value)
        .bind(4, name_of(r.status))
        .bind(5, static_cast<std::int64_t>(r.priority))
        .bind(6, r.category)
        .bind(7, r.title)
        .bind(8, r.description)
        .bind(9, std::int64_t{r.deleted_at.has_value()})
        .bind(10, std::int64_t{r.archived_at.has_value()})
        .bind(11, to_ms(r.created_at))
        .bind(12, to_ms(r.updated_at))
        .bind(13, to_ms(r.last_activity_at))
        .bind(14, encoded)
        .run();
  }
  if (unreadable || old.tags != r.tags) {
    if (!fresh)
      c_.prepare("DELETE FROM case_tags WHERE num = ?").bind(1, num).run();
    for (auto& tag : r.tags)
      c_.prepare("INSERT OR IGNORE INTO case_tags (num, tag) VALUES (?, ?)").bind(1, num).bind(2, tag).run();
  }
  if (unreadable || old.participants != r.participants) {
    if (!fresh)
      c_.prepare("DELETE FROM case_participants WHERE num = ?").bind(1, num).run();
    for (auto& p : r.participants)
      c_.prepare("INSERT OR REPLACE INTO case_participants (user_id, num, role, joined_at) VALUES (?, ?, ?, ?)")
          .bind(1, p.user.value)
          .bind(2, num)
          .bind(3, name_of(p.role))
          .bind(4, to_ms(p.joined_at))
          .run();
  }
}

/// Called before the row changes: the index can only forget what the row still says.
void commit_writer::write_search_words(std::int64_t num, const case_record& r, bool fresh, bool changed) {
  if (!fresh && !changed)
    return;
  if (!fresh) {
    std::string title, description;
    {
      auto s = c_.prepare("SELECT title, description FROM cases WHERE num = ?");
      if (s.bind(1, num).step()) {
        title = s.string(0);
        description = s.string(1);
      }
    }
    unindex_case(c_, num, title, description);
  }
  c_.prepare("INSERT INTO case_search (rowid, title, description) VALUES (?, ?, ?)")
      .bind(1, num)
      .bind(2, r.title)
      .bind(3, r.description)
      .run();
}

void unindex_message(connection& c, std::int64_t key, std::string_view content) {
  c.prepare("INSERT INTO message_search (message_search, rowid, content) VALUES ('delete', ?, ?)")
      .bind(1, key)
      .bind(2, content)
      .run();
}

void unindex_case(connection& c, std::int64_t num, std::string_view title, std::string_view description) {
  c.prepare("INSERT INTO case_search (case_search, rowid, title, description) VALUES ('delete', ?, ?, ?)")
      .bind(1, num)
      .bind(2, title)
      .bind(3, description)
      .run();
}

} // namespace fm::sqlite
