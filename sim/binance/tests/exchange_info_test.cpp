#include "sim/binance/exchange_info.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::binance {
namespace {

using Json = nlohmann::json;
using sim::testing::at;
using sim::testing::default_world;
using sim::testing::get;
using Query = std::vector<std::pair<std::string, std::string>>;
using Symbols = std::vector<std::string>;

Json ask(std::string_view path, Query query = {}, TimePoint now = at("2024-03-05T12:00:00Z")) {
  const auto place = find_place(path);
  return Json::parse(exchange_info(default_world(), *place->api, get("", std::move(query)), {}, now).reply.body);
}

Symbols symbols_of(const Json& body) {
  Symbols symbols;
  for (const Json& row : body["symbols"]) symbols.push_back(row["symbol"]);
  return symbols;
}

Json row_of(const Json& body, std::string_view symbol) {
  for (const Json& row : body["symbols"]) {
    if (row["symbol"] == symbol) return row;
  }
  return {};
}

Json filter_of(const Json& row, std::string_view type) {
  for (const Json& filter : row["filters"]) {
    if (filter["filterType"] == type) return filter;
  }
  return {};
}

constexpr const char* kSpot = "/api/v3/exchangeInfo";
constexpr const char* kUsdm = "/fapi/v1/exchangeInfo";
constexpr const char* kCoinm = "/dapi/v1/exchangeInfo";

TEST(ExchangeInfo, ListsTheInstrumentsOfItsMarket) {
  EXPECT_EQ(symbols_of(ask(kSpot)), (Symbols{"1000SATSUSDT", "BTCUSDT", "ETHBTC", "ETHUSDT", "SOLUSDT", "SRMUSDT"}));
  EXPECT_EQ(symbols_of(ask(kUsdm)), (Symbols{"1000PEPEUSDT", "BTCUSDT", "BTCUSDT_240329", "BTCUSDT_261225", "ETHUSDT",
                                             "FTTUSDT", "TSLAUSDT", "XRPUSDT"}));
  EXPECT_EQ(symbols_of(ask(kCoinm)), (Symbols{"BTCUSD_240329", "BTCUSD_PERP", "ETHUSD_PERP"}));
}

TEST(ExchangeInfo, SaysTheLimits) {
  const Json spot = ask(kSpot);
  EXPECT_EQ(spot["timezone"], "UTC");
  EXPECT_EQ(spot["serverTime"], to_ms(at("2024-03-05T12:00:00Z")));
  EXPECT_EQ(spot["rateLimits"][0],
            (Json{{"rateLimitType", "REQUEST_WEIGHT"}, {"interval", "MINUTE"}, {"intervalNum", 1}, {"limit", 6'000}}));
  EXPECT_EQ(ask(kUsdm)["rateLimits"][0]["limit"], 2'400);
  EXPECT_EQ(ask(kUsdm)["futuresType"], "U_MARGINED");
  EXPECT_EQ(ask(kCoinm)["rateLimits"][0]["limit"], 2'400);
}

TEST(ExchangeInfo, StatusesAndDatesFollowTheLife) {  // §5
  EXPECT_EQ(row_of(ask(kSpot), "BTCUSDT")["status"], "TRADING");
  EXPECT_EQ(row_of(ask(kSpot), "SRMUSDT")["status"], "BREAK");
  EXPECT_EQ(row_of(ask(kSpot, {}, at("2022-01-01")), "SRMUSDT")["status"], "TRADING");
  EXPECT_TRUE(row_of(ask(kSpot, {}, at("2022-01-01")), "1000SATSUSDT").is_null());

  const Json usdm = ask(kUsdm);
  EXPECT_EQ(row_of(usdm, "BTCUSDT")["onboardDate"], 1'569'398'400'000);  // R: cryptofeed/BINANCE_FUTURES.0
  EXPECT_EQ(row_of(usdm, "BTCUSDT")["deliveryDate"], 4'133'404'800'000);
  EXPECT_EQ(row_of(usdm, "BTCUSDT")["contractType"], "PERPETUAL");
  EXPECT_EQ(row_of(usdm, "FTTUSDT")["status"], "SETTLING");
  EXPECT_EQ(row_of(usdm, "FTTUSDT")["deliveryDate"], 4'133'404'800'000);
  EXPECT_EQ(row_of(usdm, "BTCUSDT_240329")["deliveryDate"], to_ms(at("2024-03-29T08:00:00Z")));
  EXPECT_EQ(row_of(usdm, "BTCUSDT_240329")["pair"], "BTCUSDT");
  EXPECT_EQ(row_of(usdm, "TSLAUSDT")["status"], "PENDING_TRADING");
  EXPECT_EQ(row_of(usdm, "TSLAUSDT")["contractType"], "");
  EXPECT_EQ(row_of(ask(kUsdm, {}, at("2026-11-22")), "TSLAUSDT")["contractType"], "TRADIFI_PERPETUAL");
  EXPECT_TRUE(row_of(ask(kUsdm, {}, at("2024-04-01")), "BTCUSDT_240329").is_null());

  const Json coinm = row_of(ask(kCoinm), "BTCUSD_PERP");
  EXPECT_EQ(coinm["contractStatus"], "TRADING");
  EXPECT_FALSE(coinm.contains("status"));
  EXPECT_EQ(coinm["contractSize"], 100);
  EXPECT_EQ(coinm["marginAsset"], "BTC");
  EXPECT_EQ(row_of(ask(kCoinm), "ETHUSD_PERP")["contractSize"], 10);
}

TEST(ExchangeInfo, GridsStandInTheFilters) {
  const Json spot = row_of(ask(kSpot), "BTCUSDT");
  EXPECT_EQ(filter_of(spot, "PRICE_FILTER")["tickSize"], "0.01000000");
  EXPECT_EQ(filter_of(spot, "PRICE_FILTER")["maxPrice"], "1000000.00000000");
  EXPECT_EQ(filter_of(spot, "LOT_SIZE")["stepSize"], "0.00001000");
  const Json usdm = row_of(ask(kUsdm), "BTCUSDT");
  EXPECT_EQ(filter_of(usdm, "PRICE_FILTER")["tickSize"], "0.10");
  EXPECT_EQ(filter_of(usdm, "LOT_SIZE")["stepSize"], "0.001");
  EXPECT_EQ(usdm["pricePrecision"], 2);  // not the tick
  EXPECT_EQ(usdm["quantityPrecision"], 3);
}

TEST(ExchangeInfo, SpotChoosesSymbols) {
  EXPECT_EQ(symbols_of(ask(kSpot, {{"symbol", "ETHUSDT"}})), Symbols{"ETHUSDT"});
  EXPECT_EQ(symbols_of(ask(kSpot, {{"symbols", R"(["ETHUSDT","BTCUSDT"])"}})), (Symbols{"BTCUSDT", "ETHUSDT"}));
  EXPECT_EQ(symbols_of(ask(kSpot, {{"symbolStatus", "BREAK"}})), Symbols{"SRMUSDT"});
  EXPECT_TRUE(row_of(ask(kSpot), "BTCUSDT").contains("permissionSets"));
  EXPECT_FALSE(row_of(ask(kSpot, {{"showPermissionSets", "false"}}), "BTCUSDT").contains("permissionSets"));
}

TEST(ExchangeInfo, WhatItCannotServeItRefuses) {  // §4.5
  const std::pair<Query, int> cases[] = {
      {{{"symbol", "NOPE"}}, -1121},
      {{{"symbol", "btcusdt"}}, -1100},
      {{{"symbols", R"(["BTCUSDT","BTCUSDT"])"}}, -1151},
      {{{"symbols", "BTCUSDT"}}, -1130},
      {{{"symbols", "[1]"}}, -1130},
      {{{"symbol", "BTCUSDT"}, {"symbols", R"(["ETHUSDT"])"}}, -1128},
      {{{"limit", "5"}}, -1104},
  };
  for (const auto& [query, code] : cases) EXPECT_EQ(ask(kSpot, query)["code"], code);
  EXPECT_EQ(ask(kUsdm, {{"symbol", "BTCUSDT"}})["code"], -1104);
}

}  // namespace
}  // namespace tdm::sim::binance
