// A whole server with every REST route over stores in memory, and a model that says what it is told.
#pragma once

#include "actors/case_search/case_search.hpp"
#include "actors/cases/case_registry.hpp"
#include "actors/evidence/extractors/redaction.hpp"
#include "actors/evidence/opening/document_text.hpp"
#include "actors/files/files.hpp"
#include "actors/identity/identity.hpp"
#include "actors/knowledge/knowledge.hpp"
#include "actors/search/lexical_embedder.hpp"
#include "actors/likeness/likeness.hpp"
#include "actors/stores/case_store_actor.hpp"
#include "actors/support/jobs.hpp"
#include "actors/teams/teams.hpp"
#include "http/live/live.hpp"
#include "http/rest/rest.hpp"
#include "http/server/server.hpp"
#include "storage/factory/factory.hpp"
#include "tests/support/json.hpp"
#include "tests/support/live_client.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/send.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

namespace fm::http {
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing_support::header_list;
using testing_support::http_answer;
using testing_support::http_connection;
using testing_support::json;
using testing_support::json_quoted;
using namespace std::chrono_literals;

/// A model that says what it is told to, or nothing until it is cancelled.
struct told_provider final : chat_provider {
  std::atomic<bool> silent{false};
  struct call final : chat_call {
    void cancel() override {}
  };
  std::mutex mutex;
  std::vector<chat_events> held;
  std::shared_ptr<chat_call> start(chat_request, chat_events events) override {
    if (silent) {
      std::lock_guard lock{mutex};
      held.push_back(events);
    } else {
      events.on_text("The disk of db-1 is full.");
      events.on_end(chat_end{"stop", {}});
    }
    return std::make_shared<call>();
  }
  void speak() {
    silent = false;
    std::vector<chat_events> now;
    {
      std::lock_guard lock{mutex};
      now.swap(held);
    }
    for (auto& e : now) {
      e.on_text("At last.");
      e.on_end(chat_end{"stop", {}});
    }
  }
  std::string name() const override { return "told"; }
  bool local() const override { return true; }
};

struct quiet_config : caf::actor_system_config {
  quiet_config() {
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", std::size_t{2});
  }
};

class rest_test : public ::testing::Test {
protected:
  rest_test() {
    auto opened = open_storage(all_in_memory());
    EXPECT_TRUE(opened);
    storage = std::move(*opened);
    writer = spawn_case_store(system, {}, {storage.cases, offloaded, meters});
    identity_settings who;
    who.dev_login = true;
    who.cost = password_cost::minimum;
    identity = spawn_identity(system, who, {storage.users, storage.sessions, offloaded, clock, random});
    case_deps cases;
    cases.writer = writer;
    cases.store = storage.cases;
    cases.readers = offloaded;
    cases.run.store = storage.cases;
    cases.run.readers = offloaded;
    cases.run.work = offloaded;
    cases.run.provider = model;
    cases.clock = clock;
    cases.random = random;
    cases.metrics = meters;
    registry = spawn_case_registry(system, {}, std::make_shared<const case_settings>(), std::move(cases));

    jobs = spawn_jobs(system, book);
    book->watch([registry = registry](const job& what) {
      if (!what.in_case.empty())
        caf::anon_send(registry, to_case{what.in_case, case_command{show_job{std::make_shared<const job>(what)}}});
    });
    file_settings limits;
    limits.upload_bytes_max = 100'000;
    limits.case_files_max = 3;
    limits.case_bytes_max = case_bytes_max;
    limits.open_uploads_max = 2;
    limits.upload_part_bytes = 1'000;
    shelf = std::make_shared<file_shelf>(limits, file_deps{storage.blobs, described, clock, random});
    files_actor_deps of_files;
    of_files.shelf = shelf;
    of_files.work = analysts;
    of_files.receivers = receivers;
    of_files.readers = offloaded;
    of_files.registry = registry;
    of_files.jobs = book;
    of_files.receiving_max = 8;
    of_files.waiting_max = 12;
    of_files.on_evidence = [this](const case_id& id) {
      std::lock_guard lock{likeness_mutex};
      if (likeness.actor)
        caf::anon_send(likeness.actor, look_for_likeness{id});
    };
    files = spawn_files(system, std::move(of_files));
    searcher = std::make_shared<case_searcher>(case_search_settings{}, case_search_deps{storage.blobs, storage.cases, make_lexical_embedder(), clock,
                                                                                        [shelf = shelf](const case_id& id) { return shelf->list(id); }});
    case_search = spawn_case_search(system, {searcher, offloaded, offloaded});
    people = std::make_shared<team_directory>(team_limits{100, 3, 4}, team_directory_deps{storage.blobs, storage.users, clock, random});
    EXPECT_TRUE(people->load());
    knowledge_actor_deps library;
    library.base = std::make_shared<knowledge_base>(knowledge_settings{}, knowledge_deps{storage.blobs, storage.vectors, make_lexical_embedder(), clock, random, readable,
                                                                                            [this](const user_id& who) { return people->teams_of(who); },
                                                                                            [this](const team_id& id) { return people->whole() && !people->exists(id); }});
    library.work = offloaded;
    library.jobs = book;
    library.clock = clock;
    library.random = random;
    library.starter_pack = {{"a.md", "---\ntitle: Disk full\ncategory: linux\ntags: disk, logs\n---\n# Disk full\n\nFree space.\n"},
                            {"b.md", "---\ntitle: Slow names\ncategory: network\ntags: dns\n---\n# Slow names\n\nAsk the resolver.\n"}};
    knowledge = spawn_knowledge(system, std::move(library));

    teams = spawn_teams(system, {people, offloaded, [knowledge = knowledge](const team_id& id) { caf::anon_send(knowledge, forget_team_knowledge{id}); }});

    auto rest = std::make_shared<rest_deps>();
    rest->teams = teams;
    rest->files = files;
    rest->case_search = case_search;
    rest->knowledge = knowledge;
    rest->jobs = jobs;
    rest->registry = registry;
    rest->identity = identity;
    rest->metrics = meters;
    rest->clock = clock;
    rest->random = random;
    rest->version = "9.9.9";
    rest->agent = "told";
    rest->dev_login = true;
    rest->query_deadline = query_deadline;
    rest->upload_bytes_max = limits.upload_bytes_max;
    const live_deps live{registry, identity, meters, clock, random, {}, "9.9.9"};
    rest->stream_turn = [live](const exchange_ptr& x, const case_id& id, const turn_receipt& t) {
      stream_turn(x, live, id, t);
    };
    add_auth_routes(*routes, rest);
    add_session_routes(*routes, rest);
    add_case_routes(*routes, rest);
    add_conversation_routes(*routes, rest);
    add_health_routes(*routes, rest);
    add_live_routes(*routes, live);
    add_file_routes(*routes, rest);
    add_evidence_search_routes(*routes, rest);
    add_upload_routes(*routes, rest);
    add_knowledge_routes(*routes, rest);
    add_job_routes(*routes, rest);
    add_team_routes(*routes, rest);
    add_not_yet_routes(*routes, rest);

    server_deps edge;
    edge.identity = identity;
    edge.metrics = meters;
    edge.random = random;
    edge.settings.port = 0;
    edge.settings.requests_per_second = 100'000;
    edge.settings.requests_burst = 100'000;
    edge.settings.sign_ins_per_minute = 100'000;
    edge.routes = routes;
    auto started = start_server(std::move(edge));
    EXPECT_TRUE(started);
    server_ = std::move(*started);
    ada = sign_in("ada");
    ben = sign_in("ben");
  }

