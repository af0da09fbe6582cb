// Jobs as their owners see them; whoever starts one tells the job book (actors/support/job_book.hpp).
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/model/jobs.hpp"
#include "protocol/model/user.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace fm {

/// One's own, newest first.
struct list_jobs { principal who; job_query query; reply<job_page> answer; };
/// not_found for somebody else's.
struct read_job { principal who; std::string id; reply<job> answer; };
/// Waiting: cancelled at once. Running: its work is told to stop and the job ends a moment later. Finished: forgotten
/// (answered as it was).
struct drop_job { principal who; std::string id; reply<job> answer; };

using jobs_actor = caf::typed_actor<caf::reacts_to<list_jobs>, caf::reacts_to<read_job>, caf::reacts_to<drop_job>>;

} // namespace fm

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::list_jobs)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::read_job)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::drop_job)
