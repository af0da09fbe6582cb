// What the PostgreSQL store costs over PostgreSQL itself, in one run on one server:
//   durable messages/s (of 256 bytes and of 1 KB) of 64 cases committed together, against one commit a message, and against pgbench inserting the
//   same rows into the same tables in batches of 64 with one client;
//   loading a case, against the same query by bare libpq;
//   a person's page of the list among 1,000,000 cases.
//
//   FM_TEST_POSTGRES=host:port:user:password:database bench_postgres
// (tests/support/services/postgres.sh start DIR prints it.) FM_BENCH_SECONDS of each write loop (default 5, in five
// turns), FM_BENCH_CASES of the list (default 1,000,000), FM_BENCH_PGBENCH the program (default: the newest installed).
#include "bench/micro/case_texts.hpp"
#include "storage/codec/codec.hpp"
#include "storage/codec/words.hpp"
#include "tests/support/test_postgres.hpp"

#include <filesystem>
#include <fstream>
#include <libpq-fe.h>
#include <unistd.h>

namespace {
using namespace fm;
using namespace fm::bench;

constexpr int cases_written = 64;
const timestamp start{std::chrono::milliseconds{1'700'000'000'000}};

case_store_ptr open_in(const postgres::options& o) {
  auto s = all_in_memory();
  s.cases = "postgres";
  s.postgres = o;
  auto opened = open_storage(s);
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().detail.c_str());
    std::exit(1);
  }
  return opened->cases;
}

void must(const std::vector<outcome<sequence>>& results) {
  for (auto& r : results)
    if (!r) {
      std::fprintf(stderr, "%s\n", r.error().detail.c_str());
      std::exit(1);
    }
}

struct people {
  std::vector<case_record> records;
  sequence seq = 1;
  int n = 0;
  void create(case_store& store, int first) {
    std::vector<case_commit> batch;
    for (int i = 0; i < cases_written; ++i) {
      records.push_back(record_of(first + i, "user_bench", start));
      batch.push_back(creation(records.back()));
    }
    must(store.commit(batch));
  }
};

double written(case_store& store, people& p, double seconds, const std::vector<std::string>& texts, std::size_t batch_size) {
  const auto from = steady::now();
  int done = 0;
  while (seconds_since(from) < seconds) {
    std::vector<case_commit> batch;
    for (auto& r : p.records) {
      batch.push_back(note(r, p.seq, p.n, texts[static_cast<std::size_t>(p.n) % texts.size()]));
      ++p.n;
      if (batch.size() == batch_size) {
        must(store.commit(batch));
        done += static_cast<int>(batch.size());
        batch.clear();
      }
    }
    ++p.seq;
  }
  return done / seconds_since(from);
}

std::string literal(const std::string& text) {
  std::string out = "'";
  for (char c : text)
    out += c == '\'' ? std::string{"''"} : std::string(1, c);
  return out + "'";
}

/// One batch as a person would write it for pgbench: literal rows, the same tables, one transaction. The numbers come
/// from a sequence, so that every run of the script is new.
void write_script(const std::string& path, const std::vector<std::string>& texts, std::size_t turn, const std::string& schema,
                  const std::vector<std::int64_t>& numbers, std::vector<case_record> records) {
  std::ofstream out{path};
  out << "SELECT nextval('" << schema << ".bench_numbers') AS n \\gset\nBEGIN;\n";
  out << "SELECT case_id, case_num, seq, hash, next_message FROM " << schema << ".case_heads WHERE case_num BETWEEN " << numbers.front() << " AND "
      << numbers.back() << " FOR UPDATE;\n";
  std::string events, messages, heads, rows;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    auto& r = records[i];
    const auto& text = texts[(turn * numbers.size() + i) % texts.size()];
    const auto c = note(r, 1, static_cast<int>(i), text);
    const auto comma = i == 0 ? "" : ",";
    const auto num = std::to_string(numbers[i]);
    std::string words;
    for (auto& w : stored::distinct_words(text, 512U << 10))
      words += "'" + w + "' ";
    const std::string hash = "decode('" + std::string(64, 'a') + "','hex')";
    events += std::string{comma} + "(" + num + ",:n,'message_added',now(),'user_bench','Ada',1," + literal(stored::encode(c.events[0]->data)) + "," + hash + "," + hash + ")\n";
    messages += std::string{comma} + "('msg_' || :n || '_" + std::to_string(i) + "'," + literal(r.id.value) + "," + num +
                ",:n,0,'user_query','user','user_bench','Ada'," + literal(text) + ",'{}',now()," + literal(words) + ")\n";
    rows += std::string{comma} + "(" + num + "," + literal(stored::encode(*c.record)) + ")";
    heads += std::string{comma} + "(" + num + ")";
  }
  out << "UPDATE " << schema << ".case_heads h SET seq = :n, hash = decode('" << std::string(64, 'a') << "','hex'), next_message = :n + 1 FROM (VALUES " << heads
      << ") w (num) WHERE h.case_num = w.num;\n";
  out << "INSERT INTO " << schema << ".case_events (case_num, seq, kind, at, actor_id, actor_name, version, data, data_hash, hash) VALUES " << events << ";\n";
  out << "UPDATE " << schema << ".cases c SET updated_at = now(), last_activity_at = now(), record = w.record::jsonb FROM (VALUES " << rows
      << ") w (num, record) WHERE c.case_num = w.num;\n";
  out << "UPDATE " << schema << ".case_activity a SET updated_at = now(), last_activity_at = now() FROM (VALUES " << heads
      << ") w (num) WHERE a.case_num = w.num;\n";
  out << "INSERT INTO " << schema << ".case_messages (message_id, case_id, case_num, place, turn_number, message_type, role, author_id, author_name, content, "
         "metadata, created_at, words) VALUES "
      << messages << ";\nCOMMIT;\n";
  std::string text;
  out.close();
  // pgbench reads a statement up to its semicolon over line breaks; a line break inside is a blank to it.
}

