#include "sim/decimal_text.hpp"

#include <gtest/gtest.h>

#include <charconv>

#include "sim/detail/random.hpp"

namespace tdm::sim {
namespace {

TEST(DecimalText, IsPlainAndWithoutTrailingZeros) {
  EXPECT_EQ(decimal_text(0, 4), "0");
  EXPECT_EQ(decimal_text(5'140'000, 2), "51400");
  EXPECT_EQ(decimal_text(8'677'120, 2), "86771.2");
  EXPECT_EQ(decimal_text(48, 3), "0.048");
  EXPECT_EQ(decimal_text(-587, 6), "-0.000587");
  EXPECT_EQ(decimal_text(1, 8), "0.00000001");
  EXPECT_EQ(decimal_text(INT64_MAX, 0), "9223372036854775807");
}

TEST(DecimalText, PadsToSoManyDecimals) {
  EXPECT_EQ(fixed_text(1'371'565, 2, 8), "13715.65000000");
  EXPECT_EQ(fixed_text(0, 5, 8), "0.00000000");
  EXPECT_EQ(fixed_text(206, 0, 0), "206");
  EXPECT_EQ(fixed_text(-100, 6, 8), "-0.00010000");
  EXPECT_EQ(fixed_text(7'608'0, 4, 4), "7.6080");
}

TEST(DecimalText, HoldsMoreThanSixtyFourBits) {
  const Int128 turnover = Int128{1'000'000'000'000} * 1'234'567'890'123;
  EXPECT_EQ(decimal_text(turnover, 8), "12345678901230000");
  EXPECT_EQ(decimal_text(turnover + 1, 8), "12345678901230000.00000001");
}

TEST(DecimalText, TheNearestDoubleIsTheOneThatTheTextHas) {
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    const std::uint64_t bits = random_bits(1, i);
    const auto value = static_cast<std::int64_t>(bits >> (bits % 40));
    const int scale = static_cast<int>(random_bits(2, i) % 13);
    const std::string text = decimal_text(value, scale);
    double parsed = 0;
    std::from_chars(text.data(), text.data() + text.size(), parsed);
    ASSERT_EQ(nearest_double(value, scale), parsed) << text;
  }
}

}  // namespace
}  // namespace tdm::sim
