// Structured-enough logging: one line per happening, key=value, to stderr, through spdlog's compiled library.
// Never log content of messages, evidence or secrets: ids only.
#pragma once

#include <string>
#include <string_view>

namespace fm::log {

enum class level { trace, debug, info, warn, error, off };

/// Sets the process-wide threshold; thread-safe.
void set_level(level l);
bool parse_level(std::string_view text, level& out);
bool enabled(level l);
void write(level l, std::string_view component, std::string_view text);

inline void debug(std::string_view component, std::string_view text) { write(level::debug, component, text); }
inline void info(std::string_view component, std::string_view text) { write(level::info, component, text); }
inline void warn(std::string_view component, std::string_view text) { write(level::warn, component, text); }
inline void error(std::string_view component, std::string_view text) { write(level::error, component, text); }

} // namespace fm::log
