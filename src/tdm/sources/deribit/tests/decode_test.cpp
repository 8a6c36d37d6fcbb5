#include "tdm/sources/deribit/detail/decode.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tdm/sources/deribit/tests/support.hpp"

namespace tdm::sources::deribit {
namespace {

using testing::answer;

constexpr std::string_view kChart =
    "/api/v2/public/get_tradingview_chart_data?instrument_name=BTC-PERPETUAL&resolution=1";

std::vector<Json> lines_of(std::string_view channel, std::string_view document, std::string_view target = {}) {
  std::vector<Json> lines;
  const DecodeRequest request{"future", std::string{channel}, std::string{target}};
  decode(request, document, 3, [&](std::string_view line) { lines.push_back(Json::parse(line)); });
  for (const auto& line : lines) EXPECT_EQ(line["line"], 3);
  return lines;
}

std::vector<std::string> kinds_of_file(std::string_view channel, const std::filesystem::path& path) {
  std::vector<std::string> kinds;
  std::ifstream file{path};
  for (std::string text; std::getline(file, text);) {
    const auto start = text.find('{');
    if (start == std::string::npos) continue;
    const auto lines = lines_of(channel, std::string_view{text}.substr(start));
    EXPECT_FALSE(lines.empty()) << text.substr(0, 200);
    for (const auto& line : lines) {
      kinds.push_back(line["kind"]);
      if (kinds.back() == "error") ADD_FAILURE() << line.dump() << "\n" << text.substr(0, 300);
    }
  }
  return kinds;
}

TEST(DeribitDecode, TheRecordedChart) {
  const auto path = testing::recordings() / "nautilus_trader/http_get_tradingview_chart_data.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared";
  const auto lines = lines_of("rest", testing::read_file(path), kChart);
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[0]["kind"], "bar");
  EXPECT_EQ(lines[0]["exchange"], "deribit");
  EXPECT_EQ(lines[0]["symbol"], "BTC-PERPETUAL");
  EXPECT_EQ(lines[0]["timeframe"], "1m");
  EXPECT_EQ(lines[0]["open_time"], 1'766'483'460'000);
  EXPECT_EQ(lines[0]["volume"], "2.94375216");
  EXPECT_EQ(lines[0]["quote_volume"], "257490.0");
  EXPECT_EQ(lines[4]["closed"], true);  // the exchange's clock is past it
  // Without the resolution the distance of the bars tells it.
  const auto assumed = lines_of("rest", testing::read_file(path), "/x?instrument_name=BTC-PERPETUAL");
  ASSERT_EQ(assumed.size(), 5U);
  EXPECT_EQ(assumed[0]["assumed"][0], "timeframe");
}

TEST(DeribitDecode, TheRecordedStreamOfBars) {
  const auto path = testing::recordings() / "nautilus_trader/ws_chart.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared";
  const auto lines = lines_of("ws", testing::read_file(path));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["kind"], "bar");
  EXPECT_EQ(lines[0]["symbol"], "BTC-PERPETUAL");
  EXPECT_EQ(lines[0]["timeframe"], "1m");
  EXPECT_EQ(lines[0]["close"], "87474.0");
  EXPECT_EQ(lines[0]["quote_volume"], "83970.0");
  EXPECT_EQ(lines[0]["closed"], false);  // trap: no message says that its bar is closed
  EXPECT_EQ(lines[0]["channel"], "ws");
}

TEST(DeribitDecode, EveryRecordedStreamMessageIsNamed) {
  if (!std::filesystem::exists(testing::recordings())) GTEST_SKIP() << "needs ../shared";
  for (const auto* name : {"cryptofeed/DERIBIT.ws.1.0", "cryptofeed/DERIBIT.ws.30.0", "tardis_node/ws_messages.jsonl",
                           "crypto_msg_parser/ws_messages.jsonl"})
    EXPECT_GE(kinds_of_file("ws", testing::recordings() / name).size(), 10U) << name;
}

