#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/deribit/call.hpp"        // Call
#include "sim/deribit/resolution.hpp"  // Resolution
#include "sim/exchange.hpp"            // Answer
#include "sim/script.hpp"              // DeribitSettings
#include "sim/world.hpp"               // World

namespace tdm::sim::deribit {

// Of a larger window come the newest rows, and nobody says so (§5.2: two collectors measured 5,001).
inline constexpr std::size_t kMostRows = 5'001;

// Columns of an answer, beside the ticks.
inline constexpr std::array<std::string_view, 6> kChartColumns = {"open", "high", "low", "close", "volume", "cost"};

// What of the series is asked for: bars whose tick lies in [first, last].
struct ChartWindow {
  std::string_view instrument;
  std::string_view word;  // the resolution's
  Resolution resolution;
  TimePoint first;  // the bar that contains the asked start (R: ccxt/static_responses_public.jsonl, line 3)
  TimePoint last;   // inclusive (§5.2)
};
Parsed<ChartWindow> chart_window(const Call& call);

// Columns as an answer; the texts of `columns` are lists without brackets.
Answer chart_answer(const Call& call, const std::vector<std::int64_t>& ticks,
                    const std::array<std::string, kChartColumns.size()>& columns);

// public/get_tradingview_chart_data: the bars of one instrument, oldest first, that of now included, those without a
// trade flat.
Answer chart(const World& world, const Call& call, const DeribitSettings& settings);

}  // namespace tdm::sim::deribit
