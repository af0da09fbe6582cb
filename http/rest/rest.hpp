// The REST surface, one file per resource: each adds its routes with their documentation and handlers.
#pragma once

#include "http/core/router.hpp"
#include "protocol/base/clock.hpp"
#include "protocol/base/metrics.hpp"
#include "protocol/base/random.hpp"
#include "protocol/messages/case_registry_actor.hpp"
#include "protocol/messages/case_search_actor.hpp"
#include "protocol/messages/files_actor.hpp"
#include "protocol/messages/identity_actor.hpp"
#include "protocol/messages/jobs_actor.hpp"
#include "protocol/messages/knowledge_actor.hpp"
#include "protocol/messages/teams_actor.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace fm::http {

struct rest_deps {
  case_registry_actor registry;
  identity_actor identity;
  knowledge_actor knowledge;
  files_actor files;
  case_search_actor case_search;
  jobs_actor jobs;
  teams_actor teams;
  metrics_ptr metrics;
  clock_ptr clock;
  random_ptr random;
  std::string version;
  std::string agent; ///< "builtin" or the model's name
  bool dev_login = false;
  bool registration = true;
  bool case_agent = true; ///< ENABLE_CASE_AGENT_INTEGRATION
  std::uint64_t upload_bytes_max = 10U << 20; ///< of a file, without the form around it
  std::size_t timeline_messages_max = 1'000; ///< of a case's newest messages that its timeline looks at
  std::chrono::milliseconds query_deadline{120'000};
  /// Streams one turn's events (the live module does it).
  std::function<void(const exchange_ptr&, const case_id&, const turn_receipt&)> stream_turn;
};
using rest_deps_ptr = std::shared_ptr<const rest_deps>;

void add_auth_routes(router& routes, const rest_deps_ptr& deps);
void add_session_routes(router& routes, const rest_deps_ptr& deps);
void add_case_routes(router& routes, const rest_deps_ptr& deps);
void add_conversation_routes(router& routes, const rest_deps_ptr& deps);
/// What an upload is answered with: the file and what was found in it.
response stored_file_answer(const stored_file& stored);
/// Nothing when what is said of a file can be kept.
std::optional<failure> refusal_of(const file_details& details);
/// Resumable uploads: tus 1.0.0 (core, creation, expiration, termination).
void add_upload_routes(router& routes, const rest_deps_ptr& deps);
void add_file_routes(router& routes, const rest_deps_ptr& deps);
void add_evidence_search_routes(router& routes, const rest_deps_ptr& deps);
void add_knowledge_routes(router& routes, const rest_deps_ptr& deps);
void add_team_routes(router& routes, const rest_deps_ptr& deps);
void add_job_routes(router& routes, const rest_deps_ptr& deps);
void add_health_routes(router& routes, const rest_deps_ptr& deps);
/// A job as every route shows it; 202 says where to ask again.
response job_answer(int status, const job& j);
/// Documented routes whose resource is not built yet: 501 for those who may know the case, 404 for others.
void add_not_yet_routes(router& routes, const rest_deps_ptr& deps);

} // namespace fm::http
