#include "tdm/core/error.hpp"

#include <gtest/gtest.h>

namespace tdm {
namespace {

TEST(Error, NearestNamesComeNearestFirstAndFarOnesAreLeftOut) {
  const std::vector<std::string> symbols{"ETHUSDT", "BTCUSD", "BTCUSDT", "SOLUSDT"};
  EXPECT_EQ(nearest("BTCUSTD", symbols), (std::vector<std::string>{"BTCUSD", "BTCUSDT"}));
  EXPECT_TRUE(nearest("nothing-like-it", symbols).empty());
}

TEST(Error, OnlyPausesAndOutagesAreRetried) {
  EXPECT_TRUE(is_retryable(ErrorCode::rate_limited));
  EXPECT_TRUE(is_retryable(ErrorCode::unavailable));
  EXPECT_FALSE(is_retryable(ErrorCode::corrupt_data));
  EXPECT_FALSE(is_retryable(ErrorCode::invalid_argument));
}

}  // namespace
}  // namespace tdm
