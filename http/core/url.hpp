// Percent-encoding of request targets, both ways.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace fm::http {

/// Nothing when an escape is broken or the result is not valid UTF-8. `plus` = '+' is a space (queries).
std::optional<std::string> percent_decoded(std::string_view text, bool plus);
/// Everything but unreserved characters (and '/', when it separates) is escaped.
std::string percent_encoded(std::string_view text, bool keep_slash);
std::optional<std::map<std::string, std::string>> parse_query(std::string_view query);

} // namespace fm::http
