#include "tdm/sources/binance/detail/decode.hpp"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tdm/sources/binance/tests/support.hpp"
#include "tdm/sources/binance/tests/synthetic_frames.hpp"
#include "tests/support/zip.hpp"

namespace tdm::sources::binance {
namespace {

using json = nlohmann::json;

const DecodeRequest kKlines{"spot", "rest", "/api/v3/klines?symbol=BTCUSDT&interval=1m"};
const DecodeRequest kWs{"usdm", "ws", ""};

std::vector<json> lines_of(const DecodeRequest& request, std::string_view document) {
  std::vector<json> lines;
  decode(request, document, 7, [&](std::string_view line) {
    EXPECT_EQ(line.find('\n'), std::string_view::npos);
    lines.push_back(json::parse(line));
    EXPECT_TRUE(lines.back().contains("kind"));
    EXPECT_EQ(lines.back()["line"], 7);
  });
  return lines;
}

json only(const DecodeRequest& request, std::string_view document) {
  const auto lines = lines_of(request, document);
  EXPECT_EQ(lines.size(), 1U) << document;
  return lines.empty() ? json{{"kind", "nothing"}} : lines[0];
}

TEST(Decode, BarsComeOldestFirstInOurColumns) {
  const auto lines = lines_of(
      kKlines,
      R"([[120000,"3","4","2","4","1.50",179999,"3",2,"1","2","0"],[60000,"2","3","1","3","1",119999,0.10,3,"0.5","0.05","0"]])");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["kind"], "bar");
  EXPECT_EQ(lines[0]["market"], "spot");
  EXPECT_EQ(lines[0]["symbol"], "BTCUSDT");
  EXPECT_EQ(lines[0]["open_time"], 60'000);
  EXPECT_EQ(lines[0]["close_time"], 120'000);
  EXPECT_EQ(lines[0]["timeframe"], "1m");
  EXPECT_EQ(lines[0]["quote_volume"], "0.10");
  EXPECT_EQ(lines[0]["trade_count"], "3");
  EXPECT_EQ(lines[0]["taker_buy_quote_volume"], "0.05");
  EXPECT_EQ(lines[0]["closed"], true);
  EXPECT_FALSE(lines[0].contains("assumed"));
  EXPECT_EQ(lines[1]["volume"], "1.50");
  EXPECT_EQ(lines[1]["closed"], false);  // nothing proves it
}

// An archive says nothing of itself but its name; every row of it is closed.
TEST(Decode, ArchivesAreReadFromTheZipFileOrTheCsvFile) {
  const std::string csv =
      "1577836800000,1.10,2,1,1.5,10,1577836859999,15,3,4,6,0\nsoon,1,1,1,1,1,1,1,1,1,1,0\n"
      "1577836860000,1.5,2,1,x,10,1577836919999,15,3,4,6,0\n";
  const auto decoded = [](const DecodeRequest& request, std::string_view file) {
    std::vector<json> lines;
    decode(request, file, 1, [&](std::string_view line) { lines.push_back(json::parse(line)); });
    return lines;
  };
  const auto from_zip = decoded({"spot", "archive", "anything.zip"}, support::zip_of("BTCUSDT-1m-2020-01.csv", csv));
  const auto from_csv = decoded({"spot", "archive", "/data/BTCUSDT-1m-2020-01.csv"}, csv);
  ASSERT_EQ(from_zip.size(), 3U);
  EXPECT_EQ(from_zip, from_csv);
  const auto& bar = from_zip[0];
  EXPECT_EQ(bar["kind"], "bar");
  EXPECT_EQ(bar["symbol"], "BTCUSDT");
  EXPECT_EQ(bar["timeframe"], "1m");
  EXPECT_EQ(bar["channel"], "archive");
  EXPECT_EQ(bar["open"], "1.10");
  EXPECT_EQ(bar["open_time"], 1'577'836'800'000);
  EXPECT_EQ(bar["closed"], true);
  for (const int i : {1, 2}) {
    EXPECT_EQ(from_zip[static_cast<std::size_t>(i)]["kind"], "error");
    EXPECT_EQ(from_zip[static_cast<std::size_t>(i)]["line"], i + 1);
  }
  const auto error = [&](std::string target, std::string_view file) {
    const auto lines = decoded({"spot", "archive", std::move(target)}, file);
    EXPECT_EQ(lines.size(), 1U);
    return lines.empty() ? std::string{} : lines[0]["code"].get<std::string>();
  };
  EXPECT_EQ(error("bars.csv", csv), "invalid_argument");
  EXPECT_EQ(error("BTCUSDT-trades-2020-01.csv", csv), "invalid_argument");
  EXPECT_EQ(error("BTCUSDT-1m-2020-01.csv", "<html>"), "corrupt_data");
  EXPECT_EQ(error("BTCUSDT-1m-2020-01.zip", "PK\x03\x04"), "corrupt_data");
}

TEST(Decode, RecordedArchivesAreDecodedWhole) {
  const auto file = testing::recordings() / "datatool/BTCUSDT-1m-2020-01-01.zip";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "needs ../shared";
  int bars = 0;
  decode({"spot", "archive", ""}, testing::read_file(file), 1, [&](std::string_view line) {
    EXPECT_TRUE(line.starts_with(R"({"kind":"bar","line":)")) << line;
    ++bars;
  });
  EXPECT_EQ(bars, 1'440);
}

TEST(Decode, TheTimeframeShowsInTheEnds) {
  const auto line = only({"spot", "rest", "/api/v3/klines?symbol=X"},
                         R"([[1501545600000,"1","1","1","1","1",1504223999999,"2",3,"4","5","0"]])");
  EXPECT_EQ(line["timeframe"], "1M");
  EXPECT_EQ(line["assumed"], json{"timeframe"});
  EXPECT_EQ(only({"spot", "rest", "/api/v3/klines?symbol=X"}, R"([[60000,"1","1","1","1","1"]])")["kind"], "error");
}

// What nobody says is null; what a volume means without it is not guessed.
TEST(Decode, WithoutTheRequestTheSymbolIsUnknown) {
  constexpr std::string_view kRows = R"([[60000,"1","1","1","1","1",119999]])";
  const auto line = only({"spot", "rest", ""}, kRows);
  EXPECT_EQ(line["kind"], "bar");
  EXPECT_EQ(line["symbol"], nullptr);
  EXPECT_EQ(only({"coinm", "rest", ""}, kRows)["code"], "invalid_argument");
  const auto book = only({"spot", "ws", ""}, R"({"lastUpdateId":1,"bids":[],"asks":[]})");
  EXPECT_EQ(book["kind"], "book");
  EXPECT_EQ(book["symbol"], nullptr);
}

TEST(Decode, IntervalsThatOnlyBinanceHas) {
  const auto days = lines_of(
      {"spot", "rest", ""},
      R"([[1514764800000,"1","1","1","1","1",1515023999999,"2",3,"4","5","0"],[1515024000000,"1","1","1","1","1",1515283199999,"2",3,"4","5","0"]])");
  ASSERT_EQ(days.size(), 2U);
  EXPECT_EQ(days[0]["timeframe"], "3d");
  EXPECT_EQ(days[0]["close_time"], 1515024000000);
  EXPECT_FALSE(days[0].contains("extra"));
  EXPECT_EQ(only({"spot", "rest", "/api/v3/klines?symbol=X&interval=1s"},
                 R"([[1000,"1","1","1","1","1",1999,"2",3,"4","5","0"]])")["close_time"],
            2'000);
  EXPECT_EQ(only({"spot", "rest", "/api/v3/klines?symbol=X&interval=1h"},
                 R"([[60000,"1","1","1","1","1",119999,"2",3,"4","5","0"]])")["kind"],
            "error")
      << "not on the grid";
}

TEST(Decode, CoinmBarsAreInOurUnits) {
  const auto line = only({"coinm", "rest", "/dapi/v1/klines?symbol=BTCUSD_PERP&interval=1m"},
                         R"([[60000,"2","3","1","3","1645",119999,"2.6616",5,"40","0.06","0"]])");
  EXPECT_EQ(line["volume"], "2.6616");
  EXPECT_EQ(line["quote_volume"], "164500");
  EXPECT_EQ(line["extra"], R"({"contracts":"1645","taker_buy_contracts":"40"})");
  const auto live = only(
      {"coinm", "ws", ""},
      R"({"e":"kline","E":1,"s":"ETHUSD_PERP","k":{"t":60000,"T":119999,"s":"ETHUSD_PERP","i":"1m","o":"1","c":"1","h":"1","l":"1","v":"7","n":3,"x":true,"q":"0.02","V":"2","Q":"0.01","B":"0"}})");
  EXPECT_EQ(live["volume"], "0.02");
  EXPECT_EQ(live["quote_volume"], "70");
  EXPECT_EQ(live["taker_buy_quote_volume"], "20");
}

TEST(Decode, ThePriceKindStandsInTheRequest) {
  constexpr std::string_view kRow = R"([[60000,"1","1","1","1","0",119999,"0",60,"0","0","0"]])";
  const auto mark = only({"usdm", "rest", "/fapi/v1/markPriceKlines?symbol=BTCUSDT&interval=1m"}, kRow);
  EXPECT_EQ(mark["price_kind"], "mark");
  EXPECT_TRUE(mark["volume"].is_null());
  EXPECT_TRUE(mark["trade_count"].is_null());
  EXPECT_EQ(mark["extra"], R"({"samples":"60"})");
  const auto index = only({"coinm", "rest", "/dapi/v1/indexPriceKlines?pair=BTCUSD&interval=1m"}, kRow);
  EXPECT_EQ(index["price_kind"], "index");
  EXPECT_EQ(index["symbol"], "BTCUSD");
}

TEST(Decode, InstrumentsTimeBooksAndTrades) {
  const auto instrument = only(
      {"usdm", "rest", ""},
      R"({"symbols":[{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT","contractType":"PERPETUAL","onboardDate":1569398400000,"filters":[{"filterType":"PRICE_FILTER","tickSize":"0.10"},{"filterType":"LOT_SIZE","stepSize":"0.001"}]}]})");
  EXPECT_EQ(instrument["kind"], "instrument");
  EXPECT_EQ(instrument["launch_time"], 1569398400000);
  EXPECT_EQ(instrument["lot_size"], "0.001");
  EXPECT_EQ(only({"usdm", "rest", ""}, R"({"symbols":[{"symbol":"BTCUSDT","status":"TRADING"}]})")["kind"], "error");
  EXPECT_EQ(only({"spot", "rest", ""}, R"({"serverTime":1499827319559})")["time_us"], 1499827319559000);
  const auto book = only({"spot", "rest", "/api/v3/depth?symbol=NKNUSDT"},
                         R"({"lastUpdateId":499869752,"bids":[["0.352","672.0"]],"asks":[]})");
  EXPECT_EQ(book["kind"], "book");
  EXPECT_EQ(book["bids"], json::parse(R"([["0.352","672.0"]])"));
  const auto trade = only(
      {"spot", "rest", "/api/v3/trades?symbol=BTCUSDT"},
      R"([{"id":28457,"price":"4.00000100","qty":"12.00000000","time":1499865549590,"isBuyerMaker":true,"isBestMatch":true}])");
  EXPECT_EQ(trade["side"], "sell") << "the buyer made the price, the taker sold";
  EXPECT_EQ(trade["trade_id"], "28457");
  const auto aggregate = only(
      {"spot", "rest", "/api/v3/aggTrades?symbol=BTCUSDT"},
      R"([{"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":false,"M":true}])");
  EXPECT_EQ(aggregate["side"], "buy");
  EXPECT_EQ(aggregate["time_us"], 1498793709153000);
}

TEST(Decode, ErrorsAreSaid) {
  EXPECT_EQ(only(kKlines, R"({"code":-1121,"msg":"Invalid symbol."})")["code"], "unknown_symbol");
  for (const auto* document : {"", "{", "<html>", "null", "7", "{}", R"([7])", R"([{}])", R"([["soon","1"]])",
                               R"([[60000,"x","3","1","3","1"]])"}) {
    const auto line = only(kKlines, document);
    EXPECT_EQ(line["kind"], "error") << document;
    EXPECT_TRUE(line.contains("code") && line.contains("message")) << document;
  }
  for (const auto* target : {"/api/v3/uiKlines?symbol=X&interval=1m",
                             "/fapi/v1/continuousKlines?pair=X&contractType=NEXT_QUARTER&interval=1m"})
    EXPECT_EQ(only({"usdm", "rest", target}, R"([[60000,"1","1","1","1","1",119999]])")["kind"], "error") << target;
  EXPECT_EQ(only({"linear", "rest", ""}, "[]")["code"], "invalid_argument");
  EXPECT_EQ(only({"spot", "smoke", ""}, "[]")["code"], "invalid_argument");
  EXPECT_EQ(only(kKlines, "[]")["event"], "empty_list");
}

TEST(Decode, StreamEvents) {
  const auto bar = only(
      kWs,
      R"({"stream":"btcusdt@kline_1m","data":{"e":"kline","E":1626992766000,"s":"BTCUSDT","k":{"t":1626992700000,"T":1626992759999,"s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"32283.0","c":"32300","h":"32300","l":"32283","v":"12.5","n":3,"x":true,"q":"403000.1","V":"1","Q":"32000","B":"0"}}})");
  EXPECT_EQ(bar["kind"], "bar");
  EXPECT_EQ(bar["closed"], true);
  EXPECT_EQ(bar["trade_count"], "3");
  EXPECT_EQ(bar["open"], "32283.0");
  EXPECT_EQ(
      only(
          kWs,
          R"({"e":"trade","E":1,"T":1723161256322,"s":"BTCUSDT","t":5266583935,"p":"61800.30","q":"0.006","X":"MARKET","m":false})")
          ["side"],
      "buy");
  const auto best = only({"spot", "ws", ""},
                         R"({"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21","a":"25.36","A":"40.66"})");
  EXPECT_EQ(best["kind"], "ticker");
  EXPECT_EQ(best["bid_price"], "25.35190000");
  const auto mark =
      only(kWs, R"({"e":"markPriceUpdate","E":5,"s":"BTCUSDT_260925","p":"1","i":"2","r":"","T":0,"st":1})");
  EXPECT_EQ(mark["mark_price"], "1");
  EXPECT_EQ(mark["funding_rate"], nullptr);
  // Trap 10: a subscription to anything is acknowledged, which says nothing of the stream.
  EXPECT_EQ(only(kWs, R"({"result":null,"id":312})")["success"], true);
  EXPECT_EQ(only(kWs, R"({"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":2})")["success"], false);
  EXPECT_EQ(only(kWs, R"({"code":2,"msg":"Invalid request: invalid stream","id":2})")["success"], false);
  for (const auto* document : {"7", "[]", "{}", R"({"e":"novel","s":"A"})", R"({"e":"kline","s":"A","k":{}})",
                               R"({"e":"depthUpdate","s":"A"})", R"({"e":"trade","s":"A"})"})
    EXPECT_EQ(only(kWs, document)["kind"], "error") << document;
}

