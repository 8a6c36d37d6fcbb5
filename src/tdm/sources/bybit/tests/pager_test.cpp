#include "tdm/sources/bybit/detail/pager.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tdm/sources/bybit/detail/protocol.hpp"
#include "tdm/sources/bybit/tests/support.hpp"
#include "tdm/sources/grid_pages.hpp"

namespace tdm::sources::bybit {
namespace {

using testing::at;
using testing::range_of;
using testing::series_of;

std::vector<PageRequest> pages_of(Timeframe frame, TimeRange range) { return grid_pages(frame, range, kPageRows); }
Timeframe timeframe(std::string_view name) { return *Timeframe::parse(name); }

TEST(Pages, CoverAnyRangeOnceInOrderAndHoldAtMostAThousandBars) {
  std::mt19937_64 random{7};
  for (const auto frame : Timeframe::all()) {
    for (int round = 0; round < 40; ++round) {
      const auto begin = from_us(static_cast<std::int64_t>(random() % 1'700'000'000'000'000));
      const auto bars = static_cast<std::int64_t>(random() % 3'500);
      const auto range = TimeRange::of(begin, frame.advance(frame.open_of(begin), bars) + Micros{17});
      std::int64_t total = 0;
      auto expected = frame.ceil(range.begin());
      for (const auto& page : pages_of(frame, range)) {
        EXPECT_EQ(page.range.begin(), expected);
        const auto count = frame.count(page.range);
        EXPECT_GE(count, 1);
        EXPECT_LE(count, kPageRows);
        total += count;
        expected = page.range.end();
      }
      EXPECT_EQ(total, frame.count(range)) << frame.name() << ' ' << to_string(range);
    }
  }
}

TEST(Pages, OverlappingRangesShareTheirInnerPages) {
  for (const auto* name : {"1m", "1h", "1w"}) {
    const auto frame = timeframe(name);
    const auto begin = frame.ceil(at("2020-01-01"));
    const auto wide = pages_of(frame, TimeRange::of(begin, frame.advance(begin, 5'000)));
    const auto narrow = pages_of(frame, TimeRange::of(frame.advance(begin, 700), frame.advance(begin, 4'600)));
    ASSERT_GE(narrow.size(), 3U);
    for (std::size_t i = 1; i + 1 < narrow.size(); ++i)
      EXPECT_NE(std::ranges::find(wide, narrow[i]), wide.end()) << name << ' ' << to_string(narrow[i].range);
  }
}

TEST(Pages, AreClippedToWhatWasAskedFor) {
  const auto pages = pages_of(timeframe("1h"), range_of("2023-01-01", "2024-01-01"));
  ASSERT_EQ(pages.size(), 10U);
  EXPECT_EQ(pages.front().range.begin(), at("2023-01-01"));
  EXPECT_EQ(pages.back().range.end(), at("2024-01-01"));
}

TEST(Pages, WalkByCalendarForWeeksAndMonths) {
  const auto months = pages_of(timeframe("1M"), range_of("2020-01-15", "2024-03-02"));
  ASSERT_EQ(months.size(), 1U);
  EXPECT_EQ(months[0].range, range_of("2020-02-01", "2024-04-01"));  // March opens inside the range
  const auto weeks = pages_of(timeframe("1w"), range_of("2024-01-01", "2024-01-31"));
  ASSERT_EQ(weeks.size(), 1U);
  EXPECT_EQ(weeks[0].range, range_of("2024-01-01", "2024-02-05"));  // both are Mondays
}

TEST(Pages, OfNothingAreNone) { EXPECT_TRUE(pages_of(timeframe("1m"), range_of("2024-01-01", "2024-01-01")).empty()); }

TEST(Pages, BeforeTheEpochAskForNoNegativeTime) {
  const auto pages = pages_of(timeframe("1d"), range_of("1969-12-01", "1969-12-11"));
  ASSERT_EQ(pages.size(), 1U);
  EXPECT_EQ(timeframe("1d").count(pages[0].range), 10);
  EXPECT_EQ(kline_target(series_of("bybit.linear.BTCUSDT@1d"), pages[0]),
            "/v5/market/kline?category=linear&symbol=BTCUSDT&interval=D&start=0&end=0&limit=1000");
}

// Pitfall: off by one at `end`, which Bybit includes.
TEST(KlineTarget, EndIsTheOpenTimeOfTheLastBar) {
  const auto target =
      kline_target(series_of("bybit.linear.BTCUSDT@1h"), {range_of("2022-12-09T16:00:00Z", "2022-12-09T19:00:00Z")});
  EXPECT_EQ(
      target,
      "/v5/market/kline?category=linear&symbol=BTCUSDT&interval=60&start=1670601600000&end=1670608800000&limit=1000");
}

// Pitfall: kline answers to start/end and ignores startTime/endTime without a word.
TEST(KlineTarget, NamesItsBoundsStartAndEnd) {
  const auto target = kline_target(series_of("bybit.inverse.BTCUSD:mark@1M"), {range_of("2024-01-01", "2024-03-01")});
  EXPECT_EQ(
      target,
      "/v5/market/"
      "mark-price-kline?category=inverse&symbol=BTCUSD&interval=M&start=1704067200000&end=1706745600000&limit=1000");
}

// Pitfall: a parser that does not mind case makes a minute of a month.
TEST(Intervals, MonthAndMinuteAreTwoThings) {
  EXPECT_EQ(interval_of(timeframe("1M")), "M");
  EXPECT_EQ(interval_of(timeframe("1m")), "1");
  EXPECT_EQ(timeframe_of("M"), timeframe("1M"));
  EXPECT_EQ(timeframe_of("1"), timeframe("1m"));
  EXPECT_EQ(timeframe_of("m"), std::nullopt);
}

TEST(Intervals, AllButEightHoursAreServed) {
  for (const auto frame : Timeframe::all()) {
    const auto interval = interval_of(frame);
    EXPECT_EQ(interval.has_value(), frame.name() != "8h") << frame.name();
    if (interval) {
      EXPECT_EQ(timeframe_of(*interval), frame);
    }
  }
  for (const auto& traits : market_traits()) EXPECT_EQ(traits.native.size(), 13U) << traits.name;
}

TEST(Origin, IsDecidedByTheHost) {
  EXPECT_EQ(origin_of("api.bybit.com"), "mainnet");
  EXPECT_EQ(origin_of("api.bytick.com"), "mainnet");
  EXPECT_EQ(origin_of("api-testnet.bybit.com"), "testnet");
  EXPECT_EQ(origin_of("127.0.0.1"), "127.0.0.1");
}

TEST(CursorPager, EndsAtAnEmptyCursor) {
  CursorPager pager;
  ASSERT_TRUE(pager.consume(1000, "a"));
  EXPECT_FALSE(pager.finished());
  EXPECT_EQ(pager.cursor(), "a");
  ASSERT_TRUE(pager.consume(10, ""));
  EXPECT_TRUE(pager.finished());
}

TEST(CursorPager, ReadsOneMoreEmptyPageAfterACursorOfTheLast) {
  CursorPager pager;
  ASSERT_TRUE(pager.consume(1, "first%3DA%26last%3DA"));
  EXPECT_FALSE(pager.finished());
  ASSERT_TRUE(pager.consume(0, "first%3DA%26last%3DB"));
  EXPECT_TRUE(pager.finished());
}

TEST(CursorPager, StopsWhenACursorRepeats) {
  CursorPager pager;
  ASSERT_TRUE(pager.consume(5, "a"));
  ASSERT_TRUE(pager.consume(5, "b"));
  EXPECT_FALSE(pager.finished());
  ASSERT_TRUE(pager.consume(5, "a"));
  EXPECT_TRUE(pager.finished());
}

TEST(CursorPager, RefusesAListWithoutEnd) {
  CursorPager pager;
  Result<void> last;
  for (int page = 0; page < CursorPager::kMaxPages && last; ++page)
    last = pager.consume(1, "cursor" + std::to_string(page));
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, ErrorCode::corrupt_data);
}

TEST(CursorPager, RefusesACursorThatWouldBreakTheRequest) {
  for (const auto* cursor : {"a b", "a\r\nHost: x", "a#b", "\xc3\xa4"}) {
    CursorPager pager;
    const auto moved = pager.consume(1, cursor);
    ASSERT_FALSE(moved) << cursor;
    EXPECT_EQ(moved.error().code, ErrorCode::corrupt_data);
  }
}

// Pitfall: encoding the cursor a second time ("%253D") breaks the paging.
TEST(InstrumentsTarget, SendsTheCursorBackByteForByte) {
  EXPECT_EQ(instruments_target("linear", "", "first%3D0GUSDT%26last%3DSOLPERP"),
            "/v5/market/instruments-info?category=linear&limit=1000&cursor=first%3D0GUSDT%26last%3DSOLPERP");
  EXPECT_EQ(instruments_target("spot", "Closed", ""), "/v5/market/instruments-info?category=spot&status=Closed");
}

}  // namespace
}  // namespace tdm::sources::bybit
