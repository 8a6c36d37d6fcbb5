#include "sim/tape.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sim/tests/world_of_test.hpp"

namespace tdm::sim {
namespace {

using testing::at;
using testing::default_listing;

std::int64_t minute(std::string_view text) {
  return std::chrono::floor<std::chrono::minutes>(at(text)).time_since_epoch().count();
}

TEST(Tape, IsAFunctionOfSeedListingAndMinute) {
  const Tape tape{default_listing("bybit.linear.BTCUSDT"), 7};
  const Tape same{default_listing("bybit.linear.BTCUSDT"), 7};
  const Tape other_seed{default_listing("bybit.linear.BTCUSDT"), 8};
  const std::int64_t first = minute("2023-06-01T00:00:00Z");
  const auto bars = tape.minutes(PriceKind::last, first, first + 500);
  EXPECT_EQ(bars, same.minutes(PriceKind::last, first, first + 500));
  EXPECT_NE(bars, other_seed.minutes(PriceKind::last, first, first + 500));
  const auto late = tape.minutes(PriceKind::last, first + 123, first + 456);
  EXPECT_TRUE(std::equal(late.begin(), late.end(), bars.begin() + 123));
}

class EveryListing : public ::testing::TestWithParam<Listing> {};

TEST_P(EveryListing, ObeysTheRulesOfItsBars) {
  const Listing& listing = GetParam();
  const Tape tape{listing, 7};
  const std::int64_t first = std::chrono::floor<std::chrono::minutes>(*listing.first_bar).time_since_epoch().count();
  for (const std::int64_t begin : {first, first + 200'000}) {
    const auto bars = tape.minutes(PriceKind::last, begin, begin + 3'000);
    for (std::size_t i = 0; i < bars.size(); ++i) {
      const TapeBar& bar = bars[i];
      ASSERT_TRUE(bar.present);
      if (i > 0 && (listing.open_rule == OpenRule::previous_close || bar.trades == 0)) {
        ASSERT_EQ(bar.open, bars[i - 1].close);
      }
      if (listing.open_rule == OpenRule::first_trade && bar.trades > 0) {
        ASSERT_EQ(bar.open, tape.trades(begin + static_cast<std::int64_t>(i)).front().price);
      }
      ASSERT_LE(bar.buy_volume, bar.volume);
      ASSERT_TRUE(bar.buy_turnover <= bar.turnover);
      ASSERT_LE(bar.low, std::min(bar.open, bar.close));
      ASSERT_GE(bar.high, std::max(bar.open, bar.close));
      ASSERT_GT(bar.low, 0);
      ASSERT_EQ(bar.close % listing.tick.step, 0);
      ASSERT_EQ(bar.high % listing.tick.step, 0);
      ASSERT_EQ(bar.volume % listing.lot.step, 0);
      ASSERT_EQ(bar.trades == 0, bar.volume == 0);
      if (bar.trades == 0) {
        ASSERT_TRUE(bar.open == bar.close && bar.high == bar.low && bar.turnover == 0);
      }
    }
  }
}

TEST_P(EveryListing, BarsAreMadeOfTheTradesExactly) {
  const Listing& listing = GetParam();
  const Tape tape{listing, 7};
  const std::int64_t first = std::chrono::floor<std::chrono::minutes>(*listing.first_bar).time_since_epoch().count();
  const auto bars = tape.minutes(PriceKind::last, first, first + 1'000);
  for (std::size_t i = 0; i < bars.size(); ++i) {
    const std::int64_t here = first + static_cast<std::int64_t>(i);
    const auto trades = tape.trades(here);
    TapeBar built{
        .open = bars[i].open, .high = bars[i].open, .low = bars[i].open, .close = bars[i].open, .present = true};
    for (const Trade& trade : trades) {
      ASSERT_EQ(trade.time_ms / 60'000, here);
      if (!listing.inverse() && listing.turnover_scale() == listing.tick.scale + listing.lot.scale) {
        ASSERT_TRUE(trade.turnover == Int128{trade.price} * trade.quantity);
      }
      built.high = std::max(built.high, trade.price);
      built.low = std::min(built.low, trade.price);
      built.close = trade.price;
      built.volume += trade.quantity;
      built.turnover += trade.turnover;
      built.buy_volume += trade.buy ? trade.quantity : 0;
      built.buy_turnover += trade.buy ? trade.turnover : 0;
      ++built.trades;
    }
    ASSERT_EQ(built, bars[i]) << i;
    ASSERT_TRUE(std::ranges::is_sorted(trades, {}, &Trade::time_ms));
  }
}

TEST_P(EveryListing, AnOpenBarHasOnlyWhatHappened) {
  const Tape tape{GetParam(), 7};
  const std::int64_t here =
      std::chrono::floor<std::chrono::minutes>(*GetParam().first_bar).time_since_epoch().count() + 100;
  const TapeBar whole = tape.minutes(PriceKind::last, here, here + 1)[0];
  EXPECT_EQ(tape.partial(PriceKind::last, here, 59'999), whole);
  std::int64_t volume = 0;
  for (std::int64_t ms = 0; ms < 60'000; ms += 500) {
    const TapeBar part = tape.partial(PriceKind::last, here, ms);
    ASSERT_TRUE(part.present);
    if (part.trades > 0 || GetParam().open_rule == OpenRule::previous_close) {
      ASSERT_EQ(part.open, whole.open);
      ASSERT_LE(part.high, whole.high);
    } else {
      ASSERT_EQ(part.high, part.low);  // flat at the close before, as long as nothing has traded
    }
    ASSERT_GE(part.volume, volume);
    volume = part.volume;
  }
}

INSTANTIATE_TEST_SUITE_P(Defaults, EveryListing, ::testing::ValuesIn(default_listings()), [](const auto& listing) {
  std::string name = listing.param.id.text();
  std::ranges::replace_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

TEST(Tape, InverseTurnoverIsDollarsDividedByPrice) {
  const Tape tape{default_listing("bybit.inverse.BTCUSD"), 7};
  const std::int64_t here = minute("2023-01-05T00:00:00Z");
  for (const Trade& trade : tape.trades(here)) {
    const double coins = static_cast<double>(trade.quantity) / (static_cast<double>(trade.price) / 100);
    EXPECT_NEAR(static_cast<double>(trade.turnover) / 1e8, coins, 0.6e-8);
  }
}

TEST(Tape, CoinMarginedTurnoverIsContractsTimesTheirSizeDividedByPrice) {
  const Tape tape{default_listing("binance.coinm.BTCUSD_PERP"), 7};
  for (const Trade& trade : tape.trades(minute("2023-01-05T00:03:00Z"))) {
    const double coins = 100 * static_cast<double>(trade.quantity) / (static_cast<double>(trade.price) / 10);
    EXPECT_NEAR(static_cast<double>(trade.turnover) / 1e8, coins, 0.6e-8);
  }
}

TEST(Tape, AQuoteOfEightDecimalsRoundsEachTrade) {
  const Listing listing = default_listing("binance.spot.ETHBTC");  // 0.00001 x 0.0001
  ASSERT_EQ(listing.turnover_scale(), 8);
  const Tape tape{listing, 7};
  for (const Trade& trade : tape.trades(minute("2023-01-05T00:03:00Z"))) {
    EXPECT_TRUE(trade.turnover == (Int128{trade.price} * trade.quantity + 5) / 10);
  }
}

TEST(Tape, AStretchWithoutTradesSaysNothingOfOpenHighAndLow) {
  const TapeBar flat{.open = 9, .high = 9, .low = 9, .close = 9, .present = true};
  const TapeBar traded{.open = 5, .high = 6, .low = 4, .close = 5, .volume = 1, .trades = 1, .present = true};
  TapeBar bar = flat;
  append(bar, traded);
  EXPECT_EQ(bar, traded);
  append(bar, {.open = 5, .high = 5, .low = 5, .close = 5, .present = true});
  EXPECT_EQ(bar, traded);
  bar = flat;
  append(bar, flat);
  EXPECT_EQ(bar, flat);
}

TEST(Tape, QuietMinutesAreAboutAsFrequentAsTheListingSays) {
  const Tape tape{default_listing("bybit.linear.BTCPERP"), 7};
  const std::int64_t first = minute("2023-06-01T00:00:00Z");
  const auto bars = tape.minutes(PriceKind::last, first, first + 20'000);
  const auto quiet = std::ranges::count_if(bars, [](const TapeBar& bar) { return bar.trades == 0; });
  EXPECT_NEAR(static_cast<double>(quiet) / 20'000, 0.25, 0.02);
}

TEST(Tape, NothingBeforeTheFirstBarInAGapOrAfterDelivery) {
  Listing listing = default_listing("bybit.linear.LUNAUSDT");
  listing.gaps = {TimeRange::of(at("2022-01-01T00:10:00Z"), at("2022-01-01T00:20:00Z"))};
  const Tape tape{listing, 7};
  const auto present = [&](std::string_view when) {
    return tape.minutes(PriceKind::last, minute(when), minute(when) + 1)[0].present;
  };
  EXPECT_FALSE(present("2021-09-15T07:59:00Z"));
  EXPECT_TRUE(present("2021-09-15T08:00:00Z"));
  EXPECT_TRUE(present("2022-01-01T00:09:00Z"));
  EXPECT_FALSE(present("2022-01-01T00:10:00Z"));
  EXPECT_FALSE(present("2022-01-01T00:19:00Z"));
  EXPECT_TRUE(present("2022-01-01T00:20:00Z"));
  EXPECT_TRUE(present("2022-05-12T06:29:00Z"));
  EXPECT_FALSE(present("2022-05-12T06:30:00Z"));

  const auto around = tape.minutes(PriceKind::last, minute("2022-01-01T00:09:00Z"), minute("2022-01-01T00:21:00Z"));
  EXPECT_EQ(around.back().open, around.front().close);  // the price before the gap
  EXPECT_TRUE(tape.trades(minute("2022-01-01T00:15:00Z")).empty());
}

TEST(Tape, PremiumBarsNeedNotContainTheirOpen) {
  const Tape tape{default_listing("bybit.linear.BTCUSDT"), 7};
  const std::int64_t first = minute("2023-06-01T00:00:00Z");
  const auto bars = tape.minutes(PriceKind::premium, first, first + 500);
  int outside = 0, negative = 0;
  for (std::size_t i = 1; i < bars.size(); ++i) {
    ASSERT_EQ(bars[i].open, bars[i - 1].close);
    ASSERT_TRUE(bars[i].low <= bars[i].close && bars[i].close <= bars[i].high);
    outside += bars[i].open < bars[i].low || bars[i].open > bars[i].high;
    negative += bars[i].close < 0;
  }
  EXPECT_GT(outside, 100);
  EXPECT_GT(negative, 100);
}

TEST(Tape, MarkAndIndexContainTheirOpenAndStayNearTheLastPrice) {
  const Tape tape{default_listing("bybit.linear.BTCUSDT"), 7};
  const std::int64_t first = minute("2023-06-01T00:00:00Z");
  const auto last = tape.minutes(PriceKind::last, first, first + 500);
  for (const PriceKind kind : {PriceKind::mark, PriceKind::index}) {
    const auto bars = tape.minutes(kind, first, first + 500);
    for (std::size_t i = 1; i < bars.size(); ++i) {
      ASSERT_EQ(bars[i].open, bars[i - 1].close);
      ASSERT_TRUE(bars[i].low <= std::min(bars[i].open, bars[i].close) &&
                  bars[i].high >= std::max(bars[i].open, bars[i].close));
      ASSERT_NEAR(static_cast<double>(bars[i].close), static_cast<double>(last[i].close),
                  0.001 * static_cast<double>(last[i].close));
    }
  }
}

}  // namespace
}  // namespace tdm::sim
