// The files actor: does the work on the bounded executor and tells the case, so that a case never waits for a file.
#pragma once

#include "actors/files/file_shelf.hpp"
#include "actors/support/job_book.hpp"
#include "actors/support/offload.hpp"
#include "protocol/messages/case_registry_actor.hpp"

#include <caf/actor_system.hpp>

#include <memory>

namespace fm {

struct files_actor_deps {
  std::shared_ptr<file_shelf> shelf;
  offload_ptr work;      ///< analysis
  offload_ptr receivers; ///< takes bytes as they come; must not wait behind analysis
  offload_ptr readers;   ///< lists and contents; must wait behind neither
  case_registry_actor registry;
  job_book_ptr jobs;
  std::size_t receiving_max = 256; ///< requests whose bytes come in at once: each holds a piece in memory; above: overloaded
  std::size_t waiting_max = 1'000; ///< uploads that come, wait or are analysed; above: overloaded
  std::chrono::minutes sweep_every{10}; ///< uploads past their time are looked for
  std::function<void(const case_id&)> on_evidence; ///< a file was analysed and told; must not block; may be empty
};

files_actor spawn_files(caf::actor_system& system, files_actor_deps deps);

} // namespace fm
