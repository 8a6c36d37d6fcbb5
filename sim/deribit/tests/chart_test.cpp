#include "sim/deribit/chart.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "sim/decimal_text.hpp"
#include "sim/tests/world_of_test.hpp"

namespace tdm::sim::deribit {
namespace {

using Json = nlohmann::json;
using sim::testing::at;
using sim::testing::default_history;
using sim::testing::default_listing;
using sim::testing::default_world;
using sim::testing::timeframe;
using Times = std::vector<std::int64_t>;

const TimePoint kNow = at("2024-03-05T13:37:42.123Z");
constexpr std::int64_t kHour = 3'600'000;

std::int64_t number(std::string_view when) { return to_ms(at(when)); }

struct Asked {
  std::string instrument = "BTC-PERPETUAL";
  std::string resolution = "60";
  std::string start = "0";
  std::string end = "4000000000000";
  TimePoint now = kNow;
  Host host = Host::www;
  DeribitSettings settings{};
};

Answer ask_of(const World& world, const Asked& asked) {
  const Call call{.host = asked.host,
                  .method = "public/get_tradingview_chart_data",
                  .parameters = {{"instrument_name", asked.instrument},
                                 {"resolution", asked.resolution},
                                 {"start_timestamp", asked.start},
                                 {"end_timestamp", asked.end}},
                  .id = {},
                  .now = asked.now,
                  .draw = 7};
  return chart(world, call, asked.settings);
}

Json result_of(const Answer& answer) { return Json::parse(answer.reply.body).at("result"); }
Json ask(const Asked& asked) { return result_of(ask_of(default_world(), asked)); }
Times ticks(const Asked& asked) { return ask(asked).at("ticks").get<Times>(); }
Asked window(std::string resolution, std::string_view start, std::string_view end) {
  return {
      .resolution = std::move(resolution), .start = std::to_string(number(start)), .end = std::to_string(number(end))};
}

TEST(Chart, ColumnsOfOneLengthOldestFirst) {
  const Answer answer = ask_of(default_world(), window("60", "2024-03-05T12:00:00Z", "2024-03-05T13:00:00Z"));
  const Json result = result_of(answer);
  EXPECT_EQ(result["status"], "ok");
  EXPECT_EQ(result["ticks"], (Times{number("2024-03-05T12:00:00Z"), number("2024-03-05T13:00:00Z")}));
  for (const std::string_view name : kChartColumns) EXPECT_EQ(result[std::string{name}].size(), 2u) << name;
  EXPECT_EQ(answer.rows, 2);
  EXPECT_EQ(answer.first, at("2024-03-05T12:00:00Z"));
  EXPECT_EQ(answer.last, at("2024-03-05T13:00:00Z"));
  EXPECT_FALSE(answer.code);
}

TEST(Chart, NumbersAreTheTapesBarsInTheUnitsOfTheKind) {  // §4.2
  const std::pair<std::string_view, std::string_view> cases[] = {{"future", "BTC-PERPETUAL"},
                                                                 {"future", "BTC_USDC-PERPETUAL"},
                                                                 {"option", "BTC-29MAR24-60000-C"},
                                                                 {"option", "XRP_USDC-28JUN24-0d625-C"},
                                                                 {"spot", "ETH_BTC"}};
  for (const auto& [market, symbol] : cases) {
    const History& history = default_history(market, symbol, "deribit");
    const Listing& listing = history.listing();
    Asked asked = window("15", "2024-03-05T10:00:00Z", "2024-03-05T11:45:00Z");
    asked.instrument = symbol;
    const Json result = ask(asked);
    ASSERT_EQ(result["ticks"].size(), 8u) << symbol;
    for (std::size_t i = 0; i < 8; ++i) {
      const TapeBar bar =
          history.bar(PriceKind::last, timeframe("15m"), from_ms(result["ticks"][i].get<std::int64_t>()), kNow);
      const int tick = listing.tick.scale;
      EXPECT_EQ(result["open"][i].get<double>(), nearest_double(bar.open, tick));
      EXPECT_EQ(result["high"][i].get<double>(), nearest_double(bar.high, tick));
      EXPECT_EQ(result["low"][i].get<double>(), nearest_double(bar.low, tick));
      EXPECT_EQ(result["close"][i].get<double>(), nearest_double(bar.close, tick));
      const double counted = nearest_double(Int128{bar.volume} * listing.contract_size, listing.lot.scale);
      const double turnover = nearest_double(bar.turnover, listing.turnover_scale());
      EXPECT_EQ(result["volume"][i].get<double>(), listing.inverse() ? turnover : counted) << symbol;
      EXPECT_EQ(result["cost"][i].get<double>(), listing.inverse() ? counted : turnover) << symbol;
      if (symbol == "BTC-PERPETUAL") {
        EXPECT_EQ(std::llround(result["cost"][i].get<double>()) % 10, 0);
      }
    }
  }
}

TEST(Chart, StartIsFlooredAndEndIsInclusive) {  // §5.2
  EXPECT_EQ(ticks(window("60", "2024-03-05T10:59:59Z", "2024-03-05T12:00:00Z")),
            (Times{number("2024-03-05T10:00:00Z"), number("2024-03-05T11:00:00Z"), number("2024-03-05T12:00:00Z")}));
  EXPECT_EQ(ticks(window("60", "2024-03-05T10:00:00Z", "2024-03-05T11:59:59Z")),
            (Times{number("2024-03-05T10:00:00Z"), number("2024-03-05T11:00:00Z")}));
  Asked now = {.start = std::to_string(to_ms(kNow)), .end = std::to_string(to_ms(kNow))};
  EXPECT_EQ(ticks(now), Times{number("2024-03-05T13:00:00Z")});  // R: ccxt/static_responses_public.jsonl
}

TEST(Chart, OfALargerWindowTheNewest5001AreLeftSilently) {  // §14 trap 1
  for (const std::string resolution : {"1", "10", "60"}) {
    Asked asked;
    asked.resolution = resolution;
    const Json result = ask(asked);
    const std::int64_t step = std::stoll(resolution) * 60'000;
    EXPECT_EQ(result["status"], "ok");
    ASSERT_EQ(result["ticks"].size(), 5'001u);
    const std::int64_t newest = to_ms(kNow) / step * step;
    EXPECT_EQ(result["ticks"].back(), newest);
    EXPECT_EQ(result["ticks"].front(), newest - 5'000 * step);
  }
}

TEST(Chart, EveryResolutionIsMadeOfItsMinutes) {
  const Json minutes = ask(window("1", "2024-03-03T08:00:00Z", "2024-03-05T07:59:00Z"));
  const auto at_minute = [&](std::string_view column, std::int64_t tick) {
    const auto index = static_cast<std::size_t>((tick - number("2024-03-03T08:00:00Z")) / 60'000);
    return minutes[std::string{column}][index].get<double>();
  };
  for (const std::string resolution : {"3", "5", "10", "15", "30", "60", "120", "180", "360", "720", "1D"}) {
    const std::int64_t step = (resolution == "1D" ? 1'440 : std::stoll(resolution)) * 60'000;
    const Json bars = ask(window(resolution, "2024-03-04T00:00:00Z", "2024-03-04T08:00:00Z"));
    ASSERT_FALSE(bars["ticks"].empty()) << resolution;
    for (std::size_t i = 0; i < bars["ticks"].size(); ++i) {
      const std::int64_t tick = bars["ticks"][i];
      EXPECT_EQ((tick - (resolution == "1D" ? 8 * kHour : 0)) % step, 0) << resolution;
      double cost = 0, high = 0;
      for (std::int64_t t = tick; t < tick + step; t += 60'000) {
        cost += at_minute("cost", t);
        if (at_minute("cost", t) > 0) high = std::max(high, at_minute("high", t));
      }
      EXPECT_EQ(bars["cost"][i].get<double>(), cost) << resolution;
      EXPECT_EQ(bars["high"][i].get<double>(), high) << resolution;
      EXPECT_EQ(bars["close"][i].get<double>(), at_minute("close", tick + step - 60'000)) << resolution;
    }
  }
}

TEST(Chart, ADayBeginsAtEight) {  // §14 trap 2
  EXPECT_EQ(ticks(window("1D", "2024-03-03T07:00:00Z", "2024-03-05T09:00:00Z")),
            (Times{number("2024-03-02T08:00:00Z"), number("2024-03-03T08:00:00Z"), number("2024-03-04T08:00:00Z"),
                   number("2024-03-05T08:00:00Z")}));
}

TEST(Chart, BarsWithoutTradesAreFlatAtTheCloseBefore) {  // §5.2
  Asked asked = window("1", "2024-03-05T00:00:00Z", "2024-03-05T12:00:00Z");
  asked.instrument = "BTC-29MAR24";
  const Json result = ask(asked);
  ASSERT_EQ(result["ticks"].size(), 721u);
  int flat = 0;
  for (std::size_t i = 1; i < 721; ++i) {
    EXPECT_EQ(result["volume"][i] == 0, result["cost"][i] == 0);
    if (result["cost"][i] != 0) continue;
    ++flat;
    for (const char* name : {"open", "high", "low", "close"}) EXPECT_EQ(result[name][i], result["close"][i - 1]);
  }
  EXPECT_GT(flat, 200);
}

TEST(Chart, NothingIsNoData) {  // §5.2
  for (const Asked& asked : {window("60", "2017-01-01", "2017-01-02"), window("60", "2025-01-01", "2025-01-02"),
                             window("60", "2024-01-02", "2024-01-01")}) {
    const Answer answer = ask_of(default_world(), asked);
    const Json result = result_of(answer);
    EXPECT_EQ(answer.reply.status, 200);
    EXPECT_EQ(result["status"], "no_data");
    EXPECT_TRUE(result["ticks"].empty());
    EXPECT_EQ(answer.rows, 0);
    EXPECT_FALSE(answer.first);
  }
}

TEST(Chart, AnExpiredInstrumentIsForTheHistoryHost) {  // §5.2, §6
  Asked asked = window("60", "2023-12-29T00:00:00Z", "2024-01-01");
  asked.instrument = "BTC-29DEC23";
  EXPECT_EQ(ask_of(default_world(), asked).code, -32'602);
  asked.host = Host::history;
  EXPECT_EQ(ticks(asked).back(), number("2023-12-29T07:00:00Z"));
  asked.host = Host::www;
  asked.now = at("2024-01-03");
  EXPECT_EQ(ticks(asked).size(), 8u);  // a recent one
  asked.now = kNow;
  asked.settings.serves_expired = true;
  EXPECT_EQ(ticks(asked).size(), 8u);
}

TEST(Chart, WhatItCannotServeItRefuses) {  // §2.4
  const auto error = [](const Asked& asked) {
    const Answer answer = ask_of(default_world(), asked);
    EXPECT_EQ(answer.reply.status, 400);
    EXPECT_EQ(answer.code, -32'602);
    const Json body = Json::parse(answer.reply.body);
    EXPECT_FALSE(body.contains("result"));
    EXPECT_EQ(body["error"]["message"], "Invalid params");
    return body["error"]["data"];
  };
  EXPECT_EQ(error({.instrument = "NOPE"}), (Json{{"reason", "instrument not found"}, {"param", "instrument_name"}}));
  EXPECT_EQ(error({.instrument = "btc-perpetual"})["param"], "instrument_name");
  for (const std::string word : {"240", "D", "1d", "W", "M", "0"}) {
    EXPECT_EQ(error({.resolution = word}), (Json{{"reason", "wrong format"}, {"param", "resolution"}}));
  }
  EXPECT_EQ(error({.start = "2024-01-01"})["param"], "start_timestamp");
  EXPECT_EQ(error({.end = ""})["param"], "end_timestamp");
}

TEST(Chart, SpellingsChangeNoValue) {
  Asked plain = window("60", "2024-01-01", "2024-02-01");
  plain.settings.mixed_numbers = false;
  const std::string mixed = ask_of(default_world(), window("60", "2024-01-01", "2024-02-01")).reply.body;
  EXPECT_NE(mixed.find("e4"), std::string::npos);
  const std::string same = ask_of(default_world(), plain).reply.body;
  EXPECT_EQ(same.find("e4"), std::string::npos);
  EXPECT_EQ(Json::parse(mixed)["result"], Json::parse(same)["result"]);
}

}  // namespace
}  // namespace tdm::sim::deribit