TEST(DeribitDecode, EveryRecordedInstrumentIsALine) {
  const auto path = testing::recordings() / "cryptofeed/DERIBIT.0";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs ../shared";
  std::ifstream file{path};
  std::size_t count = 0;
  for (std::string text; std::getline(file, text);) {
    const auto start = text.find("{\"jsonrpc\"");
    if (start == std::string::npos) continue;
    for (const auto& line : lines_of("rest", std::string_view{text}.substr(start))) {
      ++count;
      ASSERT_EQ(line["kind"], "instrument") << line.dump();
    }
  }
  EXPECT_EQ(count, 1'017U);
}

TEST(DeribitDecode, RecordedTradesAndBooks) {
  const auto folder = testing::recordings() / "nautilus_trader";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs ../shared";
  const auto trades = lines_of("rest", testing::read_file(folder / "http_get_last_trades.json"));
  ASSERT_EQ(trades.size(), 10U);
  EXPECT_EQ(trades[0]["kind"], "trade");
  // Trap: a combo's legs are trades of their own elsewhere.
  EXPECT_EQ(lines_of("rest", testing::read_file(folder / "http_get_last_trades_option_combo.json")).size(), 1U);
  EXPECT_EQ(lines_of("rest", testing::read_file(folder / "http_get_order_book.json")).at(0)["kind"], "book");
  EXPECT_EQ(lines_of("ws", testing::read_file(folder / "ws_book_grouped_snapshot.json")).at(0)["type"], "snapshot");
}

TEST(DeribitDecode, TheBarInProgressIsOpen) {
  const auto lines = lines_of(
      "rest",
      answer(
          R"({"status":"ok","ticks":[1766487000000,1766487060000],"open":[1,1],"high":[1,1],"low":[1,1],"close":[1,1],"volume":[1,1],"cost":[1,1]})"),
      kChart);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["closed"], true);
  EXPECT_EQ(lines[1]["closed"], false);
}

TEST(DeribitDecode, WhatCannotBeSaysWhy) {
  const auto one = answer(
      R"({"status":"ok","ticks":[1766487000001],"open":[1],"high":[1],"low":[1],"close":[1],"volume":[1],"cost":[1]})");
  struct Case {
    std::string_view channel;
    std::string document;
    std::string_view target;
  };
  for (const auto& [channel, document, target] :
       {Case{"rest", "", ""},
        Case{"rest", "[]", ""},
        Case{"rest", "{}", ""},
        Case{"rest", one, ""},
        Case{"rest", one, kChart},
        Case{"rest", one, "/x?instrument_name=A&resolution=1D"},
        Case{"rest", one, "/x?instrument_name=A"},
        Case{"rest", answer("[7]"), ""},
        Case{"rest", R"({"error":{"code":-32602,"message":"Invalid params"}})", kChart},
        Case{"rest", answer(R"({"trades":[{}]})"), ""},
        Case{"rest", answer(R"([{"kind":"future"}])"), ""},
        Case{"archive", "{}", ""},
        Case{"ws", "7", ""},
        Case{"ws", "{", ""},
        Case{"ws", "{}", ""},
        Case{"ws", R"({"method":"subscription"})", ""},
        Case{"ws", R"({"method":"subscription","params":{"channel":"moon.phase","data":{}}})", ""},
        Case{"ws", R"({"method":"subscription","params":{"channel":"chart.trades.A.1D","data":{}}})", ""},
        Case{"ws", R"({"method":"subscription","params":{"channel":"chart.trades.1","data":{"tick":0}}})", ""},
        Case{"ws",
             R"({"method":"subscription","params":{"channel":"chart.trades.A.1","data":{"tick":60000,"open":"x"}}})",
             ""},
        Case{"ws", R"({"method":"subscription","params":{"channel":"trades.A.raw","data":[]}})", ""},
        Case{"ws", R"({"method":"subscription","params":{"channel":"book.A.raw","data":[1]}})", ""},
        Case{"ws", R"({"method":"subscription","params":{"channel":"ticker.A.raw","data":null}})", ""}}) {
    const auto lines = lines_of(channel, document, target);
    ASSERT_EQ(lines.size(), 1U) << document;
    EXPECT_EQ(lines[0]["kind"], "error") << lines[0].dump();
    EXPECT_FALSE(lines[0]["message"].get<std::string>().empty());
  }
}

