// Live objects that are not events.
#pragma once

#include "http/live/live.hpp"
#include "protocol/base/json_writer.hpp"

namespace fm::http {

std::string snapshot_frame(const case_snapshot& s);
std::string presence_frame(const case_id& id, const std::vector<presence_entry>& who);
std::string list_changed_frame(const case_summary& s, bool deleted);
std::string welcome_frame(const live_deps& deps, const std::string& connection, const authenticated& who);
std::string case_frame(std::string_view type, const case_id& id);

} // namespace fm::http
