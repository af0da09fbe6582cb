// The table: one row per setting. The key is the member's path, so that the two cannot drift apart, and the
// default is printed from a default-made settings, so that it is written down once.
#include "config/settings/load.hpp"
#include "config/settings/values.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>

namespace fm {
namespace {
namespace v = values;

struct row_text {
  const char* description = "";
  const char* unit = "";
  std::initializer_list<const char*> aliases{};
  bool secret = false;
};

/// What does not depend on the member's type stays out of the template, of which every row has its own.
void add_row(std::vector<setting_info>& table, const char* key, std::string kind, std::string range, const row_text& text,
             decltype(setting_info::parse) parse, decltype(setting_info::print) print) {
  static const settings defaults;
  setting_info info;
  info.environment = "FAULTMAVEN_";
  for (const char* c = key; *c; ++c)
    info.environment += *c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(*c)));
  info.key = key;
  info.aliases.assign(text.aliases.begin(), text.aliases.end());
  info.kind = std::move(kind);
  info.unit = text.unit;
  info.range = std::move(range);
  info.description = text.description;
  info.secret = text.secret;
  info.parse = std::move(parse);
  info.print = std::move(print);
  info.default_text = info.print(defaults);
  table.push_back(std::move(info));
}

/// One row: how `codec` reads and prints the member that `to_read` and `to_write` reach. A function for each kind of codec
/// and member, not for each row: a template of every row makes this the slowest file to compile.
template <class Codec, class T>
void row(std::vector<setting_info>& table, const char* key, const Codec& codec, const T& (*to_read)(const settings&), T& (*to_write)(settings&), const row_text& text) {
  add_row(
      table, key, codec.kind(), codec.range(), text,
      [codec, to_write](settings& s, std::string_view value) { return codec.parse(value, to_write(s)); },
      [codec, to_read](const settings& s) { return codec.print(to_read(s)); });
}

