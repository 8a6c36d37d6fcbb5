#include "sim/binance/kline.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/decimal_text.hpp"
#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::binance {
namespace {

using Json = nlohmann::json;
using sim::testing::at;
using sim::testing::default_history;
using sim::testing::default_listing;
using sim::testing::default_world;
using sim::testing::get;
using sim::testing::timeframe;
using Query = std::vector<std::pair<std::string, std::string>>;
using Times = std::vector<std::int64_t>;

const TimePoint kNow = at("2024-03-05T13:37:42.123Z");

std::int64_t number(std::string_view when) { return to_ms(at(when)); }
std::string ms(std::string_view when) { return std::to_string(number(when)); }

Answer ask_of(const World& world, std::string_view path, Query query, TimePoint now = kNow,
              BinanceSettings settings = {}, net::Headers headers = {}) {
  const auto place = find_place(path);
  auto request = get(std::string{path}, std::move(query));
  request.headers = std::move(headers);
  return kline(world, *place->api, place->endpoint, request, settings, now);
}

Answer ask(std::string_view path, Query query, TimePoint now = kNow) {
  return ask_of(default_world(), path, std::move(query), now);
}

Json body_of(const Answer& answer) { return Json::parse(answer.reply.body); }

Times times_of(const Answer& answer) {
  Times times;
  for (const Json& row : body_of(answer)) times.push_back(row.at(0));
  return times;
}

Query spot(std::string interval, Query more = {}) {
  Query query{{"symbol", "BTCUSDT"}, {"interval", std::move(interval)}};
  query.insert(query.end(), more.begin(), more.end());
  return query;
}
Query coinm(std::string interval, Query more = {}) {
  Query query{{"symbol", "BTCUSD_PERP"}, {"interval", std::move(interval)}};
  query.insert(query.end(), more.begin(), more.end());
  return query;
}

TEST(Kline, IsAnArrayOfRowsOfTwelveOldestFirst) {
  const Answer answer = ask("/api/v3/klines", spot("1h", {{"limit", "2"}}));
  const Json body = body_of(answer);
  EXPECT_EQ(answer.reply.status, 200);
  EXPECT_FALSE(answer.code);
  ASSERT_EQ(body.size(), 2u);
  EXPECT_EQ(times_of(answer), (Times{number("2024-03-05T12:00:00Z"), number("2024-03-05T13:00:00Z")}));
  EXPECT_EQ(answer.rows, 2);
  EXPECT_EQ(answer.first, at("2024-03-05T12:00:00Z"));
  EXPECT_EQ(answer.last, at("2024-03-05T13:00:00Z"));
  for (const Json& row : body) {
    ASSERT_EQ(row.size(), 12u);
    for (const std::size_t whole : {0u, 6u, 8u}) EXPECT_TRUE(row[whole].is_number_integer());
    for (const std::size_t text : {1u, 2u, 3u, 4u, 5u, 7u, 9u, 10u, 11u}) EXPECT_TRUE(row[text].is_string());
    EXPECT_EQ(row[6].get<std::int64_t>(), row[0].get<std::int64_t>() + 3'599'999);
    EXPECT_EQ(row[11], "0");
  }
}

TEST(Kline, RowsAreTheTapesBarsAsText) {
  const struct {
    std::string_view path, market, symbol;
    int price, volume, turnover;  // decimals
  } cases[] = {{"/api/v3/klines", "spot", "BTCUSDT", 8, 8, 8},
               {"/api/v3/klines", "spot", "ETHBTC", 8, 8, 8},
               {"/fapi/v1/klines", "usdm", "BTCUSDT", 2, 3, 5},
               {"/fapi/v1/klines", "usdm", "1000PEPEUSDT", 7, 0, 7},
               {"/dapi/v1/klines", "coinm", "BTCUSD_PERP", 1, 0, 8}};
  for (const auto& c : cases) {
    const History& history = default_history(c.market, c.symbol, "binance");
    const Listing& listing = history.listing();
    const Json body = body_of(ask(c.path, {{"symbol", std::string{c.symbol}}, {"interval", "15m"}, {"limit", "3"}}));
    ASSERT_EQ(body.size(), 3u) << c.symbol;
    for (const Json& row : body) {
      const TapeBar bar = history.bar(PriceKind::last, timeframe("15m"), from_ms(row[0].get<std::int64_t>()), kNow);
      const std::int64_t prices[] = {bar.open, bar.high, bar.low, bar.close};
      for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(row[i + 1], fixed_text(prices[i], listing.tick.scale, c.price));
      const int scale = listing.turnover_scale();
      EXPECT_EQ(row[5], fixed_text(bar.volume, listing.lot.scale, c.volume)) << c.symbol;
      EXPECT_EQ(row[7], fixed_text(bar.turnover, scale, c.turnover)) << c.symbol;
      EXPECT_EQ(row[8], bar.trades);
      EXPECT_EQ(row[9], fixed_text(bar.buy_volume, listing.lot.scale, c.volume));
      EXPECT_EQ(row[10], fixed_text(bar.buy_turnover, scale, c.turnover));
    }
  }
}

TEST(Kline, AverageOfABarLiesWithinIt) {  // the check of §6.2, on the text
  for (const std::string_view path : {"/api/v3/klines", "/fapi/v1/klines"}) {
    for (const Json& row : body_of(ask(path, spot("5m")))) {
      const auto value = [&](std::size_t i) { return std::stod(row[i].get<std::string>()); };
      if (value(5) == 0) continue;
      EXPECT_GE(value(7) / value(5), value(3) * (1 - 1e-9));
      EXPECT_LE(value(7) / value(5), value(2) * (1 + 1e-9));
    }
  }
  for (const Json& row : body_of(ask("/dapi/v1/klines", coinm("1h")))) {
    const auto value = [&](std::size_t i) { return std::stod(row[i].get<std::string>()); };
    if (value(5) == 0) continue;
    EXPECT_GE(value(5) * 100 / value(7), value(3) * (1 - 1e-4));  // each trade's coins are rounded to eight decimals
    EXPECT_LE(value(5) * 100 / value(7), value(2) * (1 + 1e-4));
  }
}

TEST(Kline, TheTableOfBoundsHolds) {  // §4.2
  for (const std::string_view path : {"/api/v3/klines", "/fapi/v1/klines"}) {
    const auto times = [&](Query more) { return times_of(ask(path, spot("1h", std::move(more)))); };
    EXPECT_EQ(times({{"limit", "1"}}), Times{number("2024-03-05T13:00:00Z")});
    EXPECT_EQ(times({{"startTime", ms("2023-01-01")}, {"limit", "2"}}),
              (Times{number("2023-01-01T00:00:00Z"), number("2023-01-01T01:00:00Z")}));
    EXPECT_EQ(times({{"endTime", ms("2023-01-01")}, {"limit", "2"}}),
              (Times{number("2022-12-31T23:00:00Z"), number("2023-01-01T00:00:00Z")}));
    const Times both = times({{"startTime", ms("2023-01-01")}, {"endTime", ms("2023-01-02")}, {"limit", "2"}});
    EXPECT_EQ(both, (Times{number("2023-01-01T00:00:00Z"), number("2023-01-01T01:00:00Z")}));
    EXPECT_EQ(times({{"startTime", ms("2023-01-01")}, {"endTime", ms("2023-01-02")}}).size(), 25u);
    EXPECT_EQ(times({{"startTime", ms("2023-01-01")}, {"endTime", ms("2023-01-01")}}),
              Times{number("2023-01-01T00:00:00Z")});
  }
}

TEST(Kline, FiltersCompareTheOpenTime) {  // §6.5
  const Times times = times_of(ask("/api/v3/klines", spot("1h", {{"startTime", ms("2023-01-01T00:00:00.001Z")},
                                                                 {"endTime", ms("2023-01-01T02:00:00Z")}})));
  EXPECT_EQ(times, (Times{number("2023-01-01T01:00:00Z"), number("2023-01-01T02:00:00Z")}));
}

TEST(Kline, BeforeTheListingThereIsNothing) {  // §6.5
  EXPECT_EQ(ask("/api/v3/klines", {{"symbol", "1000SATSUSDT"},
                                   {"interval", "1d"},
                                   {"startTime", ms("2022-01-01")},
                                   {"endTime", ms("2022-02-01")}})
                .reply.body,
            "[]");
  const Times first = times_of(
      ask("/api/v3/klines", {{"symbol", "1000SATSUSDT"}, {"interval", "1w"}, {"startTime", "0"}, {"limit", "1"}}));
  EXPECT_EQ(first, Times{number("2023-12-11T00:00:00Z")});  // on the grid, before the first trade (§6.3)
}

TEST(Kline, LimitsHaveAUsualAndALargestValue) {  // §6.1
  EXPECT_EQ(times_of(ask("/api/v3/klines", spot("1m"))).size(), 500u);
  EXPECT_EQ(times_of(ask("/api/v3/klines", spot("1m", {{"limit", "1001"}}))).size(), 1'000u);
  EXPECT_EQ(times_of(ask("/fapi/v1/klines", spot("1m", {{"limit", "1500"}}))).size(), 1'500u);
  EXPECT_EQ(ask("/fapi/v1/klines", spot("1m", {{"limit", "1501"}})).code, -1130);
  EXPECT_EQ(ask("/dapi/v1/klines", coinm("1m", {{"limit", "1501"}})).code, -1130);
  const BinanceSettings other{.spot_limit_above = LimitAbove::refuse, .futures_limit_above = LimitAbove::cut};
  EXPECT_EQ(ask_of(default_world(), "/api/v3/klines", spot("1m", {{"limit", "1001"}}), kNow, other).code, -1130);
  EXPECT_EQ(ask_of(default_world(), "/fapi/v1/klines", spot("1m", {{"limit", "9999"}}), kNow, other).rows, 1'500);
}

TEST(Kline, CoinMarginedPagesAreAnchoredAtTheirEnd) {  // §6.6
  const auto times = [](Query more) { return times_of(ask("/dapi/v1/klines", coinm("1h", std::move(more)))); };
  EXPECT_EQ(times({{"startTime", ms("2023-01-01")}, {"endTime", ms("2023-01-02")}, {"limit", "2"}}),
            (Times{number("2023-01-01T23:00:00Z"), number("2023-01-02T00:00:00Z")}));
  // Only a start: the newest before start + 200 days.
  EXPECT_EQ(times({{"startTime", ms("2023-01-01")}, {"limit", "1"}}), Times{number("2023-07-20T00:00:00Z")});
  EXPECT_EQ(times({{"startTime", ms("2024-03-05")}, {"limit", "1"}}), Times{number("2024-03-05T13:00:00Z")});
  // Only an end: from 200 days before.
  const Times days = times_of(ask("/dapi/v1/klines", coinm("1d", {{"endTime", ms("2023-07-20")}, {"limit", "1000"}})));
  EXPECT_EQ(days.size(), 201u);
  EXPECT_EQ(days.front(), number("2023-01-01"));
  EXPECT_EQ(ask("/dapi/v1/klines", coinm("1h", {{"startTime", ms("2023-01-01")}, {"endTime", ms("2023-07-21")}})).code,
            -1127);
  // The premium index has no such rule.
  EXPECT_EQ(
      times_of(ask("/dapi/v1/premiumIndexKlines",
                   coinm("1d", {{"startTime", ms("2022-01-01")}, {"endTime", ms("2023-01-01")}, {"limit", "2"}}))),
      (Times{number("2022-01-01"), number("2022-01-02")}));
}

TEST(Kline, TheOpenOneMovesAndTheFutureIsNotThere) {  // §6.4
  const Query query = spot("1h", {{"startTime", ms("2024-03-05T13:00:00Z")}, {"endTime", ms("2024-03-06")}});
  const Json early = body_of(ask("/api/v3/klines", query, at("2024-03-05T13:10:00Z")));
  const Json late = body_of(ask("/api/v3/klines", query));
  ASSERT_EQ(early.size(), 1u);
  ASSERT_EQ(late.size(), 1u);
  EXPECT_EQ(early[0][1], late[0][1]);
  EXPECT_LT(early[0][8], late[0][8]);
  EXPECT_EQ(early[0][6], late[0][6]);  // the end of the interval from the beginning
}

TEST(Kline, AnOpenOneWithoutTradesIsFlatAtTheCloseBefore) {  // §6.8
  const Query query = spot("1m", {{"limit", "2"}});
  const Json body = body_of(ask("/api/v3/klines", query, at("2024-03-05T13:00:00Z")));
  EXPECT_EQ(body[1][8], 0);
  for (const std::size_t price : {1u, 2u, 3u, 4u}) EXPECT_EQ(body[1][price], body[0][4]);
  EXPECT_EQ(body[1][5], "0.00000000");
}

TEST(Kline, EveryIntervalHasItsGrid) {
  for (const Timeframe each : Timeframe::all()) {
    const Answer answer = ask("/api/v3/klines", spot(std::string{each.name()}, {{"limit", "10"}}));
    ASSERT_EQ(answer.rows, 10) << each.name();
    for (const Json& row : body_of(answer)) {
      const TimePoint open_time = from_ms(row[0].get<std::int64_t>());
      EXPECT_TRUE(each.on_grid(open_time));
      EXPECT_EQ(row[6], to_ms(each.close_of(open_time)) - 1);
    }
  }
}

TEST(Kline, AStopCutsTheOneInProgress) {  // §6.7
  Listing listing = default_listing("binance.spot.BTCUSDT");
  listing.gaps = {TimeRange::of(at("2023-03-24T12:39:00Z"), at("2023-03-24T14:00:00Z"))};
  const World world{{listing}, 7, at("2023-01-01")};
  const auto rows = [&](std::string interval) {
    return body_of(ask_of(world, "/api/v3/klines",
                          spot(std::move(interval), {{"startTime", ms("2023-03-24T12:00:00Z")}, {"limit", "2"}})));
  };
  const Json hours = rows("1h");
  EXPECT_EQ(hours[1][0], number("2023-03-24T14:00:00Z"));  // 13:00 is missing
  const std::int64_t cut = hours[0][6];
  EXPECT_GE(cut, number("2023-03-24T12:38:00Z"));
  EXPECT_LT(cut, number("2023-03-24T12:39:00Z"));
  EXPECT_EQ(rows("2h")[0][6], cut);
  EXPECT_EQ(rows("4h")[0][6], number("2023-03-24T16:00:00Z") - 1);  // not marked
}

TEST(Kline, AfterItsEndAContractGoesOnFlat) {  // §6.8
  const Query query{{"symbol", "FTTUSDT"}, {"interval", "1d"}};
  const auto with = [&](Query more) {
    Query whole = query;
    whole.insert(whole.end(), more.begin(), more.end());
    return body_of(ask("/fapi/v1/klines", whole));
  };
  const Json forward = with({{"startTime", ms("2022-11-13")}, {"limit", "4"}});
  ASSERT_EQ(forward.size(), 4u);
  EXPECT_GT(forward[1][8], 0);  // 2022-11-14 until 05:00
  EXPECT_EQ(forward[2][0], number("2022-11-15"));
  EXPECT_EQ(forward[2][8], 0);
  for (const std::size_t price : {1u, 2u, 3u, 4u}) EXPECT_EQ(forward[3][price], forward[1][4]);
  const Json newest = with({{"limit", "3"}});
  EXPECT_EQ(newest[2][0], number("2024-03-05"));
  EXPECT_EQ(newest[0][5], "0.0");
  const Json across = with({{"endTime", ms("2022-11-15")}, {"limit", "3"}});
  ASSERT_EQ(across.size(), 3u);
  EXPECT_EQ(across[0][0], number("2022-11-13"));
  EXPECT_EQ(across[2][0], number("2022-11-15"));
  // A dead spot symbol just ends.
  EXPECT_EQ(times_of(ask("/api/v3/klines", {{"symbol", "SRMUSDT"}, {"interval", "1d"}, {"limit", "1"}})),
            Times{number("2022-11-28")});
}

TEST(Kline, OtherPricesHaveNoVolume) {  // §6.2
  const std::pair<std::string_view, Query> cases[] = {
      {"/fapi/v1/markPriceKlines", {{"symbol", "BTCUSDT"}}},
      {"/fapi/v1/indexPriceKlines", {{"pair", "BTCUSDT"}}},
      {"/fapi/v1/premiumIndexKlines", {{"symbol", "BTCUSDT"}}},
      {"/dapi/v1/markPriceKlines", {{"symbol", "BTCUSD_PERP"}}},
      {"/dapi/v1/indexPriceKlines", {{"pair", "BTCUSD"}}},
  };
  for (const auto& [path, named] : cases) {
    Query query = named;
    query.insert(query.end(), {{"interval", "1m"}, {"limit", "3"}});
    const Json body = body_of(ask(path, query));
    ASSERT_EQ(body.size(), 3u) << path;
    for (const Json& row : body) {
      ASSERT_EQ(row.size(), 12u);
      for (const std::size_t none : {5u, 7u, 9u, 10u, 11u}) EXPECT_EQ(row[none], "0");
    }
    EXPECT_EQ(body[0][8], 60);
    EXPECT_EQ(body[2][8], 42);  // of the open one
  }
  EXPECT_EQ(ask("/fapi/v1/indexPriceKlines", spot("1m")).code, -1104);  // it wants a pair
  EXPECT_FALSE(is_kline_endpoint(*find_place("/api/v3/klines")->api, "markPriceKlines"));
}

TEST(Kline, FuturesAnswerForEachOther) {  // §6.1
  EXPECT_EQ(ask("/fapi/v1/klines", coinm("1h", {{"limit", "3"}})).rows, 3);
  EXPECT_EQ(ask("/dapi/v1/klines", spot("1h", {{"limit", "3"}})).rows, 3);
  EXPECT_EQ(ask("/api/v3/klines", coinm("1h")).code, -1121);
}

TEST(Kline, MicrosecondsOnRequest) {  // §4.1
  const net::Headers headers{{"X-MBX-TIME-UNIT", "MICROSECOND"}};
  const Query query = spot("1m", {{"startTime", ms("2023-01-01") + "000"}, {"limit", "1"}});
  const Json row = body_of(ask_of(default_world(), "/api/v3/klines", query, kNow, {}, headers))[0];
  EXPECT_EQ(row[0], number("2023-01-01") * 1'000);
  EXPECT_EQ(row[6], number("2023-01-01T00:01:00Z") * 1'000 - 1);
  EXPECT_EQ(ask_of(default_world(), "/api/v3/klines", query, kNow, {}, {{"X-MBX-TIME-UNIT", "HOUR"}}).code, -1194);
  EXPECT_EQ(body_of(ask_of(default_world(), "/fapi/v1/klines", spot("1m", {{"limit", "1"}}), kNow, {}, headers))[0][0],
            number("2024-03-05T13:37:00Z"));
}

TEST(Kline, WhatItCannotServeItRefuses) {  // §4.5
  struct Case {
    std::string_view path;
    Query query;
    int code;
  };
  const Case cases[] = {
      {"/api/v3/klines", {{"symbol", "NOPE"}, {"interval", "1m"}}, -1121},
      {"/fapi/v1/klines", {{"symbol", "NOPE"}, {"interval", "1m"}}, -1121},
      {"/fapi/v1/klines", {{"symbol", "btcusdt"}, {"interval", "1m"}}, -1121},
      {"/api/v3/klines", {{"symbol", "btcusdt"}, {"interval", "1m"}}, -1100},
      {"/api/v3/klines", {{"symbol", "BTC/USDT"}, {"interval", "1m"}}, -1100},
      {"/api/v3/klines", {{"interval", "1m"}}, -1102},
      {"/api/v3/klines", {{"symbol", "BTCUSDT"}}, -1102},
      {"/api/v3/klines", {{"symbol", ""}, {"interval", "1m"}}, -1105},
      {"/api/v3/klines", spot("7m"), -1120},
      {"/api/v3/klines", spot("1H"), -1120},
      {"/fapi/v1/klines", spot("60"), -1120},
      {"/api/v3/klines", spot("1m", {{"limit", "0"}}), -1130},
      {"/api/v3/klines", spot("1m", {{"limit", "-5"}}), -1100},
      {"/api/v3/klines", spot("1m", {{"limit", "ten"}}), -1100},
      {"/api/v3/klines", spot("1m", {{"startTime", "yesterday"}}), -1100},
      {"/api/v3/klines", spot("1m", {{"start", "1000"}}), -1104},
      {"/api/v3/klines", spot("1m", {{"symbol", "ETHUSDT"}}), -1101},
      {"/api/v3/klines", spot("1d", {{"timeZone", "8"}}), -1130},
      {"/fapi/v1/klines", spot("1d", {{"timeZone", "0"}}), -1104},
      {"/fapi/v1/klines", spot("1m", {{"startTime", "2000"}, {"endTime", "1000"}}), -1023},
      {"/dapi/v1/klines", coinm("1m", {{"startTime", "2000"}, {"endTime", "1000"}}), -1023},
  };
  for (const auto& [path, query, code] : cases) {
    const Answer answer = ask(path, query);
    EXPECT_EQ(answer.reply.status, 400);
    EXPECT_EQ(answer.code, code) << answer.reply.body;
    EXPECT_EQ(body_of(answer)["code"], code);
    EXPECT_TRUE(body_of(answer)["msg"].is_string());
  }
  EXPECT_EQ(ask("/api/v3/klines", spot("1m", {{"startTime", "2000"}, {"endTime", "1000"}})).reply.body, "[]");
  EXPECT_EQ(ask("/api/v3/klines", spot("1m", {{"timeZone", "0"}})).reply.status, 200);
}

TEST(Kline, WeighsWhatItsLimitSays) {  // §6.1
  const Api& spot_api = *find_place("/api/v3/klines")->api;
  const Api& futures = *find_place("/fapi/v1/klines")->api;
  const auto weight = [](const Api& api, std::string limit) {
    return kline_weight(api, get("", {{"limit", std::move(limit)}}));
  };
  EXPECT_EQ(weight(spot_api, "1000"), 2);
  const std::pair<const char*, int> cases[] = {{"1", 1},   {"99", 1},   {"100", 2},   {"499", 2},
                                               {"500", 5}, {"1000", 5}, {"1001", 10}, {"1500", 10}};
  for (const auto& [limit, expected] : cases) EXPECT_EQ(weight(futures, limit), expected) << limit;
  EXPECT_EQ(kline_weight(futures, get("")), 5);
}

}  // namespace
}  // namespace tdm::sim::binance