std::vector<json> lines_of_frame(std::string_view name) {
  const auto& frame = testing::frame(name);
  return lines_of(frame.request, frame.text);
}

TEST(Decode, MarksFundingsAndOpenInterests) {
  const auto mark = lines_of_frame("mark")[0];
  EXPECT_EQ(mark["kind"], "ticker");
  EXPECT_EQ(mark["mark_price"], "11793.63104562");
  EXPECT_EQ(mark["index_price"], "11781.80495970");
  EXPECT_EQ(mark["funding_rate"], "0.00038246");
  EXPECT_EQ(mark["next_funding_time"], 1597392000000);
  EXPECT_EQ(mark["time_us"], 1597370495002000);
  const auto delivery = lines_of_frame("mark of a delivery contract")[0];
  EXPECT_EQ(delivery["funding_rate"], nullptr);
  EXPECT_EQ(delivery["next_funding_time"], nullptr);
  const auto fundings = lines_of_frame("funding");
  ASSERT_EQ(fundings.size(), 2U);
  EXPECT_EQ(fundings[0]["kind"], "funding");
  EXPECT_EQ(fundings[0]["funding_rate"], "-0.03750000");
  EXPECT_EQ(fundings[0]["time_us"], 1570608000003000);
  EXPECT_EQ(fundings[0]["mark_price"], nullptr);
  EXPECT_EQ(fundings[1]["mark_price"], "34287.54619963");
  EXPECT_EQ(lines_of_frame("funding interval")[0]["funding_interval_hours"], "4");
  const auto open = lines_of_frame("open interest")[0];
  EXPECT_EQ(open["kind"], "open_interest");
  EXPECT_EQ(open["open_interest"], "10659.509");
  EXPECT_EQ(open["symbol"], "BTCUSDT");
  EXPECT_EQ(lines_of_frame("open interest in contracts")[0]["unit"], "contracts");
  EXPECT_EQ(lines_of_frame("open interest over time")[0]["open_interest_value"], "150570784.07809979");
  const auto stream = lines_of_frame("stream of marks")[0];
  EXPECT_EQ(stream["mark_price"], "11794.15000000");
  EXPECT_EQ(stream["next_funding_time"], 1562306400000);
  EXPECT_EQ(lines_of_frame("stream of a pair's marks").size(), 2U);
}

