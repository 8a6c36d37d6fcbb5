#include "tdm/sources/bybit/detail/decode.hpp"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "tdm/sources/bybit/tests/support.hpp"

namespace tdm::sources::bybit {
namespace {

using nlohmann::json;

std::vector<json> lines_of(const DecodeRequest& request, std::string_view document) {
  std::vector<json> lines;
  decode(request, document, 7, [&](std::string_view line) {
    EXPECT_EQ(line.find('\n'), std::string_view::npos);
    lines.push_back(json::parse(line));
    EXPECT_EQ(lines.back().at("line"), 7);
  });
  return lines;
}

json only(const DecodeRequest& request, std::string_view document) {
  const auto lines = lines_of(request, document);
  EXPECT_EQ(lines.size(), 1U) << document;
  return lines.empty() ? json{} : lines.front();
}

const DecodeRequest kRest{"linear", "rest", ""};
const DecodeRequest kWs{"linear", "ws", ""};

TEST(Decode, BarsOfAnEnvelope) {
  const auto lines =
      lines_of({"linear", "rest", "/v5/market/kline?category=linear&symbol=BTCUSDT&interval=1"},
               testing::kline_answer(R"(["120000","3","4","2","4","1.50","3"],["60000","2","3","1","3","1",0.10])",
                                     ",\"time\":179999"));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["kind"], "bar");
  EXPECT_EQ(lines[0]["open_time"], 60'000);
  EXPECT_EQ(lines[0]["close_time"], 120'000);
  EXPECT_EQ(lines[0]["timeframe"], "1m");
  EXPECT_EQ(lines[0]["price_kind"], "last");
  EXPECT_EQ(lines[0]["quote_volume"], "0.10");
  EXPECT_EQ(lines[0]["closed"], true);
  EXPECT_FALSE(lines[0].contains("assumed"));
  EXPECT_EQ(lines[1]["volume"], "1.50");
  EXPECT_EQ(lines[1]["closed"], false);  // it closes one millisecond later
}

TEST(Decode, WhatTheDocumentDoesNotSayIsNamedAsAssumed) {
  const auto lines = lines_of(
      kRest,
      R"({"symbol":"BTCUSDT","category":"linear","list":[["172800000","3","4","2","4"],["86400000","2","3","1","3"]]})");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["timeframe"], "1d");
  EXPECT_EQ(lines[0]["price_kind"], "mark");
  EXPECT_EQ(lines[0]["assumed"], (json{"price_kind", "timeframe"}));
  EXPECT_EQ(lines[0]["closed"], true);   // a later bar exists
  EXPECT_EQ(lines[1]["closed"], false);  // nothing proves it
}

TEST(Decode, TheRequestNamesTheKind) {
  const auto line = only({"", "rest", "/v5/market/premium-index-price-kline?category=linear&symbol=X&interval=60"},
                         R"({"list":[["3600000","-0.1","-0.05","-0.2","-0.1"]]})");
  EXPECT_EQ(line["price_kind"], "premium");
  EXPECT_EQ(line["symbol"], "X");
  EXPECT_EQ(line["market"], "linear");
  EXPECT_EQ(line["timeframe"], "1h");
}

TEST(Decode, InverseVolumesAreInOurUnits) {
  const auto line =
      only({"", "rest", "/v5/market/kline?interval=1"},
           R"({"symbol":"BTCUSD","category":"inverse","list":[["60000","1","1","1","1","268611","15.7"]]})");
  EXPECT_EQ(line["volume"], "15.7");
  EXPECT_EQ(line["quote_volume"], "268611");
}

TEST(Decode, UndecodableRowsAndDocumentsGiveErrors) {
  const DecodeRequest request{"linear", "rest", "/v5/market/kline?symbol=BTCUSDT&interval=1"};
  const auto mixed = lines_of(
      request,
      testing::kline_answer(R"(["60000","x","3","1","3","1","2"],["","1"],["120000","2","3","1","3","1","2"])"));
  ASSERT_EQ(mixed.size(), 3U);
  EXPECT_EQ(std::ranges::count_if(mixed, [](const json& line) { return line["kind"] == "error"; }), 2);
  for (const auto* document :
       {"", "{", "<html>", "[]", "null", R"({"retCode":0,"result":{}})", R"({"retCode":0,"result":{"list":[{}]}})",
        R"({"retCode":0,"result":{"list":[["60000","1","1","1","1"]]}})"}) {
    const auto line = only(kRest, document);
    EXPECT_EQ(line["kind"], "error") << document;
    EXPECT_TRUE(line.contains("code") && line.contains("message")) << document;
  }
  EXPECT_EQ(only(kRest, R"({"retCode":10001,"retMsg":"params error: symbol invalid","result":{}})")["code"],
            "unknown_symbol");
  EXPECT_EQ(only({"linear", "archive", ""}, "{}")["code"], "invalid_argument");
}

TEST(Decode, AnEmptyListIsSaid) {
  EXPECT_EQ(
      only({"", "rest", "/v5/market/kline?symbol=X&interval=1"}, R"({"retCode":0,"result":{"list":[]}})")["event"],
      "empty_list");
}

// Pitfalls: one frame may hold the closing and the new bar; `confirm` alone says closed.
TEST(Decode, EveryElementOfABarFrame) {
  const auto lines = lines_of(kWs, R"({"topic":"kline.5.BTCUSDT","data":[
    {"start":1672324800000,"end":1672325099999,"interval":"5","open":"16649.5","close":"16677","high":"16677","low":"16608","volume":"2.081","turnover":"34666.4005","confirm":true,"timestamp":1672324988882},
    {"start":1672325100000,"end":1672325399999,"interval":"5","open":"16677","close":"16677","high":"16677","low":"16677","volume":"0","turnover":"0","confirm":false,"timestamp":1672324988882}],"ts":1672324988882,"type":"snapshot"})");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["closed"], true);
  EXPECT_EQ(lines[0]["high"], "16677");
  EXPECT_EQ(lines[0]["close_time"], 1672325100000);
  EXPECT_EQ(lines[1]["closed"], false);
}

