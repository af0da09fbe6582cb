// The jobs actor: a door to the job book for those who only speak messages.
#pragma once

#include "actors/support/job_book.hpp"
#include "protocol/messages/jobs_actor.hpp"

#include <caf/actor_system.hpp>

namespace fm {

jobs_actor spawn_jobs(caf::actor_system& system, job_book_ptr book);

} // namespace fm
