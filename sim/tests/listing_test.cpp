#include "sim/listing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <tuple>

#include "sim/tests/world_of_test.hpp"

namespace tdm::sim {
namespace {

using testing::at;
using ::testing::HasSubstr;

std::string file_with(std::string_view text) {
  const auto path = std::filesystem::path{::testing::TempDir()} / "tdm_sim_listing.yaml";
  std::ofstream{path} << text;
  return path.string();
}

TEST(Grid, KeepsTheDecimalsOfTheText) {
  EXPECT_EQ(Grid::parse("0.10", "tick")->scale, 2);
  EXPECT_EQ(Grid::parse("0.10", "tick")->step, 10);
  EXPECT_EQ(Grid::parse("100", "lot")->step, 100);
  EXPECT_EQ(Grid::parse("0.0000010", "tick")->step, 10);
  for (const std::string_view bad : {"", "0", "-1", "1e-3", "abc", "0.00000000000001"}) {
    EXPECT_FALSE(Grid::parse(bad, "tick")) << bad;
  }
}

TEST(Listing, TheDefaultsHaveOneOfEachKind) {
  const auto listings = default_listings();
  const TimePoint now = at("2026-11-22");
  for (const std::string exchange : {"bybit", "binance", "deribit"}) {
    int ended = 0, futures = 0, early_launch = 0;
    for (const Listing& listing : listings) {
      if (listing.id.exchange.text() != exchange) continue;
      ended += listing.phase_at(now) == Phase::ended;
      futures += listing.contract_type == "LinearFutures" || listing.contract_type == "CURRENT_QUARTER" ||
                 listing.contract_type == "month";
      early_launch += listing.launch < *listing.first_bar;
    }
    EXPECT_GE(ended, 1) << exchange;
    EXPECT_GE(futures, 1) << exchange;
    EXPECT_GE(early_launch, 1) << exchange;
  }
  EXPECT_EQ(listings.front().phase_at(at("2019-01-01")), Phase::announced);
  EXPECT_EQ(listings.front().phase_at(now), Phase::trading);
}

TEST(Listing, AFileGivesItsInstruments) {
  const auto listings = load_listings(
      file_with("instruments:\n"
                "  - {symbol: AUSDT, base: A, tick: '0.1', lot: '0.001', start_price: '100', launch: 2020-01-01,\n"
                "     zero_trade_probability: 0.5, gaps: [{from: 2021-01-01, to: 2021-01-02}]}\n"
                "  - {symbol: AUSD, market: inverse, base: A, tick: 0.5, lot: 1, start_price: 100, delivery: "
                "2024-03-29T08:00:00Z}\n"));
  ASSERT_TRUE(listings) << listings.error().message;
  EXPECT_EQ((*listings)[0].id.text(), "bybit.linear.AUSDT");
  EXPECT_EQ((*listings)[0].settle, "USDT");
  EXPECT_EQ((*listings)[0].gaps.size(), 1u);
  EXPECT_EQ((*listings)[1].settle, "A");
  EXPECT_EQ((*listings)[1].contract_type, "InverseFutures");
}

TEST(Listing, AFileSpeaksOfDeribitToo) {
  const auto listings = load_listings(file_with(
      "- {exchange: deribit, symbol: A-PERPETUAL, base: A, tick: 0.5, lot: 1, start_price: 100}\n"
      "- {exchange: deribit, symbol: A_USDC-27DEC24, base: A, quote: USDC, tick: 0.1, lot: 0.01, start_price: 100,\n"
      "   delivery: 2024-12-27T08:00:00Z}\n"
      "- {exchange: deribit, market: option, symbol: A-27DEC24-100-C, base: A, quote: A, tick: 0.0005, lot: 0.1,\n"
      "   start_price: 0.05, delivery: 2024-12-27T08:00:00Z}\n"
      "- {exchange: deribit, market: spot, symbol: A_USDC, base: A, quote: USDC, tick: 0.1, lot: 0.1, start_price: "
      "100}\n"));
  ASSERT_TRUE(listings) << listings.error().message;
  const auto& [inverse, linear, option, spot] =
      std::tie((*listings)[0], (*listings)[1], (*listings)[2], (*listings)[3]);
  EXPECT_EQ(inverse.id.text(), "deribit.future.A-PERPETUAL");
  EXPECT_EQ(inverse.open_rule, OpenRule::first_trade);
  EXPECT_EQ(inverse.contract_type, "perpetual");
  EXPECT_EQ(inverse.contract_size, 10);
  EXPECT_TRUE(inverse.inverse());
  EXPECT_EQ(linear.settle, "USDC");
  EXPECT_EQ(linear.contract_type, "month");
  EXPECT_FALSE(linear.inverse());
  EXPECT_EQ(option.contract_size, 1);
  EXPECT_FALSE(option.inverse());  // counted in coin, and priced in it
  EXPECT_EQ(spot.settle, "");
}

TEST(Listing, AFileSpeaksOfBinanceToo) {
  const auto listings = load_listings(file_with(
      "- {exchange: binance, symbol: AUSDT, base: A, tick: '0.01', lot: '0.001', start_price: 100}\n"
      "- {exchange: binance, market: coinm, symbol: AUSD_PERP, base: A, tick: 0.1, lot: 1, start_price: 100}\n"
      "- {exchange: binance, market: usdm, symbol: AUSDT, base: A, tick: 0.1, lot: 1, start_price: 100,\n"
      "   flat_tail: true, delivery: 2024-03-29T08:00:00Z}\n"));
  ASSERT_TRUE(listings) << listings.error().message;
  EXPECT_EQ((*listings)[0].id.text(), "binance.spot.AUSDT");
  EXPECT_EQ((*listings)[0].open_rule, OpenRule::first_trade);
  EXPECT_EQ((*listings)[0].contract_type, "");
  EXPECT_EQ((*listings)[1].contract_size, 10);
  EXPECT_EQ((*listings)[1].quote, "USD");
  EXPECT_EQ((*listings)[1].settle, "A");
  EXPECT_TRUE((*listings)[1].inverse());
  EXPECT_EQ((*listings)[2].contract_type, "CURRENT_QUARTER");
  EXPECT_TRUE((*listings)[2].flat_tail);
}

TEST(Listing, JsonIsReadToo) {
  const auto listings = load_listings(file_with(
      R"([{"symbol":"AUSDT","base":"A","tick":"0.1","lot":"0.001","start_price":100,"first_bar":"2022-01-01"}])"));
  ASSERT_TRUE(listings) << listings.error().message;
  EXPECT_EQ(listings->front().first_bar, at("2022-01-01"));
}

TEST(Listing, MistakesNameTheirPlace) {
  const std::string good = "symbol: AUSDT, base: A, tick: '0.1', lot: '1', start_price: 1";
  const std::pair<std::string, std::string> cases[] = {
      {"- {" + good + ", tik: 1}", ":1:67: unknown key 'tik', did you mean 'tick'?"},
      {"- {base: A, tick: '0.1', lot: '1', start_price: 1}", "the key 'symbol' is missing"},
      {"- {symbol: A, base: A, tick: zero, lot: '1', start_price: 1}", ":1:30: tick: expected a step"},
      {"- {symbol: A, base: A, tick: 1, lot: '1', start_price: cheap}", "start_price: expected a number"},
      {"- {symbol: A, base: A, tick: 1, lot: '1'}", "the key 'start_price' is missing"},
      {"- {" + good + ", first_bar: yesterday}", "first_bar"},
      {"- {" + good + ", gaps: [{from: 2022-01-02, to: 2022-01-01}]}", "expected from before to"},
      {"- {" + good + "}\n- {" + good + "}", "bybit.linear.AUSDT stands twice"},
      {"instruments: 5", "expected a list of instruments"},
      {"- [", ":"},
      {"", "expected a list of instruments"},
  };
  for (const auto& [text, expected] : cases) {
    const auto listings = load_listings(file_with(text));
    ASSERT_FALSE(listings) << text;
    EXPECT_EQ(listings.error().code, ErrorCode::configuration) << text;
    EXPECT_THAT(listings.error().message, HasSubstr(expected)) << text;
  }
  EXPECT_FALSE(load_listings("/no/such/file.yaml"));
}

}  // namespace
}  // namespace tdm::sim
