// What the store costs over SQLite itself, in one run: durable commits of 1 KB messages over 64 cases in batches of
// 64, against the same tables and statements driven by hand and against a plain log of the same rows; the first page
// of a list of 100,000 cases; search over 100,000 messages. Ratios are printed at the end.
//
// Environment: FM_BENCH_DIR (a directory on the disk to measure, default the temporary one), FM_BENCH_SECONDS (of each
// write loop, in five turns, default 5), FM_BENCH_CASES, FM_BENCH_MESSAGES.
#include "bench/micro/case_texts.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <sqlite3.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace {
using namespace fm;
using namespace fm::bench;

constexpr int cases_written = 64;

struct bare {
  sqlite3* db = nullptr;
  explicit bare(const std::string& path) {
    if (sqlite3_open(path.c_str(), &db) != SQLITE_OK)
      std::abort();
    run("PRAGMA journal_mode = WAL");
    run("PRAGMA synchronous = FULL");
    run("PRAGMA cache_size = -16384");
    run("PRAGMA wal_autocheckpoint = 4000");
  }
  ~bare() {
    for (auto* s : statements)
      sqlite3_finalize(s);
    sqlite3_close(db);
  }
  std::vector<sqlite3_stmt*> statements;
  void run(const char* sql) {
    if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK) {
      std::fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
      std::abort();
    }
  }
  sqlite3_stmt* prepare(const char* sql) {
    sqlite3_stmt* s = nullptr;
    if (sqlite3_prepare_v2(db, sql, -1, &s, nullptr) != SQLITE_OK) {
      std::fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
      std::abort();
    }
    statements.push_back(s);
    return s;
  }
  static void text(sqlite3_stmt* s, int at, std::string_view v) {
    sqlite3_bind_text(s, at, v.data(), static_cast<int>(v.size()), SQLITE_STATIC);
  }
  void step(sqlite3_stmt* s) {
    if (sqlite3_step(s) != SQLITE_DONE) {
      std::fprintf(stderr, "%s\n", sqlite3_errmsg(db));
      std::abort();
    }
    sqlite3_reset(s);
  }
};

case_store_ptr open_in(const std::string& dir, std::shared_ptr<void>& lock) {
  storage_settings s;
  s.sessions = s.users = s.vectors = s.blobs = "inmemory";
  s.data_directory = dir;
  auto opened = open_storage(s);
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().detail.c_str());
    std::exit(1);
  }
  lock = opened->lock;
  return opened->cases;
}

double through_store(const std::string& dir, double seconds, const std::vector<std::string>& texts) {
  std::shared_ptr<void> lock;
  auto store = open_in(dir, lock);
  std::vector<case_record> records;
  std::vector<case_commit> batch;
  for (int i = 0; i < cases_written; ++i) {
    records.push_back(record_of(i, "user_bench", timestamp{std::chrono::milliseconds{1'700'000'000'000}}));
    batch.push_back(creation(records.back()));
  }
  store->commit(batch);
  int n = 0;
  const auto from = steady::now();
  for (sequence seq = 1; seconds_since(from) < seconds; ++seq) {
    batch.clear();
    for (auto& r : records) {
      batch.push_back(note(r, seq, n, texts[static_cast<std::size_t>(n) % texts.size()]));
      ++n;
    }
    for (auto& result : store->commit(batch))
      if (!result) {
        std::fprintf(stderr, "%s\n", result.error().detail.c_str());
        std::exit(1);
      }
  }
  return n / seconds_since(from);
}

