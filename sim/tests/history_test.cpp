#include "sim/history.hpp"

#include <gtest/gtest.h>

#include "sim/tests/world_of_test.hpp"

namespace tdm::sim {
namespace {

using std::chrono::minutes;
using testing::at;
using testing::default_history;
using testing::default_listing;
using testing::timeframe;

constexpr std::size_t kAll = 1'000'000;

struct Case {
  std::string_view market, symbol, timeframe;
  PriceKind kind;
  std::string_view exchange = "bybit";
};

class EveryTimeframe : public ::testing::TestWithParam<Case> {};

// The heart of the simulator: whatever is asked for is made of the same minutes.
TEST_P(EveryTimeframe, AgreesWithTheMinutes) {
  const auto& [market, symbol, name, kind, exchange] = GetParam();
  const History& history = default_history(market, symbol, exchange);
  const Timeframe wanted = timeframe(name);
  const TimePoint now = at("2024-03-05T13:37:42Z");
  const TimePoint first = wanted.is_month() ? at("2023-11-01") : wanted.ceil(at("2024-02-20"));
  const auto bars = history.newest(kind, wanted, first, now, kAll, now);
  const auto parts = history.newest(kind, timeframe("1m"), first, now, kAll, now);
  ASSERT_FALSE(bars.empty());
  std::size_t part = 0;
  for (const DatedBar& bar : bars) {
    ASSERT_TRUE(wanted.on_grid(bar.open_time));
    TapeBar sum;
    for (; part < parts.size() && parts[part].open_time < wanted.close_of(bar.open_time); ++part)
      append(sum, parts[part].bar);
    ASSERT_EQ(bar.bar, sum) << to_iso(bar.open_time);
  }
  EXPECT_EQ(part, parts.size());
  EXPECT_EQ(bars.back().open_time, wanted.open_of(now));  // the open one is there
}

INSTANTIATE_TEST_SUITE_P(
    Trades, EveryTimeframe,
    ::testing::Values(
        Case{"linear", "BTCUSDT", "3m", PriceKind::last}, Case{"linear", "BTCUSDT", "5m", PriceKind::last},
        Case{"linear", "BTCUSDT", "15m", PriceKind::last}, Case{"linear", "BTCUSDT", "30m", PriceKind::last},
        Case{"linear", "BTCUSDT", "1h", PriceKind::last}, Case{"linear", "BTCPERP", "2h", PriceKind::last},
        Case{"linear", "BTCUSDT", "4h", PriceKind::last}, Case{"spot", "ETHUSDT", "6h", PriceKind::last},
        Case{"inverse", "BTCUSD", "12h", PriceKind::last}, Case{"inverse", "BTCUSD", "1d", PriceKind::last},
        Case{"linear", "BTCUSDT", "1w", PriceKind::last}, Case{"spot", "BTCUSDT", "1M", PriceKind::last},
        Case{"linear", "BTCUSDT", "1h", PriceKind::mark}, Case{"linear", "BTCUSDT", "1d", PriceKind::index},
        Case{"linear", "BTCUSDT", "4h", PriceKind::premium}, Case{"spot", "BTCUSDT", "5m", PriceKind::last, "binance"},
        Case{"spot", "1000SATSUSDT", "1h", PriceKind::last, "binance"},
        Case{"coinm", "ETHUSD_PERP", "1d", PriceKind::last, "binance"},
        Case{"usdm", "BTCUSDT", "4h", PriceKind::mark, "binance"}));

TEST(History, TheFirstBarMayBeginBeforeTheListing) {
  const History& history = default_history("linear", "1000PEPEUSDT");
  const TimePoint now = at("2024-01-01");
  const auto months = history.oldest(PriceKind::last, timeframe("1M"), at("2020-01-01"), now, kAll, now);
  ASSERT_EQ(months.front().open_time, at("2023-05-01"));
  const auto first = history.oldest(PriceKind::last, timeframe("1m"), at("2020-01-01"), now, 1, now);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].open_time, at("2023-05-03T10:10:00Z"));
  EXPECT_EQ(first[0].bar.open, months.front().bar.open);
}

TEST(History, NothingOpensBeforeFromAndTheRestStaysTheSame) {
  const Listing listing = default_listing("bybit.linear.BTCUSDT");
  const History whole{listing, 7, at("2020-01-01")};
  const History later{listing, 7, at("2023-01-01")};
  const TimePoint now = at("2023-02-01");
  const auto range = [&](const History& history) {
    return history.oldest(PriceKind::last, timeframe("1h"), at("2022-12-31"), now, kAll, now);
  };
  const auto all = range(whole);
  const auto tail = range(later);
  ASSERT_EQ(tail.front().open_time, at("2023-01-01"));
  ASSERT_EQ(all.size(), tail.size() + 24);
  for (std::size_t i = 0; i < tail.size(); ++i) ASSERT_EQ(tail[i].bar, all[i + 24].bar);
}

TEST(History, NewestAndOldestLookPastAGap) {
  Listing listing = default_listing("bybit.linear.BTCUSDT");
  listing.gaps = {TimeRange::of(at("2023-01-01"), at("2023-01-03T00:30:00Z"))};
  const History history{listing, 7, at("2020-01-01")};
  const TimePoint now = at("2023-01-03T00:31:30Z");
  const auto newest = history.newest(PriceKind::last, timeframe("1m"), at("2022-01-01"), now, 5, now);
  ASSERT_EQ(newest.size(), 5u);
  EXPECT_EQ(newest[4].open_time, at("2023-01-03T00:31:00Z"));
  EXPECT_EQ(newest[2].open_time, at("2022-12-31T23:59:00Z"));
  const auto oldest = history.oldest(PriceKind::last, timeframe("1m"), at("2022-12-31T23:59:00Z"), now, 3, now);
  ASSERT_EQ(oldest.size(), 3u);
  EXPECT_EQ(oldest[1].open_time, at("2023-01-03T00:30:00Z"));
  EXPECT_FALSE(history.bar(PriceKind::last, timeframe("1d"), at("2023-01-02"), now).present);
}

TEST(History, TheOpenBarMoves) {
  const History& history = default_history("linear", "BTCUSDT");
  const TimePoint open_time = at("2024-01-01T10:00:00Z");
  const TapeBar early = history.bar(PriceKind::last, timeframe("1h"), open_time, at("2024-01-01T10:20:10Z"));
  const TapeBar late = history.bar(PriceKind::last, timeframe("1h"), open_time, at("2024-01-01T10:40:10Z"));
  EXPECT_EQ(early.open, late.open);
  EXPECT_LT(early.volume, late.volume);
  EXPECT_FALSE(history.bar(PriceKind::last, timeframe("1h"), open_time, at("2024-01-01T09:59:59Z")).present);
}

TEST(History, ADelistedInstrumentEndsAtItsDelivery) {
  const History& history = default_history("linear", "LUNAUSDT");
  const TimePoint now = at("2024-01-01");
  const auto newest = history.newest(PriceKind::last, timeframe("1m"), at("2020-01-01"), now, 2, now);
  ASSERT_EQ(newest.size(), 2u);
  EXPECT_EQ(newest[1].open_time, at("2022-05-12T06:29:00Z"));
}

}  // namespace
}  // namespace tdm::sim
