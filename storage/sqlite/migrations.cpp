// Normalize what is queried, embed what is not (data storage document, 3.2). How the integer keys are made: rows.hpp.
#include "storage/sqlite/migrations.hpp"

namespace fm::sqlite {

const std::vector<migration>& case_migrations() {
  static const std::vector<migration> steps{
      {1, "cases, log, users", R"sql(
CREATE TABLE case_heads (
  num INTEGER PRIMARY KEY,
  case_id TEXT NOT NULL UNIQUE,
  seq INTEGER NOT NULL,
  hash BLOB NOT NULL,
  next_message INTEGER NOT NULL DEFAULT 1,
  compacted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE case_events (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  at INTEGER NOT NULL,
  actor_id TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  version INTEGER NOT NULL,
  data TEXT,
  data_hash BLOB NOT NULL,
  hash BLOB NOT NULL
);
CREATE TABLE cases (
  num INTEGER PRIMARY KEY,
  case_id TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('consulting','investigating','resolved','closed')),
  priority INTEGER NOT NULL,
  category TEXT NOT NULL,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  deleted INTEGER NOT NULL,
  archived INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  last_activity_at INTEGER NOT NULL,
  record TEXT NOT NULL
);
-- The order of lists, and behind it what lists filter by: pages and counts are answered from the index.
CREATE INDEX idx_cases_owner ON cases
  (user_id, deleted, last_activity_at, num, archived, status, priority, created_at, updated_at);
CREATE INDEX idx_cases_owner_open ON cases (user_id, status, deleted);
CREATE INDEX idx_cases_activity ON cases
  (deleted, last_activity_at, num, archived, status, priority, created_at, updated_at);
CREATE TABLE case_participants (
  user_id TEXT NOT NULL, num INTEGER NOT NULL, role TEXT NOT NULL, joined_at INTEGER NOT NULL,
  PRIMARY KEY (user_id, num)
) WITHOUT ROWID;
CREATE INDEX idx_participants_case ON case_participants (num);
CREATE TABLE case_tags (num INTEGER NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (num, tag)) WITHOUT ROWID;
CREATE INDEX idx_tags_tag ON case_tags (tag, num);
CREATE TABLE case_messages (
  id INTEGER PRIMARY KEY,
  message_id TEXT NOT NULL,
  turn_number INTEGER NOT NULL,
  message_type TEXT NOT NULL,
  role TEXT NOT NULL,
  author_id TEXT NOT NULL,
  author_name TEXT NOT NULL,
  content TEXT NOT NULL,
  metadata TEXT NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE TABLE case_turns (
  id INTEGER PRIMARY KEY,
  num INTEGER NOT NULL,
  turn_id TEXT NOT NULL,
  client_turn_id TEXT NOT NULL,
  status TEXT NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0,
  author_id TEXT NOT NULL,
  author_name TEXT NOT NULL,
  body_digest TEXT NOT NULL,
  question TEXT NOT NULL,
  question_key INTEGER NOT NULL,
  answer TEXT NOT NULL DEFAULT '',
  answer_key INTEGER,
  started_seq INTEGER NOT NULL DEFAULT 0,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  finished_at INTEGER
);
CREATE UNIQUE INDEX idx_turns_id ON case_turns (num, turn_id);
CREATE UNIQUE INDEX idx_turns_client ON case_turns (num, client_turn_id);
CREATE INDEX idx_turns_unfinished ON case_turns (num) WHERE status IN ('queued','running','interrupted');
CREATE TABLE case_status_transitions (
  num INTEGER NOT NULL, seq INTEGER NOT NULL, from_status TEXT NOT NULL, to_status TEXT NOT NULL,
  triggered_at INTEGER NOT NULL, triggered_by TEXT NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (num, seq)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE message_search USING fts5(content, content='case_messages', content_rowid='id', detail='none', columnsize=0,
  tokenize='unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE case_search USING fts5(title, description, content='cases', content_rowid='num', detail='none', columnsize=0,
  tokenize='unicode61 remove_diacritics 2');
CREATE TABLE users (
  user_id TEXT PRIMARY KEY,
  username_key TEXT NOT NULL UNIQUE,
  email_key TEXT UNIQUE,
  created_at INTEGER NOT NULL,
  record TEXT NOT NULL
) WITHOUT ROWID;
)sql",
       R"sql(
DROP TABLE message_search;
DROP TABLE case_search;
DROP TABLE users;
DROP TABLE case_status_transitions;
DROP TABLE case_turns;
DROP TABLE case_messages;
DROP TABLE case_tags;
DROP TABLE case_participants;
DROP TABLE cases;
DROP TABLE case_events;
DROP TABLE case_heads;
)sql"},
      {2, "reports and audit", R"sql(
CREATE TABLE reports (
  report_id TEXT PRIMARY KEY,
  case_id TEXT NOT NULL, -- reports outlive their case
  report_type TEXT NOT NULL CHECK (report_type IN ('incident_report','runbook','post_mortem')),
  version INTEGER NOT NULL CHECK (version BETWEEN 1 AND 5),
  status TEXT NOT NULL CHECK (status IN ('generating','completed','failed')),
  is_current INTEGER NOT NULL,
  linked_to_closure INTEGER NOT NULL DEFAULT 0,
  title TEXT NOT NULL,
  content TEXT NOT NULL,
  generated_at INTEGER NOT NULL,
  generation_ms INTEGER NOT NULL DEFAULT 0,
  record TEXT NOT NULL DEFAULT '{}',
  UNIQUE (case_id, report_type, version)
) WITHOUT ROWID;
CREATE UNIQUE INDEX idx_reports_current ON reports (case_id, report_type) WHERE is_current;
CREATE INDEX idx_reports_case ON reports (case_id, generated_at);
CREATE TABLE audit_log (
  audit_id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  user_id TEXT NOT NULL,
  action TEXT NOT NULL,
  case_id TEXT,
  facts TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX idx_audit_at ON audit_log (at);
CREATE INDEX idx_audit_user ON audit_log (user_id, at);
CREATE INDEX idx_audit_case ON audit_log (case_id, at) WHERE case_id IS NOT NULL;
)sql",
       R"sql(
DROP TABLE audit_log;
DROP TABLE reports;
)sql"},
      {3, "full text is merged in small steps", R"sql(
INSERT INTO message_search (message_search, rank) VALUES ('automerge', 0);
INSERT INTO message_search (message_search, rank) VALUES ('crisismerge', 64);
)sql",
       R"sql(
INSERT INTO message_search (message_search, rank) VALUES ('automerge', 4);
INSERT INTO message_search (message_search, rank) VALUES ('crisismerge', 16);
)sql"},
  };
  return steps;
}

const std::vector<migration>& session_migrations() {
  static const std::vector<migration> steps{
      {1, "values that expire", R"sql(
CREATE TABLE kv (key TEXT PRIMARY KEY, value BLOB NOT NULL, expires_at INTEGER) WITHOUT ROWID;
CREATE INDEX idx_kv_expiry ON kv (expires_at) WHERE expires_at IS NOT NULL;
)sql",
       "DROP TABLE kv;"},
  };
  return steps;
}

const std::vector<migration>& blob_migrations() {
  static const std::vector<migration> steps{
      {1, "keys of blobs and the bytes of small ones", R"sql(
CREATE TABLE blobs (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  sha256 TEXT NOT NULL,
  size INTEGER NOT NULL,
  content_type TEXT NOT NULL,
  stored_at INTEGER NOT NULL
);
CREATE TABLE blob_bytes (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
)sql"},
  };
  return steps;
}

} // namespace fm::sqlite