TEST(Decode, Controls) {
  EXPECT_EQ(only(kWs, R"({"success":true,"ret_msg":"pong","conn_id":"x","req_id":"","op":"ping"})")["event"], "pong");
  EXPECT_EQ(only(kWs, R"({"args":["1672916271846"],"op":"pong"})")["event"], "pong");
  const auto refused = only(
      kWs,
      R"({"success":false,"ret_msg":"error:handler not found,topic:orderbook.50.NOPEUSDT","conn_id":"x","req_id":"r","op":"subscribe"})");
  EXPECT_EQ(refused["event"], "subscribe");
  EXPECT_EQ(refused["success"], false);
  EXPECT_EQ(
      only(kWs,
           R"({"success":true,"conn_id":"x","data":{"failTopics":[],"successTopics":["a"]},"type":"COMMAND_RESP"})")
          ["event"],
      "subscribe");
  EXPECT_EQ(only(kWs, R"({"topic":"klineV2.1.BTCUSD","data":[]})")["kind"], "error");
  EXPECT_EQ(only(kWs, R"({"hello":1})")["kind"], "error");
  EXPECT_EQ(only(kWs, R"({"topic":"kline.7.BTCUSDT","data":[{}]})")["kind"], "error");
}

TEST(Decode, TradesKeepTheirIdAsText) {
  const auto line = only(
      {"spot", "ws", ""},
      R"({"topic":"publicTrade.BTCUSDT","ts":1791240135213,"type":"snapshot","data":[{"i":"2100000000190003853","T":1791240135176,"p":"85907.6","v":"0.003493","S":"Buy","seq":2197448141,"s":"BTCUSDT","BT":false,"RPI":false}]})");
  EXPECT_EQ(line["trade_id"], "2100000000190003853");
  EXPECT_EQ(line["time_us"], 1791240135176000);
  EXPECT_EQ(line["side"], "buy");
  EXPECT_EQ(line["market"], "spot");
}

TEST(Decode, ATickerInNumbersAndTimes) {
  const auto line = only(
      kWs,
      R"({"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","lastPrice":"86346.90","markPrice":"86346.90","indexPrice":"85927.54","openInterest":"253961.911","fundingIntervalHour":"8","nextFundingTime":"1791244800000","fundingRate":"0.0001","preQty":""},"ts":1791240107762})");
  EXPECT_EQ(line["kind"], "ticker");
  EXPECT_EQ(line["index_price"], "85927.54");
  EXPECT_EQ(line["funding_interval_hours"], "8");
  EXPECT_EQ(line["next_funding_time"], 1791244800000);
  EXPECT_EQ(line["time_us"], 1791240107762000);
  EXPECT_EQ(line["other"], (json{{"preQty", ""}}));
  const auto wrong =
      only(kWs, R"({"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","markPrice":"soon"},"ts":1})");
  EXPECT_EQ(wrong["message"], "a ticker has markPrice \"soon\", which is not a number");
  EXPECT_EQ(only({"smoke", "ws", ""}, "{}")["code"], "invalid_argument");
}

