#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/binance/api.hpp"  // Api
#include "sim/exchange.hpp"     // Answer
#include "sim/script.hpp"       // BinanceSettings

namespace tdm::sim::binance {

// Recorded REST answers of Binance, served again. Of a folder, with what lies below it, are read:
//   SYMBOL/INTERVAL/DATE.json                    a page of spot klines as it was sent
//   http_spot_market_exchange_info.json          exchangeInfo of spot
//   a text file whose lines are `URL -> TIME: BODY`   the exchangeInfo among them, of the market its URL names
// Klines are served inside the asked window, their text untouched; an interval that was not recorded has none. Answers
// that say the time say the simulator's.
class Recordings {
 public:
  using Json = nlohmann::ordered_json;
  using Rows = std::map<TimePoint, Json>;

  // A folder without one usable file is an error.
  static Result<std::unique_ptr<const Recordings>> load(const std::string& folder);

  Answer kline(const Api& api, std::string_view endpoint, const net::ServerRequest& request,
               const BinanceSettings& settings, TimePoint now) const;
  Answer exchange_info(const Api& api, const net::ServerRequest& request, TimePoint now) const;

 private:
  Result<void> load_page(const std::string& file, const std::string& symbol, const std::string& interval);
  void load_list(std::string_view market, Json body);
  void load_lines(const std::string& file);

  std::map<std::pair<std::string, std::string>, Rows> klines_;
  std::map<std::string, Json, std::less<>> lists_;  // by market: the longest that was recorded
};

}  // namespace tdm::sim::binance
