#include <gtest/gtest.h>

#include <algorithm>

#include "tdm/sources/binance/detail/parse.hpp"
#include "tdm/sources/binance/tests/support.hpp"

namespace tdm::sources::binance {
namespace {

using testing::at;
using testing::bodies_of;
using testing::read_file;
using testing::recordings;

ExchangeInfo info_of(std::string_view symbols, std::string_view market = "usdm") {
  auto info = parse_exchange_info(R"({"serverTime":1,"symbols":[)" + std::string{symbols} + "]}", market);
  if (!info) ADD_FAILURE() << info.error().message;
  return *std::move(info);
}

// Filters are found by their type: their order, and that of keys inside them, differs.
constexpr std::string_view kFuture =
    R"({"symbol":"BTCUSDT_260925","pair":"BTCUSDT","contractType":"CURRENT_QUARTER","deliveryDate":1790323200000,"onboardDate":1774598400000,"status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","marginAsset":"USDT","pricePrecision":1,"filters":[{"stepSize":"0.001","filterType":"LOT_SIZE"},{"minPrice":"576.3","filterType":"PRICE_FILTER","tickSize":"0.10"}],"novel":1.50e-7})";

TEST(ParseInstruments, ReadsADatedFuture) {
  const auto info = info_of(kFuture);
  ASSERT_EQ(info.instruments.size(), 1U);
  const auto& future = info.instruments[0];
  EXPECT_EQ(future.id.text(), "binance.usdm.BTCUSDT_260925");
  EXPECT_EQ(future.base, "BTC");
  EXPECT_EQ(future.quote, "USDT");
  EXPECT_EQ(future.settle, "USDT");
  EXPECT_EQ(future.contract_type, "CURRENT_QUARTER");
  EXPECT_TRUE(future.active);
  EXPECT_EQ(future.tick_size, "0.10");
  EXPECT_EQ(future.lot_size, "0.001");
  EXPECT_EQ(future.contract_size, "1");
  EXPECT_EQ(future.launch_time, from_ms(1774598400000));
  EXPECT_EQ(future.delivery_time, from_ms(1790323200000));
  const auto details = nlohmann::json::parse(future.details);
  EXPECT_EQ(details["pair"], "BTCUSDT");
  EXPECT_EQ(details["novel"], "1.50e-7");  // not a digit is lost
  EXPECT_FALSE(details.contains("symbol"));
}

// A perpetual is delivered in the year 2100; a pending symbol has neither times nor a contract type.
TEST(ParseInstruments, NoDateIsNoDate) {
  for (const auto* none : {"4133404800000", "0", R"("")", "null", R"("soon")", "[]"}) {
    const auto info = info_of(R"({"symbol":"A","status":"PENDING_TRADING","contractType":"","onboardDate":)" +
                              std::string{none} + R"(,"deliveryDate":)" + none + "}");
    ASSERT_EQ(info.instruments.size(), 1U);
    EXPECT_EQ(info.instruments[0].launch_time, std::nullopt) << none;
    EXPECT_EQ(info.instruments[0].delivery_time, std::nullopt) << none;
    EXPECT_FALSE(info.instruments[0].active);
    EXPECT_EQ(info.instruments[0].contract_type, "");
  }
}

TEST(ParseInstruments, CoinmHasItsOwnStatusAndAContractSize) {
  const auto info = info_of(
      R"({"symbol":"BTCUSD_PERP","contractType":"PERPETUAL","contractStatus":"TRADING","contractSize":100,"onboardDate":1597042800000,"baseAsset":"BTC","quoteAsset":"USD","marginAsset":"BTC"},)"
      R"({"symbol":"ETHUSD_PERP","contractStatus":"PRE_DELIVERING"},{"symbol":"BTCUSD_210625","contractStatus":"DELIVERED"})",
      "coinm");
  ASSERT_EQ(info.instruments.size(), 3U);
  EXPECT_EQ(info.instruments[0].contract_size, "100");
  EXPECT_EQ(info.instruments[0].settle, "BTC");
  EXPECT_TRUE(info.instruments[0].active);
  EXPECT_EQ(info.instruments[1].contract_size, "10");
  EXPECT_EQ(info.instruments[1].status, "PRE_DELIVERING");
  EXPECT_FALSE(info.instruments[1].active);
  EXPECT_EQ(info.instruments[2].contract_size, "100");
}

TEST(ParseInstruments, OnlyTradingIsActiveAndUnknownStatusesPass) {
  for (const auto* status :
       {"BREAK", "HALT", "END_OF_DAY", "CANCEL_ONLY", "CLOSE", "SETTLING", "TRADING_HALT", "NOVEL"}) {
    const auto info = info_of(R"({"symbol":"A","status":")" + std::string{status} + "\"}", "spot");
    EXPECT_FALSE(info.instruments[0].active) << status;
    EXPECT_EQ(info.instruments[0].status, status);
    EXPECT_EQ(info.instruments[0].contract_type, "spot");
  }
}

TEST(ParseInstruments, SymbolsBeyondAsciiAreInstruments) {
  const auto info = info_of("{\"symbol\":\"\xe5\xb8\x81\xe5\xae\x89USDT\",\"status\":\"TRADING\"}");
  ASSERT_EQ(info.instruments.size(), 1U);
  EXPECT_EQ(info.instruments[0].id.symbol.text(), "\xe5\xb8\x81\xe5\xae\x89USDT");
}

TEST(ParseInstruments, WhatCannotBeNamedIsCounted) {
  const auto info = info_of(R"({"symbol":"A"},{"status":"TRADING"},{"symbol":"a/b"},7,null,{"symbol":""})");
  EXPECT_EQ(info.instruments.size(), 1U);
  EXPECT_EQ(info.unusable, 5U);
  for (const auto* body : {R"({"symbols":[{}]})", R"({"symbols":{}})", "{}", "[]", "", "<html>", R"({"symbols":[)"}) {
    const auto bad = parse_exchange_info(body, "spot");
    ASSERT_FALSE(bad) << body;
    EXPECT_EQ(bad.error().code, ErrorCode::corrupt_data) << body;
  }
}

TEST(ParseInstruments, TheWeightLimitIsTheOneOfAMinute) {
  const auto limit = [](std::string_view limits) {
    return parse_exchange_info(R"({"symbols":[],"rateLimits":)" + std::string{limits} + "}", "spot")->weight_per_minute;
  };
  EXPECT_EQ(limit(R"([{"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":300000},)"
                  R"({"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":6000}])"),
            6'000);
  for (const auto* none :
       {"[]", "null", "7", R"([{"rateLimitType":"REQUEST_WEIGHT","interval":"DAY","intervalNum":1,"limit":6000}])",
        R"([{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":0}])",
        R"([{"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":"x"}])"})
    EXPECT_EQ(limit(none), std::nullopt) << none;
}