/// The same rows into the same tables, with nothing else done: no encoding, no hashing, no checks.
double by_hand(const std::string& dir, double seconds, const std::vector<std::string>& texts, bool search) {
  {
    std::shared_ptr<void> lock;
    auto store = open_in(dir, lock);
    std::vector<case_commit> batch;
    for (int i = 0; i < cases_written; ++i)
      batch.push_back(creation(record_of(i, "user_bench", timestamp{std::chrono::milliseconds{1'700'000'000'000}})));
    store->commit(batch);
  }
  bare b{dir + "/faultmaven.db"};
  auto* head = b.prepare("SELECT num, seq, hash, next_message FROM case_heads WHERE case_id = ?");
  auto* event = b.prepare("INSERT INTO case_events (id, kind, at, actor_id, actor_name, version, data, data_hash, hash) "
                          "VALUES (?, 'message_added', ?, 'user_bench', 'Ada', 1, ?, ?, ?)");
  auto* msg = b.prepare("INSERT INTO case_messages (id, message_id, turn_number, message_type, role, author_id, "
                        "author_name, content, metadata, created_at) VALUES (?, ?, 0, 'user_query', 'user', 'user_bench', "
                        "'Ada', ?, '{}', ?)");
  auto* words = b.prepare("INSERT INTO message_search (rowid, content) VALUES (?, ?)");
  auto* old = b.prepare("SELECT record FROM cases WHERE num = ?");
  auto* row = b.prepare("UPDATE cases SET updated_at = ?2, last_activity_at = ?2, record = ?3 WHERE num = ?1");
  auto* move = b.prepare("UPDATE case_heads SET seq = ?, hash = ?, next_message = ? WHERE num = ?");
  const std::string filler(180, 'x'), record(720, 'r'), hash(32, 'h');
  std::vector<std::string> ids;
  for (int i = 0; i < cases_written; ++i)
    ids.push_back("case_" + std::to_string(100'000'000'000 + i));
  int n = 0;
  std::string data;
  const auto from = steady::now();
  for (std::int64_t seq = 2; seconds_since(from) < seconds; ++seq) {
    b.run("BEGIN IMMEDIATE");
    for (int i = 0; i < cases_written; ++i, ++n) {
      const auto& text = texts[static_cast<std::size_t>(n) % texts.size()];
      const std::int64_t at = 1'700'000'000'000 + seq;
      bare::text(head, 1, ids[static_cast<std::size_t>(i)]);
      sqlite3_step(head);
      const auto num = sqlite3_column_int64(head, 0);
      sqlite3_reset(head);
      data.assign(filler).append(text);
      sqlite3_bind_int64(event, 1, num << 32 | seq);
      sqlite3_bind_int64(event, 2, at);
      bare::text(event, 3, data);
      sqlite3_bind_blob(event, 4, hash.data(), 32, SQLITE_STATIC);
      sqlite3_bind_blob(event, 5, hash.data(), 32, SQLITE_STATIC);
      b.step(event);
      const auto id = "msg_" + std::to_string(100'000'000'000 + n);
      sqlite3_bind_int64(msg, 1, num << 24 | (seq - 1));
      bare::text(msg, 2, id);
      bare::text(msg, 3, text);
      sqlite3_bind_int64(msg, 4, at);
      b.step(msg);
      if (search) {
        sqlite3_bind_int64(words, 1, num << 24 | (seq - 1));
        bare::text(words, 2, text);
        b.step(words);
      }
      sqlite3_bind_int64(old, 1, num);
      sqlite3_step(old);
      sqlite3_reset(old);
      sqlite3_bind_int64(row, 1, num);
      sqlite3_bind_int64(row, 2, at);
      bare::text(row, 3, record);
      b.step(row);
      sqlite3_bind_int64(move, 1, seq);
      sqlite3_bind_blob(move, 2, hash.data(), 32, SQLITE_STATIC);
      sqlite3_bind_int64(move, 3, seq);
      sqlite3_bind_int64(move, 4, num);
      b.step(move);
    }
    b.run("COMMIT");
  }
  return n / seconds_since(from);
}

/// One table, one insert a message: the least anybody could do and still have the text.
double plain_log(const std::string& dir, double seconds, const std::vector<std::string>& texts) {
  bare b{dir + "/plain.db"};
  b.run("CREATE TABLE log (case_id TEXT, seq INTEGER, body TEXT, PRIMARY KEY (case_id, seq)) WITHOUT ROWID");
  auto* insert = b.prepare("INSERT INTO log VALUES (?, ?, ?)");
  std::vector<std::string> ids;
  for (int i = 0; i < cases_written; ++i)
    ids.push_back("case_" + std::to_string(100'000'000'000 + i));
  int n = 0;
  const auto from = steady::now();
  for (std::int64_t seq = 1; seconds_since(from) < seconds; ++seq) {
    b.run("BEGIN IMMEDIATE");
    for (auto& id : ids) {
      bare::text(insert, 1, id);
      sqlite3_bind_int64(insert, 2, seq);
      bare::text(insert, 3, texts[static_cast<std::size_t>(n++) % texts.size()]);
      b.step(insert);
    }
    b.run("COMMIT");
  }
  return n / seconds_since(from);
}

struct timing {
  double median = 0, worst = 0;
};
timing time_of(int rounds, const std::function<void()>& what) {
  std::vector<double> ms;
  for (int i = 0; i < rounds; ++i) {
    const auto from = steady::now();
    what();
    ms.push_back(seconds_since(from) * 1e3);
  }
  std::sort(ms.begin(), ms.end());
  return {ms[ms.size() / 2], ms.back()};
}

void show_query(const char* name, const case_store_ptr& store, const case_query& q) {
  std::uint64_t total = 0;
  const auto t = time_of(21, [&] {
    auto page = store->list(q);
    if (!page) {
      std::fprintf(stderr, "%s\n", page.error().detail.c_str());
      std::exit(1);
    }
    total = page->total;
  });
  std::printf("  %-44s %8.2f ms median %8.2f ms worst   (%llu cases)\n", name, t.median, t.worst,
              static_cast<unsigned long long>(total));
}

void reads(const std::string& dir, std::size_t cases, std::size_t messages) {
  std::shared_ptr<void> lock;
  auto store = open_in(dir, lock);
  prose writer;
  std::vector<case_record> records;
  std::vector<case_commit> batch;
  const auto flush = [&] {
    store->commit(batch);
    batch.clear();
  };
  for (std::size_t i = 0; i < cases; ++i) {
    auto r = record_of(static_cast<int>(i), "user_bench",
                       timestamp{std::chrono::milliseconds{1'700'000'000'000 + (i * 7919) % 100'003}});
    r.description = writer.text(60);
    records.push_back(r);
    batch.push_back(creation(r));
    if (batch.size() == 1'000)
      flush();
  }
  flush();
  // Spread over a tenth of the cases, so that conversations have about ten messages.
  std::vector<sequence> seqs(records.size(), 1);
  const auto talking = std::max<std::size_t>(records.size() / 10, 1);
  for (std::size_t i = 0; i < messages; ++i) {
    const auto at = i % talking;
    batch.push_back(note(records[at], seqs[at], static_cast<int>(i), writer.text(1'000)));
    ++seqs[at];
    if (batch.size() == 500)
      flush();
  }
  flush();

  case_query q;
  q.viewer = user_id{"user_bench"};
  std::printf("List of a user with %zu cases:\n", cases);
  show_query("first page", store, q);
  q.offset = cases / 2;
  show_query("page in the middle (offset)", store, q);
  q.offset = 0;
  q.cursor = store->list(q)->next_cursor;
  show_query("second page (cursor)", store, q);
  q.cursor.clear();
  for (auto* sort : {"-created_at", "-updated_at", "title", "-priority"}) {
    q.sort = sort;
    show_query(sort, store, q);
  }
  q.sort = "-last_activity_at";
  q.status = case_status::consulting;
  show_query("status filter", store, q);
  q.status.reset();
  q.priority = case_priority::critical;
  show_query("priority filter", store, q);
  q.priority.reset();
  q.tag = "web";
  show_query("tag filter (every case has it)", store, q);
  q.tag.clear();
  q.include_archived = true;
  show_query("archived ones too", store, q);
  q.include_archived = false;
  q.everything = true;
  show_query("an administrator's list", store, q);
  q.everything = false;
  std::printf("Search over %zu messages of 1 KB:\n", messages);
  prose again;
  again.random = seeded_random(99);
  for (auto [name, text] : std::vector<std::pair<const char*, std::string>>{
           {"a rare word", "zqxer"},
           {"the most common word", "bing"},
           {"two common words", "bing cer"},
           {"three words, the last a beginning", "bing der he"},
           {"one letter", "b"},
           {"a word of every title", "checkout"},
           {"six words of the text", again.word() + " " + again.word() + " " + again.word() + " " + again.word() + " " +
                                         again.word() + " " + again.word()},
           {"nothing", "unheardofword"}}) {
    q.text = text;
    show_query(name, store, q);
  }
}

} // namespace

int main() {
  const char* where = std::getenv("FM_BENCH_DIR");
  const auto dir = std::string{where ? where : std::filesystem::temp_directory_path().string()} + "/fm_bench_" +
                   std::to_string(::getpid());
  const auto seconds = static_cast<double>(number_from("FM_BENCH_SECONDS", 5));
  prose writer;
  std::vector<std::string> texts;
  for (int i = 0; i < 4'096; ++i)
    texts.push_back(writer.text(1'024));
  const auto fresh = [&](const std::string& name) {
    const auto path = dir + "/" + name;
    std::filesystem::create_directories(path);
    return path;
  };
  std::printf("Durable commits of 1 KB messages over %d cases, batches of %d:\n", cases_written, cases_written);
  // Turn about, several times: disks and neighbours change their mood from second to second.
  std::vector<double> rates[4];
  for (int round = 0; round < 5; ++round) {
    const auto n = std::to_string(round);
    rates[0].push_back(through_store(fresh("store" + n), seconds / 5, texts));
    rates[1].push_back(by_hand(fresh("hand" + n), seconds / 5, texts, true));
    rates[2].push_back(by_hand(fresh("wordless" + n), seconds / 5, texts, false));
    rates[3].push_back(plain_log(fresh("plain" + n), seconds / 5, texts));
  }
  for (auto& r : rates)
    std::sort(r.begin(), r.end());
  const auto store = rates[0][2], hand = rates[1][2], wordless = rates[2][2], plain = rates[3][2];
  std::printf("  the case store                               %8.0f messages/s\n", store);
  std::printf("  SQLite, same tables and statements           %8.0f messages/s   ratio %.2f\n", hand, store / hand);
  std::printf("  SQLite, same tables without the word index   %8.0f messages/s   ratio %.2f\n", wordless, store / wordless);
  std::printf("  SQLite, one plain table                      %8.0f messages/s   ratio %.2f\n", plain, store / plain);
  reads(fresh("reads"), number_from("FM_BENCH_CASES", 100'000), number_from("FM_BENCH_MESSAGES", 100'000));
  std::filesystem::remove_all(dir);
}
