#include "sim/bybit/kline.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/decimal_text.hpp"
#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::bybit {
namespace {

using Json = nlohmann::json;
using sim::testing::at;
using sim::testing::default_world;
using sim::testing::get;
using sim::testing::timeframe;
using Query = std::vector<std::pair<std::string, std::string>>;

const TimePoint kNow = at("2024-03-05T13:37:42.123Z");

std::string ms(std::string_view when) { return std::to_string(to_ms(at(when))); }

Answer ask(Query query, PriceKind kind = PriceKind::last) {
  return kline(default_world(), kind, get("", std::move(query)), kNow);
}

Json body_of(const Answer& answer) { return Json::parse(answer.reply.body); }

std::vector<std::string> times_of(const Answer& answer) {
  std::vector<std::string> times;
  const Json body = body_of(answer);
  for (const Json& row : body["result"]["list"]) times.push_back(row[0]);
  return times;
}

TEST(Kline, IsWrappedInTheEnvelope) {
  const Answer answer = ask({{"symbol", "BTCUSDT"}, {"interval", "60"}, {"limit", "2"}});
  const Json body = body_of(answer);
  EXPECT_EQ(answer.reply.status, 200);
  EXPECT_EQ(body["retCode"], 0);
  EXPECT_EQ(body["retMsg"], "OK");
  EXPECT_EQ(body["retExtInfo"], Json::object());
  EXPECT_EQ(body["time"], to_ms(kNow));
  EXPECT_EQ(body["result"]["symbol"], "BTCUSDT");
  EXPECT_EQ(body["result"]["category"], "linear");  // the default
  EXPECT_EQ(answer.rows, 2);
  EXPECT_EQ(answer.last, at("2024-03-05T13:00:00Z"));
}

TEST(Kline, BoundsAreInclusiveAndTheNewestComesFirst) {  // the example of Bybit's page on klines
  const auto times = times_of(ask({{"category", "linear"},
                                   {"symbol", "BTCUSDT"},
                                   {"interval", "60"},
                                   {"start", "1670601600000"},
                                   {"end", "1670608800000"}}));
  EXPECT_EQ(times, (std::vector<std::string>{"1670608800000", "1670605200000", "1670601600000"}));
}

TEST(Kline, AWideRangeIsAnchoredAtItsEnd) {  // the example of Bybit's page on index prices
  const auto times = times_of(ask(
      {{"symbol", "BTCUSDT"}, {"interval", "1"}, {"start", "1670601600000"}, {"end", "1670608800000"}, {"limit", "2"}},
      PriceKind::index));
  EXPECT_EQ(times, (std::vector<std::string>{"1670608800000", "1670608740000"}));
}

TEST(Kline, LimitIsTwoHundredUnlessSaidAndAThousandAtMost) {
  EXPECT_EQ(times_of(ask({{"symbol", "BTCUSDT"}, {"interval", "1"}})).size(), 200u);
  EXPECT_EQ(times_of(ask({{"symbol", "BTCUSDT"}, {"interval", "1"}, {"limit", "1000"}})).size(), 1'000u);
  EXPECT_EQ(times_of(ask({{"symbol", "BTCUSDT"}, {"interval", "1"}, {"limit", "5000"}})).size(), 1'000u);
}

TEST(Kline, StartAloneGoesForwardAndEndAloneGoesBack) {
  const auto forward =
      times_of(ask({{"symbol", "BTCUSDT"}, {"interval", "5"}, {"start", ms("2023-01-01")}, {"limit", "3"}}));
  EXPECT_EQ(forward.front(), ms("2023-01-01T00:10:00Z"));
  EXPECT_EQ(forward.back(), ms("2023-01-01"));
  const auto back =
      times_of(ask({{"symbol", "BTCUSDT"}, {"interval", "5"}, {"end", ms("2023-01-01")}, {"limit", "3"}}));
  EXPECT_EQ(back.front(), ms("2023-01-01"));
  EXPECT_EQ(back.back(), ms("2022-12-31T23:50:00Z"));
}

TEST(Kline, BoundsNeedNotLieOnTheGrid) {
  const auto times = times_of(ask({{"symbol", "BTCUSDT"},
                                   {"interval", "60"},
                                   {"start", ms("2023-01-01T00:00:00.001Z")},
                                   {"end", ms("2023-01-01T03:59:59Z")}}));
  EXPECT_EQ(times, (std::vector{ms("2023-01-01T03:00:00Z"), ms("2023-01-01T02:00:00Z"), ms("2023-01-01T01:00:00Z"),
                                ms("2023-01-01T00:00:00Z")}));
}

TEST(Kline, TheOpenCandleIsThereAndTheFutureIsNot) {
  const auto times = times_of(ask({{"symbol", "BTCUSDT"},
                                   {"interval", "1"},
                                   {"start", ms("2024-03-05T13:36:00Z")},
                                   {"end", ms("2024-03-05T15:00:00Z")}}));
  EXPECT_EQ(times, (std::vector{ms("2024-03-05T13:37:00Z"), ms("2024-03-05T13:36:00Z")}));
  EXPECT_TRUE(times_of(ask({{"symbol", "BTCUSDT"},
                            {"interval", "1"},
                            {"start", ms("2024-03-05T14:00:00Z")},
                            {"end", ms("2024-03-05T15:00:00Z")}}))
                  .empty());
}

TEST(Kline, BeforeTheListingTheListIsEmpty) {
  const Answer answer =
      ask({{"symbol", "1000PEPEUSDT"}, {"interval", "1"}, {"start", ms("2022-01-01")}, {"end", ms("2022-01-02")}});
  EXPECT_EQ(body_of(answer)["retCode"], 0);
  EXPECT_EQ(body_of(answer)["result"]["list"], Json::array());
}

TEST(Kline, RowsAreTheTapesBarsAsText) {
  const History& history = sim::testing::default_history("spot", "ETHUSDT");
  const Json body = body_of(ask({{"category", "spot"}, {"symbol", "ETHUSDT"}, {"interval", "D"}, {"limit", "3"}}));
  for (const Json& row : body["result"]["list"]) {
    ASSERT_EQ(row.size(), 7u);
    const TapeBar bar =
        history.bar(PriceKind::last, timeframe("1d"), from_ms(std::stoll(row[0].get<std::string>())), kNow);
    EXPECT_EQ(row[1], decimal_text(bar.open, 2));
    EXPECT_EQ(row[4], decimal_text(bar.close, 2));
    EXPECT_EQ(row[5], decimal_text(bar.volume, 5));
    EXPECT_EQ(row[6], decimal_text(bar.turnover, 7));
  }
}

TEST(Kline, OtherPricesHaveFiveColumns) {
  for (const PriceKind kind : {PriceKind::mark, PriceKind::index, PriceKind::premium}) {
    const Json body = body_of(ask({{"symbol", "BTCUSDT"}, {"interval", "60"}, {"limit", "5"}}, kind));
    ASSERT_EQ(body["result"]["list"].size(), 5u);
    for (const Json& row : body["result"]["list"]) EXPECT_EQ(row.size(), 5u);
  }
}

TEST(Kline, EveryIntervalHasItsGrid) {
  for (const char* interval : {"1", "3", "5", "15", "30", "60", "120", "240", "360", "720", "D", "W", "M"}) {
    const auto times = times_of(ask({{"symbol", "BTCUSDT"}, {"interval", interval}, {"limit", "10"}}));
    EXPECT_EQ(times.size(), 10u) << interval;
  }
  EXPECT_EQ(times_of(ask({{"symbol", "BTCUSDT"}, {"interval", "W"}, {"limit", "1"}}))[0],
            ms("2024-03-04"));  // a Monday
  EXPECT_EQ(times_of(ask({{"symbol", "BTCUSDT"}, {"interval", "M"}, {"limit", "1"}}))[0], ms("2024-03-01"));
}

TEST(Kline, WhatItCannotServeItRefuses) {
  const std::pair<Query, int> cases[] = {
      {{{"symbol", "NOPE"}, {"interval", "1"}}, 10'001},
      {{{"symbol", "btcusdt"}, {"interval", "1"}}, 10'001},
      {{{"interval", "1"}}, 10'001},
      {{{"symbol", "BTCUSDT"}}, 10'001},
      {{{"symbol", "BTCUSDT"}, {"interval", "1m"}}, 10'001},
      {{{"symbol", "BTCUSDT"}, {"interval", "480"}}, 10'001},
      {{{"symbol", "BTCUSDT"}, {"interval", "d"}}, 10'001},
      {{{"symbol", "BTCUSDT"}, {"interval", "1"}, {"limit", "0"}}, 10'001},
      {{{"symbol", "BTCUSDT"}, {"interval", "1"}, {"limit", "-5"}}, 10'001},
      {{{"symbol", "BTCUSDT"}, {"interval", "1"}, {"limit", "ten"}}, 10'001},
      {{{"symbol", "BTCUSDT"}, {"interval", "1"}, {"start", "yesterday"}}, 10'001},
      {{{"symbol", "BTCUSDT"}, {"interval", "1"}, {"start", "2000"}, {"end", "1000"}}, 10'001},
      {{{"symbol", "BTCUSDT"}, {"interval", "1"}, {"category", "futures"}}, 10'001},
      {{{"symbol", "BTCUSD"}, {"interval", "1"}, {"category", "linear"}}, 10'001},
  };
  for (const auto& [query, code] : cases) {
    const Answer answer = ask(query);
    EXPECT_EQ(answer.reply.status, 200);
    EXPECT_EQ(answer.code, code) << answer.reply.body;
    EXPECT_EQ(body_of(answer)["retCode"], code);
    EXPECT_EQ(body_of(answer)["result"], Json::object());
  }
  EXPECT_EQ(ask({{"symbol", "BTCUSDT"}, {"interval", "1"}, {"category", "spot"}}, PriceKind::mark).reply.status, 404);
  EXPECT_EQ(ask({{"symbol", "BTCUSDT"}, {"interval", "1"}, {"category", "option"}}).reply.status, 404);
}

TEST(Kline, AWrongNameForTheWindowIsIgnored) {
  const auto times = times_of(ask({{"symbol", "BTCUSDT"},
                                   {"interval", "1"},
                                   {"startTime", ms("2023-01-01")},
                                   {"endTime", ms("2023-01-02")},
                                   {"limit", "1"}}));
  EXPECT_EQ(times[0], ms("2024-03-05T13:37:00Z"));
}

}  // namespace
}  // namespace tdm::sim::bybit