double pgbench(const postgres::options& o, const std::vector<std::string>& scripts, double seconds) {
  std::string program = std::getenv("FM_BENCH_PGBENCH") ? std::getenv("FM_BENCH_PGBENCH") : "";
  if (program.empty())
    for (auto& v : std::filesystem::directory_iterator{"/usr/lib/postgresql"})
      if (std::filesystem::exists(v.path() / "bin/pgbench"))
        program = (v.path() / "bin/pgbench").string();
  std::string command = "PGPASSWORD='" + o.password + "' " + program + " -n -c 1 -j 1 -T " + std::to_string(std::max(1, static_cast<int>(seconds)));
  for (auto& s : scripts)
    command += " -f " + s;
  command += " -h " + o.host + " -p " + std::to_string(o.port) + " -U " + o.user + " " + o.database + " 2>&1";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  std::string all;
  char buffer[4'096];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    all.append(buffer, n);
  ::pclose(pipe);
  const auto at = all.find("tps = ");
  if (at == std::string::npos) {
    std::fprintf(stderr, "pgbench: %s\n", all.c_str());
    std::exit(1);
  }
  return std::strtod(all.c_str() + at + 6, nullptr) * cases_written;
}

PGconn* bare(const postgres::options& o) {
  const auto text = "host=" + o.host + " port=" + std::to_string(o.port) + " user=" + o.user + " password=" + o.password + " dbname=" + o.database +
                    " options='-c search_path=" + o.schema + "'";
  auto* c = PQconnectdb(text.c_str());
  if (PQstatus(c) != CONNECTION_OK) {
    std::fprintf(stderr, "%s\n", PQerrorMessage(c));
    std::exit(1);
  }
  return c;
}

double microseconds(const std::function<void(int)>& f, int times) {
  std::vector<double> all;
  for (int i = 0; i < times; ++i) {
    const auto from = steady::now();
    f(i);
    all.push_back(seconds_since(from) * 1e6);
  }
  return median(all);
}
} // namespace

