// spdlog to stderr, UTC time, one pattern.
#include "protocol/base/logging.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace fm::log {
namespace {
spdlog::logger& sink() {
  static const auto logger = [] {
    auto made = spdlog::stderr_logger_mt("faultmaven");
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    made->set_level(spdlog::level::info);
    return made;
  }();
  return *logger;
}
spdlog::level::level_enum to_spdlog(level l) {
  switch (l) {
  case level::trace: return spdlog::level::trace;
  case level::debug: return spdlog::level::debug;
  case level::info: return spdlog::level::info;
  case level::warn: return spdlog::level::warn;
  case level::error: return spdlog::level::err;
  case level::off: return spdlog::level::off;
  }
  return spdlog::level::info;
}
} // namespace

void set_level(level l) { sink().set_level(to_spdlog(l)); }

bool parse_level(std::string_view text, level& out) {
  constexpr std::pair<std::string_view, level> names[] = {{"trace", level::trace}, {"debug", level::debug},
                                                          {"info", level::info},   {"warn", level::warn},
                                                          {"error", level::error}, {"off", level::off}};
  for (auto& [name, value] : names)
    if (name == text) {
      out = value;
      return true;
    }
  return false;
}

bool enabled(level l) { return sink().should_log(to_spdlog(l)); }

void write(level l, std::string_view component, std::string_view text) {
  sink().log(to_spdlog(l), "component={} {}", component, text);
}

} // namespace fm::log
