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

/// The JSON type of a member; `any` is left to whoever reads it.
enum class field_type { text, integer, boolean, texts, list, object, any };

struct live_field {
  std::string_view name;
  field_type type = field_type::text;
  std::string_view about;
  bool required = false;
};

struct live_command_info {
  live_verb verb;
  std::string_view type;
  std::string_view summary;
  std::vector<live_field> fields;
  std::vector<live_field> answer; ///< members of its "ok" besides type and reply_to
};
const std::vector<live_command_info>& live_commands();

/// Characters of a command's id, as JSON.
inline constexpr std::size_t reply_to_bytes_max = 256;

struct live_command {
  std::string reply_to; ///< the id as the client wrote it, JSON; empty when it had none
  live_verb verb = live_verb::ping;
  wire::json_body body; ///< required members are there, and all have the type of the table
};

/// One JSON object. On failure `reply_to` of the result is still filled when it could be read.
struct parsed_command {
  std::string reply_to;
  outcome<live_command> command;
};
parsed_command parse_live_command(std::string_view json);

} // namespace fm::http
