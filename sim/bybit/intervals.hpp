#pragma once

#include <optional>
#include <string_view>

#include "tdm/core/timeframe.hpp"  // Timeframe

namespace tdm::sim::bybit {

// Bybit's words for the lengths of bars: 1 3 5 15 30 60 120 240 360 720 D W M. Case matters. Nothing when it is none of
// them.
std::optional<Timeframe> timeframe_of(std::string_view interval);
// The other way; empty for 8h, which Bybit does not have.
std::string_view interval_of(Timeframe timeframe);

}  // namespace tdm::sim::bybit
