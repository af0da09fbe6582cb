// From the settings to what storage opens: the one place that translates, for the server and for the commands.
#pragma once

#include "config/settings/settings.hpp"
#include "storage/factory/factory.hpp"

namespace fm::app {

storage_settings storage_of(const settings& s);

} // namespace fm::app
