// What actors read, and GoogleTest: for the test programs.
#pragma once

#include "config/cmake/precompiled/actors.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
