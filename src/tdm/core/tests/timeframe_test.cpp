#include "tdm/core/timeframe.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace tdm {
namespace {

using namespace std::chrono_literals;

Timeframe frame(std::string_view name) { return Timeframe::parse(name).value(); }
TimePoint at(std::string_view text) { return parse_time_bound(text, "time").value().first; }

constexpr std::int64_t kMinuteUs = 60'000'000;
constexpr std::int64_t kDayUs = 1440 * kMinuteUs;

// One day as it is found by counting days one after another from a Friday, the first of January 1960.
struct Day {
  std::int64_t start_us;
  std::int64_t week_us, next_week_us;    // the Monday at or before, the Monday after
  std::int64_t month_us, next_month_us;  // the first at or before, the first after
};

std::vector<Day> calendar() {
  constexpr int kFirstYear = 1960;
  constexpr int kYears = 90;
  constexpr int kLengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  std::int64_t day = 0;
  for (int year = kFirstYear; year < 1970; ++year) day -= year % 4 == 0 ? 366 : 365;
  int weekday = 4;  // counted from Monday = 0
  std::vector<Day> days;
  for (int year = kFirstYear; year < kFirstYear + kYears; ++year)
    for (int month = 0; month < 12; ++month) {
      const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
      const int length = kLengths[month] + (month == 1 && leap ? 1 : 0);
      for (int date = 0; date < length; ++date, ++day, weekday = (weekday + 1) % 7)
        days.push_back({day * kDayUs, (day - weekday) * kDayUs, (day - weekday + 7) * kDayUs, (day - date) * kDayUs,
                        (day - date + length) * kDayUs});
    }
  return days;
}

struct Bar {
  TimePoint open, close;
};

// The bar of `name` that holds the instant `minute` minutes into `day`.
Bar expected(const Day& day, std::string_view name, std::int64_t length_minutes, std::int64_t minute) {
  if (name == "1w") return {from_us(day.week_us), from_us(day.next_week_us)};
  if (name == "1M") return {from_us(day.month_us), from_us(day.next_month_us)};
  const auto open = day.start_us + minute / length_minutes * length_minutes * kMinuteUs;
  return {from_us(open), from_us(open + length_minutes * kMinuteUs)};
}

const std::vector<std::pair<std::string, std::int64_t>> kLengths{
    {"1m", 1},   {"3m", 3},   {"5m", 5},   {"15m", 15},  {"30m", 30},  {"1h", 60},     {"2h", 120},
    {"4h", 240}, {"6h", 360}, {"8h", 480}, {"12h", 720}, {"1d", 1440}, {"1w", 10'080}, {"1M", 43'200}};

TEST(Timeframe, HasTheFourteenShortestFirst) {
  std::vector<std::pair<std::string, std::int64_t>> found;
  for (const auto timeframe : Timeframe::all())
    found.emplace_back(timeframe.name(), timeframe.nominal_length().count());
  EXPECT_EQ(found, kLengths);
}

TEST(Timeframe, ParsesItsOwnNamesOnly) {
  for (const auto timeframe : Timeframe::all()) EXPECT_EQ(frame(timeframe.name()), timeframe);
  for (const auto* text : {"", "1", "m", "1H", "1D", "1W", "60", "1 h", "1h ", "10m", "1mo", "1s", "24h"}) {
    const auto parsed = Timeframe::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::invalid_argument);
    EXPECT_EQ(parsed.error().parameter, "timeframe");
    EXPECT_NE(parsed.error().message.find("1m, 3m, 5m, 15m, 30m, 1h, 2h, 4h, 6h, 8h, 12h, 1d, 1w, 1M"),
              std::string::npos);
  }
  EXPECT_EQ(Timeframe::parse("1H").error().suggestions.empty(), false);
}

TEST(Timeframe, AgreesWithACalendarThatCountsDays) {
  std::mt19937_64 random{7};
  std::uniform_int_distribution<std::int64_t> minute_of_day{0, 1439};
  std::uniform_int_distribution<std::int64_t> within{0, kMinuteUs - 1};
  for (const auto& day : calendar()) {
    for (const auto& [name, length] : kLengths) {
      const auto timeframe = frame(name);
      const auto minute = minute_of_day(random);
      const auto time = from_us(day.start_us + minute * kMinuteUs + within(random));
      const auto bar = expected(day, name, length, minute);
      ASSERT_EQ(timeframe.open_of(time), bar.open) << name << " " << to_iso(time);
      ASSERT_EQ(timeframe.close_of(bar.open), bar.close) << name << " " << to_iso(time);
      ASSERT_EQ(timeframe.ceil(time), time == bar.open ? bar.open : bar.close) << name << " " << to_iso(time);
      ASSERT_EQ(timeframe.ceil(bar.open), bar.open);
      ASSERT_EQ(timeframe.ceil(bar.open + 1us), bar.close);
      ASSERT_EQ(timeframe.open_of(bar.close - 1us), bar.open);
      ASSERT_EQ(timeframe.on_grid(time), time == bar.open);
      ASSERT_EQ(timeframe.advance(bar.open, 1), bar.close);
      ASSERT_EQ(timeframe.advance(bar.close, -1), bar.open);
    }
  }
}

