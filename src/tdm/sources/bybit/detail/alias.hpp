#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tdm::sources::bybit {

// ccxt's spelling -> (market, symbol) candidates, the likeliest first; none when the text is no such spelling.
// "BTC/USDT" spot, "BTC/USDT:USDT" linear perpetual, "BTC/USD:BTC" inverse, "BTC/USDT:USDT-260327" a dated future.
std::vector<std::pair<std::string, std::string>> parse_alias(std::string_view alias);

}  // namespace tdm::sources::bybit