int main() {
  const double seconds = static_cast<double>(number_from("FM_BENCH_SECONDS", 5));
  const auto list_cases = static_cast<std::int64_t>(number_from("FM_BENCH_CASES", 1'000'000));
  auto o = test_postgres("fm_bench_" + std::to_string(::getpid()));
  auto store = open_in(o);
  people together, alone, theirs;
  together.create(*store, 0);
  alone.create(*store, 1'000);
  theirs.create(*store, 2'000);
  auto c = postgres::connection::open(o, o.host, true, o.connect_timeout);
  c->script("CREATE SEQUENCE bench_numbers START 1000");
  std::vector<std::int64_t> numbers;
  for (auto& h : store->heads(0, 10'000).value())
    if (h.id.value >= "case_" + std::to_string(100'000'002'000))
      numbers.push_back(h.place);
  char pattern[] = "/tmp/fm_bench_XXXXXX";
  const std::string directory = ::mkdtemp(pattern);
  for (const std::size_t bytes : {256, 1'024}) {
    prose p;
    std::vector<std::string> texts, scripts;
    for (int i = 0; i < 512; ++i)
      texts.push_back(p.text(bytes));
    for (std::size_t turn = 0; turn < 4; ++turn) {
      scripts.push_back(directory + "/batch" + std::to_string(turn) + ".sql");
      write_script(scripts.back(), texts, turn, o.schema, numbers, theirs.records);
    }
    std::vector<double> ours, single, bench;
    // What one turn leaves to be done (checkpoint, words to be sorted) is not the next one's to pay.
    const auto quiet = [&] {
      ::sleep(2);
      c->script("CHECKPOINT");
    };
    for (int turn = 0; turn < 5; ++turn) {
      quiet();
      ours.push_back(written(*store, together, seconds / 5, texts, cases_written));
      quiet();
      single.push_back(written(*store, alone, seconds / 5, texts, 1));
      quiet();
      bench.push_back(pgbench(o, scripts, seconds / 5));
    }
    std::printf("durable messages of %zu bytes, 64 cases, medians of five turns\n", bytes);
    std::printf("  the store, 64 in a batch       %10.0f /s\n", median(ours));
    std::printf("  the store, one in a commit     %10.0f /s   ratio %.2f (at least 5)\n", median(single), median(ours) / median(single));
    std::printf("  pgbench, 64 in a batch         %10.0f /s   ratio %.2f (at least 0.5)\n", median(bench), median(ours) / median(bench));
    std::fflush(stdout);
  }

  // One load, and the same question by hand.
  auto* raw = bare(o);
  const char* question = "SELECT h.seq, c.record::text, (SELECT json_agg(t) FROM case_turns t WHERE t.case_num = h.case_num AND t.status IN "
                         "('queued','running','interrupted')) FROM case_heads h JOIN cases c ON c.case_num = h.case_num WHERE h.case_id = $1";
  PQclear(PQprepare(raw, "load", question, 0, nullptr));
  const auto by_hand = [&](int i) {
    const auto& id = together.records[static_cast<std::size_t>(i) % together.records.size()].id.value;
    const char* value = id.c_str();
    auto* r = PQexecPrepared(raw, "load", 1, &value, nullptr, nullptr, 0);
    if (PQntuples(r) != 1)
      std::abort();
    PQclear(r);
  };
  const auto through = [&](int i) {
    if (!store->load(together.records[static_cast<std::size_t>(i) % together.records.size()].id))
      std::abort();
  };
  ::sleep(2);
  c->script("ANALYZE");
  microseconds(by_hand, 200);
  microseconds(through, 200);
  std::vector<double> hand_times, load_times;
  for (int turn = 0; turn < 5; ++turn) {
    hand_times.push_back(microseconds(by_hand, 1'000));
    load_times.push_back(microseconds(through, 1'000));
  }
  std::printf("loading a case, medians\n  the store %8.0f us\n  bare libpq %7.0f us   ratio %.2f (at most 2)\n", median(load_times), median(hand_times),
              median(load_times) / median(hand_times));
  PQfinish(raw);

  // A million cases of a thousand people, made by the server itself.
  const auto record = stored::encode(record_of(7, "user_x", start));
  const auto seeding = steady::now();
  postgres::options patient = o;
  patient.statement_timeout = std::chrono::minutes{30};
  auto maker = postgres::connection::open(patient, o.host, true, o.connect_timeout);
  maker->script("INSERT INTO case_heads (case_id, seq, hash) SELECT 'many_' || i, 0, '' FROM generate_series(1, " + std::to_string(list_cases) + ") i");
  maker->script("INSERT INTO cases (case_id, case_num, user_id, status, priority, category, title, description, deleted, archived, created_at, updated_at, "
                "last_activity_at, tags, record, words) SELECT h.case_id, h.case_num, 'person_' || (h.case_num % 1000), "
                "(ARRAY['consulting','investigating','resolved','closed'])[1 + (h.case_num / 1000) % 4], h.case_num % 4, '', 'Case ' || h.case_num, '', false, "
                "(h.case_num / 1000) % 10 = 0, now(), now(), now() - (h.case_num * 7919 % 1000000) * interval '1 second', '[]', '" +
                record + "', '''checkout''' FROM case_heads h WHERE h.case_id LIKE 'many\\_%'");
  maker->script("INSERT INTO case_activity SELECT case_num, user_id, last_activity_at, updated_at, archived, deleted FROM cases WHERE case_id LIKE 'many\\_%'");
  maker->script("ANALYZE");
  std::printf("list among %lld cases (made in %.0f s), 1,000 of them the person's, medians\n", static_cast<long long>(list_cases), seconds_since(seeding));
  const auto list = [&](case_query q) {
    q.limit = 50;
    return microseconds(
        [&](int i) {
          q.viewer = user_id{"person_" + std::to_string(i * 37 % 1000)};
          if (const auto page = store->list(q); !page || page->cases.size() != 50) {
            std::fprintf(stderr, "%s\n", page ? "too few cases" : page.error().detail.c_str());
            std::exit(1);
          }
        },
        200);
  };
  case_query first, filtered, title;
  filtered.status = case_status::investigating;
  filtered.include_archived = true;
  title.sort = "title";
  list(first);
  std::printf("  first page        %8.2f ms (at most 10)\n", list(first) / 1'000);
  std::printf("  one status        %8.2f ms\n", list(filtered) / 1'000);
  std::printf("  sorted by title   %8.2f ms\n", list(title) / 1'000);
  store.reset();
  drop_schema(o.schema);
  std::filesystem::remove_all(directory);
}
