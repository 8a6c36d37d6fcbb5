#pragma once

#include "sim/exchange.hpp"         // Answer
#include "sim/world.hpp"            // World
#include "tdm/core/instrument.hpp"  // PriceKind

namespace tdm::sim::bybit {

// GET /v5/market/kline and its sisters for mark, index and premium prices: newest first, both bounds inclusive and
// compared with the open time, anchored at `end`, the open candle included.
Answer kline(const World& world, PriceKind kind, const net::ServerRequest& request, TimePoint now);

}  // namespace tdm::sim::bybit
