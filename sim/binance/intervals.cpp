#include "sim/binance/intervals.hpp"

#include <algorithm>

namespace tdm::sim::binance {

std::optional<Timeframe> timeframe_of(std::string_view interval) {
  const auto all = Timeframe::all();
  const auto found = std::ranges::find(all, interval, [](Timeframe timeframe) { return timeframe.name(); });
  return found == all.end() ? std::nullopt : std::optional{*found};
}

}  // namespace tdm::sim::binance
