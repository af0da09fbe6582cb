// A case patch from JSON: the same members over REST and over the live protocol.
#pragma once

#include "protocol/messages/case_commands.hpp"
#include "protocol/wire/json_body.hpp"

namespace fm::http {

/// invalid when a member has the wrong type or an unknown value.
outcome<case_patch> read_case_patch(const wire::json_body& body);

} // namespace fm::http
