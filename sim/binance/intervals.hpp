#pragma once

#include <optional>
#include <string_view>

#include "tdm/core/timeframe.hpp"  // Timeframe

namespace tdm::sim::binance {

// Binance's words for the lengths of bars are ours; case matters (§6.3). Nothing for 1s and 3d, which the simulated
// Binance does not have, and for what is no interval at all.
std::optional<Timeframe> timeframe_of(std::string_view interval);

}  // namespace tdm::sim::binance
