#pragma once

#include "sim/exchange.hpp"  // Answer
#include "sim/world.hpp"     // World

namespace tdm::sim::bybit {

// GET /v5/market/instruments-info: sorted by symbol; linear and inverse in pages whose cursor is opaque and already
// percent-encoded, with one empty page after the last; spot in one answer. Without `status` only what trades.
Answer instruments_info(const World& world, const net::ServerRequest& request, TimePoint now);

}  // namespace tdm::sim::bybit
