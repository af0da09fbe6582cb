// The composition root: the only place that knows every part. Starts from the ground up, stops from the edge down.
#include "config/app/lib/commands.hpp"
#include "config/app/lib/embedded_files.hpp"
#include "config/app/lib/file_analysis.hpp"
#include "config/app/lib/searchable_text.hpp"
#include "config/app/lib/storage_of.hpp"

#include "actors/case_search/case_search.hpp"
#include "actors/cases/case_registry.hpp"
#include "actors/evidence/opening/document_text.hpp"
#include "actors/files/files.hpp"
#include "actors/identity/identity.hpp"
#include "actors/knowledge/knowledge.hpp"
#include "actors/search/cached_embedder.hpp"
#include "actors/search/lexical_embedder.hpp"
#include "actors/search/openai_embedder.hpp"
#include "actors/knowledge/tools.hpp"
#include "actors/likeness/likeness.hpp"
#include "actors/llm/openai_provider.hpp"
#include "actors/stores/case_store_actor.hpp"
#include "actors/support/courteous_blobs.hpp"
#include "actors/support/jobs.hpp"
#include "actors/teams/teams.hpp"
#include "http/client/curl_client.hpp"
#include "http/live/live.hpp"
#include "http/rest/rest.hpp"
#include "http/server/server.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/text.hpp"
#include "storage/factory/factory.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <iostream>
#include <pthread.h>
#include <thread>

#ifdef FM_COVERAGE
extern "C" void __gcov_dump(void); // <gcov.h> lacks the linkage for C++
#endif

