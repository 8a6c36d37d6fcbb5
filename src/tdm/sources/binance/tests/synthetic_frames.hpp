#pragma once

#include <string_view>
#include <vector>

#include "tdm/sources/connector.hpp"  // DecodeRequest

namespace tdm::sources::binance::testing {

// Frames and answers that no recording holds, made after Binance's documents.
struct Frame {
  std::string_view name;
  DecodeRequest request;
  std::string_view text;
};

inline const std::vector<Frame>& synthetic_frames() {
  static const std::
      vector<Frame>
          frames{
              {"mark",
               {"usdm", "rest", "/fapi/v1/premiumIndex?symbol=BTCUSDT"},
               R"({"symbol":"BTCUSDT","markPrice":"11793.63104562","indexPrice":"11781.80495970","estimatedSettlePrice":"11781.16138815","lastFundingRate":"0.00038246","interestRate":"0.00010000","nextFundingTime":1597392000000,"time":1597370495002})"},
              {"mark of a delivery contract",
               {"coinm", "rest", "/dapi/v1/premiumIndex"},
               R"([{"symbol":"BTCUSD_260925","pair":"BTCUSD","markPrice":"12077.01","indexPrice":"11781.80","estimatedSettlePrice":"0","lastFundingRate":"","interestRate":"","nextFundingTime":0,"time":1597370495002}])"},
              {"funding",
               {"usdm", "rest", "/fapi/v1/fundingRate?symbol=BTCUSDT"},
               R"([{"symbol":"BTCUSDT","fundingRate":"-0.03750000","fundingTime":1570608000003,"markPrice":""},{"symbol":"BTCUSDT","fundingRate":"0.00010000","fundingTime":1570636800000,"markPrice":"34287.54619963","rateType":"Regular"}])"},
              {"funding interval",
               {"usdm", "rest", "/fapi/v1/fundingInfo"},
               R"([{"symbol":"BLZUSDT","adjustedFundingRateCap":"0.02500000","adjustedFundingRateFloor":"-0.02500000","fundingIntervalHours":4,"disclaimer":false}])"},
              {"open interest",
               {"usdm", "rest", "/fapi/v1/openInterest?symbol=BTCUSDT"},
               R"({"openInterest":"10659.509","symbol":"BTCUSDT","time":1589437530011})"},
              {"open interest in contracts",
               {"coinm", "rest", "/dapi/v1/openInterest?symbol=BTCUSD_PERP"},
               R"({"symbol":"BTCUSD_PERP","pair":"BTCUSD","openInterest":"15004","contractType":"PERPETUAL","time":1591261042378})"},
              {"open interest over time",
               {"usdm", "rest", "/futures/data/openInterestHist?symbol=BTCUSDT&period=5m"},
               R"([{"symbol":"BTCUSDT","sumOpenInterest":"20403.63700000","sumOpenInterestValue":"150570784.07809979","timestamp":"1583127900000"}])"},
              {"day",
               {"spot", "rest", "/api/v3/ticker/24hr?symbol=BNBBTC"},
               R"({"symbol":"BNBBTC","priceChange":"-94.99999800","priceChangePercent":"-95.960","weightedAvgPrice":"0.29628482","prevClosePrice":"0.10002000","lastPrice":"4.00000200","lastQty":"200.00000000","bidPrice":"4.00000000","bidQty":"100.00000000","askPrice":"4.00000200","askQty":"100.00000000","openPrice":"99.00000000","highPrice":"100.00000000","lowPrice":"0.10000000","volume":"8913.30000000","quoteVolume":"15.30000000","openTime":1499783499040,"closeTime":1499869899040,"firstId":28385,"lastId":28460,"count":76})"},
              {"day of contracts",
               {"coinm", "rest", "/dapi/v1/ticker/24hr"},
               R"([{"symbol":"BTCUSD_PERP","pair":"BTCUSD","lastPrice":"9500.0","openPrice":"9400.0","highPrice":"9600.0","lowPrice":"9300.0","volume":"8913","baseVolume":"93.8","closeTime":1591257126461}])"},
              {"best",
               {"usdm", "rest", "/fapi/v1/ticker/bookTicker?symbol=BTCUSDT"},
               R"({"lastUpdateId":1027024,"symbol":"BTCUSDT","bidPrice":"4.00000000","bidQty":"431.00000000","askPrice":"4.00000200","askQty":"9.00000000","time":1589437530011})"},
              {"price", {"spot", "rest", "/api/v3/ticker/price"}, R"([{"symbol":"LTCBTC","price":"4.00000200"}])"},
              {"mark bars",
               {"usdm", "rest", "/fapi/v1/markPriceKlines?symbol=BTCUSDT&interval=1m"},
               R"([[1591256460000,"9653.29201333","9654.56401333","9653.07367333","9653.07367333","0",1591256519999,"0",60,"0","0","0"]])"},
              {"index bars",
               {"coinm", "rest", "/dapi/v1/indexPriceKlines?pair=BTCUSD&interval=1m"},
               R"([[1591256400000,"9653.69440000","9653.69640000","9651.38600000","9651.55200000","0",1591256459999,"0",60,"0","0","0"]])"},
              {"premium bars",
               {"usdm", "rest", "/fapi/v1/premiumIndexKlines?symbol=BTCUSDT&interval=1m"},
               R"([[1691603820000,"-0.00042931","-0.00023641","-0.00059406","-0.00043659","0",1691603879999,"0",12,"0","0","0"]])"},
              {"bars of the perpetual contract",
               {"coinm", "rest", "/dapi/v1/continuousKlines?pair=BTCUSD&contractType=PERPETUAL&interval=1m"},
               R"([[60000,"2","3","1","3","1645",119999,"2.6616",5,"40","0.06","0"]])"},
              {"stream of marks",
               {"usdm", "ws", ""},
               R"({"stream":"btcusdt@markPrice@1s","data":{"e":"markPriceUpdate","E":1562305380000,"s":"BTCUSDT","p":"11794.15000000","ap":"11794.1","i":"11784.62659091","P":"11784.25641265","r":"0.00038167","T":1562306400000,"st":1}})"},
              {"stream of a pair's marks",
               {"coinm", "ws", ""},
               R"({"stream":"btcusd@markPrice","data":[{"e":"markPriceUpdate","E":5000,"s":"BTCUSD_PERP","p":"1","P":"1","i":"2","r":"0.1","T":28800000},{"e":"markPriceUpdate","E":5000,"s":"BTCUSD_260925","p":"1","P":"1","i":"2","r":"","T":0}]})"},
              {"stream of a day", {"spot", "ws", ""}, R"({"e":"24hrTicker","E":1672515782136,"s":"BNBBTC","p":"0.0015","P":"250.00","w":"0.0018","x":"0.0009","c":"0.0025","Q":"10","b":"0.0024","B":"10","a":"0.0026","A":"100","o":"0.0010","h":"0.0025","l":"0.0010","v":"10000","q":"18","O":0,"C":86400000,"F":0,"L":18150,"n":18151})"},
              {"stream of small days",
               {"coinm", "ws", ""},
               R"({"stream":"!miniTicker@arr","data":[{"e":"24hrMiniTicker","E":1591267704450,"s":"BTCUSD_PERP","ps":"BTCUSD","c":"9561.7","o":"9580.9","h":"10000.0","l":"7000.0","v":"487476","q":"33264343847.22378500","st":2}]})"},
              {"stream of liquidations",
               {"usdm", "ws", ""},
               R"({"e":"forceOrder","E":1568014460893,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.014","p":"9910","ap":"9910","X":"FILLED","l":"0.014","z":"0.014","T":1568014460893}})"},
              {"stream of mark bars",
               {"coinm", "ws", ""},
               R"({"e":"markPrice_kline","E":1591267398004,"ps":"BTCUSD","k":{"t":1591267380000,"T":1591267439999,"s":"BTCUSD_PERP","i":"1m","f":0,"L":0,"o":"9539.67161333","c":"9540.82761333","h":"9540.82761333","l":"9539.66961333","v":"0","n":19,"x":false,"q":"0","V":"0","Q":"0","B":"0"}})"},
              {"stream of index bars",
               {"coinm", "ws", ""},
               R"({"e":"indexPrice_kline","E":1591267070033,"ps":"BTCUSD","k":{"t":1591267020000,"T":1591267079999,"s":"0","i":"1m","f":1591267020000,"L":1591267070000,"o":"9542.21900000","c":"9542.50440000","h":"9542.71640000","l":"9542.21040000","v":"0","n":59,"x":false,"q":"0","V":"0","Q":"0","B":"0"}})"},
              {"stream of continuous bars",
               {"usdm", "ws", ""},
               R"({"e":"continuous_kline","E":1607443058651,"ps":"BTCUSDT","ct":"PERPETUAL","k":{"t":1607443020000,"T":1607443079999,"i":"1m","f":116467658886,"L":116468012423,"o":"18787.00","c":"18804.04","h":"18804.04","l":"18786.54","v":"197.664","n":543,"x":false,"q":"3715253.19494","V":"184.769","Q":"3472925.84746","B":"0"}})"},
              {"stream in microseconds",
               {"spot", "ws", ""},
               R"({"e":"trade","E":1741046401500700,"s":"TRXUSDT","t":283,"p":"0.2361","q":"96","T":1741046401499812,"m":true,"M":true})"},
              {"top of a spot book",
               {"spot", "ws", ""},
               R"({"stream":"bnbbtc@depth5@100ms","data":{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}})"},
              {"top of a futures book",
               {"usdm", "ws", ""},
               R"({"stream":"btcusdt@depth5","data":{"e":"depthUpdate","E":1571889248277,"T":1571889248276,"s":"BTCUSDT","U":390497796,"u":390497878,"pu":390497794,"b":[["7403.89","0.002"]],"a":[["7405.96","3.340"]]}})"},
              {"taken back",
               {"usdm", "ws", ""},
               R"({"e":"trade","E":5,"T":5,"s":"A","t":9,"p":"0","q":"0","X":"","m":false})"},
              {"notice",
               {"spot", "ws", ""},
               R"({"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}})"},
              {"answer", {"usdm", "ws", ""}, R"({"result":null,"id":312})"},
              {"refusal", {"usdm", "ws", ""}, R"({"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":2})"},
  };
  return frames;
}

inline const Frame& frame(std::string_view name) {
  for (const auto& each : synthetic_frames())
    if (each.name == name) return each;
  throw std::out_of_range{std::string{name}};
}

}  // namespace tdm::sources::binance::testing