#define FM_ROW(path, codec, ...)                                                                             \
  row(                                                                                                       \
      table, #path, codec, +[](const settings& s) -> const auto& { return s.path; }, +[](settings& s) -> auto& { return s.path; }, row_text __VA_ARGS__)

std::vector<setting_info> make_table() {
  constexpr std::int64_t kib = 1'024, mib = kib * kib;
  const v::choice<dev_login_mode> dev_login{
      {{"auto", dev_login_mode::automatic}, {"on", dev_login_mode::on}, {"off", dev_login_mode::off}}};
  const v::choice<password_cost_setting> cost{{{"minimum", password_cost_setting::minimum},
                                               {"interactive", password_cost_setting::interactive},
                                               {"moderate", password_cost_setting::moderate}}};
  const v::choice<provider_place> place{{{"auto", provider_place::automatic},
                                         {"local", provider_place::local},
                                         {"remote", provider_place::remote}}};
  const v::choice<std::string> durable{
      {{"inmemory", "inmemory"}, {"sqlite", "sqlite"}, {"postgres", "postgres"}}};
  const v::choice<std::string> short_lived{
      {{"inmemory", "inmemory"}, {"sqlite", "sqlite"}, {"file", "file"}, {"redis", "redis"}}};
  const v::choice<std::string> likeness{{{"inmemory", "inmemory"}, {"hnsw", "hnsw"}, {"chroma", "chroma"}, {"chromadb", "chroma"}}};
  const v::choice<std::string> files{{{"inmemory", "inmemory"}, {"filesystem", "filesystem"}, {"s3", "s3"}}};
  const v::choice<std::string> redactions{{{"all", "all"}, {"secrets", "secrets"}, {"off", "off"}}};
  const v::choice<std::string> sslmodes{{{"disable", "disable"},
                                         {"allow", "allow"},
                                         {"prefer", "prefer"},
                                         {"require", "require"},
                                         {"verify-ca", "verify-ca"},
                                         {"verify-full", "verify-full"}}};
  const v::choice<std::string> encryptions{{{"none", ""}, {"aes256", "AES256"}, {"aws:kms", "aws:kms"}}};
  const v::choice<std::string> synchronous{{{"full", "full"}, {"normal", "normal"}}};
  const v::choice<std::string> levels{{{"trace", "trace"},
                                       {"debug", "debug"},
                                       {"info", "info"},
                                       {"warn", "warn"},
                                       {"error", "error"},
                                       {"off", "off"}}};
  std::vector<setting_info> table;
  FM_ROW(http.host, (v::text{255, true}),
         {"Address to listen on. Beyond loopback, put a TLS proxy in front."});
  FM_ROW(http.port, (v::whole{0, 65'535}), {"Port to listen on; 0 takes a free one."}),
  FM_ROW(http.io_threads, (v::whole{1, 64}), {"Threads that serve connections."}),
  FM_ROW(http.connections_max, (v::whole{1, 1'000'000}),
         {"Open connections; above, new ones are closed."});
  FM_ROW(http.body_bytes_max, (v::bytes{kib, 1'024 * mib}), {"Longest request body that is read into memory; above: 413. Uploads have their own (files.upload_bytes_max)."}),
  FM_ROW(http.upload_idle_seconds, (v::duration{1, 3'600}), {"Longest silence of a client that uploads a file; then 408.", "seconds"}),
  FM_ROW(http.upload_total_seconds, (v::duration{1, 86'400}), {"Until one upload request must have come; then 408.", "seconds"}),
  FM_ROW(http.header_bytes_max, (v::bytes{kib, mib}), {"Longest request head; above: 431."}),
  FM_ROW(http.pipeline_max, (v::whole{1, 1'000}),
         {"Requests of one connection that may wait for their answers."});
  FM_ROW(http.request_deadline_seconds, (v::duration{1, 3'600}),
         {"Longest time an ordinary request may take; above: 503.", "seconds"});
  FM_ROW(http.query_deadline_seconds, (v::duration{1, 3'600}),
         {"How long POST …/queries waits for the answer before it says 202.", "seconds"});
  FM_ROW(http.keep_alive_seconds, (v::duration{1, 3'600}),
         {"An idle connection is closed after this.", "seconds"});
  FM_ROW(http.header_timeout_seconds, (v::duration{1, 600}),
         {"A request head must arrive within this.", "seconds"});
  FM_ROW(http.drain_seconds, (v::duration{0, 600}),
         {"At shutdown, time for running requests to end.", "seconds"});
  FM_ROW(http.gzip_bytes_min, (v::bytes{0, 1'024 * mib}),
         {"Answers of at least this size are compressed when the client allows."});
  FM_ROW(http.allowed_origins, v::list{64},
         {"Browser origins allowed besides our own, separated by commas; * matches any run of "
          "characters, as in chrome-extension://*."});
  FM_ROW(http.requests_per_second, (v::whole{1, 1'000'000}),
         {"Requests of one user, or of one address before sign-in; above: 429."});
  FM_ROW(http.requests_burst, (v::whole{1, 1'000'000}), {"How many of them may come at once."}),
  FM_ROW(http.sign_ins_per_minute, (v::whole{1, 1'000'000}),
         {"Registrations and sign-ins of one address; above: 429."});

  FM_ROW(live.client_message_bytes_max, (v::bytes{kib, 64 * mib}),
         {"Longest message of a live client; above, the connection is closed with 1009."});
  FM_ROW(live.cases_open_max, (v::whole{1, 10'000}), {"Cases one live connection may have open."}),
  FM_ROW(live.commands_per_second, (v::whole{1, 100'000}), {"Commands of one live connection."}),
  FM_ROW(live.commands_burst, (v::whole{1, 100'000}), {"How many of them may come at once."}),
  FM_ROW(live.outbox_bytes_max, (v::bytes{64 * kib, 1'024 * mib}),
         {"What may wait for one slow client; above, it is told it lags and catches up from the log."});
  FM_ROW(live.heartbeat_seconds, (v::duration{1, 600}), {"Ping and heartbeat interval.", "seconds"}),
  FM_ROW(live.pong_timeout_seconds, (v::duration{2, 3'600}),
         {"A client that is silent this long is closed.", "seconds"});
  FM_ROW(live.hello_timeout_seconds, (v::duration{1, 60}),
         {"Time to say hello with a token.", "seconds"});
  FM_ROW(live.replay_events_max, (v::whole{100, 1'000'000}),
         {"A client further behind gets a snapshot instead of a replay."});

  FM_ROW(auth.dev_login, dev_login,
         {"Sign-in without a password, for development: auto = on when listening on loopback only."});
  FM_ROW(auth.registration, v::yes_no{}, {"Whether strangers may make an account."});
  FM_ROW(auth.token_hours, (v::duration{1, 24 * 30}), {"Life of an access token.", "hours"}),
  FM_ROW(auth.refresh_days, (v::duration{1, 365}), {"Life of a refresh token; each works once.", "days"}),
  FM_ROW(auth.session_minutes, (v::duration{60, 480}),
         {"A session ends after this long without a request.", "minutes"});
  FM_ROW(auth.sessions_per_user, (v::whole{1, 1'000}),
         {"Live sessions of one user; the oldest idle one gives way."});
  FM_ROW(auth.ticket_seconds, (v::duration{1, 600}),
         {"Life of a live ticket; each works once.", "seconds"});
  FM_ROW(auth.tickets_max, (v::whole{1, 1'000'000}), {"Tickets that may be waiting to be used."}),
  FM_ROW(auth.login_failures_max, (v::whole{1, 1'000}),
         {"Wrong passwords of one username within the window; above: 429."});
  FM_ROW(auth.login_window_minutes, (v::duration{1, 1'440}),
         {"The window of auth.login_failures_max.", "minutes"});
  FM_ROW(auth.token_cache_max, (v::whole{1, 10'000'000}), {"Accepted tokens kept in memory."}),
  FM_ROW(auth.password_cost, cost, {"Cost of a password hash (argon2id); minimum is for tests."});

  FM_ROW(cases.open_per_user, (v::whole{1, 1'000'000}),
         {"Cases of one user that are neither resolved nor closed."});
  FM_ROW(cases.idle_minutes, (v::duration{1, 1'440}),
         {"A case nobody watches leaves memory after this.", "minutes"});
  FM_ROW(cases.delta_window_ms, (v::duration{0, 1'000}),
         {"Streamed text is gathered this long before it is stored and shown.", "milliseconds"});
  FM_ROW(cases.delta_bytes, (v::bytes{256, 16 * mib}), {"… or until this much is waiting."}),
  FM_ROW(cases.queue_max, (v::whole{1, 10'000}), {"Turns that may wait in one case; above: 429."}),
  FM_ROW(cases.commands_waiting_max, (v::whole{10, 1'000'000}),
         {"Commands that may wait in one case; above: 503."});
  FM_ROW(cases.subscribers_max, (v::whole{1, 1'000'000}), {"Listeners of one case; above: 503."}),
  FM_ROW(cases.context_characters, (v::whole{1'000, 10'000'000}),
         {"What the model is shown of a case, at most.", "characters"});
  FM_ROW(cases.history_messages, (v::whole{1, 1'000}),
         {"Earlier messages read for the model's context."});
  FM_ROW(cases.compact_after_seconds, (v::duration{1, 86'400}),
         {"The pieces of a finished answer are dropped from the log after this (the answer stays).",
          "seconds"});

  FM_ROW(cases.drain_seconds, (v::duration{0, 9}),
         {"At shutdown, time for running answers to end; others go on at the next start.", "seconds"});

  FM_ROW(storage.cases, durable, {"Where cases and their logs live.", "", {"CASE_STORAGE_TYPE"}});
  FM_ROW(storage.users, durable, {"Where users live.", "", {"USER_STORAGE_TYPE"}});
  FM_ROW(storage.sessions, short_lived,
         {"Where sessions, tokens and idempotency records live.", "", {"SESSION_STORAGE_TYPE"}});
  FM_ROW(storage.vectors, likeness, {"Where vectors live: likeness of documents and cases.", "", {"VECTOR_STORAGE_TYPE"}});
  FM_ROW(storage.blobs, files, {"Where the bytes of files live.", "", {"BLOB_STORAGE_TYPE"}});
  FM_ROW(storage.sqlite_file, (v::text{4'096, false}),
         {"SQLite: the file of cases and users; empty = faultmaven.db in the data directory.", "", {"SQLITE_DB_PATH"}});
  FM_ROW(storage.session_file, (v::text{4'096, false}),
         {"Sessions in a file: its path, or a folder; empty = sessions.log in the data directory.", "", {"SESSION_FILE_PATH"}});
  FM_ROW(storage.data, (v::text{4'096, true}),
         {"The data directory; one server at a time.", "", {"FAULTMAVEN_DATA"}});
  FM_ROW(storage.synchronous, synchronous,
         {"SQLite: full survives a power cut; normal is faster and may lose the last moments of one, "
          "never after a mere crash."});
  FM_ROW(storage.reader_threads, (v::whole{1, 64}), {"Threads that read from the stores."}),
  FM_ROW(storage.reader_queue_max, (v::whole{1, 1'000'000}), {"Reads that may wait; above: 503."}),
  FM_ROW(storage.batch_max, (v::whole{1, 10'000}),
         {"Commits of all cases gathered into one transaction."});
  FM_ROW(storage.batch_bytes_max, (v::bytes{64 * kib, 256 * mib}), {"Text in one transaction, about."}),
  FM_ROW(storage.queue_max, (v::whole{1, 1'000'000}),
         {"Commits that may wait for the writer; above: 503."});

  FM_ROW(postgres.host, (v::text{255, false}), {"PostgreSQL: host name, address or socket folder.", "", {"CASES_DB_HOST"}}),
  FM_ROW(postgres.port, (v::whole{1, 65'535}), {"PostgreSQL: port.", "", {"CASES_DB_PORT"}}),
  FM_ROW(postgres.database, (v::text{255, true}), {"PostgreSQL: database.", "", {"CASES_DB_NAME"}}),
  FM_ROW(postgres.user, (v::text{255, true}), {"PostgreSQL: user.", "", {"CASES_DB_USER"}}),
  FM_ROW(postgres.password, (v::text{4'096, false}), {"PostgreSQL: password; better in the environment.", "", {"CASES_DB_PASSWORD"}, true}),
  FM_ROW(postgres.sslmode, sslmodes, {"PostgreSQL: TLS, as libpq says it; verify-full across a network.", "", {"CASES_DB_SSLMODE"}});
  FM_ROW(postgres.sslrootcert, (v::text{4'096, false}), {"PostgreSQL: file of the authority to trust.", "", {"CASES_DB_SSLROOTCERT"}}),
  FM_ROW(postgres.schema, (v::text{63, true}), {"PostgreSQL: schema the tables stand in; made when missing.", "", {"CASES_DB_SCHEMA"}}),
  FM_ROW(postgres.replica_host, (v::text{255, false}), {"PostgreSQL: a read replica for listings; empty = none.", "", {"CASES_DB_REPLICA_HOST"}}),
  FM_ROW(postgres.connections, (v::whole{2, 256}), {"PostgreSQL: connections, one of them for writing.", "", {"CASES_DB_POOL_SIZE"}}),
  FM_ROW(postgres.connect_timeout_seconds, (v::duration{1, 300}), {"PostgreSQL: longest wait for a connection.", "seconds"}),
  FM_ROW(postgres.statement_timeout_seconds, (v::duration{1, 3'600}), {"PostgreSQL: longest statement.", "seconds"}),
  FM_ROW(users_postgres.host, (v::text{255, false}), {"Users' database, when it is another one: host name, address or socket folder.", "", {"USERS_DB_HOST", "AUTH_DB_HOST"}}),
  FM_ROW(users_postgres.port, (v::whole{1, 65'535}), {"Users' database, when it is another one: port.", "", {"USERS_DB_PORT", "AUTH_DB_PORT"}}),
  FM_ROW(users_postgres.database, (v::text{255, true}), {"Users' database, when it is another one: database.", "", {"USERS_DB_NAME", "AUTH_DB_NAME"}}),
  FM_ROW(users_postgres.user, (v::text{255, true}), {"Users' database, when it is another one: user.", "", {"USERS_DB_USER", "AUTH_DB_USER"}}),
  FM_ROW(users_postgres.password, (v::text{4'096, false}), {"Users' database, when it is another one: password; better in the environment.", "", {"USERS_DB_PASSWORD", "AUTH_DB_PASSWORD"}, true}),
  FM_ROW(users_postgres.sslmode, sslmodes, {"Users' database, when it is another one: TLS, as libpq says it; verify-full across a network.", "", {"USERS_DB_SSLMODE", "AUTH_DB_SSLMODE"}});
  FM_ROW(users_postgres.sslrootcert, (v::text{4'096, false}), {"Users' database, when it is another one: file of the authority to trust.", "", {"USERS_DB_SSLROOTCERT", "AUTH_DB_SSLROOTCERT"}}),
  FM_ROW(users_postgres.schema, (v::text{63, true}), {"Users' database, when it is another one: schema the tables stand in.", "", {"USERS_DB_SCHEMA", "AUTH_DB_SCHEMA"}}),
  FM_ROW(users_postgres.replica_host, (v::text{255, false}), {"Users' database, when it is another one: a read replica for listings; empty = none.", "", {"USERS_DB_REPLICA_HOST", "AUTH_DB_REPLICA_HOST"}}),
  FM_ROW(users_postgres.connections, (v::whole{2, 256}), {"Users' database, when it is another one: connections, one of them for writing.", "", {"USERS_DB_POOL_SIZE", "AUTH_DB_POOL_SIZE"}}),
  FM_ROW(users_postgres.connect_timeout_seconds, (v::duration{1, 300}), {"Users' database, when it is another one: longest wait for a connection.", "seconds"}),
  FM_ROW(users_postgres.statement_timeout_seconds, (v::duration{1, 3'600}), {"Users' database, when it is another one: longest statement.", "seconds"}),

  FM_ROW(redis.host, (v::text{255, true}), {"Redis: host.", "", {"REDIS_HOST"}}),
  FM_ROW(redis.port, (v::whole{1, 65'535}), {"Redis: port.", "", {"REDIS_PORT"}}),
  FM_ROW(redis.user, (v::text{255, false}), {"Redis: user of its ACL; empty = the default one.", "", {"REDIS_USER"}}),
  FM_ROW(redis.password, (v::text{4'096, false}), {"Redis: password.", "", {"REDIS_PASSWORD"}, true}),
  FM_ROW(redis.database, (v::whole{0, 1'024}), {"Redis: database.", "", {"REDIS_DB"}}),
  FM_ROW(redis.tls, v::yes_no{}, {"Redis: speak TLS.", "", {"REDIS_TLS"}});
  FM_ROW(redis.tls_ca, (v::text{4'096, false}), {"Redis: file of the authority to trust; empty = the system's.", "", {"REDIS_TLS_CA"}}),
  FM_ROW(redis.sentinels, v::list{16}, {"Redis: host:port of Sentinels; when given they say who the master is.", "", {"REDIS_SENTINELS"}});
  FM_ROW(redis.sentinel_master, (v::text{255, true}), {"Redis: the master's name there.", "", {"REDIS_SENTINEL_MASTER"}}),
  FM_ROW(redis.prefix, (v::text{64, false}), {"Redis: what every key begins with.", "", {"REDIS_PREFIX"}}),
  FM_ROW(redis.timeout_ms, (v::duration{10, 60'000}), {"Redis: longest wait for an answer.", "milliseconds"}),
  FM_ROW(redis.connections, (v::whole{1, 256}), {"Redis: connections."}),

  FM_ROW(chroma.url, v::url{}, {"Chroma: where it answers (API v2).", "", {"CHROMADB_URL"}});
  FM_ROW(chroma.token, (v::text{4'096, false}), {"Chroma: token, sent as x-chroma-token.", "", {"CHROMADB_API_KEY"}, true}),
  FM_ROW(chroma.tenant, (v::text{255, true}), {"Chroma: tenant.", "", {"CHROMADB_TENANT"}}),
  FM_ROW(chroma.database, (v::text{255, true}), {"Chroma: database.", "", {"CHROMADB_DATABASE"}}),
  FM_ROW(chroma.timeout_seconds, (v::duration{1, 600}), {"Chroma: longest request.", "seconds"}),

  FM_ROW(s3.endpoint, v::url{}, {"S3: where it answers, as https://s3.eu-central-1.amazonaws.com.", "", {"S3_ENDPOINT"}});
  FM_ROW(s3.region, (v::text{64, true}), {"S3: region, part of every signature.", "", {"S3_REGION", "AWS_REGION"}}),
  FM_ROW(s3.bucket, (v::text{63, false}), {"S3: bucket.", "", {"S3_BUCKET"}}),
  FM_ROW(s3.access_key, (v::text{255, false}), {"S3: access key.", "", {"S3_ACCESS_KEY", "AWS_ACCESS_KEY_ID"}}),
  FM_ROW(s3.secret_key, (v::text{4'096, false}), {"S3: secret key; better in the environment.", "", {"S3_SECRET_KEY", "AWS_SECRET_ACCESS_KEY"}, true}),
  FM_ROW(s3.prefix, (v::text{255, false}), {"S3: what every key begins with, as faultmaven/."}),
  FM_ROW(s3.path_style, v::yes_no{}, {"S3: bucket in the path (most servers) or in the host name (Amazon)."});
  FM_ROW(s3.server_side_encryption, encryptions, {"S3: the server-side encryption that is asked for."});
  FM_ROW(s3.lifecycle_days, (v::duration{0, 3'650}), {"S3: files are removed by the server after this; 0 = never.", "days"}),
  FM_ROW(s3.timeout_seconds, (v::duration{1, 3'600}), {"S3: longest request.", "seconds"}),

  FM_ROW(files.upload_bytes_max, (v::bytes{kib, 64 * 1'024 * mib}), {"Longest file; above: 413. It is never whole in memory while it comes."}),
  FM_ROW(files.case_bytes_max, (v::bytes{kib, 1'024 * 1'024 * mib}), {"All files of a case; above: 413."}),
  FM_ROW(files.case_files_max, (v::whole{1, 100'000}), {"Files of a case; above: 413."}),
  FM_ROW(files.analysis_threads, (v::whole{1, 64}), {"Threads that analyse uploads, behind all others when processors are scarce."}),
  FM_ROW(files.analysis_percent, (v::whole{1, 100}),
         {"Share of the machine's processors that analysing, indexing and comparing files may take together while fifty answers a processor stream; the more the fewer there are, and below one a processor as much as others leave."});
  FM_ROW(files.analysis_queue_max, (v::whole{1, 100'000}), {"Uploads that may come, wait or be analysed; above: 503."}),
  FM_ROW(files.receiver_threads, (v::whole{1, 64}), {"Threads that write uploads to the file store as they come, behind all others when processors are scarce."}),
  FM_ROW(files.receiving_percent, (v::whole{1, 100}), {"The same share for writing uploads to the file store."}),
  FM_ROW(files.receiving_max, (v::whole{1, 10'000}), {"Upload requests whose bytes come in at once; each holds a piece in memory; above: 503."}),
  FM_ROW(files.open_uploads_max, (v::whole{1, 10'000}), {"Unfinished resumable uploads of a case; above: 503."}),
  FM_ROW(files.upload_expiry_hours, (v::duration{1, 24 * 365}), {"Life of a resumable upload that is not finished; then its bytes are removed.", "hours"}),
  FM_ROW(files.redaction, redactions,
         {"What is taken out of uploaded files for readers other than the case's owner, who uploaded them, and administrators: "
          "all = personal data and secrets, secrets = these alone, off = nothing. Analyses never quote secrets. It counts for new uploads."});
  FM_ROW(files.redact_addresses, v::yes_no{}, {"Whether IP addresses count as personal data; most diagnoses need them."});
  FM_ROW(files.timeline_moments_max, (v::whole{10, 10'000}), {"What a timeline keeps of one file; what matters least is left out."}),
  FM_ROW(files.timeline_entries_max, (v::whole{100, 200'000}), {"Entries of a case's timeline; above, what matters least is left out."}),
  FM_ROW(files.timeline_messages_max, (v::whole{1, 10'000}), {"Newest messages of a case that its timeline looks at."}),

  FM_ROW(knowledge.embedding_url, v::url{},
         {"An OpenAI-compatible service with /embeddings. Empty: the embedded lexical embedder.", "", {"EMBEDDING_BASE_URL"}});
  FM_ROW(knowledge.embedding_key, (v::text{4'096, false}), {"Its key.", "", {"EMBEDDING_API_KEY"}, true}),
  FM_ROW(knowledge.embedding_model, (v::text{255, false}), {"The model's name there, as bge-m3.", "", {"EMBEDDING_MODEL"}}),
  FM_ROW(knowledge.embedding_dimension, (v::whole{1, 4'096}), {"Numbers in its vectors; documents are embedded again when this changes."}),
  FM_ROW(knowledge.embedding_query_ms, (v::duration{10, 60'000}), {"How long a search waits for it; then it is by words alone."}),
  FM_ROW(knowledge.embedding_cache_bytes, (v::bytes{0, 64 * 1'024 * mib}), {"Its vectors that are kept in the data directory, so that nothing is embedded twice; the oldest give way. 0 = none."}),
  FM_ROW(knowledge.embedding_retry_seconds, (v::duration{1, 86'400}), {"How often documents that it has not seen yet are tried again; after failures less often, up to hourly."}),
  FM_ROW(knowledge.document_bytes_max, (v::bytes{kib, 64 * mib}), {"Longest document, as text; above: 413."}),
  FM_ROW(knowledge.versions_kept, (v::whole{0, 1'000}), {"Earlier versions of a document that stay readable; the oldest go first."}),
  FM_ROW(knowledge.documents_max, (v::whole{1, 1'000'000}), {"Documents of one owner; above: 413."}),
  FM_ROW(knowledge.in_answers, (v::whole{0, 10}), {"Passages of a person's knowledge base that the agent is shown for a question; 0 = none."}),
  FM_ROW(knowledge.lines_in_answers, (v::whole{0, 50}), {"Lines of a case's files that the agent is shown for a question; 0 = none."}),
  FM_ROW(knowledge.relevant_percent, (v::whole{0, 100}),
         {"How alike question and passage must be for that, in percent of the cosine: 30 suits the embedded embedder, models want about 50."});
  FM_ROW(knowledge.file_bytes_max, (v::bytes{kib, 64 * mib}), {"Longest PDF, DOCX or HTML file of a document; above: 413. http.body_bytes_max must leave room for it."}),
  FM_ROW(knowledge.pdf_pages_max, (v::whole{1, 10'000}), {"Pages of a PDF; above: 413."}),

  FM_ROW(case_search.messages_max, (v::whole{1, 100'000}), {"Newest messages of a case that a search in it looks at; older ones are not found."}),
  FM_ROW(case_search.messages_bytes_max, (v::bytes{kib, 1'024 * mib}), {"Bytes of their text; older ones are not found."}),
  FM_ROW(case_search.message_vectors_max, (v::whole{0, 10'000}), {"Newest of them that are found by likeness too; the others by words alone."}),
  FM_ROW(case_search.cases_kept_max, (v::whole{1, 10'000}), {"Cases whose messages stay ready in memory; the one that was searched longest ago gives way."}),
  FM_ROW(case_search.indexed_at_once_bytes, (v::bytes{0, 1'024 * mib}),
         {"Files without an index that a search indexes before it answers; more are made behind it, and its answer counts them as files_waiting."});
  FM_ROW(case_search.similarity_percent, (v::whole{0, 100}), {"What is less like the question is not found by likeness, in percent of the cosine."}),
  FM_ROW(case_search.extracted_bytes_max, (v::bytes{kib, 256 * mib}), {"Text that is taken out of one picture, PDF, DOCX or archive to be searched; what is behind it is not found."}),
  FM_ROW(case_search.segment_bytes, (v::bytes{64 * kib, 256 * mib}), {"Text that one part of an index covers: making an index holds about four times as much, a search reads every part."}),
  FM_ROW(case_search.file_vectors_max, (v::whole{0, 10'000}), {"Blocks of one file that are found by likeness: the most telling ones; the others by words alone."}),

  FM_ROW(teams.teams_max, (v::whole{1, 1'000'000}), {"Teams in all; above: 413."}),
  FM_ROW(teams.per_user_max, (v::whole{1, 10'000}), {"Teams that one person may be in; above: 413."}),
  FM_ROW(teams.members_max, (v::whole{1, 10'000}), {"Members of one team; above: 413."}),

  FM_ROW(likeness.enabled, v::yes_no{}, {"Whether a case is shown earlier cases and runbooks that are like it, at its first message and when files come."});
  FM_ROW(likeness.cases_max, (v::whole{1, 10'000}), {"Earlier cases that one is held against: those with the latest activity."}),
  FM_ROW(likeness.shown_max, (v::whole{1, 20}), {"Cases, and runbooks, that one message shows."}),
  FM_ROW(likeness.notes_max, (v::whole{1, 100}), {"Such messages in one case."}),
  FM_ROW(likeness.score_percent, (v::whole{1, 100}), {"Least likeness that is shown.", "percent"}),

  FM_ROW(jobs.remembered_max, (v::whole{10, 1'000'000}), {"Jobs that are remembered; the oldest finished one is forgotten first."}),
  FM_ROW(jobs.unfinished_per_user_max, (v::whole{1, 100'000}), {"Jobs of one user that may wait or run; above: 503."}),

  FM_ROW(llm.base_url, v::url{},
         {"An OpenAI-compatible service, as https://api.openai.com/v1 or http://127.0.0.1:11434/v1. "
          "Empty: the built-in analyst answers."});
  FM_ROW(llm.api_key, (v::text{4'096, false}),
         {"Its key; better in the environment than in a file.", "", {}, true});
  FM_ROW(llm.model, (v::text{255, false}), {"The model's name there."}),
  FM_ROW(
      llm.place, place,
      {"Whether text sent there stays on this machine or network: auto = by the host in llm.base_url."});
  FM_ROW(llm.temperature, (v::number{0, 2}), {"How freely the model chooses its words."}),
  FM_ROW(llm.max_tokens, (v::whole{0, 1'000'000}),
         {"Longest answer; 0 = the service's own limit.", "tokens"});
  FM_ROW(llm.first_token_seconds, (v::duration{1, 3'600}),
         {"Longest wait for the first word.", "seconds"});
  FM_ROW(llm.idle_seconds, (v::duration{1, 3'600}),
         {"Longest silence in the middle of an answer.", "seconds"});
  FM_ROW(llm.total_seconds, (v::duration{1, 86'400}),
         {"Longest answer in time, retries included.", "seconds"});
  FM_ROW(llm.retries, (v::whole{0, 10}),
         {"How often a request that failed before its first word is made again."});
  FM_ROW(llm.answer_bytes_max, (v::bytes{kib, 64 * mib}), {"A longer answer is cut and marked."}),
  FM_ROW(llm.calls_max, (v::whole{1, 10'000}),
         {"Requests to the model at once; above, the turn fails as overloaded."});

  FM_ROW(log.level, levels, {"What is written to standard error."});

  FM_ROW(actors.threads, (v::whole{0, 256}), {"Threads of the actors; 0 = one per processor."}),
  FM_ROW(actors.work_threads, (v::whole{1, 256}), {"Threads for analysis and password hashing."}),
  FM_ROW(actors.work_queue_max, (v::whole{1, 100'000}), {"Such work that may wait; above: 503."}),

  FM_ROW(features.case_agent, v::yes_no{},
         {"Whether questions are answered; off: 503 with the reason.",
          "",
          {"ENABLE_CASE_AGENT_INTEGRATION"}});
  FM_ROW(features.reports, v::yes_no{},
         {"Whether reports are made; off: 503 with the reason.", "", {"FEATURE_REPORT_PERSISTENCE"}});
  return table;
}
#undef FM_ROW

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> previous(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j)
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (a[i - 1] != b[j - 1])});
    std::swap(previous, current);
  }
  return previous[b.size()];
}
} // namespace

const std::vector<setting_info>& settings_table() {
  static const auto table = make_table();
  return table;
}

const setting_info* find_setting(std::string_view key) {
  for (auto& info : settings_table())
    if (info.key == key)
      return &info;
  return nullptr;
}

std::string nearest_setting(std::string_view key) {
  if (key.size() > 100)
    return {};
  // A forgotten section counts as nothing: "port" means "http.port".
  std::string best;
  std::size_t best_distance = 1 + std::max<std::size_t>(2, key.size() / 3);
  for (auto& info : settings_table()) {
    auto distance = edit_distance(key, info.key);
    if (key.find('.') == std::string_view::npos)
      distance =
          std::min(distance, edit_distance(key, std::string_view{info.key}.substr(info.key.find('.') + 1)));
    if (distance < best_distance) {
      best_distance = distance;
      best = info.key;
    }
  }
  return best;
}

} // namespace fm
