#pragma once

#include <string>
#include <string_view>

#include "sim/binance/api.hpp"  // Api
#include "sim/exchange.hpp"     // Answer
#include "sim/script.hpp"       // BinanceSettings
#include "sim/world.hpp"        // World

namespace tdm::sim::binance {

// Whether the interface has such an endpoint of the kline family: klines, on futures markPriceKlines, indexPriceKlines
// and premiumIndexKlines too (§6.1).
bool is_kline_endpoint(const Api& api, std::string_view endpoint);

// GET …/klines and its sisters: oldest first, both bounds inclusive and compared with the open time, twelve columns,
// the open kline included.
Answer kline(const World& world, const Api& api, std::string_view endpoint, const net::ServerRequest& request,
             const BinanceSettings& settings, TimePoint now);

// The bars that open in the period as a bulk file has them: the same columns, comma-separated, a line each.
std::string kline_csv(const History& history, PriceKind kind, Timeframe timeframe, TimeRange period, bool microseconds,
                      TimePoint now);

// The weight of a request of the kline family (§6.1).
std::int64_t kline_weight(const Api& api, const net::ServerRequest& request);

}  // namespace tdm::sim::binance
