#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tdm::sources::binance {

// ccxt's spelling -> (market, symbol) candidates, the likeliest first; none when the text is no such spelling.
// "BTC/USDT" spot, "BTC/USDT:USDT" usdm, "BTC/USD:BTC" coinm, "BTC/USDT:USDT-260925" a dated future.
std::vector<std::pair<std::string, std::string>> parse_alias(std::string_view alias);

}  // namespace tdm::sources::binance
