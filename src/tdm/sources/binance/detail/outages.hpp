#pragma once

#include <span>

#include "tdm/sources/connector.hpp"  // KnownOutage

namespace tdm::sources::binance {

// Stops of the whole spot exchange, read from its own history.
std::span<const KnownOutage> known_outages();

}  // namespace tdm::sources::binance
