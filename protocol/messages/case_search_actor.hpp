// Searching in a case. Whoever asks was checked against the case before: the edge asks the case first.
#pragma once

#include "protocol/base/reply.hpp"
#include "protocol/model/case_search.hpp"
#include "protocol/model/user.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace fm {

/// Over all files and messages of a case; each file in the form that `who` may read.
struct search_case {
  principal who;
  user_id case_owner;
  case_id in_case;
  case_search_query query;
  reply<case_search_page> answer;
};
/// A case's files changed: makes the indexes that are missing.
struct index_case {
  case_id id;
};

using case_search_actor = caf::typed_actor<caf::reacts_to<search_case>, caf::reacts_to<index_case>>;

} // namespace fm

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::search_case)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::index_case)
