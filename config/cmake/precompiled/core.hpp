// What nearly every file reads: compiled once for all of them (CMakeLists.txt, fm_precompile). Files still include what they use:
// a build with -DFM_PRECOMPILE=OFF shows what is missing.
#pragma once

#include "protocol/base/clock.hpp"
#include "protocol/base/failure.hpp"
#include "protocol/base/json_writer.hpp"
#include "protocol/base/logging.hpp"
#include "protocol/base/text.hpp"
#include "protocol/model/case.hpp"
#include "protocol/model/events.hpp"
#include "protocol/model/files.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>
