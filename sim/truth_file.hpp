#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/world.hpp"            // World
#include "tdm/core/error.hpp"       // Result
#include "tdm/core/instrument.hpp"  // PriceKind
#include "tdm/core/timeframe.hpp"   // Timeframe

namespace tdm::sim {

// What of the truth is written down.
struct TruthSelection {
  std::vector<Timeframe> timeframes;     // empty: 1m
  std::vector<std::string> symbols{};    // symbols or canonical names; empty: all
  std::vector<PriceKind> price_kinds{};  // empty: last; a kind that the market does not have is left out
};

// Writes every bar that has closed by `now` as Parquet: exchange, market, symbol, price_kind, timeframe, open_time (µs,
// UTC) and the doubles open, high, low, close, volume, quote_volume, nearest to the exact values; volume in base coin,
// quote_volume in quote currency on every market, both NaN where nobody trades (mark, index, premium). Instrument by
// instrument, oldest bar first. Streams, so memory stays
// small, and replaces the file only when it is complete. Returns the number of rows.
Result<std::int64_t> write_truth(const World& world, const TruthSelection& selection, TimePoint now,
                                 const std::string& file);

}  // namespace tdm::sim
