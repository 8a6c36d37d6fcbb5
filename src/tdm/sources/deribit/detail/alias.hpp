#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tdm::sources::deribit {

// ccxt's spelling -> (market, symbol) candidates; none when the text is no such spelling. "BTC/USDC" spot,
// "BTC/USD:BTC" the inverse perpetual, "BTC/USDC:USDC" the linear one, "BTC/USD:BTC-261225" a dated future,
// "XRP/USDC:USDC-230630-0.625-C" an option.
std::vector<std::pair<std::string, std::string>> parse_alias(std::string_view alias);

}  // namespace tdm::sources::deribit