namespace fm::app {
namespace {

/// stack.md 1.4: the sharing scheduler sleeps when idle, a bounded throughput keeps one noisy actor from the rest.
struct actor_config : caf::actor_system_config {
  explicit actor_config(std::size_t threads) {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", threads);
    set("scheduler.max-throughput", std::size_t{50});
  }
};

std::shared_ptr<chat_provider> make_provider(const settings& s) {
  if (!s.has_provider())
    return nullptr;
  openai_settings o;
  o.base_url = s.llm.base_url;
  o.api_key = s.llm.api_key;
  o.model = s.llm.model;
  o.temperature = s.llm.temperature;
  o.max_tokens = s.llm.max_tokens;
  o.local = s.llm.place == provider_place::local || (s.llm.place == provider_place::automatic && is_local_url(s.llm.base_url));
  o.first_token = s.llm.first_token_seconds;
  o.idle = s.llm.idle_seconds;
  o.total = s.llm.total_seconds;
  o.attempts_max = s.llm.retries + 1;
  curl_settings c;
  c.calls_max = s.llm.calls_max;
  c.user_agent = "faultmaven/" + version();
  return make_openai_provider(std::move(o), make_curl_client(std::move(c)), system_random());
}

embedder_ptr make_embedder(const settings& s, const embedding_cache_ptr& cache) {
  if (s.knowledge.embedding_url.empty())
    return make_lexical_embedder();
  openai_embedder_settings e;
  e.base_url = s.knowledge.embedding_url;
  e.api_key = s.knowledge.embedding_key;
  e.model = s.knowledge.embedding_model;
  e.dimension = s.knowledge.embedding_dimension;
  e.query_timeout = s.knowledge.embedding_query_ms;
  curl_settings c;
  c.user_agent = "faultmaven/" + version();
  auto remote = make_openai_embedder(std::move(e), make_curl_client(std::move(c)));
  return cache ? make_cached_embedder(std::move(remote), cache) : remote;
}

/// What the agent is shown of a person's knowledge: few passages, and only those that have something to do with the
/// question.
std::function<std::vector<knowledge_hit>(const user_id&, const std::string&)> recall_of(const settings& s, std::shared_ptr<knowledge_base> base, std::size_t limit,
                                                                                     std::string document_type = {}) {
  if (limit == 0)
    return {};
  return [base = std::move(base), limit, type = std::move(document_type),
          least = static_cast<double>(s.knowledge.relevant_percent) / 100](const user_id& viewer, const std::string& question) {
    std::vector<knowledge_hit> all;
    for (auto& tool : knowledge_tools()) {
      auto hits = answer_from(*base, tool, viewer, question, least, type);
      if (!hits) {
        log::warn("knowledge", std::string{tool.name} + " found nothing: " + hits.error().detail);
        continue;
      }
      std::move(hits->begin(), hits->end(), std::back_inserter(all));
    }
    std::stable_sort(all.begin(), all.end(), [](auto& a, auto& b) { return a.similarity > b.similarity; });
    all.resize(std::min(all.size(), limit));
    return all;
  };
}

/// What the agent is shown of a case's files: the lines that a question is about. Never the raw form: it goes to models.
std::function<std::vector<case_search_hit>(const case_id&, const std::string&)> lines_for_answers(std::shared_ptr<case_searcher> searcher, std::size_t limit) {
  if (limit == 0)
    return {};
  return [searcher = std::move(searcher), limit](const case_id& id, const std::string& question) {
    case_search_query q;
    q.text = question.substr(0, utf8_floor(question, std::min<std::size_t>(question.size(), 1'000)));
    q.source = "file";
    q.limit = limit;
    auto page = searcher->search(id, q, [](const case_file&) { return false; });
    if (!page && page.error().code != errc::invalid) // a question without a word finds nothing
      log::warn("case_search", "case=" + id.value + " could not be searched for an answer: " + page.error().detail);
    return page ? std::move(page->hits) : std::vector<case_search_hit>{};
  };
}

knowledge_actor make_knowledge(caf::actor_system& system, const settings& s, const opened_storage& storage, const offload_ptr& work,
                               const offload_ptr& background, const clock_ptr& clock, const random_ptr& random, const job_book_ptr& jobs, const std::shared_ptr<team_directory>& people,
                               std::shared_ptr<knowledge_base>& base) {
  knowledge_settings k;
  k.document_bytes_max = s.knowledge.document_bytes_max;
  k.documents_max = s.knowledge.documents_max;
  k.versions_kept = s.knowledge.versions_kept;
  knowledge_deps deps;
  deps.blobs = storage.blobs;
  deps.vectors = storage.vectors;
  deps.model = make_embedder(s, storage.embeddings);
  deps.clock = clock;
  deps.random = random;
  deps.teams_of = [people](const user_id& who) { return people->teams_of(who); };
  deps.team_gone = [people](const team_id& id) { return people->whole() && !people->exists(id); };
  opening::document_limits documents;
  documents.file_bytes_max = s.knowledge.file_bytes_max;
  documents.text_bytes_max = s.knowledge.document_bytes_max;
  documents.pages_max = s.knowledge.pdf_pages_max;
  deps.to_text = [documents](const std::string& format, const std::string&, const std::string& bytes) {
    return opening::document_text(format, bytes, documents);
  };
  knowledge_actor_deps actor;
  actor.base = base = std::make_shared<knowledge_base>(k, std::move(deps));
  actor.jobs = jobs;
  actor.work = work;
  actor.background = background;
  actor.embed_every = s.knowledge.embedding_retry_seconds;
  actor.clock = clock;
  actor.random = random;
  for (auto& file : starter_runbooks())
    actor.starter_pack.push_back({std::string{file.path}, std::string{file.bytes}});
  return spawn_knowledge(system, std::move(actor));
}

http::http_settings edge_settings(const settings& s, bool next_free_port) {
  http::http_settings h;
  h.host = s.http.host;
  h.port = s.http.port;
  h.next_free_port = next_free_port;
  h.io_threads = s.http.io_threads;
  h.connections_max = s.http.connections_max;
  h.header_bytes_max = s.http.header_bytes_max;
  h.body_bytes_max = s.http.body_bytes_max;
  h.stream_idle = s.http.upload_idle_seconds;
  h.stream_total = s.http.upload_total_seconds;
  h.header_timeout = s.http.header_timeout_seconds;
  h.keep_alive = s.http.keep_alive_seconds;
  h.request_deadline = s.http.request_deadline_seconds;
  h.query_deadline = s.http.query_deadline_seconds;
  h.drain = s.http.drain_seconds;
  h.gzip_bytes_min = s.http.gzip_bytes_min;
  h.allowed_origins = s.http.allowed_origins;
  h.requests_per_second = s.http.requests_per_second;
  h.requests_burst = s.http.requests_burst;
  h.sign_ins_per_minute = s.http.sign_ins_per_minute;
  return h;
}

http::live_settings live_of(const settings& s) {
  http::live_settings l;
  l.client_message_bytes_max = s.live.client_message_bytes_max;
  l.cases_open_max = s.live.cases_open_max;
  l.commands_per_second = s.live.commands_per_second;
  l.commands_burst = s.live.commands_burst;
  l.outbox_bytes_max = s.live.outbox_bytes_max;
  l.replay_events_max = s.live.replay_events_max;
  l.heartbeat = s.live.heartbeat_seconds;
  l.pong_timeout = s.live.pong_timeout_seconds;
  l.hello_timeout = s.live.hello_timeout_seconds;
  l.allowed_origins = s.http.allowed_origins;
  return l;
}

case_settings cases_of(const settings& s) {
  case_settings c;
  c.rules.queue_max = s.cases.queue_max;
  c.rules.open_cases_per_user = s.cases.open_per_user;
  c.idle = s.cases.idle_minutes;
  c.delta_window = s.cases.delta_window_ms;
  c.delta_bytes = s.cases.delta_bytes;
  c.compact_after = s.cases.compact_after_seconds;
  c.commands_waiting_max = s.cases.commands_waiting_max;
  c.subscribers_max = s.cases.subscribers_max;
  return c;
}

case_search_settings case_search_of(const settings& s) {
  case_search_settings c;
  c.messages_max = s.case_search.messages_max;
  c.messages_bytes_max = s.case_search.messages_bytes_max;
  c.message_vectors_max = s.case_search.message_vectors_max;
  c.cases_kept_max = s.case_search.cases_kept_max;
  c.indexed_at_once_bytes = s.case_search.indexed_at_once_bytes;
  c.similarity_min = static_cast<double>(s.case_search.similarity_percent) / 100;
  c.index.segment_bytes = s.case_search.segment_bytes;
  c.index.vectors_max = s.case_search.file_vectors_max;
  return c;
}

app::searchable_text_options searchable_of(const settings& s, const app::file_analysis_options& analysis) {
  app::searchable_text_options o;
  o.text_bytes_max = s.case_search.extracted_bytes_max;
  o.redact = analysis.redact;
  o.redaction = analysis.redaction;
  o.archive = analysis.archive;
  return o;
}

likeness_settings likeness_of(const settings& s) {
  likeness_settings l;
  l.cases_max = s.likeness.cases_max;
  l.notes_max = s.likeness.notes_max;
  l.limits.shown_max = s.likeness.shown_max;
  l.limits.score_min = static_cast<double>(s.likeness.score_percent) / 100;
  return l;
}

identity_settings identity_of(const settings& s) {
  identity_settings i;
  i.dev_login = s.dev_login_enabled();
  i.registration = s.auth.registration;
  i.token_life = s.auth.token_hours;
  i.refresh_life = s.auth.refresh_days;
  i.session_timeout = s.auth.session_minutes;
  i.sessions_per_user = s.auth.sessions_per_user;
  i.ticket_life = s.auth.ticket_seconds;
  i.tickets_max = s.auth.tickets_max;
  i.token_cache_max = s.auth.token_cache_max;
  i.login_failures_max = s.auth.login_failures_max;
  i.login_window = s.auth.login_window_minutes;
  i.cost = s.auth.password_cost == password_cost_setting::minimum    ? password_cost::minimum
           : s.auth.password_cost == password_cost_setting::moderate ? password_cost::moderate
                                                                     : password_cost::interactive;
  return i;
}

int fail(const failure& f, int code) {
  std::cerr << "faultmaven: " << f.detail << "\n";
  return code;
}

/// Blocks until SIGTERM or SIGINT. Must have been blocked before any thread was started.
void wait_for_signal(const sigset_t& set) {
  int which = 0;
  ::sigwait(&set, &which);
  log::info("app", std::string{"received "} + (which == SIGINT ? "SIGINT" : "SIGTERM") + ", draining");
}
/// Lets running answers end, for a moment; those that do not are started again at the next start.
void finish_turns(const std::atomic<std::int64_t>& running, std::chrono::steady_clock::time_point asked, std::chrono::seconds patience) {
  constexpr std::chrono::seconds all_in_all{9}; // the edge's draining counts as well: ten seconds are promised
  const auto until = std::min(std::chrono::steady_clock::now() + patience, asked + all_in_all);
  while (running > 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  if (const auto left = running.load(); left > 0)
    log::info("app", std::to_string(left) + " turns still run; they go on at the next start");
}
} // namespace

int serve(const common_options& o, bool next_free_port) {
  auto loaded_settings = load(o);
  if (!loaded_settings)
    return fail(loaded_settings.error(), exit_usage);
  const auto& s = *loaded_settings;
  if (log::level l; log::parse_level(s.log.level, l))
    log::set_level(l);
  for (auto& warning : s.warnings)
    log::warn("settings", warning);

  sigset_t stop;
  ::sigemptyset(&stop);
  ::sigaddset(&stop, SIGTERM);
  ::sigaddset(&stop, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &stop, nullptr);
  ::signal(SIGPIPE, SIG_IGN);

  auto storage = open_storage(storage_of(s));
  if (!storage)
    return fail(storage.error(), exit_no_start);

  const auto stats = std::make_shared<metrics>();
  const auto clock = system_clock_source();
  const auto random = system_random();
  const auto writer_thread = make_offload(1, 64);
  const auto readers = make_offload(s.storage.reader_threads, s.storage.reader_queue_max);
  const auto work = make_offload(s.actors.work_threads, s.actors.work_queue_max);
  const auto accounts = make_offload(1, 4'096);

  const auto threads = s.actors.threads != 0 ? s.actors.threads : std::max(2U, std::thread::hardware_concurrency());
  actor_config config{threads};
  caf::actor_system system{config};

  store_settings batch;
  batch.batch_max = s.storage.batch_max;
  batch.batch_bytes_max = s.storage.batch_bytes_max;
  batch.queue_max = s.storage.queue_max;
  auto writer = spawn_case_store(system, batch, {storage->cases, writer_thread, stats});
  auto identity = spawn_identity(system, identity_of(s), {storage->users, storage->sessions, accounts, clock, random});

  const auto running_turns = std::make_shared<std::atomic<std::int64_t>>(0);
  const auto stopping = std::make_shared<std::atomic<bool>>(false);
  const auto processors = std::max(1U, std::thread::hardware_concurrency());
  const auto share_of_machine = [&](unsigned percent) {
    return std::make_shared<courtesy>([running_turns, stopping, processors, percent]() -> std::optional<double> {
      const auto share = *stopping ? std::nullopt : share_beside(static_cast<double>(*running_turns) / processors, percent);
      return share ? std::optional{*share * processors} : std::nullopt;
    });
  };
  const auto behind = share_of_machine(s.files.analysis_percent), receiving = share_of_machine(s.files.receiving_percent);
  const auto blobs = make_courteous(storage->blobs);

  const auto library = make_offload(2, 1'024); // searching must not wait behind analysis
  const auto indexing = make_offload(1, 1'024, offload_priority::background, behind);
  std::shared_ptr<knowledge_base> known;
  job_settings of_jobs;
  of_jobs.remembered_max = s.jobs.remembered_max;
  of_jobs.unfinished_per_user_max = s.jobs.unfinished_per_user_max;
  const auto book = std::make_shared<job_book>(of_jobs, clock, random);
  auto jobs = spawn_jobs(system, book);
  const auto people = std::make_shared<team_directory>(team_limits{s.teams.teams_max, s.teams.per_user_max, s.teams.members_max},
                                                       team_directory_deps{storage->blobs, storage->users, clock, random});
  if (auto read = people->load(); !read)
    return fail(read.error(), exit_no_start);
  auto knowledge = make_knowledge(system, s, *storage, library, indexing, clock, random, book, people, known);
  auto teams = spawn_teams(system, {people, library, [knowledge](const team_id& id) { caf::anon_send(knowledge, forget_team_knowledge{id}); }});

  file_settings shelves;
  shelves.upload_bytes_max = s.files.upload_bytes_max;
  shelves.case_bytes_max = s.files.case_bytes_max;
  shelves.case_files_max = s.files.case_files_max;
  shelves.open_uploads_max = s.files.open_uploads_max;
  shelves.upload_expiry = s.files.upload_expiry_hours;
  shelves.timeline.moments_max = s.files.timeline_moments_max;
  shelves.timeline.entries_max = s.files.timeline_entries_max;
  file_analysis_options analysis;
  analysis.timeline = shelves.timeline;
  analysis.redact = s.files.redaction != "off";
  analysis.redaction.personal = s.files.redaction == "all";
  analysis.redaction.ip_addresses = s.files.redact_addresses;
  const auto analyse = [analysis](const file_request& file) { return analyse_uploaded_file(file, analysis); };
  const auto shelf = std::make_shared<file_shelf>(shelves, file_deps{blobs, analyse, clock, random});
  const auto searcher = std::make_shared<case_searcher>(
      case_search_of(s), case_search_deps{blobs, storage->cases, make_embedder(s, storage->embeddings), clock, [shelf](const case_id& id) { return shelf->list(id); },
                                          app::text_extractor_of(blobs, searchable_of(s, analysis))});

  case_deps deps;
  deps.writer = writer;
  deps.store = storage->cases;
  deps.readers = readers;
  deps.run.store = storage->cases;
  deps.run.readers = readers;
  deps.run.work = work;
  deps.run.provider = make_provider(s);
  deps.run.recall = recall_of(s, known, s.knowledge.in_answers);
  deps.run.search_case = lines_for_answers(searcher, s.knowledge.lines_in_answers);
  deps.run.settings.context_characters_max = s.cases.context_characters;
  deps.run.settings.history_messages_max = s.cases.history_messages;
  deps.run.settings.answer_bytes_max = s.llm.answer_bytes_max;
  deps.clock = clock;
  deps.random = random;
  deps.metrics = stats;
  const auto agent = deps.run.provider ? deps.run.provider->name() : std::string{"builtin"};
  deps.running_turns = running_turns;
  auto registry = spawn_case_registry(system, {}, std::make_shared<const case_settings>(cases_of(s)), std::move(deps));

  book->watch([registry](const job& what) {
    if (!what.in_case.empty())
      caf::anon_send(registry, to_case{what.in_case, case_command{show_job{std::make_shared<const job>(what)}}});
  });
  if (auto swept = shelf->sweep_orphans(); !swept)
    log::warn("files", "what the last run left unfinished could not be looked at: " + swept.error().detail);
  else if (*swept > 0)
    log::info("files", std::to_string(*swept) + " uploads that were cut off by the last stop were removed");
  auto case_search = spawn_case_search(system, {searcher, library, indexing});
  const auto comparing = make_offload(1, 1'024, offload_priority::background, behind); // after every upload
  likeness_service likeness;
  std::function<void(const case_id&)> on_evidence = [case_search](const case_id& id) { caf::anon_send(case_search, index_case{id}); };
  if (s.likeness.enabled) {
    likeness = spawn_likeness(system, likeness_of(s), {storage->cases, blobs, comparing, registry, [shelf](const case_id& id) { return shelf->marks(id); },
                                                       recall_of(s, known, s.likeness.shown_max, "runbook")});
    on_evidence = [actor = likeness.actor, index = on_evidence](const case_id& id) {
      index(id);
      caf::anon_send(actor, look_for_likeness{id});
    };
  }
  const auto analysts = make_offload(s.files.analysis_threads, s.files.analysis_queue_max, offload_priority::background, behind); // turns must not wait behind uploads
  const auto receivers = make_offload(s.files.receiver_threads, 4 * s.files.receiving_max, offload_priority::background, receiving);
  files_actor_deps of_files;
  of_files.shelf = shelf;
  of_files.work = analysts;
  of_files.receivers = receivers;
  of_files.readers = library;
  of_files.registry = registry;
  of_files.jobs = book;
  of_files.receiving_max = s.files.receiving_max;
  of_files.waiting_max = s.files.analysis_queue_max;
  of_files.on_evidence = on_evidence;
  auto files = spawn_files(system, std::move(of_files));
  on_evidence = {};

  http::live_deps live{registry, identity, stats, clock, random, live_of(s), version()};
  auto rest = std::make_shared<http::rest_deps>();
  rest->registry = registry;
  rest->identity = identity;
  rest->knowledge = knowledge;
  rest->files = files;
  rest->case_search = case_search;
  rest->jobs = jobs;
  rest->teams = teams;
  rest->metrics = stats;
  rest->clock = clock;
  rest->random = random;
  rest->version = version();
  rest->agent = agent;
  rest->dev_login = s.dev_login_enabled();
  rest->registration = s.auth.registration;
  rest->case_agent = s.features.case_agent;
  rest->upload_bytes_max = s.files.upload_bytes_max;
  rest->timeline_messages_max = s.files.timeline_messages_max;
  rest->query_deadline = s.http.query_deadline_seconds;
  rest->stream_turn = [live](const http::exchange_ptr& x, const case_id& id, const turn_receipt& t) {
    http::stream_turn(x, live, id, t);
  };
  auto routes = std::make_shared<http::router>();
  http::add_auth_routes(*routes, rest);
  http::add_session_routes(*routes, rest);
  http::add_case_routes(*routes, rest);
  http::add_conversation_routes(*routes, rest);
  http::add_file_routes(*routes, rest);
  http::add_evidence_search_routes(*routes, rest);
  http::add_upload_routes(*routes, rest);
  http::add_knowledge_routes(*routes, rest);
  http::add_job_routes(*routes, rest);
  http::add_team_routes(*routes, rest);
  http::add_health_routes(*routes, rest);
  http::add_live_routes(*routes, live);
  http::add_not_yet_routes(*routes, rest);
  auto document = std::make_shared<std::string>();
  routes->add({"GET", "/api/v1/openapi.json", http::access::open, "health", "This document", {200}, [document](http::exchange_ptr x) {
                 http::response r;
                 r.body = *document;
                 x->respond(std::move(r));
               }});
  *document = http::openapi_document(*routes, version());

  http::server_deps edge;
  edge.settings = edge_settings(s, next_free_port);
  edge.identity = identity;
  edge.metrics = stats;
  edge.random = random;
  edge.routes = routes;
  for (auto& file : console_assets())
    edge.site.push_back({std::string{file.path}, file.bytes});
  edge.make_live = [live](const std::vector<boost::asio::io_context*>& contexts) { return http::make_live_endpoint(live, contexts); };

  int code = exit_done;
  {
    auto server = http::start_server(std::move(edge));
    if (!server) {
      code = fail(server.error(), exit_no_start);
    } else {
      const auto shown = s.http.host == "0.0.0.0" || s.http.host == "::" ? std::string{"127.0.0.1"} : s.http.host;
      std::cout << "listening on http://" << (shown.find(':') == std::string::npos ? shown : "[" + shown + "]") << ":" << (*server)->port() << std::endl;
      if (next_free_port && s.http.port != 0 && (*server)->port() != s.http.port)
        std::cout << "(port " << s.http.port << " is taken)" << std::endl;
      log::info("app", "started version=" + version() + " agent=" + agent + " data=" + s.storage.data);
      wait_for_signal(stop);
      const auto asked = std::chrono::steady_clock::now();
      *stopping = true;
      (*server)->drain();
      finish_turns(*running_turns, asked, s.cases.drain_seconds);
    }
  }
  // From the edge down: no new requests now; turns that still run are marked and go on at the next start.
  caf::anon_send_exit(registry, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(identity, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(knowledge, caf::exit_reason::user_shutdown);
  knowledge = knowledge_actor{};
  caf::anon_send_exit(case_search, caf::exit_reason::user_shutdown);
  case_search = case_search_actor{};
  caf::anon_send_exit(teams, caf::exit_reason::user_shutdown);
  teams = teams_actor{};
  caf::anon_send_exit(files, caf::exit_reason::user_shutdown);
  files = files_actor{};
  if (likeness.actor)
    caf::anon_send_exit(likeness.actor, caf::exit_reason::user_shutdown);
  likeness = {};
  caf::anon_send_exit(jobs, caf::exit_reason::user_shutdown);
  jobs = jobs_actor{};
  book->stop_all();
  registry = case_registry_actor{};
  identity = identity_actor{};
  live = http::live_deps{};
  rest.reset();
  routes.reset();
  receivers->stop();
  comparing->stop();
  analysts->stop();
  work->stop();
  library->stop();
  indexing->stop();
  book->watch({}); // it holds the registry; nobody works any more
  accounts->stop();
  readers->stop();
  writer_thread->stop();
  caf::anon_send_exit(writer, caf::exit_reason::user_shutdown);
  writer = case_store_actor{};
  if (code == exit_done)
    log::info("app", "stopped");
  std::cout.flush();
  // Handles inside closures of the edge may outlive their actors by a moment; the store is flushed, so leave.
  storage = make_failure(errc::gone, "");
#ifdef FM_COVERAGE
  __gcov_dump(); // _Exit runs no destructors: the counters would be lost
#endif
  std::_Exit(code);
}

} // namespace fm::app
