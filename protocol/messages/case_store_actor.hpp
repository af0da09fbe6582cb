// The writer of every case: gathers commits of all cases into one transaction (group commit) and answers each
// once it is durable.
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/model/pages.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace fm {

/// Answered with the case's last seq when durable; conflict for a stale writer; overloaded when the queue is
/// full; unavailable when the backend cannot write.
struct commit_events {
  case_commit commit;
  reply<sequence> answer;
};
/// Drops delta text of turns finished at or below `upto`.
struct compact_case {
  case_id id;
  sequence upto = 0;
};

using case_store_actor = caf::typed_actor<caf::reacts_to<commit_events>, caf::reacts_to<compact_case>>;

} // namespace fm

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::commit_events)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::compact_case)