TEST(Decode, Tickers) {
  EXPECT_EQ(lines_of_frame("day")[0]["volume_24h"], "8913.30000000");
  EXPECT_EQ(lines_of_frame("day")[0]["time_us"], 1499869899040000);
  const auto contracts = lines_of_frame("day of contracts")[0];
  EXPECT_EQ(contracts["volume_24h"], "93.8");
  EXPECT_EQ(contracts["contracts_24h"], "8913");
  EXPECT_EQ(lines_of_frame("best")[0]["ask_size"], "9.00000000");
  EXPECT_EQ(lines_of_frame("price")[0]["last_price"], "4.00000200");
  EXPECT_EQ(lines_of_frame("stream of a day")[0]["last_price"], "0.0025");
  EXPECT_EQ(lines_of_frame("stream of small days")[0]["volume_24h"], "33264343847.22378500");
}

TEST(Decode, BarsOfOtherPricesHaveNoVolume) {
  for (const auto& [name, kind, symbol] :
       std::vector<std::array<std::string, 3>>{{"mark bars", "mark", "BTCUSDT"},
                                               {"index bars", "index", "BTCUSD"},
                                               {"premium bars", "premium", "BTCUSDT"},
                                               {"stream of mark bars", "mark", "BTCUSD_PERP"},
                                               {"stream of index bars", "index", "BTCUSD"}}) {
    const auto line = lines_of_frame(name)[0];
    EXPECT_EQ(line["price_kind"], kind) << name;
    EXPECT_EQ(line["symbol"], symbol) << name;
    EXPECT_EQ(line["volume"], nullptr) << name;
    EXPECT_EQ(line["trade_count"], nullptr) << name;
  }
  const auto perpetual = lines_of_frame("bars of the perpetual contract")[0];
  EXPECT_EQ(perpetual["symbol"], "BTCUSD_PERP");
  EXPECT_EQ(perpetual["quote_volume"], "164500");
  EXPECT_EQ(lines_of_frame("stream of continuous bars")[0]["symbol"], "BTCUSDT");
}

