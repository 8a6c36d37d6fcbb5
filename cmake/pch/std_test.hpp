// Precompiled for the tests of the rooms that use std.hpp.
#pragma once

#include "cmake/pch/std.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
