// What a client may say, as a table: the parser, the documentation and the tests read the same rows.
#pragma once

#include "protocol/base/failure.hpp"
#include "protocol/wire/json_body.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace fm::http {

enum class live_verb {
  hello, case_open, case_close, cases_watch, turn_submit, turn_edit, turn_withdraw, turn_stop, turn_regenerate,
  typing, viewing, case_update, note_add, ping, not_yet
};

struct live_command_info {
  live_verb verb;
  std::string_view type;
  std::vector<std::string_view> required;
  std::vector<std::string_view> optional;
  std::string_view summary;
};
const std::vector<live_command_info>& live_commands();

struct live_command {
  std::string reply_to; ///< the id as the client wrote it, JSON; empty when it had none
  live_verb verb = live_verb::ping;
  wire::json_body body;
};

/// One JSON object. On failure `reply_to` of the result is still filled when it could be read.
struct parsed_command {
  std::string reply_to;
  outcome<live_command> command;
};
parsed_command parse_live_command(std::string_view json);

} // namespace fm::http