TEST(Decode, WhatTheStreamsNameSays) {
  const auto spot = lines_of_frame("top of a spot book")[0];
  EXPECT_EQ(spot["type"], "snapshot");
  EXPECT_EQ(spot["symbol"], "BNBBTC");
  EXPECT_EQ(lines_of_frame("top of a futures book")[0]["type"], "snapshot");
  EXPECT_EQ(lines_of_frame("stream in microseconds")[0]["time_us"], 1741046401499812);
  EXPECT_EQ(lines_of_frame("taken back")[0]["event"], "void_trade");
  EXPECT_EQ(lines_of_frame("stream of liquidations")[0]["side"], "sell");
  EXPECT_EQ(lines_of_frame("notice")[0]["event"], "server_shutdown");
}

TEST(Decode, SurvivesAnyCut) {
  const std::string rest = R"([[60000,"2","3","1","3","1",119999,"0.10",3,"0.5","0.05","0"]])";
  const std::string ws =
      R"({"stream":"a@kline_1m","data":{"e":"kline","E":1,"s":"A","k":{"t":60000,"s":"A","i":"1m","o":"1","c":"1","h":"1","l":"1","v":"1","n":3,"x":true,"q":"1","V":"1","Q":"1"}}})";
  for (std::size_t cut = 0; cut < rest.size(); ++cut) EXPECT_EQ(only(kKlines, rest.substr(0, cut))["kind"], "error");
  for (std::size_t cut = 0; cut < ws.size(); ++cut) EXPECT_EQ(only(kWs, ws.substr(0, cut))["kind"], "error");
}

