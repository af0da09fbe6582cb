// Likeness as others see it: say that a case may have changed, and it is looked at when there is time.
#pragma once

#include "protocol/base/ids.hpp"

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/typed_actor.hpp>

namespace fm {

/// Needs no answer; said twice before it was looked at, it is looked at once.
struct look_for_likeness { case_id in_case; };
/// From the actor's own work back to it.
struct likeness_looked { case_id in_case; };

using likeness_actor = caf::typed_actor<caf::reacts_to<look_for_likeness>, caf::reacts_to<likeness_looked>>;

} // namespace fm

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::look_for_likeness)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fm::likeness_looked)
