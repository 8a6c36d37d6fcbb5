#include "tdm/validate/detail/number.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

namespace tdm::validate::detail {
namespace {

using State = Number::State;

TEST(Number, ReadsPlainAndExponentFormExactly) {
  EXPECT_EQ(Number::parse("1e-7"), Number::parse("0.0000001"));
  EXPECT_EQ(Number::parse("1e-7").nearest(), 1e-7);
  EXPECT_EQ(Number::parse("1.5E+3"), Number::parse("1500"));
  EXPECT_EQ(Number::parse("16649.50"), Number::parse("16649.5"));
  EXPECT_LT(Number::parse("0.1"), Number::parse("0.10000000000000000001"));  // equal as doubles
  EXPECT_LT(Number::parse("-2"), Number::parse("-1.9"));
  EXPECT_EQ(Number::parse("-0").sign(), 0);
  EXPECT_EQ(Number::parse("123456789012345678901234567890").sign(), 1);
}

TEST(Number, TellsWhatIsNoNumber) {
  for (const char* text : {"", " 1", "1 ", "abc", "1,5", ".5", "5.", "+1", "-", "1e", "0x10", "1e-400",
                           "1234567890123456789012345678901234567890"})
    EXPECT_EQ(Number::parse(text).state(), State::malformed) << text;
  for (const char* text : {"NaN", "nan", "Infinity", "-inf", "1e400", "-1e400"})
    EXPECT_EQ(Number::parse(text).state(), State::not_finite) << text;
  EXPECT_EQ(Number::parse(std::nullopt).state(), State::absent);
}

TEST(Number, CountsAreWhole) {
  EXPECT_EQ(Number::parse("12").as_count(), 12);
  EXPECT_EQ(Number::parse("12.00").as_count(), 12);
  EXPECT_EQ(Number::parse("1.2e1").as_count(), 12);
  EXPECT_EQ(Number::parse("12.5").as_count(), std::nullopt);
  EXPECT_EQ(Number::parse("1e30").as_count(), std::nullopt);
}

// The short road must say what Decimal and the C library say.
TEST(Number, AgreesWithDecimalAndStrtod) {
  std::mt19937_64 random{1};
  std::string previous = "0";
  for (int i = 0; i < 20'000; ++i) {
    const auto digits = 1 + random() % 24;
    std::string text;
    for (std::size_t d = 0; d < digits; ++d) text += static_cast<char>('0' + random() % 10);
    if (random() % 4 != 0) text.insert(1 + random() % text.size(), ".");
    if (text.back() == '.') text += '0';
    if (random() % 8 == 0) text = "-" + text;
    if (random() % 8 == 0) text += fmt::format("e{}", static_cast<int>(random() % 20) - 10);
    const auto number = Number::parse(text);
    ASSERT_TRUE(number.is_exact()) << text;
    ASSERT_EQ(number.nearest(), std::strtod(text.c_str(), nullptr)) << text;
    ASSERT_EQ(number.decimal(), Decimal::parse(text).value()) << text;
    ASSERT_EQ(number <=> Number::parse(previous), number.decimal() <=> Decimal::parse(previous).value())
        << text << " and " << previous;
    previous = text;
  }
}

}  // namespace
}  // namespace tdm::validate::detail
