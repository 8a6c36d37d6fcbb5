#include "sim/bybit/instruments_info.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::bybit {
namespace {

using Json = nlohmann::json;
using sim::testing::at;
using sim::testing::default_world;
using sim::testing::get;
using Query = std::vector<std::pair<std::string, std::string>>;

Json ask(Query query, TimePoint now = at("2026-11-22")) {
  return Json::parse(instruments_info(default_world(), get("", std::move(query)), now).reply.body);
}

std::vector<std::string> symbols_of(const Json& body) {
  std::vector<std::string> symbols;
  for (const Json& row : body["result"]["list"]) symbols.push_back(row["symbol"]);
  return symbols;
}

// What the HTTP loop makes of a value in a URL.
std::string decoded(std::string text) {
  for (const auto& [from, to] : {std::pair{"%3D", "="}, std::pair{"%26", "&"}}) {
    for (std::size_t i = text.find(from); i != std::string::npos; i = text.find(from)) text.replace(i, 3, to);
  }
  return text;
}

const std::vector<std::string> kLinear = {"0GUSDT",          "1000PEPEUSDT", "BTCPERP", "BTCUSDT",
                                          "BTCUSDT-26MAR27", "ETHUSDT",      "SOLUSDT", "XRPUSDT"};

TEST(InstrumentsInfo, ListsWhatTradesSortedBySymbol) {
  EXPECT_EQ(symbols_of(ask({{"category", "linear"}})), kLinear);
  EXPECT_EQ(symbols_of(ask({{"category", "inverse"}})), (std::vector<std::string>{"BTCUSD"}));
  EXPECT_EQ(symbols_of(ask({{"category", "spot"}})), (std::vector<std::string>{"BTCUSDT", "ETHUSDT"}));
  EXPECT_TRUE(symbols_of(ask({{"category", "option"}})).empty());
}

TEST(InstrumentsInfo, PagesEndWithOneEmptyPage) {
  std::vector<std::string> all;
  std::string cursor;
  for (int page = 1; page <= 5; ++page) {
    Query query{{"category", "linear"}, {"limit", "2"}};
    if (!cursor.empty()) query.emplace_back("cursor", decoded(cursor));
    const Json body = ask(query);
    const auto symbols = symbols_of(body);
    EXPECT_EQ(symbols.size(), page < 5 ? 2u : 0u);
    all.insert(all.end(), symbols.begin(), symbols.end());
    cursor = body["result"]["nextPageCursor"];
    if (page == 1) {
      EXPECT_EQ(cursor, "first%3D0GUSDT%26last%3D1000PEPEUSDT");
    }
    EXPECT_EQ(cursor.empty(), page == 5);
  }
  EXPECT_EQ(all, kLinear);
}

TEST(InstrumentsInfo, ACursorThatWasEncodedAgainIsRefused) {
  EXPECT_EQ(ask({{"category", "linear"}, {"cursor", "first%3D0GUSDT%26last%3DBTCPERP"}})["retCode"], 10'001);
}

TEST(InstrumentsInfo, SpotHasNoPages) {
  const Json body = ask({{"category", "spot"}, {"limit", "1"}, {"cursor", "x"}});
  EXPECT_EQ(symbols_of(body).size(), 2u);
  EXPECT_FALSE(body["result"].contains("nextPageCursor"));
  EXPECT_FALSE(body["result"]["list"][0].contains("contractType"));
  EXPECT_FALSE(body["result"]["list"][0].contains("launchTime"));
  EXPECT_EQ(body["result"]["list"][0]["lotSizeFilter"]["basePrecision"], "0.000001");
}

TEST(InstrumentsInfo, TheDelistedComeOnRequest) {
  const Json body = ask({{"category", "linear"}, {"status", "Closed"}});
  EXPECT_EQ(symbols_of(body), (std::vector<std::string>{"LUNAUSDT"}));
  EXPECT_EQ(body["result"]["list"][0]["deliveryTime"], "1652337000000");
  EXPECT_EQ(symbols_of(ask({{"category", "linear"}, {"symbol", "LUNAUSDT"}})).size(), 0u);
  EXPECT_EQ(symbols_of(ask({{"category", "linear"}, {"symbol", "LUNAUSDT"}, {"status", "Closed"}})).size(), 1u);
  EXPECT_EQ(symbols_of(ask({{"category", "linear"}, {"symbol", "LUNAUSDT"}}, at("2022-01-01"))).size(), 1u);
}

TEST(InstrumentsInfo, FiltersBySymbolAndCoin) {
  EXPECT_EQ(symbols_of(ask({{"category", "linear"}, {"symbol", "BTCUSDT"}})), (std::vector<std::string>{"BTCUSDT"}));
  EXPECT_EQ(symbols_of(ask({{"category", "linear"}, {"baseCoin", "BTC"}})),
            (std::vector<std::string>{"BTCPERP", "BTCUSD", "BTCUSDT", "BTCUSDT-26MAR27"}));  // inverse, too
  EXPECT_EQ(symbols_of(ask({{"category", "spot"}, {"baseCoin", "ETH"}})), (std::vector<std::string>{"ETHUSDT"}));
}

TEST(InstrumentsInfo, SaysWhatAConnectorNeeds) {
  const Json row = ask({{"category", "linear"}, {"symbol", "BTCUSDT"}})["result"]["list"][0];
  EXPECT_EQ(row["contractType"], "LinearPerpetual");
  EXPECT_EQ(row["status"], "Trading");
  EXPECT_EQ(row["launchTime"], "1584230400000");
  EXPECT_EQ(row["deliveryTime"], "0");
  EXPECT_EQ(row["priceScale"], "2");
  EXPECT_EQ(row["priceFilter"]["tickSize"], "0.10");
  EXPECT_EQ(row["priceFilter"]["maxPrice"], "1999999.80");
  EXPECT_EQ(row["lotSizeFilter"]["qtyStep"], "0.001");
  EXPECT_EQ(row["settleCoin"], "USDT");
  EXPECT_EQ(row["fundingInterval"], 480);
  EXPECT_EQ(ask({{"category", "linear"}, {"symbol", "BTCUSDT-26MAR27"}})["result"]["list"][0]["fundingInterval"], 0);
}

TEST(InstrumentsInfo, WhatItCannotServeItRefuses) {
  const Query cases[] = {{},
                         {{"category", "everything"}},
                         {{"category", "linear"}, {"status", "Gone"}},
                         {{"category", "linear"}, {"symbol", "NOPE"}},
                         {{"category", "spot"}, {"symbol", "XRPUSDT"}},
                         {{"category", "linear"}, {"limit", "0"}},
                         {{"category", "linear"}, {"cursor", "nonsense"}}};
  for (const Query& query : cases) EXPECT_EQ(ask(query)["retCode"], 10'001);
}

}  // namespace
}  // namespace tdm::sim::bybit
