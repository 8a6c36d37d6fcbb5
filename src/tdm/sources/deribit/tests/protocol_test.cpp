#include "tdm/sources/deribit/detail/protocol.hpp"

#include <gtest/gtest.h>

#include "tdm/sources/deribit/tests/support.hpp"

namespace tdm::sources::deribit {
namespace {

TEST(DeribitProtocol, OnlyBarsOnOurGridAreNative) {
  for (const auto& traits : market_traits()) {
    std::string names;
    for (const auto timeframe : traits.native) names += std::string{timeframe.name()} + " ";
    EXPECT_EQ(names, "1m 3m 5m 15m 30m 1h ") << traits.name;
    EXPECT_EQ(traits.open_rule, "first_trade");
  }
  for (const auto* resolution : {"10", "120", "180", "240", "360", "720", "1D", "D", ""})
    EXPECT_FALSE(timeframe_of(resolution)) << resolution;
  for (const auto timeframe : Timeframe::all())
    if (const auto resolution = resolution_of(timeframe)) {
      EXPECT_EQ(timeframe_of(*resolution), timeframe);
    }
}

TEST(DeribitProtocol, KindsBelongToMarkets) {
  EXPECT_EQ(market_of_kind("future"), "future");
  EXPECT_EQ(market_of_kind("future_combo"), "future");
  EXPECT_EQ(market_of_kind("option_combo"), "option");
  EXPECT_EQ(market_of_kind("spot"), "spot");
  EXPECT_EQ(market_of_kind("perpetual"), "");
}

// Trap: only combinations have prices below zero.
TEST(DeribitProtocol, CombinationsAreToldByTheirNames) {
  for (const auto* combo : {"BTC-FS-25DEC26_PERP", "BTC-CS-19MAY26-70000_75000", "BTC-STRD-30SEP22-20000"})
    EXPECT_TRUE(is_combo(combo)) << combo;
  for (const auto* plain : {"BTC-PERPETUAL", "SOL_USDC-PERPETUAL", "BTC-8FEB26", "BTC-27DEC24-100000-C",
                            "XRP_USDC-30JUN23-0d625-C", "BTC_USDC", "BTC-", "-", ""})
    EXPECT_FALSE(is_combo(plain)) << plain;
}

TEST(DeribitProtocol, Origins) {
  for (const auto* host : {"www.deribit.com", "history.deribit.com", "drb.coinbase.com"})
    EXPECT_EQ(origin_of(host), "mainnet");
  EXPECT_EQ(origin_of("test.deribit.com"), "testnet");
  EXPECT_EQ(origin_of("127.0.0.1"), "127.0.0.1");
}

TEST(DeribitProtocol, TheTargetStaysInsideThePage) {
  const auto target = chart_target(testing::series_of("deribit.spot.BTC_USDC@1h"),
                                   {testing::range_of("1969-12-31T00:00:00Z", "1970-01-01T02:30:00Z")});
  EXPECT_EQ(target,
            "/api/v2/public/get_tradingview_chart_data?instrument_name=BTC_USDC&start_timestamp=0&"
            "end_timestamp=7200000&resolution=60");
}

}  // namespace
}  // namespace tdm::sources::deribit
