// faultmaven backup and restore: a consistent, verified copy of an embedded server's data directory, also while it runs.
#pragma once

#include "config/app/lib/commands.hpp"

namespace fm::app {

/// Copies the data directory into the new folder `to`, with a manifest of every file's SHA-256.
int backup(const common_options& o, const std::string& to);
/// Puts a backup into the data directory, which must be new or empty, after checking every byte.
int restore(const common_options& o, const std::string& from);

} // namespace fm::app
