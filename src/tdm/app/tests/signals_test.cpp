#include "tdm/app/detail/signals.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace tdm::app::detail {
namespace {

using namespace std::chrono_literals;

TEST(Signals, ATermIsAStopRequestAndNoneIsNone) {
  {
    const Signals signals;
    EXPECT_FALSE(signals.token().stop_requested());
  }
  const Signals signals;
  ::kill(::getpid(), SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + 5s;
  while (!signals.token().stop_requested() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(signals.token().stop_requested());
}

TEST(Signals, ASecondOneEndsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto twice = [] {
    const Signals signals;
    ::kill(::getpid(), SIGINT);
    while (!signals.token().stop_requested()) std::this_thread::sleep_for(1ms);
    ::kill(::getpid(), SIGINT);
    std::this_thread::sleep_for(5s);
  };
  EXPECT_EXIT(twice(), testing::ExitedWithCode(1), "");
}

}  // namespace
}  // namespace tdm::app::detail
