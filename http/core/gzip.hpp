// gzip of an answer that is worth it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fm::http {

/// Nothing when zlib refuses or the result is not smaller.
std::optional<std::string> gzip(std::string_view bytes);

} // namespace fm::http
