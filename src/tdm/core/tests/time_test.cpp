#include "tdm/core/time.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "tdm/core/clock.hpp"

namespace tdm {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;

TimePoint at(int year, unsigned month, unsigned day, Micros time = 0us) {
  return TimePoint{sys_days{std::chrono::year{year} / month / day}} + time;
}

TEST(Iso, WritesAFractionOnlyWhenThereIsOne) {
  EXPECT_EQ(to_iso(TimePoint{}), "1970-01-01T00:00:00Z");
  EXPECT_EQ(to_iso(at(2023, 12, 31, 23h + 59min + 58s)), "2023-12-31T23:59:58Z");
  EXPECT_EQ(to_iso(at(2024, 2, 29, 7ms)), "2024-02-29T00:00:00.007Z");
  EXPECT_EQ(to_iso(at(2024, 2, 29, 7us)), "2024-02-29T00:00:00.000007Z");
  EXPECT_EQ(to_iso(from_us(-1)), "1969-12-31T23:59:59.999999Z");
}

TEST(Time, MillisecondsBeforeTheEpochRoundDown) {
  EXPECT_EQ(to_ms(from_us(-1)), -1);
  EXPECT_EQ(to_ms(from_us(999)), 0);
  EXPECT_EQ(to_us(from_ms(-5)), -5000);
}

struct Bound {
  std::string text;
  TimePoint first;
  TimePoint after;
};

TEST(ParseTimeBound, ADateNamesAllOfIt) {
  const std::array dates{
      Bound{"2023-12-31", at(2023, 12, 31), at(2024, 1, 1)},
      Bound{"2024-02-29", at(2024, 2, 29), at(2024, 3, 1)},
      Bound{"2023-12", at(2023, 12, 1), at(2024, 1, 1)},
      Bound{"2024-02", at(2024, 2, 1), at(2024, 3, 1)},
      Bound{"2023", at(2023, 1, 1), at(2024, 1, 1)},
      Bound{"1969-12-31", at(1969, 12, 31), at(1970, 1, 1)},
      Bound{"0000", at(0, 1, 1), at(1, 1, 1)},
      Bound{"9999-12-31", at(9999, 12, 31), at(10000, 1, 1)},
  };
  for (const auto& [text, first, after] : dates) {
    const auto bound = parse_time_bound(text, "end");
    ASSERT_TRUE(bound) << text << ": " << bound.error().message;
    EXPECT_EQ(*bound, (TimeBound{first, after, true})) << text;
  }
}

TEST(ParseTimeBound, AnInstantIsExact) {
  const auto noon = at(2023, 6, 1, 12h);
  const std::array<std::pair<std::string, TimePoint>, 18> instants{{
      {"2023-06-01T12:00:00Z", noon},
      {"2023-06-01t12:00:00z", noon},
      {"2023-06-01T12:00:00", noon},
      {"2023-06-01 12:00", noon},
      {"2023-06-01 12:00Z", noon},
      {"2023-06-01T12:00:00+00:00", noon},
      {"2023-06-01T12:00:00-00:00", noon},
      {"2023-06-01T17:30:00+05:30", noon},
      {"2023-05-31T23:30:00-12:30", noon},
      {"2023-06-01T12:00:00.5Z", noon + 500ms},
      {"2023-06-01T12:00:00.000001Z", noon + 1us},
      {"2023-06-01T12:00:00.123456000Z", noon + 123456us},
      {"2023-06-01T00:00:00Z", at(2023, 6, 1)},
      {"1969-12-31T23:59:59Z", from_ms(-1000)},
      {"1685620800000", noon},
      {"-100000000000", from_ms(-100'000'000'000)},
      {"100000000000", from_ms(100'000'000'000)},
      {"100000000000000", from_ms(100'000'000'000'000)},
  }};
  for (const auto& [text, instant] : instants) {
    const auto bound = parse_time_bound(text, "start");
    ASSERT_TRUE(bound) << text << ": " << bound.error().message;
    EXPECT_EQ(*bound, (TimeBound{instant, instant, false})) << text;
  }
}

TEST(ParseTimeBound, RefusesWhatIsNoTimeAndNamesTheParameter) {
  const std::array<std::string, 40> bad{"",
                                        " ",
                                        "now",
                                        "2023-13-01",
                                        "2023-00",
                                        "2023-02-29",
                                        "2023-04-31",
                                        "2023-1-1",
                                        "23-01-01",
                                        "2023-01-01T",
                                        "2023-01-01T24:00:00Z",
                                        "2023-01-01T23:60",
                                        "2023-01-01T23:59:60Z",
                                        "2023-01-01T1:00",
                                        "2023-01-01T12",
                                        "2023-01-01T12:00:00.Z",
                                        "2023-01-01T12:00:00.1234567Z",
                                        "2023-01-01T12:00:00.0000000001Z",
                                        "2023-01-01T12:00:00+0100",
                                        "2023-01-01T12:00:00+24:00",
                                        "2023-01-01T12:00:00+01:60",
                                        "2023-01-01T12:00:00 UTC",
                                        "2023-01-01Z",
                                        "2023-01-01 ",
                                        " 2023-01-01",
                                        "01/01/2023",
                                        "2023-01-01T12:00:00ZZ",
                                        "1e12",
                                        "12.5",
                                        "-",
                                        "--1685620800000",
                                        "+1685620800000",
                                        "1685620800",
                                        "0",
                                        "99999999999",
                                        "100000000000001",
                                        "1685620800000000",
                                        "1685620800000000000",
                                        "99999999999999999999999",
                                        "20230101"};
  for (const auto& text : bad) {
    const auto bound = parse_time_bound(text, "start_date");
    ASSERT_FALSE(bound) << text;
    EXPECT_EQ(bound.error().code, ErrorCode::invalid_argument) << text;
    EXPECT_EQ(bound.error().parameter, "start_date") << text;
    EXPECT_NE(bound.error().message.find("start_date"), std::string::npos) << bound.error().message;
  }
  EXPECT_NE(parse_time_bound("1685620800", "end").error().message.find("seconds"), std::string::npos);
  EXPECT_NE(parse_time_bound("1685620800000000", "end").error().message.find("microseconds"), std::string::npos);
}

TEST(ParseTimeBound, ReadsBackEveryInstantItWrites) {
  std::mt19937_64 random{1};
  std::uniform_int_distribution<std::int64_t> any{to_us(at(1900, 1, 1)), to_us(at(2200, 1, 1))};
  for (int i = 0; i < 5000; ++i) {
    const auto instant = from_us(any(random));
    const auto bound = parse_time_bound(to_iso(instant), "start");
    ASSERT_TRUE(bound) << to_iso(instant);
    EXPECT_EQ(bound->first, instant);
  }
}

Result<TimeRange> range_of(std::string_view start, std::string_view end) {
  return resolve_range(*parse_time_bound(start, "start"), *parse_time_bound(end, "end"));
}

TEST(ResolveRange, ADateAsEndIsWholeAndAnInstantIsExcluded) {
  EXPECT_EQ(*range_of("2023-01-01", "2023-12-31"), TimeRange::of(at(2023, 1, 1), at(2024, 1, 1)));
  EXPECT_EQ(*range_of("2023-01-01", "2023-12-31T00:00:00Z"), TimeRange::of(at(2023, 1, 1), at(2023, 12, 31)));
  EXPECT_EQ(*range_of("2023", "2023"), TimeRange::of(at(2023, 1, 1), at(2024, 1, 1)));
  EXPECT_EQ(*range_of("2023-02", "2023-02"), TimeRange::of(at(2023, 2, 1), at(2023, 3, 1)));
  EXPECT_EQ(*range_of("2023-01-01", "2023-01-01"), TimeRange::of(at(2023, 1, 1), at(2023, 1, 2)));
  EXPECT_EQ(*range_of("2023-01-01T12:00", "2023-01-01"), TimeRange::of(at(2023, 1, 1, 12h), at(2023, 1, 2)));
  EXPECT_TRUE(range_of("2023-01-01T12:00", "2023-01-01T12:00")->empty());
}

TEST(ResolveRange, RefusesAStartAfterTheEndAndNamesBoth) {
  for (const auto& [start, end] :
       {std::pair{"2024-01-01", "2023-01-01"}, std::pair{"2023-01-02", "2023-01-01"},
        std::pair{"2023-01-02T00:00", "2023-01-01"}, std::pair{"2023-01-01T00:00:00.001", "2023-01-01T00:00"}}) {
    const auto range = range_of(start, end);
    ASSERT_FALSE(range) << start << " " << end;
    EXPECT_EQ(range.error().code, ErrorCode::invalid_argument);
    EXPECT_NE(range.error().message.find("start 2"), std::string::npos) << range.error().message;
    EXPECT_NE(range.error().message.find("end 2"), std::string::npos) << range.error().message;
  }
}

TEST(TimeRange, IsNeverReversed) {
  EXPECT_FALSE(TimeRange::make(from_ms(2), from_ms(1)));
  EXPECT_TRUE(TimeRange::make(from_ms(1), from_ms(1))->empty());
  EXPECT_EQ(TimeRange::of(from_ms(2), from_ms(1)), TimeRange::of(from_ms(2), from_ms(2)));
  EXPECT_EQ(to_string(TimeRange::of(at(2023, 1, 1), at(2024, 1, 1))), "[2023-01-01T00:00:00Z, 2024-01-01T00:00:00Z)");
}

TEST(TimeRange, AgreesWithItsInstantsOneByOne) {
  constexpr int kEnd = 6;
  const auto range = [](int begin, int end) { return TimeRange::of(from_us(begin), from_us(end)); };
  for (int a = 0; a < kEnd; ++a)
    for (int b = a; b < kEnd; ++b)
      for (int c = 0; c < kEnd; ++c)
        for (int d = c; d < kEnd; ++d) {
          const auto left = range(a, b);
          const auto right = range(c, d);
          bool overlaps = false;
          for (int t = 0; t < kEnd; ++t) {
            const auto both = left.contains(from_us(t)) && right.contains(from_us(t));
            EXPECT_EQ(left.intersect(right).contains(from_us(t)), both);
            overlaps = overlaps || both;
          }
          EXPECT_TRUE(left.empty() || right.empty() || left.overlaps(right) == overlaps);
          EXPECT_EQ(left.contains(right), a <= c && d <= b);
        }
}

TEST(Clock, StandsWhereItIsPut) {
  ManualClock clock{from_ms(5)};
  clock.advance(2ms);
  EXPECT_EQ(clock.now(), from_ms(7));
  clock.set(from_ms(1));
  EXPECT_EQ(clock.now(), from_ms(1));
}

TEST(Clock, OfTheHostIsOfThisCentury) {
  EXPECT_GT(system_clock().now(), at(2024, 1, 1));
  EXPECT_LT(system_clock().now(), at(2100, 1, 1));
}

}  // namespace
}  // namespace tdm