std::map<std::string, std::size_t> kinds_of(const DecodeRequest& request, const std::vector<std::string>& documents,
                                            std::size_t step = 1) {
  std::map<std::string, std::size_t> kinds;
  for (std::size_t i = 0; i < documents.size(); i += step) {
    std::size_t emitted = 0;
    decode(request, documents[i], 1, [&](std::string_view line) {
      const auto parsed = json::parse(line);
      ++emitted;
      ++kinds[parsed["kind"]];
      EXPECT_NE(parsed["kind"], "error") << line;
    });
    EXPECT_GT(emitted, 0U);
  }
  return kinds;
}

TEST(Recorded, SessionsDecodeWhole) {
  const auto folder = testing::recordings() / "cryptofeed";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs ../shared";
  const auto bodies = [&](const char* name) { return testing::bodies_of(folder / name); };
  EXPECT_EQ(kinds_of({"spot", "rest", ""}, bodies("BINANCE.0"))["instrument"], 1'695U);
  EXPECT_EQ(kinds_of({"usdm", "rest", ""}, bodies("BINANCE_FUTURES.0"))["instrument"], 122U);
  EXPECT_EQ(kinds_of({"spot", "rest", "/api/v3/depth?symbol=X"}, bodies("BINANCE.http.0.0"))["book"], 4U);
  auto spot = kinds_of({"spot", "ws", ""}, bodies("BINANCE.ws.1.0"));
  EXPECT_EQ(spot["book"], 177U);
  EXPECT_EQ(spot["ticker"], 84U);
  EXPECT_EQ(spot["trade"], 2U);
  EXPECT_EQ(spot["bar"], 2U);
  auto usdm = kinds_of({"usdm", "ws", ""}, bodies("BINANCE_FUTURES.ws.1.0"));
  EXPECT_EQ(usdm["book"], 764U);
  EXPECT_EQ(usdm["ticker"], 613U);
  EXPECT_EQ(usdm["trade"], 91U);
  EXPECT_EQ(usdm["bar"], 67U);
}

TEST(Recorded, RestBodiesDecodeWhole) {
  const auto folder = testing::recordings() / "nautilus";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs ../shared";
  const auto kinds = [&](const char* name, const char* target) {
    return kinds_of({"spot", "rest", target}, {testing::read_file(folder / name)});
  };
  EXPECT_EQ(kinds("http_spot_market_klines.json", "/api/v3/klines?symbol=BTCUSDT")["bar"], 10U);
  EXPECT_EQ(kinds("http_spot_market_trades.json", "/api/v3/trades?symbol=BTCUSDT")["trade"], 10U);
  EXPECT_EQ(kinds("http_spot_market_agg_trades.json", "/api/v3/aggTrades?symbol=BTCUSDT")["trade"], 10U);
  EXPECT_EQ(kinds("http_spot_market_depth.json", "/api/v3/depth?symbol=BTCUSDT")["book"], 1U);
  EXPECT_EQ(kinds("http_spot_market_time.json", "")["control"], 1U);
  EXPECT_GE(kinds("http_spot_market_exchange_info.json", "")["instrument"], 1U);
}

}  // namespace
}  // namespace tdm::sources::binance
