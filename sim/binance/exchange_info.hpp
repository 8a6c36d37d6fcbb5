#pragma once

#include "sim/binance/api.hpp"  // Api
#include "sim/exchange.hpp"     // Answer
#include "sim/script.hpp"       // BinanceSettings
#include "sim/world.hpp"        // World

namespace tdm::sim::binance {

// GET …/exchangeInfo: the limits, and every instrument with its status, its dates and its filters; on spot of one
// symbol or of several when they are named.
Answer exchange_info(const World& world, const Api& api, const net::ServerRequest& request,
                     const BinanceSettings& settings, TimePoint now);

}  // namespace tdm::sim::binance
