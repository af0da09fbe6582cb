// Reading first, then working out, then one INSERT or UPDATE a table.
#include "storage/postgres/commit_batch.hpp"

#include "protocol/base/json_writer.hpp"
#include "storage/codec/codec.hpp"
#include "storage/codec/projection.hpp"
#include "storage/codec/words.hpp"

#include <algorithm>
#include <tuple>

namespace fm::postgres {
namespace {
/// tsvector holds at most 1 MiB; a message that long is found by its first words in the order of the alphabet.
constexpr std::size_t words_bytes_max = 512U << 10;

/// The words as a literal of tsvector: they are letters and digits only, nothing needs escaping.
std::string word_vector(std::initializer_list<std::string_view> texts) {
  std::string all;
  for (auto text : texts)
    all.append(text).append(" ");
  std::string out;
  for (auto& word : stored::distinct_words(all, words_bytes_max)) {
    out += out.empty() ? "'" : " '";
    out += word;
    out += '\'';
  }
  return out;
}
void optional_time(array& to, const std::optional<timestamp>& t) { t ? to.time(*t) : to.null(); }
void clean_text(array& to, std::string_view text) {
  text.find('\0') == std::string_view::npos ? to.text(text) : to.text(without_nul(text));
}
/// The turns of an event that a row may be stored of.
const turn_id* stored_turn_of(const event_data& data) {
  return std::holds_alternative<turn_delta>(data) || std::holds_alternative<turn_queued>(data) ? nullptr : stored::turn_of(data);
}
std::string text_of(const std::map<std::string, std::string>& facts, const char* key) {
  const auto found = facts.find(key);
  return found == facts.end() ? std::string{} : found->second;
}
bool same_but_for_times(const case_record& a, const case_record& b) {
  return std::tie(a.owner, a.status, a.priority, a.category, a.title, a.description, a.deleted_at, a.archived_at, a.created_at,
                  a.closure_reason, a.resolved_at, a.tags) ==
         std::tie(b.owner, b.status, b.priority, b.category, b.title, b.description, b.deleted_at, b.archived_at, b.created_at,
                  b.closure_reason, b.resolved_at, b.tags);
}
} // namespace

// ---- reading ----------------------------------------------------------------------------------------------------
std::vector<statement> commit_batch::questions(std::span<const case_commit> items) {
  std::map<std::string_view, bool> names; // and whether the record is wanted
  std::set<std::pair<std::string_view, std::string_view>> turns;
  std::vector<std::pair<std::string, std::string>> copied_turns;
  std::int64_t fresh = 0;
  for (auto& item : items) {
    auto& wanted = names.try_emplace(item.id.value, false).first->second;
    wanted = wanted || item.record != nullptr;
    fresh += item.expected_seq == 0 ? 1 : 0;
    for (auto& e : item.events)
      if (const auto* t = e ? stored_turn_of(e->data) : nullptr)
        turns.emplace(item.id.value, t->value);
    for (auto& row : item.copied)
      if (row.data && row.kind != "turn_delta" && row.kind != "turn_queued")
        if (const auto data = stored::decode_event(row.kind, *row.data, row.version); data && stored_turn_of(*data))
          copied_turns.emplace_back(item.id.value, stored_turn_of(*data)->value);
  }
  for (auto& [name, id] : copied_turns)
    turns.emplace(name, id);
  array with_record, without, turn_cases, turn_ids;
  for (auto& [name, wanted] : names)
    (wanted ? with_record : without).text(without_nul(name));
  for (auto& [name, id] : turns) {
    turn_cases.text(without_nul(name));
    turn_ids.text(without_nul(id));
  }
  std::vector<statement> all;
  all.push_back({"SELECT pg_current_xact_id()::text", {}});
  all.push_back({"SELECT h.case_id, h.case_num, h.seq, h.hash, h.next_message, "
                 "CASE WHEN h.case_id = ANY($1::text[]) THEN (SELECT c.record::text FROM cases c WHERE c.case_num = h.case_num) END "
                 "FROM case_heads h WHERE h.case_id = ANY($1::text[]) OR h.case_id = ANY($2::text[]) ORDER BY h.case_id FOR UPDATE OF h",
                 values{}.texts(with_record).texts(without)});
  all.push_back({"SELECT nextval(pg_get_serial_sequence('case_heads', 'case_num')) FROM generate_series(1, $1::int8)",
                 values{}.integer(fresh)});
  all.push_back({"SELECT t.case_num, t.turn_id, t.turn_number, t.status, t.attempt, t.started_seq, t.question_place, t.started_at, "
                 "t.finished_at, t.answer, t.answer_place FROM unnest($1::text[], $2::text[]) AS w (case_id, turn_id) "
                 "JOIN case_heads h ON h.case_id = w.case_id JOIN case_turns t ON t.case_num = h.case_num AND t.turn_id = w.turn_id",
                 values{}.texts(turn_cases).texts(turn_ids)});
  return all;
}

commit_batch::commit_batch(std::span<const case_commit> items, const std::vector<rows>& answers) {
  const auto& h = answers.at(1);
  for (int i = 0; i < h.size(); ++i) {
    head at;
    at.num = h.integer(i, 1);
    at.seq = at.stored_seq = static_cast<sequence>(h.integer(i, 2));
    at.hash = h.hash(i, 3);
    at.next_message = h.integer(i, 4);
    const auto name = h.string(i, 0);
    heads_.emplace(name, at);
    if (!h.is_null(i, 5))
      if (auto record = stored::decode_record(h.text(i, 5)))
        records_[name].old = std::move(*record);
  }
  for (int i = 0; i < answers.at(2).size(); ++i)
    fresh_numbers_.push_back(answers[2].integer(i, 0));
  const auto& t = answers.at(3);
  for (int i = 0; i < t.size(); ++i) {
    turn_row row;
    row.number = t.integer(i, 2);
    row.status = t.string(i, 3);
    row.attempt = t.integer(i, 4);
    row.started_seq = t.integer(i, 5);
    row.question_place = t.integer(i, 6);
    if (!t.is_null(i, 7))
      row.started_at = t.time(i, 7);
    if (!t.is_null(i, 8))
      row.finished_at = t.time(i, 8);
    row.answer = t.string(i, 9);
    if (!t.is_null(i, 10))
      row.answer_place = t.integer(i, 10);
    turns_.emplace(turn_key{t.integer(i, 0), t.string(i, 1)}, std::move(row));
  }
  results_.reserve(items.size());
  for (auto& item : items)
    results_.push_back(take(item));
}

// ---- working out ------------------------------------------------------------------------------------------------
outcome<sequence> commit_batch::take(const case_commit& commit) {
  const auto known = heads_.find(commit.id.value);
  const bool exists = known != heads_.end();
  if (auto refused = stored::refusal_of(commit, exists, exists ? known->second.seq : 0))
    return *refused;
  if (commit.events.empty() && commit.copied.empty())
    return commit.expected_seq;
  auto sealed = stored::seal_all(exists ? known->second.hash : digest{}, commit);
  if (!sealed)
    return sealed.error();
  kept_.push_back(std::move(*sealed));
  auto& h = exists ? known->second : heads_[commit.id.value];
  if (!exists) {
    h.num = fresh_numbers_.at(numbers_used_++);
    h.fresh = true;
  }
  h.touched = true;
  for (auto& s : kept_.back())
    take(h, s);
  if (commit.record) {
    auto& r = records_[commit.id.value];
    r.of = &h;
    r.record = commit.record.get();
  }
  return h.seq;
}

void commit_batch::take(head& h, const stored::sealed_event& s) {
  const auto& row = s.row;
  event_num_.integer(h.num);
  event_seq_.integer(static_cast<std::int64_t>(row.seq));
  event_kind_.text(row.kind);
  event_at_.time(row.at);
  clean_text(event_actor_, row.by.user.value);
  clean_text(event_name_, row.by.name);
  event_version_.integer(row.version);
  row.data ? event_data_.text(*row.data) : event_data_.null();
  event_data_hash_.bytes(row.data_hash);
  event_hash_.bytes(row.link);
  h.hash = row.link;
  h.seq = row.seq;
  if (s.event)
    project(h, *s.event);
}

void commit_batch::project(head& h, const case_event& e) {
  const auto& name = e.in_case.value;

  if (auto* d = std::get_if<turn_queued>(&e.data)) {
    message m;
    m.id = d->message;
    m.turn_number = d->turn_number;
    m.author.value = d->author_id;
    m.author_name = d->author_name;
    m.content = d->content;
    m.created_at = e.at;
    turn_row row;
    row.number = d->turn_number;
    row.status = "queued";
    row.question_place = add_message(h, name, std::move(m));
    row.queued = d;
    row.created_at = e.at;
    row.touched = true;
    if (!turns_.try_emplace(turn_key{h.num, d->turn.value}, std::move(row)).second)
      throw error{"23505", "a turn is queued twice", false}; // as the table would say were the two in two batches
  } else if (std::holds_alternative<turn_started>(e.data) || std::holds_alternative<turn_restarted>(e.data)) {
    const auto* started = std::get_if<turn_started>(&e.data);
    const auto* again = std::get_if<turn_restarted>(&e.data);
    if (auto* t = turn_of(h, started ? started->turn : again->turn)) {
      t->status = "running";
      t->attempt = started ? started->attempt : again->attempt;
      t->started_seq = static_cast<std::int64_t>(e.seq);
      t->started_at = t->started_at.value_or(e.at);
      t->finished_at.reset();
    }
  } else if (auto* d = std::get_if<message_added>(&e.data)) {
    add_message(h, name, d->added);
    note_file(name, d->added);
  } else if (auto* d = std::get_if<status_changed>(&e.data)) {
    changes_.push_back({&name, e.seq, e.at, e.by.user.empty() ? "system" : e.by.user.value, d});
  } else if (auto* d = std::get_if<turn_edited>(&e.data)) {
    if (auto* t = turn_of(h, d->turn))
      message_at(h, name, t->question_place).value.content = d->content;
  } else if (auto* d = std::get_if<turn_withdrawn>(&e.data)) {
    if (auto* t = turn_of(h, d->turn)) {
      message_at(h, name, t->question_place).removed = true;
      t->status = "withdrawn";
      t->finished_at = e.at;
    }
  } else if (auto* d = std::get_if<turn_interrupted>(&e.data)) {
    if (auto* t = turn_of(h, d->turn))
      t->status = "interrupted";
  } else {
    take_end(h, e); // deltas: the text of a running turn is read from the log; created, updated, deleted: the record
  }
}

void commit_batch::take_end(head& h, const case_event& e) {
  auto end = stored::end_of(e.data);
  if (!end)
    return;
  auto* t = turn_of(h, *end->turn);
  message m;
  m.id = *end->message;
  m.turn_number = end->turn_number;
  m.type = message_type::agent_response;
  m.role = message_role::assistant;
  m.author_name = stored::answer_author;
  m.content = *end->content;
  m.metadata = std::move(end->metadata);
  m.created_at = e.at;
  std::optional<std::int64_t> place;
  if (t && t->answer_place) {
    // A regenerated answer takes the place of the earlier one in the conversation; the log keeps both.
    place = t->answer_place;
    auto& row = message_at(h, e.in_case.value, *place);
    row.value = std::move(m);
  } else {
    place = add_message(h, e.in_case.value, std::move(m));
  }
  if (t) {
    t->status = name_of(end->status);
    t->attempt = end->attempt;
    t->answer = end->message->value;
    t->answer_place = place;
    t->finished_at = e.at;
  }
}

std::int64_t commit_batch::add_message(head& h, const std::string& case_id, message m) {
  const auto place = h.next_message++;
  messages_[{h.num, place}] = {&case_id, std::move(m), true, false};
  return place;
}

commit_batch::message_row& commit_batch::message_at(const head& h, const std::string& case_id, std::int64_t place) {
  return messages_.try_emplace({h.num, place}, message_row{&case_id, {}, false, false}).first->second;
}

turn_row* commit_batch::turn_of(const head& h, const turn_id& id) {
  const auto found = turns_.find(turn_key{h.num, id.value});
  if (found == turns_.end())
    return nullptr;
  found->second.touched = true;
  return &found->second;
}

/// Files are told to a case by messages that say their facts (files actor).
void commit_batch::note_file(const std::string& case_id, const message& m) {
  const auto id = text_of(m.metadata, "file_id");
  if (id.empty())
    return;
  auto& row = files_[{case_id, id}];
  row.case_id = case_id;
  row.removed = text_of(m.metadata, "removed") == "true";
  row.facts = m.metadata;
  row.at = m.created_at;
}

// ---- writing ----------------------------------------------------------------------------------------------------
std::vector<statement> commit_batch::writes() const {
  std::vector<statement> all;
  array ids, nums, seqs, expected, hashes, nexts;
  array new_ids, new_nums, new_seqs, new_hashes, new_nexts;
  for (auto& [name, h] : heads_) {
    if (!h.touched)
      continue;
    (h.fresh ? new_nums : nums).integer(h.num);
    (h.fresh ? new_seqs : seqs).integer(static_cast<std::int64_t>(h.seq));
    (h.fresh ? new_hashes : hashes).bytes(h.hash);
    (h.fresh ? new_nexts : nexts).integer(h.next_message);
    h.fresh ? new_ids.text(without_nul(name)) : expected.integer(static_cast<std::int64_t>(h.stored_seq));
  }
  if (event_num_.size() == 0)
    return all;
  if (new_nums.size() > 0)
    all.push_back({"INSERT INTO case_heads (case_num, case_id, seq, hash, next_message) "
                   "SELECT * FROM unnest($1::int8[], $2::text[], $3::int8[], $4::bytea[], $5::int8[])",
                   values{}.integers(new_nums).texts(new_ids).integers(new_seqs).blobs(new_hashes).integers(new_nexts)});
  if (nums.size() > 0) {
    // The number each writer expects stands in the statement itself: one stale row and the division ends the batch.
    const auto count = static_cast<std::int64_t>(nums.size());
    all.push_back({"WITH moved AS (UPDATE case_heads h SET seq = w.seq, hash = w.hash, next_message = w.next_message "
                   "FROM unnest($1::int8[], $2::int8[], $3::int8[], $4::bytea[], $5::int8[]) AS w (num, expected, seq, hash, next_message) "
                   "WHERE h.case_num = w.num AND h.seq = w.expected RETURNING 1) "
                   "SELECT 1 / (count(*) = $6::int8)::int FROM moved",
                   values{}.integers(nums).integers(expected).integers(seqs).blobs(hashes).integers(nexts).integer(count)});
  }
  all.push_back({"INSERT INTO case_events (case_num, seq, kind, at, actor_id, actor_name, version, data, data_hash, hash) "
                 "SELECT * FROM unnest($1::int8[], "
                 "$2::int8[], $3::text[], $4::timestamptz[], $5::text[], $6::text[], $7::int8[], $8::text[], $9::bytea[], $10::bytea[])",
                 values{}
                     .integers(event_num_)
                     .integers(event_seq_)
                     .texts(event_kind_)
                     .times(event_at_)
                     .texts(event_actor_)
                     .texts(event_name_)
                     .integers(event_version_)
                     .texts(event_data_)
                     .blobs(event_data_hash_)
                     .blobs(event_hash_)});

  // Records.
  array full_id, full_num, full_user, full_status, full_reason, full_priority, full_category, full_title, full_description, full_deleted,
      full_archived, full_created, full_updated, full_activity, full_resolved, full_tags, full_record, full_words;
  array light_num, light_updated, light_activity, light_record;
  array tag_gone, tag_id, tag_num, tag_text, part_gone, part_user, part_num, part_role, part_joined;
  for (auto& [name, row] : records_) {
    if (!row.record)
      continue;
    const auto& r = *row.record;
    const auto record = json_without_nul(stored::encode(r));
    if (row.old && same_but_for_times(*row.old, r)) {
      light_num.integer(row.of->num);
      light_updated.time(r.updated_at);
      light_activity.time(r.last_activity_at);
      light_record.text(record);
    } else {
      clean_text(full_id, r.id.value);
      full_num.integer(row.of->num);
      clean_text(full_user, r.owner.value);
      full_status.text(name_of(r.status));
      r.closure_reason.empty() ? full_reason.null() : clean_text(full_reason, r.closure_reason);
      full_priority.integer(static_cast<std::int64_t>(r.priority));
      clean_text(full_category, r.category);
      clean_text(full_title, r.title);
      clean_text(full_description, r.description);
      full_deleted.integer(r.deleted_at.has_value());
      full_archived.integer(r.archived_at.has_value());
      full_created.time(r.created_at);
      full_updated.time(r.updated_at);
      full_activity.time(r.last_activity_at);
      optional_time(full_resolved, r.resolved_at);
      std::string tags = "[";
      for (auto& tag : r.tags) {
        tags += tags.size() > 1 ? "," : "";
        append_json_string(tags, tag);
      }
      full_tags.text(json_without_nul(tags + "]"));
      full_record.text(record);
      full_words.text(word_vector({r.title, r.description}));
    }
    if (!row.old || row.old->tags != r.tags) {
      if (!row.of->fresh)
        clean_text(tag_gone, r.id.value);
      std::set<std::string> once{r.tags.begin(), r.tags.end()};
      for (auto& tag : once) {
        clean_text(tag_id, r.id.value);
        tag_num.integer(row.of->num);
        clean_text(tag_text, tag);
      }
    }
    if (!row.old || row.old->participants != r.participants) {
      if (!row.of->fresh)
        part_gone.integer(row.of->num);
      std::map<std::string, const participant*> once;
      for (auto& p : r.participants)
        once[p.user.value] = &p;
      for (auto& [user, p] : once) {
        clean_text(part_user, user);
        part_num.integer(row.of->num);
        part_role.text(name_of(p->role));
        part_joined.time(p->joined_at);
      }
    }
  }
  if (full_num.size() > 0)
    all.push_back({"INSERT INTO cases (case_id, case_num, user_id, status, closure_reason, priority, category, title, description, deleted, "
                   "archived, created_at, updated_at, last_activity_at, resolved_at, tags, record, words) "
                   "SELECT w.case_id, w.num, w.user_id, w.status, w.reason, w.priority, w.category, w.title, w.description, w.deleted <> 0, "
                   "w.archived <> 0, w.created_at, w.updated_at, w.activity, w.resolved_at, w.tags::jsonb, w.record::jsonb, w.words::tsvector "
                   "FROM unnest($1::text[], $2::int8[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::text[], $8::text[], $9::text[], "
                   "$10::int8[], $11::int8[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[], $16::text[], "
                   "$17::text[], $18::text[]) AS w (case_id, num, user_id, status, reason, priority, category, title, description, deleted, archived, "
                   "created_at, updated_at, activity, resolved_at, tags, record, words) "
                   "ON CONFLICT (case_id) DO UPDATE SET user_id = excluded.user_id, status = excluded.status, "
                   "closure_reason = excluded.closure_reason, priority = excluded.priority, category = excluded.category, "
                   "title = excluded.title, description = excluded.description, deleted = excluded.deleted, archived = excluded.archived, "
                   "created_at = excluded.created_at, updated_at = excluded.updated_at, last_activity_at = excluded.last_activity_at, "
                   "resolved_at = excluded.resolved_at, tags = excluded.tags, record = excluded.record, words = excluded.words",
                   values{}
                       .texts(full_id)
                       .integers(full_num)
                       .texts(full_user)
                       .texts(full_status)
                       .texts(full_reason)
                       .integers(full_priority)
                       .texts(full_category)
                       .texts(full_title)
                       .texts(full_description)
                       .integers(full_deleted)
                       .integers(full_archived)
                       .times(full_created)
                       .times(full_updated)
                       .times(full_activity)
                       .times(full_resolved)
                       .texts(full_tags)
                       .texts(full_record)
                       .texts(full_words)});
  if (full_num.size() > 0)
    all.push_back({"INSERT INTO case_activity (case_num, user_id, last_activity_at, updated_at, archived, deleted) SELECT w.num, w.user_id, "
                   "w.activity, w.updated_at, w.archived <> 0, w.deleted <> 0 FROM unnest($1::int8[], $2::text[], $3::timestamptz[], "
                   "$4::timestamptz[], $5::int8[], $6::int8[]) AS w (num, user_id, activity, updated_at, archived, deleted) "
                   "ON CONFLICT (case_num) DO UPDATE SET user_id = excluded.user_id, last_activity_at = excluded.last_activity_at, "
                   "updated_at = excluded.updated_at, archived = excluded.archived, deleted = excluded.deleted",
                   values{}
                       .integers(full_num)
                       .texts(full_user)
                       .times(full_activity)
                       .times(full_updated)
                       .integers(full_archived)
                       .integers(full_deleted)});
  if (light_num.size() > 0)
    all.push_back({"UPDATE case_activity a SET updated_at = w.updated_at, last_activity_at = w.activity FROM unnest($1::int8[], "
                   "$2::timestamptz[], $3::timestamptz[]) AS w (num, updated_at, activity) WHERE a.case_num = w.num",
                   values{}.integers(light_num).times(light_updated).times(light_activity)});
  if (light_num.size() > 0)
    all.push_back({"UPDATE cases c SET updated_at = w.updated_at, last_activity_at = w.activity, record = w.record::jsonb "
                   "FROM unnest($1::int8[], $2::timestamptz[], $3::timestamptz[], $4::text[]) AS w (num, updated_at, activity, record) "
                   "WHERE c.case_num = w.num",
                   values{}.integers(light_num).times(light_updated).times(light_activity).texts(light_record)});
  if (tag_gone.size() > 0)
    all.push_back({"DELETE FROM case_tags WHERE case_id = ANY($1::text[])", values{}.texts(tag_gone)});
  if (tag_id.size() > 0)
    all.push_back({"INSERT INTO case_tags (case_id, case_num, tag) SELECT * FROM unnest($1::text[], $2::int8[], $3::text[])",
                   values{}.texts(tag_id).integers(tag_num).texts(tag_text)});
  if (part_gone.size() > 0)
    all.push_back({"DELETE FROM case_participants WHERE case_num = ANY($1::int8[])", values{}.integers(part_gone)});
  if (part_user.size() > 0)
    all.push_back({"INSERT INTO case_participants (user_id, case_num, role, joined_at) "
                   "SELECT * FROM unnest($1::text[], $2::int8[], $3::text[], $4::timestamptz[])",
                   values{}.texts(part_user).integers(part_num).texts(part_role).times(part_joined)});

  // Messages.
  array m_id, m_case, m_num, m_place, m_turn, m_type, m_role, m_author, m_name, m_content, m_metadata, m_created, m_words;
  array u_num, u_place, u_id, u_content, u_metadata, u_created, u_words, gone_num, gone_place, edit_num, edit_place, edit_content, edit_words;
  for (auto& [key, row] : messages_) {
    const auto& m = row.value;
    if (row.removed) {
      if (!row.fresh) {
        gone_num.integer(key.first);
        gone_place.integer(key.second);
      }
    } else if (row.fresh) {
      clean_text(m_id, m.id.value);
      clean_text(m_case, *row.case_id);
      m_num.integer(key.first);
      m_place.integer(key.second);
      m_turn.integer(m.turn_number);
      m_type.text(name_of(m.type));
      m_role.text(name_of(m.role));
      clean_text(m_author, m.author.value);
      clean_text(m_name, m.author_name);
      clean_text(m_content, m.content);
      m_metadata.text(json_without_nul(stored::encode(m.metadata)));
      m_created.time(m.created_at);
      m_words.text(word_vector({m.content}));
    } else if (!m.id.empty()) { // a regenerated answer
      u_num.integer(key.first);
      u_place.integer(key.second);
      clean_text(u_id, m.id.value);
      clean_text(u_content, m.content);
      u_metadata.text(json_without_nul(stored::encode(m.metadata)));
      u_created.time(m.created_at);
      u_words.text(word_vector({m.content}));
    } else { // an edited question
      edit_num.integer(key.first);
      edit_place.integer(key.second);
      clean_text(edit_content, m.content);
      edit_words.text(word_vector({m.content}));
    }
  }
  if (m_id.size() > 0)
    all.push_back({"INSERT INTO case_messages (message_id, case_id, case_num, place, turn_number, message_type, role, author_id, author_name, "
                   "content, metadata, created_at, words) SELECT w.id, w.case_id, w.num, w.place, w.turn, w.type, w.role, w.author, w.name, "
                   "w.content, w.metadata::jsonb, w.at, w.words::tsvector FROM unnest($1::text[], $2::text[], $3::int8[], $4::int8[], "
                   "$5::int8[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[], $13::text[]) "
                   "AS w (id, case_id, num, place, turn, type, role, author, name, content, metadata, at, words)",
                   values{}
                       .texts(m_id)
                       .texts(m_case)
                       .integers(m_num)
                       .integers(m_place)
                       .integers(m_turn)
                       .texts(m_type)
                       .texts(m_role)
                       .texts(m_author)
                       .texts(m_name)
                       .texts(m_content)
                       .texts(m_metadata)
                       .times(m_created)
                       .texts(m_words)});
  if (u_num.size() > 0)
    all.push_back({"UPDATE case_messages m SET message_id = w.id, content = w.content, metadata = w.metadata::jsonb, created_at = w.at, "
                   "words = w.words::tsvector FROM unnest($1::int8[], $2::int8[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], "
                   "$7::text[]) AS w (num, place, id, content, metadata, at, words) WHERE m.case_num = w.num AND m.place = w.place",
                   values{}.integers(u_num).integers(u_place).texts(u_id).texts(u_content).texts(u_metadata).times(u_created).texts(u_words)});
  if (edit_num.size() > 0)
    all.push_back({"UPDATE case_messages m SET content = w.content, words = w.words::tsvector FROM unnest($1::int8[], $2::int8[], $3::text[], "
                   "$4::text[]) AS w (num, place, content, words) WHERE m.case_num = w.num AND m.place = w.place",
                   values{}.integers(edit_num).integers(edit_place).texts(edit_content).texts(edit_words)});
  if (gone_num.size() > 0)
    all.push_back({"DELETE FROM case_messages m USING unnest($1::int8[], $2::int8[]) AS w (num, place) "
                   "WHERE m.case_num = w.num AND m.place = w.place",
                   values{}.integers(gone_num).integers(gone_place)});

  // Turns.
  array q_num, q_number, q_id, q_client, q_status, q_attempt, q_author, q_name, q_digest, q_question, q_qplace, q_answer, q_aplace, q_seq,
      q_created, q_started, q_finished;
  array t_num, t_number, t_status, t_attempt, t_answer, t_aplace, t_seq, t_started, t_finished;
  for (auto& [key, t] : turns_) {
    if (!t.touched)
      continue;
    const bool fresh = t.queued != nullptr;
    (fresh ? q_num : t_num).integer(key.first);
    (fresh ? q_number : t_number).integer(t.number);
    (fresh ? q_status : t_status).text(t.status);
    (fresh ? q_attempt : t_attempt).integer(t.attempt);
    clean_text(fresh ? q_answer : t_answer, t.answer);
    auto& place = fresh ? q_aplace : t_aplace;
    t.answer_place ? place.integer(*t.answer_place) : place.null();
    (fresh ? q_seq : t_seq).integer(t.started_seq);
    optional_time(fresh ? q_started : t_started, t.started_at);
    optional_time(fresh ? q_finished : t_finished, t.finished_at);
    if (fresh) {
      clean_text(q_id, key.second);
      clean_text(q_client, t.queued->client_id.value);
      clean_text(q_author, t.queued->author_id);
      clean_text(q_name, t.queued->author_name);
      clean_text(q_digest, t.queued->body_digest);
      clean_text(q_question, t.queued->message.value);
      q_qplace.integer(t.question_place);
      q_created.time(t.created_at);
    }
  }
  if (q_num.size() > 0)
    all.push_back({"INSERT INTO case_turns (case_num, turn_number, turn_id, client_turn_id, status, attempt, author_id, author_name, "
                   "body_digest, question, question_place, answer, answer_place, started_seq, created_at, started_at, finished_at) "
                   "SELECT * FROM unnest($1::int8[], $2::int8[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::text[], $8::text[], "
                   "$9::text[], $10::text[], $11::int8[], $12::text[], $13::int8[], $14::int8[], $15::timestamptz[], $16::timestamptz[], "
                   "$17::timestamptz[])",
                   values{}
                       .integers(q_num)
                       .integers(q_number)
                       .texts(q_id)
                       .texts(q_client)
                       .texts(q_status)
                       .integers(q_attempt)
                       .texts(q_author)
                       .texts(q_name)
                       .texts(q_digest)
                       .texts(q_question)
                       .integers(q_qplace)
                       .texts(q_answer)
                       .integers(q_aplace)
                       .integers(q_seq)
                       .times(q_created)
                       .times(q_started)
                       .times(q_finished)});
  if (t_num.size() > 0)
    all.push_back({"UPDATE case_turns t SET status = w.status, attempt = w.attempt, answer = w.answer, answer_place = w.place, "
                   "started_seq = w.seq, started_at = w.started_at, finished_at = w.finished_at FROM unnest($1::int8[], $2::int8[], "
                   "$3::text[], $4::int8[], $5::text[], $6::int8[], $7::int8[], $8::timestamptz[], $9::timestamptz[]) "
                   "AS w (num, number, status, attempt, answer, place, seq, started_at, finished_at) "
                   "WHERE t.case_num = w.num AND t.turn_number = w.number",
                   values{}
                       .integers(t_num)
                       .integers(t_number)
                       .texts(t_status)
                       .integers(t_attempt)
                       .texts(t_answer)
                       .integers(t_aplace)
                       .integers(t_seq)
                       .times(t_started)
                       .times(t_finished)});

  // The audit of states, and files.
  array c_id, c_seq, c_from, c_to, c_at, c_by, c_reason;
  for (auto& c : changes_) {
    clean_text(c_id, *c.case_id);
    c_seq.integer(static_cast<std::int64_t>(c.seq));
    c_from.text(name_of(c.what->from));
    c_to.text(name_of(c.what->to));
    c_at.time(c.at);
    clean_text(c_by, c.by);
    clean_text(c_reason, c.what->reason);
  }
  if (c_id.size() > 0)
    all.push_back({"INSERT INTO case_status_transitions (case_id, seq, from_status, to_status, triggered_at, triggered_by, reason) "
                   "SELECT * FROM unnest($1::text[], $2::int8[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[])",
                   values{}.texts(c_id).integers(c_seq).texts(c_from).texts(c_to).times(c_at).texts(c_by).texts(c_reason)});
  array f_id, f_case, f_name, f_type, f_size, f_key, f_status, f_at, f_done, gone_case, gone_file;
  for (auto& [key, f] : files_) {
    if (f.removed) {
      clean_text(gone_case, key.first);
      clean_text(gone_file, key.second);
      continue;
    }
    const auto status = text_of(f.facts, "status");
    clean_text(f_case, key.first);
    clean_text(f_id, key.second);
    clean_text(f_name, text_of(f.facts, "filename"));
    clean_text(f_type, text_of(f.facts, "data_type"));
    f_size.integer(std::atoll(text_of(f.facts, "file_size").c_str()));
    clean_text(f_key, "cases/" + key.first + "/" + key.second);
    f_status.text(status == "pending" || status == "processing" || status == "failed" ? std::string_view{status} : "completed");
    f_at.time(f.at);
    f_done.time(f.at);
  }
  if (f_id.size() > 0)
    all.push_back({"INSERT INTO uploaded_files (file_id, case_id, filename, data_type, size_bytes, s3_key, preprocessing_status, uploaded_at, "
                   "processed_at) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::int8[], $6::text[], $7::text[], "
                   "$8::timestamptz[], $9::timestamptz[]) ON CONFLICT (case_id, file_id) DO UPDATE SET data_type = excluded.data_type, "
                   "preprocessing_status = excluded.preprocessing_status, processed_at = excluded.processed_at",
                   values{}.texts(f_id).texts(f_case).texts(f_name).texts(f_type).integers(f_size).texts(f_key).texts(f_status).times(f_at).times(f_done)});
  if (gone_file.size() > 0)
    all.push_back({"DELETE FROM uploaded_files f USING unnest($1::text[], $2::text[]) AS w (case_id, file_id) "
                   "WHERE f.case_id = w.case_id AND f.file_id = w.file_id",
                   values{}.texts(gone_case).texts(gone_file)});
  return all;
}

} // namespace fm::postgres
