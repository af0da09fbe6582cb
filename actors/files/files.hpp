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
  offload_ptr work;   ///< uploads and their analysis
  offload_ptr readers; ///< lists and contents; must not wait behind analysis
  case_registry_actor registry;
  job_book_ptr jobs;
  std::uint64_t waiting_bytes_max = 256U << 20; ///< uploads that wait or are analysed, all together; above: overloaded
  std::function<void(const case_id&)> on_evidence; ///< a file was analysed and told; must not block; may be empty
};

files_actor spawn_files(caf::actor_system& system, files_actor_deps deps);

} // namespace fm
