#include "sim/bybit/intervals.hpp"

#include <utility>

namespace tdm::sim::bybit {
namespace {

constexpr std::pair<std::string_view, std::string_view> kIntervals[] = {
    {"1", "1m"},   {"3", "3m"},   {"5", "5m"},    {"15", "15m"}, {"30", "30m"}, {"60", "1h"}, {"120", "2h"},
    {"240", "4h"}, {"360", "6h"}, {"720", "12h"}, {"D", "1d"},   {"W", "1w"},   {"M", "1M"}};

}  // namespace

std::optional<Timeframe> timeframe_of(std::string_view interval) {
  for (const auto& [theirs, ours] : kIntervals) {
    if (theirs == interval) return *Timeframe::parse(ours);
  }
  return std::nullopt;
}

std::string_view interval_of(Timeframe timeframe) {
  for (const auto& [theirs, ours] : kIntervals) {
    if (timeframe.name() == ours) return theirs;
  }
  return {};
}

}  // namespace tdm::sim::bybit