  ~rest_test() override {
    model->speak();
    server_.reset();
    caf::anon_send_exit(registry, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(identity, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(files, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(knowledge, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(case_search, caf::exit_reason::user_shutdown);
    case_search = case_search_actor{};
    caf::anon_send_exit(teams, caf::exit_reason::user_shutdown);
    teams = teams_actor{};
    caf::anon_send_exit(jobs, caf::exit_reason::user_shutdown);
    jobs = jobs_actor{};
    book->stop_all();
    receivers->stop();
    analysts->stop();
    if (likeness.actor)
      caf::anon_send_exit(likeness.actor, caf::exit_reason::user_shutdown);
    likeness = {};
    book->watch({});
    files = files_actor{};
    knowledge = knowledge_actor{};
    registry = case_registry_actor{};
    identity = identity_actor{};
    routes.reset();
    system.await_all_actors_done_soon(*this);
  }

  std::string sign_in(const std::string& name) {
    http_connection c{{"127.0.0.1", server_->port()}};
    const auto a = c.post("/api/v1/auth/dev-login", R"({"username":)" + json_quoted(name) + "}");
    EXPECT_TRUE(a);
    EXPECT_EQ(a->status, 200) << a->body;
    return a->parsed()["access_token"].text();
  }
  /// Signs in as somebody with another role; analysts read every case, administrators everything.
  std::string sign_in_as(const std::string& name, user_role role) {
    (void)sign_in(name);
    auto known = storage.users->find(name);
    EXPECT_TRUE(known);
    known->person.roles = {role};
    EXPECT_TRUE(storage.users->update(*known));
    return sign_in(name);
  }
  http_answer call(std::string_view method, std::string_view target, std::string_view body = {},
                   const header_list& headers = {}, std::optional<std::string> token = {}) {
    http_connection c{{"127.0.0.1", server_->port()}, token.value_or(ada)};
    auto a = c.request(method, target, body, headers);
    EXPECT_TRUE(a) << method << " " << target << ": " << (a ? "" : a.error().detail);
    return a ? *a : http_answer{};
  }
  http_answer get(std::string_view target, const header_list& headers = {}) {
    return call("GET", target, {}, headers);
  }
  http_answer post(std::string_view target, std::string_view body, const header_list& headers = {}) {
    return call("POST", target, body, headers);
  }
  std::string new_case(std::string_view body = R"({"title":"Disk full"})") {
    const auto a = post("/api/v1/cases", body);
    EXPECT_EQ(a.status, 201) << a.body;
    return a.parsed()["case_id"].text();
  }
  static std::string at(const std::string& id, const std::string& rest = {}) {
    return "/api/v1/cases/" + id + rest;
  }

  /// What the "analysis" says here: that it was asked, and about how much.
  static file_analysis described(const file_request& file) {
    file_analysis a;
    const auto& [name, type, chosen, source, context, sink, control] = file;
    const auto bytes = source.read(0, source.size()).value();
    if (name.ends_with(".slow")) { // until somebody stops it
      control.tell(bytes.size() / 2, bytes.size());
      while (!control.stopped())
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
      return a;
    }
    if (name.ends_with(".bad")) {
      a.error = "It cannot be read.";
      return a;
    }
    if (name.ends_with(".png")) {
      a.redaction = "opaque";
    } else if (!name.ends_with(".off")) {
      const auto found = extractors::find_sensitive(bytes);
      a.redaction = found.ranges.empty() ? "same" : "copy";
      if (const auto copy = extractors::sanitized(bytes, found); a.redaction == "copy" && sink && sink(copy))
        a.sanitized_bytes = copy.size();
      a.personal_data = found.pii_detected();
      a.secrets = found.secrets_detected();
    }
    a.data_type = chosen.empty() ? "logs_and_errors" : chosen;
    a.confidence = 0.9;
    a.summary = std::to_string(bytes.size()) + " bytes";
    a.insights = {"line 1 matters"};
    a.text = bytes.substr(0, bytes.find('\n'));
    a.json = "{\"schema\":1}";
    if (evidence::looks_like_log(bytes)) {
      a.moments = evidence::moments_of_log(bytes);
      a.marks = evidence::marks_of_log(evidence::analyze(bytes));
    }
    return a;
  }

  static outcome<std::string> readable(const std::string& format, const std::string&, const std::string& bytes) {
    opening::document_limits limits;
    limits.file_bytes_max = 50'000;
    return opening::document_text(format, bytes, limits);
  }

  /// Ends the system at the end of the test; actors that wait for nothing go by themselves.
  struct ending_system : caf::actor_system {
    using caf::actor_system::actor_system;
    void await_all_actors_done_soon(rest_test& t) {
      caf::anon_send_exit(t.writer, caf::exit_reason::user_shutdown);
      t.writer = case_store_actor{};
    }
  };

  std::chrono::milliseconds query_deadline{20'000};
  quiet_config config;
  ending_system system{config};
  opened_storage storage;
  offload_ptr offloaded = make_inline_offload();
  offload_ptr analysts = make_offload(1, 64); ///< threads of their own: what runs there can be watched and stopped
  offload_ptr receivers = make_offload(2, 64);
  std::uint64_t case_bytes_max = 250'000;
  clock_ptr clock = system_clock_source();
  random_ptr random = seeded_random(11);
  metrics_ptr meters = std::make_shared<metrics>();
  std::shared_ptr<told_provider> model = std::make_shared<told_provider>();
  case_store_actor writer;
  identity_actor identity;
  case_registry_actor registry;
  files_actor files;
  std::shared_ptr<file_shelf> shelf;
  std::mutex likeness_mutex;
  likeness_service likeness; ///< empty unless a test asks for it
  jobs_actor jobs;
  std::shared_ptr<case_searcher> searcher;
  case_search_actor case_search;
  std::shared_ptr<team_directory> people;
  teams_actor teams;
  job_book_ptr book = std::make_shared<job_book>(job_settings{}, clock, random);
  knowledge_actor knowledge;
  std::shared_ptr<router> routes = std::make_shared<router>();
  std::unique_ptr<server> server_;
  std::string ada, ben;
};

} // namespace fm::http