// Traps: USD amounts are not multiplied by the size of a contract; numbers have several spellings; ids beyond 2^53.
TEST(DeribitDecode, ATradeIsAsItWasSent) {
  const auto lines = lines_of(
      "ws",
      R"({"method":"subscription","params":{"channel":"trades.BTC-PERPETUAL.100ms","data":[{"trade_seq":1.0e3,)"
      R"("trade_id":"ETH-284830839","timestamp":1616321287195,"price":5.62735e4,"instrument_name":"BTC-PERPETUAL",)"
      R"("amount":750.0,"contracts":75.0,"direction":"sell","starbase_match_id":9007199254740993,"liquidation":"T"}]}})");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["size"], "750.0");
  EXPECT_EQ(lines[0]["price"], "5.62735e4");
  EXPECT_EQ(lines[0]["sequence"], "1.0e3");
  EXPECT_EQ(lines[0]["liquidation"], "T");
}

// Traps: an empty side is 0.0 or null, and so are statistics; a price may be the word "expired"; iv is in percent here.
TEST(DeribitDecode, ATickerWithoutSidesIsATicker) {
  const auto lines = lines_of(
      "ws",
      R"({"method":"subscription","params":{"channel":"ticker.BTC-8FEB26-50000-P.100ms","data":{"timestamp":1616321287195,)"
      R"("instrument_name":"BTC-8FEB26-50000-P","best_bid_price":0.0,"best_ask_price":null,"last_price":null,)"
      R"("mark_iv":45.91,"stats":{"volume":null,"low":null},"estimated_delivery_price":"expired"}}})");
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(lines[0]["kind"], "ticker");
  EXPECT_EQ(lines[0]["bid_price"], "0.0");
  EXPECT_EQ(lines[0]["ask_price"], nullptr);
  EXPECT_EQ(lines[0]["mark_iv"], "45.91");
  EXPECT_EQ(lines[0]["other"]["estimated_delivery_price"], "expired");
  // Where iv is a fraction, no ticker is made of it.
  const auto fraction = lines_of(
      "ws", R"({"method":"subscription","params":{"channel":"markprice.options.btc_usd","data":[{"iv":0.9}]}})");
  EXPECT_EQ(fraction.at(0)["kind"], "error");
}

// Trap: changes join by the id before, which the first image has not or has as 0; grouped books are whole views.
TEST(DeribitDecode, ABookSaysWhatItJoins) {
  const auto type = [](std::string_view channel, std::string_view fields) {
    return lines_of("ws",
                    fmt::format(R"({{"method":"subscription","params":{{"channel":"{}","data":{{"instrument_name":"A",)"
                                R"("bids":[],"asks":[],{}}}}}}})",
                                channel, fields))
        .at(0)["type"];
  };
  EXPECT_EQ(type("book.A.100ms", R"("type":"change","prev_change_id":31479598064,"change_id":31479598217)"), "change");
  EXPECT_EQ(type("book.A.100ms", R"("type":"change","prev_change_id":0,"change_id":5)"), "snapshot");
  EXPECT_EQ(type("book.A.100ms", R"("type":"snapshot","prev_change_id":4,"change_id":5)"), "snapshot");
  EXPECT_EQ(type("book.A.100ms", R"("change_id":5)"), "snapshot");
  EXPECT_EQ(type("book.A.none.10.100ms", R"("change_id":5)"), "snapshot");
}

TEST(DeribitDecode, ControlAndEmptyAnswers) {
  EXPECT_EQ(lines_of("rest", answer(R"({"status":"no_data"})"), kChart).at(0)["event"], "empty_list");
  EXPECT_EQ(lines_of("rest", answer("1766487086141")).at(0)["time_us"], 1'766'487'086'141'000);
  EXPECT_EQ(lines_of("ws", R"({"method":"heartbeat","params":{"type":"test_request"}})").at(0)["event"],
            "test_request");
  const auto refused = lines_of("ws", R"({"id":1,"error":{"code":13778,"message":"raw"}})");
  EXPECT_EQ(refused.at(0)["success"], false);
}

}  // namespace
}  // namespace tdm::sources::deribit