TEST(Decode, ABookIsNamedWithItsLevels) {
  const auto line = only(
      kWs,
      R"({"topic":"orderbook.50.BTCUSDT","type":"delta","ts":2,"data":{"s":"BTCUSDT","b":[["1.50","0"]],"a":[],"u":13616588,"seq":530382891221},"cts":1})");
  EXPECT_EQ(line["kind"], "book");
  EXPECT_EQ(line["type"], "delta");
  EXPECT_EQ(line["time_us"], 1000);
  EXPECT_EQ(line["update_id"], "13616588");
  EXPECT_EQ(line["bids"], json::parse(R"([["1.50","0"]])"));
}

TEST(Decode, SurvivesAnyCut) {
  for (
      const std::string document :
      {R"({"topic":"orderbook.1.BTCUSDT","type":"snapshot","ts":1680673820717,"data":{"s":"BTCUSDT","b":[["28552.00","0.047"]],"a":[],"u":7003305,"seq":50193540681}})",
       R"({"retCode":0,"retMsg":"OK","result":{"category":"linear","symbol":"A","list":[{"openInterest":"1","timestamp":"1679907600000"}]},"time":5})"}) {
    for (const auto& request : {kRest, kWs})
      for (std::size_t cut = 0; cut < document.size(); ++cut)
        EXPECT_EQ(only(request, std::string_view{document}.substr(0, cut))["kind"], "error");
  }
}

struct Expected {
  std::string kind;
  std::size_t at_least;
};

// What each kind of recording holds, by a part of its name.
const std::vector<std::pair<std::string, Expected>> kExpected{
    {"instruments-info_linear_page1", {"instrument", 500}},
    {"instruments-info_linear_limit2", {"instrument", 2}},
    {"instruments-info_spot", {"instrument", 190}},
    {"_time_", {"control", 1}},
    {"funding-history", {"funding", 5}},
    {"mark-price-kline_linear_1_", {"bar", 15}},
    {"mark-price-kline_linear_D_", {"bar", 200}},
    {"kline_linear_1_", {"bar", 15}},
    {"kline_spot_D_", {"bar", 200}},
    {"open-interest", {"open_interest", 5}},
    {"orderbook", {"book", 1}},
    {"recent-trade", {"trade", 5}},
    {"tickers_linear_all", {"ticker", 218}},
    {"ws_testnet_linear_tickers_BTCUSDT", {"ticker", 68}},
    {"tickers", {"ticker", 1}},
    {"ack_and_pong", {"control", 5}},
    {"allLiquidation", {"control", 2}},
    {"publicTrade", {"trade", 1}},
    {"samples", {"trade", 1}},
};

TEST(Recorded, EveryLineOfEveryFileDecodes) {
  if (!std::filesystem::exists(testing::recordings())) GTEST_SKIP() << "needs ../shared";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator{testing::recordings()}) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with("rest_") && !name.starts_with("ws_")) continue;
    ++files;
    const auto market = name.find("spot") != std::string::npos ? "spot" : "linear";
    const DecodeRequest request{market, name.starts_with("rest_") ? "rest" : "ws", ""};
    std::istringstream text{testing::read_file(entry.path())};
    std::map<std::string, std::size_t> kinds;
    for (std::string line; std::getline(text, line);) {
      if (line.empty()) continue;
      const auto before = kinds.size();
      std::size_t emitted = 0;
      decode(request, line, 1, [&](std::string_view event) {
        const auto parsed = json::parse(event);
        ++emitted;
        ++kinds[parsed["kind"]];
        EXPECT_NE(parsed["kind"], "error") << name << ": " << event;
      });
      EXPECT_GT(emitted, 0U) << name << " after " << before;
    }
    const auto expected =
        std::ranges::find_if(kExpected, [&](const auto& item) { return name.find(item.first) != std::string::npos; });
    ASSERT_NE(expected, kExpected.end()) << name;
    EXPECT_GE(kinds[expected->second.kind], expected->second.at_least) << name;
  }
  EXPECT_GE(files, 20);
}

TEST(Recorded, DecodedDecimalsEqualTheText) {
  const auto file = testing::recordings() / "rest_testnet_kline_spot_D_BTCUSDT_2023-2024.result.json";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared";
  const auto text = testing::read_file(file);
  const auto lines = lines_of({"spot", "rest", "/v5/market/kline?category=spot&symbol=BTCUSDT&interval=D"}, text);
  const auto recorded = json::parse(text)["list"];
  ASSERT_EQ(lines.size(), recorded.size());
  constexpr std::array<const char*, 6> kNames{"open", "high", "low", "close", "volume", "quote_volume"};
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& row = recorded[recorded.size() - 1 - i];
    EXPECT_EQ(std::to_string(lines[i]["open_time"].get<std::int64_t>()), row[0].get<std::string>());
    for (std::size_t column = 0; column < kNames.size(); ++column) EXPECT_EQ(lines[i][kNames[column]], row[column + 1]);
  }
}

}  // namespace
}  // namespace tdm::sources::bybit