TEST(ParseServerTime, IsMilliseconds) {
  EXPECT_EQ(parse_server_time(R"({"serverTime":1499827319559})"), from_ms(1499827319559));
  for (const auto* body : {"{}", "[]", "", R"({"serverTime":null})", R"({"serverTime":-1})"})
    EXPECT_FALSE(parse_server_time(body)) << body;
}

TEST(Recorded, SpotList) {
  const auto file = recordings() / "cryptofeed" / "BINANCE.0";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared";
  const auto bodies = bodies_of(file);
  ASSERT_EQ(bodies.size(), 1U);
  const auto info = parse_exchange_info(bodies[0], "spot");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->instruments.size(), 1'695U);
  EXPECT_EQ(info->unusable, 0U);
  EXPECT_EQ(info->weight_per_minute, 1'200);
  EXPECT_EQ(std::ranges::count_if(info->instruments, &Instrument::active), 1'262);
  EXPECT_EQ(info->instruments[0].id.symbol.text(), "ETHBTC");
  EXPECT_EQ(info->instruments[0].tick_size, "0.00000100");
  EXPECT_EQ(info->instruments[0].lot_size, "0.00010000");
}

// Its serverTime is a day and a half old: nobody may take it for the clock.
TEST(Recorded, UsdmList) {
  const auto file = recordings() / "cryptofeed" / "BINANCE_FUTURES.0";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared";
  const auto bodies = bodies_of(file);
  ASSERT_EQ(bodies.size(), 1U);
  const auto info = parse_exchange_info(bodies[0], "usdm");
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->instruments.size(), 122U);
  EXPECT_EQ(info->weight_per_minute, 2'400);
  EXPECT_EQ(info->instruments[0].launch_time, at("2019-09-25T08:00:00Z"));
  EXPECT_EQ(info->instruments[0].delivery_time, std::nullopt);
  EXPECT_EQ(std::ranges::count(info->instruments, std::string{}, &Instrument::contract_type), 1);
  for (const auto& instrument : info->instruments) EXPECT_FALSE(instrument.tick_size.empty()) << instrument.id.text();
}

TEST(Recorded, SmallLists) {
  for (const auto* name :
       {"nautilus/http_spot_market_exchange_info.json", "basana/binance_btc_usdt_exchange_info.json"}) {
    const auto file = recordings() / name;
    if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared";
    const auto info = parse_exchange_info(read_file(file), "spot");
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_GE(info->instruments.size(), 1U);
    EXPECT_EQ(info->unusable, 0U);
  }
}

}  // namespace
}  // namespace tdm::sources::binance