TEST(Timeframe, KnownDates) {
  EXPECT_EQ(frame("1w").open_of(at("1970-01-01")), at("1969-12-29"));
  EXPECT_EQ(frame("1w").open_of(at("2023-01-01")), at("2022-12-26"));
  EXPECT_EQ(frame("1w").open_of(at("2023-01-02")), at("2023-01-02"));
  EXPECT_EQ(frame("1M").close_of(at("2024-02-01")), at("2024-03-01"));
  EXPECT_EQ(frame("1M").close_of(at("2000-02-01")) - at("2000-02-01"), std::chrono::days{29});
  EXPECT_EQ(frame("1M").close_of(at("1900-02-01")) - at("1900-02-01"), std::chrono::days{28});
  EXPECT_EQ(frame("1M").advance(at("2023-12-01"), 1), at("2024-01-01"));
  EXPECT_EQ(frame("1M").advance(at("2023-12-01"), -12), at("2022-12-01"));
  EXPECT_EQ(frame("1M").advance(at("2023-11-01"), 1200), at("2123-11-01"));
  EXPECT_EQ(frame("1h").count(TimeRange::of(at("2023-01-01"), at("2024-01-01"))), 8760);
  EXPECT_EQ(frame("1m").count(TimeRange::of(at("2024-01-01"), at("2025-01-01"))), 527'040);
  EXPECT_EQ(frame("1M").count(TimeRange::of(at("1965-01-01"), at("2025-01-01"))), 720);
  EXPECT_EQ(frame("1w").count(TimeRange::of(at("2023-01-01"), at("2024-01-01"))), 52);
}

TEST(Timeframe, CountsAndWholeBarsAgreeWithWalking) {
  std::mt19937_64 random{11};
  for (const auto timeframe : Timeframe::all()) {
    const auto span_us = std::chrono::microseconds{timeframe.nominal_length()}.count() * 20;
    for (int i = 0; i < 200; ++i) {
      const auto begin =
          from_us(std::uniform_int_distribution<std::int64_t>{-40 * 365 * kDayUs, 60 * 365 * kDayUs}(random));
      const auto end = begin + Micros{std::uniform_int_distribution<std::int64_t>{0, span_us}(random)};
      const auto aligned = i % 3 == 0;
      const auto range =
          aligned ? TimeRange::of(timeframe.open_of(begin), timeframe.open_of(end)) : TimeRange::of(begin, end);
      std::int64_t count = 0;
      std::int64_t whole = 0;
      for (auto open = timeframe.open_of(range.begin()); open < range.end(); open = timeframe.close_of(open)) {
        if (!range.contains(open)) continue;
        ++count;
        if (timeframe.close_of(open) <= range.end()) ++whole;
      }
      ASSERT_EQ(timeframe.count(range), count) << timeframe.name() << " " << to_string(range);
      const auto inner = timeframe.whole_bars(range);
      ASSERT_EQ(timeframe.count(inner), whole) << timeframe.name() << " " << to_string(range);
      ASSERT_TRUE(inner.empty() || range.contains(inner));
      ASSERT_TRUE(timeframe.on_grid(inner.begin()) && timeframe.on_grid(inner.end()));
    }
  }
}

TEST(Timeframe, EndsOfTimeStayAtTheEnds) {
  for (const auto timeframe : Timeframe::all()) {
    EXPECT_EQ(timeframe.ceil(TimePoint::max()), TimePoint::max()) << timeframe.name();
    EXPECT_LE(timeframe.open_of(TimePoint::max()), TimePoint::max());
    EXPECT_GT(timeframe.open_of(TimePoint::max()), at("9999-12-31"));
    EXPECT_EQ(timeframe.open_of(TimePoint::min()), TimePoint::min()) << timeframe.name();
  }
}

TEST(Timeframe, MultiplesAreMadeOfWholeBars) {
  const auto midyear = at("2021-07-15");
  for (const auto whole : Timeframe::all())
    for (const auto part : Timeframe::all()) {
      // The grid of the parts meets every opening of the whole, over a year of bars.
      bool meets = part.nominal_length() <= whole.nominal_length();
      auto open = whole.open_of(midyear);
      for (int i = 0; i < 60 && meets; ++i, open = whole.close_of(open)) meets = part.on_grid(open);
      EXPECT_EQ(whole.is_multiple_of(part), meets) << whole.name() << " of " << part.name();
    }
}

}  // namespace
}  // namespace tdm
