// Precompiled for the tests of the rooms that use asio.hpp.
#pragma once

#include "cmake/pch/asio.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
